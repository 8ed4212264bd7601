// Linear layers with quantized weights and tokens: all that formats have in common.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order.
//
// Two ways: a stream, for few tokens, which unpacks codes on the way to the
// registers, since weights are read once and memory is the limit; and tiles, for
// which a panel's codes are unpacked to bytes once for all tokens.
#include "runtime/kernels/QuantizedFormat.h"

namespace gem::GEM_ISA {
namespace {

constexpr uint32_t kPartBlocks = format::kExactDepth / format::kBlock;
constexpr uint32_t kChunkBlocks = 24;  // of which tiles keep the unpacked codes: in L1

// Quantized tokens.
struct Tokens {
  const uint8_t* data;
  uint32_t k;
  size_t row_bytes, codes_at;

  GEM_INLINE const uint8_t* row(size_t token) const { return data + token * row_bytes; }
  GEM_INLINE const int8_t* codes(size_t token) const {
    return reinterpret_cast<const int8_t*>(row(token) + codes_at);
  }
  GEM_INLINE float scale(size_t token) const { return LoadAs<float>(row(token)); }
  GEM_INLINE int32_t BlockSum(size_t token, uint32_t block) const {
    return LoadAs<int16_t>(row(token) + 8 + block * 2);
  }
  // Of the codes of some blocks.
  int32_t Sum(size_t token, uint32_t block, uint32_t blocks) const {
    if (block == 0 && blocks == format::Blocks(k)) return LoadAs<int32_t>(row(token) + 4);
    int32_t sum = 0;
    for (uint32_t i = 0; i < blocks; ++i) sum += BlockSum(token, block + i);
    return sum;
  }
};

// starts[t][i] = BlockStart of block first + i of token + t.
void FindStarts(const Tokens& x, int32_t offset, size_t token, uint32_t tokens, uint32_t first,
                uint32_t blocks, int32_t* starts, size_t stride) {
  for (uint32_t t = 0; t < tokens; ++t) {
    const uint8_t* const sums = x.row(token + t) + 8 + first * 2;
    for (uint32_t i = 0; i < blocks; ++i) {
      starts[t * stride + i] = BlockStart(LoadAs<int16_t>(sums + i * 2), offset);
    }
  }
}

// What all panels of a call share.
struct QuantizedPanels {
  const QuantizedFormat& format;
  const LinearQuantizedArgs& args;
  const bool f16_groups;
  const Tokens x;
  const format::PanelLayout layout;
  const uint32_t blocks, group_blocks;

  QuantizedPanels(const QuantizedFormat& format, const LinearQuantizedArgs& args)
      : format(format),
        args(args),
        f16_groups(format.scales == Scales::kF16Group),
        x{args.x, args.k, format::TokenRowBytes(args.k), format::TokenCodesOffset(args.k)},
        layout(format::LayOutPanel(format.bits, format.scales, args.w.group, args.k)),
        blocks(static_cast<uint32_t>(format::Blocks(args.k))),
        group_blocks(args.w.group != 0 ? args.w.group / static_cast<uint32_t>(format::kBlock)
                                       : kPartBlocks) {}

  const uint8_t* Panel(uint32_t panel) const {
    return static_cast<const uint8_t*>(args.w.data) + panel * layout.size;
  }

  TileArgs MakeTileArgs(const uint8_t* panel, uint32_t block) const {
    TileArgs tile = {};
    tile.w = panel + layout.codes + block * layout.block_bytes;
    tile.panel_bytes = layout.size;
    tile.token_bytes = x.row_bytes;
    tile.groups = panel + layout.group_scales;
    // Most calls are of all blocks, and a division takes as long as one.
    if (block != 0) tile.groups += block / group_blocks * (f16_groups ? 32 : 16);
    tile.group_panel_bytes = layout.size;
    tile.group_blocks = group_blocks;
    return tile;
  }

  // What the sums of some blocks have too much of.
  GEM_INLINE int32_t Excess(size_t token, uint32_t block, uint32_t count) const {
    if constexpr (kWideSource != Source::kFlipped) return 0;
    if (format.offset == 0) return 0;
    return static_cast<int32_t>(static_cast<uint32_t>(format.offset) *
                                static_cast<uint32_t>(x.Sum(token, block, count)));
  }

  // Adds the exact sums of a part to `sums`: sums = float(part) of the first part.
  GEM_INLINE void AddPart(size_t token, uint32_t block, uint32_t count, const int32_t* part,
                          float* sums) const {
    const int32_t excess = Excess(token, block, count);
    const I16 exact =
        MapMaskParts([&](auto p) GEM_LAMBDA { return LoadAs<I>(part + p * kLanes) - excess; });
    V16 value = ToFloat(exact);
    if (block != 0) value = Load(sums) + value;
    Store(sums, value);
  }

  GEM_INLINE V16 LoadBias(size_t column, uint32_t columns) const {
    const float* const bias = args.bias + column;
    float padded[16];
    return Load(columns == 16 ? bias : PadTo16(bias, columns, padded));
  }

