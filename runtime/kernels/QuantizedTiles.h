// Tiles of LINEAR_QUANTIZED: some tokens times some rows of a panel.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_KERNELS_QUANTIZEDTILES_H
#define GEM_RUNTIME_KERNELS_QUANTIZEDTILES_H

#include "runtime/kernels/Dot.h"

namespace gem::GEM_ISA {

// What a tile sums.
enum class Kind : uint8_t {
  kWide,      // products, over all of its blocks
  kRow,       // block by block, in Narrow
  kTwoLevel,  // block by block, times the group's ratio
  kF16Group,  // group by group, times the group's f16, in f32
};

struct TileArgs {
  const uint8_t* w;    // of the first block
  size_t panel_bytes;  // from panel to panel
  const int8_t* x;     // codes of the first token
  size_t token_bytes;  // from token to token
  uint32_t blocks;
  const uint8_t* groups;  // scales of the first block's group
  size_t group_panel_bytes;
  uint32_t group_blocks;
  const int32_t* starts;  // BlockStart of each token's blocks
  size_t starts_stride;
  // The tile's rows of all tokens: i32, or f32 with kF16Group. Set when `first`, else
  // added to.
  int32_t* sums;
  size_t sums_stride;
  bool first;
};

using TileFunction = void (*)(const TileArgs&);

namespace {

// Codes to have on the way when those of a block are used, for weights that are
// read once.
constexpr uint32_t kAhead = 4096;

// Quads of a block that a turn of a tile's loop takes: few enough for a small loop, and
// enough for its own instructions not to count.
#if defined(GEM_ISA_AVX512VNNI)
constexpr int kWideQuads = 4, kNarrowQuads = 8;
#elif defined(GEM_ISA_AVX512)
constexpr int kWideQuads = 1, kNarrowQuads = 1;
#elif defined(GEM_DOT_X86)
constexpr int kWideQuads = 4, kNarrowQuads = 4;
#endif

template <uint32_t kBytes>
GEM_INLINE void Prefetch(const uint8_t* p) {
  Unroll<kBytes / 64>([&](auto i) GEM_LAMBDA { __builtin_prefetch(p + kAhead + i * 64); });
}

// Stores what value(t, v) gives: the sums of token t in vector v.
template <int kTokens, int kVectors, class Value>
GEM_INLINE void StoreSums(const TileArgs& args, Value&& value) {
  int32_t* const sums = args.sums;
  const size_t stride = args.sums_stride;
  const auto store = [&](auto adds) GEM_LAMBDA {
    Unroll<kTokens>([&](auto t) GEM_LAMBDA {
      int32_t* const row = sums + t * stride;
      Unroll<kVectors>([&](auto v) GEM_LAMBDA {
        I sum = value(t, v);
        if constexpr (adds != 0) sum += LoadAs<I>(row + v * kLanes);
        __builtin_memcpy(row + v * kLanes, &sum, sizeof sum);
      });
    });
  };
  args.first ? store(Index<0>{}) : store(Index<1>{});
}

// Where vector v of the tile lies: in panel v / kParts at the rows of v % kParts.
GEM_INLINE size_t VectorAt(size_t panel_bytes, int v, int bytes) {
  return static_cast<size_t>(v / kParts) * panel_bytes + static_cast<size_t>(v % kParts * bytes);
}

template <Source kSource, int kTokens, int kVectors, bool kStream>
GEM_NOINLINE void WideTile(const TileArgs& args) {
  // Independent chains, so that few sums do not wait for one another.
  constexpr int kChains = kTokens * kVectors >= 8 ? 1 : kTokens * kVectors >= 4 ? 2 : 4;
  Wide sum[kChains][kTokens][kVectors];
  Unroll<kChains>([&](auto c) GEM_LAMBDA {
    Unroll<kTokens>([&](auto t) GEM_LAMBDA {
      Unroll<kVectors>([&](auto v) GEM_LAMBDA { sum[c][t][v] = Wide{}; });
    });
  });
  const uint8_t* w = args.w;
  const int8_t* x = args.x;
  const size_t panel_bytes = args.panel_bytes, token_bytes = args.token_bytes;
#if defined(GEM_DOT_X86)
  // Quads of a turn of the loop. Streams read each byte once and unpack it by its place.
  constexpr int kQuads = kStream ? 8 : kWideQuads;
  for (uint32_t left = args.blocks * (8 / kQuads); left != 0; --left) {
    if constexpr (kStream) Prefetch<BlockBytes(kSource)>(w);
    Unroll<kQuads>([&](auto q) GEM_LAMBDA {
      B weights[kVectors];
      Unroll<kVectors>([&](auto v) GEM_LAMBDA {
        weights[v] = LoadQuad<kSource, q>(w + VectorAt(panel_bytes, v, kVectorBytes));
      });
      Unroll<kTokens>([&](auto t) GEM_LAMBDA {
        const B quad = Quad<q>(x + t * token_bytes);
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          Wide& to = sum[q % kChains][t][v];
          to = AddProducts(to, weights[v], quad);
        });
      });
    });
    w += BlockBytes(kSource) / 8 * kQuads;
    x += 4 * kQuads;
  }
#else
  for (uint32_t left = args.blocks; left != 0; --left) {
    if constexpr (kStream) Prefetch<BlockBytes(kSource)>(w);
    Unroll<2>([&](auto half) GEM_LAMBDA {
      Tokens16 tokens[kTokens];
      Unroll<kTokens>([&](auto t)
                          GEM_LAMBDA { tokens[t] = LoadTokens(x + t * token_bytes + half * 16); });
#if defined(GEM_ISA_DOTPROD)
      Unroll<4>([&](auto q) GEM_LAMBDA {
        constexpr int kQuad = half * 4 + q;
        Unroll<kVectors / 2>([&](auto two) GEM_LAMBDA {
          constexpr int kFirst = 2 * two;
          B weights[2];
          if constexpr (kSource == Source::kBytes && kVectors <= kParts) {
            LoadTwo<kQuad * 64 + kFirst * kVectorBytes>(w, weights[0], weights[1]);
          } else {
            Unroll<2>([&](auto i) GEM_LAMBDA {
              weights[i] =
                  LoadQuad<kSource, kQuad>(w + VectorAt(panel_bytes, kFirst + i, kVectorBytes));
            });
          }
          Unroll<2>([&](auto i) GEM_LAMBDA {
            Unroll<kTokens>([&](auto t) GEM_LAMBDA {
              Wide& to = sum[kQuad % kChains][t][kFirst + i];
              to = AddQuad<q>(to, weights[i], tokens[t]);
            });
          });
        });
      });
#else
      Unroll<2>([&](auto pair) GEM_LAMBDA {
        constexpr int kPair = half * 2 + pair;
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          const uint8_t* const at = w + VectorAt(panel_bytes, v, kVectorBytes);
          const B w0 = LoadQuad<kSource, 2 * kPair>(at);
          const B w1 = LoadQuad<kSource, 2 * kPair + 1>(at);
          Unroll<kTokens>([&](auto t) GEM_LAMBDA {
            Wide& to = sum[kPair % kChains][t][v];
            to = AddPair<pair>(to, w0, w1, tokens[t]);
          });
        });
      });
#endif
    });
    w += BlockBytes(kSource);
    x += format::kBlock;
  }
