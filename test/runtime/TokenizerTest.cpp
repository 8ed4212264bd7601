// The WordPiece tokenizer against an independent one, and at its limits.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "test/runtime/AllocationCounter.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TokenizerSupport.h"

namespace gem::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- the fixture of tokenizer/make_fixture.py -----------------------------------

std::string FromHex(std::string_view hex) {
  if (hex == "-") return "";
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  if (text == "-") return parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

struct Case {
  std::string options, text;
  std::vector<int32_t> ids;
  std::vector<std::string> words;  // "*": too many characters
};

std::vector<Case> ReadFixture() {
  std::vector<Case> cases;
  for (const std::string& line : ReadLines(SourcePath("test/runtime/tokenizer/fixture.txt"))) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream stream(line);
    std::string options, text, ids, words;
    EXPECT_TRUE(stream >> options >> text >> ids >> words) << line;
    Case c{options, FromHex(text), {}, {}};
    for (const std::string& id : SplitAtCommas(ids)) c.ids.push_back(std::stoi(id));
    for (const std::string& word : SplitAtCommas(words)) {
      c.words.push_back(word == "*" ? word : FromHex(word));
    }
    cases.push_back(std::move(c));
  }
  EXPECT_GT(cases.size(), 1000u);
  return cases;
}

// Tokenizers over one vocabulary, by options.
class Tokenizers {
 public:
  explicit Tokenizers(const std::vector<std::string>& pieces) : table_(MakeTable(pieces)) {}

  const gem_tokenizer_t* With(const std::string& options) {
    TokenizerPointer& tokenizer = made_[options];
    if (tokenizer == nullptr) {
      const auto has = [&](char option) { return options.find(option) != std::string::npos; };
      table_.lowercase = has('l');
      table_.strip_accents = has('a');
      table_.split_cjk = has('c');
      table_.clean_text = has('k');
      tokenizer = Open(Pack(table_));
    }
    return tokenizer.get();
  }

 private:
  schema::TokenizerT table_;
  std::map<std::string, TokenizerPointer> made_;
};

std::vector<std::string> GemTinyVocabulary() {
  return ReadLines(SourcePath("examples/gem-tiny/vocab.txt"));
}

TEST(TokenizerFixture, IdsOfTheExampleVocabulary) {
  Tokenizers tokenizers(GemTinyVocabulary());
  for (const Case& c : ReadFixture()) {
    std::vector<int32_t> expected = {2};
    expected.insert(expected.end(), c.ids.begin(), c.ids.end());
    expected.push_back(3);
    const Encoded encoded = Encode(tokenizers.With(c.options), c.text, 1024);
    ASSERT_EQ(encoded.ids, expected) << c.options << " " << testing::PrintToString(c.text);
    ASSERT_FALSE(encoded.truncated);
  }
}

// With every character a piece, the ids spell the words, so this sees each step
// of cleaning, decomposition, reordering and case folding.
TEST(TokenizerFixture, WordsOfEveryCharacter) {
  const std::vector<Case> cases = ReadFixture();
  std::set<std::string> characters;
  for (const Case& c : cases) {
    for (const std::string& word : c.words) {
      for (size_t i = 0; i < word.size();) {
        size_t end = i + 1;
        while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
        characters.insert(word.substr(i, end - i));
        i = end;
      }
    }
  }
  ASSERT_GT(characters.size(), 5000u);
  std::vector<std::string> pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  for (const std::string& character : characters) {
    pieces.push_back(character);
    pieces.push_back("##" + character);
  }
  Tokenizers tokenizers(pieces);
  for (const Case& c : cases) {
    const Encoded encoded = Encode(tokenizers.With(c.options), c.text, 1024);
    std::vector<std::string> words;
    for (size_t i = 1; i + 1 < encoded.ids.size(); ++i) {
      const std::string& piece = pieces.at(encoded.ids[i]);
      if (encoded.ids[i] == 1) {
        words.push_back("*");
      } else if (piece.size() > 2 && piece.starts_with("##")) {
        words.back() += piece.substr(2);
      } else {
        words.push_back(piece);
      }
    }
    ASSERT_EQ(words, c.words) << c.options << " " << testing::PrintToString(c.text);
  }
}

