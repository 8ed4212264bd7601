// The CPU kernels: compiled once per ISA into the namespace gem::GEM_ISA.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order. Tiles only change which independent sums are computed side by side,
// never the order inside one.
#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/Math.h"
#include "runtime/kernels/Simd.h"

namespace gem::GEM_ISA {

// Whether this CPU can run what this file is compiled to: CpuKernelTables.cpp,
// which is compiled for any CPU.
bool Supported();

namespace {

GEM_INLINE uint32_t Min(uint32_t a, uint32_t b) { return a < b ? a : b; }

// Calls body(offset, load, store) for each 16 elements of `count`, with loads
// and stores that respect the end.
template <class Body>
GEM_INLINE void ForEach16(size_t count, Body&& body) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    body(
        i, [](const float* p) GEM_LAMBDA { return Load(p); },
        [](float* p, V16 x) GEM_LAMBDA { Store(p, x); });
  }
  if (i < count) {
    const uint32_t rest = static_cast<uint32_t>(count - i);
    body(
        i, [&](const float* p) GEM_LAMBDA { return LoadPartial(p, rest); },
        [&](float* p, V16 x) GEM_LAMBDA { StorePartial(p, rest, x); });
  }
}

// --- elementwise -------------------------------------------------------------

bool Embedding(const EmbeddingArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  for (uint32_t i = begin; i < end; ++i) {
    const int32_t id = args.ids[i];
    if (id < 0 || static_cast<uint32_t>(id) >= args.rows) return false;
    __builtin_memcpy(args.y + i * width, args.table + static_cast<size_t>(id) * width,
                     width * sizeof(float));
  }
  return true;
}

void Add(const AddArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  const float* const x = args.x + begin * width;
  const float* const table = args.table + begin * width;
  float* const y = args.y + begin * width;
  ForEach16((end - begin) * width, [&](size_t i, auto load, auto store)
                                       GEM_LAMBDA { store(y + i, load(x + i) + load(table + i)); });
}

template <Activation kActivation>
GEM_NOINLINE void ActivateRange(const float* x, float* y, size_t count) {
  ForEach16(count, [&](size_t i, auto load, auto store)
                       GEM_LAMBDA { store(y + i, Activate(load(x + i), kActivation)); });
}

// y = activation(x); `x` == `y` is allowed.
void ActivateAny(const float* x, float* y, size_t count, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return ActivateRange<Activation::kGelu>(x, y, count);
    case Activation::kTanh:
      return ActivateRange<Activation::kTanh>(x, y, count);
    case Activation::kNone:
      break;
  }
  ActivateRange<Activation::kNone>(x, y, count);
}

void ActivationKernel(const ActivationArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  ActivateAny(args.x + begin * width, args.y + begin * width, (end - begin) * width,
              args.activation);
}

// --- linear ------------------------------------------------------------------

