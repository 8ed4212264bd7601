// A model in other formats, run here to see what they cost.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_CANDIDATE_H
#define GEM_COMPILER_QUANTIZATION_CANDIDATE_H

#include "absl/status/statusor.h"
#include "compiler/Evaluation/Evaluator.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Passes.h"
#include "passes/Quantization/FormatPlan.h"
#include "targets/Bundle/ScratchBundle.h"

namespace gem {

/// How the weights of a model are quantized.
struct QuantizeStep {
  FormatPlan plan;
  /// Of matrices, by the weight's name; "rtn" where it names none.
  llvm::StringMap<std::string> algorithms;
  bool biasCorrection = false;
  llvm::StringSet<> keepBiases; ///< Weights that biasCorrection skips.
  unsigned threads = 1;
};

/// Decides the formats of the weights of `module` and chooses their codes. `statistics` may
/// be null for round-to-nearest. `learned` is called for every matrix whose codes were chosen.
absl::Status quantizeModule(mlir::ModuleOp module, const QuantizeStep &step,
                            const quant::StatisticsSource *statistics,
                            const QuantizedWeightCallback &learned = {});

/// A copy of a module that is quantized, lowered for this machine and opened.
class Candidate {
public:
  static absl::StatusOr<std::unique_ptr<Candidate>>
  build(mlir::ModuleOp module, const QuantizeStep &step, const quant::StatisticsSource *statistics);

  BundleRunner &getRunner() { return *runner; }
  /// Of the whole bundle, and of its weights.
  uint64_t getBytes() const { return scratch.data().size(); }
  uint64_t getWeightBytes() const { return weightBytes; }

private:
  ScratchBundle scratch;
  uint64_t weightBytes = 0;
  std::unique_ptr<BundleRunner> runner;
};

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_CANDIDATE_H
