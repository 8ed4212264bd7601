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

namespace gem {

class ActivationSource;

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// As the generated function, with the model's activations at hand. `source` must
/// outlive the pass.
std::unique_ptr<mlir::Pass> createFitRouterCentroidsPass(FitRouterCentroidsPassOptions options,
                                                         ActivationSource *source);

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace gem

#endif // GEM_PASSES_PASSES_H
