// Figures of an evaluation by name, and what the measures are.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessReport.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>

namespace gem {

const char *keyOf(ScoreKind kind) {
  switch (kind) {
  case ScoreKind::Accuracy:
    return "accuracy";
  case ScoreKind::MacroF1:
    return "macro_f1";
  case ScoreKind::Likelihood:
    return "likelihood";
  }
  return "";
}

const char *nameOf(ScoreKind kind) { return kind == ScoreKind::MacroF1 ? "macro-F1" : keyOf(kind); }

std::string nameOfDomain(const std::string &domain) {
  return domain.empty() ? "no domain" : domain;
}

std::span<const MeasureDefinition> measureDefinitions() {
  static constexpr MeasureDefinition kDefinitions[] = {
      {"accuracy", "accuracy", "share of the labelled texts whose most likely class is the label"},
      {"macro_f1", "macro-F1",
       "mean of 2 TP / (2 TP + FP + FN) over the classes that the domain's labels have"},
      {"likelihood", "likelihood", "exp(-mean loss)"},
      {"loss", "loss", "mean of -log p(label), nats"},
      {"calibration_error", "ECE",
       "expected calibration error: mean |accuracy - confidence| over 15 bins of confidence, "
       "weighted by their texts"},
      {"agreement", "agree", "share of texts with the baseline's most likely class"},
      {"kl", "KL",
       "mean KL(baseline || model) of the classes, nats; of more than 64 classes a lower bound"},
      {"flips", "flips",
       "routing decisions that differ from the baseline's: tokens by routed, tokens by cluster, "
       "pairs of tokens by what SCAR permits (the mask)"},
      {"cdtr", "CDTR",
       "cross-domain transfer ratio P_d(model) / P_d(baseline); 1 is ideal; mean and minimum over "
       "S, and over the unseen domains, which the calibration data lacks"},
      {"dsi", "DSI",
       "domain specialization index (P_d - mean of the other domains' P) / P_d; 0 is balanced, "
       "towards 1 a specialist"},
      {"gg", "GG",
       "generalization gap: mean P_d over S, the domains that the model is for, less the mean over "
       "the others; 0 is ideal"},
      {"interval", "intervals",
       "95 % percentile interval of a paired bootstrap over the labelled texts within domains"},
  };
  return kDefinitions;
}

namespace {

/// Whether the figures of a domain of this name could be taken for a summary.
bool isReserved(const std::string &domain) {
  static constexpr const char *kSummaries[] = {"mean", "min", "max", "unseen", "low", "high"};
  return std::any_of(std::begin(kSummaries), std::end(kSummaries), [&](const char *name) {
    return domain == name || absl::StartsWith(domain, absl::StrCat(name, "."));
  });
}

class Figures {
public:
  void add(const std::string &name, const std::optional<double> &value) {
    if (value && std::isfinite(*value))
      figures[name] = *value;
  }
  void add(const std::string &name, const std::optional<double> &value,
           const std::optional<Interval> &interval) {
    add(name, value);
    if (value && interval) {
      add(name + ".low", interval->low);
      add(name + ".high", interval->high);
    }
  }
  /// What a domain and all texts have; `suffix` is ".DOMAIN".
  void addScores(const DomainScores &scores, const std::string &suffix) {
    add("score" + suffix, scores.score, scores.scoreInterval);
    add("accuracy" + suffix, scores.accuracy);
    add("macro_f1" + suffix, scores.macroF1);
    add("loss" + suffix, scores.meanLoss);
    add("calibration_error" + suffix, scores.calibrationError);
    add("agreement" + suffix, scores.agreement);
    add("kl" + suffix, scores.divergence);
  }
  void addTransfer(const std::string &name, const std::optional<TransferSummary> &transfer) {
    if (!transfer)
      return;
    add(name + ".mean", transfer->mean, transfer->meanInterval);
    add(name + ".min", transfer->minimum, transfer->minimumInterval);
  }

  std::map<std::string, double> figures;
};

} // namespace

std::map<std::string, double> figuresOf(const ModelScores &model) {
  Figures figures;
  std::optional<double> worstDivergence;
  for (const DomainScores &domain : model.domains) {
    if (domain.divergence)
      worstDivergence = std::max(worstDivergence.value_or(0), *domain.divergence);
    if (isReserved(domain.domain))
      continue;
    std::string suffix = absl::StrCat(".", domain.domain.empty() ? "no_domain" : domain.domain);
    figures.addScores(domain, suffix);
    figures.add("cdtr" + suffix, domain.transferRatio, domain.transferInterval);
    figures.add("dsi" + suffix, domain.specializationIndex);
  }
  figures.addScores(model.overall, "");
  figures.addTransfer("cdtr", model.transfer);
  figures.addTransfer("cdtr.unseen", model.transferUnseen);
  figures.add("dsi.max", model.specializationIndex);
  figures.add("gg", model.generalizationGap, model.gapInterval);
  figures.add("kl.max", worstDivergence);
  if (const auto &flips = model.overall.flips) {
    figures.add("flips.routed", flips->routed);
    figures.add("flips.cluster", flips->cluster);
    figures.add("flips.mask", flips->mask);
  }
  // 0 stands for a size that is not known.
  auto orUnknown = [](int64_t bytes) {
    return bytes ? std::optional<double>(static_cast<double>(bytes)) : std::nullopt;
  };
  figures.add("bytes", orUnknown(model.bytes));
  figures.add("bits_per_weight", model.bitsPerWeight);
  figures.add("macs_kept", model.macsKept);
  figures.add("memory_bytes", orUnknown(model.memoryBytes));
  figures.add("seconds", model.seconds);
  return std::move(figures.figures);
}

} // namespace gem
