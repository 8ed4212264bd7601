// The inner loop of Gram matrices, compiled once per instruction set.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_GRAMKERNEL_H
#define GEM_COMPILER_CALIBRATION_GRAMKERNEL_H

#include <cstdint>

namespace gem::quant {

/// Columns of a panel: a tile of the matrix has kGramTile x kGramTile elements.
inline constexpr int64_t kGramTile = 32;

/// Adds the products of two panels of the same rows to a tile:
///   out[i * stride + j] += f64(sum_r left[r, i] * right[r, j])
/// `left` and `right` are [rows, kGramTile] and aligned to 64 bytes. A sum is a chain of f32
/// fma in the order of the rows, so every instruction set gives the same bits.
using GramTileFunction = void (*)(const float *left, const float *right, int64_t rows, double *out,
                                  int64_t stride);

void gramTile_generic(const float *left, const float *right, int64_t rows, double *out,
                      int64_t stride);
void gramTile_avx2(const float *left, const float *right, int64_t rows, double *out,
                   int64_t stride);
void gramTile_avx512(const float *left, const float *right, int64_t rows, double *out,
                     int64_t stride);

/// The best one for this CPU.
GramTileFunction findGramTile();

} // namespace gem::quant

#endif // GEM_COMPILER_CALIBRATION_GRAMKERNEL_H
