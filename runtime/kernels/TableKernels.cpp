// Reading rows of tables, of floats or quantized.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order.
#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/Loops.h"

namespace gem::GEM_ISA {
namespace {

using format::Scales;

// The values of the 32 codes of a block.
template <unsigned kBits>
GEM_INLINE void UnpackBlock(const uint8_t* block, int32_t* values) {
  for (uint32_t k = 0; k < format::kBlock; ++k) {
    if constexpr (kBits == 8) {
      values[k] = static_cast<int8_t>(block[k]);
    } else {
      const format::CodePlace low = format::TableLowPlace(kBits, k);
      const unsigned mask = kBits == 4 ? 15 : 3;
      unsigned code = block[low.byte] >> low.shift & mask;
      if constexpr (kBits == 3) {
        const format::CodePlace high = format::TableHighPlace(k);
        code |= (block[high.byte] >> high.shift & 1u) << 2;
      }
      values[k] = static_cast<int32_t>(code) - format::CodeOffset(kBits);
    }
  }
}

// Calls use(i, count, value) for the elements [i, i + count) of a row, count 1 to
// 16: value * scale, where scale = s * ratio. All of it is exact in f32, save what
// is subnormal or overflows.
template <unsigned kBits, class Use>
GEM_INLINE void ForEachQuantized(const Weight& w, size_t row, Use&& use) {
  const format::TableLayout layout = format::LayOutTable(kBits, w.scales, w.group, w.rows, w.width);
  const uint8_t* const data = static_cast<const uint8_t*>(w.data);
  const uint8_t* const groups = data + layout.group_scales + row * layout.group_row_bytes;
  const uint8_t* const codes = data + layout.codes + row * layout.code_row_bytes;
  float row_scale = 0;
  if (w.scales != Scales::kF16Group) {
    row_scale = BitsAs<float>(uint32_t{LoadAs<uint16_t>(data + row * 2)} << 16);
  }
  for (uint32_t i = 0; i < w.width; i += format::kBlock) {
    float scale = row_scale;
    if (w.scales == Scales::kTwoLevel) scale *= static_cast<float>(groups[i / w.group]);
    if (w.scales == Scales::kF16Group) {
      uint16_t halves[kLanes] = {LoadAs<uint16_t>(groups + i / w.group * 2)};
      scale = LoadHalvesNative(halves)[0];
    }
    int32_t values[format::kBlock];
    UnpackBlock<kBits>(codes + i / format::kBlock * format::kBlock * kBits / 8, values);
    for (uint32_t j = 0; j < format::kBlock && i + j < w.width; j += 16) {
      use(i + j, Min(16, w.width - i - j), ToFloat(LoadInts(values + j)) * Splat(scale));
    }
  }
}

// y[at, at + count) = x + value, or value itself where there is no x.
GEM_INLINE void PutRow(const float* x, float* y, uint32_t at, uint32_t count, V16 value) {
  float part[16];
  if (x != nullptr) value = Load(count == 16 ? x + at : PadTo16(x + at, count, part)) + value;
  if (count == 16) return Store(y + at, value);
  Store(part, value);
  __builtin_memcpy(y + at, part, count * sizeof *y);
}

// y = x + row, or row itself where there is no x.
template <unsigned kBits>
GEM_INLINE void QuantizedRow(const Weight& w, size_t row, const float* x, float* y) {
  ForEachQuantized<kBits>(w, row, [&](uint32_t at, uint32_t count, V16 value) GEM_LAMBDA {
    PutRow(x, y, at, count, value);
  });
}

}  // namespace

void TableRowF32(const Weight& table, size_t row, const float* x, float* y) {
  const float* const values = static_cast<const float*>(table.data) + row * table.width;
  if (x == nullptr) {
    __builtin_memcpy(y, values, table.width * sizeof(float));
    return;
  }
  ForEach16(table.width, [&](size_t i, auto load, auto store)
                             GEM_LAMBDA { store(y + i, load(x + i) + load(values + i)); });
}

void TableRowF16(const Weight& table, size_t row, const float* x, float* y) {
  const uint16_t* const values = static_cast<const uint16_t*>(table.data) + row * table.width;
  for (uint32_t i = 0; i < table.width; i += 16) {
    const uint32_t count = Min(16, table.width - i);
    uint16_t rest[16] = {};
    if (count < 16) __builtin_memcpy(rest, values + i, count * sizeof *values);
    PutRow(x, y, i, count, LoadHalves(count < 16 ? rest : values + i));
  }
}

void TableRowInt8(const Weight& table, size_t row, const float* x, float* y) {
  QuantizedRow<8>(table, row, x, y);
}
void TableRowInt4(const Weight& table, size_t row, const float* x, float* y) {
  QuantizedRow<4>(table, row, x, y);
}
void TableRowInt3(const Weight& table, size_t row, const float* x, float* y) {
  QuantizedRow<3>(table, row, x, y);
}
void TableRowInt2(const Weight& table, size_t row, const float* x, float* y) {
  QuantizedRow<2>(table, row, x, y);
}

}  // namespace gem::GEM_ISA
