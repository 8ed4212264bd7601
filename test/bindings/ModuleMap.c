/* The module map of Swift, as clang reads it: no header is included.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#pragma clang module import CGem

int main(int argc, char** argv) {
  gem_error_t error;
  gem_bundle_t* bundle = 0;
  gem_tokenizer_t* tokenizer = 0;
  if (argc != 2 || gem_bundle_open(argv[1], 0, &bundle, &error) != GEM_STATUS_OK) return 1;
  /* The golden file's tokenizer is a stand-in. */
  const gem_status_t status = gem_tokenizer_create(bundle, 0, &tokenizer, &error);
  gem_bundle_close(bundle);
  return status == GEM_STATUS_CORRUPT ? 0 : 1;
}
