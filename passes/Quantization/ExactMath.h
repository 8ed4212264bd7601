// Powers and logarithms with the same bits on every host: libm's differ.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_EXACTMATH_H
#define GEM_PASSES_QUANTIZATION_EXACTMATH_H

#include <bit>
#include <cmath>
#include <cstdint>

namespace gem::quant {

/// 2^x to about 1e-15, relative; x is clamped to [-1000, 1000].
inline double exactExp2(double x) {
  x = x < -1000 ? -1000 : x > 1000 ? 1000 : x;
  const double whole = (x + 0x1.8p52) - 0x1.8p52; // to nearest
  const double t = (x - whole) * 0.69314718055994530942;
  double sum = 1; // e^t, |t| < 0.35, by Horner's rule
  for (int n = 13; n > 0; --n)
    sum = 1 + sum * t / n;
  const uint64_t exponent = static_cast<uint64_t>(static_cast<int64_t>(whole) + 1023) << 52;
  return sum * std::bit_cast<double>(exponent);
}

inline double exactExp(double x) { return exactExp2(x * 1.44269504088896340736); }

/// log2 x of a positive x to about 1e-15.
inline double exactLog2(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent); // exact; in [0.5, 1)
  if (mantissa < 0.70710678118654752440) {
    mantissa *= 2;
    --exponent;
  }
  // 2 atanh(z), |z| < 0.172
  const double z = (mantissa - 1) / (mantissa + 1), square = z * z;
  double sum = 0;
  for (int n = 19; n > 0; n -= 2)
    sum = sum * square + 1.0 / n;
  return exponent + 2 * z * sum * 1.44269504088896340736;
}

inline double exactLog(double x) { return exactLog2(x) * 0.69314718055994530942; }

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_EXACTMATH_H
