// The inner loops of differentiation, compiled once per instruction set.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Compiled with -DGEM_GRADIENT_ISA=<name>. Includes nothing with inline functions that other
// sources share: the linker could pick the copy made for a CPU that is not there. Elementwise
// loops are plain C++ that compilers vectorize; what an element gets does not depend on it.

#include "compiler/Gradient/GradientKernels.h"
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define GEM_CONCAT(a, b) a##b
#define GEM_NAME(isa) GEM_CONCAT(kernels_, isa)
#define GEM_STRING(text) #text
#define GEM_NAME_STRING(isa) GEM_STRING(isa)

namespace {

#if defined(__AVX512F__)
using Vector = __m512;
constexpr int kLanes = 16, kRows = 8, kVectors = 2;
inline Vector load(const float *at) { return _mm512_loadu_ps(at); }
inline void store(float *at, Vector value) { _mm512_storeu_ps(at, value); }
inline Vector multiplyAdd(float a, Vector b, Vector c) {
  return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
}
#elif defined(__AVX2__)
using Vector = __m256;
constexpr int kLanes = 8, kRows = 6, kVectors = 2;
inline Vector load(const float *at) { return _mm256_loadu_ps(at); }
inline void store(float *at, Vector value) { _mm256_storeu_ps(at, value); }
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

struct Operands {
  const float *a;
  int64_t aRow, aColumn, depth;
  const float *b;
  int64_t bRow;
  float *c;
  int64_t cRow;
  bool accumulate;
};

/// kCount rows from row `r` on.
template <int kCount> inline void multiplyRows(const Operands &with, int64_t r) {
  constexpr int kColumns = kLanes * kVectors;
  const float *a = with.a + r * with.aRow;
  float *c = with.c + r * with.cRow;
  for (int64_t j = 0; j < gem::grad::kPanelColumns; j += kColumns) {
    Vector sums[kCount][kVectors] = {};
    if (with.accumulate)
      for (int row = 0; row < kCount; ++row)
        for (int v = 0; v < kVectors; ++v)
          sums[row][v] = load(c + row * with.cRow + j + v * kLanes);
    const float *b = with.b + j;
    for (int64_t k = 0; k < with.depth; ++k, b += with.bRow) {
      Vector columns[kVectors];
      for (int v = 0; v < kVectors; ++v)
        columns[v] = load(b + v * kLanes);
      for (int row = 0; row < kCount; ++row)
        for (int v = 0; v < kVectors; ++v)
          sums[row][v] =
              multiplyAdd(a[row * with.aRow + k * with.aColumn], columns[v], sums[row][v]);
    }
    for (int row = 0; row < kCount; ++row)
      for (int v = 0; v < kVectors; ++v)
        store(c + row * with.cRow + j + v * kLanes, sums[row][v]);
  }
}

template <int kCount> inline void multiplyRest(const Operands &with, int64_t r, int64_t rows) {
  if constexpr (kCount > 0) {
    if (rows - r == kCount)
      multiplyRows<kCount>(with, r);
    else
      multiplyRest<kCount - 1>(with, r, rows);
  }
}

void product(const float *a, int64_t aRow, int64_t aColumn, int64_t rows, int64_t depth,
             const float *b, int64_t bRow, float *c, int64_t cRow, bool accumulate) {
  Operands with{a, aRow, aColumn, depth, b, bRow, c, cRow, accumulate};
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    multiplyRows<kRows>(with, r);
  multiplyRest<kRows - 1>(with, r, rows);
}

//===----------------------------------------------------------------------===//
// Functions of an element, without branches
//===----------------------------------------------------------------------===//

inline float bitsAsFloat(uint32_t bits) { return __builtin_bit_cast(float, bits); }
inline uint32_t floatAsBits(float value) { return __builtin_bit_cast(uint32_t, value); }
inline float multiplyAddOne(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

/// For x up to 88.
inline float exponentialOf(float given) {
  constexpr float kRound = 12582912.0f, kLowest = -87.3365402f;
  float x = given < kLowest ? kLowest : given;
  float rounded = multiplyAddOne(x, 1.44269504f, kRound);
  float n = rounded - kRound;
  float r = multiplyAddOne(n, -0.693359375f, x);
  r = multiplyAddOne(n, 2.12194440e-4f, r);
  float q = 0.001378902f;
  q = multiplyAddOne(q, r, 0.00836868212f);
  q = multiplyAddOne(q, r, 0.0416688956f);
  q = multiplyAddOne(q, r, 0.166665211f);
  q = multiplyAddOne(q, r, 0.499999911f);
  float p = multiplyAddOne(r * r, q, r) + 1.0f;
  float scale = bitsAsFloat((floatAsBits(rounded) - (floatAsBits(kRound) - 127)) << 23);
  return given < kLowest ? 0.0f : p * scale;
}

inline float errorFunctionOf(float x) {
  float magnitude = bitsAsFloat(floatAsBits(x) & 0x7fffffff);
  float square = magnitude * magnitude;
  float s = 7.8939891e-05f;
  s = multiplyAddOne(s, square, -0.000802396389f);
  s = multiplyAddOne(s, square, 0.00519012567f);
  s = multiplyAddOne(s, square, -0.0268549118f);
  s = multiplyAddOne(s, square, 0.11283616f);
  s = multiplyAddOne(s, square, -0.376126289f);
  s = multiplyAddOne(s, square, 0.128379166f);
  float small = multiplyAddOne(magnitude, s, magnitude);
  float clamped = magnitude > 4.0f ? 4.0f : magnitude;
  float l = 0.000185580502f;
  l = multiplyAddOne(l, clamped, -0.00293964241f);
  l = multiplyAddOne(l, clamped, 0.0218053851f);
  l = multiplyAddOne(l, clamped, -0.103037417f);
  l = multiplyAddOne(l, clamped, -0.638225675f);
  l = multiplyAddOne(l, clamped, -1.12704003f);
  l = multiplyAddOne(l, clamped, -0.000353719515f);
  float large = 1.0f - exponentialOf(l);
  float result = magnitude > 1.0f ? large : small;
  return bitsAsFloat(floatAsBits(result) | (floatAsBits(x) & 0x80000000));
}

void exponential(const float *x, float shift, int64_t count, float *y) {
  for (int64_t i = 0; i < count; ++i)
    y[i] = exponentialOf(x[i] - shift);
}

void gelu(const float *x, int64_t count, float *y) {
  for (int64_t i = 0; i < count; ++i) {
    float half = x[i] * 0.5f;
    y[i] = multiplyAddOne(half, errorFunctionOf(x[i] * 0.707106781f), half);
  }
}

void geluGradient(const float *x, const float *dy, int64_t count, float *dx) {
  for (int64_t i = 0; i < count; ++i) {
    // Phi(x) + x phi(x), the normal distribution and its density.
    float distribution = multiplyAddOne(0.5f, errorFunctionOf(x[i] * 0.707106781f), 0.5f);
    float density = 0.398942280f * exponentialOf(x[i] * x[i] * -0.5f);
    dx[i] = multiplyAddOne(dy[i], multiplyAddOne(x[i], density, distribution), dx[i]);
  }
}

void hyperbolicTangent(const float *x, int64_t count, float *y) {
  for (int64_t i = 0; i < count; ++i) {
    float magnitude = bitsAsFloat(floatAsBits(x[i]) & 0x7fffffff);
    float square = magnitude * magnitude;
    float s = -0.00574444234f;
    s = multiplyAddOne(s, square, 0.0206750296f);
    s = multiplyAddOne(s, square, -0.0537512414f);
    s = multiplyAddOne(s, square, 0.13331598f);
    s = multiplyAddOne(s, square, -0.333332896f);
    float small = multiplyAddOne(magnitude * square, s, magnitude);
    float clamped = magnitude > 10.0f ? 10.0f : magnitude;
    float large = 1.0f - 2.0f / (exponentialOf(clamped + clamped) + 1.0f);
    float result = magnitude > 0.625f ? large : small;
    y[i] = bitsAsFloat(floatAsBits(result) | (floatAsBits(x[i]) & 0x80000000));
  }
}

} // namespace

const gem::grad::Kernels gem::grad::GEM_NAME(GEM_GRADIENT_ISA) = {
    product, exponential, gelu, geluGradient, hyperbolicTangent, GEM_NAME_STRING(GEM_GRADIENT_ISA)};
