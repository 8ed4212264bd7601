// Tests running bundles on texts and comparing them, on the example model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Evaluator.h"
#include "compiler/Checkpoint/Json.h"
#include "compiler/Pipeline/Compiler.h"
#include "targets/Bundle/BundleWriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

fs::path exampleModel() { return fs::path(std::getenv("GEM_SOURCE_DIR")) / "examples/gem-tiny"; }

std::span<const char> bytesOf(const MemoryBundleSink &sink) {
  return {sink.data().data(), sink.data().size()};
}

void compileTo(const fs::path &model, MemoryBundleSink &sink) {
  CompileOptions options;
  options.model = model;
  options.sequence = 64;
  options.producer = "test";
  Compiler compiler(options);
  for (const absl::Status &status : {compiler.import(), compiler.lower(), compiler.write(sink)})
    ASSERT_TRUE(status.ok()) << status;
}

/// A copy of the example whose weights lost all but a few bits of their mantissa.
fs::path roughModel() {
  fs::path folder = fs::path(::testing::TempDir()) / "rough-gem-tiny";
  fs::remove_all(folder);
  fs::copy(exampleModel(), folder);
  fs::permissions(folder / "model.safetensors", fs::perms::owner_all);
  std::fstream file(folder / "model.safetensors", std::ios::binary | std::ios::in | std::ios::out);
  uint64_t header = 0;
  file.read(reinterpret_cast<char *>(&header), sizeof(header));
  std::vector<uint32_t> values((fs::file_size(folder / "model.safetensors") - 8 - header) / 4);
  file.seekg(8 + header);
  file.read(reinterpret_cast<char *>(values.data()), values.size() * 4);
  for (uint32_t &value : values)
    value &= 0xffe00000;
  file.seekp(8 + header);
  file.write(reinterpret_cast<const char *>(values.data()), values.size() * 4);
  return folder;
}

std::vector<CalibrationText> sampleTexts() {
  const char *words[] = {"library", "for",    "the",       "Haskell", "fonts",  "game",    "server",
                         "python",  "module", "documents", "kernel",  "editor", "network", "music"};
  const char *domains[] = {"", "devel", "desktop"};
  std::vector<CalibrationText> texts;
  for (int i = 0; i < 40; ++i) {
    std::string text;
    for (int j = 0; j < 3 + i; ++j)
      text += std::string(words[(i * 7 + j * (i % 5 + 1)) % 14]) + " ";
    texts.push_back({text, domains[i % 3], std::nullopt});
    if (i % 4)
      texts.back().label = (i * 11) % 39;
  }
  return texts;
}

class EvaluatorTest : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    exact = new MemoryBundleSink;
    rough = new MemoryBundleSink;
    compileTo(exampleModel(), *exact);
    compileTo(roughModel(), *rough);
  }
  static void TearDownTestSuite() {
    delete exact;
    delete rough;
  }

  std::unique_ptr<BundleRunner> open(const MemoryBundleSink &sink, unsigned threads = 1) {
    auto runner = BundleRunner::openMemory(bytesOf(sink), {.threads = threads});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }

  static MemoryBundleSink *exact, *rough;
};
MemoryBundleSink *EvaluatorTest::exact, *EvaluatorTest::rough;

TEST_F(EvaluatorTest, FindsNoDifferenceOfAModelToItself) {
  auto runner = open(*exact);
  auto texts = runner->tokenize(sampleTexts());
  ASSERT_TRUE(texts.ok()) << texts.status();
  EXPECT_THAT(texts->domains, ElementsAre("", "desktop", "devel"));
  auto baseline = Baseline::compute(*runner, *texts);
  ASSERT_TRUE(baseline.ok()) << baseline.status();
  EXPECT_EQ(baseline->numClasses, 39u);
  auto comparison = compare(*runner, *baseline, *texts);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_TRUE(comparison->hasLogits && comparison->hasRouting);
  EXPECT_EQ(comparison->all.agreement(), 1);
  EXPECT_NEAR(comparison->all.meanDivergence(), 0, 1e-6);
  EXPECT_EQ(comparison->all.accuracy(), comparison->all.baselineAccuracy());
  EXPECT_EQ(comparison->all.routedFlips, 0);
  EXPECT_EQ(comparison->all.clusterFlips, 0);
  EXPECT_EQ(comparison->all.maskFlips, 0);
}

