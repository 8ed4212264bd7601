// Softmax attention: dense, and over the pairs the router permits.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order. Tiles only change which independent sums are computed side by side,
// never the order inside one.
#include "runtime/kernels/Dots.h"
#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/Math.h"

namespace gem::GEM_ISA {
namespace {

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

}  // namespace

void Attention(const AttentionArgs& args, uint32_t begin, uint32_t end) {
  Attend(args, begin, end,
         [](uint32_t, uint32_t, uint32_t, uint32_t, auto add_all, auto)
             GEM_LAMBDA { add_all(nullptr); });
}

namespace {

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

}  // namespace

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

}  // namespace gem::GEM_ISA
