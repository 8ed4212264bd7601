// Names, sizes and values of weight formats.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/WeightFormat.h"
#include "dialects/Gem/HalfFloat.h"

using namespace gem;
using namespace gem::quant;

std::string Format::name() const {
  if (isFloat())
    return bits == 16 ? "f16" : "f32";
  std::string name = "int" + std::to_string(bits);
  if (group)
    name += "g" + std::to_string(group);
  return scales == Scales::kF16Group ? name + "f16" : name;
}

std::optional<Format> Format::parse(std::string_view name) {
  for (unsigned bits : {32u, 16u}) {
    Format format{bits, Scales::kNone, 0};
    if (format.name() == name)
      return format;
  }
  for (unsigned bits : {8u, 4u, 3u, 2u})
    for (Scales scales : {Scales::kRow, Scales::kTwoLevel, Scales::kF16Group})
      for (int64_t group : {0, 32, 64, 128}) {
        Format format{bits, scales, group};
        if (format::IsValid(bits, scales, group) && format.name() == name)
          return format;
      }
  return std::nullopt;
}

uint64_t Format::matrixBytes(int64_t rows, int64_t width) const {
  if (isFloat())
    return format::RoundUp(rows, format::kPanelRows) * width * (bits / 8);
  return format::PanelMatrixBytes(bits, scales, group, rows, width);
}

uint64_t Format::tableBytes(int64_t rows, int64_t width) const {
  if (isFloat())
    return static_cast<uint64_t>(rows) * width * (bits / 8);
  return format::LayOutTable(bits, scales, group, rows, width).size;
}

float QuantizedMatrix::scaleAt(int64_t row, int64_t column) const {
  if (format.scales == Scales::kRow)
    return rowScales[row];
  const int64_t index = row * groups() + column / format.group;
  if (format.scales == Scales::kF16Group)
    return halfToFloat(halfScales[index]);
  return rowScales[row] * static_cast<float>(ratios[index]);
}

void QuantizedMatrix::dequantizeRow(int64_t row, float *out) const {
  const int8_t *rowCodes = codes.data() + row * width;
  const int64_t step = format.group ? format.group : width;
  for (int64_t first = 0; first < width; first += step) {
    const float scale = scaleAt(row, first);
    const int64_t last = first + step < width ? first + step : width;
    for (int64_t column = first; column < last; ++column)
      out[column] = scale * static_cast<float>(rowCodes[column]);
  }
}
