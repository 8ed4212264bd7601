// The measures of brittleness, from what models answered for texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/BrittlenessMeasures.h"
#include "compiler/Evaluation/Bootstrap.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace gem;

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

void ScoreSums::add(int32_t label, int32_t best, double textLoss) {
  ++numTexts;
  numCorrect += label == best;
  loss += textLoss;
  if (actual.empty())
    return;
  ++actual[label];
  ++predicted[best];
  hits[label] += label == best;
}

void ScoreSums::add(const ScoreSums &other) {
  numTexts += other.numTexts;
  numCorrect += other.numCorrect;
  loss += other.loss;
  for (size_t i = 0; i < actual.size(); ++i) {
    actual[i] += other.actual[i];
    predicted[i] += other.predicted[i];
    hits[i] += other.hits[i];
  }
}

void ScoreSums::clear() {
  numTexts = numCorrect = 0;
  loss = 0;
  for (auto *counts : {&actual, &predicted, &hits})
    std::fill(counts->begin(), counts->end(), 0);
}

double ScoreSums::accuracy() const {
  return static_cast<double>(numCorrect) / static_cast<double>(numTexts);
}

double ScoreSums::macroF1() const {
  double sum = 0;
  int64_t numPresent = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!actual[i])
      continue;
    // 2 TP + FP + FN is what is in the class and what was said to be.
    sum += 2 * static_cast<double>(hits[i]) / static_cast<double>(actual[i] + predicted[i]);
    ++numPresent;
  }
  return sum / static_cast<double>(numPresent);
}

double ScoreSums::meanLoss() const { return loss / static_cast<double>(numTexts); }

double ScoreSums::score(ScoreKind kind) const {
  switch (kind) {
  case ScoreKind::Accuracy:
    return accuracy();
  case ScoreKind::MacroF1:
    return macroF1();
  case ScoreKind::Likelihood:
    return std::exp(-meanLoss());
  }
  return 0;
}

double gem::expectedCalibrationError(std::span<const double> confidence,
                                     const std::vector<bool> &correct, int bins) {
  struct Bin {
    double confidence = 0;
    int64_t correct = 0;
  };
  std::vector<Bin> sums(bins);
  for (size_t i = 0; i < confidence.size(); ++i) {
    int bin = static_cast<int>(std::ceil(confidence[i] * bins)) - 1;
    Bin &to = sums[std::clamp(bin, 0, bins - 1)];
    to.confidence += confidence[i];
    to.correct += correct[i];
  }
  // The number of texts of a bin cancels out.
  double error = 0;
  for (const Bin &bin : sums)
    error += std::abs(static_cast<double>(bin.correct) - bin.confidence);
  return confidence.empty() ? 0 : error / static_cast<double>(confidence.size());
}