#endif
  StoreSums<kTokens, kVectors>(args, [&](auto t, auto v) GEM_LAMBDA {
    I total = Sum(sum[0][t][v]);
    Unroll<kChains - 1>([&](auto c) GEM_LAMBDA { total += Sum(sum[c + 1][t][v]); });
    return total;
  });
}

template <Source kSource, Kind kKind, int kTokens, int kVectors, bool kStream>
GEM_NOINLINE void NarrowTile(const TileArgs& args) {
  Narrow sum[kTokens][kVectors] = {};
  I total[kTokens][kVectors];
  F scaled[kTokens][kVectors];
  Unroll<kTokens>([&](auto t) GEM_LAMBDA {
    Unroll<kVectors>([&](auto v) GEM_LAMBDA {
      total[t][v] = I{};
      if constexpr (kKind == Kind::kF16Group) {
        const int32_t* const at = args.sums + t * args.sums_stride + v * kLanes;
        scaled[t][v] = args.first ? F{} : LoadAs<F>(at);
      }
    });
  });
  const uint8_t* w = args.w;
  const int8_t* x = args.x;
  const uint8_t* groups = args.groups;
  const size_t panel_bytes = args.panel_bytes, token_bytes = args.token_bytes;
  uint32_t in_group = 0;
  for (uint32_t block = 0; block < args.blocks; ++block) {
    if constexpr (kStream) Prefetch<BlockBytes(kSource)>(w);
#if defined(GEM_DOT_X86)
    Unroll<kTokens>([&](auto t) GEM_LAMBDA {
      const Narrow start = StartNarrow(args.starts[t * args.starts_stride + block]);
      Unroll<kVectors>([&](auto v) GEM_LAMBDA { sum[t][v] = start; });
    });
#endif
#if defined(GEM_DOT_X86)
    constexpr int kQuads = kStream ? 8 : kNarrowQuads;
    for (int left = 8 / kQuads; left != 0; --left) {
      // Else GCC unrolls what is a loop to be small.
      if constexpr (kQuads < 8) asm("" : "+r"(left));
      Unroll<kQuads>([&](auto q) GEM_LAMBDA {
        B weights[kVectors];
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          weights[v] = LoadQuad<kSource, q>(w + VectorAt(panel_bytes, v, kVectorBytes));
        });
        Unroll<kTokens>([&](auto t) GEM_LAMBDA {
          const B quad = Quad<q>(x + t * token_bytes);
          Unroll<kVectors>([&](auto v)
                               GEM_LAMBDA { sum[t][v] = AddNarrow(sum[t][v], weights[v], quad); });
        });
      });
      w += BlockBytes(kSource) / 8 * kQuads;
      x += 4 * kQuads;
    }
