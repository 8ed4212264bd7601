// The bundle that a compilation makes, against the uncompressed model it came from.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_BUNDLEEVALUATION_H
#define GEM_COMPILER_PIPELINE_BUNDLEEVALUATION_H

#include "absl/status/statusor.h"
#include "compiler/Evaluation/Brittleness.h"
#include "compiler/Evaluation/Gate.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gem {

struct BundleEvaluationOptions {
  std::string texts;             ///< File to evaluate on.
  std::vector<Condition> failIf; ///< That fail the build.
  /// Files that the compression learns from, each with its option; empty ones are skipped.
  std::vector<std::pair<std::string, std::string>> seen;
  std::string calibration; ///< That of `seen` whose domains the model is for; empty: none.
  std::string statistics;  ///< Of an earlier calibration (StatisticsFile.h); empty: none.
  int64_t minimumTexts = kMinimumTexts; ///< Of every domain (BrittlenessMeasures.h).
  unsigned threads = 1;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// Evaluates on texts that the compression does not see. What can be refused is refused before
/// the compression is run.
class BundleEvaluation {
public:
  /// Reads the texts. FailedPrecondition when the compression sees one of them or they are too
  /// few, InvalidArgument when a condition names a figure that there is not.
  static absl::StatusOr<std::unique_ptr<BundleEvaluation>> create(BundleEvaluationOptions options);

  /// Keeps the uncompressed model: in the gem dialect, as imported.
  void setOriginal(mlir::ModuleOp module) { original = module.clone(); }

  /// Runs the uncompressed model and `bundle`, aligned to 64 bytes. `facts`: what is known of
  /// the bundle; `parameters` of the source.
  absl::StatusOr<BrittlenessReport> run(llvm::ArrayRef<char> bundle, ModelScores facts,
                                        int64_t parameters);

  /// Every condition, in order.
  std::vector<GateReport> judge(const BrittlenessReport &report) const;

  /// Every file that was read for this alone.
  std::vector<std::string> getInputFiles() const { return {options.texts}; }

private:
  explicit BundleEvaluation(BundleEvaluationOptions options) : options(std::move(options)) {}
  absl::Status start();
  EvaluationProgress progressOf(const std::string &stage) const;

  BundleEvaluationOptions options;
  std::unique_ptr<BrittlenessEvaluator> evaluator;
  mlir::OwningOpRef<mlir::ModuleOp> original;
};

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_BUNDLEEVALUATION_H
