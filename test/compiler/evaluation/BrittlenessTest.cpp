// Tests evaluating bundles: what is kept of a baseline, other vocabularies, refusals.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Brittleness.h"
#include "test/compiler/evaluation/ExampleBundles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <sstream>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
namespace fs = std::filesystem;

using BrittlenessTest = ExampleBundles;

BrittlenessOptions fewTexts() {
  BrittlenessOptions options;
  options.minimumTexts = 5;
  options.resamples = 100;
  return options;
}

EvaluationData sampleData() { return {"sample.jsonl", "blake3:00", sampleTexts()}; }

std::string messageOf(const absl::Status &status) { return std::string(status.message()); }

TEST_F(BrittlenessTest, KeepsTheLikeliestOfManyClassesAndBoundsTheDivergence) {
  constexpr size_t kKept = 8;
  auto a = open(*exact), b = open(*rough);
  auto texts = a->tokenize(sampleTexts());
  ASSERT_TRUE(texts.ok());
  auto baseline = Baseline::compute(*a, *texts, nullptr, kKept);
  ASSERT_TRUE(baseline.ok());
  EXPECT_EQ(baseline->logProbs.size(), kKept * texts->size());
  EXPECT_EQ(baseline->keptClasses.size(), kKept * texts->size());
  auto full = Baseline::compute(*a, *texts);
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(full->logProbs.size(), 39 * texts->size());
  EXPECT_TRUE(full->keptClasses.empty() && full->logRest.empty());
  auto bound = compare(*b, *baseline, *texts), whole = compare(*b, *full, *texts);
  ASSERT_TRUE(bound.ok() && whole.ok());
  for (size_t t = 0; t < texts->size(); ++t) {
    TextResult x = *a->run(texts->text(t));
    std::vector<double> p(x.logits.begin(), x.logits.end());
    TextResult y = *b->run(texts->text(t));
    std::vector<double> q(y.logits.begin(), y.logits.end());
    for (std::vector<double> *each : {&p, &q}) {
      double sum = 0;
      for (double &value : *each)
        sum += value = std::exp(value);
      for (double &value : *each)
        value /= sum;
    }
    std::vector<int32_t> order(39);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t i, int32_t j) { return p[i] > p[j]; });
    double divergence = 0, restP = 0, restQ = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      int32_t c = order[i];
      if (i < kKept) {
        EXPECT_EQ(baseline->keptClasses[t * kKept + i], c);
        EXPECT_NEAR(baseline->logProbs[t * kKept + i], std::log(p[c]), 1e-5);
        divergence += p[c] * std::log(p[c] / q[c]);
      } else {
        restP += p[c];
        restQ += q[c];
      }
    }
    EXPECT_NEAR(baseline->logRest[t], std::log(restP), 1e-5);
    divergence += restP * std::log(restP / restQ);
    EXPECT_NEAR(bound->texts[t].divergence, divergence, 1e-6);
    EXPECT_LE(bound->texts[t].divergence, whole->texts[t].divergence + 1e-6);
    EXPECT_EQ(bound->texts[t].agrees, whole->texts[t].agrees);
    // What the model answered by itself.
    const TextOutcome &outcome = whole->texts[t];
    EXPECT_NEAR(outcome.confidence, q[outcome.best], 1e-6);
    EXPECT_EQ(outcome.best, std::max_element(q.begin(), q.end()) - q.begin());
    EXPECT_NEAR(outcome.loss, texts->labels[t] ? -std::log(q[*texts->labels[t]]) : 0, 1e-6);
    EXPECT_EQ(full->texts[t].best, order[0]);
  }
}

