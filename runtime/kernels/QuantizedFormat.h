// How LINEAR_QUANTIZED works on one format of weights: what RunQuantized is made of.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each format has a few loops of its own, compiled for it, and a table of them; all
// around the loops is one function for all formats. Formats that share loops share one
// table of tiles, so that a program holds them once, and none that it does not use.
#ifndef GEM_RUNTIME_KERNELS_QUANTIZEDFORMAT_H
#define GEM_RUNTIME_KERNELS_QUANTIZEDFORMAT_H

#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/QuantizedTiles.h"

namespace gem::GEM_ISA {

// Up to how many tokens weights are streamed; the portable ISA is kept small.
#if defined(GEM_ISA_SCALAR)
constexpr uint32_t kStreamTokens = 1;
#else
constexpr uint32_t kStreamTokens = 4;
#endif
constexpr uint32_t kTileTokens = 128;  // of which tiles keep the sums

// The tiles of a kind, over codes that were unpacked to bytes.
struct TileTable {
  // Of [height - lowest] tokens: of as many panels as fit, and of one.
  const TileFunction* many;
  const TileFunction* one;
  uint8_t lowest, tokens, panels, slices, slice_rows;
  uint8_t alike;      // heights are multiples of it, where they can be
  uint8_t row_bytes;  // from row to row of a block
};

struct QuantizedFormat {
  uint8_t bits;
  format::Scales scales;
  Kind kind;
  // The codes of blocks as bytes, in the order that tiles want; null where they are.
  void (*unpack)(const uint8_t* packed, uint32_t count, uint8_t* bytes);
  const TileTable* tiles;
  TileFunction stream[3];  // of 1, 2 and 4 tokens
  int32_t offset;          // what is in the sums too often, times the sum of the token's codes
  bool starts;             // tiles want BlockStart of each block
};

// y of the panels [begin, end).
void RunQuantized(const QuantizedFormat& format, const LinearQuantizedArgs& args, uint32_t begin,
                  uint32_t end);

extern const TileTable kWideTiles;      // with LinearInt8
#if defined(GEM_NARROW_ROWS)
extern const TileTable kRowTiles;       // with LinearInt4
#define kCodeTiles kRowTiles
#else
#define kCodeTiles kWideTiles
#endif
extern const TileTable kTwoLevelTiles;  // with LinearInt4
extern const TileTable kF16GroupTiles;  // with LinearInt4F16

namespace {

using format::Scales;

// How many tokens are the fewest of a tile, when more than kStreamTokens are divided among
// as few tiles as possible, as alike as possible.
constexpr uint32_t LowestTile(uint32_t tokens_of_tile) {
  uint32_t lowest = tokens_of_tile;
  for (uint32_t tokens = kStreamTokens + 1; tokens <= kTileTokens; ++tokens) {
    const uint32_t tiles = (tokens - 1) / tokens_of_tile + 1;
    if (tokens / tiles < lowest) lowest = tokens / tiles;
  }
  return lowest;
}

template <Kind kKind>
struct Tiling {
  static constexpr TileShape kShape = ShapeOf(kKind);
  // Tokens of matrices come in pairs, of which an odd last one is one less.
  static constexpr int kAlike = UsesMatrices(kKind) ? 2 : 1;
  static constexpr int kLowest =
      static_cast<int>(LowestTile(static_cast<uint32_t>(kShape.tokens))) - (kAlike - 1);
  static constexpr int kHeights = kShape.tokens - kLowest + 1;
  static constexpr Source kSource = kKind == Kind::kWide ? kWideSource : Source::kBytes;

  struct Functions {
    TileFunction of[kHeights];
  };
  template <int kVectors, int... kIndices>
  static constexpr Functions Make(Indices<kIndices...>) {
    return {{Tile<kSource, kKind, kLowest + kIndices, kVectors, false>...}};
  }
  static constexpr Functions kMany = Make<kShape.vectors()>(MakeIndices<kHeights>{});
  static constexpr Functions kOne = Make<kParts / kShape.slices>(MakeIndices<kHeights>{});

  static constexpr TileTable MakeTable() {
    return {kMany.of,           kOne.of,       kLowest,
            kShape.tokens,      kShape.panels, kShape.slices,
            16 / kShape.slices, kAlike,        UsesMatrices(kKind) ? 8 : 4};
  }
};

constexpr Kind KindOf(unsigned bits, Scales scales) {
  if (scales == Scales::kTwoLevel) return Kind::kTwoLevel;
  if (scales == Scales::kF16Group) return Kind::kF16Group;
  return bits == 8 || kWideCodes ? Kind::kWide : Kind::kRow;
}

constexpr Source SourceOf(unsigned bits) {
  if (bits == 4) return Source::kI4;
  if (bits == 3) return Source::kI3;
  if (bits == 2) return Source::kI2;
  return kWideSource;
}

template <unsigned kBits, Kind kKind>
void Unpack(const uint8_t* packed, uint32_t count, uint8_t* bytes) {
  constexpr Source kSource = SourceOf(kBits);
  for (uint32_t block = 0; block < count; ++block) {
    Unroll<kParts>([&](auto p) GEM_LAMBDA {
      B codes[8];
      Unroll<8>([&](auto q) GEM_LAMBDA {
        codes[q] = LoadQuad<kSource, q>(packed + p * kVectorBytes);
        // So that tiles which flip them get them back.
        if constexpr (kKind == Kind::kWide && kWideSource == Source::kFlipped) {
          codes[q] ^= static_cast<int8_t>(-128);
        }
      });
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

template <unsigned kBits, Scales kScales>
constexpr QuantizedFormat MakeFormat(const TileTable* tiles) {
  constexpr Kind kKind = KindOf(kBits, kScales);
  QuantizedFormat format = {};
  format.bits = kBits;
  format.scales = kScales;
  format.kind = kKind;
  if constexpr (kBits != 8 || UsesMatrices(kKind)) format.unpack = Unpack<kBits, kKind>;
  format.tiles = tiles;
  format.stream[0] = Tile<SourceOf(kBits), kKind, 1, kParts, true>;
  if constexpr (kStreamTokens > 1) {
    format.stream[1] = Tile<SourceOf(kBits), kKind, 2, kParts, true>;
    format.stream[2] = Tile<SourceOf(kBits), kKind, 4, kParts, true>;
  }
  if constexpr (kKind == Kind::kWide && kWideSource == Source::kFlipped) {
    format.offset = kBits == 8 ? 128 : format::CodeOffset(kBits);
  }
  format.starts = kKind != Kind::kWide && !kSubtracts;
  return format;
}

// The kernel for a format.
#define GEM_LINEAR_QUANTIZED(name, bits, scales, tiles)                         \
  namespace {                                                                   \
  constexpr QuantizedFormat k##name = MakeFormat<bits, Scales::scales>(&tiles); \
  }                                                                             \
  void name(const LinearQuantizedArgs& args, uint32_t begin, uint32_t end) {    \
    RunQuantized(k##name, args, begin, end);                                    \
  }

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_QUANTIZEDFORMAT_H
