// Tests the measures of brittleness against examples by hand and against plain loops.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/BrittlenessMeasures.h"
#include "compiler/Evaluation/Bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

/// Texts and what models answered for them, one call a text.
class Scene {
public:
  explicit Scene(std::vector<std::string> domains, size_t numModels = 1, size_t numClasses = 4)
      : models(numModels) {
    groups.domains = std::move(domains);
    groups.isSpecialised.assign(groups.domains.size(), true);
    groups.isUnseen.assign(groups.domains.size(), false);
    baseline.facts.name = "f32";
    baseline.numClasses = numClasses;
    for (ModelOutcomes &model : models)
      model.numClasses = numClasses;
  }

  struct Answer {
    int32_t best;
    double confidence = 0.5, loss = 1;
  };

  /// The baseline's answer, then the models'.
  void add(size_t domain, std::optional<int32_t> label, const std::vector<Answer> &answers) {
    groups.domainOfText.push_back(domain);
    groups.labels.push_back(label);
    for (size_t i = 0; i < answers.size(); ++i) {
      ModelOutcomes &to = i ? models.at(i - 1) : baseline;
      TextOutcome outcome;
      outcome.best = answers[i].best;
      outcome.confidence = answers[i].confidence;
      outcome.loss = answers[i].loss;
      outcome.agrees = answers[i].best == answers[0].best;
      to.texts.push_back(outcome);
      to.tokens.push_back(3);
    }
  }
  void addMany(int count, size_t domain, std::optional<int32_t> label,
               const std::vector<Answer> &answers) {
    for (int i = 0; i < count; ++i)
      add(domain, label, answers);
  }

  BrittlenessReport measure() const {
    return measureBrittleness(groups, &baseline, models, options);
  }

  TextGroups groups;
  ModelOutcomes baseline;
  std::vector<ModelOutcomes> models;
  BrittlenessOptions options;
};

//===----------------------------------------------------------------------===//
// By hand
//===----------------------------------------------------------------------===//