TEST_F(EvaluatorTest, AgreesWithAPlainComputation) {
  auto a = open(*exact), b = open(*rough);
  std::vector<CalibrationText> samples = sampleTexts();
  auto texts = a->tokenize(samples);
  ASSERT_TRUE(texts.ok());
  auto baseline = Baseline::compute(*a, *texts);
  ASSERT_TRUE(baseline.ok());
  auto comparison = compare(*b, *baseline, *texts);
  ASSERT_TRUE(comparison.ok()) << comparison.status();

  std::map<std::string, ComparisonFigures> expected;
  for (size_t t = 0; t < samples.size(); ++t) {
    TextResult x = *a->run(texts->text(t)), y = *b->run(texts->text(t));
    ComparisonFigures &to = expected[samples[t].domain];
    double sumX = 0, sumY = 0, divergence = 0;
    size_t bestX = 0, bestY = 0;
    for (size_t c = 0; c < 39; ++c) {
      sumX += std::exp(static_cast<double>(x.logits[c]));
      sumY += std::exp(static_cast<double>(y.logits[c]));
      bestX = x.logits[c] > x.logits[bestX] ? c : bestX;
      bestY = y.logits[c] > y.logits[bestY] ? c : bestY;
    }
    for (size_t c = 0; c < 39; ++c) {
      double p = std::exp(static_cast<double>(x.logits[c])) / sumX;
      double q = std::exp(static_cast<double>(y.logits[c])) / sumY;
      divergence += p * std::log(p / q);
    }
    to.divergence += divergence;
    EXPECT_NEAR(comparison->divergenceOfText[t], divergence, 1e-6);
    ++to.texts;
    to.agreeing += bestX == bestY;
    if (samples[t].label) {
      ++to.labelled;
      to.correct += bestY == static_cast<size_t>(*samples[t].label);
      to.baselineCorrect += bestX == static_cast<size_t>(*samples[t].label);
    }
    size_t n = texts->text(t).size();
    ASSERT_EQ(x.routed.size(), n);
    ASSERT_EQ(x.cluster.size(), n);
    to.tokens += n;
    to.maskEntries += n * n;
    for (size_t i = 0; i < n; ++i) {
      to.routedFlips += x.routed[i] != y.routed[i];
      to.clusterFlips += x.cluster[i] != y.cluster[i];
      for (size_t j = 0; j < n; ++j) {
        bool inX = x.routed[i] == x.routed[j] || x.cluster[i] == x.cluster[j];
        bool inY = y.routed[i] == y.routed[j] || y.cluster[i] == y.cluster[j];
        to.maskFlips += inX != inY;
      }
    }
  }
  ASSERT_EQ(comparison->domains.size(), expected.size());
  int64_t flips = 0;
  const ComparisonFigures *worst = &comparison->domains[0];
  for (const ComparisonFigures &got : comparison->domains) {
    const ComparisonFigures &want = expected.at(got.domain);
    EXPECT_EQ(got.texts, want.texts);
    EXPECT_EQ(got.tokens, want.tokens);
    EXPECT_EQ(got.agreeing, want.agreeing);
    EXPECT_NEAR(got.divergence, want.divergence, 1e-5);
    EXPECT_EQ(got.labelled, want.labelled);
    EXPECT_EQ(got.correct, want.correct);
    EXPECT_EQ(got.baselineCorrect, want.baselineCorrect);
    EXPECT_EQ(got.routedFlips, want.routedFlips);
    EXPECT_EQ(got.clusterFlips, want.clusterFlips);
    EXPECT_EQ(got.maskEntries, want.maskEntries);
    EXPECT_EQ(got.maskFlips, want.maskFlips);
    flips += want.maskFlips;
    if (got.meanDivergence() > worst->meanDivergence())
      worst = &got;
  }
  EXPECT_EQ(&comparison->worst(), worst);
  EXPECT_EQ(comparison->all.texts, 40);
  EXPECT_EQ(comparison->all.maskFlips, flips);
  // The candidate does differ.
  EXPECT_GT(comparison->all.meanDivergence(), 1e-5);
  EXPECT_GT(comparison->all.routedFlips, 0);
  EXPECT_GT(comparison->all.maskFlips, 0);
}

TEST_F(EvaluatorTest, GivesTheSameBitsForAnyNumberOfThreads) {
  auto one = open(*rough), three = open(*rough, 3);
  EXPECT_EQ(three->getNumSessions(), 3u);
  auto shared =
      BundleRunner::openMemory(bytesOf(*rough), {.threads = 3, .smallSessionBytes = 1000});
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ((*shared)->getNumSessions(), 1u);
  auto texts = one->tokenize(sampleTexts());
  ASSERT_TRUE(texts.ok());
  auto first = open(*exact, 2);
  size_t last = 0, calls = 0;
  auto baseline = Baseline::compute(*first, *texts, [&](size_t done, size_t total) {
    EXPECT_EQ(done, last + 1);
    EXPECT_EQ(total, 40u);
    last = done;
    ++calls;
  });
  ASSERT_TRUE(baseline.ok());
  EXPECT_EQ(calls, 40u);
  auto a = compare(*one, *baseline, *texts), b = compare(*three, *baseline, *texts);
  auto c = compare(**shared, *baseline, *texts);
  ASSERT_TRUE(a.ok() && b.ok() && c.ok());
  EXPECT_EQ(a->divergenceOfText, b->divergenceOfText);
  EXPECT_EQ(a->divergenceOfText, c->divergenceOfText);
  EXPECT_EQ(a->all.divergence, b->all.divergence);
  EXPECT_EQ(a->all.maskFlips, b->all.maskFlips);
}

