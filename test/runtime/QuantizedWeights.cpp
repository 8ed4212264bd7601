// Quantized weights for the tests of the runtime, and what they compute.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/QuantizedWeights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gem::test {
namespace {

using schema::ElementType;
using schema::Scales;

unsigned BitsOf(ElementType type) {
  switch (type) {
    case ElementType::I8:
      return 8;
    case ElementType::I4:
      return 4;
    case ElementType::I3:
      return 3;
    default:
      return 2;
  }
}

// Appends to bytes whose parts start at multiples of 64.
template <typename T>
void Append(Bytes& bytes, const T& value) {
  const auto* begin = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof(value));
}
void Pad(Bytes& bytes) { bytes.resize((bytes.size() + 63) / 64 * 64); }

void OrBits(uint8_t& byte, unsigned value, unsigned shift) {
  byte = static_cast<uint8_t>(byte | value << shift);
}

}  // namespace

std::vector<QuantizedFormat> AllQuantizedFormats() {
  std::vector<QuantizedFormat> formats = {{ElementType::I8, Scales::ROW}};
  for (const ElementType type : {ElementType::I4, ElementType::I3, ElementType::I2}) {
    formats.push_back({type, Scales::ROW});
    for (const uint32_t group : {32u, 64u, 128u}) {
      formats.push_back({type, Scales::TWO_LEVEL, group});
      formats.push_back({type, Scales::F16_GROUP, group});
    }
  }
  return formats;
}

std::string NameOf(const QuantizedFormat& format) {
  std::string name = "int" + std::to_string(BitsOf(format.type));
  if (format.group != 0) name += "g" + std::to_string(format.group);
  return format.scales == Scales::F16_GROUP ? name + "f16" : name;
}

QuantizedWeight::QuantizedWeight(const QuantizedFormat& format, uint32_t rows, uint32_t width,
                                 Random& random)
    : format_(format), bits_(BitsOf(format.type)), rows_(rows), width_(width) {
  const int half_range = 1 << (bits_ - 1);
  codes_.resize(size_t{rows} * width);
  for (int& code : codes_) {
    code = static_cast<int>(random.Below(2 * static_cast<uint32_t>(half_range))) - half_range;
    if (bits_ == 8) code = std::max(code, -127);
  }
  scales_.resize(rows);
  for (float& scale : scales_) {
    scale = std::ldexp(static_cast<float>(128 + random.Below(128)), -7 - static_cast<int>(bits_));
  }
  ratios_.resize(rows * groups());
  for (uint8_t& ratio : ratios_) ratio = static_cast<uint8_t>(1 + random.Below(255));
  // Two-level scales are as large as the others.
  if (format.scales == Scales::TWO_LEVEL) {
    for (float& scale : scales_) scale /= 128;
  }
  halves_.resize(rows * groups());
  for (uint16_t& half : halves_) half = static_cast<uint16_t>(0x2c00 + random.Below(0x800));
}

float QuantizedWeight::Value(uint32_t row, uint32_t k) const {
  const auto code = static_cast<float>(Code(row, k));
  if (format_.scales == Scales::ROW) return code * scales_[row];
  const size_t group = row * groups() + k / format_.group;
  if (format_.scales == Scales::F16_GROUP) return code * FromHalf(halves_[group]);
  return code * (scales_[row] * static_cast<float>(ratios_[group]));
}

void QuantizedWeight::PutPanelCode(uint8_t* block, uint32_t row, uint32_t k, int code) const {
  const uint32_t quad = k / 4, lane = row * 4 + k % 4;
  if (bits_ == 8) {
    block[quad * 64 + lane] = static_cast<uint8_t>(code);
    return;
  }
  const auto stored = static_cast<unsigned>(code + (1 << (bits_ - 1)));
  if (bits_ == 4) {
    OrBits(block[quad % 4 * 64 + lane], stored, quad < 4 ? 0 : 4);
    return;
  }
  OrBits(block[quad / 4 * 64 + lane], stored & 3, 2 * (quad % 4));
  if (bits_ == 3) OrBits(block[128 + lane], stored >> 2, quad);
}