TEST(BrittlenessMeasuresTest, ScoresByHand) {
  Scene scene({"a"});
  // label 0: right, right, taken for 1; label 1: right, taken for 2; label 2 is never a label.
  scene.add(0, 0, {{0}, {0, 0.9, 0.1}});
  scene.add(0, 0, {{0}, {0, 0.8, 0.2}});
  scene.add(0, 0, {{0}, {1, 0.6, 1.5}});
  scene.add(0, 1, {{1}, {1, 0.7, 0.4}});
  scene.add(0, 1, {{1}, {2, 0.5, 1.8}});
  scene.add(0, std::nullopt, {{1}, {1, 0.99, 0}});
  scene.options.score = ScoreKind::MacroF1;
  BrittlenessReport report = scene.measure();
  ASSERT_EQ(report.models.size(), 1u);
  const DomainScores &scores = report.models[0].domains[0];
  EXPECT_EQ(scores.domain, "a");
  EXPECT_EQ(scores.texts, 6);
  EXPECT_EQ(scores.labelled, 5);
  EXPECT_EQ(scores.tokens, 18);
  EXPECT_THAT(scores.accuracy, Optional(0.6));
  // Class 0: TP 2, FN 1: 4/5. Class 1: TP 1, FP 1, FN 1: 2/4.
  EXPECT_DOUBLE_EQ(*scores.macroF1, (0.8 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(*scores.score, 0.65);
  EXPECT_DOUBLE_EQ(*scores.meanLoss, 4.0 / 5);
  // Bins of 1/15: 0.9 in 14, 0.8 in 12, 0.6 in 9, 0.7 in 11, 0.5 in 8, each alone.
  EXPECT_DOUBLE_EQ(*scores.calibrationError, (0.1 + 0.2 + 0.6 + 0.3 + 0.5) / 5);
  EXPECT_DOUBLE_EQ(*scores.agreement, 4.0 / 6);
  EXPECT_DOUBLE_EQ(*scores.transferRatio, 0.65);
  EXPECT_EQ(*report.models[0].overall.score, *scores.score);
  // One domain has no others to be compared with.
  EXPECT_FALSE(scores.specializationIndex);
  EXPECT_FALSE(report.models[0].specializationIndex);
  EXPECT_FALSE(report.models[0].generalizationGap);

  scene.options.score = ScoreKind::Likelihood;
  EXPECT_DOUBLE_EQ(*scene.measure().models[0].domains[0].score, std::exp(-0.8));
}

TEST(BrittlenessMeasuresTest, BinsConfidenceByItsUpperEdge) {
  // Two bins: (0, 0.5] holds 0.5 and 0.2, (0.5, 1] the others.
  std::vector<double> confidence = {0.5, 0.2, 0.75, 1};
  EXPECT_DOUBLE_EQ(expectedCalibrationError(confidence, {true, false, true, true}, 2),
                   (std::abs(1 - 0.7) + std::abs(2 - 1.75)) / 4);
  EXPECT_DOUBLE_EQ(expectedCalibrationError(std::vector<double>{0}, {false}), 0);
  EXPECT_EQ(expectedCalibrationError({}, {}), 0);
}

/// Domains whose baseline scores are 0.8, 0.5, 0.4 and 0, and the model's 0.6, 0.5, 0.2, 0.1.
Scene fourDomains() {
  Scene scene({"a", "b", "c", "z"});
  const int baseline[] = {8, 5, 4, 0}, model[] = {6, 5, 2, 1};
  for (int domain = 0; domain < 4; ++domain)
    for (int i = 0; i < 10; ++i)
      scene.add(domain, 0, {{i < baseline[domain] ? 0 : 1}, {i < model[domain] ? 0 : 1}});
  return scene;
}

TEST(BrittlenessMeasuresTest, ComparesDomainsByHand) {
  Scene scene = fourDomains();
  scene.groups.isSpecialised = {true, true, false, false};
  scene.groups.isUnseen = {false, false, true, true};
  BrittlenessReport report = scene.measure();
  const ModelScores &model = report.models[0];
  EXPECT_DOUBLE_EQ(*model.domains[0].specializationIndex, (0.6 - 0.8 / 3) / 0.6);
  EXPECT_DOUBLE_EQ(*model.domains[2].specializationIndex, (0.2 - 1.2 / 3) / 0.2);
  EXPECT_DOUBLE_EQ(*model.specializationIndex, (0.6 - 0.8 / 3) / 0.6);
  EXPECT_EQ(model.specializationDomain, "a");
  EXPECT_DOUBLE_EQ(*model.generalizationGap, 0.55 - 0.15);
  EXPECT_DOUBLE_EQ(*report.baseline.generalizationGap, 0.65 - 0.2);
  ASSERT_TRUE(model.transfer);
  EXPECT_DOUBLE_EQ(*model.domains[0].transferRatio, 0.75);
  EXPECT_DOUBLE_EQ(model.transfer->mean, (0.75 + 1) / 2);
  EXPECT_DOUBLE_EQ(model.transfer->minimum, 0.75);
  EXPECT_EQ(model.transfer->minimumDomain, "a");
  // Of the unseen ones, z has no ratio.
  ASSERT_TRUE(model.transferUnseen);
  EXPECT_DOUBLE_EQ(model.transferUnseen->mean, 0.5);
  EXPECT_EQ(model.transferUnseen->minimumDomain, "c");
  EXPECT_TRUE(model.domains[2].isUnseen && !model.domains[2].isSpecialised);
}

TEST(BrittlenessMeasuresTest, AZeroScoreIsUndefinedAndNeverInfinite) {
  Scene scene = fourDomains();
  BrittlenessReport report = scene.measure();
  EXPECT_FALSE(report.models[0].domains[3].transferRatio);
  EXPECT_FALSE(report.models[0].domains[3].transferInterval);
  EXPECT_DOUBLE_EQ(report.models[0].transfer->mean, (0.75 + 1 + 0.5) / 3);
  EXPECT_FALSE(report.baseline.domains[3].specializationIndex);
  EXPECT_TRUE(report.models[0].domains[3].specializationIndex);
  // The zero takes part in the mean of the others.
  EXPECT_DOUBLE_EQ(*report.baseline.domains[0].specializationIndex, (0.8 - 0.3) / 0.8);

  // Not one that is defined.
  Scene zero({"a", "b"});
  zero.addMany(5, 0, 0, {{1}, {0}});
  zero.addMany(5, 1, 0, {{1}, {0}});
  BrittlenessReport none = zero.measure();
  EXPECT_FALSE(none.models[0].transfer);
  EXPECT_FALSE(none.models[0].transferUnseen);
  EXPECT_FALSE(none.models[0].overall.transferRatio);
  EXPECT_FALSE(none.baseline.specializationIndex);
  EXPECT_THAT(none.models[0].specializationIndex, Optional(0.0));
}

TEST(BrittlenessMeasuresTest, ARatioThatIsOftenUndefinedHasNoInterval) {
  // One text of ten is right: a third of the resamples have none.
  Scene scene({"a"});
  scene.add(0, 0, {{0}, {0}});
  scene.addMany(9, 0, 0, {{1}, {1}});
  BrittlenessReport report = scene.measure();
  EXPECT_THAT(report.models[0].domains[0].transferRatio, Optional(1.0));
  EXPECT_FALSE(report.models[0].domains[0].transferInterval);
  EXPECT_FALSE(report.models[0].transfer->meanInterval);
  EXPECT_FALSE(report.models[0].transfer->minimumInterval);
  EXPECT_TRUE(report.models[0].domains[0].scoreInterval);
}

TEST(BrittlenessMeasuresTest, WithoutLabelsThereIsAgreementAlone) {
  Scene scene({"a", "b"});
  scene.add(0, std::nullopt, {{0}, {0}});
  scene.add(0, std::nullopt, {{0}, {1}});
  scene.add(1, std::nullopt, {{0}, {0}});
  scene.options.confusion = true;
  const BrittlenessReport report = scene.measure();
  const ModelScores &model = report.models[0];
  EXPECT_THAT(model.domains[0].agreement, Optional(0.5));
  EXPECT_THAT(model.overall.agreement, Optional(2.0 / 3));
  for (const DomainScores *scores : {&model.domains[0], &model.overall, &report.baseline.overall}) {
    EXPECT_FALSE(scores->accuracy || scores->macroF1 || scores->meanLoss || scores->score);
    EXPECT_FALSE(scores->calibrationError || scores->scoreInterval || scores->transferRatio);
  }
  EXPECT_FALSE(report.baseline.overall.agreement);
  EXPECT_FALSE(model.transfer || model.specializationIndex || model.generalizationGap);
}

TEST(BrittlenessMeasuresTest, WithoutABaselineThereAreScoresAlone) {
  Scene scene = fourDomains();
  scene.options.confusion = true;
  BrittlenessReport alone = measureBrittleness(scene.groups, nullptr, scene.models, scene.options);
  BrittlenessReport beside = scene.measure();
  EXPECT_FALSE(alone.hasBaseline());
  EXPECT_TRUE(beside.hasBaseline());
  const DomainScores &scores = alone.models[0].domains[0];
  EXPECT_THAT(scores.score, Optional(0.6));
  EXPECT_FALSE(scores.agreement || scores.divergence || scores.transferRatio);
  EXPECT_FALSE(alone.models[0].transfer);
  EXPECT_EQ(alone.models[0].specializationIndex, beside.models[0].specializationIndex);
  EXPECT_EQ(scores.scoreInterval->low, beside.models[0].domains[0].scoreInterval->low);
  EXPECT_EQ(alone.confusion.size(), 1u);
  EXPECT_EQ(beside.confusion.size(), 2u);
}

TEST(BrittlenessMeasuresTest, CountsConfusion) {
  Scene scene({"a", "b"}, 1, 3);
  scene.add(0, 0, {{0}, {1}});
  scene.add(0, 0, {{0}, {1}});
  scene.add(1, 2, {{1}, {2}});
  scene.add(1, std::nullopt, {{1}, {2}});
  EXPECT_TRUE(scene.measure().confusion.empty());
  scene.options.confusion = true;
  using Row = std::vector<int64_t>;
  EXPECT_THAT(scene.measure().confusion,
              ElementsAre(ElementsAre(Row{2, 0, 0}, Row{0, 0, 0}, Row{0, 1, 0}),
                          ElementsAre(Row{0, 2, 0}, Row{0, 0, 0}, Row{0, 0, 1})));
}

TEST(BrittlenessMeasuresTest, AveragesDivergenceAndFlips) {
  Scene scene({"a", "b"});
  scene.add(0, 0, {{0}, {0}});
  scene.add(0, 0, {{0}, {0}});
  scene.add(1, 0, {{0}, {0}});
  ModelOutcomes &model = scene.models[0];
  model.hasRouting = true;
  auto set = [&](size_t text, double divergence, int64_t tokens, int64_t routed, int64_t cluster,
                 int64_t mask) {
    TextOutcome &to = model.texts[text];
    to.divergence = divergence;
    to.tokens = tokens;
    to.routedFlips = routed;
    to.clusterFlips = cluster;
    to.maskFlips = mask;
  };
  set(0, 0.5, 4, 1, 2, 6);
  set(1, 0.1, 2, 0, 1, 2);
  set(2, 0.3, 0, 0, 0, 0); // Its tokens are not the baseline's.
  const BrittlenessReport report = scene.measure();
  const DomainScores &a = report.models[0].domains[0], &all = report.models[0].overall;
  EXPECT_DOUBLE_EQ(*a.divergence, 0.3);
  EXPECT_DOUBLE_EQ(*all.divergence, 0.3);
  EXPECT_DOUBLE_EQ(a.flips->routed, 1.0 / 6);
  EXPECT_DOUBLE_EQ(a.flips->cluster, 3.0 / 6);
  EXPECT_DOUBLE_EQ(a.flips->mask, 8.0 / 20);
  EXPECT_DOUBLE_EQ(all.flips->mask, 8.0 / 20);
  EXPECT_FALSE(report.models[0].domains[1].flips);
}

//===----------------------------------------------------------------------===//
// Intervals
//===----------------------------------------------------------------------===//

/// The least k with P(X <= k) >= share, for X of Binomial(n, p).
int binomialQuantile(int n, double p, double share) {
  double below = 0;
  for (int k = 0; k <= n; ++k) {
    below += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) +
                      k * std::log(p) + (n - k) * std::log(1 - p));
    if (below >= share)
      return k;
  }
  return n;
}

