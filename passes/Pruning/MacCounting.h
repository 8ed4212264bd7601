// Multiply-accumulates as functions of the number of tokens.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PRUNING_MACCOUNTING_H
#define GEM_PASSES_PRUNING_MACCOUNTING_H

#include "passes/Pruning/Structures.h"

namespace gem::prune {

inline MacCount operator+(const MacCount &a, const MacCount &b) {
  return {a.perText + b.perText, a.perToken + b.perToken, a.perPair + b.perPair};
}

/// The multiply-accumulates of `op` (CostOpInterface; none of another), every symbol of
/// `module` bound to the number of tokens.
MacCount countMacs(mlir::ModuleOp module, mlir::Operation *op);

/// "scar.out" for its weight "scar.out.weight".
std::string nameOfLayer(const std::string &weight);

} // namespace gem::prune

#endif // GEM_PASSES_PRUNING_MACCOUNTING_H
