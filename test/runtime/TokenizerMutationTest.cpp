// Whatever a tokenizer segment says, it is refused or encodes texts in bounds.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "gem/text.h"
#include "test/runtime/GuardedMemory.h"
#include "test/runtime/SchemaTree.h"
#include "test/runtime/TokenizerSupport.h"

namespace gem::test {
namespace {

// True when the segment was taken; texts were encoded then.
bool UseSegment(const Bytes& segment) {
  const GuardedBlock bytes = GuardedCopy(segment, 1);
  GuardedAllocator memory(size_t{1} << 20);
  const gem_allocator_t allocator = memory.allocator();
  gem_tokenizer_t* opened = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_tokenizer_create_from_memory(bytes.data(), bytes.size(), &allocator, &opened, &error);
  if (status != GEM_STATUS_OK) {
    EXPECT_TRUE(status == GEM_STATUS_CORRUPT || status == GEM_STATUS_UNSUPPORTED)
        << gem_status_name(status);
    EXPECT_EQ(std::string_view(error.message).substr(0, 11), "tokenizer: ") << error.message;
    EXPECT_EQ(opened, nullptr);
    return false;
  }
  const TokenizerPointer tokenizer(opened);
  const uint32_t size = gem_tokenizer_vocabulary_size(opened);
  for (const std::string& text :
       {std::string("the caf\xc3\xa9s, a [CLS] \xe4\xb8\xad x!"), std::string(3000, 'a'),
        std::string("\xff\x00\xc3", 3), std::string()}) {
    for (const int32_t id : Encode(opened, text, 12).ids) {
      EXPECT_GE(id, 0);
      EXPECT_LT(static_cast<uint32_t>(id), size);
    }
  }
  for (uint32_t id = 0; id < size; ++id) {
    size_t piece_size = 0;
    const char* piece = gem_tokenizer_piece(opened, static_cast<int32_t>(id), &piece_size);
    EXPECT_NE(piece, nullptr);
    Encode(opened, {piece, piece_size}, 12);
  }
  return true;
}

TEST(TokenizerMutation, EveryFieldIsRefusedOrEncodes) {
  const TreeSchema schema(GEM_TOKENIZER_BFBS);
  TreeCoverage coverage;
  size_t taken = 0, refused = 0;
  for (const bool on : {true, false}) {
    schema::TokenizerT table =
        MakeTable({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "##s", "cafe", "a", "x", "##a"});
    table.lowercase = table.strip_accents = table.split_cjk = table.clean_text = on;
    table.mask_id = on ? 4 : -1;
    const std::string packed = Pack(table);
    // Pack aligns to what the schema has.
    const Bytes bytes(packed.begin(), packed.end());
    ASSERT_TRUE(UseSegment(bytes));
    TreeTable root = ReadTree(schema, bytes.data());
    ASSERT_TRUE(UseSegment(WriteTree(schema, root)));
    ForEachMutation(schema, root,
                    [&](const TreeTable& before, const TreeMutation& mutation, const std::string&) {
                      SCOPED_TRACE(mutation.what);
                      coverage.Count(before, mutation);
                      ++(UseSegment(WriteTree(schema, root)) ? taken : refused);
                    });
  }
  printf("%zu fields; %zu changes refused, %zu encode\n", TreeCoverage::FieldCount(schema), refused,
         taken);
  for (const std::string& field : coverage.Missing(schema)) ADD_FAILURE() << field;
  EXPECT_GT(refused, 100u);
  EXPECT_GT(taken, 20u);
}

}  // namespace
}  // namespace gem::test
