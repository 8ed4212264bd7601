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

/// Called after each weight with how many are done of all.
using QuantizeWeightsProgress = std::function<void(uint64_t done, uint64_t total)>;

/// As the generated function, with statistics (or null) that must outlive the pass.
std::unique_ptr<mlir::Pass> createQuantizeWeightsPass(QuantizeWeightsPassOptions options,
                                                      const quant::StatisticsSource *statistics,
                                                      QuantizeWeightsProgress progress = {});

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace gem

#endif // GEM_PASSES_PASSES_H
