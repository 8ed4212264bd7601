// Which layers of two models are to be fitted to each other, and in what order.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRESERVATION_LAYERGRAPH_H
#define GEM_COMPILER_PRESERVATION_LAYERGRAPH_H

#include "absl/status/statusor.h"
#include "compiler/Preservation/LayerRefit.h"
#include "dialects/Gem/Gem.h"
#include <optional>

namespace gem::preserve {

/// A linear layer of the compressed model.
struct Layer {
  enum class Fit { None, Bias, All };
  Fit fit = Fit::None;
  WeightOp weight, bias; ///< `bias` is null without one that only this layer reads.
  bool isClassifier = false;
  /// Its result, behind a residual where the sum is fitted, and the original's.
  mlir::Value result, target;
  std::vector<int64_t> rows; ///< Channel of `target` for each of `result`.
  int64_t readRow = -1;      ///< The only row of the result that is read; -1: all are.

  std::string getName() const { return WeightOp(weight).getSymName().str(); }
};

/// A layer norm, `y = z * gamma + beta`.
struct Norm {
  WeightOp gamma, beta;
  mlir::Value target; ///< The original's result.
};

/// Layers of the compressed model that read the same value.
struct Stage {
  mlir::Value input;
  mlir::Value originalInput; ///< Null where the layers' counterparts read different values.
  std::vector<Layer> layers;
  std::optional<Norm> norm; ///< That makes the input.

  /// What is to be fitted: the results of the layers that are, and what they should be.
  std::vector<Layer *> getFitted();
  llvm::SmallVector<mlir::Value> getResults();
  /// With the norm's result, where there is one, last.
  llvm::SmallVector<mlir::Value> getTargets();

  /// "encoder.layer.0.output.dense": of the first layer.
  std::string getName() const;
};

/// The stages of all functions that both models have, in program order.
absl::StatusOr<std::vector<Stage>> findStages(mlir::ModuleOp original, mlir::ModuleOp compressed,
                                              const PreservationOptions &options);

/// The values of a weight in f32, of a quantized one what its codes mean.
std::vector<float> readWeight(WeightOp weight);
/// Replaces the values of a weight that is not quantized. It becomes f32, unless the type in
/// which it will be stored was decided.
void replaceWeight(WeightOp weight, std::vector<float> values);
bool isQuantized(WeightOp weight);

} // namespace gem::preserve

#endif // GEM_COMPILER_PRESERVATION_LAYERGRAPH_H
