// Softmax attention: dense, and over the pairs the router permits.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order. Tiles only change which independent sums are computed side by side,
// never the order inside one.
//
// Both products are tiles of broadcast fmas: scores of a transposed block of keys,
// whose lanes are keys, and values, whose lanes are elements of the head. Online
// softmax as of Milakov and Gimelshein, arXiv 1805.02867, once in a block, as in
// FlashAttention (Dao et al., arXiv 2205.14135).
#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/Loops.h"
#include "runtime/kernels/Math.h"
#include "runtime/kernels/ScarPlan.h"

namespace gem::GEM_ISA {
namespace {

constexpr uint32_t kBlock = 64;          // keys between two rescalings
constexpr uint32_t kGroup = 64;          // queries, at most, that share a block
constexpr uint32_t kGroupFloats = 4096;  // elements of their q
static_assert(kGroupFloats >= kMaxHeadDim);

// What the queries of a group have come to after some keys: `maximum` is the largest
// score s, `sum` that of e^(s - maximum), lane l over the keys l, l + 16, ... of every
// block, and `value` that of e^(s - maximum) v. Beside it what a block needs.
struct Group {
  alignas(64) float q[kGroupFloats];      // [rows, padded], times scale
  alignas(64) float value[kGroupFloats];  // [rows, padded]
  alignas(64) float sum[kGroup][16];
  alignas(64) float maximum[kGroup];
  alignas(64) float matrix[kBlock][kBlock];  // keys transposed, or values: 64 elements
  alignas(64) float weight[kGroup][kBlock];  // scores and then weights
  alignas(64) float correction[kGroup];
  alignas(64) float gathered[kAttentionRows][kBlock];  // of q
  KeyRange range[kGroup];
  uint32_t rows, padded;  // padded: head_dim, up to a multiple of 16
};

// The queries of a group that attend to keys of a block: the keys [from, to) of it.
struct BlockRows {
  uint32_t count;
  uint8_t row[kGroup], from[kGroup], to[kGroup];
};

// out[r][0 .. 16 kChunks) = out * factor[r] (or 0) + sum over i < count, in order, of
// a[r][i] * b[i].
template <int kRows, int kChunks>
GEM_NOINLINE void Tile(const float* a, size_t a_stride, const float (*b)[kBlock], uint32_t count,
                       const float* factor, float* out, size_t out_stride) {
  constexpr int kVectors = kChunks * kParts;
  F sum[kRows][kVectors];
  if (factor == nullptr) {
    Unroll<kRows>(
        [&](auto r) GEM_LAMBDA { Unroll<kVectors>([&](auto v) GEM_LAMBDA { sum[r][v] = F{}; }); });
  } else {
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const F f = SplatNative(factor[r]);
      Unroll<kVectors>(
          [&](auto v) GEM_LAMBDA { sum[r][v] = LoadAs<F>(out + r * out_stride + v * kLanes) * f; });
    });
  }
  const float* row = b[0];
  uint32_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    Step step[kRows];
    if constexpr (kStep > 1) {
      Unroll<kRows>([&](auto r) GEM_LAMBDA { step[r] = LoadStep(a + r * a_stride + i); });
    }
    Unroll<kStep>([&](auto s) GEM_LAMBDA {
      F vector[kVectors];
      Unroll<kVectors>([&](auto v)
                           GEM_LAMBDA { vector[v] = LoadAs<F>(row + s * kBlock + v * kLanes); });
      Unroll<kRows>([&](auto r) GEM_LAMBDA {
        if constexpr (kStep == 1) step[r] = LoadStep(a + r * a_stride + i);
        Unroll<kVectors>([&](auto v)
                             GEM_LAMBDA { sum[r][v] = FmaStep<s>(vector[v], step[r], sum[r][v]); });
      });
    });
    row += kStep * kBlock;
  }
  if constexpr (kStep > 1) {
    for (; i < count; ++i, row += kBlock) {
      Unroll<kVectors>([&](auto v) GEM_LAMBDA {
        const F vector = LoadAs<F>(row + v * kLanes);
        Unroll<kRows>([&](auto r) GEM_LAMBDA {
          sum[r][v] = FmaNative(vector, SplatNative(a[r * a_stride + i]), sum[r][v]);
        });
      });
    }
  }
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    Unroll<kVectors>([&](auto v) GEM_LAMBDA {
      __builtin_memcpy(out + r * out_stride + v * kLanes, &sum[r][v], sizeof(F));
    });
  });
}