void QuantizedWeight::PutTableCode(uint8_t* block, uint32_t k, int code) const {
  if (bits_ == 8) {
    block[k] = static_cast<uint8_t>(code);
    return;
  }
  const auto stored = static_cast<unsigned>(code + (1 << (bits_ - 1)));
  if (bits_ == 4) {
    OrBits(block[k % 16], stored, k < 16 ? 0 : 4);
    return;
  }
  OrBits(block[k % 8], stored & 3, 2 * (k / 8));
  if (bits_ == 3) OrBits(block[8 + k % 4], stored >> 2, k / 4);
}

Bytes QuantizedWeight::Panels() const {
  Bytes bytes;
  for (uint32_t first = 0; first < rows_; first += 16) {
    const uint32_t rows = std::min(16u, rows_ - first);
    if (format_.scales != Scales::F16_GROUP) {
      for (uint32_t r = 0; r < 16; ++r) Append(bytes, r < rows ? scales_[first + r] : 0.0f);
    }
    if (bits_ == 8) {
      for (uint32_t r = 0; r < 16; ++r) {
        int32_t sum = 0;
        for (uint32_t k = 0; r < rows && k < width_; ++k) sum += Code(first + r, k);
        Append(bytes, sum);
      }
    }
    for (size_t g = 0; g < groups(); ++g) {
      for (uint32_t r = 0; r < 16; ++r) {
        const size_t at = (first + r) * groups() + g;
        if (format_.scales == Scales::TWO_LEVEL) {
          Append(bytes, r < rows ? ratios_[at] : uint8_t{1});
        } else {
          Append(bytes, r < rows ? halves_[at] : uint16_t{0});
        }
      }
    }
    Pad(bytes);
    for (uint32_t k = 0; k < width_; k += 32) {
      Bytes block(16 * 32 * bits_ / 8);
      for (uint32_t r = 0; r < 16; ++r) {
        for (uint32_t j = 0; j < 32; ++j) {
          const bool inside = r < rows && k + j < width_;
          PutPanelCode(block.data(), r, j, inside ? Code(first + r, k + j) : 0);
        }
      }
      bytes.insert(bytes.end(), block.begin(), block.end());
    }
  }
  return bytes;
}

Bytes QuantizedWeight::Table() const {
  Bytes bytes;
  if (format_.scales != Scales::F16_GROUP) {
    for (const float scale : scales_) {
      uint32_t word;
      memcpy(&word, &scale, sizeof(word));
      Append(bytes, static_cast<uint16_t>(word >> 16));
    }
    Pad(bytes);
  }
  if (format_.scales == Scales::TWO_LEVEL) {
    for (const uint8_t ratio : ratios_) Append(bytes, ratio);
  } else if (format_.scales == Scales::F16_GROUP) {
    for (const uint16_t half : halves_) Append(bytes, half);
  }
  Pad(bytes);
  for (uint32_t row = 0; row < rows_; ++row) {
    for (uint32_t k = 0; k < width_; k += 32) {
      Bytes block(32 * bits_ / 8);
      for (uint32_t j = 0; j < 32; ++j) {
        PutTableCode(block.data(), j, k + j < width_ ? Code(row, k + j) : 0);
      }
      bytes.insert(bytes.end(), block.begin(), block.end());
    }
  }
  Pad(bytes);
  return bytes;
}

uint32_t QuantizedWeight::AddTo(BundleBuilder& builder, const std::string& name,
                                schema::Layout layout) const {
  const bool panels = layout == schema::Layout::PANEL_16;
  return builder.AddConstant(name, format_.type, {rows_, width_}, panels ? Panels() : Table(),
                             layout, format_.scales, format_.group);
}

