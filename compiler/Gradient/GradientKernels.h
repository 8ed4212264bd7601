// The inner loops of differentiation, compiled once per instruction set.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_GRADIENT_GRADIENTKERNELS_H
#define GEM_COMPILER_GRADIENT_GRADIENTKERNELS_H

#include <cstdint>

namespace gem::grad {

/// Columns that a product computes at a time.
inline constexpr int64_t kPanelColumns = 32;

/// Functions that give the same bits on every instruction set: sums are chains of f32 fma in
/// one order, and the polynomials are those of the runtime's kernels (runtime/kernels/Math.h,
/// errors there), with no libm. Nothing needs alignment.
struct Kernels {
  /// c[r, j] = (accumulate ? c[r, j] : 0) + sum_k a[r * aRow + k * aColumn] * b[k * bRow + j]
  /// for r < rows, j < kPanelColumns, with the rows of c `cRow` apart; k runs upwards.
  void (*product)(const float *a, int64_t aRow, int64_t aColumn, int64_t rows, int64_t depth,
                  const float *b, int64_t bRow, float *c, int64_t cRow, bool accumulate);
  /// y = e^(x - shift), where x <= shift + 88; exactly 0 below -87.336.
  void (*exponential)(const float *x, float shift, int64_t count, float *y);
  void (*gelu)(const float *x, int64_t count, float *y);
  /// dx += dy * gelu'(x)
  void (*geluGradient)(const float *x, const float *dy, int64_t count, float *dx);
  void (*tanh)(const float *x, int64_t count, float *y);
  const char *name;
};

extern const Kernels kernels_generic, kernels_avx2, kernels_avx512;

/// The best for this CPU, or the plain ones.
const Kernels &findKernels();

} // namespace gem::grad

#endif // GEM_COMPILER_GRADIENT_GRADIENTKERNELS_H
