// A report of compressed models to render. The figures are made up, but fit together.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TEST_COMPILER_REPORT_SAMPLEBRITTLENESS_H
#define GEM_TEST_COMPILER_REPORT_SAMPLEBRITTLENESS_H

#include "compiler/Report/BrittlenessReport.h"

#include <algorithm>
#include <cmath>

namespace gem {

/// `models` of falling size over eight domains and two that calibration did not see.
inline BrittlenessReport brittlenessSample(size_t models) {
  static const std::vector<std::string> kDomains = {"banking", "credit_cards", "dining",  "home",
                                                    "kernel",  "travel",       "utility", "work",
                                                    "german",  "spanish"};
  uint64_t state = 7;
  auto vary = [&] {
    state = state * 48271 % 2147483647;
    return static_cast<double>(state % 1000) / 1000;
  };
  BrittlenessReport report;
  report.data = "data/test.jsonl";
  report.dataHash = "blake3:0123456789abcdef0123456789abcdef";
  report.texts = 1040;
  report.resamples = 2000;
  for (int i = 0; i < 12; ++i)
    report.labels.push_back("label_" + std::to_string(i));
  auto score = [&](ModelScores &model, double loss) {
    double sum = 0;
    for (size_t i = 0; i < kDomains.size(); ++i) {
      bool isUnseen = i >= 8;
      DomainScores domain;
      domain.domain = kDomains[i];
      domain.texts = domain.labelled = 104;
      domain.tokens = 1500;
      domain.isSpecialised = !isUnseen;
      domain.isUnseen = isUnseen;
      double before = (isUnseen ? 0.62 : 0.85) + 0.012 * static_cast<double>(i % 4);
      double ratio = 1 - loss * (0.2 + vary()) - (kDomains[i] == "kernel" ? loss : 0);
      domain.score = domain.accuracy = before * ratio;
      domain.macroF1 = *domain.score - 0.02;
      domain.scoreInterval = Interval{*domain.score - 0.05, std::min(*domain.score + 0.05, 1.0)};
      domain.meanLoss = -std::log(*domain.score) + 0.2;
      domain.calibrationError = 0.03 + 0.02 * vary();
      if (loss > 0) {
        domain.agreement = 1 - loss * 0.8;
        domain.divergence = loss * loss;
        domain.flips = FlipsReport{loss * 0.3, loss * 0.4, loss * 0.1};
        domain.transferRatio = ratio;
        domain.transferInterval = Interval{ratio - 0.03, ratio + 0.025};
      }
      sum += *domain.score;
      model.domains.push_back(domain);
    }
    std::sort(model.domains.begin(), model.domains.end(),
              [](const DomainScores &a, const DomainScores &b) { return a.domain < b.domain; });
    double specialised = 0, others = 0;
    for (DomainScores &domain : model.domains) {
      double mean = (sum - *domain.score) / static_cast<double>(kDomains.size() - 1);
      domain.specializationIndex = (*domain.score - mean) / *domain.score;
      if (!model.specializationIndex || *domain.specializationIndex > *model.specializationIndex) {
        model.specializationIndex = domain.specializationIndex;
        model.specializationDomain = domain.domain;
      }
      (domain.isUnseen ? others : specialised) += *domain.score;
    }
    model.generalizationGap = specialised / 8 - others / 2;
    model.gapInterval = Interval{*model.generalizationGap - 0.04, *model.generalizationGap + 0.04};
    DomainScores &all = model.overall;
    all = model.domains[0];
    all.domain.clear();
    all.texts = all.labelled = 1040;
    all.score = all.accuracy = sum / static_cast<double>(kDomains.size());
    all.scoreInterval = Interval{*all.score - 0.018, *all.score + 0.018};
    all.isSpecialised = all.isUnseen = false;
    all.specializationIndex.reset();
    if (loss == 0)
      return;
    for (bool isUnseen : {false, true}) {
      TransferSummary summary;
      summary.minimum = 2;
      int count = 0;
      for (const DomainScores &domain : model.domains) {
        if (domain.isUnseen != isUnseen)
          continue;
        ++count;
        summary.mean += *domain.transferRatio;
        if (*domain.transferRatio < summary.minimum) {
          summary.minimum = *domain.transferRatio;
          summary.minimumDomain = domain.domain;
        }
      }
      summary.mean /= count;
      summary.meanInterval = {summary.mean - 0.01, summary.mean + 0.009};
      summary.minimumInterval = {summary.minimum - 0.04, summary.minimum + 0.03};
      (isUnseen ? model.transferUnseen : model.transfer) = summary;
    }
  };
  auto matrix = [&](double wrong) {
    std::vector<std::vector<int64_t>> counts(12, std::vector<int64_t>(12));
    for (int label = 0; label < 12; ++label) {
      counts[label][label] = 80 - static_cast<int64_t>(wrong * vary());
      counts[label][(label + 3) % 12] = static_cast<int64_t>(wrong * vary());
      counts[label][(label + 7) % 12] = static_cast<int64_t>(wrong * vary() / 2);
    }
    return counts;
  };
  report.baseline.name = "tiny-f32.gemb";
  report.baseline.path = "out/tiny-f32.gemb";
  report.baseline.bytes = 6'440'000;
  report.baseline.bitsPerWeight = 32.1;
  report.baseline.memoryBytes = 7'100'000;
  report.baseline.seconds = 0.00121;
  score(report.baseline, 0);
  report.confusion.push_back(matrix(9));
  static const char *kNames[] = {"tiny-int8.gemb", "tiny-int4.gemb", "tiny-int3-pruned.gemb"};
  for (size_t i = 0; i < models; ++i) {
    ModelScores &model = report.models.emplace_back();
    model.name = i < 3 ? kNames[i] : "tiny-" + std::to_string(i + 1) + ".gemb";
    model.path = "out/" + model.name;
    model.bytes = 1'780'000 - 320'000 * static_cast<int64_t>(std::min<size_t>(i, 4));
    model.bitsPerWeight = 8.3 - 1.9 * static_cast<double>(std::min<size_t>(i, 3));
    if (i == 2)
      model.macsKept = 0.5;
    model.memoryBytes = model.bytes + 500'000;
    model.seconds = 0.0009;
    score(model, 0.03 * static_cast<double>(i + 1));
    report.confusion.push_back(matrix(12 + 5 * static_cast<double>(i)));
    std::vector<RouteChange> &changes = report.routeChanges.emplace_back();
    static const char *kTokens[] = {"the",    "##ing", "transfer", "account", "my", "?",
                                    "flight", "##s",   "card",     "is",      "to", "what"};
    for (int64_t token = 0; token < 12; ++token)
      changes.push_back({kTokens[token], kDomains[static_cast<size_t>(token % 8)], 400 - 20 * token,
                         90 - 7 * token});
  }
  return report;
}

} // namespace gem

#endif // GEM_TEST_COMPILER_REPORT_SAMPLEBRITTLENESS_H