std::vector<std::optional<double>>
gem::specializationIndices(std::span<const std::optional<double>> scores) {
  std::vector<std::optional<double>> indices(scores.size());
  for (size_t d = 0; d < scores.size(); ++d) {
    double others = 0;
    size_t numOthers = 0;
    for (size_t e = 0; e < scores.size(); ++e)
      if (e != d && scores[e]) {
        others += *scores[e];
        ++numOthers;
      }
    if (scores[d] && *scores[d] > 0 && numOthers)
      indices[d] = (*scores[d] - others / static_cast<double>(numOthers)) / *scores[d];
  }
  return indices;
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double ratioOf(double model, double baseline) {
  return baseline > 0 ? model / baseline : kUndefined;
}

/// What scores need of a labelled text.
struct Answer {
  int32_t label, best;
  double loss;
};

class Measurement {
public:
  Measurement(const TextGroups &texts, const ModelOutcomes *baseline,
              std::span<const ModelOutcomes> models, const BrittlenessOptions &options)
      : texts(texts), options(options), hasBaseline(baseline), numDomains(texts.domains.size()) {
    if (baseline)
      all.push_back(baseline);
    for (const ModelOutcomes &model : models)
      all.push_back(&model);
    textsOf.resize(numDomains + 1);
    labelledOf.resize(numDomains + 1);
    for (size_t text = 0; text < texts.labels.size(); ++text)
      for (size_t domain : {static_cast<size_t>(texts.domainOfText[text]), numDomains}) {
        textsOf[domain].push_back(text);
        if (texts.labels[text])
          labelledOf[domain].push_back(text);
      }
    for (const ModelOutcomes *model : all)
      numClasses = std::max(numClasses, model->numClasses);
  }

  BrittlenessReport measure() {
    if (options.resamples > 0 && !labelledOf[numDomains].empty())
      resample();
    BrittlenessReport report;
    report.score = options.score;
    report.texts = static_cast<int64_t>(texts.labels.size());
    report.seed = options.seed;
    report.resamples = options.resamples;
    for (size_t model = 0; model < all.size(); ++model) {
      ModelScores scores = scoresOf(model);
      if (hasBaseline && model == 0) {
        report.baseline = scores;
      } else {
        compareWithBaseline(model, report.baseline, scores);
        report.models.push_back(std::move(scores));
        report.routeChanges.push_back(all[model]->routeChanges);
      }
      if (options.confusion && numClasses)
        report.confusion.push_back(confusionOf(*all[model]));
    }
    return report;
  }

private:
  /// Fills `samples`: the scores on every resample.
  void resample() {
    bool perClass = options.score == ScoreKind::MacroF1;
    ScoreSums sums(perClass ? numClasses : 0);
    std::vector<ScoreSums> overall(all.size(), sums);
    samples.assign(all.size(), std::vector<std::vector<double>>(
                                   numDomains + 1, std::vector<double>(options.resamples)));
    // By model and domain, side by side: this is what the time goes to.
    std::vector<std::vector<std::vector<Answer>>> answers(all.size());
    for (size_t model = 0; model < all.size(); ++model)
      for (size_t domain = 0; domain < numDomains; ++domain)
        answers[model].push_back(answersOf(*all[model], domain));
    std::vector<RandomGenerator> random;
    for (const std::string &domain : texts.domains)
      random.emplace_back(options.seed, domain);
    std::vector<uint32_t> drawn;
    for (int64_t r = 0; r < options.resamples; ++r) {
      for (ScoreSums &sum : overall)
        sum.clear();
      for (size_t domain = 0; domain < numDomains; ++domain) {
        if (labelledOf[domain].empty())
          continue;
        drawn.resize(labelledOf[domain].size());
        drawResample(random[domain], drawn);
        for (size_t model = 0; model < all.size(); ++model) {
          const std::vector<Answer> &from = answers[model][domain];
          sums.clear();
          for (uint32_t i : drawn)
            sums.add(from[i].label, from[i].best, from[i].loss);
          samples[model][domain][r] = sums.score(options.score);
          overall[model].add(sums);
        }
      }
      for (size_t model = 0; model < all.size(); ++model)
        samples[model][numDomains][r] = overall[model].score(options.score);
    }
  }

  std::vector<Answer> answersOf(const ModelOutcomes &model, size_t domain) const {
    std::vector<Answer> answers;
    for (size_t text : labelledOf[domain])
      answers.push_back({*texts.labels[text], model.texts[text].best, model.texts[text].loss});
    return answers;
  }

  ModelScores scoresOf(size_t model) const {
    const ModelOutcomes &from = *all[model];
    ModelScores scores = from.facts;
    for (size_t domain = 0; domain < numDomains; ++domain)
      scores.domains.push_back(domainScores(model, domain));
    scores.overall = domainScores(model, numDomains);

    std::vector<std::optional<double>> byDomain;
    for (const DomainScores &domain : scores.domains)
      byDomain.push_back(domain.score);
    std::vector<std::optional<double>> indices = specializationIndices(byDomain);
    for (size_t domain = 0; domain < numDomains; ++domain) {
      scores.domains[domain].specializationIndex = indices[domain];
      if (indices[domain] &&
          (!scores.specializationIndex || *indices[domain] > *scores.specializationIndex)) {
        scores.specializationIndex = indices[domain];
        scores.specializationDomain = texts.domains[domain];
      }
    }
    generalizationGap(model, scores);
    if (from.isTimed)
      scores.seconds = medianSeconds(from);
    return scores;
  }

  DomainScores domainScores(size_t model, size_t domain) const {
    const ModelOutcomes &from = *all[model];
    DomainScores scores;
    if (domain < numDomains) {
      scores.domain = texts.domains[domain];
      scores.isSpecialised = texts.isSpecialised[domain];
      scores.isUnseen = texts.isUnseen[domain];
    }
    scores.texts = static_cast<int64_t>(textsOf[domain].size());
    scores.labelled = static_cast<int64_t>(labelledOf[domain].size());
    for (size_t text : textsOf[domain])
      scores.tokens += from.tokens[text];
    if (labelledOf[domain].empty())
      return scores;
    ScoreSums sums(numClasses);
    std::vector<double> confidence;
    std::vector<bool> correct;
    for (size_t text : labelledOf[domain]) {
      const TextOutcome &outcome = from.texts[text];
      sums.add(*texts.labels[text], outcome.best, outcome.loss);
      confidence.push_back(outcome.confidence);
      correct.push_back(outcome.best == *texts.labels[text]);
    }
    scores.accuracy = sums.accuracy();
    scores.macroF1 = sums.macroF1();
    scores.meanLoss = sums.meanLoss();
    scores.calibrationError = expectedCalibrationError(confidence, correct);
    scores.score = sums.score(options.score);
    if (!samples.empty())
      scores.scoreInterval = percentileInterval(samples[model][domain]);
    return scores;
  }

  void generalizationGap(size_t model, ModelScores &scores) const {
    std::vector<size_t> inside, outside;
    for (size_t domain = 0; domain < numDomains; ++domain)
      if (scores.domains[domain].score)
        (texts.isSpecialised[domain] ? inside : outside).push_back(domain);
    if (inside.empty() || outside.empty())
      return;
    auto gap = [&](auto score) { return meanOver(inside, score) - meanOver(outside, score); };
    scores.generalizationGap = gap([&](size_t d) { return *scores.domains[d].score; });
    if (samples.empty())
      return;
    std::vector<double> gaps;
    for (int64_t r = 0; r < options.resamples; ++r)
      gaps.push_back(gap([&](size_t d) { return samples[model][d][r]; }));
    scores.gapInterval = percentileInterval(gaps);
  }

  template <typename Score>
  static double meanOver(const std::vector<size_t> &domains, Score score) {
    double sum = 0;
    for (size_t domain : domains)
      sum += score(domain);
    return sum / static_cast<double>(domains.size());
  }

  static double medianSeconds(const ModelOutcomes &model) {
    std::vector<double> seconds;
    for (const TextOutcome &outcome : model.texts)
      seconds.push_back(outcome.seconds);
    auto middle = seconds.begin() + seconds.size() / 2;
    std::nth_element(seconds.begin(), middle, seconds.end());
    return *middle;
  }

  void compareWithBaseline(size_t model, const ModelScores &baseline, ModelScores &scores) const {
    if (!hasBaseline)
      return;
    for (size_t domain = 0; domain <= numDomains; ++domain) {
      DomainScores &to = domain < numDomains ? scores.domains[domain] : scores.overall;
      compareDomain(*all[model], domain, to);
      const DomainScores &with = domain < numDomains ? baseline.domains[domain] : baseline.overall;
      if (!to.score || !with.score || *with.score <= 0)
        continue;
      to.transferRatio = *to.score / *with.score;
      if (samples.empty())
        continue;
      std::vector<double> ratios;
      for (int64_t r = 0; r < options.resamples; ++r)
        ratios.push_back(ratioOf(samples[model][domain][r], samples[0][domain][r]));
      to.transferInterval = percentileInterval(ratios);
    }
    scores.transfer = transferOver(model, scores, texts.isSpecialised);
    scores.transferUnseen = transferOver(model, scores, texts.isUnseen);
  }

  void compareDomain(const ModelOutcomes &model, size_t domain, DomainScores &to) const {
    int64_t agreeing = 0, tokens = 0, pairs = 0, routed = 0, cluster = 0, mask = 0;
    double divergence = 0;
    for (size_t text : textsOf[domain]) {
      const TextOutcome &outcome = model.texts[text];
      agreeing += outcome.agrees;
      divergence += outcome.divergence;
      tokens += outcome.tokens;
      pairs += outcome.tokens * outcome.tokens;
      routed += outcome.routedFlips;
      cluster += outcome.clusterFlips;
      mask += outcome.maskFlips;
    }
    double numTexts = static_cast<double>(to.texts);
    to.agreement = static_cast<double>(agreeing) / numTexts;
    to.divergence = divergence / numTexts;
    if (model.hasRouting && tokens) {
      auto share = [](int64_t part, int64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
      };
      to.flips = FlipsReport{share(routed, tokens), share(cluster, tokens), share(mask, pairs)};
    }
  }

  std::optional<TransferSummary> transferOver(size_t model, const ModelScores &scores,
                                              const std::vector<bool> &isIn) const {
    std::vector<size_t> domains;
    for (size_t domain = 0; domain < numDomains; ++domain)
      if (isIn[domain] && scores.domains[domain].transferRatio)
        domains.push_back(domain);
    if (domains.empty())
      return std::nullopt;
    auto ratio = [&](size_t domain) { return *scores.domains[domain].transferRatio; };
    TransferSummary summary;
    summary.mean = meanOver(domains, ratio);
    size_t least = *std::min_element(domains.begin(), domains.end(),
                                     [&](size_t a, size_t b) { return ratio(a) < ratio(b); });
    summary.minimum = ratio(least);
    summary.minimumDomain = texts.domains[least];
    if (samples.empty())
      return summary;
    std::vector<double> means, minima;
    for (int64_t r = 0; r < options.resamples; ++r) {
      // One undefined ratio makes the mean so, and the minimum too.
      double sum = 0, minimum = std::numeric_limits<double>::infinity();
      bool isUndefined = false;
      for (size_t domain : domains) {
        double value = ratioOf(samples[model][domain][r], samples[0][domain][r]);
        isUndefined |= std::isnan(value);
        sum += value;
        minimum = std::min(minimum, value);
      }
      means.push_back(sum / static_cast<double>(domains.size()));
      minima.push_back(isUndefined ? kUndefined : minimum);
    }
    summary.meanInterval = percentileInterval(means);
    summary.minimumInterval = percentileInterval(minima);
    return summary;
  }

  std::vector<std::vector<int64_t>> confusionOf(const ModelOutcomes &model) const {
    std::vector<std::vector<int64_t>> counts(numClasses, std::vector<int64_t>(numClasses));
    for (size_t text : labelledOf[numDomains])
      ++counts[*texts.labels[text]][model.texts[text].best];
    return counts;
  }

  const TextGroups &texts;
  const BrittlenessOptions &options;
  bool hasBaseline;
  size_t numDomains, numClasses = 0;
  std::vector<const ModelOutcomes *> all; ///< The baseline first, where there is one.
  std::vector<std::vector<size_t>> textsOf, labelledOf; ///< [domain; all texts last]
  /// [model][domain; all texts last][resample]; empty without resamples.
  std::vector<std::vector<std::vector<double>>> samples;
};

} // namespace

BrittlenessReport gem::measureBrittleness(const TextGroups &texts, const ModelOutcomes *baseline,
                                          std::span<const ModelOutcomes> models,
                                          const BrittlenessOptions &options) {
  return Measurement(texts, baseline, models, options).measure();
}