// kRows tokens times kPanels panels of 16 outputs. `bias` and `tile` hold
// kPanels * 16 floats a row.
template <int kRows, int kPanels>
GEM_NOINLINE void LinearTile(const float* x, size_t k_count, const float* w, const float* bias,
                             float* tile) {
  constexpr int kVectors = kPanels * kParts;
  F sum[kRows][kVectors];
  Unroll<kVectors>([&](auto v) GEM_LAMBDA {
    const F start = LoadAs<F>(bias + v * kLanes);
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r][v] = start; });
  });
  // Weights of vector v at k: panels lie k_count * 16 floats apart.
  const auto weights = [&](int v, size_t k) GEM_LAMBDA {
    return LoadAs<F>(w + (v / kParts) * k_count * 16 + k * 16 + (v % kParts) * kLanes);
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

using LinearTileFunction = void (*)(const float*, size_t, const float*, const float*, float*);

// Tiles of index + 1 rows: of as many panels as fit, of half of them, of as many
// as fit with one more row, and of one.
struct LinearTiles {
  LinearTileFunction many, half, fewer, one;
};
template <int kRows>
constexpr LinearTiles MakeLinearTiles() {
  constexpr int kMany = PanelsFor(kRows);
  constexpr int kFewer = PanelsFor(kRows < kLinearRows ? kRows + 1 : kRows);
  return {LinearTile<kRows, kMany>, LinearTile<kRows, (kMany + 1) / 2>, LinearTile<kRows, kFewer>,
          LinearTile<kRows, 1>};
}
struct LinearTileTable {
  LinearTiles of[kLinearRows];
};
template <int... kIndices>
constexpr LinearTileTable MakeLinearTileTable(Indices<kIndices...>) {
  return {{MakeLinearTiles<kIndices + 1>()...}};
}
constexpr LinearTileTable kLinearTiles = MakeLinearTileTable(MakeIndices<kLinearRows>{});

// y = activation(tile) + residual for one row of a tile.
void FinishLinear(float* tile, const float* residual, float* y, size_t count,
                  Activation activation) {
  if (activation != Activation::kNone) ActivateAny(tile, tile, count, activation);
  if (residual != nullptr) {
    ForEach16(count, [&](size_t i, auto load, auto store)
                         GEM_LAMBDA { store(y + i, load(tile + i) + load(residual + i)); });
  } else {
    ForEach16(count,
              [&](size_t i, auto load, auto store) GEM_LAMBDA { store(y + i, load(tile + i)); });
  }
}

void Linear(const LinearArgs& args, uint32_t begin, uint32_t end) {
  alignas(64) float bias[kLinearMaxPanels * 16];
  alignas(64) float tile[kLinearRows * kLinearMaxPanels * 16];
  const size_t n = args.n, k = args.k;
  if (args.rows == 0) return;
  // As few tiles as possible, and their heights as even as possible: `tall` or
  // one less.
  const uint32_t tiles = (args.rows - 1) / kLinearRows + 1;
  const uint32_t tall = (args.rows - 1) / tiles + 1;
  const uint32_t tall_tiles = args.rows - (tall - 1) * tiles;
  const uint32_t many = static_cast<uint32_t>(PanelsFor(static_cast<int>(tall)));
  for (uint32_t panel = begin; panel < end;) {
    uint32_t panels = many;
    // Half of them only where there is one tile: the table has no others.
    if (end - panel < panels) panels = tiles == 1 ? (many + 1) / 2 : 1;
    if (end - panel < panels) panels = 1;
    const size_t column = size_t{panel} * 16;
    const size_t columns = column + panels * 16 <= n ? panels * 16 : n - column;
    for (size_t i = 0; i < panels * 16; ++i) {
      bias[i] = args.bias != nullptr && i < columns ? args.bias[column + i] : 0.0f;
    }
    const float* const w = args.w + size_t{panel} * 16 * k;
    size_t row = 0;
    for (uint32_t t = 0; t < tiles; ++t) {
      const uint32_t rows = t < tall_tiles ? tall : tall - 1;
      const LinearTiles& choice = kLinearTiles.of[rows - 1];
      LinearTileFunction compute = rows == tall ? choice.many : choice.fewer;
      if (panels != many) compute = panels == 1 ? choice.one : choice.half;
      compute(args.x + row * k, k, w, bias, tile);
      for (uint32_t r = 0; r < rows; ++r, ++row) {
        const size_t at = row * n + column;
        FinishLinear(tile + size_t{r} * panels * 16,
                     args.residual != nullptr ? args.residual + at : nullptr, args.y + at, columns,
                     args.activation);
      }
    }
    panel += panels;
  }
}

// --- layer_norm --------------------------------------------------------------

// kRows rows side by side, since a row's sums are one chain of additions each.
template <int kRows>
void NormalizeRows(const LayerNormArgs& args, size_t row) {
  const size_t width = args.width;
  const float* const x = args.x + row * width;
  float* const y = args.y + row * width;
  V16 sum[kRows];
  float mean[kRows], inverse[kRows];
  Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r] = Splat(0.0f); });
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r] = sum[r] + load(x + r * width + i); });
  });
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    mean[r] = SumOfLanes(sum[r]) / static_cast<float>(width);
    sum[r] = Splat(0.0f);
  });
  const size_t full = width / 16 * 16;
  for (size_t i = 0; i < full; i += 16) {
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 centred = Load(x + r * width + i) - Splat(mean[r]);
      sum[r] = Fma(centred, centred, sum[r]);
    });
  }
  if (full < width) {
    const uint32_t rest = static_cast<uint32_t>(width - full);
    const I16 inside = SplatInt(static_cast<int32_t>(rest)) > Iota();
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 centred =
          Select(inside, LoadPartial(x + r * width + full, rest) - Splat(mean[r]), Splat(0.0f));
      sum[r] = Fma(centred, centred, sum[r]);
    });
  }
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    const float variance = SumOfLanes(sum[r]) / static_cast<float>(width);
    inverse[r] = 1.0f / __builtin_sqrtf(variance + args.epsilon);
  });
  ForEach16(width, [&](size_t i, auto load, auto store) GEM_LAMBDA {
    const V16 gamma = load(args.gamma + i), beta = load(args.beta + i);
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 normal = (load(x + r * width + i) - Splat(mean[r])) * Splat(inverse[r]);
      store(y + r * width + i, Fma(normal, gamma, beta));
    });
  });
}