TEST(BrittlenessMeasuresTest, IntervalsOfAccuracyAreBinomial) {
  // A resample of n texts of which a share p is right has Binomial(n, p) right ones.
  constexpr int kTexts = 200;
  Scene scene({"a"});
  scene.addMany(160, 0, 0, {{0}, {0}});
  scene.addMany(40, 0, 0, {{0}, {1}});
  scene.options.resamples = 20000;
  const BrittlenessReport report = scene.measure();
  const DomainScores &scores = report.models[0].domains[0];
  double low = binomialQuantile(kTexts, 0.8, 0.025), high = binomialQuantile(kTexts, 0.8, 0.975);
  // The quantile of 20,000 draws is within one count of the true one.
  EXPECT_NEAR(scores.scoreInterval->low * kTexts, low, 1.01);
  EXPECT_NEAR(scores.scoreInterval->high * kTexts, high, 1.01);
  EXPECT_LT(scores.scoreInterval->low, 0.76);
  EXPECT_GT(scores.scoreInterval->high, 0.84);
  // The baseline is always right, so the ratio is the score.
  EXPECT_EQ(scores.transferInterval->low, scores.scoreInterval->low);
  EXPECT_EQ(scores.transferInterval->high, scores.scoreInterval->high);
  EXPECT_EQ(report.baseline.domains[0].scoreInterval->low, 1);
}

