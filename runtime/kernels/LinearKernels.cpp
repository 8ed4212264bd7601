// Linear layers with float weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order. Tiles only change which independent sums are computed side by side,
// never the order inside one.
#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/Loops.h"
#include "runtime/kernels/Math.h"

namespace gem::GEM_ISA {
namespace {

GEM_INLINE F LoadWeights(const float* p) { return LoadAs<F>(p); }
GEM_INLINE F LoadWeights(const uint16_t* p) { return LoadHalvesNative(p); }

// kRows tokens times kPanels panels of 16 outputs. `bias` and `tile` hold
// kPanels * 16 floats a row.
template <class W, int kRows, int kPanels>
GEM_NOINLINE void LinearTile(const float* x, size_t k_count, const void* panels, const float* bias,
                             float* tile) {
  const W* const w = static_cast<const W*>(panels);
  constexpr int kVectors = kPanels * kParts;
  F sum[kRows][kVectors];
  Unroll<kVectors>([&](auto v) GEM_LAMBDA {
    const F start = LoadAs<F>(bias + v * kLanes);
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r][v] = start; });
  });
  // Weights of vector v at k: panels lie k_count * 16 floats apart.
  const auto weights = [&](int v, size_t k) GEM_LAMBDA {
    return LoadWeights(w + (v / kParts) * k_count * 16 + k * 16 + (v % kParts) * kLanes);
  };
  size_t k = 0;
  for (; k + kStep <= k_count; k += kStep) {
    // All weights of a step and then one row after the other: that needs the fewest
    // registers beside the sums.
    Step step[kRows];
    if constexpr (kStep > 1) {
      Unroll<kRows>([&](auto r) GEM_LAMBDA { step[r] = LoadStep(x + r * k_count + k); });
    }
    Unroll<kStep>([&](auto s) GEM_LAMBDA {
      F weight[kVectors];
      Unroll<kVectors>([&](auto v) GEM_LAMBDA { weight[v] = weights(v, k + s); });
      Unroll<kRows>([&](auto r) GEM_LAMBDA {
        if constexpr (kStep == 1) step[r] = LoadStep(x + r * k_count + k);
        Unroll<kVectors>([&](auto v)
                             GEM_LAMBDA { sum[r][v] = FmaStep<s>(weight[v], step[r], sum[r][v]); });
      });
    });
  }
  if constexpr (kStep > 1) {
    for (; k < k_count; ++k) {
      Unroll<kVectors>([&](auto v) GEM_LAMBDA {
        const F weight = weights(v, k);
        Unroll<kRows>([&](auto r) GEM_LAMBDA {
          sum[r][v] = FmaNative(weight, SplatNative(x[r * k_count + k]), sum[r][v]);
        });
      });
    }
  }
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    Unroll<kVectors>([&](auto v) GEM_LAMBDA {
      __builtin_memcpy(tile + (r * kVectors + v) * kLanes, &sum[r][v], sizeof(F));
    });
  });
}

// How many panels a tile of `rows` tokens spans.
constexpr int PanelsFor(int rows) {
  const int panels = kLinearAccumulators / (rows * kParts);
  return panels < 1 ? 1 : panels > kLinearMaxPanels ? kLinearMaxPanels : panels;
}

// How many a smaller tile of as many tokens spans: with few tokens half, since one panel
// alone would wait for itself.
constexpr int HalfOf(int rows) { return rows <= 4 ? (PanelsFor(rows) + 1) / 2 : 1; }

using LinearTileFunction = void (*)(const float*, size_t, const void*, const float*, float*);

// Tiles of index + 1 rows: of as many panels as fit, of half of them, of as many
// as fit with one more row, and of one.
struct LinearTiles {
  LinearTileFunction many, half, fewer, one;
};
template <class W, int kRows>
constexpr LinearTiles MakeLinearTiles() {
  constexpr int kMany = PanelsFor(kRows);
  // Beside taller ones there are tiles of half as many rows and more.
  constexpr bool kBeside = kRows < kLinearRows && kRows >= kLinearRows / 2;
  constexpr int kFewer = PanelsFor(kBeside ? kRows + 1 : kRows);
  return {LinearTile<W, kRows, kMany>, LinearTile<W, kRows, HalfOf(kRows)>,
          LinearTile<W, kRows, kFewer>, LinearTile<W, kRows, 1>};
}
struct LinearTileTable {
  LinearTiles of[kLinearRows];
};
template <class W, int... kIndices>
constexpr LinearTileTable MakeLinearTileTable(Indices<kIndices...>) {
  return {{MakeLinearTiles<W, kIndices + 1>()...}};
}
template <class W>
constexpr LinearTileTable kLinearTiles = MakeLinearTileTable<W>(MakeIndices<kLinearRows>{});

// With weights of `element` bytes.
void RunLinear(const LinearArgs& args, uint32_t begin, uint32_t end, const LinearTiles* tiles_of,
               size_t element) {
  alignas(64) float bias[kLinearMaxPanels * 16];
  alignas(64) float tile[kLinearRows * kLinearMaxPanels * 16];
  const size_t n = args.n, k = args.k;
  if (args.rows == 0) return;
  const uint8_t* const weights = static_cast<const uint8_t*>(args.w.data);
  // As few tiles as possible, and their heights as even as possible: `tall` or
  // one less.
  const uint32_t tiles = (args.rows - 1) / kLinearRows + 1;
  const uint32_t tall = (args.rows - 1) / tiles + 1;
  const uint32_t tall_tiles = args.rows - (tall - 1) * tiles;
  const uint32_t many = static_cast<uint32_t>(PanelsFor(static_cast<int>(tall)));
  const uint32_t half = static_cast<uint32_t>(HalfOf(static_cast<int>(tall)));
  for (uint32_t panel = begin; panel < end;) {
    uint32_t panels = many;
    // Half of them only where there is one tile: the table has no others.
    if (end - panel < panels) panels = tiles == 1 ? half : 1;
    if (end - panel < panels) panels = 1;
    const size_t column = size_t{panel} * 16;
    const size_t columns = column + panels * 16 <= n ? panels * 16 : n - column;
    __builtin_memset(bias, 0, sizeof bias);
    if (args.bias != nullptr) {
      __builtin_memcpy(bias, args.bias + column, columns * sizeof *bias);
    }
    const uint8_t* const w = weights + size_t{panel} * 16 * k * element;
    size_t row = 0;
    for (uint32_t t = 0; t < tiles; ++t) {
      const uint32_t rows = t < tall_tiles ? tall : tall - 1;
      const LinearTiles& choice = tiles_of[rows - 1];
      LinearTileFunction compute = rows == tall ? choice.many : choice.fewer;
      if (panels != many) compute = panels == 1 ? choice.one : choice.half;
      compute(args.x + row * k, k, w, bias, tile);
      for (uint32_t r = 0; r < rows; ++r, ++row) {
        const size_t at = row * n + column;
        FinishRow(tile + size_t{r} * panels * 16,
                  args.residual != nullptr ? args.residual + at : nullptr, args.y + at, columns,
                  args.activation);
      }
    }
    panel += panels;
  }
}

}  // namespace

void LinearF32(const LinearArgs& args, uint32_t begin, uint32_t end) {
  RunLinear(args, begin, end, kLinearTiles<float>.of, sizeof(float));
}
void LinearF16(const LinearArgs& args, uint32_t begin, uint32_t end) {
  RunLinear(args, begin, end, kLinearTiles<uint16_t>.of, sizeof(uint16_t));
}

}  // namespace gem::GEM_ISA
