// Which part of a model an operation belongs to.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PRUNING_MODELPARTS_H
#define GEM_PASSES_PRUNING_MODELPARTS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace gem {

enum class ModelPart {
  Encoder,
  Router, ///< What decides routes and clusters.
  Scar,   ///< The routed attention, the layers that make its operands and those behind it.
  Head,   ///< From the selected token's row on: pooler, classifier.
};

/// The part of every operation in the entry points of `module`, which is in the gem dialect
/// as imported: once rows are sliced, what is computed for one row alone counts as head.
llvm::DenseMap<mlir::Operation *, ModelPart> partitionModel(mlir::ModuleOp module);

} // namespace gem

#endif // GEM_PASSES_PRUNING_MODELPARTS_H