void LayerNorm(const LayerNormArgs& args, uint32_t begin, uint32_t end) {
  uint32_t row = begin;
  for (; row + 4 <= end; row += 4) NormalizeRows<4>(args, row);
  for (; row < end; ++row) NormalizeRows<1>(args, row);
}

// --- dots --------------------------------------------------------------------

// What a tile of sums adds up over the elements of a row and a column.
struct Product {
  static GEM_INLINE V16 Add(V16 a, V16 b, V16 sum) { return Fma(a, b, sum); }
};
struct SquaredDistance {
  static GEM_INLINE V16 Add(V16 a, V16 b, V16 sum) {
    const V16 difference = a - b;
    return Fma(difference, difference, sum);
  }
};

// folded[c][r] = the partial sums of column a[c] with row b[r], over `width`
// elements padded with zeros to a multiple of 16.
template <class Op, int kColumns, int kRows>
GEM_INLINE void SumTile(const float* a, size_t a_stride, const float* const* b, uint32_t width,
                        F (*folded)[16], size_t row) {
  V16 sum[kColumns][kRows];
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[c][r] = Splat(0.0f); });
  });
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    V16 column[kColumns];
    Unroll<kColumns>([&](auto c) GEM_LAMBDA { column[c] = load(a + c * a_stride + i); });
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 value = load(b[r] + i);
      Unroll<kColumns>([&](auto c)
                           GEM_LAMBDA { sum[c][r] = Op::Add(column[c], value, sum[c][r]); });
    });
  });
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { folded[c][row + r] = FoldParts(sum[c][r]); });
  });
}

// sums[c], lane r = the sum of column a[c] with row b[r], for the `rows` (1 to
// 16) rows that there are; other lanes are finite or belong to a row there is.
template <class Op, int kColumns>
GEM_NOINLINE void Sums(const float* a, size_t a_stride, const float* b, size_t b_stride,
                       uint32_t rows, uint32_t width, V16* sums) {
  F folded[kColumns][16];
  for (uint32_t row = 0; row < 16; row += kDotRows) {
    if (row >= rows) {
      Unroll<kColumns>([&](auto c) GEM_LAMBDA {
        Unroll<kDotRows>([&](auto r) GEM_LAMBDA { folded[c][row + r] = F{}; });
      });
      continue;
    }
    const float* pointers[kDotRows];
    Unroll<kDotRows>([&](auto r) GEM_LAMBDA {
      pointers[r] = b + size_t{Min(row + static_cast<uint32_t>(r), rows - 1)} * b_stride;
    });
    SumTile<Op, kColumns, kDotRows>(a, a_stride, pointers, width, folded, row);
  }
  Unroll<kColumns>([&](auto c) GEM_LAMBDA { sums[c] = Sums16(folded[c]); });
}