TEST_F(EvaluatorTest, RefusesWhatCannotBeCompared) {
  const char none[64] = "no bundle";
  EXPECT_FALSE(BundleRunner::openMemory(none, {}).ok());
  EXPECT_EQ(BundleRunner::open("no/such.gemb", {}).status().code(), absl::StatusCode::kNotFound);
  auto runner = open(*exact);
  auto texts = runner->tokenize(sampleTexts()), others = runner->tokenize({{"other", "", {}}});
  ASSERT_TRUE(texts.ok() && others.ok());
  EXPECT_THAT(std::string(Baseline::compute(*runner, {}).status().message()),
              HasSubstr("no texts"));
  auto baseline = Baseline::compute(*runner, *texts);
  ASSERT_TRUE(baseline.ok());
  EXPECT_THAT(std::string(compare(*runner, *baseline, *others).status().message()),
              HasSubstr("expected the texts of the baseline"));
  Baseline fewer = *baseline;
  fewer.numClasses = 2;
  fewer.logProbs.resize(2 * texts->size());
  EXPECT_THAT(std::string(compare(*runner, fewer, *texts).status().message()),
              HasSubstr("expected 2 logits as the baseline has, but got 39"));
}

TEST_F(EvaluatorTest, CountsTokensOfTexts) {
  auto runner = open(*exact);
  auto tokenizer = TextTokenizer::open(runner->getBundle());
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_EQ(tokenizer->getMaximumTokens(), 64u);
  TokenCounter counter(*tokenizer);
  auto texts = runner->tokenize(sampleTexts());
  ASSERT_TRUE(texts.ok());
  for (const CalibrationText &text : sampleTexts())
    ASSERT_TRUE(counter.add(text).ok());
  std::map<std::string, std::vector<int64_t>> counts;
  std::map<std::string, int64_t> tokens, numTexts;
  for (size_t t = 0; t < texts->size(); ++t) {
    std::string domain = texts->domains[texts->domainOfText[t]];
    tokens[domain] += texts->text(t).size();
    ++numTexts[domain];
    counts[domain].resize(tokenizer->vocabularySize());
    for (int32_t id : texts->text(t))
      ++counts[domain][id];
  }
  EXPECT_EQ(counter.getIdCounts(), counts);
  EXPECT_EQ(counter.getTokensOfDomain(), tokens);
  EXPECT_EQ(counter.getTextsOfDomain(), numTexts);
  EXPECT_EQ(numTexts.at("devel"), 13);
}

// PyTorch's results as the baseline: the f32 bundle must not differ from them.
TEST_F(EvaluatorTest, AgreesWithPyTorch) {
  const char *shared = std::getenv("GEM_SHARED_DIR");
  fs::path reference = shared ? fs::path(shared) / "models/gem-tiny/reference.jsonl" : "";
  if (!shared || !fs::exists(reference))
    GTEST_SKIP() << "needs models/gem-tiny/reference.jsonl of the reference data";
  std::ifstream file(reference);
  std::vector<CalibrationText> samples;
  Baseline baseline;
  baseline.numClasses = 39;
  baseline.hasRouting = true;
  for (std::string line; std::getline(file, line);) {
    auto object = checkpoint::parseJson(line, "reference");
    ASSERT_TRUE(object.ok());
    samples.push_back(
        {*object->find("text")->asString(), *object->find("domain")->asString(), std::nullopt});
    double sum = 0;
    for (const checkpoint::JsonValue &logit : *object->find("logits")->asArray())
      sum += std::exp(logit.number());
    for (const checkpoint::JsonValue &logit : *object->find("logits")->asArray())
      baseline.logProbs.push_back(static_cast<float>(logit.number() - std::log(sum)));
    const auto &routed = *object->find("routed")->asArray();
    const auto &cluster = *object->find("cluster")->asArray();
    for (size_t i = 0; i < routed.size(); ++i)
      baseline.decisions.push_back(
          static_cast<uint32_t>(2 * *cluster[i].asInteger() + *routed[i].asInteger()));
  }
  auto runner = open(*exact, 2);
  auto texts = runner->tokenize(samples);
  ASSERT_TRUE(texts.ok());
  auto comparison = compare(*runner, baseline, *texts);
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  EXPECT_EQ(comparison->all.texts, 200);
  EXPECT_EQ(comparison->all.agreement(), 1);
  EXPECT_LT(comparison->all.meanDivergence(), 1e-6);
  EXPECT_EQ(comparison->all.routedFlips, 0);
  EXPECT_EQ(comparison->all.clusterFlips, 0);
  EXPECT_EQ(comparison->all.maskFlips, 0);
}

} // namespace
} // namespace gem
