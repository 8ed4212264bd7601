// Linear layers with quantized weights and tokens.
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

constexpr uint32_t kTokens = 8;  // that share an unpacked block

// The codes' values of a block, as 8 bits have them.
template <unsigned kBits>
GEM_INLINE void UnpackBlock(const uint8_t* block, int8_t* values) {
  for (uint32_t quad = 0; quad < 8; ++quad) {
    for (uint32_t lane = 0; lane < 64; ++lane) {
      uint32_t code = block[(kBits == 4 ? quad % 4 : quad / 4) * 64 + lane];
      code = kBits == 4 ? code >> (quad / 4 * 4) & 15 : code >> (quad % 4 * 2) & 3;
      if (kBits == 3) code |= (block[128 + lane] >> quad & 1u) << 2;
      values[quad * 64 + lane] =
          static_cast<int8_t>(static_cast<int>(code) - format::CodeOffset(kBits));
    }
  }
}

// sums[row] += the dot products of a block of 16 rows with 32 codes of a token.
GEM_INLINE void AddBlock(const int8_t* values, const int8_t* x, int32_t* sums) {
  for (uint32_t quad = 0; quad < 8; ++quad) {
    for (uint32_t row = 0; row < 16; ++row) {
      int32_t sum = 0;
      for (uint32_t j = 0; j < 4; ++j) sum += values[quad * 64 + row * 4 + j] * x[quad * 4 + j];
      sums[row] += sum;
    }
  }
}

template <unsigned kBits>
void LinearPanels(const LinearQuantizedArgs& args, uint32_t begin, uint32_t end) {
  const Scales scales = args.w.scales;
  const size_t row_bytes = format::TokenRowBytes(args.k);
  const size_t codes_at = format::TokenCodesOffset(args.k);
  const format::PanelLayout layout = format::LayOutPanel(kBits, scales, args.w.group, args.k);
  const uint32_t blocks = static_cast<uint32_t>(format::Blocks(args.k));
  const uint32_t group_blocks =
      args.w.group != 0 ? args.w.group / static_cast<uint32_t>(format::kBlock) : blocks;
  constexpr uint32_t kPartBlocks = format::kExactDepth / format::kBlock;
  for (uint32_t panel = begin; panel < end; ++panel) {
    const uint8_t* const w = static_cast<const uint8_t*>(args.w.data) + panel * layout.size;
    const size_t column = size_t{panel} * 16;
    const uint32_t columns = Min(16, args.n - static_cast<uint32_t>(column));
    alignas(64) float bias[16] = {};
    for (uint32_t i = 0; i < columns && args.bias != nullptr; ++i) bias[i] = args.bias[column + i];
    for (uint32_t token = 0; token < args.rows; token += kTokens) {
      const uint32_t tokens = Min(kTokens, args.rows - token);
      alignas(64) int32_t group_sums[kTokens][16] = {};
      alignas(64) int32_t part[kTokens][16] = {};
      alignas(64) float sums[kTokens][16] = {};
      for (uint32_t block = 0; block < blocks; ++block) {
        alignas(64) int8_t unpacked[512];
        const uint8_t* const packed = w + layout.codes + block * layout.block_bytes;
        const int8_t* values = unpacked;
        if constexpr (kBits == 8) {
          values = reinterpret_cast<const int8_t*>(packed);
        } else {
          UnpackBlock<kBits>(packed, unpacked);
        }
        const bool last = block + 1 == blocks;
        const bool group_ends = last || (block + 1) % group_blocks == 0;
        const bool part_ends = last || (block + 1) % kPartBlocks == 0;
        const uint8_t* const group = w + layout.group_scales;
        for (uint32_t t = 0; t < tokens; ++t) {
          const uint8_t* const x = args.x + (token + t) * row_bytes;
          AddBlock(values, reinterpret_cast<const int8_t*>(x + codes_at + block * format::kBlock),
                   group_sums[t]);
          if (scales == Scales::kF16Group) {
            if (!group_ends) continue;
            const V16 h =
                LoadHalves(reinterpret_cast<const uint16_t*>(group) + block / group_blocks * 16);
            Store(sums[t], Fma(ToFloat(LoadInts(group_sums[t])), h, Load(sums[t])));
            StoreInts(group_sums[t], SplatInt(0));
            continue;
          }
          if (group_ends || part_ends) {
            const uint8_t* const ratios = group + block / group_blocks * 16;
            for (uint32_t row = 0; row < 16; ++row) {
              const int32_t ratio = scales == Scales::kTwoLevel ? ratios[row] : 1;
              part[t][row] += group_sums[t][row] * ratio;
              group_sums[t][row] = 0;
            }
          }
          if (part_ends) {
            const V16 value = ToFloat(LoadInts(part[t]));
            Store(sums[t], block < kPartBlocks ? value : Load(sums[t]) + value);
            StoreInts(part[t], SplatInt(0));
          }
        }
      }
      for (uint32_t t = 0; t < tokens; ++t) {
        const float token_scale = LoadAs<float>(args.x + (token + t) * row_bytes);
        V16 scale = Splat(token_scale);
        if (scales != Scales::kF16Group) {
          scale = Load(reinterpret_cast<const float*>(w)) * scale;
        }
        Store(sums[t], Fma(Load(sums[t]), scale, Load(bias)));
        const size_t at = (token + t) * size_t{args.n} + column;
        FinishRow(sums[t], args.residual != nullptr ? args.residual + at : nullptr, args.y + at,
                  columns, args.activation);
      }
    }
  }
}

}  // namespace

void LinearQuantized(const LinearQuantizedArgs& args, uint32_t begin, uint32_t end) {
  switch (args.w.type) {
    case WeightType::kI8:
      return LinearPanels<8>(args, begin, end);
    case WeightType::kI4:
      return LinearPanels<4>(args, begin, end);
    case WeightType::kI3:
      return LinearPanels<3>(args, begin, end);
    case WeightType::kI2:
      return LinearPanels<2>(args, begin, end);
    case WeightType::kF32:
    case WeightType::kF16:
      break;
  }
}

}  // namespace gem::GEM_ISA
