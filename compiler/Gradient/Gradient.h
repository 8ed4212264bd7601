// Reverse-mode differentiation of an entry point in the gem dialect, one text at a time.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_GRADIENT_GRADIENT_H
#define GEM_COMPILER_GRADIENT_GRADIENT_H

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace gem {

/// A value of a run and the derivative of the loss by it, [rows, width] row-major each.
struct ValueGradient {
  std::span<const float> value, gradient;
  int64_t rows = 0, width = 0;
};

/// Runs a function forward and backward in f32. The router's decisions are taken as constants
/// (they are piecewise constant); everything else is exact. The result does not depend on the
/// CPU.
class Differentiator {
public:
  /// `function` is as imported: one argument of role token_ids, a result of role logits, ops of
  /// the gem dialect that a model before graph passes has. `wanted`: rank-2 values of it.
  /// Unimplemented when an op has no derivative, with the op named.
  static absl::StatusOr<std::unique_ptr<Differentiator>> create(mlir::func::FuncOp function,
                                                                llvm::ArrayRef<mlir::Value> wanted);
  ~Differentiator();

  /// Runs on `ids`. `loss` gets the logits, writes d(loss)/d(logit) of each to `seed`.
  /// The spans of the result, in the order of `wanted`, are good until the next run.
  absl::StatusOr<std::vector<ValueGradient>>
  run(std::span<const int32_t> ids,
      absl::FunctionRef<void(std::span<const float> logits, std::span<float> seed)> loss);

private:
  Differentiator();
  struct State;
  std::unique_ptr<State> state;
};

} // namespace gem

#endif // GEM_COMPILER_GRADIENT_GRADIENT_H
