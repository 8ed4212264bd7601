// exp, erf, tanh and the activations on the virtual vector.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// No libm: its results differ between versions and CPUs. The coefficients come
// from fit/fit_polynomials.py; the errors stated were measured against double
// on every f32 input. Included like Simd.h, once per ISA.
#ifndef GEM_RUNTIME_KERNELS_MATH_H
#define GEM_RUNTIME_KERNELS_MATH_H

#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/Simd.h"

namespace gem::GEM_ISA {
namespace {

// Lowest order first, by Horner's rule.
template <size_t kTerms>
GEM_INLINE V16 Polynomial(V16 x, const float (&coefficients)[kTerms]) {
  V16 sum = Splat(coefficients[kTerms - 1]);
  Unroll<kTerms - 1>([&](auto i)
                         GEM_LAMBDA { sum = Fma(sum, x, Splat(coefficients[kTerms - 2 - i])); });
  return sum;
}

GEM_INLINE V16 Abs(V16 x) {
  return MapParts([&](auto i) GEM_LAMBDA { return (F)((I)x.part[i] & 0x7fffffff); });
}

// `magnitude`, which is not negative, with the sign of `sign`.
GEM_INLINE V16 CopySign(V16 magnitude, V16 sign) {
  return MapParts(
      [&](auto i) GEM_LAMBDA { return (F)((I)magnitude.part[i] | ((I)sign.part[i] & INT32_MIN)); });
}

// e^x, within 1.0095 ulp. exp(0) is exactly 1; exp(x) is exactly 0 below ln(2^-126) = -87.336 (-inf
// included), where the result would be subnormal: CPUs take a hundred times
// longer for those, and weights that small change nothing. Infinite above 88.73;
// NaN stays NaN.
//
// x = n ln(2) + r, |r| <= ln(2)/2; e^x = 2^n (1 + r + r^2 q(r)).
GEM_INLINE V16 Exp(V16 x) {
  static constexpr float kQ[] = {
      0.499999911f, 0.166665211f, 0.0416688956f, 0.00836868212f, 0.001378902f,
  };
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f;  // 9 bits, so that n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const V16 lowest = Splat(-87.3365402f);
  const I16 below = lowest > x;
  x = Select(below, lowest, x);
  x = Select(x > Splat(90.0f), Splat(90.0f), x);
  const V16 rounded = Fma(x, Splat(kLog2E), Splat(kRound));
  const V16 n = rounded - Splat(kRound);
  V16 r = Fma(n, Splat(-kLn2High), x);
  r = Fma(n, Splat(-kLn2Low), r);
  const V16 p = Fma(r * r, Polynomial(r, kQ), r) + Splat(1.0f);
  // 2^n in two factors, since n can be 128 and more. Unsigned, since of a NaN n is
  // anything.
  const V16 result = MapParts([&](auto i) GEM_LAMBDA {
    const U exponent = (U)rounded.part[i] - BitsAs<uint32_t>(kRound);
    const U half = (U)((I)exponent >> 1);
    const U rest = exponent - half;
    return p.part[i] * (F)((half + 127) << 23) * (F)((rest + 127) << 23);
  });
  return Select(below, Splat(0.0f), result);
}

// The bits of Exp(x) for x from -87.336 to 0, or NaN; anything for others.
GEM_INLINE V16 ExpOfSmall(V16 x) {
  static constexpr float kQ[] = {
      0.499999911f, 0.166665211f, 0.0416688956f, 0.00836868212f, 0.001378902f,
  };
  constexpr float kRound = 12582912.0f;
  const V16 rounded = Fma(x, Splat(1.44269504f), Splat(kRound));
  const V16 n = rounded - Splat(kRound);
  V16 r = Fma(n, Splat(-0.693359375f), x);
  r = Fma(n, Splat(2.12194440e-4f), r);
  const V16 p = Fma(r * r, Polynomial(r, kQ), r) + Splat(1.0f);
  // Where n is -126 to 0, 2^n is a float.
  return MapParts([&](auto i) GEM_LAMBDA {
    const U exponent = (U)rounded.part[i] - (BitsAs<uint32_t>(kRound) - 127);
    return p.part[i] * (F)(exponent << 23);
  });
}

// The bits of Exp(x) for x that is at most 0, or NaN; anything for others.
GEM_INLINE V16 ExpOfNegative(V16 x) {
  return Select(Splat(-87.3365402f) > x, Splat(0.0f), ExpOfSmall(x));
}

// The error function, within 1.0786 ulp. Exactly 1 from |x| = 4 on.
GEM_INLINE V16 Erf(V16 x) {
  static constexpr float kSmall[] = {
      0.128379166f,   -0.376126289f,    0.11283616f,    -0.0268549118f,
      0.00519012567f, -0.000802396389f, 7.8939891e-05f,
  };
  static constexpr float kLarge[] = {
      -0.000353719515f, -1.12704003f,    -0.638225675f,   -0.103037417f,
      0.0218053851f,    -0.00293964241f, 0.000185580502f,
  };
  const V16 magnitude = Abs(x);
  const V16 small = Fma(magnitude, Polynomial(magnitude * magnitude, kSmall), magnitude);
  const V16 clamped = Select(magnitude > Splat(4.0f), Splat(4.0f), magnitude);
  // Of 0 to 4 the polynomial is -0.0003 to -18.
  const V16 large = Splat(1.0f) - ExpOfSmall(Polynomial(clamped, kLarge));
  return CopySign(Select(magnitude > Splat(1.0f), large, small), x);
}

// The hyperbolic tangent, within 1.3320 ulp. Exactly 1 from |x| = 10 on.
GEM_INLINE V16 Tanh(V16 x) {
  static constexpr float kSmall[] = {
      -0.333332896f, 0.13331598f, -0.0537512414f, 0.0206750296f, -0.00574444234f,
  };
  const V16 magnitude = Abs(x);
  const V16 square = magnitude * magnitude;
  const V16 small = Fma(magnitude * square, Polynomial(square, kSmall), magnitude);
  const V16 clamped = Select(magnitude > Splat(10.0f), Splat(10.0f), magnitude);
  const V16 large = Splat(1.0f) - Splat(2.0f) / (Exp(clamped + clamped) + Splat(1.0f));
  return CopySign(Select(magnitude > Splat(0.625f), large, small), x);
}

// 0.5 x (1 + erf(x / sqrt(2))), Hendrycks and Gimpel, arXiv 1606.08415.
GEM_INLINE V16 Gelu(V16 x) {
  const V16 half = x * Splat(0.5f);
  return Fma(half, Erf(x * Splat(0.707106781f)), half);
}

GEM_INLINE V16 Activate(V16 x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return Gelu(x);
    case Activation::kTanh:
      return Tanh(x);
    case Activation::kNone:
      break;
  }
  return x;
}

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_MATH_H