// How many virtual vectors a tile of `rows` has.
constexpr int ChunksFor(int rows) {
  int chunks = 1;
  while (chunks < 4 && chunks * 2 * rows <= kAttentionRows * kAttentionChunks) chunks *= 2;
  return chunks;
}

// The tiles of kRows rows over the `chunks` virtual vectors of b and out.
template <int kRows>
GEM_INLINE void TileRow(const float* a, size_t a_stride, const float (*b)[kBlock], uint32_t chunks,
                        uint32_t count, const float* factor, float* out, size_t out_stride) {
  constexpr uint32_t kChunks = ChunksFor(kRows);
  const auto at = [&](uint32_t chunk) GEM_LAMBDA {
    return reinterpret_cast<const float(*)[kBlock]>(b[0] + chunk * 16);
  };
  uint32_t chunk = 0;
  for (; chunk + kChunks <= chunks; chunk += kChunks) {
    Tile<kRows, kChunks>(a, a_stride, at(chunk), count, factor, out + chunk * 16, out_stride);
  }
  if constexpr (kChunks > 1) {
    for (; chunk < chunks; ++chunk) {
      Tile<kRows, 1>(a, a_stride, at(chunk), count, factor, out + chunk * 16, out_stride);
    }
  }
}

// The same for any number of rows.
template <int kRows>
GEM_INLINE void TilesFrom(const float* a, size_t a_stride, uint32_t rows, const float (*b)[kBlock],
                          uint32_t chunks, uint32_t count, const float* factor, float* out,
                          size_t out_stride) {
  for (; rows >= kRows; rows -= kRows) {
    TileRow<kRows>(a, a_stride, b, chunks, count, factor, out, out_stride);
    a += kRows * a_stride;
    out += kRows * out_stride;
    if (factor != nullptr) factor += kRows;
  }
  if constexpr (kRows > 1) {
    constexpr int kFewer = kRows > 4 ? 4 : kRows / 2;
    if (rows == 0) return;
    TilesFrom<kFewer>(a, a_stride, rows, b, chunks, count, factor, out, out_stride);
  }
}
GEM_NOINLINE void Tiles(const float* a, size_t a_stride, uint32_t rows, const float (*b)[kBlock],
                        uint32_t chunks, uint32_t count, const float* factor, float* out,
                        size_t out_stride) {
  TilesFrom<kAttentionRows>(a, a_stride, rows, b, chunks, count, factor, out, out_stride);
}

// matrix[d][16 panel ..] = the elements d < `width` of the `count` (1 to 16) keys at
// `rows`; lanes beyond them are those of a key that there is.
GEM_NOINLINE void TransposePanel(const float* const* rows, uint32_t width, float* matrix) {
  const uint32_t count = Min(width, kLanes);
  float padded[16][16];
  const float* ends[16];
  if (count < kLanes) {
    for (uint32_t i = 0; i < 16; ++i) ends[i] = PadTo16(rows[i], count, padded[i]);
    rows = ends;
  }
  for (uint32_t d = 0;; d = Min(d + kLanes, width - count)) {  // the last may lie upon another
    Unroll<kParts>([&](auto part) GEM_LAMBDA {
      F vectors[kLanes];
      Unroll<kLanes>([&](auto i)
                         GEM_LAMBDA { vectors[i] = LoadAs<F>(rows[part * kLanes + i] + d); });
      Transpose(vectors);
      float* const to = matrix + d * kBlock + part * kLanes;
      Unroll<kLanes>([&](auto i) GEM_LAMBDA {
        if (static_cast<uint32_t>(i) < count) {
          __builtin_memcpy(to + i * kBlock, &vectors[i], sizeof(F));
        }
      });
    });
    if (d + count == width) break;
  }
}

