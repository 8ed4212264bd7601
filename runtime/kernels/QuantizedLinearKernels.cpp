// Linear layers with quantized weights and tokens.
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
#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/QuantizedTiles.h"

namespace gem::GEM_ISA {
namespace {

using format::Scales;

constexpr uint32_t kPartBlocks = format::kExactDepth / format::kBlock;
[[maybe_unused]] constexpr uint32_t kMaxPanels = 3;        // of a tile
constexpr uint32_t kChunkBlocks = 24;     // of which tiles keep the unpacked codes: in L1
constexpr uint32_t kTileTokens = 128;     // of which they keep the sums

// Up to which weights are streamed; the portable ISA is kept small.
#if defined(GEM_ISA_SCALAR)
constexpr uint32_t kStreamTokens = 1;
#else
constexpr uint32_t kStreamTokens = 4;
#endif

constexpr Source SourceOf(unsigned bits) {
  if (bits == 4) return Source::kI4;
  if (bits == 3) return Source::kI3;
  if (bits == 2) return Source::kI2;
#if defined(GEM_ISA_AVX512VNNI)
  return Source::kFlipped;
#else
  return Source::kBytes;
#endif
}
// Of tiles: codes are bytes by then.
constexpr Source TileSourceOf(unsigned bits) { return bits == 8 ? SourceOf(8) : Source::kBytes; }

constexpr Kind KindOf(unsigned bits, Scales scales) {
  if (scales == Scales::kTwoLevel) return Kind::kTwoLevel;
  if (scales == Scales::kF16Group) return Kind::kF16Group;
  return bits == 8 || kWideCodes ? Kind::kWide : Kind::kRow;
}

// What a Wide sum has too much of, times the sum of the token's codes.
constexpr int32_t WideOffset(unsigned bits) {
#if defined(GEM_ISA_AVX512VNNI)
  return bits == 8 ? 128 : format::CodeOffset(bits);
#else
  return 0;
#endif
}

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
template <unsigned kBits>
void FindStarts(const Tokens& x, size_t token, uint32_t tokens, uint32_t first, uint32_t blocks,
                int32_t* starts, size_t stride) {
  for (uint32_t t = 0; t < tokens; ++t) {
    const uint8_t* const sums = x.row(token + t) + 8 + first * 2;
    for (uint32_t i = 0; i < blocks; ++i) {
      starts[t * stride + i] = BlockStart(LoadAs<int16_t>(sums + i * 2), format::CodeOffset(kBits));
    }
  }
}

// What all panels of a call share.
template <unsigned kBits, Scales kScales>
struct QuantizedPanels {
  static constexpr Kind kKind = KindOf(kBits, kScales);
  static constexpr bool kStarts = kKind != Kind::kWide && !kSubtracts;

  const LinearQuantizedArgs& args;
  const Tokens x;
  const format::PanelLayout layout;
  const uint32_t blocks, group_blocks;

  explicit QuantizedPanels(const LinearQuantizedArgs& args)
      : args(args),
        x{args.x, args.k, format::TokenRowBytes(args.k), format::TokenCodesOffset(args.k)},
        layout(format::LayOutPanel(kBits, kScales, args.w.group, args.k)),
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
    tile.groups = panel + layout.group_scales +
                  block / group_blocks * (kScales == Scales::kF16Group ? 32 : 16);
    tile.group_panel_bytes = layout.size;
    tile.group_blocks = group_blocks;
    return tile;
  }

  // What the sums of some blocks have too much of.
  GEM_INLINE int32_t Excess(size_t token, uint32_t block, uint32_t count) const {
    if constexpr (kKind != Kind::kWide || WideOffset(kBits) == 0) return 0;
    return static_cast<int32_t>(static_cast<uint32_t>(WideOffset(kBits)) *
                                static_cast<uint32_t>(x.Sum(token, block, count)));
  }