// --- reference results of trained models ----------------------------------------

class TokenizerReference : public testing::TestWithParam<std::pair<const char*, uint32_t>> {};

TEST_P(TokenizerReference, IdsEqual) {
  const auto [model, capacity] = GetParam();
  const char* shared = std::getenv("GEM_SHARED_DIR");
  const std::string folder = std::string(shared != nullptr ? shared : "") + "/models/" + model;
  if (shared == nullptr || !std::ifstream(folder + "/reference.jsonl")) {
    GTEST_SKIP() << "no reference data (GEM_SHARED_DIR has no models/" << model
                 << "/reference.jsonl)";
  }
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(ReadLines(folder + "/vocab.txt"))));
  size_t count = 0, truncated = 0;
  for (const std::string& line : ReadLines(folder + "/reference.jsonl")) {
    const nlohmann::json reference = nlohmann::json::parse(line);
    const std::string text = reference.at("text");
    const Encoded encoded = Encode(tokenizer.get(), text, capacity);
    ASSERT_EQ(encoded.ids, reference.at("ids").get<std::vector<int32_t>>()) << text;
    const Encoded whole = Encode(tokenizer.get(), text, 4096);
    ASSERT_EQ(encoded.truncated, whole.ids.size() > capacity) << text;
    ++count;
    truncated += encoded.truncated;
  }
  EXPECT_EQ(count, 200u);
  EXPECT_GT(truncated, 0u);
}

INSTANTIATE_TEST_SUITE_P(Models, TokenizerReference,
                         testing::Values(std::pair("gem-tiny", 64u), std::pair("gem-mini", 48u)),
                         [](const auto& info) { return std::string(info.param.first).substr(4); });

// --- pieces, capacity, sizes ------------------------------------------------------

const std::vector<std::string> kPieces = {"[PAD]", "[UNK]",  "[CLS]",   "[SEP]", "un",
                                          "##aff", "##able", "a",       "##b",   "ab",
                                          "##a",   ".",      "##affal", "##lbz"};

TEST(Tokenizer, MatchesTheLongestPieceFirst) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  EXPECT_THAT(Encode(tokenizer.get(), "unaffable", 16).ids, ElementsAre(2, 4, 5, 6, 3));
  EXPECT_THAT(Encode(tokenizer.get(), "ab abb aba", 16).ids, ElementsAre(2, 9, 9, 8, 9, 10, 3));
  // Greedy: "##aff ##a ##lbz" would spell this, but "##affal" is longer.
  EXPECT_THAT(Encode(tokenizer.get(), "unaffalbz ab", 16).ids, ElementsAre(2, 1, 9, 3));
  EXPECT_THAT(Encode(tokenizer.get(), "unaffalb", 16).ids, ElementsAre(2, 4, 12, 8, 3));
}

TEST(Tokenizer, AWordWithOneUnknownPartIsUnknown) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  EXPECT_THAT(Encode(tokenizer.get(), "abz a z.", 16).ids, ElementsAre(2, 1, 7, 1, 11, 3));
}

TEST(Tokenizer, EmptyTexts) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  for (const std::string& text : {std::string(), std::string(" \t\r\n"), std::string(5, '\0'),
                                  std::string("\x01\x7f\xff"), std::string("\xcc\x81")}) {
    const Encoded encoded = Encode(tokenizer.get(), text, 2);
    EXPECT_THAT(encoded.ids, ElementsAre(2, 3));
    EXPECT_FALSE(encoded.truncated);
  }
  gem_encoding_t encoding;
  int32_t ids[2];
  EXPECT_EQ(gem_tokenizer_encode(tokenizer.get(), nullptr, 0, ids, 2, &encoding, nullptr),
            GEM_STATUS_OK);
  EXPECT_EQ(encoding.count, 2u);
}

