// The scales of a row of weights: the clipping that costs least.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_SCALESEARCH_H
#define GEM_PASSES_QUANTIZATION_SCALESEARCH_H

#include "passes/Quantization/WeightFormat.h"
#include <vector>

namespace gem::quant {

/// Chooses scales that minimise sum_k importance[k] (w[k] - scale * code[k])^2 where every
/// code is the nearest to w[k] / scale in the format's range. All arithmetic is in a fixed
/// order: the same bits on every host.
class ScaleSearch {
public:
  /// `importance` is null or [width], at least 0: E[x_k^2] of the input. Values of no
  /// importance still count a little.
  ScaleSearch(const Format &format, int64_t width, bool isTable, const float *importance);

  /// The scale for `count` values from column `first` on as one segment, before it is
  /// rounded to what the format stores. 0 when all are 0.
  float idealScale(const float *values, int64_t first, int64_t count);

  /// Sets the scales of `matrix`'s row `row`, whose values are `values` [width], finite.
  void chooseScales(const float *values, int64_t row, QuantizedMatrix &matrix);

  /// Chooses the ratio of one group again for other values and the row scale at hand
  /// (two-level), or its scale (f16). `values` are those of the group.
  void chooseGroupScale(const float *values, int64_t row, int64_t group, QuantizedMatrix &matrix);

private:
  /// The bf16 next to `scale` of least error for a whole row.
  float bestBfloat16(const float *values, float scale) const;

  const Format format;
  const int64_t width;
  const bool isTable;
  std::vector<float> importance; // [width]; ones without
  std::vector<float> scratch, ideals;
};

/// The codes of row `row` for the scales in `matrix`: the nearest to values / scale, halves
/// to even.
void roundRow(const float *values, int64_t row, QuantizedMatrix &matrix);

/// The code of `value` for `scale`, halves to even; 0 for a scale of 0.
int nearestCode(float value, float scale, int minimum, int maximum);

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_SCALESEARCH_H