// The same for any number of columns; sums[c] goes to out + c * out_stride.
template <class Op>
GEM_INLINE void SumsOfColumns(const float* a, size_t a_stride, uint32_t columns, const float* b,
                              size_t b_stride, uint32_t rows, uint32_t width, float* out,
                              size_t out_stride) {
  V16 sums[kDotColumns];
  uint32_t c = 0;
  for (; c + kDotColumns <= columns; c += kDotColumns) {
    Sums<Op, kDotColumns>(a + c * a_stride, a_stride, b, b_stride, rows, width, sums);
    Unroll<kDotColumns>([&](auto i) GEM_LAMBDA {
      Store(out + (c + static_cast<uint32_t>(i)) * out_stride, sums[i]);
    });
  }
  for (; c < columns; ++c) {
    Sums<Op, 1>(a + c * a_stride, a_stride, b, b_stride, rows, width, sums);
    Store(out + c * out_stride, sums[0]);
  }
}

// --- attention ---------------------------------------------------------------

constexpr uint32_t kBlock = 64;  // keys between two rescalings
constexpr uint32_t kGroup = 4;   // queries of a head that share loads

// The running softmax of up to kGroup queries of one head (Milakov and
// Gimelshein, arXiv 1805.02867): after some blocks of keys, `maximum` is the
// largest score s, `sum` that of e^(s - maximum) and `value` that of
// e^(s - maximum) v.
struct AttentionState {
  alignas(64) float value[kGroup][kMaxHeadDim];
  float maximum[kGroup];
  float sum[kGroup];
};

// value = value * correction, then += weight[j] * v[j] for the rows j of a block
// in order, in the kChunks virtual vectors from element d on; with kPartial only
// `last` elements of the last one.
template <int kQueries, int kChunks, bool kPartial>
GEM_NOINLINE void AccumulateTile(const float* v, size_t v_stride, uint32_t rows,
                                 const float (*weight)[kBlock], const float* correction,
                                 float (*value)[kMaxHeadDim], uint32_t d, uint32_t last) {
  V16 sum[kQueries][kChunks];
  Unroll<kQueries>([&](auto q) GEM_LAMBDA {
    Unroll<kChunks>(
        [&](auto c) GEM_LAMBDA { sum[q][c] = Load(value[q] + d + c * 16) * Splat(correction[q]); });
  });
  const float* row = v + d;
  for (uint32_t j = 0; j < rows; ++j, row += v_stride) {
    V16 chunk[kChunks];
    Unroll<kChunks>([&](auto c) GEM_LAMBDA {
      chunk[c] =
          kPartial && c == kChunks - 1 ? LoadPartial(row + c * 16, last) : Load(row + c * 16);
    });
    Unroll<kQueries>([&](auto q) GEM_LAMBDA {
      const V16 w = Splat(weight[q][j]);
      Unroll<kChunks>([&](auto c) GEM_LAMBDA { sum[q][c] = Fma(w, chunk[c], sum[q][c]); });
    });
  }
  Unroll<kQueries>([&](auto q) GEM_LAMBDA {
    Unroll<kChunks>([&](auto c) GEM_LAMBDA { Store(value[q] + d + c * 16, sum[q][c]); });
  });
}

// The same for all elements from d on.
template <int kQueries, int kChunks>
GEM_INLINE void Accumulate(const float* v, size_t v_stride, uint32_t rows, uint32_t head_dim,
                           const float (*weight)[kBlock], const float* correction,
                           float (*value)[kMaxHeadDim], uint32_t d) {
  for (; d + kChunks * 16 <= head_dim; d += kChunks * 16) {
    AccumulateTile<kQueries, kChunks, false>(v, v_stride, rows, weight, correction, value, d, 16);
  }
  if constexpr (kChunks > 1) {
    Accumulate<kQueries, kChunks / 2>(v, v_stride, rows, head_dim, weight, correction, value, d);
  } else if (d < head_dim) {
    AccumulateTile<kQueries, 1, true>(v, v_stride, rows, weight, correction, value, d,
                                      head_dim - d);
  }
}

