// Exact widening of f16 and bf16 to f32, on any compiler.
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

} // namespace gem

#endif // GEM_DIALECTS_GEM_HALFFLOAT_H
