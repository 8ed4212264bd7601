// The inner loop of Gram matrices, compiled once per instruction set.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Compiled with -DGEM_GRAM_ISA=<name>. Includes nothing with inline functions that other
// sources share: the linker could pick the copy made for a CPU that is not there.

#include "compiler/Calibration/GramKernel.h"
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define GEM_CONCAT(a, b) a##b
#define GEM_NAME(isa) GEM_CONCAT(gramTile_, isa)

namespace {

#if defined(__AVX512F__)
using Vector = __m512;
constexpr int kLanes = 16, kRows = 8, kVectors = 2;
inline Vector load(const float *at) { return _mm512_load_ps(at); }
inline void store(float *at, Vector value) { _mm512_store_ps(at, value); }
inline Vector multiplyAdd(float a, Vector b, Vector c) {
  return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
}
#elif defined(__AVX2__)
using Vector = __m256;
constexpr int kLanes = 8, kRows = 4, kVectors = 2;
inline Vector load(const float *at) { return _mm256_load_ps(at); }
inline void store(float *at, Vector value) { _mm256_store_ps(at, value); }
inline Vector multiplyAdd(float a, Vector b, Vector c) {
  return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
}
#elif defined(__aarch64__)
using Vector = float32x4_t;
constexpr int kLanes = 4, kRows = 4, kVectors = 4;
inline Vector load(const float *at) { return vld1q_f32(at); }
inline void store(float *at, Vector value) { vst1q_f32(at, value); }
inline Vector multiplyAdd(float a, Vector b, Vector c) { return vfmaq_n_f32(c, b, a); }
#else
using Vector = float;
constexpr int kLanes = 1, kRows = 4, kVectors = 2;
inline Vector load(const float *at) { return *at; }
inline void store(float *at, Vector value) { *at = value; }
inline Vector multiplyAdd(float a, Vector b, Vector c) { return __builtin_fmaf(a, b, c); }
#endif

} // namespace

void gem::quant::GEM_NAME(GEM_GRAM_ISA)(const float *left, const float *right, int64_t rows,
                                        double *out, int64_t stride) {
  constexpr int kColumns = kLanes * kVectors;
  alignas(64) float sums[kColumns];
  for (int64_t i = 0; i < kGramTile; i += kRows)
    for (int64_t j = 0; j < kGramTile; j += kColumns) {
      Vector acc[kRows][kVectors] = {};
      for (int64_t r = 0; r < rows; ++r) {
        const float *a = left + r * kGramTile + i;
        const float *b = right + r * kGramTile + j;
        Vector columns[kVectors];
        for (int v = 0; v < kVectors; ++v)
          columns[v] = load(b + v * kLanes);
        for (int row = 0; row < kRows; ++row)
          for (int v = 0; v < kVectors; ++v)
            acc[row][v] = multiplyAdd(a[row], columns[v], acc[row][v]);
      }
      for (int row = 0; row < kRows; ++row) {
        for (int v = 0; v < kVectors; ++v)
          store(sums + v * kLanes, acc[row][v]);
        double *to = out + (i + row) * stride + j;
        for (int column = 0; column < kColumns; ++column)
          to[column] += sums[column];
      }
    }
}
