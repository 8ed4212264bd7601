// Tokenizer segments for tests, built independently of the compiler.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_TOKENIZERSUPPORT_H
#define GEM_TEST_RUNTIME_TOKENIZERSUPPORT_H

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gem/text.h"
#include "runtime/schema/generated/gem_tokenizer_generated.h"

namespace gem::test {

struct CloseTokenizer {
  void operator()(gem_tokenizer_t* tokenizer) const { gem_tokenizer_close(tokenizer); }
};
using TokenizerPointer = std::unique_ptr<gem_tokenizer_t, CloseTokenizer>;

// A sound table over `pieces`, whose first four are [PAD] [UNK] [CLS] [SEP], for
// a test to change before it is packed. Every option is on.
inline schema::TokenizerT MakeTable(const std::vector<std::string>& pieces) {
  schema::TokenizerT table;
  table.kind = schema::TokenizerKind::WORDPIECE;
  table.offsets.push_back(0);
  uint32_t slots = 4;
  while (slots < 2 * pieces.size()) slots *= 2;
  table.index.assign(slots, 0);
  for (uint32_t id = 0; id < pieces.size(); ++id) {
    table.pieces.insert(table.pieces.end(), pieces[id].begin(), pieces[id].end());
    table.offsets.push_back(static_cast<uint32_t>(table.pieces.size()));
    uint32_t hash = 0x811C9DC5;  // FNV-1a
    for (const char byte : pieces[id]) {
      hash ^= static_cast<unsigned char>(byte);
      hash *= 0x01000193;
    }
    uint32_t slot = hash % slots;
    while (table.index[slot] != 0) slot = (slot + 1) % slots;
    table.index[slot] = id + 1;
  }
  table.continuation_prefix = "##";
  table.pad_id = 0;
  table.unknown_id = 1;
  table.cls_id = 2;
  table.sep_id = 3;
  table.lowercase = true;
  table.strip_accents = true;
  return table;
}

inline std::string Pack(const schema::TokenizerT& table) {
  flatbuffers::FlatBufferBuilder builder;
  schema::FinishTokenizerBuffer(builder, schema::Tokenizer::Pack(builder, &table));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

inline TokenizerPointer Open(std::string_view segment) {
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_tokenizer_create_from_memory(segment.data(), segment.size(), nullptr, &tokenizer, &error);
  EXPECT_EQ(status, GEM_STATUS_OK) << error.message;
  return TokenizerPointer(tokenizer);
}

// What a text becomes, [CLS] and [SEP] included.
struct Encoded {
  std::vector<int32_t> ids;
  bool truncated = false;
};

inline Encoded Encode(const gem_tokenizer_t* tokenizer, std::string_view text, uint32_t capacity) {
  // The ids past the capacity must stay untouched.
  std::vector<int32_t> ids(capacity + 1, -7);
  gem_encoding_t encoding = {};
  gem_error_t error;
  EXPECT_EQ(gem_tokenizer_encode(tokenizer, text.data(), text.size(), ids.data(), capacity,
                                 &encoding, &error),
            GEM_STATUS_OK)
      << error.message;
  EXPECT_EQ(ids.back(), -7);
  EXPECT_LE(encoding.count, capacity);
  ids.resize(encoding.count);
  return {std::move(ids), encoding.truncated == 1};
}

// The lines of a file; fails the test when it cannot be read.
inline std::vector<std::string> ReadLines(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << "cannot read " << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

// A path in the source tree.
inline std::string SourcePath(const std::string& path) {
  const char* root = std::getenv("GEM_SOURCE_DIR");
  return (root != nullptr ? std::string(root) : std::string(".")) + "/" + path;
}

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_TOKENIZERSUPPORT_H