  // y of a panel for a token, from its sums.
  GEM_INLINE void Finish(size_t token, uint32_t panel, float* sums) const {
    const size_t column = size_t{panel} * 16;
    const uint32_t columns = Min(16, args.n - static_cast<uint32_t>(column));
    V16 scale = Splat(x.scale(token));
    if (!f16_groups) scale = Load(reinterpret_cast<const float*>(Panel(panel))) * scale;
    V16 bias = Splat(0.0f);
    if (args.bias != nullptr) bias = LoadBias(column, columns);
    Store(sums, Fma(Load(sums), scale, bias));
    const size_t at = token * args.n + column;
    FinishRow(sums, args.residual != nullptr ? args.residual + at : nullptr, args.y + at, columns,
              args.activation);
  }

  // --- streams -----------------------------------------------------------------

  // Any number of tokens, and any k.
  void Stream(uint32_t begin, uint32_t end) const {
    int32_t starts[kSubtracts ? 1 : kStreamTokens * kPartBlocks];
    alignas(64) int32_t part[kStreamTokens * 16];
    alignas(64) float sums[kStreamTokens * 16];
    for (uint32_t panel = begin; panel < end; ++panel) {
      // The codes that tiles leave out, as far as the scales are long.
      const size_t codes = static_cast<size_t>(layout.codes);
      for (size_t at = codes < kAhead ? kAhead - codes : 0; at < kAhead; at += 64) {
        __builtin_prefetch(Panel(panel) + codes + at);
      }
      for (uint32_t token = 0; token < args.rows;) {
        const uint32_t left = args.rows - token;
        const uint32_t log = left >= 4 ? 2 : left >= 2 ? 1 : 0;
        const uint32_t tokens = kStreamTokens == 1 ? 1 : 1u << log;
        for (uint32_t block = 0; block < blocks; block += kPartBlocks) {
          const uint32_t count = Min(kPartBlocks, blocks - block);
          if (!kSubtracts && format.starts &&
              (panel == begin || count != blocks || args.rows > kStreamTokens ||
               tokens != args.rows)) {
            FindStarts(x, format::CodeOffset(format.bits), token, tokens, block, count, starts,
                       kPartBlocks);
          }
          TileArgs tile = MakeTileArgs(Panel(panel), block);
          tile.x = x.codes(token) + block * format::kBlock;
          tile.blocks = count;
          tile.starts = starts;
          tile.starts_stride = kPartBlocks;
          tile.sums = f16_groups ? reinterpret_cast<int32_t*>(sums) : part;
          tile.sums_stride = 16;
          tile.first = !f16_groups || block == 0;
          format.stream[kStreamTokens == 1 ? 0 : log](tile);
          if (f16_groups) continue;
          for (uint32_t t = 0; t < tokens; ++t) {
            AddPart(token + t, block, count, part + t * 16, sums + t * 16);
          }
        }
        for (uint32_t t = 0; t < tokens; ++t) Finish(token + t, panel, sums + t * 16);
        token += tokens;
      }
    }
  }

  // --- tiles ---------------------------------------------------------------------

  // More than kStreamTokens tokens, of at most kExactDepth.
  void Tiles(uint32_t begin, uint32_t end) const {
    for (uint32_t token = 0, tokens; token < args.rows; token += tokens) {
      const uint32_t left = args.rows - token;
      tokens = Min(kTileTokens, left);
      // Not few tokens in the end, for which there are no tiles.
      if (left > kTileTokens && left <= kTileTokens + kStreamTokens) tokens = kTileTokens - 8;
      for (uint32_t panel = begin; panel < end;) {
        const uint32_t panels = end - panel >= format.tiles->panels ? format.tiles->panels : 1;
        TilePanels(token, tokens, panel, panels);
        panel += panels;
      }
    }
  }