// A head of an attention, and the order of its keys (null: their own).
struct Head {
  const float* k;
  const float* v;
  size_t stride;  // between two tokens
  uint32_t head_dim;
  const uint32_t* order;

  size_t Offset(uint32_t key) const { return size_t{order == nullptr ? key : order[key]} * stride; }
};

// group.weight[n] = the scores of row n of `rows` with the keys from `first` on (below
// `last`), in those 16s of keys that it attends to some of.
GEM_NOINLINE void Scores(const Head& head, Group& group, const BlockRows& rows, uint32_t first,
                         uint32_t last) {
  uint32_t used = 0;
  for (uint32_t n = 0; n < rows.count; ++n) {
    used |= (2u << (rows.to[n] - 1) / 16) - (1u << rows.from[n] / 16);
  }
  const float ones[kAttentionRows] = {
      1, 1,
#if defined(GEM_ISA_AVX512)
      1, 1, 1, 1, 1, 1,
#elif defined(GEM_ISA_AVX2)
      1, 1, 1, 1,
#elif defined(GEM_ISA_NEON)
      1, 1,
#endif
  };
  for (uint32_t d = 0; d < head.head_dim; d += kBlock) {
    const uint32_t width = Min(kBlock, head.head_dim - d);
    for (uint32_t panel = 0; panel < kBlock / 16; ++panel) {
      if ((used >> panel & 1) == 0) continue;
      const float* keys[16];
      for (uint32_t j = 0; j < 16; ++j) {
        keys[j] = head.k + head.Offset(Min(first + panel * 16 + j, last - 1)) + d;
      }
      TransposePanel(keys, width, &group.matrix[0][panel * 16]);
    }
    for (uint32_t n = 0; n < rows.count;) {
      // Rows of the same 16s make a tile.
      const uint32_t from = rows.from[n] / 16, to = (rows.to[n] + 15u) / 16;
      uint32_t count = 1;
      while (count < kAttentionRows && n + count < rows.count &&
             rows.from[n + count] / 16 == from && (rows.to[n + count] + 15u) / 16 == to) {
        ++count;
      }
      const float* a = group.q + size_t{rows.row[n]} * group.padded + d;
      size_t a_stride = group.padded;
      if (uint32_t{rows.row[n + count - 1]} - rows.row[n] != count - 1) {
        for (uint32_t i = 0; i < count; ++i) {
          const float* const q = group.q + size_t{rows.row[n + i]} * group.padded + d;
          for (uint32_t e = 0; e < width; e += 16) Store(group.gathered[i] + e, Load(q + e));
        }
        a = group.gathered[0];
        a_stride = kBlock;
      }
      Tiles(a, a_stride, count,
            reinterpret_cast<const float(*)[kBlock]>(group.matrix[0] + from * 16), to - from, width,
            d == 0 ? nullptr : ones, group.weight[n] + from * 16, kBlock);
      n += count;
    }
  }
}

// Makes weights of the scores; updates maximum and sum and sets correction[n], which
// the value of row n of `rows` is to be multiplied by.
GEM_NOINLINE void Weights(Group& group, const BlockRows& rows) {
  const V16 lowest = Splat(-__builtin_inff());
  for (uint32_t n = 0; n < rows.count; n += 16) {
    const uint32_t count = Min(16, rows.count - n);
    F folded[16];
    alignas(64) float maximum[16] = {};
    for (uint32_t i = 0; i < 16; ++i) {
      V16 largest = lowest;
      if (i < count) {
        const uint32_t from = rows.from[n + i], to = rows.to[n + i];
        for (uint32_t at = from & ~15u; at < to; at += 16) {
          float* const score = group.weight[n + i] + at;
          V16 scores = Load(score);
          if (at < from || at + 16 > to) {
            const int32_t start = static_cast<int32_t>(at);
            const I16 inside = (Iota() > SplatInt(static_cast<int32_t>(from) - start - 1)) &
                               (SplatInt(static_cast<int32_t>(to) - start) > Iota());
            scores = Select(inside, scores, lowest);
            Store(score, scores);
          }
          largest = Max(scores, largest);
        }
        maximum[i] = group.maximum[rows.row[n + i]];
      }
      folded[i] = FoldParts<Larger>(largest);
    }
    const V16 old_maximum = Load(maximum);
    const V16 new_maximum = Max(Combine16<Larger>(folded), old_maximum);
    Store(maximum, new_maximum);
    Store(group.correction + n, Exp(old_maximum - new_maximum));
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t row = rows.row[n + i];
      group.maximum[row] = maximum[i];
      const V16 subtrahend = Splat(maximum[i]);
      V16 sum = Splat(0.0f);
      for (uint32_t at = rows.from[n + i] & ~15u; at < rows.to[n + i]; at += 16) {
        float* const score = group.weight[n + i] + at;
        const V16 weight = ExpOfNegative(Load(score) - subtrahend);
        Store(score, weight);
        sum = sum + weight;
      }
      Store(group.sum[row], Fma(Load(group.sum[row]), Splat(group.correction[n + i]), sum));
    }
  }
}

