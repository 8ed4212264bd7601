// The dynamic token router.
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

constexpr uint32_t kRouteGroup = 8;    // tokens that share loads of w_r and centroids
constexpr uint32_t kKeptLogits = 256;  // classes whose logits are kept, not computed again

// Calls use(rows) with those of a weight that is f32 or, with kHalves, f32 or f16.
template <bool kHalves, class Use>
GEM_INLINE void WithRows(const Weight& w, Use&& use) {
  if constexpr (kHalves) {
    if (w.type == WeightType::kF16) return use(static_cast<const uint16_t*>(w.data));
  }
  use(static_cast<const float*>(w.data));
}

// The sums of Op of `count` rows of a weight from row `first` on, as SumsOfColumns.
template <class Op, bool kHalves>
GEM_INLINE void SumsOfRows(const RouteTokensArgs& args, size_t token, uint32_t tokens,
                           const Weight& w, uint32_t first, uint32_t count, float* out,
                           size_t out_stride) {
  const size_t width = args.width;
  WithRows<kHalves>(w, [&](auto* rows) {
    SumsOfColumns<Op>(args.x + token * width, width, tokens, rows + first * width, width, count,
                      args.width, out, out_stride);
  });
}

// routed and probs of `tokens` tokens from `token` on.
template <bool kHalves>
GEM_NOINLINE void RouteSoftmax(const RouteTokensArgs& args, size_t token, uint32_t tokens) {
  const size_t classes = args.classes;
  alignas(64) float kept[kRouteGroup][kKeptLogits];
  alignas(64) float spare[kRouteGroup][16];
  // The 16 logits from class c on; out(t) points to those of token t.
  const auto logits = [&](uint32_t c, bool first_time, auto&& use) GEM_LAMBDA {
    float* const out = c < kKeptLogits ? &kept[0][c] : &spare[0][0];
    const size_t stride = c < kKeptLogits ? kKeptLogits : 16;
    if (first_time || c >= kKeptLogits) {
      SumsOfRows<Product, kHalves>(args, token, tokens, args.w_r, c, Min(16, args.classes - c), out,
                                   stride);
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

template <bool kHalves>
GEM_INLINE void Route(const RouteTokensArgs& args, uint32_t begin, uint32_t end) {
  for (size_t token = begin; token < end; token += kRouteGroup) {
    const uint32_t tokens = Min(kRouteGroup, end - static_cast<uint32_t>(token));
    RouteSoftmax<kHalves>(args, token, tokens);
    alignas(64) float distance[kRouteGroup][16];
    float nearest[kRouteGroup];
    for (uint32_t t = 0; t < tokens; ++t) {
      nearest[t] = __builtin_inff();
      args.cluster[token + t] = 0;
    }
    for (uint32_t c = 0; c < args.clusters; c += 16) {
      const uint32_t rows = Min(16, args.clusters - c);
      SumsOfRows<SquaredDistance, kHalves>(args, token, tokens, args.centroids, c, rows,
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

}  // namespace

void RouteTokensF32(const RouteTokensArgs& args, uint32_t begin, uint32_t end) {
  Route<false>(args, begin, end);
}
void RouteTokensF16(const RouteTokensArgs& args, uint32_t begin, uint32_t end) {
  Route<true>(args, begin, end);
}

}  // namespace gem::GEM_ISA