// Adds the block of `rows` keys at `k` and `v` to the states of kQueries queries
// from `first` on. `permitted` has a mask per query and key, or is null: all of
// them.
template <int kQueries>
GEM_NOINLINE void AttendBlock(const AttentionArgs& args, const float* q, const float* k,
                              const float* v, uint32_t rows, const int32_t (*permitted)[kBlock],
                              AttentionState& state, uint32_t first) {
  const size_t stride = size_t{args.heads} * args.head_dim;
  alignas(64) float weight[kQueries][kBlock];
  alignas(64) float difference[16] = {};
  alignas(64) float correction[16];
  for (uint32_t j = 0; j < kBlock; j += 16) {
    if (j < rows) {
      SumsOfColumns<Product>(q, stride, kQueries, k + j * stride, stride, Min(16, rows - j),
                             args.head_dim, &weight[0][j], kBlock);
    } else {
      Unroll<kQueries>([&](auto query) GEM_LAMBDA { Store(&weight[query][j], Splat(0.0f)); });
    }
  }
  const V16 lowest = Splat(-__builtin_inff());
  const auto mask = [&](int query, int part) GEM_LAMBDA {
    const I16 inside = SplatInt(static_cast<int32_t>(rows) - part * 16) > Iota();
    return permitted == nullptr ? inside : inside & LoadInts(permitted[query] + part * 16);
  };
  float* const maximum = state.maximum + first;
  float* const sum = state.sum + first;
  for (int query = 0; query < kQueries; ++query) {
    V16 largest = lowest;
    Unroll<kBlock / 16>([&](auto part) GEM_LAMBDA {
      float* const at = weight[query] + part * 16;
      const V16 score = Select(mask(query, part), Load(at) * Splat(args.scale), lowest);
      Store(at, score);
      largest = Max(score, largest);
    });
    const float block_maximum = MaxOfLanes(largest);
    const float new_maximum = block_maximum > maximum[query] ? block_maximum : maximum[query];
    difference[query] = maximum[query] - new_maximum;
    maximum[query] = new_maximum;
  }
  Store(correction, Exp(Load(difference)));
  for (int query = 0; query < kQueries; ++query) {
    V16 block_sum = Splat(0.0f);
    Unroll<kBlock / 16>([&](auto part) GEM_LAMBDA {
      float* const at = weight[query] + part * 16;
      const V16 w = Select(mask(query, part), Exp(Load(at) - Splat(maximum[query])), Splat(0.0f));
      Store(at, w);
      block_sum = block_sum + w;
    });
    sum[query] = FmaScalar(sum[query], correction[query], SumOfLanes(block_sum));
  }
  Accumulate<kQueries, kValueChunks>(v, stride, rows, args.head_dim, weight, correction,
                                     state.value + first, 0);
}

// Runs the units [begin, end). block(query, count, j, rows, add_all, add_one)
// adds the keys [j, j + rows) to the states of the `count` queries from `query`
// on: of all of them (add_all(masks)) or of one (add_one(index, mask)).
template <class Block>
GEM_INLINE void Attend(const AttentionArgs& args, uint32_t begin, uint32_t end, Block&& block) {
  const size_t stride = size_t{args.heads} * args.head_dim;
  AttentionState state;
  for (uint32_t unit = begin; unit < end;) {
    const uint32_t head = unit / args.queries, query = unit % args.queries;
    // All queries of a group, or one: what is computed for each is the same.
    const uint32_t left = Min(end - unit, args.queries - query);
    const uint32_t count = left < kGroup ? 1 : kGroup;
    const size_t column = size_t{head} * args.head_dim;
    const float* const q = args.q + query * stride + column;
    for (uint32_t i = 0; i < count; ++i) {
      state.maximum[i] = -__builtin_inff();
      state.sum[i] = 0;
      for (uint32_t d = 0; d < args.head_dim; d += 16) Store(state.value[i] + d, Splat(0.0f));
    }
    for (uint32_t j = 0; j < args.keys; j += kBlock) {
      const uint32_t rows = Min(kBlock, args.keys - j);
      const float* const k = args.k + j * stride + column;
      const float* const v = args.v + j * stride + column;
      block(
          query, count, j, rows,
          [&](const int32_t(*masks)[kBlock]) GEM_LAMBDA {
            if (count == kGroup) {
              AttendBlock<kGroup>(args, q, k, v, rows, masks, state, 0);
            } else {
              AttendBlock<1>(args, q, k, v, rows, masks, state, 0);
            }
          },
          [&](uint32_t i, const int32_t(*mask)[kBlock])
              GEM_LAMBDA { AttendBlock<1>(args, q + i * stride, k, v, rows, mask, state, i); });
    }
    for (uint32_t i = 0; i < count; ++i) {
      float* const y = args.y + (query + i) * stride + column;
      const V16 sum = Splat(state.sum[i]);
      ForEach16(args.head_dim, [&](size_t d, auto, auto store)
                                   GEM_LAMBDA { store(y + d, Load(state.value[i] + d) / sum); });
    }
    unit += count;
  }
}

