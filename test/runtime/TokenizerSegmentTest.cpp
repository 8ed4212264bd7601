// What a tokenizer segment is refused for.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "test/runtime/TokenizerSupport.h"

namespace gem::test {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kPieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
                                          "a",     "##b",   "c",     "##d"};

void ExpectRefused(const std::string& segment, gem_status_t status, const std::string& message) {
  gem_tokenizer_t* tokenizer = reinterpret_cast<gem_tokenizer_t*>(1);
  gem_error_t error;
  EXPECT_EQ(
      gem_tokenizer_create_from_memory(segment.data(), segment.size(), nullptr, &tokenizer, &error),
      status)
      << message;
  EXPECT_EQ(error.status, status);
  EXPECT_THAT(std::string(error.message), HasSubstr(message));
  EXPECT_EQ(tokenizer, nullptr);
}

struct Refusal {
  const char* name;
  std::function<void(schema::TokenizerT&)> damage;
  const char* message;
  gem_status_t status = GEM_STATUS_CORRUPT;
};

class TokenizerRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(TokenizerRefuses, Segment) {
  schema::TokenizerT table = MakeTable(kPieces);
  EXPECT_NE(Open(Pack(table)), nullptr);
  GetParam().damage(table);
  ExpectRefused(Pack(table), GetParam().status, GetParam().message);
}

