// Cutting rows and columns out of the data of weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PRUNING_WEIGHTCUT_H
#define GEM_PASSES_PRUNING_WEIGHTCUT_H

#include "absl/status/status.h"
#include "dialects/Gem/Gem.h"

namespace gem::prune {

/// FailedPrecondition unless `weight` has its data in f32, f16 or bf16 and no `stored` type.
absl::Status verifyUncompressed(WeightOp weight);

/// InvalidArgument unless `kept` is ascending, has at least one element and lies in [0, count).
/// `what` names the elements, as in "channels of 'encoder.layer.0.output.dense'".
absl::Status verifyKept(llvm::ArrayRef<int64_t> kept, int64_t count, const std::string &what);

/// `value` of [n, ...] with the rows `kept`, byte for byte. The weight called `name` gets it.
mlir::ElementsAttr keepRows(mlir::ElementsAttr value, llvm::ArrayRef<int64_t> kept,
                            llvm::StringRef name);
/// `value` of [n, k] with the columns `kept`.
mlir::ElementsAttr keepColumns(mlir::ElementsAttr value, llvm::ArrayRef<int64_t> kept,
                               llvm::StringRef name);

/// Gives `weight` other data, and its readers the type.
void setValue(mlir::ModuleOp module, WeightOp weight, mlir::ElementsAttr value);

} // namespace gem::prune

#endif // GEM_PASSES_PRUNING_WEIGHTCUT_H