TEST_F(BrittlenessTest, MeasuresBundles) {
  auto a = open(*exact, 2), b = open(*rough, 3);
  BrittlenessOptions options = fewTexts();
  options.calibrationDomains = {"devel", "games"};
  auto evaluator = BrittlenessEvaluator::create(sampleData(), options);
  ASSERT_TRUE(evaluator.ok()) << evaluator.status();
  EXPECT_TRUE(evaluator->hasLabels());
  ModelScores facts;
  facts.name = "f32";
  facts.bytes = 123;
  ASSERT_TRUE(evaluator->setBaseline(*a, facts).ok());
  facts.name = "rough";
  ASSERT_TRUE(evaluator->addModel(*b, facts).ok());
  facts.name = "same";
  ASSERT_TRUE(evaluator->addModel(*a, facts).ok());
  const BrittlenessReport report = evaluator->getReport();
  EXPECT_EQ(report.data, "sample.jsonl");
  EXPECT_EQ(report.dataHash, "blake3:00");
  EXPECT_EQ(report.texts, 40);
  EXPECT_EQ(report.labels.size(), 39u);
  EXPECT_EQ(report.baseline.name, "f32");
  ASSERT_EQ(report.models.size(), 2u);
  const ModelScores &model = report.models[0], &same = report.models[1];
  EXPECT_EQ(model.name, "rough");
  EXPECT_EQ(model.bytes, 123);
  EXPECT_GT(model.seconds.value_or(0), 0);

  auto texts = a->tokenize(sampleTexts());
  ASSERT_TRUE(texts.ok());
  auto baseline = Baseline::compute(*a, *texts);
  ASSERT_TRUE(baseline.ok());
  auto comparison = compare(*b, *baseline, *texts);
  ASSERT_TRUE(comparison.ok());
  ASSERT_EQ(model.domains.size(), 3u);
  for (size_t d = 0; d < 3; ++d) {
    const ComparisonFigures &figures = comparison->domains[d];
    const DomainScores &scores = model.domains[d];
    EXPECT_EQ(scores.domain, figures.domain);
    EXPECT_EQ(scores.texts, figures.texts);
    EXPECT_EQ(scores.tokens, figures.tokens);
    EXPECT_EQ(scores.labelled, figures.labelled);
    EXPECT_DOUBLE_EQ(*scores.agreement, figures.agreement());
    EXPECT_NEAR(*scores.divergence, figures.meanDivergence(), 1e-12);
    EXPECT_DOUBLE_EQ(*scores.accuracy, figures.accuracy());
    EXPECT_DOUBLE_EQ(*report.baseline.domains[d].accuracy, figures.baselineAccuracy());
    EXPECT_DOUBLE_EQ(scores.flips->routed, figures.routedFlipShare());
    EXPECT_DOUBLE_EQ(scores.flips->cluster, figures.clusterFlipShare());
    EXPECT_DOUBLE_EQ(scores.flips->mask, figures.maskFlipShare());
    EXPECT_EQ(scores.isSpecialised, scores.domain == "devel");
    EXPECT_EQ(scores.isUnseen, scores.domain != "devel");
  }
  EXPECT_THAT(same.overall.agreement, Optional(1.0));
  EXPECT_LT(*same.overall.divergence, 1e-6);
  EXPECT_EQ(same.overall.flips->routed + same.overall.flips->cluster + same.overall.flips->mask, 0);
  EXPECT_TRUE(report.routeChanges[1].empty());

  // Tokens by how often either decision changed.
  auto tokenizer = TextTokenizer::open(a->getBundle());
  ASSERT_TRUE(tokenizer.ok());
  std::map<std::string, std::pair<int64_t, int64_t>> counts;
  for (size_t t = 0; t < texts->size(); ++t) {
    TextResult x = *a->run(texts->text(t)), y = *b->run(texts->text(t));
    for (size_t i = 0; i < x.routed.size(); ++i) {
      auto &[occurrences, changed] = counts[std::string(tokenizer->piece(texts->text(t)[i]))];
      ++occurrences;
      changed += x.routed[i] != y.routed[i] || x.cluster[i] != y.cluster[i];
    }
  }
  size_t numChanged = 0;
  for (const auto &[token, count] : counts)
    numChanged += count.second != 0;
  ASSERT_GT(numChanged, 1u);
  ASSERT_EQ(report.routeChanges[0].size(), std::min<size_t>(numChanged, 50));
  int64_t last = std::numeric_limits<int64_t>::max();
  for (const RouteChange &change : report.routeChanges[0]) {
    EXPECT_EQ(change.occurrences, counts.at(change.token).first) << change.token;
    EXPECT_EQ(change.changed, counts.at(change.token).second) << change.token;
    EXPECT_LE(change.changed, last);
    last = change.changed;
  }
}

/// The example whose vocabulary has another piece in place of "library".
fs::path renamedVocabulary() {
  fs::path folder = fs::path(::testing::TempDir()) / "renamed-gem-tiny";
  fs::remove_all(folder);
  fs::copy(exampleModel(), folder);
  std::ifstream in(exampleModel() / "vocab.txt");
  fs::remove(folder / "vocab.txt");
  std::ofstream out(folder / "vocab.txt");
  for (std::string line; std::getline(in, line);)
    out << (line == "library" ? "libzzary" : line) << "\n";
  return folder;
}