void Attention(const AttentionArgs& args, uint32_t begin, uint32_t end) {
  Attend(args, begin, end,
         [](uint32_t, uint32_t, uint32_t, uint32_t, auto add_all, auto)
             GEM_LAMBDA { add_all(nullptr); });
}

// mask[0 .. 63] = which of `rows` keys `token` may attend to (0 past the last);
// returns whether there is one.
bool PermittedKeys(const ScarAttentionArgs& args, uint32_t token, uint32_t first_key, uint32_t rows,
                   int32_t* mask) {
  alignas(64) int32_t clusters[kBlock] = {};
  alignas(64) int32_t routes[kBlock] = {};
  for (uint32_t j = 0; j < rows; ++j) {
    clusters[j] = args.cluster[first_key + j];
    routes[j] = args.routed[first_key + j];
  }
  const I16 cluster = SplatInt(args.cluster[token]), route = SplatInt(args.routed[token]);
  const I16 ask_cluster = SplatInt(args.predicate == ScarPredicate::kSameRoute ? 0 : -1);
  const I16 ask_route = SplatInt(args.predicate == ScarPredicate::kSameCluster ? 0 : -1);
  I16 any = SplatInt(0);
  Unroll<kBlock / 16>([&](auto part) GEM_LAMBDA {
    const I16 same_cluster = LoadInts(clusters + part * 16) == cluster;
    const I16 same_route = LoadInts(routes + part * 16) == route;
    const I16 inside = SplatInt(static_cast<int32_t>(rows) - part * 16) > Iota();
    const I16 permitted = ((same_cluster & ask_cluster) | (same_route & ask_route)) & inside;
    StoreInts(mask + part * 16, permitted);
    any = any | permitted;
  });
  int32_t lanes[16];
  StoreInts(lanes, any);
  int32_t some = 0;
  for (int32_t lane : lanes) some |= lane;
  return some != 0;
}

void ScarAttention(const ScarAttentionArgs& args, uint32_t begin, uint32_t end) {
  Attend(args.attention, begin, end,
         [&](uint32_t query, uint32_t count, uint32_t j, uint32_t rows, auto add_all, auto add_one)
             GEM_LAMBDA {
               alignas(64) int32_t masks[kGroup][kBlock];
               bool some[kGroup];
               uint32_t attending = 0;
               for (uint32_t i = 0; i < count; ++i) {
                 some[i] = PermittedKeys(args, args.first_query + query + i, j, rows, masks[i]);
                 attending += some[i];
               }
               // A query skips a block in which it may attend to nothing.
               if (attending == count) return add_all(masks);
               for (uint32_t i = 0; i < count; ++i) {
                 if (some[i]) add_one(i, masks + i);
               }
             });
}

// --- route_tokens ------------------------------------------------------------

constexpr uint32_t kRouteGroup = 8;    // tokens that share loads of w_r and centroids
constexpr uint32_t kKeptLogits = 256;  // classes whose logits are kept, not computed again

