// Matrix arithmetic with one order of operations.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/Parallel.h"
#include <cmath>
#include <cstring>

using namespace gem::quant;

namespace {

typedef float FloatLanes __attribute__((vector_size(64)));
typedef double DoubleLanes __attribute__((vector_size(64)));
template <typename T> struct LanesOf;
template <> struct LanesOf<float> {
  using Type = FloatLanes;
};
template <> struct LanesOf<double> {
  using Type = DoubleLanes;
};

/// Products of `kRows` rows and 64 bytes of columns stay in registers.
template <int kRows, typename T>
[[gnu::always_inline]] inline void tile(T *c, int64_t strideC, const T *a, int64_t strideA,
                                        const T *b, int64_t strideB, int64_t depth) {
  using Lanes = typename LanesOf<T>::Type;
  Lanes sums[kRows];
  for (int row = 0; row < kRows; ++row)
    std::memcpy(&sums[row], c + row * strideC, sizeof(Lanes));
  for (int64_t k = 0; k < depth; ++k) {
    Lanes values;
    std::memcpy(&values, b + k * strideB, sizeof(Lanes));
    for (int row = 0; row < kRows; ++row)
      sums[row] += a[row * strideA + k] * values;
  }
  for (int row = 0; row < kRows; ++row)
    std::memcpy(c + row * strideC, &sums[row], sizeof(Lanes));
}

template <int kRows, typename T>
[[gnu::always_inline]] inline void product(T *c, int64_t strideC, const T *a, int64_t strideA,
                                           const T *b, int64_t strideB, int64_t rows,
                                           int64_t columns, int64_t depth) {
  constexpr int64_t kLanes = 64 / sizeof(T), kDepth = 256;
  for (int64_t k = 0; k < depth; k += kDepth) {
    const int64_t count = std::min(kDepth, depth - k);
    const T *bk = b + k * strideB;
    int64_t column = 0;
    for (; column + kLanes <= columns; column += kLanes) {
      int64_t row = 0;
      for (; row + kRows <= rows; row += kRows)
        tile<kRows>(c + row * strideC + column, strideC, a + row * strideA + k, strideA,
                    bk + column, strideB, count);
      for (; row < rows; ++row)
        tile<1>(c + row * strideC + column, strideC, a + row * strideA + k, strideA, bk + column,
                strideB, count);
    }
    for (int64_t row = 0; column < columns && row < rows; ++row)
      for (int64_t i = 0; i < count; ++i)
        for (int64_t j = column; j < columns; ++j)
          c[row * strideC + j] += a[row * strideA + k + i] * bk[i * strideB + j];
  }
}

#define GEM_ARGUMENTS c, strideC, a, strideA, b, strideB, rows, columns, depth
#define GEM_PARAMETERS(T)                                                                          \
  T *c, int64_t strideC, const T *a, int64_t strideA, const T *b, int64_t strideB, int64_t rows,   \
      int64_t columns, int64_t depth

#if defined(__x86_64__)
// Wider registers, the same operations in the same order: no fma.
[[gnu::target("avx2")]] void productAvx2(GEM_PARAMETERS(float)) { product<4>(GEM_ARGUMENTS); }
[[gnu::target("avx2")]] void productAvx2(GEM_PARAMETERS(double)) { product<4>(GEM_ARGUMENTS); }
const bool hasAvx2 = __builtin_cpu_supports("avx2");
#endif

template <typename T> void dispatch(GEM_PARAMETERS(T)) {
#if defined(__x86_64__)
  if (hasAvx2)
    return productAvx2(GEM_ARGUMENTS);
#endif
  product<2>(GEM_ARGUMENTS);
}

constexpr int64_t kBlock = 64;

/// The lower triangle of a diagonal block, by rows.
bool factorizeBlock(double *a, int64_t stride, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = j; i < n; ++i) {
      double sum = a[i * stride + j];
      for (int64_t k = 0; k < j; ++k)
        sum -= a[i * stride + k] * a[j * stride + k];
      if (i == j && !(sum > 0 && std::isfinite(sum)))
        return false;
      a[i * stride + j] = i == j ? std::sqrt(sum) : sum / a[j * stride + j];
    }
  }
  return true;
}

} // namespace

void gem::quant::multiplyAdd(GEM_PARAMETERS(float)) { dispatch(GEM_ARGUMENTS); }
void gem::quant::multiplyAdd(GEM_PARAMETERS(double)) { dispatch(GEM_ARGUMENTS); }

bool gem::quant::factorizeCholesky(double *a, int64_t n, unsigned threads) {
  std::vector<double> diagonal(kBlock * kBlock), below, negative;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t size = std::min(kBlock, n - first), next = first + size, rest = n - next;
    if (!factorizeBlock(a + first * n + first, n, size))
      return false;
    // Transposed, so that the loops below run along rows.
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j <= i; ++j)
        diagonal[j * kBlock + i] = a[(first + i) * n + first + j];
    below.resize(size * rest);
    negative.resize(rest * size);
    parallelRanges(rest, threads, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        double *row = a + (next + i) * n + first;
        for (int64_t j = 0; j < size; ++j) {
          const double value = row[j] /= diagonal[j * kBlock + j];
          const double *column = diagonal.data() + j * kBlock;
          for (int64_t t = j + 1; t < size; ++t)
            row[t] -= value * column[t];
          below[j * rest + i] = value;
          negative[i * size + j] = -value;
        }
      }
    });
    // Row blocks of the triangle, dealt out in turn so that every thread has long ones.
    const int64_t blocks = (rest + kBlock - 1) / kBlock;
    const int64_t parts = std::min<int64_t>(std::max(1u, threads), blocks);
    parallelRanges(parts, threads, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part)
        for (int64_t block = part; block < blocks; block += parts) {
          const int64_t row = block * kBlock, count = std::min(kBlock, rest - row);
          multiplyAdd(a + (next + row) * n + next, n, negative.data() + row * size, size,
                      below.data(), rest, count, row + count, size);
        }
    });
  }
  return true;
}

void gem::quant::solveCholesky(const double *factor, int64_t n, double *b) {
  for (int64_t i = 0; i < n; ++i) {
    double sum = b[i];
    for (int64_t k = 0; k < i; ++k)
      sum -= factor[i * n + k] * b[k];
    b[i] = sum / factor[i * n + i];
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    b[i] /= factor[i * n + i];
    for (int64_t k = 0; k < i; ++k)
      b[k] -= factor[i * n + k] * b[i];
  }
}
