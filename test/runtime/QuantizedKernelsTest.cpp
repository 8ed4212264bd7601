// Tests of the kernels of quantized weights and tokens, against plain loops, and
// all ISAs, splits and host architectures against one another.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernels/Kernels.h"
#include "runtime/schema/WeightFormat.h"
#include "test/runtime/KernelsTesting.h"

namespace gem {
namespace {

using format::Scales;

constexpr double kU = 0x1p-24;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Format {
  WeightType type;
  Scales scales;
  uint32_t group;
};
constexpr Format kF32 = {WeightType::kF32, Scales::kNone, 0};
constexpr Format kF16 = {WeightType::kF16, Scales::kNone, 0};
constexpr Format kQuantizedFormats[] = {
    {WeightType::kI8, Scales::kRow, 0},        {WeightType::kI4, Scales::kRow, 0},
    {WeightType::kI4, Scales::kTwoLevel, 32},  {WeightType::kI4, Scales::kTwoLevel, 64},
    {WeightType::kI4, Scales::kTwoLevel, 128}, {WeightType::kI4, Scales::kF16Group, 32},
    {WeightType::kI4, Scales::kF16Group, 128}, {WeightType::kI3, Scales::kRow, 0},
    {WeightType::kI3, Scales::kTwoLevel, 32},  {WeightType::kI3, Scales::kTwoLevel, 128},
    {WeightType::kI3, Scales::kF16Group, 64},  {WeightType::kI2, Scales::kRow, 0},
    {WeightType::kI2, Scales::kTwoLevel, 32},  {WeightType::kI2, Scales::kTwoLevel, 64},
    {WeightType::kI2, Scales::kF16Group, 32}};

unsigned BitsOf(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return 32;
    case WeightType::kF16:
      return 16;
    case WeightType::kI8:
      return 8;
    case WeightType::kI4:
      return 4;
    case WeightType::kI3:
      return 3;
    case WeightType::kI2:
      return 2;
  }
  return 0;
}

std::string Name(const Format& format) {
  return "bits " + std::to_string(BitsOf(format.type)) + ", scales " +
         std::to_string(static_cast<int>(format.scales)) + ", group " +
         std::to_string(format.group);
}

// f16 as the double that it stands for, by its definition.
double FromHalf(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const double sign = half >> 15 != 0 ? -1 : 1;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  if (exponent == 31) return mantissa != 0 ? NAN : sign * static_cast<double>(kInf);
  return sign * std::ldexp(mantissa + 1024, exponent - 25);
}

void OrAt(uint8_t* bytes, format::CodePlace place, unsigned value) {
  bytes[place.byte] = static_cast<uint8_t>(bytes[place.byte] | value << place.shift);
}

// What the codes and scales of a weight are drawn from.
enum class Draw { kAny, kLargest, kSmallest };

// A matrix or table of values and what packs it, element by element.
struct Packed {
  Packed(const Format& format, uint32_t rows, uint32_t width, Random& random, Draw draw)
      : format(format), rows(rows), width(width), bits(BitsOf(format.type)) {
    const int offset = format::CodeOffset(bits);
    if (bits > 8) {
      halves.resize(size_t{rows} * width);
      floats.resize(size_t{rows} * width);
      for (size_t i = 0; i < floats.size(); ++i) {
        // Normal and subnormal numbers of both signs.
        halves[i] = static_cast<uint16_t>(random.Bits() & 0xbbff);
        floats[i] = bits == 16 ? static_cast<float>(FromHalf(halves[i])) : random.Float(1);
      }
      return;
    }
    codes.resize(size_t{rows} * width);
    for (int& code : codes) {
      const int low = bits == 8 ? -127 : -offset, high = bits == 8 ? 127 : offset - 1;
      code = low + static_cast<int>(random.Below(static_cast<uint32_t>(high - low + 1)));
      if (draw == Draw::kLargest) code = high;
      if (draw == Draw::kSmallest) code = low;
    }
    groups = format.group != 0 ? static_cast<uint32_t>(format::Groups(width, format.group)) : 0;
    scale.resize(rows);
    for (float& value : scale) {
      // bf16, so that tables hold them too.
      const float drawn = 0.001f + std::fabs(random.Float(0.01f));
      uint32_t word;
      std::memcpy(&word, &drawn, sizeof word);
      value = FromBits(word & 0xffff0000);
    }
    ratio.resize(size_t{rows} * groups);
    half.resize(size_t{rows} * groups);
    for (uint8_t& value : ratio) {
      value = draw == Draw::kAny ? static_cast<uint8_t>(1 + random.Below(255)) : 255;
    }
    for (uint16_t& value : half) value = static_cast<uint16_t>(0x1800 + random.Below(0x800));
  }