  void TilePanels(uint32_t token, uint32_t tokens, uint32_t panel, uint32_t panels) const {
    const TileTable& table = *format.tiles;
    alignas(64) uint8_t bytes[kMostPanels * kChunkBlocks * 512];
    alignas(64) int32_t sums[kTileTokens * kMostPanels * 16];
    int32_t starts[kSubtracts ? 1 : kTileTokens * kChunkBlocks];
    const uint32_t width = panels * 16;
    const TileFunction* const functions = panels == 1 ? table.one : table.many;
    // As few tiles as possible, and their heights as alike as possible.
    const uint32_t tiles = (tokens - 1) / table.tokens + 1;
    const uint32_t units = (tokens + table.alike - 1) / table.alike;
    const uint32_t height_of_first = units / tiles, higher_from = tiles - units % tiles;
    for (uint32_t block = 0; block < blocks; block += kChunkBlocks) {
      const uint32_t count = Min(kChunkBlocks, blocks - block);
      if (!kSubtracts && format.starts) {
        FindStarts(x, format::CodeOffset(format.bits), token, tokens, block, count, starts,
                   kChunkBlocks);
      }
      TileArgs tile = MakeTileArgs(Panel(panel), block);
      tile.blocks = count;
      tile.starts_stride = kChunkBlocks;
      tile.sums_stride = width;
      tile.first = block == 0;
      if (format.unpack != nullptr) {
        for (uint32_t p = 0; p < panels; ++p) {
          format.unpack(tile.w + p * layout.size, count, bytes + size_t{p} * kChunkBlocks * 512);
        }
        tile.w = bytes;
        tile.panel_bytes = size_t{kChunkBlocks} * 512;
      }
      const TileArgs whole = tile;
      for (uint32_t t = 0, done = 0; t < tiles; ++t) {
        const uint32_t height =
            Min(tokens - done, (height_of_first + (t >= higher_from)) * table.alike);
        const TileFunction function = functions[height - table.lowest];
        tile.x = x.codes(token + done) + block * format::kBlock;
        tile.starts = starts + (kSubtracts ? 0 : done * kChunkBlocks);
        for (uint32_t slice = 0, row = 0; slice < table.slices; ++slice) {
          tile.w = whole.w + row * table.row_bytes;
          tile.groups = whole.groups + row * (f16_groups ? 2 : 1);
          tile.sums = sums + done * width + row;
          function(tile);
          row += table.slice_rows;
        }
        done += height;
      }
    }
    const bool in_place = args.activation != Activation::kNone;
    for (uint32_t p = 0; p < panels; ++p) {
      int32_t* const exact = sums + p * 16;
      if (f16_groups) {
        in_place ? FinishTile<true, true>(token, tokens, panel + p, width, exact)
                 : FinishTile<false, true>(token, tokens, panel + p, width, exact);
      } else {
        in_place ? FinishTile<true, false>(token, tokens, panel + p, width, exact)
                 : FinishTile<false, false>(token, tokens, panel + p, width, exact);
      }
    }
    if (!in_place) return;
    // Activations want rows that are long.
    float* const values = reinterpret_cast<float*>(sums);
    ActivateValues(values, values, size_t{tokens} * width, args.activation);
    const uint32_t columns = Min(width, args.n - panel * 16);
    for (uint32_t t = 0; t < tokens; ++t) {
      const size_t at = size_t{token + t} * args.n + size_t{panel} * 16;
      if (width == 16 && columns == 16 && args.residual == nullptr) {
        Store(args.y + at, Load(values + t * 16));
      } else {
        FinishRow(values + t * width, args.residual != nullptr ? args.residual + at : nullptr,
                  args.y + at, columns, Activation::kNone);
      }
    }
  }

  // y of a panel's sums, `stride` apart: AddPart and Finish in one, with what all tokens
  // share in registers. With kInPlace the sums become what the activation is of.
  template <bool kInPlace, bool kF16Groups>
  GEM_NOINLINE void FinishTile(uint32_t token, uint32_t tokens, uint32_t panel, uint32_t stride,
                               int32_t* exact) const {
    const size_t column = size_t{panel} * 16;
    const uint32_t columns = Min(16, args.n - static_cast<uint32_t>(column));
    const V16 bias = args.bias != nullptr ? LoadBias(column, columns) : Splat(0.0f);
    const V16 scale = kF16Groups ? Splat(1.0f) : Load(reinterpret_cast<const float*>(Panel(panel)));
    for (uint32_t t = 0; t < tokens; ++t, exact += stride) {
      const V16 token_scale = Splat(x.scale(token + t));
      V16 value;
      if constexpr (kF16Groups) {
        value = Fma(Load(reinterpret_cast<const float*>(exact)), token_scale, bias);
      } else {
        const int32_t excess = Excess(token + t, 0, blocks);
        value = ToFloat(MapMaskParts(
            [&](auto i) GEM_LAMBDA { return LoadAs<I>(exact + i * kLanes) - excess; }));
        value = Fma(value, scale * token_scale, bias);
      }
      const size_t at = size_t{token + t} * args.n + column;
      if constexpr (kInPlace) {
        Store(reinterpret_cast<float*>(exact), value);
      } else if (columns == 16) {
        if (args.residual != nullptr) value = value + Load(args.residual + at);
        Store(args.y + at, value);
      } else {
        alignas(64) float row[16];
        Store(row, value);
        FinishRow(row, args.residual != nullptr ? args.residual + at : nullptr, args.y + at,
                  columns, Activation::kNone);
      }
    }
  }
};

}  // namespace

void RunQuantized(const QuantizedFormat& format, const LinearQuantizedArgs& args, uint32_t begin,
                  uint32_t end) {
  if (args.rows == 0) return;
  const QuantizedPanels panels(format, args);
  if (args.rows <= kStreamTokens || panels.blocks > kPartBlocks) {
    panels.Stream(begin, end);
  } else {
    panels.Tiles(begin, end);
  }
}

}  // namespace gem::GEM_ISA
