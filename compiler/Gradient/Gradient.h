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

/// Runs a function forward and backward in f32, by reverse accumulation (Griewank and Walther,
/// Evaluating Derivatives, 2008). The router's decisions are taken as constants (they are
/// piecewise constant); everything else is exact. Only what lies between the wanted values and
/// the logits is differentiated. The result does not depend on the CPU: sums have one order, and
/// exponentials and error functions are polynomials (GradientKernels.h).
///
/// Memory: the activations of one text and one transposed copy of the linear layers' weights,
/// which forks share. The module must outlive it, unchanged.
class Differentiator {
public:
  /// `function` is as imported: one argument of role token_ids (and in a padded model one of
  /// role token_count), a result of role logits, ops of the gem dialect that a model before
  /// graph passes has. `wanted`: rank-2 values of it, which must not be weights.
  /// Unimplemented when an op has no derivative, with the op named; FailedPrecondition when a
  /// weight has no data or is quantized, or the router has no centroids.
  ///
  /// `seeded`: values like `wanted` that the loss depends on directly, beside the logits.
  static absl::StatusOr<std::unique_ptr<Differentiator>>
  create(mlir::func::FuncOp function, llvm::ArrayRef<mlir::Value> wanted,
         llvm::ArrayRef<mlir::Value> seeded = {});
  ~Differentiator();

  /// Another one of the same function and values, for another thread.
  std::unique_ptr<Differentiator> fork() const;

  /// Runs on `ids`, which a padded model pads. `loss` gets the logits, writes d(loss)/d(logit)
  /// of each to `seed`. The spans of the result, in the order of `wanted`, are good until the
  /// next run. A value that no logit depends on but through the router's decisions has a
  /// gradient of zeros. InvalidArgument when `ids` are too many, or none, or not in the
  /// vocabulary.
  absl::StatusOr<std::vector<ValueGradient>>
  run(std::span<const int32_t> ids,
      absl::FunctionRef<void(std::span<const float> logits, std::span<float> seed)> loss);

  /// The same with a loss that also depends on the `seeded` values: `add` gets each by its
  /// index (its gradient is empty) and adds the loss's direct derivatives by it to `seed`.
  absl::StatusOr<std::vector<ValueGradient>>
  run(std::span<const int32_t> ids,
      absl::FunctionRef<void(std::span<const float> logits, std::span<float> seed)> loss,
      absl::FunctionRef<void(size_t index, const ValueGradient &value, std::span<float> seed)> add);

private:
  struct Program; // What forks share.
  struct State;
  explicit Differentiator(std::shared_ptr<const Program> program);
  std::unique_ptr<State> state;
};

} // namespace gem

#endif // GEM_COMPILER_GRADIENT_GRADIENT_H
