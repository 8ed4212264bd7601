// Tests removing pieces of the example's vocabulary, tokenizer and embeddings together.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/Compiler.h"
#include "compiler/Pruning/Vocabulary.h"
#include "compiler/Quantization/Candidate.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

using namespace mlir;

namespace gem {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
namespace fs = std::filesystem;

class VocabularyPruningTest : public ::testing::Test {
protected:
  void SetUp() override {
    fs::path model = fs::path(std::getenv("GEM_SOURCE_DIR")) / "examples/gem-tiny";
    std::ifstream file(model / "vocab.txt");
    for (std::string piece; std::getline(file, piece);)
      pieces.push_back(piece);
    CompileOptions options;
    options.model = model;
    options.sequence = 64;
    compiler = std::make_unique<Compiler>(options);
    absl::Status status = compiler->import();
    ASSERT_TRUE(status.ok()) << status;
    corpus = fs::path(::testing::TempDir()) / "corpus.jsonl";
    std::ofstream(corpus) << R"({"text": "a library for fonts and games"})" << "\n"
                          << R"({"text": "the library of the python module"})" << "\n";
  }

  ModuleOp module() { return compiler->getModule(); }
  int64_t idOf(const std::string &piece) {
    auto it = llvm::find(pieces, piece);
    EXPECT_NE(it, pieces.end()) << piece;
    return it - pieces.begin();
  }
  TextTokenizer tokenizerOf(ModuleOp of) {
    TokenizerOp op = *of.getOps<TokenizerOp>().begin();
    ArrayRef<char> data = getRawData(op.getData());
    auto tokenizer = TextTokenizer::fromSegment({data.data(), data.size()}, op.getMaximumTokens());
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return *std::move(tokenizer);
  }
  std::vector<int32_t> encode(ModuleOp of, const std::string &text) {
    TextTokenizer tokenizer = tokenizerOf(of);
    auto ids = tokenizer.encode(text);
    EXPECT_TRUE(ids.ok()) << ids.status();
    return {ids->begin(), ids->end()};
  }
  std::vector<float> logitsOf(ModuleOp of, const std::string &text) {
    auto candidate = Candidate::build(of, {}, nullptr);
    EXPECT_TRUE(candidate.ok()) << candidate.status();
    auto result = (*candidate)->getRunner().run(encode(of, text));
    EXPECT_TRUE(result.ok()) << result.status();
    return {result->logits.begin(), result->logits.end()};
  }
  std::vector<int64_t> choose(const VocabularyOptions &options) {
    auto use = countVocabulary(module(), corpus);
    EXPECT_TRUE(use.ok()) << use.status();
    auto kept = chooseVocabulary(module(), *use, options);
    EXPECT_TRUE(kept.ok()) << kept.status();
    return *kept;
  }

  std::vector<std::string> pieces;
  std::unique_ptr<Compiler> compiler;
  fs::path corpus;
};

TEST_F(VocabularyPruningTest, CountsPieces) {
  auto use = countVocabulary(module(), corpus);
  ASSERT_TRUE(use.ok()) << use.status();
  EXPECT_EQ(use->texts, 2);
  EXPECT_EQ(use->counts.size(), pieces.size());
  EXPECT_EQ(use->counts[idOf("[CLS]")], 2);
  EXPECT_EQ(use->counts[idOf("library")], 2);
  EXPECT_EQ(use->counts[idOf("the")], 2);
  EXPECT_EQ(use->counts[idOf("[PAD]")], 0);
  EXPECT_EQ(std::accumulate(use->counts.begin(), use->counts.end(), int64_t(0)), use->tokens);
}

TEST_F(VocabularyPruningTest, KeepsWhatOccursAndSingleCharacters) {
  std::vector<int64_t> kept = choose({});
  std::vector<int64_t> expected{idOf("[UNK]"), idOf("[CLS]"), idOf("[SEP]"),   idOf("[PAD]"),
                                idOf("a"),     idOf("##a"),   idOf("library"), idOf("python")};
  EXPECT_THAT(kept, IsSupersetOf(expected));
  EXPECT_TRUE(llvm::is_sorted(kept));
  EXPECT_FALSE(llvm::is_contained(kept, idOf("haskell")));
  // No text of the corpus is split otherwise.
  auto change = compareVocabulary(module(), kept, corpus);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->resplitTexts, 0);
  EXPECT_EQ(change->tokens, change->tokensBefore);
  // Those of more than a character are what the corpus has.
  auto use = countVocabulary(module(), corpus);
  for (int64_t id : kept)
    if (pieces[id].size() > 3 && pieces[id].front() >= 'a' && pieces[id].front() <= 'z')
      EXPECT_GT(use->counts[id], 0) << pieces[id];
}

TEST_F(VocabularyPruningTest, KeepsTheMostFrequent) {
  size_t always = choose({.minimumCount = 1000}).size();
  EXPECT_EQ(choose({.maximumPieces = static_cast<int64_t>(always) + 1}).size(), always + 1);
  // "library" and "the" come twice, and "library" has the higher id or not: the lower wins.
  std::vector<int64_t> kept = choose({.maximumPieces = static_cast<int64_t>(always) + 1});
  EXPECT_TRUE(llvm::is_contained(kept, std::min(idOf("library"), idOf("the"))));
  EXPECT_FALSE(llvm::is_contained(kept, idOf("python")));
}