void SwapSlots(schema::TokenizerT& table) {
  // An empty slot takes the value of the first that is in use.
  for (uint32_t& used : table.index) {
    if (used == 0) continue;
    for (size_t i = table.index.size(); i-- > 0;) {
      if (table.index[i] == 0 && &table.index[i] != &used) {
        std::swap(used, table.index[i]);
        return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Fields, TokenizerRefuses,
    testing::Values(
        Refusal{"UnknownKind", [](auto& t) { t.kind = static_cast<schema::TokenizerKind>(9); },
                "expected kind 1 (WordPiece), but got 9", GEM_STATUS_UNSUPPORTED},
        Refusal{"NoKind", [](auto& t) { t.kind = schema::TokenizerKind::INVALID; },
                "expected kind 1 (WordPiece), but got 0", GEM_STATUS_UNSUPPORTED},
        Refusal{"NoOffsets", [](auto& t) { t.offsets.clear(); },
                "expected 2 to 4194305 offsets (one more than pieces), but got 0"},
        Refusal{"NoPieces", [](auto& t) { t.offsets.resize(1); }, "but got 1"},
        Refusal{"FirstOffset", [](auto& t) { t.offsets[0] = 1; },
                "expected offset 0 to be 0, but got 1"},
        Refusal{"FallingOffset", [](auto& t) { t.offsets[3] = 1; },
                "piece 2: expected its end in [10, 34], but got 1"},
        Refusal{"OffsetPastTheEnd", [](auto& t) { t.offsets[9] = 4000000000u; },
                "piece 8: expected its end in [31, 34], but got 4000000000"},
        Refusal{"BytesWithoutPiece", [](auto& t) { t.pieces.push_back('x'); },
                "expected the last offset to be 35, the pieces' bytes, but got 34"},
        Refusal{"PieceNotUtf8", [](auto& t) { t.pieces[t.offsets[5]] = 0xFF; },
                "piece 5: expected well-formed UTF-8"},
        Refusal{"UnknownId", [](auto& t) { t.unknown_id = 9; },
                "expected unknown_id below the vocabulary's size 9, but got 9"},
        Refusal{"ClsId", [](auto& t) { t.cls_id = 10; }, "expected cls_id below"},
        Refusal{"SepId", [](auto& t) { t.sep_id = 0xFFFFFFFF; }, "expected sep_id below"},
        Refusal{"PadId", [](auto& t) { t.pad_id = 9; }, "expected pad_id below"},
        Refusal{"MaskIdPast", [](auto& t) { t.mask_id = 9; },
                "expected mask_id in [-1, 9), but got 9"},
        Refusal{"MaskIdBelow", [](auto& t) { t.mask_id = -2; },
                "expected mask_id in [-1, 9), but got -2"},
        Refusal{"LongPrefix", [](auto& t) { t.continuation_prefix = std::string(17, '#'); },
                "expected a continuation_prefix of at most 16 bytes, but got 17"},
        Refusal{"NoCharacters", [](auto& t) { t.max_characters_per_word = 0; },
                "expected max_characters_per_word in [1, 1024], but got 0"},
        Refusal{"TooManyCharacters", [](auto& t) { t.max_characters_per_word = 1025; },
                "but got 1025"},
        Refusal{"NoIndex", [](auto& t) { t.index.clear(); },
                "expected an index of a power of two of slots, but got 0"},
        Refusal{"OddIndex", [](auto& t) { t.index.push_back(0); }, "but got 33"},
        Refusal{"SlotPastTheVocabulary", [](auto& t) { t.index[7] = 10; },
                "index slot 7: expected at most 9, but got 10"},
        Refusal{"FullIndex", [](auto& t) { t.index.assign(8, 1); },
                "expected at most half of the index's 8 slots in use, but got 8"},
        Refusal{"LongRun",
                [](auto& t) {
                  t.index.assign(1024, 0);
                  for (size_t i = 0; i < 257; ++i) t.index[(i + 900) % 1024] = 1;
                },
                "expected at most 256 neighbouring slots of the index in use, but got more at "
                "slot 132"},
        Refusal{"PieceNotInIndex",
                [](auto& t) {
                  for (uint32_t& slot : t.index) {
                    if (slot == 6) slot = 0;
                  }
                },
                "piece 5: expected the index to find it, but it finds -1"},
        Refusal{"PieceInTheWrongSlot", SwapSlots, "expected the index to find it"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TokenizerSegment, RefusesTheHigherOfTwoEqualPieces) {
  // Both spell "a"; only the lower id may be found.
  std::vector<std::string> pieces = kPieces;
  pieces.push_back("a");
  schema::TokenizerT table = MakeTable(pieces);
  EXPECT_NE(Open(Pack(table)), nullptr);
  for (uint32_t& slot : table.index) {
    if (slot == 6) {
      slot = 10;
    } else if (slot == 10) {
      slot = 6;
    }
  }
  ExpectRefused(Pack(table), GEM_STATUS_CORRUPT, "piece 5: expected the index to find it");
}

TEST(TokenizerSegment, RefusesBytesThatAreNoTokenizer) {
  ExpectRefused("", GEM_STATUS_CORRUPT, "at least 8 bytes, but got 0");
  ExpectRefused("GEMT123", GEM_STATUS_CORRUPT, "at least 8 bytes, but got 7");
  ExpectRefused(std::string(64, '\0'), GEM_STATUS_CORRUPT, "expected the file identifier \"GEMT\"");
  ExpectRefused(std::string((64u << 20) + 1, '\0'), GEM_STATUS_CORRUPT,
                "at most 67108864 bytes, but got 67108865");
  std::string damaged = Pack(MakeTable(kPieces));
  damaged[0] = '\x7f';
  damaged[1] = '\x7f';
  ExpectRefused(damaged, GEM_STATUS_CORRUPT, "structure is damaged");
}

TEST(TokenizerSegment, RefusesWrongCalls) {
  gem_error_t error;
  gem_tokenizer_t* tokenizer = nullptr;
  const std::string segment = Pack(MakeTable(kPieces));
  EXPECT_EQ(gem_tokenizer_create_from_memory(nullptr, 8, nullptr, &tokenizer, &error),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("expected data"));
  EXPECT_EQ(
      gem_tokenizer_create_from_memory(segment.data(), segment.size(), nullptr, nullptr, &error),
      GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(error.message), HasSubstr("expected out_tokenizer"));
  gem_allocator_t half = {};
  EXPECT_EQ(
      gem_tokenizer_create_from_memory(segment.data(), segment.size(), &half, &tokenizer, &error),
      GEM_STATUS_INVALID_ARGUMENT);
}

// Whatever the bytes: refused, or a tokenizer that stays within its memory (which
// the sanitizers watch).
TEST(TokenizerSegment, SurvivesEveryTruncationAndFlips) {
  const std::string segment = Pack(MakeTable(kPieces));
  const auto try_it = [](const std::string& bytes) {
    // A heap block of the exact size shows reads past its end.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    gem_tokenizer_t* tokenizer = nullptr;
    gem_error_t error;
    const gem_status_t status = gem_tokenizer_create_from_memory(
        exact.empty() ? "" : exact.data(), exact.size(), nullptr, &tokenizer, &error);
    if (status != GEM_STATUS_OK) {
      EXPECT_NE(std::string(error.message), "");
      return false;
    }
    const Encoded encoded = Encode(tokenizer, "a abd cd ab xyz \xc3\xa9.", 12);
    for (const int32_t id : encoded.ids) {
      EXPECT_GE(id, 0);
      EXPECT_LT(id, static_cast<int32_t>(gem_tokenizer_vocabulary_size(tokenizer)));
    }
    gem_tokenizer_close(tokenizer);
    return true;
  };
  for (size_t size = 0; size < segment.size(); ++size) {
    // FlatBuffers may end with up to 7 bytes of padding that nobody reads.
    const bool opened = try_it(segment.substr(0, size));
    if (size + 8 <= segment.size()) {
      EXPECT_FALSE(opened) << size;
    }
  }
  int opened = 0;
  for (size_t i = 0; i < segment.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = segment;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      opened += try_it(flipped);
    }
  }
  EXPECT_GT(opened, 0);  // flips of flags and padding
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string flipped = segment;
    for (int k = 0; k < 4; ++k) flipped[random() % flipped.size()] = static_cast<char>(random());
    try_it(flipped);
  }
}

}  // namespace
}  // namespace gem::test
