// Tokenizer segments that the compiler builds, read by the runtime.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Text/TokenizerBuilder.h"
#include "runtime/schema/TokenizerFormat.h"
#include "test/runtime/TokenizerSupport.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

WordPieceVocabulary makeVocabulary() {
  WordPieceVocabulary vocabulary;
  vocabulary.pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "É", "é", "e"};
  return vocabulary;
}

/// The message of the refusal; fails the test when there is none.
std::string refusal(const WordPieceVocabulary &vocabulary) {
  absl::StatusOr<std::string> segment = buildTokenizerSegment(vocabulary);
  EXPECT_FALSE(segment.ok());
  EXPECT_EQ(segment.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(segment.status().message());
}

std::vector<int32_t> encode(const WordPieceVocabulary &vocabulary, std::string_view text) {
  absl::StatusOr<std::string> segment = buildTokenizerSegment(vocabulary);
  EXPECT_TRUE(segment.ok()) << segment.status().ToString();
  test::TokenizerPointer tokenizer = test::Open(*segment);
  return test::Encode(tokenizer.get(), text, 64).ids;
}

TEST(TokenizerBuilder, ExampleVocabulary) {
  WordPieceVocabulary vocabulary;
  vocabulary.pieces = test::ReadLines(test::SourcePath("examples/gem-tiny/vocab.txt"));
  absl::StatusOr<std::string> segment = buildTokenizerSegment(vocabulary);
  ASSERT_TRUE(segment.ok()) << segment.status().ToString();
  EXPECT_EQ(*segment, *buildTokenizerSegment(vocabulary));

  test::TokenizerPointer tokenizer = test::Open(*segment);
  ASSERT_EQ(gem_tokenizer_vocabulary_size(tokenizer.get()), vocabulary.pieces.size());
  // An independent builder's segment gives every word the same ids.
  test::TokenizerPointer other = test::Open(test::Pack(test::MakeTable(vocabulary.pieces)));
  for (const std::string &piece : vocabulary.pieces)
    ASSERT_EQ(test::Encode(tokenizer.get(), piece, 64).ids,
              test::Encode(other.get(), piece, 64).ids);
}

TEST(TokenizerBuilder, StoresEveryOption) {
  WordPieceVocabulary vocabulary = makeVocabulary();
  absl::StatusOr<std::string> segment = buildTokenizerSegment(vocabulary);
  ASSERT_TRUE(segment.ok());
  const schema::Tokenizer *table = schema::GetTokenizer(segment->data());
  EXPECT_EQ(table->kind(), schema::TokenizerKind::WORDPIECE);
  EXPECT_EQ(table->pad_id(), 0u);
  EXPECT_EQ(table->unknown_id(), 1u);
  EXPECT_EQ(table->cls_id(), 2u);
  EXPECT_EQ(table->sep_id(), 3u);
  EXPECT_EQ(table->mask_id(), 4);
  EXPECT_EQ(table->max_characters_per_word(), 100u);
  EXPECT_EQ(table->continuation_prefix()->str(), "##");
  EXPECT_TRUE(table->lowercase() && table->strip_accents() && table->split_cjk() &&
              table->clean_text());

  vocabulary.unknownToken = "a";
  vocabulary.clsToken = "[PAD]";
  vocabulary.sepToken = "[UNK]";
  vocabulary.padToken = "[MASK]";
  vocabulary.maskToken = "";
  vocabulary.continuationPrefix = "@@";
  vocabulary.maxCharactersPerWord = 7;
  vocabulary.lowercase = vocabulary.stripAccents = false;
  vocabulary.splitCjk = vocabulary.cleanText = false;
  segment = buildTokenizerSegment(vocabulary);
  ASSERT_TRUE(segment.ok());
  table = schema::GetTokenizer(segment->data());
  EXPECT_EQ(table->unknown_id(), 5u);
  EXPECT_EQ(table->cls_id(), 0u);
  EXPECT_EQ(table->sep_id(), 1u);
  EXPECT_EQ(table->pad_id(), 4u);
  EXPECT_EQ(table->mask_id(), -1);
  EXPECT_EQ(table->max_characters_per_word(), 7u);
  EXPECT_EQ(table->continuation_prefix()->str(), "@@");
  EXPECT_FALSE(table->lowercase() || table->strip_accents() || table->split_cjk() ||
               table->clean_text());
}

TEST(TokenizerBuilder, OptionsReachTheTokenizer) {
  WordPieceVocabulary vocabulary = makeVocabulary();
  EXPECT_THAT(encode(vocabulary, "AB É"), ElementsAre(2, 5, 6, 9, 3));
  vocabulary.stripAccents = false;
  EXPECT_THAT(encode(vocabulary, "AB É"), ElementsAre(2, 5, 6, 8, 3));
  vocabulary.lowercase = false;
  EXPECT_THAT(encode(vocabulary, "aB É"), ElementsAre(2, 1, 7, 3));
  vocabulary.maskToken = "[NONE]";
  EXPECT_THAT(encode(vocabulary, "ab"), ElementsAre(2, 5, 6, 3));
}

TEST(TokenizerBuilder, ListsEveryProblem) {
  WordPieceVocabulary vocabulary = makeVocabulary();
  vocabulary.pieces = {"a", "b", "a", "\xff", "b"};
  std::string message = refusal(vocabulary);
  EXPECT_THAT(message, HasSubstr("piece 2: expected every piece once, but \"a\" is piece 0 too"));
  EXPECT_THAT(message, HasSubstr("piece 3: expected UTF-8, but got \"\\377\""));
  EXPECT_THAT(message, HasSubstr("piece 4: expected every piece once, but \"b\" is piece 1 too"));
  EXPECT_THAT(message, HasSubstr("expected the unknown token \"[UNK]\" in the vocabulary of 5"));
  EXPECT_THAT(message, HasSubstr("classification token \"[CLS]\""));
  EXPECT_THAT(message, HasSubstr("separator token \"[SEP]\""));
  EXPECT_THAT(message, HasSubstr("padding token \"[PAD]\""));
  EXPECT_THAT(message, testing::Not(HasSubstr("MASK")));

  // One line that stays readable.
  vocabulary.pieces.assign(1000, "x");
  message = refusal(vocabulary);
  EXPECT_THAT(message, HasSubstr("; and 993 more"));
  EXPECT_LT(message.size(), 2000u);
}

TEST(TokenizerBuilder, RefusesWhatAReaderWould) {
  WordPieceVocabulary vocabulary = makeVocabulary();
  vocabulary.pieces.clear();
  EXPECT_THAT(refusal(vocabulary), HasSubstr("got no pieces"));

  vocabulary = makeVocabulary();
  vocabulary.continuationPrefix = std::string(17, '#');
  EXPECT_THAT(refusal(vocabulary), HasSubstr("prefix of at most 16 bytes, but got 17"));
  vocabulary.continuationPrefix = "\xc3";
  EXPECT_THAT(refusal(vocabulary), HasSubstr("continuation prefix in UTF-8"));

  vocabulary = makeVocabulary();
  vocabulary.maxCharactersPerWord = 0;
  EXPECT_THAT(refusal(vocabulary), HasSubstr("expected 1 to 1024 characters"));
  vocabulary.maxCharactersPerWord = 1025;
  EXPECT_THAT(refusal(vocabulary), HasSubstr("but got 1025"));

  vocabulary = makeVocabulary();
  for (const char *piece : {"\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    vocabulary.pieces.back() = piece;
    EXPECT_THAT(refusal(vocabulary), HasSubstr("piece 9: expected UTF-8"));
  }

  vocabulary = makeVocabulary();
  vocabulary.pieces.push_back(std::string(kMaxTokenizerSize, 'x'));
  EXPECT_THAT(refusal(vocabulary), HasSubstr("piece 10 goes past that"));
}

// Pieces made to share the low bits of their hash: the index grows until its
// runs are short enough, and says so when it cannot.
TEST(TokenizerBuilder, CollidingPieces) {
  WordPieceVocabulary vocabulary = makeVocabulary();
  for (uint32_t i = 0; vocabulary.pieces.size() < 400; ++i) {
    std::string piece = "x" + std::to_string(i);
    uint32_t hash = kPieceHashStart;
    for (char byte : piece)
      hash = ExtendPieceHash(hash, byte);
    if ((hash & 0x7FF) == 5)
      vocabulary.pieces.push_back(std::move(piece));
  }
  absl::StatusOr<std::string> segment = buildTokenizerSegment(vocabulary);
  ASSERT_TRUE(segment.ok()) << segment.status().ToString();
  EXPECT_GT(schema::GetTokenizer(segment->data())->index()->size(), 2048u);
  test::TokenizerPointer tokenizer = test::Open(*segment);
  EXPECT_THAT(test::Encode(tokenizer.get(), vocabulary.pieces.back(), 8).ids,
              ElementsAre(2, 399, 3));
}

// A vocabulary of pieces whose hashes share the low bits of every index that a segment
// may have: refused, and not after a time that grows with the square of their number.
TEST(TokenizerBuilder, RefusesPiecesThatCollideInEveryIndex) {
  // The low bits of a piece's hash depend on the low bits before each byte only, and a
  // step can be undone: so prefixes and suffixes are made apart, and meet.
  constexpr uint32_t mask = (1u << 23) - 1;
  uint32_t inverse = 1; // of the multiplier 0x01000193, by Newton's method
  for (int i = 0; i < 5; ++i)
    inverse *= 2 - 0x01000193u * inverse;
  auto letters = [](uint32_t number, int count) {
    std::string text;
    for (; count > 0; --count, number /= 64)
      text += static_cast<char>('0' + number % 64);
    return text;
  };
  std::vector<std::pair<uint32_t, uint32_t>> suffixes; // what must come before, and the suffix
  for (uint32_t i = 0; i < 64 * 64 * 64; ++i) {
    std::string suffix = letters(i, 3);
    uint32_t hash = 5;
    for (size_t at = suffix.size(); at-- > 0;)
      hash = (hash * inverse) ^ static_cast<unsigned char>(suffix[at]);
    suffixes.emplace_back(hash & mask, i);
  }
  std::sort(suffixes.begin(), suffixes.end());
  WordPieceVocabulary vocabulary = makeVocabulary();
  for (uint32_t i = 0; vocabulary.pieces.size() < 100'000; ++i) {
    uint32_t hash = kPieceHashStart, number = i;
    for (int count = 4; count > 0; --count, number /= 64)
      hash = ExtendPieceHash(hash, static_cast<char>('0' + number % 64));
    auto match = std::lower_bound(suffixes.begin(), suffixes.end(),
                                  std::pair<uint32_t, uint32_t>(hash & mask, 0));
    for (; match != suffixes.end() && match->first == (hash & mask); ++match)
      vocabulary.pieces.push_back(letters(i, 4) + letters(match->second, 3));
  }
  uint32_t hash = kPieceHashStart;
  for (char byte : vocabulary.pieces.back())
    hash = ExtendPieceHash(hash, byte);
  ASSERT_EQ(hash & mask, 5u);
  EXPECT_THAT(refusal(vocabulary), HasSubstr("too many pieces have the same hash"));
}

} // namespace
} // namespace gem
