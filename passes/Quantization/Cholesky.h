// Matrix arithmetic with one order of operations: products and Cholesky factorization.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bundle is the same bytes on every host, so the codes may not depend on what Eigen does
// with the vector registers and the cache sizes of this one: its products sum in blocks
// that follow from both. Here every element is summed over k in order, whatever the
// registers, tiles and threads.

#ifndef GEM_PASSES_QUANTIZATION_CHOLESKY_H
#define GEM_PASSES_QUANTIZATION_CHOLESKY_H

#include <cstdint>

namespace gem::quant {

/// c[i, j] += sum_k a[i, k] * b[k, j], k in order, for row-major matrices [rows, columns],
/// [rows, depth] and [depth, columns] whose rows are `strideX` apart.
void multiplyAdd(float *c, int64_t strideC, const float *a, int64_t strideA, const float *b,
                 int64_t strideB, int64_t rows, int64_t columns, int64_t depth);
void multiplyAdd(double *c, int64_t strideC, const double *a, int64_t strideA, const double *b,
                 int64_t strideB, int64_t rows, int64_t columns, int64_t depth);

/// Replaces the lower triangle of the symmetric `a` [n, n], row-major, by the lower
/// triangular L with L L^T = a; the upper triangle is left. False, with `a` spoilt, when a
/// pivot is not positive.
bool factorizeCholesky(double *a, int64_t n, unsigned threads);

/// Solves L L^T x = b in place for one right-hand side [n].
void solveCholesky(const double *factor, int64_t n, double *b);

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_CHOLESKY_H