// Adds the weighted values of the keys from `first` on to group.value. A row's keys
// are added in order, and no others are looked at: their values may be anything.
GEM_NOINLINE void Values(const Head& head, Group& group, const BlockRows& rows, uint32_t first) {
  uint64_t used = 0;
  for (uint32_t n = 0; n < rows.count; ++n) {
    used |= (uint64_t{2} << (rows.to[n] - 1)) - (uint64_t{1} << rows.from[n]);
  }
  for (uint32_t d = 0; d < head.head_dim; d += kBlock) {
    const uint32_t width = Min(kBlock, head.head_dim - d);
    const uint32_t chunks = (width + 15) / 16;
    for (uint64_t left = used; left != 0; left &= left - 1) {
      const auto j = static_cast<uint32_t>(__builtin_ctzll(left));
      const float* const v = head.v + head.Offset(first + j) + d;
      float* const to = group.matrix[j];
      ForEach16(width, [&](size_t e, auto load, auto) GEM_LAMBDA { Store(to + e, load(v + e)); });
    }
    const auto value = [&](uint32_t n) GEM_LAMBDA {
      return group.value + size_t{rows.row[n]} * group.padded + d;
    };
    for (uint32_t n = 0; n < rows.count;) {
      // Neighbours with the same keys make tiles. Where only the ends differ, as on the
      // diagonal of a causal mask, they do for the keys they share.
      const uint32_t from = rows.from[n];
      uint32_t to = rows.to[n], end = n + 1;
      while (end < rows.count && rows.row[end] == rows.row[end - 1] + 1 && rows.from[end] == from &&
             (rows.to[end] == to || (end - n < kAttentionRows && Min(rows.to[end], to) > from))) {
        to = Min(to, rows.to[end++]);
      }
      Tiles(group.weight[n] + from, kBlock, end - n, group.matrix + from, chunks, to - from,
            group.correction + n, value(n), group.padded);
      const float one = 1;
      for (; n < end; ++n) {
        if (rows.to[n] != to) {
          Tiles(group.weight[n] + to, kBlock, 1, group.matrix + to, chunks, rows.to[n] - to, &one,
                value(n), group.padded);
        }
      }
    }
  }
}

// Adds the keys of group.range[begin .. end), which have the same base.
void AttendRun(const Head& head, Group& group, uint32_t begin, uint32_t end) {
  uint32_t first = ~0u, last = 0;
  for (uint32_t g = begin; g < end; ++g) {
    const KeyRange& range = group.range[g];
    if (range.begin == range.end) continue;
    first = Min(first, range.begin);
    last = last > range.end ? last : range.end;
  }
  if (first >= last) return;
  const uint32_t base = group.range[begin].base;
  BlockRows rows;
  for (uint32_t block = base + (first - base) / kBlock * kBlock; block < last; block += kBlock) {
    rows.count = 0;
    for (uint32_t g = begin; g < end; ++g) {
      const uint32_t from = group.range[g].begin > block ? group.range[g].begin - block : 0;
      if (group.range[g].end <= block) continue;
      const uint32_t to = Min(group.range[g].end - block, kBlock);
      if (from >= to) continue;
      rows.row[rows.count] = static_cast<uint8_t>(g);
      rows.from[rows.count] = static_cast<uint8_t>(from);
      rows.to[rows.count++] = static_cast<uint8_t>(to);
    }
    if (rows.count == 0) continue;
    Scores(head, group, rows, block, last);
    Weights(group, rows);
    Values(head, group, rows, block);
  }
}