TEST(BrittlenessMeasuresTest, ResamplesArePaired) {
  // The same answers: each resample has the same scores, however uncertain these are.
  Scene scene({"a", "b"}, 2);
  for (int domain : {0, 1}) {
    scene.addMany(30, domain, 0, {{0}, {0}, {0}});
    scene.addMany(20, domain, 0, {{1}, {1}, {0}});
    scene.addMany(20, domain, 0, {{1}, {2}, {1}});
  }
  for (ScoreKind kind : {ScoreKind::Accuracy, ScoreKind::MacroF1, ScoreKind::Likelihood}) {
    scene.options.score = kind;
    const BrittlenessReport report = scene.measure();
    const ModelScores &same = report.models[0];
    const Interval &score = *same.domains[0].scoreInterval;
    if (kind != ScoreKind::Likelihood)
      EXPECT_LT(score.low + 0.1, score.high);
    for (const Interval &interval :
         {*same.domains[0].transferInterval, *same.overall.transferInterval,
          *same.transfer->meanInterval, *same.transfer->minimumInterval}) {
      EXPECT_EQ(interval.low, 1);
      EXPECT_EQ(interval.high, 1);
    }
  }
}

TEST(BrittlenessMeasuresTest, IntervalsDependOnTheSeedAlone) {
  Scene scene({"a", "b"});
  for (int domain : {0, 1}) {
    scene.addMany(31, domain, 0, {{0}, {0}});
    scene.addMany(17, domain, 1, {{0}, {1}});
    scene.addMany(12, domain, 0, {{0}, {1}});
  }
  auto intervalOf = [&](size_t domain) {
    Interval interval = *scene.measure().models[0].domains[domain].transferInterval;
    return std::pair(interval.low, interval.high);
  };
  auto a = intervalOf(0), b = intervalOf(1);
  EXPECT_EQ(intervalOf(0), a);
  EXPECT_NE(a, b); // A stream of its own.
  // Another domain changes nothing for the others.
  Scene more = scene;
  scene.groups.domains.push_back("c");
  scene.groups.isSpecialised.push_back(false);
  scene.groups.isUnseen.push_back(false);
  scene.addMany(25, 2, 0, {{0}, {1}});
  EXPECT_EQ(intervalOf(0), a);
  EXPECT_EQ(intervalOf(1), b);
  scene.options.seed = 2;
  EXPECT_NE(intervalOf(0), a);
  scene.options.resamples = 0;
  EXPECT_FALSE(scene.measure().models[0].domains[0].transferInterval);
  EXPECT_FALSE(scene.measure().models[0].transfer->meanInterval);
}

