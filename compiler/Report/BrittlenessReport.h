// How models score on every domain, and what compression cost each: plain figures.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_BRITTLENESSREPORT_H
#define GEM_COMPILER_REPORT_BRITTLENESSREPORT_H

#include "compiler/Report/SharedFigures.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gem {

/// What P_d, the score of a model on domain d, is.
enum class ScoreKind {
  Accuracy,
  MacroF1,    ///< Over the classes that the domain's labels have.
  Likelihood, ///< exp(-mean loss)
};

/// A model on the texts of one domain, or on all. What needs labels is not set without them.
struct DomainScores {
  std::string domain; ///< Empty for texts without one, and for all.
  int64_t texts = 0, labelled = 0, tokens = 0;
  std::optional<double> accuracy, macroF1; ///< Shares of 1.
  std::optional<double> meanLoss;          ///< -log p(label), nats.
  std::optional<double> calibrationError;  ///< Expected, 15 bins of confidence (Guo et al. 2017).
  std::optional<double> score;             ///< P_d, by ScoreKind.
  std::optional<Interval> scoreInterval;

  // Against the baseline; not set of the baseline itself.
  std::optional<double> agreement;  ///< Share of texts with the same best class.
  std::optional<double> divergence; ///< Mean KL(baseline || model) of the classes, nats.
  std::optional<FlipsReport> flips;
  std::optional<double> transferRatio; ///< CDTR_d = P_d(model) / P_d(baseline).
  std::optional<Interval> transferInterval;

  /// DSI_d = (P_d - mean of the other domains' P) / P_d; not set where P_d is 0.
  std::optional<double> specializationIndex;
  bool isSpecialised = false; ///< In S: what the model is for.
  bool isUnseen = false;      ///< Absent from the calibration data.
};

/// Mean and minimum of CDTR over some domains.
struct TransferSummary {
  double mean = 0, minimum = 0;
  /// Of the minimum over the domains of a resample, so it lies rather below `minimum`. Not set
  /// without resamples, or where a domain's ratio was undefined in too many.
  std::optional<Interval> meanInterval, minimumInterval;
  std::string minimumDomain;
};

struct ModelScores {
  std::string name, path;
  int64_t bytes = 0;                 ///< Of the file; 0 when it is none.
  std::optional<double> bitsPerWeight;
  std::optional<double> macsKept;    ///< Share of the source's, where it was pruned.
  int64_t memoryBytes = 0;           ///< Weights, arena and session.
  std::optional<double> seconds;     ///< Of a text, median, measured here.
  DomainScores overall;
  std::vector<DomainScores> domains; ///< By name.
  std::optional<double> specializationIndex; ///< The largest DSI_d.
  std::string specializationDomain;
  std::optional<double> generalizationGap; ///< GG = mean P over S - mean P over the others.
  std::optional<Interval> gapInterval;
  std::optional<TransferSummary> transfer;       ///< Over S.
  std::optional<TransferSummary> transferUnseen; ///< Over the domains absent from calibration.
};

/// A token of the texts that changed its route.
struct RouteChange {
  std::string token;
  std::string domain; ///< Where it changed most often.
  int64_t occurrences = 0, changed = 0; ///< In all texts; `changed` by `routed` or cluster.
};

struct BrittlenessReport {
  std::string data;     ///< The file of texts.
  std::string dataHash; ///< "blake3:..." (TextFile.h)
  ScoreKind score = ScoreKind::Accuracy;
  int64_t texts = 0;
  uint64_t seed = 0;    ///< Of the bootstrap.
  int64_t resamples = 0;
  std::vector<std::string> labels;     ///< Of the classes, where the bundle names them.
  bool hasBaseline() const { return !baseline.domains.empty(); }
  ModelScores baseline;                ///< Without domains when there is none.
  std::vector<ModelScores> models;     ///< The compressed ones.
  /// Of each model, the tokens that changed most often, the most frequent first; may be empty.
  std::vector<std::vector<RouteChange>> routeChanges;
  /// Of each model (the baseline first, where there is one), [label][best class] counts; empty
  /// unless asked for.
  std::vector<std::vector<std::vector<int64_t>>> confusion;
};

/// Every figure of a model under its name for --fail-if and for machines: "cdtr.mean",
/// "cdtr.min", "cdtr.unseen.min", "cdtr.DOMAIN", "dsi.max", "dsi.DOMAIN", "gg", "accuracy",
/// "accuracy.DOMAIN", "macro_f1", "loss", "calibration_error", "agreement", "kl", "kl.DOMAIN",
/// "kl.max", "flips.routed", "flips.cluster", "flips.mask", "bytes", "bits_per_weight",
/// "macs_kept", "memory_bytes", "seconds". What is not known is absent.
std::map<std::string, double> figuresOf(const ModelScores &model);

} // namespace gem

#endif // GEM_COMPILER_REPORT_BRITTLENESSREPORT_H