  // Adds the exact sums of a part to `sums`: sums = float(part) of the first part.
  void AddPart(size_t token, uint32_t block, uint32_t count, const int32_t* part, uint32_t rows,
               float* sums) const {
    const int32_t excess = Excess(token, block, count);
    for (uint32_t i = 0; i < rows; i += 16) {
      const I16 exact = MapMaskParts(
          [&](auto p) GEM_LAMBDA { return LoadAs<I>(part + i + p * kLanes) - excess; });
      V16 value = ToFloat(exact);
      if (block != 0) value = Load(sums + i) + value;
      Store(sums + i, value);
    }
  }

  // y of `panels` panels for a token, from its sums.
  void Finish(size_t token, uint32_t panel, uint32_t panels, float* sums) const {
    const size_t column = size_t{panel} * 16;
    const uint32_t columns = Min(panels * 16, args.n - static_cast<uint32_t>(column));
    const V16 token_scale = Splat(x.scale(token));
    for (uint32_t i = 0; i < panels; ++i) {
      V16 scale = token_scale;
      if constexpr (kScales != Scales::kF16Group) {
        scale = Load(reinterpret_cast<const float*>(Panel(panel + i))) * scale;
      }
      V16 bias = Splat(0.0f);
      if (args.bias != nullptr) {
        const uint32_t rest = columns - i * 16;
        const float* const at = args.bias + column + i * 16;
        bias = rest >= 16 ? Load(at) : LoadPartial(at, rest);
      }
      Store(sums + i * 16, Fma(Load(sums + i * 16), scale, bias));
    }
    const size_t at = token * args.n + column;
    FinishRow(sums, args.residual != nullptr ? args.residual + at : nullptr, args.y + at, columns,
              args.activation);
  }

  // --- streams -----------------------------------------------------------------

  template <int kTokens>
  GEM_INLINE void StreamTile(TileArgs& tile) const {
    Tile<SourceOf(kBits), kKind, kTokens, kParts, true>(tile);
  }

