/* Classifies a text with the bundle inside the program, or with one in a file.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *   cmake-app "a small tool that draws graphs"
 *   cmake-app "a small tool that draws graphs" build/gem/assistant/assistant-pixel-6.gemb
 */
#include <assistant.h> /* Made by gem_embed_bundle. */
#include <gem/gem.h>
#include <gem/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 64

/* Prints the class with the largest logit. */
static void print_class(const gem_bundle_t* bundle, const gem_tensor_t* logits) {
  const float* values = logits->data;
  uint32_t best = 0;
  for (uint32_t i = 1; i < logits->dims[0]; ++i) {
    if (values[i] > values[best]) best = i;
  }
  printf("%s\n", gem_bundle_label(bundle, best));
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: cmake-app TEXT [BUNDLE]\n");
    return 2;
  }
  gem_error_t error;
  gem_bundle_t* bundle = NULL;
  gem_session_t* session = NULL;
  gem_tokenizer_t* tokenizer = NULL;
  gem_encoding_t encoding;
  gem_tensor_t logits;
  int32_t ids[MAX_TOKENS];

  /* The default load mode uses the weights where they are: in the program's own pages, or in
   * the mapped file. */
  gem_status_t status =
      argc == 3 ? gem_bundle_open(argv[2], NULL, &bundle, &error)
                : gem_bundle_open_memory(assistant, assistant_size, NULL, &bundle, &error);
  if (status == GEM_STATUS_OK) status = gem_tokenizer_create(bundle, NULL, &tokenizer, &error);
  if (status == GEM_STATUS_OK) status = gem_session_create(bundle, NULL, &session, &error);
  if (status == GEM_STATUS_OK) {
    gem_bundle_info_t info = {.struct_size = sizeof(info)};
    gem_bundle_info(bundle, &info);
    const uint32_t capacity = info.maximum_tokens < MAX_TOKENS ? info.maximum_tokens : MAX_TOKENS;
    status =
        gem_tokenizer_encode(tokenizer, argv[1], strlen(argv[1]), ids, capacity, &encoding, &error);
  }
  if (status == GEM_STATUS_OK)
    status = gem_session_run_tokens(session, ids, encoding.count, &error);
  if (status == GEM_STATUS_OK) {
    status = gem_session_output_by_role(session, GEM_ROLE_LOGITS, &logits, &error);
  }
  if (status == GEM_STATUS_OK) {
    print_class(bundle, &logits);
  } else {
    fprintf(stderr, "cmake-app: %s\n", error.message);
  }
  gem_session_close(session);
  gem_tokenizer_close(tokenizer);
  gem_bundle_close(bundle);
  return status == GEM_STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