  // The panels of a matrix.
  Aligned Panels() const {
    const size_t panels = (size_t{rows} + 15) / 16;
    if (bits > 8) {
      Aligned data(panels * 16 * width * bits / 8);
      for (size_t n = 0; n < rows; ++n) {
        for (size_t k = 0; k < width; ++k) {
          const size_t at = n / 16 * 16 * width + k * 16 + n % 16, from = n * width + k;
          if (bits == 32) std::memcpy(data.data() + at * 4, &floats[from], 4);
          if (bits == 16) std::memcpy(data.data() + at * 2, &halves[from], 2);
        }
      }
      return data;
    }
    const format::PanelLayout layout =
        format::LayOutPanel(bits, format.scales, format.group, width);
    EXPECT_EQ(panels * layout.size,
              format::PanelMatrixBytes(bits, format.scales, format.group, rows, width));
    Aligned data(panels * layout.size);
    const size_t padded = format::RoundUp(width, format::kBlock);
    for (size_t n = 0; n < panels * 16; ++n) {
      uint8_t* const panel = data.data() + n / 16 * layout.size;
      const size_t row = n % 16;
      if (format.scales != Scales::kF16Group && n < rows) {
        std::memcpy(panel + row * 4, &scale[n], 4);
      }
      int32_t sum = 0;
      for (size_t k = 0; k < padded; ++k) {
        const int value = n < rows && k < width ? codes[n * width + k] : 0;
        sum += value;
        uint8_t* const block = panel + layout.codes + k / format::kBlock * layout.block_bytes;
        const unsigned code = static_cast<unsigned>(value + format::CodeOffset(bits));
        const size_t in_block = k % format::kBlock;
        const unsigned low = bits == 3 ? code & 3 : code & ((1u << bits) - 1);
        OrAt(block, format::PanelLowPlace(bits, row, in_block), low);
        if (bits == 3) OrAt(block, format::PanelHighPlace(row, in_block), code >> 2);
      }
      if (bits == 8) std::memcpy(panel + layout.row_sums + row * 4, &sum, 4);
      for (size_t g = 0; g < groups; ++g) {
        uint8_t* const at = panel + layout.group_scales;
        if (format.scales == Scales::kTwoLevel) {
          at[g * 16 + row] = n < rows ? ratio[n * groups + g] : uint8_t{1};
        } else if (n < rows) {
          std::memcpy(at + (g * 16 + row) * 2, &half[n * groups + g], 2);
        }
      }
    }
    return data;
  }