TEST(Tokenizer, TruncatedMeansThatAPieceIsMissing) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  struct {
    const char* text;
    uint32_t capacity;
    std::vector<int32_t> ids;
    bool truncated;
  } cases[] = {
      {"a a", 4, {2, 7, 7, 3}, false},
      {"a a \t\x01 \xcc\x81", 4, {2, 7, 7, 3}, false},
      {"a a a", 4, {2, 7, 7, 3}, true},
      {"a a.", 4, {2, 7, 7, 3}, true},
      {"a abb", 4, {2, 7, 9, 3}, true},  // cut within a word
      {"a abb", 5, {2, 7, 9, 8, 3}, false},
      {"a abbz", 4, {2, 7, 1, 3}, false},  // too many pieces, and then unknown
      {"a", 2, {2, 3}, true},
      {"  ", 2, {2, 3}, false},
  };
  for (const auto& c : cases) {
    const Encoded encoded = Encode(tokenizer.get(), c.text, c.capacity);
    EXPECT_EQ(encoded.ids, c.ids) << c.text;
    EXPECT_EQ(encoded.truncated, c.truncated) << c.text;
  }
}

// Every capacity gives a prefix of the whole, whatever the text.
TEST(Tokenizer, EveryCapacityGivesAPrefix) {
  Tokenizers tokenizers(GemTinyVocabulary());
  size_t index = 0;
  for (const Case& c : ReadFixture()) {
    if (++index % 25 != 0) continue;
    const gem_tokenizer_t* tokenizer = tokenizers.With(c.options);
    for (uint32_t capacity = 2; capacity <= c.ids.size() + 3; ++capacity) {
      const size_t kept = std::min<size_t>(c.ids.size(), capacity - 2);
      std::vector<int32_t> expected = {2};
      expected.insert(expected.end(), c.ids.begin(), c.ids.begin() + kept);
      expected.push_back(3);
      const Encoded encoded = Encode(tokenizer, c.text, capacity);
      ASSERT_EQ(encoded.ids, expected);
      ASSERT_EQ(encoded.truncated, kept < c.ids.size());
    }
  }
}

TEST(Tokenizer, WordsOfTheMostCharacters) {
  schema::TokenizerT table = MakeTable(kPieces);
  table.max_characters_per_word = 1024;
  const TokenizerPointer tokenizer = Open(Pack(table));
  EXPECT_EQ(Encode(tokenizer.get(), std::string(1024, 'a'), 2048).ids.size(), 1024u + 2);
  EXPECT_THAT(Encode(tokenizer.get(), std::string(1025, 'a'), 2048).ids, ElementsAre(2, 1, 3));
  // The widest characters fill the word's buffer to its last byte.
  std::string wide;
  for (int i = 0; i < 1024; ++i) wide += "\xf0\x9f\x98\x80";
  EXPECT_THAT(Encode(tokenizer.get(), wide, 16).ids, ElementsAre(2, 1, 3));
  EXPECT_THAT(Encode(tokenizer.get(), wide + "a", 16).ids, ElementsAre(2, 1, 3));

  table.max_characters_per_word = 1;
  const TokenizerPointer one = Open(Pack(table));
  EXPECT_THAT(Encode(one.get(), "a ab a", 16).ids, ElementsAre(2, 7, 1, 7, 3));
}

// Marks of descending classes make each go before all others: the worst case of
// reordering.
TEST(Tokenizer, ReordersLongRunsOfMarks) {
  // U+302E (Mc, class 224) and U+16FF0 (Mc, class 6).
  const std::vector<std::string> pieces = {
      "[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##\xe3\x80\xae", "##\xf0\x96\xbf\xb0"};
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(pieces)));
  std::string text = "a";
  std::vector<int32_t> expected = {2, 4};
  for (int i = 0; i < 40; ++i) text += "\xe3\x80\xae\xf0\x96\xbf\xb0";
  expected.insert(expected.end(), 40, 6);
  expected.insert(expected.end(), 40, 5);
  expected.push_back(3);
  EXPECT_EQ(Encode(tokenizer.get(), text, 200).ids, expected);
}

