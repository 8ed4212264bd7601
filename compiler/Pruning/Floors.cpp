// How good a pruned model must stay in every domain, judged on texts that it was not fitted to.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/Floors.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/Bootstrap.h"
#include "passes/Quantization/ExactMath.h"
#include <algorithm>
#include <cmath>

using namespace gem;

namespace {

constexpr int kResamples = 1000;

/// -log p(label) of every text.
absl::StatusOr<std::vector<double>> lossesOf(BundleRunner &runner, const TokenizedTexts &texts) {
  std::vector<double> losses(texts.size());
  absl::Status status = runner.runAll(texts, [&](size_t text, const TextResult &result) {
    auto label = static_cast<size_t>(*texts.labels[text]);
    if (label >= result.logits.size())
      return absl::InvalidArgumentError(absl::StrCat("a text to judge on has the label ", label,
                                                     ", but the model has ", result.logits.size(),
                                                     " classes"));
    double largest = *std::max_element(result.logits.begin(), result.logits.end());
    double sum = 0;
    for (float logit : result.logits)
      sum += quant::exactExp(logit - largest);
    losses[text] = largest + quant::exactLog(sum) - result.logits[label];
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  return losses;
}

} // namespace

absl::StatusOr<Floors> Floors::prepare(BundleRunner &whole, const std::string &path,
                                       std::optional<double> floor, uint64_t seed) {
  absl::StatusOr<std::vector<CalibrationText>> read = readTextFile(path);
  if (!read.ok())
    return read.status();
  std::map<std::string, int64_t> counts;
  for (const CalibrationText &text : *read) {
    if (!text.label)
      return absl::InvalidArgumentError(
          absl::StrCat("floors are judged by the likelihood of labels, but a text has none: \"",
                       text.text.substr(0, 40), "...\"; give labelled texts with --validate"));
    ++counts[text.domain];
  }
  for (const auto &[domain, count] : counts)
    if (count < kLeastTexts)
      return absl::InvalidArgumentError(
          absl::StrCat("the domain '", domain, "' has ", count, count == 1 ? " text" : " texts",
                       " to judge on, which tells nothing: at least ", kLeastTexts,
                       " are needed (four times as many where they are split off --calibrate)"));
  Floors floors;
  absl::StatusOr<TokenizedTexts> tokenized = whole.tokenize(*read);
  if (!tokenized.ok())
    return tokenized.status();
  floors.texts = *std::move(tokenized);
  absl::StatusOr<std::vector<double>> losses = lossesOf(whole, floors.texts);
  if (!losses.ok())
    return losses.status();
  floors.losses = *std::move(losses);
  floors.floor = floor;
  floors.seed = seed;
  return floors;
}

absl::StatusOr<std::vector<PrunedDomain>> Floors::judge(BundleRunner &pruned) const {
  absl::StatusOr<std::vector<double>> now = lossesOf(pruned, texts);
  if (!now.ok())
    return now.status();
  std::vector<PrunedDomain> domains;
  for (size_t d = 0; d < texts.domains.size(); ++d) {
    std::vector<double> rises;
    for (size_t text = 0; text < texts.size(); ++text)
      if (texts.domainOfText[text] == d)
        rises.push_back((*now)[text] - losses[text]);
    // A ratio of likelihoods is the exponential of a mean of differences: pairs stay together.
    auto ratioOf = [](double sum, size_t count) {
      return quant::exactExp(-sum / static_cast<double>(count));
    };
    double sum = 0;
    for (double rise : rises)
      sum += rise;
    std::vector<double> ratios;
    RandomGenerator random(seed, texts.domains[d]);
    std::vector<uint32_t> indices(rises.size());
    for (int resample = 0; resample < kResamples; ++resample) {
      drawResample(random, indices);
      double drawn = 0;
      for (uint32_t index : indices)
        drawn += rises[index];
      ratios.push_back(ratioOf(drawn, rises.size()));
    }
    PrunedDomain &domain = domains.emplace_back();
    domain.domain = texts.domains[d];
    domain.texts = static_cast<int64_t>(rises.size());
    domain.ratio = ratioOf(sum, rises.size());
    // Undefined only where losses are not finite: then nothing is kept.
    domain.interval = percentileInterval(ratios).value_or(Interval{0, 0});
  }
  return domains;
}

const PrunedDomain *Floors::findBroken(const std::vector<PrunedDomain> &domains) const {
  const PrunedDomain *broken = nullptr;
  for (const PrunedDomain &domain : domains)
    if (floor && domain.interval.low < *floor &&
        (!broken || domain.interval.low < broken->interval.low))
      broken = &domain;
  return broken;
}