#else
    Unroll<2>([&](auto half) GEM_LAMBDA {
      Tokens16 tokens[kTokens];
      Unroll<kTokens>([&](auto t)
                          GEM_LAMBDA { tokens[t] = LoadTokens(x + t * token_bytes + half * 16); });
      Unroll<4>([&](auto q) GEM_LAMBDA {
        constexpr int kQuad = half * 4 + q;
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          const B weights = LoadQuad<kSource, kQuad>(w + VectorAt(panel_bytes, v, kVectorBytes));
          Unroll<kTokens>([&](auto t) GEM_LAMBDA {
            sum[t][v] = AddNarrow < kQuad == 0, q > (sum[t][v], weights, tokens[t]);
          });
        });
      });
    });
    w += BlockBytes(kSource);
    x += format::kBlock;
#endif
    const bool group_ends = ++in_group == args.group_blocks || block + 1 == args.blocks;
    if constexpr (kKind == Kind::kRow) {
      Unroll<kTokens>([&](auto t) GEM_LAMBDA {
        Unroll<kVectors>([&](auto v) GEM_LAMBDA { total[t][v] = AddOnce(total[t][v], sum[t][v]); });
      });
    } else if constexpr (kKind == Kind::kTwoLevel) {
      if (!kCumulative || group_ends) {
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          const uint8_t* const at = groups + VectorAt(args.group_panel_bytes, v, kLanes);
          I ratio = LoadRatio(at);
          if (kCumulative && block + 1 < args.blocks) ratio -= LoadRatio(at + 16);
          Unroll<kTokens>(
              [&](auto t) GEM_LAMBDA { total[t][v] = AddScaled(total[t][v], sum[t][v], ratio); });
        });
      }
      if (group_ends) {
        groups += 16;
        in_group = 0;
      }
    } else {
      if constexpr (!kCumulative) {
        Unroll<kTokens>([&](auto t) GEM_LAMBDA {
          Unroll<kVectors>([&](auto v)
                               GEM_LAMBDA { total[t][v] = AddOnce(total[t][v], sum[t][v]); });
        });
      }
      if (group_ends) {
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          const uint8_t* const at = groups + VectorAt(args.group_panel_bytes, v, kLanes * 2);
          const F h = LoadHalvesNative(reinterpret_cast<const uint16_t*>(at));
          Unroll<kTokens>([&](auto t) GEM_LAMBDA {
            I group_sum = total[t][v];
#if defined(GEM_DOT_CUMULATIVE)
            group_sum = sum[t][v];
            sum[t][v] = I{};
#endif
            scaled[t][v] = FmaNative(__builtin_convertvector(group_sum, F), h, scaled[t][v]);
            total[t][v] = I{};
          });
        });
        groups += 32;
        in_group = 0;
      }
    }
  }
  if constexpr (kKind == Kind::kF16Group) {
    Unroll<kTokens>([&](auto t) GEM_LAMBDA {
      Unroll<kVectors>([&](auto v) GEM_LAMBDA {
        __builtin_memcpy(args.sums + t * args.sums_stride + v * kLanes, &scaled[t][v], sizeof(F));
      });
    });
  } else {
    StoreSums<kTokens, kVectors>(args, [&](auto t, auto v) GEM_LAMBDA { return total[t][v]; });
  }
}