  // Any number of tokens, and any k.
  void Stream(uint32_t begin, uint32_t end) const {
    int32_t starts[kStarts ? kStreamTokens * kPartBlocks : 1];
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
        const uint32_t tokens = Min(kStreamTokens, left >= 4 ? 4 : left >= 2 ? 2 : 1);
        for (uint32_t block = 0; block < blocks; block += kPartBlocks) {
          const uint32_t count = Min(kPartBlocks, blocks - block);
          if (kStarts && (panel == begin || count != blocks || args.rows > kStreamTokens ||
                          tokens != args.rows)) {
            FindStarts<kBits>(x, token, tokens, block, count, starts, kPartBlocks);
          }
          TileArgs tile = MakeTileArgs(Panel(panel), block);
          tile.x = x.codes(token) + block * format::kBlock;
          tile.blocks = count;
          tile.starts = starts;
          tile.starts_stride = kPartBlocks;
          tile.sums = kScales == Scales::kF16Group ? reinterpret_cast<int32_t*>(sums) : part;
          tile.sums_stride = 16;
          tile.first = kScales != Scales::kF16Group || block == 0;
          if (tokens == 1) {
            StreamTile<1>(tile);
          } else if constexpr (kStreamTokens > 1) {
            tokens == 2 ? StreamTile<2>(tile) : StreamTile<4>(tile);
          }
          if constexpr (kScales != Scales::kF16Group) {
            for (uint32_t t = 0; t < tokens; ++t) {
              AddPart(token + t, block, count, part + t * 16, 16, sums + t * 16);
            }
          }
        }
        for (uint32_t t = 0; t < tokens; ++t) Finish(token + t, panel, 1, sums + t * 16);
        token += tokens;
      }
    }
  }

  // --- tiles ---------------------------------------------------------------------

  static constexpr TileShape kShape = ShapeOf(kKind);

  // Tiles of index + 1 tokens: of as many panels as fit, and of one.
  struct Functions {
    TileFunction many, one;
  };
  struct FunctionTable {
    Functions of[kShape.tokens];
  };
  template <int... kIndices>
  static constexpr FunctionTable MakeFunctions(Indices<kIndices...>) {
    constexpr Source kSource = TileSourceOf(kBits);
    return {{{Tile<kSource, kKind, kIndices + 1, kShape.vectors(), false>,
              Tile<kSource, kKind, kIndices + 1, kParts / kShape.slices, false>}...}};
  }
  static constexpr FunctionTable kFunctions = MakeFunctions(MakeIndices<kShape.tokens>{});

  // The codes of blocks as bytes, in the order that tiles want.
  static void Unpack(const uint8_t* packed, uint32_t count, uint8_t* bytes) {
    constexpr Source kSource = SourceOf(kBits);
    for (uint32_t block = 0; block < count; ++block) {
      Unroll<kParts>([&](auto p) GEM_LAMBDA {
        B codes[8];
        Unroll<8>([&](auto q)
                      GEM_LAMBDA { codes[q] = LoadQuad<kSource, q>(packed + p * kVectorBytes); });
#if defined(GEM_ISA_I8MM)
        if constexpr (UsesMatrices(kKind)) return ZipBlock(codes, bytes, p);
#endif
        Unroll<8>([&](auto q) GEM_LAMBDA {
          __builtin_memcpy(bytes + q * 64 + p * kVectorBytes, &codes[q], sizeof(B));
        });
      });
      packed += BlockBytes(kSource);
      bytes += 512;
    }
  }

  // At most kExactDepth.
  void Tiles(uint32_t begin, uint32_t end) const {
    for (uint32_t token = 0; token < args.rows; token += kTileTokens) {
      const uint32_t tokens = Min(kTileTokens, args.rows - token);
      for (uint32_t panel = begin; panel < end;) {
        const uint32_t panels = end - panel >= static_cast<uint32_t>(kShape.panels)
                                    ? static_cast<uint32_t>(kShape.panels)
                                    : 1;
        TilePanels(token, tokens, panel, panels);
        panel += panels;
      }
    }
  }

  void TilePanels(uint32_t token, uint32_t tokens, uint32_t panel, uint32_t panels) const {
    constexpr uint32_t kWidest = static_cast<uint32_t>(kShape.panels) * 16;
    constexpr bool kUnpacks = kBits != 8 || UsesMatrices(kKind);
    alignas(64) uint8_t bytes[kUnpacks ? kShape.panels * kChunkBlocks * 512 : 1];
    alignas(64) int32_t sums[kTileTokens * kWidest];
    int32_t starts[kStarts ? kTileTokens * kChunkBlocks : 1];
    const uint32_t width = panels * 16;
    // As few tiles as possible, and their heights as alike as possible; tokens of matrices
    // come in pairs.
    constexpr uint32_t kAlike = UsesMatrices(kKind) ? 2 : 1;
    const uint32_t tiles = (tokens - 1) / static_cast<uint32_t>(kShape.tokens) + 1;
    for (uint32_t block = 0; block < blocks; block += kChunkBlocks) {
      const uint32_t count = Min(kChunkBlocks, blocks - block);
      if constexpr (kStarts) {
        FindStarts<kBits>(x, token, tokens, block, count, starts, kChunkBlocks);
      }
      TileArgs tile = MakeTileArgs(Panel(panel), block);
      tile.blocks = count;
      tile.starts_stride = kChunkBlocks;
      tile.sums_stride = width;
      tile.first = block == 0;
      if constexpr (kUnpacks) {
        for (uint32_t p = 0; p < panels; ++p) {
          Unpack(tile.w + p * layout.size, count, bytes + size_t{p} * kChunkBlocks * 512);
        }
        tile.w = bytes;
        tile.panel_bytes = size_t{kChunkBlocks} * 512;
      }
      const TileArgs whole = tile;
      for (uint32_t t = 0, done = 0; t < tiles; ++t) {
        const uint32_t height =
            Min(tokens - done, ((tokens - done + kAlike - 1) / kAlike) / (tiles - t) * kAlike);
        const Functions& choice = kFunctions.of[height - 1];
        const TileFunction function = panels == 1 ? choice.one : choice.many;
        tile.x = x.codes(token + done) + block * format::kBlock;
        tile.starts = starts + (kStarts ? done * kChunkBlocks : 0);
        for (int slice = 0; slice < kShape.slices; ++slice) {
          constexpr int kRows = 16 / kShape.slices;
          // A row has 4 bytes of each quad, or 8 of each step of matrices.
          tile.w = whole.w + slice * kRows * (UsesMatrices(kKind) ? 8 : 4);
          tile.groups = whole.groups + slice * kRows * (kScales == Scales::kF16Group ? 2 : 1);
          tile.sums = sums + done * width + slice * kRows;
          function(tile);
        }
        done += height;
      }
    }
    if (args.activation == Activation::kNone) {
      return FinishTile<false>(token, tokens, panel, panels, sums);
    }
    // Activations want rows that are long.
    FinishTile<true>(token, tokens, panel, panels, sums);
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

  // y of a panel's sums: AddPart and Finish in one, with what all tokens share in
  // registers. With kInPlace the sums become what the activation is of.
  template <bool kInPlace>
  void FinishTile(uint32_t token, uint32_t tokens, uint32_t panel, uint32_t panels,
                  int32_t* sums) const {
    const uint32_t width = panels * 16;
    for (uint32_t p = 0; p < panels; ++p) {
      const size_t column = size_t{panel + p} * 16;
      const uint32_t columns = Min(16, args.n - static_cast<uint32_t>(column));
      const V16 bias =
          args.bias != nullptr ? LoadPartial(args.bias + column, columns) : Splat(0.0f);
      const V16 scale = kScales != Scales::kF16Group
                            ? Load(reinterpret_cast<const float*>(Panel(panel + p)))
                            : Splat(1.0f);
      for (uint32_t t = 0; t < tokens; ++t) {
        int32_t* const exact = sums + t * width + p * 16;
        V16 value;
        if constexpr (kScales == Scales::kF16Group) {
          value = Fma(Load(reinterpret_cast<const float*>(exact)), Splat(x.scale(token + t)), bias);
        } else {
          const int32_t excess = Excess(token + t, 0, blocks);
          value = ToFloat(MapMaskParts(
              [&](auto i) GEM_LAMBDA { return LoadAs<I>(exact + i * kLanes) - excess; }));
          value = Fma(value, scale * Splat(x.scale(token + t)), bias);
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
  }

  void Run(uint32_t begin, uint32_t end) const {
    if (args.rows == 0) return;
    if (args.rows <= kStreamTokens || blocks > kPartBlocks) {
      Stream(begin, end);
    } else {
      Tiles(begin, end);
    }
  }
};

}  // namespace

#define GEM_LINEAR(name, bits, scales)                                       \
  void name(const LinearQuantizedArgs& args, uint32_t begin, uint32_t end) { \
    QuantizedPanels<bits, Scales::scales>(args).Run(begin, end);             \
  }
GEM_LINEAR(LinearInt8, 8, kRow)
GEM_LINEAR(LinearInt4, 4, kRow)
GEM_LINEAR(LinearInt4Group, 4, kTwoLevel)
GEM_LINEAR(LinearInt4F16, 4, kF16Group)
GEM_LINEAR(LinearInt3, 3, kRow)
GEM_LINEAR(LinearInt3Group, 3, kTwoLevel)
GEM_LINEAR(LinearInt3F16, 3, kF16Group)
GEM_LINEAR(LinearInt2, 2, kRow)
GEM_LINEAR(LinearInt2Group, 2, kTwoLevel)
GEM_LINEAR(LinearInt2F16, 2, kF16Group)

}  // namespace gem::GEM_ISA