// routed and probs of `tokens` tokens from `token` on.
GEM_NOINLINE void RouteSoftmax(const RouteTokensArgs& args, size_t token, uint32_t tokens) {
  const size_t width = args.width, classes = args.classes;
  alignas(64) float kept[kRouteGroup][kKeptLogits];
  alignas(64) float spare[kRouteGroup][16];
  // The 16 logits from class c on; out(t) points to those of token t.
  const auto logits = [&](uint32_t c, bool first_time, auto&& use) GEM_LAMBDA {
    float* const out = c < kKeptLogits ? &kept[0][c] : &spare[0][0];
    const size_t stride = c < kKeptLogits ? kKeptLogits : 16;
    if (first_time || c >= kKeptLogits) {
      SumsOfColumns<Product>(args.x + token * width, width, tokens, args.w_r + c * width, width,
                             Min(16, args.classes - c), args.width, out, stride);
    }
    const I16 inside = SplatInt(static_cast<int32_t>(Min(16, args.classes - c))) > Iota();
    for (uint32_t t = 0; t < tokens; ++t) use(t, inside, Load(out + t * stride));
  };
  V16 largest[kRouteGroup], total[kRouteGroup];
  float maximum[kRouteGroup];
  for (uint32_t t = 0; t < tokens; ++t) {
    largest[t] = Splat(-__builtin_inff());
    total[t] = Splat(0.0f);
  }
  for (uint32_t c = 0; c < args.classes; c += 16) {
    logits(c, true, [&](uint32_t t, I16 inside, V16 logit) GEM_LAMBDA {
      largest[t] = Max(Select(inside, logit, Splat(-__builtin_inff())), largest[t]);
    });
  }
  for (uint32_t t = 0; t < tokens; ++t) maximum[t] = MaxOfLanes(largest[t]);
  for (uint32_t c = 0; c < args.classes; c += 16) {
    logits(c, false, [&](uint32_t t, I16 inside, V16 logit) GEM_LAMBDA {
      const V16 e = Select(inside, Exp(logit - Splat(maximum[t])), Splat(0.0f));
      total[t] = total[t] + e;
      if (args.probs != nullptr) {
        StorePartial(args.probs + (token + t) * classes + c, Min(16, args.classes - c), e);
      }
    });
  }
  for (uint32_t t = 0; t < tokens; ++t) {
    const float sum = SumOfLanes(total[t]);
    args.routed[token + t] = 1.0f / sum > args.threshold;  // the largest e is e^0 = 1
    if (args.probs == nullptr) continue;
    float* const probs = args.probs + (token + t) * classes;
    ForEach16(classes, [&](size_t c, auto load, auto store)
                           GEM_LAMBDA { store(probs + c, load(probs + c) / Splat(sum)); });
  }
}

void RouteTokens(const RouteTokensArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  for (size_t token = begin; token < end; token += kRouteGroup) {
    const uint32_t tokens = Min(kRouteGroup, end - static_cast<uint32_t>(token));
    RouteSoftmax(args, token, tokens);
    alignas(64) float distance[kRouteGroup][16];
    float nearest[kRouteGroup];
    for (uint32_t t = 0; t < tokens; ++t) {
      nearest[t] = __builtin_inff();
      args.cluster[token + t] = 0;
    }
    for (uint32_t c = 0; c < args.clusters; c += 16) {
      const uint32_t rows = Min(16, args.clusters - c);
      SumsOfColumns<SquaredDistance>(args.x + token * width, width, tokens,
                                     args.centroids + c * width, width, rows, args.width,
                                     &distance[0][0], 16);
      for (uint32_t t = 0; t < tokens; ++t) {
        for (uint32_t r = 0; r < rows; ++r) {
          if (distance[t][r] < nearest[t]) {
            nearest[t] = distance[t][r];
            args.cluster[token + t] = static_cast<int32_t>(c + r);
          }
        }
      }
    }
  }
}

#define GEM_STRING_(x) #x
#define GEM_STRING(x) GEM_STRING_(x)

}  // namespace

extern const CpuKernels kCpuKernels;
const CpuKernels kCpuKernels = {
    .name = GEM_STRING(GEM_ISA),
    .supported = Supported,
    .embedding = Embedding,
    .add = Add,
    .linear = Linear,
    .layer_norm = LayerNorm,
    .activation = ActivationKernel,
    .attention = Attention,
    .route_tokens = RouteTokens,
    .scar_attention = ScarAttention,
};

}  // namespace gem::GEM_ISA