#if defined(GEM_ISA_I8MM)
// --- products of 2 x 8 by 8 x 2 --------------------------------------------------

// Weights for these lie as a block of 4 steps of 8 k of 8 pairs of rows.
GEM_INLINE void ZipBlock(const B (&quad)[8], uint8_t* block, int part) {
  Unroll<4>([&](auto step) GEM_LAMBDA {
    const int32x4_t even = (int32x4_t)quad[step * 2], odd = (int32x4_t)quad[step * 2 + 1];
    vst1q_s32(reinterpret_cast<int32_t*>(block + step * 128 + part * 32), vzip1q_s32(even, odd));
    vst1q_s32(reinterpret_cast<int32_t*>(block + step * 128 + part * 32 + 16),
              vzip2q_s32(even, odd));
  });
}

// kPairs pairs of rows from the first of a slice on, with kWide or kTwoLevel. Lanes
// are tokens 0, 0, 1, 1 of a pair of tokens by rows 0, 1, 0, 1 of a pair of rows. An
// odd token is paired with itself.
template <Kind kKind, int kTokens, int kPairs>
GEM_NOINLINE void MatrixTile(const TileArgs& args) {
  constexpr int kTokenPairs = (kTokens + 1) / 2;
  int32x4_t sum[kTokenPairs][kPairs], total[kTokenPairs][kPairs];
  Unroll<kTokenPairs>([&](auto t) GEM_LAMBDA {
    Unroll<kPairs>([&](auto v) GEM_LAMBDA { sum[t][v] = total[t][v] = vdupq_n_s32(0); });
  });
  const uint8_t* w = args.w;
  const int8_t* x = args.x;
  const uint8_t* groups = args.groups;
  const size_t token_bytes = args.token_bytes;
  uint32_t in_group = 0;
  for (uint32_t block = 0; block < args.blocks; ++block) {
    Unroll<2>([&](auto half) GEM_LAMBDA {
      int8x16_t tokens[2][kTokenPairs];
      Unroll<kTokenPairs>([&](auto t) GEM_LAMBDA {
        constexpr int kSecond = 2 * t + 1 < kTokens ? 2 * t + 1 : 2 * t;
        const int64x2_t first = (int64x2_t)LoadTokens(x + 2 * t * token_bytes + half * 16);
        const int64x2_t second = (int64x2_t)LoadTokens(x + kSecond * token_bytes + half * 16);
        tokens[0][t] = (int8x16_t)vzip1q_s64(first, second);
        tokens[1][t] = (int8x16_t)vzip2q_s64(first, second);
      });
      Unroll<2>([&](auto step) GEM_LAMBDA {
        Unroll<kPairs / 2>([&](auto two) GEM_LAMBDA {
          B rows[2];
          LoadTwo<(half * 2 + step) * 128 + two * 32>(w, rows[0], rows[1]);
          Unroll<2>([&](auto i) GEM_LAMBDA {
            Unroll<kTokenPairs>([&](auto t) GEM_LAMBDA {
              int32x4_t& to = sum[t][2 * two + i];
              to = vmmlaq_s32(to, tokens[step][t], (int8x16_t)rows[i]);
            });
          });
        });
      });
    });
    w += 512;
    x += format::kBlock;
    if constexpr (kKind == Kind::kTwoLevel) {
      const bool last = block + 1 == args.blocks;
      if (++in_group == args.group_blocks || last) {
        in_group = 0;
        const uint8x8_t ratio = vld1_u8(groups);
        groups += 16;
        const uint8x8_t next = last ? vdup_n_u8(0) : vld1_u8(groups);
        const int16x8_t difference = vreinterpretq_s16_u16(vsubl_u8(ratio, next));
        const int64x2_t wide[2] = {(int64x2_t)vmovl_s16(vget_low_s16(difference)),
                                   (int64x2_t)vmovl_high_s16(difference)};
        Unroll<kPairs>([&](auto v) GEM_LAMBDA {
          const int32x4_t by = (int32x4_t)vdupq_laneq_s64(wide[v / 2], v % 2);
          Unroll<kTokenPairs>(
              [&](auto t) GEM_LAMBDA { total[t][v] = vmlaq_s32(total[t][v], sum[t][v], by); });
        });
      }
    }
  }
  StoreSums<kTokens, kPairs / 2>(args, [&](auto t, auto v) GEM_LAMBDA {
    const auto& from = kKind == Kind::kTwoLevel ? total : sum;
    const int64x2_t low = (int64x2_t)from[t / 2][2 * v], high = (int64x2_t)from[t / 2][2 * v + 1];
    return (I)(t % 2 == 0 ? vzip1q_s64(low, high) : vzip2q_s64(low, high));
  });
}
#endif