std::vector<float> QuantizedWeight::Linear(const std::vector<float>& x,
                                           const std::vector<float>& bias,
                                           const std::vector<float>& residual) const {
  std::vector<float> y(x.size() / width_ * rows_);
  for (size_t i = 0; i < x.size() / width_; ++i) {
    const QuantizedRow row = QuantizeRow(&x[i * width_], width_);
    for (uint32_t n = 0; n < rows_; ++n) {
      float sum = 0, scale = row.scale;
      if (format_.scales == Scales::F16_GROUP) {
        for (uint32_t k = 0; k < width_; k += format_.group) {
          int64_t part = 0;
          for (uint32_t j = k; j < std::min(width_, k + format_.group); ++j) {
            part += Code(n, j) * row.codes[j];
          }
          sum = std::fmaf(static_cast<float>(part),
                          FromHalf(halves_[n * groups() + k / format_.group]), sum);
        }
      } else {
        scale = scales_[n] * row.scale;
        for (uint32_t k = 0; k < width_; k += 8192) {
          int64_t part = 0;
          for (uint32_t j = k; j < std::min(width_, k + 8192); ++j) {
            const int ratio =
                format_.scales == Scales::ROW ? 1 : ratios_[n * groups() + j / format_.group];
            part += ratio * Code(n, j) * row.codes[j];
          }
          sum = k == 0 ? static_cast<float>(part) : sum + static_cast<float>(part);
        }
      }
      float value = std::fmaf(sum, scale, bias.empty() ? 0.0f : bias[n]);
      if (!residual.empty()) value += residual[i * rows_ + n];
      y[i * rows_ + n] = value;
    }
  }
  return y;
}

// --- tokens ------------------------------------------------------------------

QuantizedRow QuantizeRow(const float* x, size_t width) {
  float largest = 0;
  for (size_t k = 0; k < width; ++k) largest = std::max(largest, std::fabs(x[k]));
  QuantizedRow row{largest / 127, std::vector<int>(width)};
  const float inverse = 127 / largest;
  if (!std::isfinite(inverse)) {
    row.scale = 0;
    return row;
  }
  for (size_t k = 0; k < width; ++k) {
    row.codes[k] = static_cast<int>(std::nearbyintf(x[k] * inverse));
  }
  return row;
}

Bytes QuantizedTokenBytes(const std::vector<float>& x, size_t width) {
  Bytes bytes;
  for (size_t i = 0; i < x.size(); i += width) {
    const QuantizedRow row = QuantizeRow(&x[i], width);
    int32_t sum = 0;
    for (const int code : row.codes) sum += code;
    Append(bytes, row.scale);
    Append(bytes, sum);
    for (size_t k = 0; k < width; k += 32) {
      int block = 0;
      for (size_t j = k; j < std::min(width, k + 32); ++j) block += row.codes[j];
      Append(bytes, static_cast<int16_t>(block));
    }
    Pad(bytes);
    for (const int code : row.codes) Append(bytes, static_cast<int8_t>(code));
    Pad(bytes);
  }
  return bytes;
}

// --- f16 ---------------------------------------------------------------------

std::vector<uint16_t> DrawHalves(Random& random, size_t count) {
  std::vector<uint16_t> halves(count);
  // Of both signs, from subnormal to below 1.
  for (uint16_t& half : halves) {
    half = static_cast<uint16_t>(random.Below(0x3c00) | random.Below(2) << 15);
  }
  return halves;
}

float FromHalf(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                   : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return half >> 15 != 0 ? -size : size;
}

uint32_t AddHalves(BundleBuilder& builder, const std::string& name, std::vector<uint32_t> shape,
                   const std::vector<uint16_t>& values, schema::Layout layout) {
  std::vector<uint16_t> stored = values;
  if (layout == schema::Layout::PANEL_16) {
    const size_t n = shape[0], k = shape[1];
    stored.assign((n + 15) / 16 * 16 * k, 0);
    for (size_t i = 0; i < values.size(); ++i) {
      stored[(i / k / 16 * k + i % k) * 16 + i / k % 16] = values[i];
    }
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(stored.data());
  return builder.AddConstant(name, ElementType::F16, std::move(shape),
                             Bytes(bytes, bytes + stored.size() * 2), layout);
}

}  // namespace gem::test