GEM_NOINLINE void AttendRuns(const Head& head, Group& group) {
  for (uint32_t begin = 0, end; begin < group.rows; begin = end) {
    end = begin + 1;
    while (end < group.rows && group.range[end].base == group.range[begin].base) ++end;
    AttendRun(head, group, begin, end);
  }
}

// y = value / sum, as value times the reciprocal, for the rows of a group.
template <class Row>
GEM_INLINE void Finish(const AttentionArgs& args, size_t column, const Group& group, Row&& row) {
  const size_t stride = size_t{args.heads} * args.head_dim;
  for (uint32_t first = 0; first < group.rows; first += 16) {
    const uint32_t count = Min(16, group.rows - first);
    F folded[16];
    for (uint32_t i = 0; i < 16; ++i) {
      folded[i] = FoldParts<Plus>(Load(group.sum[Min(first + i, group.rows - 1)]));
    }
    alignas(64) float reciprocal[16];
    Store(reciprocal, Splat(1.0f) / Combine16<Plus>(folded));
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t g = first + i;
      float* const y = args.y + row(g) * stride + column;
      const float* const value = group.value + g * group.padded;
      const V16 factor = Splat(reciprocal[i]);
      ForEach16(args.head_dim, [&](size_t d, auto, auto store)
                                   GEM_LAMBDA { store(y + d, Load(value + d) * factor); });
    }
  }
}

// Runs the units [begin, end), over all keys or, with a plan, those that it has.
GEM_NOINLINE void Attend(const AttentionArgs& args, const ScarPlan* plan, uint32_t begin,
                         uint32_t end) {
  const size_t stride = size_t{args.heads} * args.head_dim;
  Group group;
  group.padded = (args.head_dim + 15) / 16 * 16;
  const uint32_t limit = Min(kGroup, kGroupFloats / group.padded);
  for (uint32_t unit = begin; unit < end; unit += group.rows) {
    const uint32_t index = unit % args.queries;
    const size_t column = size_t{unit / args.queries} * args.head_dim;
    const auto row = [&](uint32_t g) GEM_LAMBDA {
      return size_t{plan != nullptr ? plan->rows[index + g].row : index + g};
    };
    group.rows = Min(limit, Min(end - unit, args.queries - index));
    for (uint32_t g = 0; g < group.rows; ++g) {
      const float* const q = args.q + row(g) * stride + column;
      float* const to = group.q + g * group.padded;
      ForEach16(args.head_dim, [&](size_t d, auto load, auto) GEM_LAMBDA {
        Store(to + d, load(q + d) * Splat(args.scale));
        Store(group.value + g * group.padded + d, Splat(0.0f));
      });
      Store(group.sum[g], Splat(0.0f));
      group.maximum[g] = -__builtin_inff();
    }
    Head head = {args.k + column, args.v + column, stride, args.head_dim, nullptr};
    if (plan == nullptr) {
      for (uint32_t g = 0; g < group.rows; ++g) group.range[g] = {0, 0, args.keys};
      AttendRuns(head, group);
    } else {
      const ScarRow* const rows = plan->rows + index;
      head.order = plan->route_keys;
      for (uint32_t g = 0; g < group.rows; ++g) group.range[g] = rows[g].route;
      AttendRuns(head, group);
      head.order = plan->cluster_keys;
      for (uint32_t g = 0; g < group.rows; ++g) group.range[g] = rows[g].cluster;
      AttendRuns(head, group);
    }
    Finish(args, column, group, row);
  }
}

}  // namespace

void Attention(const AttentionArgs& args, uint32_t begin, uint32_t end) {
  Attend(args, nullptr, begin, end);
}

void ScarAttention(const ScarAttentionArgs& args, uint32_t begin, uint32_t end) {
  const ScarPlan plan = PlanIn(args.workspace, args.attention.queries, args.attention.keys);
  Attend(args.attention, &plan, begin, end);
}

}  // namespace gem::GEM_ISA