//===----------------------------------------------------------------------===//
// Against plain loops
//===----------------------------------------------------------------------===//

/// One labelled text as the oracle sees it.
struct Text {
  int domain, label;
  int best[3]; ///< Of the baseline and two models.
  double loss[3];
};

double oracleScore(ScoreKind kind, const std::vector<Text> &texts, int model) {
  double sum = 0;
  if (kind == ScoreKind::MacroF1) {
    std::set<int> present;
    for (const Text &text : texts)
      present.insert(text.label);
    for (int c : present) {
      double tp = 0, fp = 0, fn = 0;
      for (const Text &text : texts) {
        tp += text.label == c && text.best[model] == c;
        fp += text.label != c && text.best[model] == c;
        fn += text.label == c && text.best[model] != c;
      }
      sum += 2 * tp / (2 * tp + fp + fn);
    }
    return sum / present.size();
  }
  for (const Text &text : texts)
    sum += kind == ScoreKind::Accuracy ? text.best[model] == text.label : text.loss[model];
  return kind == ScoreKind::Accuracy ? sum / texts.size() : std::exp(-sum / texts.size());
}

/// Linear interpolation between order statistics.
Interval oracleInterval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  auto at = [&](double share) {
    double position = share * (values.size() - 1), whole = 0;
    double part = std::modf(position, &whole);
    double below = values[whole], above = values[std::min(whole + 1, values.size() - 1.0)];
    return (1 - part) * below + part * above;
  };
  return {at(0.025), at(0.975)};
}

void expectNear(const std::optional<Interval> &got, const std::vector<double> &samples) {
  ASSERT_TRUE(got);
  Interval want = oracleInterval(samples);
  EXPECT_NEAR(got->low, want.low, 1e-12);
  EXPECT_NEAR(got->high, want.high, 1e-12);
}

class OracleTest : public ::testing::TestWithParam<ScoreKind> {};