TEST_F(VocabularyPruningTest, TextsOfKeptPiecesGiveTheSameBits) {
  OwningOpRef<ModuleOp> pruned = module().clone();
  std::vector<int64_t> kept = choose({});
  absl::Status status = prune::keepVocabulary(*pruned, kept);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(succeeded(verify(*pruned)));
  PassManager passes(module().getContext());
  passes.addPass(createVerifyModelPass());
  EXPECT_TRUE(succeeded(passes.run(*pruned)));

  std::string text = "the library of fonts";
  std::vector<int64_t> mapped;
  for (int32_t id : encode(*pruned, text))
    mapped.push_back(kept[id]);
  std::vector<int32_t> original = encode(module(), text);
  EXPECT_THAT(mapped, ElementsAreArray(original.begin(), original.end()));
  EXPECT_EQ(logitsOf(*pruned, text), logitsOf(module(), text));
}

TEST_F(VocabularyPruningTest, OtherTextsAreSplitOtherwise) {
  ASSERT_EQ(encode(module(), "haskell").size(), 3u);
  std::vector<int64_t> kept = choose({});
  fs::path other = fs::path(::testing::TempDir()) / "other.jsonl";
  std::ofstream(other) << R"({"text": "haskell"})" << "\n"
                       << R"({"text": "library"})" << "\n"
                       << "{\"text\": \"\\u4e00\"}\n";
  auto change = compareVocabulary(module(), kept, other);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->texts, 3);
  EXPECT_EQ(change->resplitTexts, 1);
  EXPECT_EQ(change->pieces, static_cast<int64_t>(kept.size()));
  EXPECT_EQ(change->piecesBefore, static_cast<int64_t>(pieces.size()));
  EXPECT_GT(change->tokens, change->tokensBefore);
  // The ideograph is none of the vocabulary's, before and after.
  EXPECT_EQ(change->unknownTextsBefore, 1);
  EXPECT_EQ(change->unknownTexts, 1);
  EXPECT_EQ(change->unknownTokens, 1);
  ASSERT_TRUE(prune::keepVocabulary(module(), kept).ok());
  EXPECT_GT(encode(module(), "haskell").size(), 3u);
}

TEST_F(VocabularyPruningTest, WithoutACharacterWordsBecomeUnknown) {
  std::vector<int64_t> kept;
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].find('k') == std::string::npos || pieces[id].front() == '[')
      kept.push_back(id);
  fs::path other = fs::path(::testing::TempDir()) / "other.jsonl";
  std::ofstream(other) << R"({"text": "haskell"})" << "\n";
  auto change = compareVocabulary(module(), kept, other);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->unknownTextsBefore, 0);
  EXPECT_EQ(change->unknownTexts, 1);
  EXPECT_EQ(change->resplitTexts, 1);
}

// The figures are those of a plain WordPiece in Python.
TEST_F(VocabularyPruningTest, PiecesOfSomeTextsServeOthers) {
  const char *shared = std::getenv("GEM_SHARED_DIR");
  if (!shared)
    GTEST_SKIP() << "no reference data";
  fs::path data = fs::path(shared) / "data/debian";
  corpus = data / "calibration.jsonl";
  std::vector<int64_t> kept = choose({});
  EXPECT_EQ(kept.size(), 3953u);
  auto change = compareVocabulary(module(), kept, data / "test.jsonl");
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->texts, 1380);
  EXPECT_EQ(change->resplitTexts, 1229);
  EXPECT_EQ(change->unknownTextsBefore, 3);
  EXPECT_EQ(change->unknownTexts, 3);
  EXPECT_EQ(change->tokensBefore, 78258);
  EXPECT_EQ(change->tokens, 79961);
}

TEST_F(VocabularyPruningTest, RefusesWhatCannotBe) {
  std::vector<int64_t> all(pieces.size());
  std::iota(all.begin(), all.end(), 0);
  auto without = [&](const std::string &piece) {
    std::vector<int64_t> kept = all;
    kept.erase(kept.begin() + idOf(piece));
    return kept;
  };
  for (const char *piece : {"[UNK]", "[CLS]", "[SEP]", "[PAD]"})
    EXPECT_THAT(prune::keepVocabulary(module(), without(piece)).message(),
                HasSubstr(std::string("'") + piece + "', to stay"));
  EXPECT_THAT(prune::keepVocabulary(module(), {}).message(),
              HasSubstr("expected at least one of the 8192 rows of the word embeddings"));
  EXPECT_THAT(prune::keepVocabulary(module(), {0, 1, 2, 3, 9000}).message(),
              HasSubstr("0 to 8191, but got 9000"));
  EXPECT_THAT(chooseVocabulary(module(), {}, {}).status().message(),
              HasSubstr("expected counts of the 8192 pieces"));
  VocabularyUse use;
  use.counts.resize(8192);
  EXPECT_THAT(chooseVocabulary(module(), use, {.minimumCount = -1}).status().message(),
              HasSubstr("0 or more, but got -1 and 0"));
  EXPECT_EQ(countVocabulary(module(), "nowhere.jsonl").status().code(),
            absl::StatusCode::kNotFound);
  // Nothing of that changed the model.
  EXPECT_TRUE(prune::keepVocabulary(module(), all).ok());
  (*module().getOps<TokenizerOp>().begin()).erase();
  EXPECT_THAT(prune::keepVocabulary(module(), all).message(),
              HasSubstr("the model has no tokenizer"));
}

} // namespace
} // namespace gem
