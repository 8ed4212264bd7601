// GPTQ's choices.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_GPTQ_H
#define GEM_PASSES_QUANTIZATION_GPTQ_H

#include "passes/Quantization/WeightQuantizer.h"

namespace gem::quant {

struct GptqOptions {
  /// Added to the diagonal of the Gram matrix, in means of that diagonal; ten times as much
  /// as often as it takes to make the matrix positive definite.
  double damping = 0.01;
  /// Columns by descending E[x_k^2] instead of as they are. The scales of groups, which stay
  /// groups of neighbours, are then chosen before the first column.
  bool activationOrder = true;
  /// Without activation order: choose a group's scale when its first column is reached.
  bool chooseGroupsOnEntry = true;
  /// What a column's rounding counts in the choice of scales.
  enum class Importance { kNone, kSquares, kPivots } importance = Importance::kNone;
  /// Afterwards, how often every code and every scale of a row is chosen again with all the
  /// others as they are.
  int sweeps = 2;
};

/// GPTQ (Frantar et al., arXiv 2210.17323): minimises trace((W - Q) H (W - Q)^T) column by
/// column. Instead of the inverse's Cholesky factor it uses the factor U of H = U U^T itself
/// in the order of the columns: q_i = round(w_i + sum_{j<i} (w_j - q_j) U_ji / U_ii), which
/// is the same (Chen et al., arXiv 2507.18553) and needs no inverse. A column that never had
/// input is rounded to nearest. Coordinate descent on the same error follows (as in Nair and
/// Suggala, arXiv 2406.17542).
std::unique_ptr<WeightQuantizer> makeGptq(const GptqOptions &options = {});

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_GPTQ_H
