// Tests running bundles on texts and comparing them, on the example model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Evaluator.h"
#include "compiler/Checkpoint/Json.h"
#include "test/compiler/evaluation/ExampleBundles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

using EvaluatorTest = ExampleBundles;

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
