// The formats a weight may be stored in, and a quantized matrix in memory.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Free of MLIR: the algorithms that choose codes are plain numerics.

#ifndef GEM_PASSES_QUANTIZATION_WEIGHTFORMAT_H
#define GEM_PASSES_QUANTIZATION_WEIGHTFORMAT_H

#include "runtime/schema/WeightFormat.h"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gem::quant {

using format::Scales;

/// f32, f16, or integer codes of `bits` with scales (runtime/schema/WeightFormat.h).
struct Format {
  unsigned bits = 32; ///< 32 (f32), 16 (f16), 8, 4, 3 or 2.
  Scales scales = Scales::kNone;
  int64_t group = 0; ///< Values of a row that share a group's scale; 0 without groups.

  bool isFloat() const { return scales == Scales::kNone; }
  /// The largest and smallest value of a code.
  int maximum() const { return bits == 8 ? 127 : (1 << (bits - 1)) - 1; }
  int minimum() const { return bits == 8 ? -127 : -(1 << (bits - 1)); }

  /// "f32", "f16", "int8" (one scale a row), "int4" (one scale a row), "int4g32" (two-level),
  /// "int4g32f16" (an f16 a group).
  std::string name() const;
  static std::optional<Format> parse(std::string_view name);

  /// Bytes in a bundle of a matrix [rows, width] that is contracted over its width.
  uint64_t matrixBytes(int64_t rows, int64_t width) const;
  /// Bytes in a bundle of a table of which rows are looked up.
  uint64_t tableBytes(int64_t rows, int64_t width) const;

  bool operator==(const Format &) const = default;
};

/// A matrix [rows, width] of integer codes with their scales, row-major.
///   value(r, c) = rowScale[r] * ratio[r, g] * code[r, c]       TwoLevel
///               = rowScale[r] * code[r, c]                     Row
///               = f16 groupScale[r, g] * code[r, c]            F16Group
struct QuantizedMatrix {
  Format format;
  int64_t rows = 0, width = 0;
  std::vector<int8_t> codes;        ///< [rows, width], the values themselves, without offset.
  std::vector<float> rowScales;     ///< [rows]; exact in bf16 when for a table.
  std::vector<uint8_t> ratios;      ///< [rows, groups], 1 to 255; TwoLevel only.
  std::vector<uint16_t> halfScales; ///< [rows, groups], f16 bits; F16Group only.

  int64_t groups() const {
    return format.group ? static_cast<int64_t>(format::Groups(width, format.group)) : 0;
  }
  /// The f32 factor of a code as a table's lookup computes it: rowScale * ratio in f32.
  float scaleAt(int64_t row, int64_t column) const;
  /// Writes row `row` in f32: scaleAt * code.
  void dequantizeRow(int64_t row, float *out) const;
};

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_WEIGHTFORMAT_H