TEST_F(BrittlenessTest, ComparesRoutingWhereTokensAreTheSame) {
  MemoryBundleSink renamed;
  compileTo(renamedVocabulary(), renamed);
  auto a = open(*exact), b = open(renamed);
  BrittlenessOptions options = fewTexts();
  std::vector<CalibrationText> samples;
  for (int i = 0; i < 6; ++i) {
    samples.push_back({"the kernel editor", "without", std::nullopt});
    samples.push_back({"the kernel library", "with", std::nullopt});
  }
  auto evaluator = BrittlenessEvaluator::create({"x.jsonl", "", samples}, options);
  ASSERT_TRUE(evaluator.ok()) << evaluator.status();
  EXPECT_FALSE(evaluator->hasLabels());
  ASSERT_TRUE(evaluator->setBaseline(*a, {}).ok());
  ASSERT_TRUE(evaluator->addModel(*b, {}).ok());
  const BrittlenessReport report = evaluator->getReport();
  const DomainScores &with = report.models[0].domains[0], &without = report.models[0].domains[1];
  EXPECT_EQ(with.domain, "with");
  EXPECT_FALSE(with.flips);
  EXPECT_GT(*with.divergence, 1e-4);
  ASSERT_TRUE(without.flips);
  EXPECT_EQ(without.flips->mask, 0);
  EXPECT_LT(*without.divergence, 1e-6);
  // Read by its own tokenizer, "library" is in pieces.
  EXPECT_GT(with.tokens, report.baseline.domains[0].tokens);
}

TEST_F(BrittlenessTest, RefusesToConcludeFromTooFewTexts) {
  BrittlenessOptions options;
  EXPECT_EQ(options.minimumTexts, 20);
  auto few = BrittlenessEvaluator::create(sampleData(), options);
  EXPECT_EQ(few.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(messageOf(few.status()),
              HasSubstr("expected at least 20 labelled texts of every domain, but 'sample.jsonl' "
                        "has 10 of texts without a domain, 10 of 'desktop', 10 of 'devel'"));
  options.minimumTexts = 10;
  EXPECT_TRUE(BrittlenessEvaluator::create(sampleData(), options).ok());
  // Without labels all texts count.
  EvaluationData unlabelled = sampleData();
  for (CalibrationText &text : unlabelled.texts)
    text.label.reset();
  options.minimumTexts = 14;
  EXPECT_THAT(messageOf(BrittlenessEvaluator::create(unlabelled, options).status()),
              HasSubstr("at least 14 texts of every domain, but 'sample.jsonl' has 13 of"));
  options.minimumTexts = 13;
  EXPECT_TRUE(BrittlenessEvaluator::create(unlabelled, options).ok());
  options.requireScores = true;
  EXPECT_THAT(messageOf(BrittlenessEvaluator::create(unlabelled, options).status()),
              HasSubstr("expected texts with a \"label\", which scores need, but none of the 40"));
  EXPECT_THAT(messageOf(BrittlenessEvaluator::create({"none.jsonl", "", {}}, options).status()),
              HasSubstr("holds no texts"));
}

TEST_F(BrittlenessTest, RefusesUnknownDomains) {
  BrittlenessOptions options = fewTexts();
  options.specialised = {"devel", "destkop"};
  auto unknown = BrittlenessEvaluator::create(sampleData(), options);
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(messageOf(unknown.status()),
            "unknown domain 'destkop'; did you mean 'desktop'? 'sample.jsonl' has texts without a "
            "domain, 'desktop', 'devel'");
}

TEST_F(BrittlenessTest, RefusesLabelsThatAreNoClass) {
  EvaluationData data = sampleData();
  data.texts[7].label = 39;
  auto evaluator = BrittlenessEvaluator::create(data, fewTexts());
  ASSERT_TRUE(evaluator.ok());
  auto runner = open(*exact);
  for (const absl::Status &status :
       {evaluator->setBaseline(*runner, {}), evaluator->addModel(*runner, {})}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(messageOf(status), "expected labels from 0 to 38, the model's classes, but text 8 of "
                                 "'sample.jsonl' has 39");
  }
  data.texts[7].label = 38;
  auto again = BrittlenessEvaluator::create(data, fewTexts());
  ASSERT_TRUE(again.ok() && again->addModel(*runner, {}).ok());
  EXPECT_THAT(messageOf(again->setBaseline(*runner, {})), HasSubstr("before any model"));
}

TEST_F(BrittlenessTest, DescribesABundle) {
  fs::path path = fs::path(::testing::TempDir()) / "described.gemb";
  std::ofstream(path, std::ios::binary).write(exact->data().data(), exact->data().size());
  auto runner = BundleRunner::open(path, {});
  ASSERT_TRUE(runner.ok());
  auto facts = describeBundle(path, **runner);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->name, "described.gemb");
  EXPECT_EQ(facts->path, path);
  EXPECT_EQ(facts->bytes, static_cast<int64_t>(exact->data().size()));
  // Four bytes a parameter, less the positions past the longest text.
  ASSERT_TRUE(facts->bitsPerWeight);
  EXPECT_GT(*facts->bitsPerWeight, 30);
  EXPECT_LT(*facts->bitsPerWeight, 32);
  int64_t session = static_cast<int64_t>((*runner)->getSessionInfo().session_bytes);
  EXPECT_GT(facts->memoryBytes, session);
  EXPECT_LT(facts->memoryBytes, session + facts->bytes);
  fs::remove(path);
  EXPECT_FALSE(describeBundle(path, **runner).ok());
}

} // namespace
} // namespace gem