TEST(Tokenizer, HundredMegabytes) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  const size_t size = 100'000'000;
  {  // Words: reads no further than the capacity.
    std::string text(size, 'a');
    for (size_t i = 1; i < size; i += 2) text[i] = ' ';
    const auto start = std::chrono::steady_clock::now();
    const Encoded encoded = Encode(tokenizer.get(), text, 64);
    EXPECT_EQ(encoded.ids.size(), 64u);
    EXPECT_TRUE(encoded.truncated);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
  }
  {  // One word: read to its end, kept nowhere.
    const Encoded encoded = Encode(tokenizer.get(), std::string(size, 'a'), 64);
    EXPECT_THAT(encoded.ids, ElementsAre(2, 1, 3));
    EXPECT_FALSE(encoded.truncated);
  }
  {  // Nothing at all.
    const Encoded encoded = Encode(tokenizer.get(), std::string(size, '\0') + "a", 64);
    EXPECT_THAT(encoded.ids, ElementsAre(2, 7, 3));
  }
}

// --- the API ----------------------------------------------------------------------

TEST(Tokenizer, RefusesWrongCalls) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  int32_t ids[4];
  gem_encoding_t encoding;
  gem_error_t error;
  const auto encode = [&](const gem_tokenizer_t* t, const char* text, int32_t* out, uint32_t room,
                          gem_encoding_t* e) {
    return gem_tokenizer_encode(t, text, 1, out, room, e, &error);
  };
  EXPECT_EQ(encode(nullptr, "a", ids, 4, &encoding), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("a tokenizer"));
  EXPECT_EQ(encode(tokenizer.get(), nullptr, ids, 4, &encoding), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("a text"));
  EXPECT_EQ(encode(tokenizer.get(), "a", nullptr, 4, &encoding), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("out_ids"));
  EXPECT_EQ(encode(tokenizer.get(), "a", ids, 4, nullptr), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("out_encoding"));
  EXPECT_EQ(encode(tokenizer.get(), "a", ids, 1, &encoding), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("capacity of at least 2"));
  EXPECT_EQ(error.status, GEM_STATUS_INVALID_ARGUMENT);
}

TEST(Tokenizer, PiecesById) {
  const TokenizerPointer tokenizer = Open(Pack(MakeTable(kPieces)));
  EXPECT_EQ(gem_tokenizer_vocabulary_size(tokenizer.get()), kPieces.size());
  for (size_t id = 0; id < kPieces.size(); ++id) {
    size_t size = 0;
    const char* piece = gem_tokenizer_piece(tokenizer.get(), static_cast<int32_t>(id), &size);
    ASSERT_NE(piece, nullptr);
    EXPECT_EQ(std::string_view(piece, size), kPieces[id]);
  }
  size_t size = 9;
  EXPECT_EQ(gem_tokenizer_piece(tokenizer.get(), -1, &size), nullptr);
  EXPECT_EQ(size, 0u);
  EXPECT_EQ(gem_tokenizer_piece(tokenizer.get(), static_cast<int32_t>(kPieces.size()), nullptr),
            nullptr);
  EXPECT_EQ(gem_tokenizer_piece(nullptr, 0, nullptr), nullptr);
  EXPECT_EQ(gem_tokenizer_vocabulary_size(nullptr), 0u);
  gem_tokenizer_close(nullptr);
}

TEST(Tokenizer, TakesItsMemoryOnceAndCopiesTheSegment) {
  CountingAllocator counting;
  std::string segment = Pack(MakeTable(kPieces));
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  ASSERT_EQ(gem_tokenizer_create_from_memory(segment.data(), segment.size(), counting.get(),
                                             &tokenizer, &error),
            GEM_STATUS_OK)
      << error.message;
  std::memset(segment.data(), 0xFF, segment.size());
  EXPECT_THAT(Encode(tokenizer, "un.", 8).ids, ElementsAre(2, 4, 11, 3));
  EXPECT_EQ(counting.calls(), 1u);
  EXPECT_EQ(counting.live_blocks(), 1u);
  gem_tokenizer_close(tokenizer);
  EXPECT_EQ(counting.live_blocks(), 0u);
}

TEST(Tokenizer, NoMemory) {
  CountingAllocator counting;
  counting.FailAt(0);
  const std::string segment = Pack(MakeTable(kPieces));
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_tokenizer_create_from_memory(segment.data(), segment.size(), counting.get(),
                                             &tokenizer, &error),
            GEM_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(tokenizer, nullptr);
}

