// Fuzz target: a tokenizer segment and what it makes of texts, and any bytes as a text.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <string_view>
#include <vector>

#include "test/fuzz/FuzzTarget.h"
#include "test/runtime/GuardedMemory.h"
#include "test/runtime/TokenizerSupport.h"

namespace {

using gem::test::TokenizerPointer;

// Encodes into rooms of several sizes and checks what is promised of the ids.
void Encode(const gem_tokenizer_t* tokenizer, std::string_view text) {
  const uint32_t vocabulary = gem_tokenizer_vocabulary_size(tokenizer);
  for (const uint32_t capacity : {2u, 5u, 600u}) {
    std::vector<int32_t> ids(capacity);
    gem_encoding_t encoding = {};
    gem_error_t error;
    const gem_status_t status = gem_tokenizer_encode(tokenizer, text.data(), text.size(),
                                                     ids.data(), capacity, &encoding, &error);
    FUZZ_CHECK(status == GEM_STATUS_OK, error.message);
    FUZZ_CHECK(encoding.count >= 2 && encoding.count <= capacity, std::to_string(encoding.count));
    FUZZ_CHECK(!encoding.truncated || encoding.count == capacity, std::to_string(encoding.count));
    for (uint32_t i = 0; i < encoding.count; ++i) {
      FUZZ_CHECK(ids[i] >= 0 && static_cast<uint32_t>(ids[i]) < vocabulary, std::to_string(ids[i]));
      size_t size = 0;
      FUZZ_CHECK(gem_tokenizer_piece(tokenizer, ids[i], &size) != nullptr, std::to_string(ids[i]));
    }
  }
}

// A vocabulary of single characters, words and accents. `on`: all of its options.
TokenizerPointer MakeTokenizer(bool on) {
  gem::schema::TokenizerT table = gem::test::MakeTable(
      {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "a",   "b",        "c", "ab",
       "abc",   "##a",   "##b",   "##bc",  "the", "\xc3\xa9", "e", "\xe4\xb8\xad",
       "!",     ".",     "1",     "##1",   "ss",  "\xc3\x9f", "i", "[CLS]"});
  table.lowercase = table.strip_accents = table.split_cjk = table.clean_text = on;
  return gem::test::Open(gem::test::Pack(table));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TokenizerPointer plain = MakeTokenizer(false), cleaning = MakeTokenizer(true);
  // A copy of just this size, so that reading past its end is seen.
  const gem::test::GuardedBlock copy = gem::test::GuardedCopy({data, size}, 1);
  const std::string_view text(reinterpret_cast<const char*>(copy.data()), size);
  Encode(plain.get(), text);
  Encode(cleaning.get(), text);

  gem::test::GuardedAllocator memory(size_t{64} << 20);
  const gem_allocator_t allocator = memory.allocator();
  gem_tokenizer_t* opened = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_tokenizer_create_from_memory(copy.data(), size, &allocator, &opened, &error);
  FUZZ_CHECK((status == GEM_STATUS_OK) == (opened != nullptr), error.message);
  if (opened == nullptr) return 0;
  const TokenizerPointer tokenizer(opened);
  Encode(opened, "The quick (brown) f\xc3\xb6x, caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87 [CLS] 123!");
  Encode(opened, text.substr(0, 2000));
  // Every piece that it has, as a text.
  for (uint32_t id = 0; id < gem_tokenizer_vocabulary_size(opened) && id < 64; ++id) {
    size_t piece_size = 0;
    const char* piece = gem_tokenizer_piece(opened, static_cast<int32_t>(id), &piece_size);
    Encode(opened, {piece, piece_size});
  }
  return 0;
}