  // The rows of a table.
  Aligned Table() const {
    if (bits > 8) {
      Aligned data(size_t{rows} * width * bits / 8);
      const void* const from = bits == 32 ? static_cast<const void*>(floats.data()) : halves.data();
      std::memcpy(data.data(), from, size_t{rows} * width * bits / 8);
      return data;
    }
    const format::TableLayout layout =
        format::LayOutTable(bits, format.scales, format.group, rows, width);
    Aligned data(layout.size);
    const size_t padded = format::RoundUp(width, format::kBlock);
    for (size_t n = 0; n < rows; ++n) {
      uint8_t* const to = data.data();
      uint32_t word;
      std::memcpy(&word, &scale[n], sizeof word);
      const uint16_t high = static_cast<uint16_t>(word >> 16);
      if (format.scales != Scales::kF16Group) std::memcpy(to + n * 2, &high, 2);
      for (size_t k = 0; k < padded; ++k) {
        const int value = k < width ? codes[n * width + k] : 0;
        const unsigned code = static_cast<unsigned>(value + format::CodeOffset(bits));
        uint8_t* const block = to + layout.codes + n * layout.code_row_bytes +
                               k / format::kBlock * format::kBlock * bits / 8;
        const size_t in_block = k % format::kBlock;
        const unsigned low = bits == 3 ? code & 3 : code & ((1u << bits) - 1);
        OrAt(block, format::TableLowPlace(bits, in_block), low);
        if (bits == 3) OrAt(block, format::TableHighPlace(in_block), code >> 2);
      }
      uint8_t* const at = to + layout.group_scales + n * layout.group_row_bytes;
      for (size_t g = 0; g < groups; ++g) {
        if (format.scales == Scales::kTwoLevel) at[g] = ratio[n * groups + g];
        if (format.scales == Scales::kF16Group) std::memcpy(at + g * 2, &half[n * groups + g], 2);
      }
    }
    return data;
  }

  // The value at (n, k), which a table's row has exactly.
  double Value(size_t n, size_t k) const {
    if (bits > 8) return floats[n * width + k];
    const double code = codes[n * width + k];
    const size_t g = groups != 0 ? n * groups + k / format.group : 0;
    if (format.scales == Scales::kTwoLevel) return code * scale[n] * ratio[g];
    if (format.scales == Scales::kF16Group) return code * FromHalf(half[g]);
    return code * scale[n];
  }

  Weight AsWeight(const Aligned& data) const {
    return {data.data(), rows, width, format.type, format.scales, format.group};
  }