constexpr bool UsesMatrices(Kind kind) {
#if defined(GEM_ISA_I8MM)
  return kind == Kind::kWide || kind == Kind::kTwoLevel;
#else
  return false;
#endif
}

template <Source kSource, Kind kKind, int kTokens, int kVectors, bool kStream>
GEM_INLINE void Tile(const TileArgs& args) {
#if defined(GEM_ISA_I8MM)
  if constexpr (!kStream && UsesMatrices(kKind))
    return MatrixTile<kKind, kTokens, kVectors * 2>(args);
#endif
  if constexpr (kKind == Kind::kWide) {
    WideTile<kSource, kTokens, kVectors, kStream>(args);
  } else {
    NarrowTile<kSource, kKind, kTokens, kVectors, kStream>(args);
  }
}

// How tiles fill the registers: `tokens` times `panels` panels, or 1 / `slices` of one.
struct TileShape {
  int tokens, panels, slices;
  constexpr int vectors() const { return panels * kParts / slices; }
};
constexpr TileShape ShapeOf(Kind kind) {
#if defined(GEM_ISA_AVX512)
  if (kind == Kind::kWide) return {8, 3, 1};
  if (kind == Kind::kF16Group) return {4, 2, 1};
  return {6, 2, 1};
#elif defined(GEM_ISA_AVX2)
  if (kind == Kind::kWide) return {4, 1, 1};
  if (kind == Kind::kF16Group) return {2, 1, 1};
  return {3, 1, 1};
#elif defined(GEM_ISA_I8MM)
  if (kind == Kind::kWide) return {6, 1, 1};
  if (kind == Kind::kTwoLevel) return {6, 1, 2};
  return {5, 1, 2};
#elif defined(GEM_ISA_DOTPROD)
  if (kind == Kind::kWide) return {6, 1, 1};
  return {5, 1, 2};
#elif defined(GEM_ISA_NEON)
  if (kind == Kind::kF16Group) return {2, 1, 2};
  return {2, 1, 1};
#else
  return {2, 1, 1};
#endif
}

// The most panels of a tile.
#if defined(GEM_ISA_AVX512)
constexpr uint32_t kMostPanels = 3;
#else
constexpr uint32_t kMostPanels = 1;
#endif

// Where codes of a few bits with a scale a row have tiles of their own.
#if !defined(GEM_ISA_AVX512VNNI) && !defined(GEM_ISA_DOTPROD) && !defined(GEM_ISA_SCALAR)
#define GEM_NARROW_ROWS
#endif

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_QUANTIZEDTILES_H
