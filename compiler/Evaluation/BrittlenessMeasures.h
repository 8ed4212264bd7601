// The measures of brittleness, from what models answered for texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_BRITTLENESSMEASURES_H
#define GEM_COMPILER_EVALUATION_BRITTLENESSMEASURES_H

#include "compiler/Evaluation/Evaluator.h"
#include "compiler/Report/BrittlenessReport.h"
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gem {

/// With fewer texts than this one of them is more than 5 % of the score, so that no interval
/// at 95 % says anything, and a percentile interval is too narrow besides (Efron and
/// Tibshirani 1993, section 13.3).
inline constexpr int64_t kMinimumTexts = 20;

struct BrittlenessOptions {
  ScoreKind score = ScoreKind::Accuracy;
  /// Texts without a single label are an error; else there are no scores then.
  bool requireScores = false;
  /// S, the domains that the model is for. Empty: those of the calibration data that the
  /// texts have, or without calibration data all.
  std::vector<std::string> specialised;
  /// The domains of the calibration data; not set when it is not known.
  std::optional<std::vector<std::string>> calibrationDomains;
  int64_t minimumTexts = kMinimumTexts; ///< With a label, of every domain.
  uint64_t seed = 1;
  int64_t resamples = 1000; ///< 0: no intervals.
  bool confusion = false;
  size_t mostRouteChanges = 50; ///< Of each model.
};

/// The texts that models answered, by index.
struct TextGroups {
  std::vector<std::string> domains;   ///< Names, sorted.
  std::vector<uint32_t> domainOfText; ///< Index into `domains`.
  std::vector<std::optional<int32_t>> labels;
  std::vector<bool> isSpecialised, isUnseen; ///< Of each domain.
};

struct ModelOutcomes {
  /// What is known of the model beside its answers: name, path, sizes. Taken over.
  ModelScores facts;
  std::vector<TextOutcome> texts;
  std::vector<int64_t> tokens; ///< Of each text, as the model reads it.
  size_t numClasses = 0;       ///< More than any label and any best class.
  bool isTimed = false;        ///< Outcomes have seconds of one thread.
  bool hasRouting = false;     ///< Outcomes have flips.
  std::vector<RouteChange> routeChanges;
};

/// The scores of P_d's kind over some texts. Sums of integers for accuracy and macro-F1.
class ScoreSums {
public:
  explicit ScoreSums(size_t numClasses)
      : actual(numClasses), predicted(numClasses), hits(numClasses) {}

  void add(int32_t label, int32_t best, double loss);
  void add(const ScoreSums &other);
  void clear();

  int64_t texts() const { return numTexts; }
  double accuracy() const;
  /// The mean over the classes that labels have of 2 TP / (2 TP + FP + FN).
  double macroF1() const;
  double meanLoss() const;
  double score(ScoreKind kind) const;

private:
  int64_t numTexts = 0, numCorrect = 0;
  double loss = 0;
  std::vector<int64_t> actual, predicted, hits; ///< [classes]
};

/// Expected calibration error: the mean over the texts of |accuracy - confidence| of their
/// bin, of `bins` equal bins ((m - 1) / bins, m / bins] of confidence (Guo et al. 2017).
double expectedCalibrationError(std::span<const double> confidence,
                                const std::vector<bool> &correct, int bins = 15);

/// DSI_d = (P_d - mean of the others) / P_d of each domain; none where P_d is 0 or not known,
/// or there is no other.
std::vector<std::optional<double>>
specializationIndices(std::span<const std::optional<double>> scores);

/// All measures of docs/evaluation.md, of models beside `baseline`, which may
/// be null: then there are scores only. Deterministic; one thread.
///
/// Intervals are of a paired bootstrap, stratified by domain: each resample draws, in every
/// domain, as many labelled texts as there are, and all models are scored on the same ones.
///
/// A domain that the baseline scores 0 in has no CDTR and takes no part in its mean and
/// minimum, which are over the domains that have one.
BrittlenessReport measureBrittleness(const TextGroups &texts, const ModelOutcomes *baseline,
                                     std::span<const ModelOutcomes> models,
                                     const BrittlenessOptions &options);

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_BRITTLENESSMEASURES_H
