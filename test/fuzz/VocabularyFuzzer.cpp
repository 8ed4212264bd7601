// Fuzz target: a tokenizer.json or vocab.txt, and the tokenizer that is built of it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <map>
#include <string>

#include "compiler/Checkpoint/Vocabulary.h"
#include "compiler/Text/TokenizerBuilder.h"
#include "gem/text.h"
#include "test/fuzz/FuzzTarget.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gem;
  const fuzz::MemoryFile file(data, size);
  const std::map<std::string, std::string> overrides = {{"tokenizer", file.path()}};
  const checkpoint::Settings settings(overrides, checkpoint::JsonValue(), "");
  checkpoint::Problems problems;
  const checkpoint::VocabularyResult result =
      checkpoint::loadVocabulary(settings, ".", /*vocabSize=*/0, problems);
  FUZZ_CHECK(result.vocabulary || !problems.empty() || !result.reason.empty(), "a reason");
  if (!result.vocabulary || !problems.empty()) return 0;

  const absl::StatusOr<std::string> segment = buildTokenizerSegment(*result.vocabulary);
  if (!segment.ok()) {
    FUZZ_CHECK(!segment.status().message().empty(), "a message");
    return 0;
  }
  // What the compiler builds, the runtime takes.
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  const gem_status_t status = gem_tokenizer_create_from_memory(segment->data(), segment->size(),
                                                               nullptr, &tokenizer, &error);
  FUZZ_CHECK(status == GEM_STATUS_OK, error.message);
  int32_t ids[64];
  gem_encoding_t encoding;
  FUZZ_CHECK(gem_tokenizer_encode(tokenizer, reinterpret_cast<const char*>(data), size, ids, 64,
                                  &encoding, &error) == GEM_STATUS_OK,
             error.message);
  gem_tokenizer_close(tokenizer);
  return 0;
}
