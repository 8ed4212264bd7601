// Reading and replacing the values of a module's weights by name.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_MODULEWEIGHTS_H
#define GEM_COMPILER_PRUNING_MODULEWEIGHTS_H

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace gem {

/// The values of the weight `name`, widened to f32. NotFound when there is no such weight,
/// FailedPrecondition when it has no data.
absl::StatusOr<std::vector<float>> readWeight(mlir::ModuleOp module, const std::string &name);

/// Gives the weight `name` values of its shape, rounded to its element type (to nearest, ties
/// to even).
absl::Status replaceWeight(mlir::ModuleOp module, const std::string &name,
                           std::vector<float> values);

/// The bias of the linear layer that reads the weight `name`; empty when it has none.
std::string biasOf(mlir::ModuleOp module, const std::string &name);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_MODULEWEIGHTS_H
