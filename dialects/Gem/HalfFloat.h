// f16 and bf16 to f32, exactly, and back, rounded to nearest even, on any compiler.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_HALFFLOAT_H
#define GEM_DIALECTS_GEM_HALFFLOAT_H

#include <bit>
#include <cstdint>

namespace gem {

/// IEEE 754 binary16 bits to f32; NaN payloads are kept.
inline float halfToFloat(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16;
  uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  if (magnitude >= 0x0f800000) // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000 | magnitude);
  // Scaling by 2^112 moves the exponent's bias and normalizes subnormals.
  float value = std::bit_cast<float>(magnitude) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

/// bfloat16 bits to f32.
inline float bfloat16ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

/// Rounds to nearest even; beyond the largest f16, infinity. NaN stays a quiet NaN.
inline uint16_t floatToHalf(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return sign | 0x7e00;
  if (magnitude >= 0x477ff000) // from 65520 on
    return sign | 0x7c00;
  if (magnitude < 0x38800000) { // below 2^-14: steps of 2^-24, which adding 0.5 rounds to
    float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(sum) - 0x3f000000);
  }
  uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000;
  return sign | static_cast<uint16_t>(rounded >> 13);
}

/// Rounds to nearest even; beyond the largest bf16, infinity. NaN stays a quiet NaN.
inline uint16_t floatToBfloat16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

} // namespace gem

#endif // GEM_DIALECTS_GEM_HALFFLOAT_H
