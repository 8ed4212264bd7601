// Evaluates bundles on texts: scores by domain, and what compression cost each.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_BRITTLENESS_H
#define GEM_COMPILER_EVALUATION_BRITTLENESS_H

#include "absl/status/statusor.h"
#include "compiler/Evaluation/BrittlenessMeasures.h"
#include <string>
#include <vector>

namespace gem {

/// What models are evaluated on.
struct EvaluationData {
  std::string path, hash; ///< For messages and the report; hash as TextFileInfo has it.
  std::vector<CalibrationText> texts;
};

/// The domains of texts, sorted, each once.
std::vector<std::string> domainsOf(const std::vector<CalibrationText> &texts);

/// What a bundle says of itself: `bytes`, `bitsPerWeight`, `memoryBytes`, and a name, its
/// file's. NotFound or DataLoss when the file cannot be read.
absl::StatusOr<ModelScores> describeBundle(const std::string &path, const BundleRunner &runner);

/// Runs models on the same texts, one after the other, and keeps of each what the measures
/// need: about 100 bytes a text. The baseline's distributions are kept too (Baseline).
///
///   auto evaluator = BrittlenessEvaluator::create(data, options);
///   evaluator->setBaseline(*f32, facts); // may be left out
///   evaluator->addModel(*int8, facts);
///   BrittlenessReport report = evaluator->getReport();
///
/// Each model reads the texts with its own tokenizer. Where that gives other tokens than the
/// baseline's, as a pruned vocabulary does, the text takes no part in the flips of routing.
class BrittlenessEvaluator {
public:
  /// InvalidArgument: an unknown domain in `specialised`. FailedPrecondition: a domain with
  /// fewer texts than options.minimumTexts (labelled ones, where any text has a label), or no
  /// labels though options.requireScores.
  static absl::StatusOr<BrittlenessEvaluator> create(EvaluationData data,
                                                     BrittlenessOptions options);

  bool hasLabels() const { return numLabelled > 0; }
  const EvaluationData &getData() const { return data; }
  const BrittlenessOptions &getOptions() const { return options; }

  /// Runs the uncompressed model; before any addModel. InvalidArgument when the model gives no
  /// logits, has no tokenizer, or has fewer classes than the labels need.
  absl::Status setBaseline(BundleRunner &runner, ModelScores facts,
                           const EvaluationProgress &progress = nullptr);
  /// Runs a model and compares it with the baseline, where there is one.
  absl::Status addModel(BundleRunner &runner, ModelScores facts,
                        const EvaluationProgress &progress = nullptr);

  /// The measures of the models so far.
  BrittlenessReport getReport() const;

private:
  BrittlenessEvaluator() = default;
  absl::Status checkTexts() const;
  absl::Status chooseDomains();
  absl::Status checkClasses(BundleRunner &runner, const TokenizedTexts &tokenized) const;
  void countRouteChanges(const std::vector<uint8_t> &changes, ModelOutcomes &outcomes) const;

  EvaluationData data;
  BrittlenessOptions options;
  TextGroups groups;
  size_t numLabelled = 0;

  // Of the baseline.
  bool hasBaseline = false;
  Baseline baseline;
  ModelOutcomes baselineOutcomes;
  TokenizedTexts baselineTexts;
  std::vector<std::string> pieces; ///< By id.

  std::vector<ModelOutcomes> models;
  std::vector<std::string> labels; ///< Of the first model that names its classes.
};

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_BRITTLENESS_H