TEST_P(OracleTest, AgreesWithPlainLoops) {
  constexpr int kDomains = 3, kModels = 3, kResamples = 60;
  const std::vector<std::string> names = {"", "left", "right"};
  Scene scene(names, kModels - 1, 5);
  scene.groups.isSpecialised = {true, true, false};
  scene.groups.isUnseen = {false, false, true};
  scene.options.score = GetParam();
  scene.options.seed = 99;
  scene.options.resamples = kResamples;
  std::vector<Text> texts;
  RandomGenerator random(5);
  for (int i = 0; i < 140; ++i) {
    Text text;
    text.domain = static_cast<int>(random.below(kDomains));
    text.label = static_cast<int>(random.below(5));
    std::vector<Scene::Answer> answers;
    for (int m = 0; m < kModels; ++m) {
      bool isRight = random.below(10) < static_cast<uint32_t>(7 - m);
      text.best[m] = isRight ? text.label : static_cast<int>(random.below(5));
      text.loss[m] = random.below(1000) / 400.0;
      answers.push_back({text.best[m], 0.5, text.loss[m]});
    }
    texts.push_back(text);
    scene.add(text.domain, text.label, answers);
    if (i % 10 == 0) // Texts without a label do not count.
      scene.add(text.domain, std::nullopt, answers);
  }
  const BrittlenessReport report = scene.measure();

  // P[resample][model][domain; all last]; the first is of the texts as they are.
  std::vector<std::vector<std::vector<double>>> scores;
  std::vector<RandomGenerator> streams;
  for (const std::string &name : names)
    streams.emplace_back(99, name);
  for (int r = -1; r < kResamples; ++r) {
    std::vector<std::vector<Text>> drawn(kDomains + 1);
    for (int d = 0; d < kDomains; ++d) {
      std::vector<Text> all;
      for (const Text &text : texts)
        if (text.domain == d)
          all.push_back(text);
      for (size_t i = 0; i < all.size(); ++i)
        drawn[d].push_back(all[r < 0 ? i : streams[d].below(all.size())]);
      drawn[kDomains].insert(drawn[kDomains].end(), drawn[d].begin(), drawn[d].end());
    }
    auto &to = scores.emplace_back(kModels);
    for (int m = 0; m < kModels; ++m)
      for (const std::vector<Text> &each : drawn)
        to[m].push_back(oracleScore(GetParam(), each, m));
  }
  auto samplesOf = [&](auto figure) {
    std::vector<double> samples;
    for (size_t r = 1; r < scores.size(); ++r)
      samples.push_back(figure(scores[r]));
    return samples;
  };

  for (int m = 0; m < kModels; ++m) {
    const ModelScores &model = m ? report.models[m - 1] : report.baseline;
    for (int d = 0; d <= kDomains; ++d) {
      const DomainScores &got = d < kDomains ? model.domains[d] : model.overall;
      EXPECT_NEAR(*got.score, scores[0][m][d], 1e-12);
      expectNear(got.scoreInterval, samplesOf([&](const auto &p) { return p[m][d]; }));
      if (!m) {
        EXPECT_FALSE(got.transferRatio || got.transferInterval);
        continue;
      }
      EXPECT_NEAR(*got.transferRatio, scores[0][m][d] / scores[0][0][d], 1e-12);
      expectNear(got.transferInterval, samplesOf([&](const auto &p) { return p[m][d] / p[0][d]; }));
    }
    auto gap = [&](const auto &p) { return (p[m][0] + p[m][1]) / 2 - p[m][2]; };
    EXPECT_NEAR(*model.generalizationGap, gap(scores[0]), 1e-12);
    expectNear(model.gapInterval, samplesOf(gap));
    double most = -1e9;
    for (int d = 0; d < kDomains; ++d) {
      double others = 0;
      for (int e = 0; e < kDomains; ++e)
        others += e == d ? 0 : scores[0][m][e] / (kDomains - 1);
      double index = (scores[0][m][d] - others) / scores[0][m][d];
      EXPECT_NEAR(*model.domains[d].specializationIndex, index, 1e-12);
      most = std::max(most, index);
    }
    EXPECT_NEAR(*model.specializationIndex, most, 1e-12);
    if (!m)
      continue;
    auto ratio = [m](const auto &p, int d) { return p[m][d] / p[0][d]; };
    auto mean = [&](const auto &p) { return (ratio(p, 0) + ratio(p, 1)) / 2; };
    auto minimum = [&](const auto &p) { return std::min(ratio(p, 0), ratio(p, 1)); };
    EXPECT_NEAR(model.transfer->mean, mean(scores[0]), 1e-12);
    EXPECT_NEAR(model.transfer->minimum, minimum(scores[0]), 1e-12);
    expectNear(model.transfer->meanInterval, samplesOf(mean));
    expectNear(model.transfer->minimumInterval, samplesOf(minimum));
    EXPECT_NEAR(model.transferUnseen->minimum, ratio(scores[0], 2), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Scores, OracleTest,
                         ::testing::Values(ScoreKind::Accuracy, ScoreKind::MacroF1,
                                           ScoreKind::Likelihood));

} // namespace
} // namespace gem
