/* Classifies a text, or token ids, with a bundle: the whole use of the C API.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *   c-app model.gemb --text "a small tool that draws graphs"
 *   c-app model.gemb 101 2023 102
 */
#include <gem/gem.h>
#ifdef WITH_TEXT
#include <gem/text.h>
#endif
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 512

/* Writes the ids of the command line's text or numbers to `ids`; their count, or
 * 0 after a message. */
static uint32_t read_ids(const gem_bundle_t* bundle, int argc, char** argv,
                         int32_t ids[MAX_TOKENS]) {
  if (argc == 4 && strcmp(argv[2], "--text") == 0) {
#ifdef WITH_TEXT
    gem_error_t error;
    gem_tokenizer_t* tokenizer = NULL;
    gem_encoding_t encoding = {0, 0};
    gem_bundle_info_t info = {.struct_size = sizeof(info)};
    gem_bundle_info(bundle, &info);
    const uint32_t capacity = info.maximum_tokens < MAX_TOKENS ? info.maximum_tokens : MAX_TOKENS;
    gem_status_t status = gem_tokenizer_create(bundle, NULL, &tokenizer, &error);
    if (status == GEM_STATUS_OK) {
      status = gem_tokenizer_encode(tokenizer, argv[3], strlen(argv[3]), ids, capacity, &encoding,
                                    &error);
    }
    gem_tokenizer_close(tokenizer);
    if (status == GEM_STATUS_OK) return encoding.count;
    fprintf(stderr, "c-app: %s\n", error.message);
#else
    (void)bundle;
    fprintf(stderr, "c-app: built without gem::text; give token ids\n");
#endif
    return 0;
  }
  if (argc - 2 > MAX_TOKENS) {
    fprintf(stderr, "c-app: expected at most %d ids, but got %d\n", MAX_TOKENS, argc - 2);
    return 0;
  }
  for (int i = 2; i < argc; ++i) {
    char* end = NULL;
    const long id = strtol(argv[i], &end, 10);
    if (end == argv[i] || *end != '\0' || id < 0 || id > INT_MAX) {
      fprintf(stderr, "c-app: expected a token id, but got '%s'\n", argv[i]);
      return 0;
    }
    ids[i - 2] = (int32_t)id;
  }
  return (uint32_t)(argc - 2);
}

/* Prints the class with the largest logit. */
static int print_class(const gem_bundle_t* bundle, const gem_tensor_t* logits) {
  const float* values = logits->data;
  uint32_t best = 0;
  for (uint32_t i = 1; i < logits->dims[0]; ++i) {
    if (values[i] > values[best]) best = i;
  }
  const char* label = gem_bundle_label(bundle, best);
  printf("class %u%s%s, logit %.4f\n", best, label != NULL ? " " : "", label != NULL ? label : "",
         (double)values[best]);
  return EXIT_SUCCESS;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: c-app BUNDLE --text TEXT | c-app BUNDLE ID...\n");
    return 2;
  }
  gem_error_t error;
  gem_bundle_t* bundle = NULL;
  gem_session_t* session = NULL;
  int result = EXIT_FAILURE;
  if (gem_bundle_open(argv[1], NULL, &bundle, &error) != GEM_STATUS_OK ||
      gem_session_create(bundle, NULL, &session, &error) != GEM_STATUS_OK) {
    fprintf(stderr, "c-app: %s\n", error.message);
  } else {
    int32_t ids[MAX_TOKENS];
    const uint32_t count = read_ids(bundle, argc, argv, ids);
    gem_tensor_t logits;
    if (count == 0) {
      /* The reason is printed. */
    } else if (gem_session_run_tokens(session, ids, count, &error) != GEM_STATUS_OK ||
               gem_session_output_by_role(session, GEM_ROLE_LOGITS, &logits, &error) !=
                   GEM_STATUS_OK) {
      fprintf(stderr, "c-app: %s\n", error.message);
    } else {
      result = print_class(bundle, &logits);
    }
  }
  gem_session_close(session);
  gem_bundle_close(bundle);
  return result;
}
