/* The least that a program does with a bundle: what the size of the runtime is counted in.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "gem/gem.h"
#ifdef GEM_SIZE_SIGNATURE
#include "gem/signature.h"
#endif
#ifdef GEM_SIZE_TEXT
#include "gem/text.h"
#endif

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  gem_error_t error;
  gem_bundle_t* bundle = NULL;
  gem_session_t* session = NULL;
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
#ifdef GEM_SIZE_SIGNATURE
  const uint8_t key[GEM_PUBLIC_KEY_SIZE] = {1};
  options.public_key = key;
  options.verifier = gem_ed25519_verifier();
#endif
  gem_status_t status = gem_bundle_open(argv[1], &options, &bundle, &error);
  if (status == GEM_STATUS_OK) status = gem_session_create(bundle, NULL, &session, &error);
  int32_t ids[] = {1, 2, 3};
  uint32_t count = 3;
#ifdef GEM_SIZE_TEXT
  gem_tokenizer_t* tokenizer = NULL;
  gem_encoding_t encoding = {0, 0};
  if (status == GEM_STATUS_OK) status = gem_tokenizer_create(bundle, NULL, &tokenizer, &error);
  if (status == GEM_STATUS_OK) {
    status = gem_tokenizer_encode(tokenizer, "a", 1, ids, 3, &encoding, &error);
    count = encoding.count;
  }
  gem_tokenizer_close(tokenizer);
#endif
  if (status == GEM_STATUS_OK) status = gem_session_run_tokens(session, ids, count, &error);
  gem_tensor_t output;
  if (status == GEM_STATUS_OK) status = gem_session_output(session, 0, &output, &error);
  if (status == GEM_STATUS_OK) printf("%s: %zu bytes\n", output.name, output.size);
  if (status != GEM_STATUS_OK) fprintf(stderr, "%s\n", error.message);
  gem_session_close(session);
  gem_bundle_close(bundle);
  return status;
}
