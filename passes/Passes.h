// The passes in C++. docs/generated/Passes.md describes each.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PASSES_H
#define GEM_PASSES_PASSES_H

#include "dialects/Gem/Gem.h"
#include "dialects/GemRT/GemRT.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <functional>

namespace gem {

class ActivationSource;
struct FormatPlan;
namespace quant {
class StatisticsSource;
} // namespace quant

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// As the generated function, with the model's activations at hand. `source` must
/// outlive the pass.
std::unique_ptr<mlir::Pass> createFitRouterCentroidsPass(FitRouterCentroidsPassOptions options,
                                                         ActivationSource *source);

/// As the generated function, with a plan that says more than options can. `plan` must
/// outlive the pass.
std::unique_ptr<mlir::Pass> createAssignWeightFormatsPass(const FormatPlan *plan);

/// A matrix whose codes gem-quantize-weights chose.
struct QuantizedWeight {
  std::string name, algorithm;
  double signal = 0, noise = 0; ///< Sums of squares of the values, and of what was lost.
  /// The same of what the matrix computes on the calibration's inputs; 0 without statistics.
  double outputSignal = 0, outputNoise = 0;
};
using QuantizedWeightCallback = std::function<void(const QuantizedWeight &)>;

/// What gem-quantize-weights works with besides its options. All must outlive the pass.
struct QuantizeWeightsContext {
  const llvm::StringMap<std::string> *algorithms = nullptr; ///< By weight, or null.
  const quant::StatisticsSource *statistics = nullptr;      ///< Or null.
  QuantizedWeightCallback learned;                          ///< Called for each, or empty.
  const llvm::StringSet<> *keepBiases = nullptr; ///< Weights bias-correction skips, or null.
};

/// As the generated function, with statistics and algorithms.
std::unique_ptr<mlir::Pass> createQuantizeWeightsPass(QuantizeWeightsPassOptions options,
                                                      QuantizeWeightsContext context);

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace gem

#endif // GEM_PASSES_PASSES_H