TEST(Tokenizer, GivesBackTheMemoryOfARefusedSegment) {
  CountingAllocator counting;
  const std::string segment(100, '\0');
  gem_tokenizer_t* tokenizer = nullptr;
  EXPECT_EQ(gem_tokenizer_create_from_memory(segment.data(), segment.size(), counting.get(),
                                             &tokenizer, nullptr),
            GEM_STATUS_CORRUPT);
  EXPECT_EQ(counting.live_blocks(), 0u);
}

TEST(Tokenizer, EncodingTakesNoMemory) {
  Tokenizers tokenizers(GemTinyVocabulary());
  const std::vector<Case> cases = ReadFixture();
  std::vector<int32_t> ids(256);
  gem_encoding_t encoding;
  size_t index = 0;
  for (const Case& c : cases) {
    if (++index % 10 != 0) continue;
    const gem_tokenizer_t* tokenizer = tokenizers.With(c.options);
    const MallocCounter counter;
    gem_tokenizer_encode(tokenizer, c.text.data(), c.text.size(), ids.data(), 256, &encoding,
                         nullptr);
    ASSERT_EQ(counter.count(), 0u) << testing::PrintToString(c.text);
  }
}

// --- bundles ------------------------------------------------------------------------

// A tiny model's bundle with `segment` as its tokenizer.
AlignedBytes BundleWith(const std::string& segment) {
  TinyGem gem;
  gem.builder.bundle().text->tokenizer_segment = gem.builder.AddSegment(
      "vocabulary", schema::SegmentKind::TOKENIZER, Bytes(segment.begin(), segment.end()));
  return AlignedBytes(gem.builder.Build());
}

TEST(TokenizerOfABundle, Encodes) {
  const AlignedBytes bytes = BundleWith(Pack(MakeTable(kPieces)));
  const BundlePtr bundle = OpenBundle(bytes);
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  ASSERT_EQ(gem_tokenizer_create(bundle.get(), nullptr, &tokenizer, &error), GEM_STATUS_OK)
      << error.message;
  EXPECT_THAT(Encode(tokenizer, "un.", 8).ids, ElementsAre(2, 4, 11, 3));
  gem_tokenizer_close(tokenizer);
}

TEST(TokenizerOfABundle, NoText) {
  TinyGem gem;
  gem.builder.bundle().text = nullptr;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_tokenizer_create(bundle.get(), nullptr, &tokenizer, &error), GEM_STATUS_NOT_FOUND);
  EXPECT_THAT(std::string(error.message), HasSubstr("has no tokenizer"));
  EXPECT_EQ(tokenizer, nullptr);
}

TEST(TokenizerOfABundle, RefusesADamagedSegment) {
  AlignedBytes bytes = BundleWith(Pack(MakeTable(kPieces)));
  bytes.data()[bytes.size() - 1] ^= 1;  // the segment is the last, its end an offset's byte
  const BundlePtr bundle = OpenBundle(bytes);
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_tokenizer_create(bundle.get(), nullptr, &tokenizer, &error), GEM_STATUS_CORRUPT);
  EXPECT_THAT(std::string(error.message), HasSubstr("segment 2 ('vocabulary'): hash: expected"));

  const AlignedBytes wrong = BundleWith(std::string(64, 'x'));
  const BundlePtr bundle_of_wrong = OpenBundle(wrong);
  EXPECT_EQ(gem_tokenizer_create(bundle_of_wrong.get(), nullptr, &tokenizer, &error),
            GEM_STATUS_CORRUPT);
  EXPECT_THAT(std::string(error.message), HasSubstr("GEMT"));
}

TEST(TokenizerOfABundle, RefusesWrongCalls) {
  gem_tokenizer_t* tokenizer = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_tokenizer_create(nullptr, nullptr, &tokenizer, &error),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("expected a bundle"));
  const AlignedBytes bytes = BundleWith(Pack(MakeTable(kPieces)));
  const BundlePtr bundle = OpenBundle(bytes);
  EXPECT_EQ(gem_tokenizer_create(bundle.get(), nullptr, nullptr, &error),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("out_tokenizer"));
}

}  // namespace
}  // namespace gem::test