  Format format;
  uint32_t rows, width;
  unsigned bits;
  uint32_t groups = 0;
  std::vector<int> codes;
  std::vector<float> scale, floats;
  std::vector<uint8_t> ratio;
  std::vector<uint16_t> half, halves;
};

// --- one case of each kernel ---------------------------------------------------

// A quantized token, by the words of Kernels.h.
std::string QuantizedToken(const float* x, uint32_t width) {
  std::string row(format::TokenRowBytes(width), '\0');
  float largest = 0;
  bool finite = true;
  for (uint32_t k = 0; k < width; ++k) {
    finite = finite && std::isfinite(x[k]);
    largest = std::max(largest, std::fabs(x[k]));
  }
  float scale = largest / 127.0f, inverse = 127.0f / largest;
  if (!std::isfinite(inverse)) scale = inverse = 0;
  if (!finite) scale = kNan, inverse = 0;
  int32_t total = 0;
  std::vector<int16_t> sums(format::Blocks(width));
  for (uint32_t k = 0; k < width && inverse != 0; ++k) {
    const int code = static_cast<int>(std::nearbyint(x[k] * inverse));
    row[format::TokenCodesOffset(width) + k] = static_cast<char>(code);
    sums[k / 32] = static_cast<int16_t>(sums[k / 32] + code);
    total += code;
  }
  std::memcpy(row.data(), &scale, 4);
  std::memcpy(row.data() + 4, &total, 4);
  std::memcpy(row.data() + 8, sums.data(), sums.size() * 2);
  return row;
}

struct QuantizeCase {
  QuantizeCase(uint32_t rows, uint32_t width, uint32_t seed, float scale = 1) : width(width) {
    x = Random(seed).Floats(size_t{rows} * width, scale);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    const uint32_t rows = static_cast<uint32_t>(x.size() / width);
    Output<uint8_t> y(rows * format::TokenRowBytes(width));
    const QuantizeTokensArgs args = {x.data(), y.data(), width};
    Split(rows, parts,
          [&](uint32_t begin, uint32_t end) { kernels.quantize_tokens(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  void Check(const std::string& bytes) const {
    const size_t row_bytes = format::TokenRowBytes(width);
    for (size_t row = 0; row < x.size() / width; ++row) {
      ASSERT_TRUE(bytes.substr(row * row_bytes, row_bytes) ==
                  QuantizedToken(x.data() + row * width, width))
          << "row " << row << " of width " << width;
    }
  }
  uint32_t width;
  std::vector<float> x;
};

struct LayerNormQuantizedCase {
  LayerNormQuantizedCase(uint32_t rows, uint32_t width, bool want_y, uint32_t seed)
      : rows(rows), width(width), want_y(want_y) {
    Random random(seed);
    x = random.Floats(size_t{rows} * width);
    gamma = random.Floats(width);
    beta = random.Floats(width);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(x.size());
    Output<uint8_t> quantized(rows * format::TokenRowBytes(width));
    const LayerNormQuantizedArgs args = {
        {x.data(), gamma.data(), beta.data(), want_y ? y.data() : nullptr, width, 1e-6f},
        quantized.data()};
    Split(rows, parts,
          [&](uint32_t begin, uint32_t end) { kernels.layer_norm_quantized(args, begin, end); });
    y.CheckCanary();
    quantized.CheckCanary();
    return quantized.bytes() + (want_y ? y.bytes() : "");
  }
  // LAYER_NORM and then QUANTIZE_TOKENS, which have oracles of their own.
  void Check(const std::string& bytes) const {
    const CpuKernels& scalar = *FindCpuKernels("scalar");
    std::vector<float> y(x.size());
    scalar.layer_norm({x.data(), gamma.data(), beta.data(), y.data(), width, 1e-6f}, 0, rows);
    std::string expected;
    for (uint32_t row = 0; row < rows; ++row) {
      expected += QuantizedToken(y.data() + size_t{row} * width, width);
    }
    if (want_y) expected.append(reinterpret_cast<const char*>(y.data()), y.size() * sizeof(float));
    ASSERT_TRUE(bytes == expected) << rows << " rows of width " << width;
  }
  uint32_t rows, width;
  bool want_y;
  std::vector<float> x, gamma, beta;
};

struct LinearQuantizedCase {
  LinearQuantizedCase(const Format& format, uint32_t rows, uint32_t n, uint32_t k,
                      Activation activation, bool bias, bool residual, uint32_t seed,
                      Draw draw = Draw::kAny)
      : rows(rows),
        n(n),
        k(k),
        activation(activation),
        random(seed),
        matrix(format, n, k, random, draw),
        panels(matrix.Panels()) {
    std::vector<float> floats = random.Floats(size_t{rows} * k, 3);
    if (draw != Draw::kAny) std::fill(floats.begin(), floats.end(), -3.0f);
    for (uint32_t row = 0; row < rows; ++row) {
      x += QuantizedToken(floats.data() + size_t{row} * k, k);
    }
    if (bias) this->bias = random.Floats(n);
    if (residual) this->residual = random.Floats(size_t{rows} * n);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(size_t{rows} * n);
    Aligned tokens(x.size());
    std::memcpy(tokens.data(), x.data(), x.size());
    const LinearQuantizedArgs args = {tokens.data(),
                                      matrix.AsWeight(panels),
                                      bias.empty() ? nullptr : bias.data(),
                                      residual.empty() ? nullptr : residual.data(),
                                      y.data(),
                                      rows,
                                      n,
                                      k,
                                      activation};
    Split((n + 15) / 16, parts,
          [&](uint32_t begin, uint32_t end) { kernels.linear_quantized(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  // Exact without an activation: the words of Kernels.h, in 64-bit integers.
  void Check(const std::string& bytes) const {
    const float* y = reinterpret_cast<const float*>(bytes.data());
    const size_t row_bytes = format::TokenRowBytes(k);
    const uint32_t group = matrix.format.group != 0 ? matrix.format.group : k;
    for (size_t i = 0; i < rows; ++i) {
      const char* const token = x.data() + i * row_bytes;
      const int8_t* const codes =
          reinterpret_cast<const int8_t*>(token + format::TokenCodesOffset(k));
      float token_scale;
      std::memcpy(&token_scale, token, 4);
      for (size_t j = 0; j < n; ++j) {
        float sum = 0;
        int64_t part = 0, group_sum = 0;
        for (uint32_t l = 0; l < k; ++l) {
          const int64_t product = int64_t{matrix.codes[j * k + l]} * codes[l];
          const uint32_t g = l / group;
          const bool ends = l + 1 == k || (l + 1) % group == 0;
          if (matrix.format.scales == Scales::kF16Group) {
            group_sum += product;
            if (!ends) continue;
            const float h = static_cast<float>(FromHalf(matrix.half[j * matrix.groups + g]));
            sum = std::fma(static_cast<float>(group_sum), h, sum);
            group_sum = 0;
            continue;
          }
          part += product * (matrix.groups != 0 ? matrix.ratio[j * matrix.groups + g] : 1);
          if (l + 1 != k && (l + 1) % format::kExactDepth != 0) continue;
          ASSERT_EQ(part, static_cast<int32_t>(part));
          const float value = static_cast<float>(static_cast<int32_t>(part));
          sum = l < format::kExactDepth ? value : sum + value;
          part = 0;
        }
        float scale = token_scale;
        if (matrix.format.scales != Scales::kF16Group) scale = matrix.scale[j] * token_scale;
        const float linear = std::fma(sum, scale, bias.empty() ? 0.0f : bias[j]);
        double expected = linear, bound = 0;
        if (activation == Activation::kTanh) expected = std::tanh(linear);
        if (activation == Activation::kGelu) {
          expected = 0.5 * linear * (1 + std::erf(linear / std::sqrt(2)));
        }
        if (activation != Activation::kNone) bound = 3 * kU * (1 + std::fabs(linear));
        if (!residual.empty()) {
          if (activation == Activation::kNone) {
            expected = linear + residual[i * n + j];
          } else {
            expected += residual[i * n + j];
            bound += kU * std::fabs(expected);
          }
        }
        if (activation == Activation::kNone) expected = static_cast<float>(expected);
        ASSERT_LE(std::fabs(y[i * n + j] - expected), bound)
            << Name(matrix.format) << ", token " << i << " output " << j << " of " << rows << "x"
            << n << "x" << k;
      }
    }
  }
  uint32_t rows, n, k;
  Activation activation;
  Random random;
  Packed matrix;
  Aligned panels;
  std::string x;
  std::vector<float> bias, residual;
};

struct HalfLinearCase {
  HalfLinearCase(uint32_t rows, uint32_t n, uint32_t k, uint32_t seed)
      : rows(rows),
        n(n),
        k(k),
        random(seed),
        matrix(kF16, n, k, random, Draw::kAny),
        panels(matrix.Panels()) {
    x = random.Floats(size_t{rows} * k);
    bias = random.Floats(n);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    return RunWith(kernels, matrix.AsWeight(panels), parts);
  }
  std::string RunWith(const CpuKernels& kernels, const Weight& w, uint32_t parts) const {
    Output<float> y(size_t{rows} * n);
    const LinearArgs args = {x.data(), w, bias.data(), nullptr,          y.data(),
                             rows,     n, k,           Activation::kNone};
    Split((n + 15) / 16, parts,
          [&](uint32_t begin, uint32_t end) { kernels.linear(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  // What the same values give as f32, which have an oracle of their own.
  void Check(const std::string& bytes) const {
    Packed same = matrix;
    same.format = kF32;
    same.bits = 32;
    const Aligned data = same.Panels();
    ASSERT_TRUE(bytes == RunWith(*FindCpuKernels("scalar"), same.AsWeight(data), 1))
        << rows << "x" << n << "x" << k;
  }
  uint32_t rows, n, k;
  Random random;
  Packed matrix;
  Aligned panels;
  std::vector<float> x, bias;
};

// Tables of several formats, read by id with and without a map, and by position.
struct TableCase {
  TableCase(const std::vector<Format>& formats, uint32_t width, bool mapped, uint32_t seed)
      : width(width) {
    Random random(seed);
    uint32_t total = 0;
    for (const Format& format : formats) {
      const uint32_t rows = 5 + random.Below(30);
      packed.emplace_back(format, rows, width, random, Draw::kAny);
      data.push_back(packed.back().Table());
      total += rows;
    }
    ids_end = mapped ? total + 7 : total;
    for (uint32_t i = 0; mapped && i < ids_end; ++i) {
      map.push_back(static_cast<uint16_t>(random.Below(total)));
    }
    for (uint32_t i = 0; i < 40; ++i) ids.push_back(static_cast<int32_t>(random.Below(ids_end)));
    ids[0] = static_cast<int32_t>(ids_end) - 1;
    ids[1] = 0;
    x = random.Floats(size_t{packed[0].rows} * width);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(ids.size() * width), sums(x.size());
    EmbeddingArgs args = {ids.data(),
                          {},
                          static_cast<uint32_t>(packed.size()),
                          map.empty() ? nullptr : map.data(),
                          y.data(),
                          ids_end,
                          width};
    for (size_t t = 0; t < packed.size(); ++t) args.tables[t] = packed[t].AsWeight(data[t]);
    Split(static_cast<uint32_t>(ids.size()), parts,
          [&](uint32_t begin, uint32_t end) { EXPECT_TRUE(kernels.embedding(args, begin, end)); });
    const AddPositionArgs add = {x.data(), args.tables[0], sums.data(), width};
    Split(packed[0].rows, parts,
          [&](uint32_t begin, uint32_t end) { kernels.add_position(add, begin, end); });
    y.CheckCanary();
    sums.CheckCanary();
    return y.bytes() + sums.bytes();
  }
  void Check(const std::string& bytes) const {
    const float* const y = reinterpret_cast<const float*>(bytes.data());
    for (size_t i = 0; i < ids.size(); ++i) {
      const size_t id = static_cast<size_t>(ids[i]);
      size_t row = map.empty() ? id : map[id], table = 0;
      for (; row >= packed[table].rows; ++table) row -= packed[table].rows;
      for (size_t k = 0; k < width; ++k) {
        ASSERT_EQ(y[i * width + k], packed[table].Value(row, k))
            << Name(packed[table].format) << ", id " << id << " element " << k << " of " << width;
      }
    }
    const float* const sums = y + ids.size() * width;
    for (size_t i = 0; i < x.size(); ++i) {
      const float value = static_cast<float>(packed[0].Value(i / width, i % width));
      ASSERT_EQ(sums[i], x[i] + value) << Name(packed[0].format);
    }
  }
  uint32_t width, ids_end;
  std::vector<Packed> packed;
  std::vector<Aligned> data;
  std::vector<uint16_t> map;
  std::vector<int32_t> ids;
  std::vector<float> x;
};

constexpr uint32_t kWidths[] = {1, 7, 15, 16, 17, 31, 32, 33, 64, 96, 100, 128, 312};
constexpr uint32_t kTokens[] = {1, 2, 3, 4, 5, 7, 9, 12, 17, 33};
constexpr Activation kActivations[] = {Activation::kNone, Activation::kGelu, Activation::kTanh};

// Calls visit with cases of every kernel.
template <class Visit>
void ForEachCase(Visit visit) {
  uint32_t seed = 1;
  for (const uint32_t width : kWidths) {
    ++seed;
    visit(QuantizeCase(1 + seed % 6, width, seed, seed % 2 == 0 ? 1.0f : 1e20f));
    visit(LayerNormQuantizedCase(1 + seed % 6, width, seed % 2 == 0, seed));
    visit(HalfLinearCase(1 + seed % 11, 3 + seed * 7 % 60, width, seed));
    for (const Format& format : kQuantizedFormats) {
      ++seed;
      const uint32_t rows = kTokens[seed % std::size(kTokens)];
      visit(LinearQuantizedCase(format, rows, 1 + seed * 13 % 70, width, kActivations[seed % 3],
                                seed % 2 == 0, seed % 4 < 2, seed));
      visit(TableCase({format, kF32, kQuantizedFormats[seed % std::size(kQuantizedFormats)], kF16},
                      width, seed % 2 == 0, seed));
    }
  }
  visit(TableCase({kF32}, 20, false, ++seed));
  visit(TableCase({kF16, kF32}, 20, true, ++seed));
}

class QuantizedKernelsTest : public testing::TestWithParam<const CpuKernels*> {
 protected:
  const CpuKernels& kernels() const { return *GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Isa, QuantizedKernelsTest, testing::ValuesIn(SupportedKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

// --- against the oracle ----------------------------------------------------------

TEST_P(QuantizedKernelsTest, AgreeWithPlainLoops) {
  ForEachCase([&](const auto& test) {
    if (!testing::Test::HasFatalFailure()) test.Check(test.Run(kernels()));
  });
}

// Every number of tokens, and of panels, that a tile can have.
TEST_P(QuantizedKernelsTest, LinearAgreesForEveryTile) {
  uint32_t seed = 0;
  for (uint32_t rows = 1; rows <= 70; ++rows) {
    const Format& format = kQuantizedFormats[rows % std::size(kQuantizedFormats)];
    for (const uint32_t panels : {1u, 2u, 3u, 5u}) {
      if (rows > 20 && panels % 2 == 1) continue;
      for (const Format& each : {kQuantizedFormats[0], kQuantizedFormats[2], format}) {
        ++seed;
        const LinearQuantizedCase test(each, rows, 16 * panels - rows % 3, 33 + seed % 70,
                                       Activation::kNone, true, false, seed);
        ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
      }
    }
  }
}

// The largest sums there can be, over more than kExactDepth.
TEST_P(QuantizedKernelsTest, LinearIsExactAtTheExtremes) {
  for (const Format& format : kQuantizedFormats) {
    for (const Draw draw : {Draw::kAny, Draw::kLargest, Draw::kSmallest}) {
      for (const uint32_t rows : {1u, 5u}) {
        const LinearQuantizedCase test(format, rows, 18, 2 * format::kExactDepth + 40 * rows,
                                       Activation::kNone, false, false, 3, draw);
        ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
      }
    }
  }
}

// Rows of zeros and of what is not finite, of the least numbers and ties.
TEST_P(QuantizedKernelsTest, QuantizesSpecialRows) {
  for (const uint32_t width : kWidths) {
    QuantizeCase test(10, width, 5);
    const auto row = [&](size_t i) { return test.x.begin() + static_cast<ptrdiff_t>(i * width); };
    std::fill_n(row(0), width, 0.0f);
    std::fill_n(row(1), width, -0.0f);
    *(row(2) + width / 2) = kInf;
    *(row(3) + (width - 1)) = -kInf;
    *row(4) = kNan;
    std::fill_n(row(5), width, 0x1p-149f);
    std::fill_n(row(6), width, 0x1p-121f);
    std::fill_n(row(7), width, -std::numeric_limits<float>::max());
    for (uint32_t k = 0; k < width; ++k) {  // halves between two codes
      *(row(8) + k) = k == 0 ? 127.0f : static_cast<float>(k % 250) - 124.5f;
    }
    ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
  }
}

// A token that is not finite gives NaN in its row and nowhere else.
TEST_P(QuantizedKernelsTest, LinearKeepsNanInItsRow) {
  for (const Format& format : kQuantizedFormats) {
    LinearQuantizedCase test(format, 9, 35, 70, Activation::kNone, true, false, 6);
    const std::string good = test.Run(kernels());
    std::vector<float> bad(70, kNan);
    test.x.replace(4 * format::TokenRowBytes(70), format::TokenRowBytes(70),
                   QuantizedToken(bad.data(), 70));
    const std::string bytes = test.Run(kernels());
    for (size_t i = 0; i < size_t{9} * 35; ++i) {
      float value;
      std::memcpy(&value, bytes.data() + i * 4, 4);
      if (i / 35 == 4) {
        EXPECT_TRUE(std::isnan(value)) << i;
      } else {
        EXPECT_EQ(bytes.substr(i * 4, 4), good.substr(i * 4, 4)) << i;
      }
    }
  }
}

TEST_P(QuantizedKernelsTest, LinearMayAddToItsResidual) {
  const LinearQuantizedCase test(kQuantizedFormats[2], 9, 35, 70, Activation::kGelu, true, true, 7);
  std::vector<float> y = test.residual;
  Aligned tokens(test.x.size());
  std::memcpy(tokens.data(), test.x.data(), test.x.size());
  kernels().linear_quantized({tokens.data(), test.matrix.AsWeight(test.panels), test.bias.data(),
                              y.data(), y.data(), 9, 35, 70, Activation::kGelu},
                             0, 3);
  EXPECT_EQ(std::memcmp(y.data(), test.Run(kernels()).data(), y.size() * sizeof(float)), 0);
}

TEST_P(QuantizedKernelsTest, EmbeddingRefusesIds) {
  TableCase test({kQuantizedFormats[2], kF16}, 40, true, 8);
  Output<float> y(test.ids.size() * 40);
  EmbeddingArgs args = {test.ids.data(), {}, 2, test.map.data(), y.data(), test.ids_end, 40};
  for (size_t t = 0; t < 2; ++t) args.tables[t] = test.packed[t].AsWeight(test.data[t]);
  for (const int32_t bad :
       {-1, static_cast<int32_t>(test.ids_end), std::numeric_limits<int32_t>::min(),
        std::numeric_limits<int32_t>::max()}) {
    test.ids[3] = bad;
    const std::string before = y.bytes();
    EXPECT_FALSE(kernels().embedding(args, 3, 5));
    EXPECT_EQ(y.bytes(), before);
  }
}

// --- the same bits ---------------------------------------------------------------

TEST_P(QuantizedKernelsTest, GiveTheBitsOfScalarForAnySplit) {
  const CpuKernels& scalar = *FindCpuKernels("scalar");
  ForEachCase([&](const auto& test) {
    const std::string expected = test.Run(scalar);
    for (const uint32_t parts : {1u, 2u, 3u, 1000u}) {
      EXPECT_TRUE(test.Run(kernels(), parts) == expected) << parts << " parts";
    }
  });
}

// The bits of fixed inputs, the same constants on every architecture.
TEST_P(QuantizedKernelsTest, GiveTheGoldenBits) {
  const auto hash = [&](const auto& test) {
    const std::string bytes = test.Run(kernels());
    return Fnv(bytes.data(), bytes.size());
  };
  EXPECT_EQ(hash(QuantizeCase(5, 129, 1)), 0x9a6c1ba606f24deeu);
  EXPECT_EQ(hash(LayerNormQuantizedCase(5, 129, true, 2)), 0xad59370dd2f201d6u);
  EXPECT_EQ(hash(HalfLinearCase(13, 77, 129, 3)), 0x29808c20e9fa840eu);
  EXPECT_EQ(hash(TableCase({kQuantizedFormats[3], kQuantizedFormats[9], kF16, kF32}, 100, true, 4)),
            0xe2c14b5164d6c1d8u);
  uint64_t linear = 0;
  for (const Format& format : kQuantizedFormats) {
    linear = linear * 31 +
             hash(LinearQuantizedCase(format, 13, 77, 161, Activation::kGelu, true, true, 5));
  }
  EXPECT_EQ(linear, 0xd4a96672dfe85928u);
}

}  // namespace
}  // namespace gem
