// Layer norm, and the quantization of tokens.
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

// --- quantization ------------------------------------------------------------

GEM_INLINE I16 Magnitudes(V16 x) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return (I)x.part[i] & 0x7fffffff; });
}
GEM_INLINE I16 MaxInts(I16 a, I16 b) {
  return MapMaskParts([&](auto i)
                          GEM_LAMBDA { return a.part[i] > b.part[i] ? a.part[i] : b.part[i]; });
}

// The largest lane of magnitudes, which order as their floats do.
GEM_NOINLINE int32_t LargestOf(const int32_t (&lanes)[16]) {
  int32_t largest = lanes[0];
  for (const int32_t lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}
GEM_INLINE int32_t LargestLane(I16 x) {
  int32_t lanes[16];
  StoreInts(lanes, x);
  return LargestOf(lanes);
}

struct Moments {
  float mean, inverse;
};

GEM_INLINE V16 Normalize(V16 x, Moments moments, V16 gamma, V16 beta) {
  return Fma((x - Splat(moments.mean)) * Splat(moments.inverse), gamma, beta);
}

// A row, or with a gamma the row that it is normalized to.
struct Row {
  const float* x;
  const float* gamma;
  const float* beta;
  Moments moments;
};

// The quantized token of a row whose largest magnitude has the bits `largest`.
template <bool kNormalizes>
GEM_NOINLINE void QuantizeRow(const Row& from, size_t width, int32_t largest, uint8_t* row) {
  const size_t codes_at = format::TokenCodesOffset(width);
  const float maximum = BitsAs<float>(largest);
  float scale = maximum / 127.0f;
  float inverse = 127.0f / maximum;
  if (largest >= 0x7f800000) {
    scale = BitsAs<float>(0x7fc00000);
    inverse = 0;
  } else if (!(inverse <= 0x1.fffffep127f)) {
    scale = inverse = 0;
  }
  int8_t* const codes = reinterpret_cast<int8_t*>(row + codes_at);
  int16_t* const sums = reinterpret_cast<int16_t*>(row + 8);
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  int32_t total = 0;
  __builtin_memset(row, 0, codes_at);
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    V16 value = load(from.x + i);
    if constexpr (kNormalizes) {
      value = Normalize(value, from.moments, load(from.gamma + i), load(from.beta + i));
    }
    const V16 rounded = value * Splat(inverse) + Splat(kRound);
    const I16 integers = MapMaskParts([&](auto p) GEM_LAMBDA {
      return inverse == 0 ? I{} : (I)rounded.part[p] - BitsAs<int32_t>(kRound);
    });
    const size_t count = width - i < 16 ? width - i : 16;
    int32_t sum = 0;
#if defined(GEM_ISA_NEON)
    if (count == 16) {
      int16x8_t halves[2];
      Unroll<2>([&](auto h) GEM_LAMBDA {
        halves[h] =
            vuzp1q_s16((int16x8_t)integers.part[2 * h], (int16x8_t)integers.part[2 * h + 1]);
      });
      vst1q_s8(codes + i, vuzp1q_s8((int8x16_t)halves[0], (int8x16_t)halves[1]));
      sum = vaddvq_s16(vaddq_s16(halves[0], halves[1]));
      sums[i / 32] = static_cast<int16_t>(sums[i / 32] + sum);
      total += sum;
      return;
    }
#endif
    int32_t lanes[16];
    StoreInts(lanes, integers);
    for (size_t j = 0; j < count; ++j) {
      codes[i + j] = static_cast<int8_t>(lanes[j]);
      sum += lanes[j];
    }
    sums[i / 32] = static_cast<int16_t>(sums[i / 32] + sum);
    total += sum;
  });
  __builtin_memset(codes + width, 0, format::RoundUp(width, 64) - width);
  __builtin_memcpy(row, &scale, sizeof scale);
  __builtin_memcpy(row + 4, &total, sizeof total);
}

// --- layer norm ----------------------------------------------------------------

// kRows rows side by side, since a row's sums are one chain of additions each.
template <int kRows>
GEM_NOINLINE void FindMoments(const float* x, size_t width, float epsilon, Moments* moments) {
  V16 sum[kRows];
  Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r] = Splat(0.0f); });
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r] = sum[r] + load(x + r * width + i); });
  });
  float mean[kRows];
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
      float padded[16];
      const V16 last = Load(PadTo16(x + r * width + full, rest, padded));
      const V16 centred = Select(inside, last - Splat(mean[r]), Splat(0.0f));
      sum[r] = Fma(centred, centred, sum[r]);
    });
  }
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    const float variance = SumOfLanes(sum[r]) / static_cast<float>(width);
    moments[r] = {mean[r], 1.0f / __builtin_sqrtf(variance + epsilon)};
  });
}

template <int kRows>
void NormalizeRows(const LayerNormArgs& args, size_t row) {
  const size_t width = args.width;
  const float* const x = args.x + row * width;
  float* const y = args.y + row * width;
  Moments moments[kRows];
  FindMoments<kRows>(x, width, args.epsilon, moments);
  ForEach16(width, [&](size_t i, auto load, auto store) GEM_LAMBDA {
    const V16 gamma = load(args.gamma + i), beta = load(args.beta + i);
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      store(y + r * width + i, Normalize(load(x + r * width + i), moments[r], gamma, beta));
    });
  });
}

// The same, quantized; the rows themselves are stored where there is a `y`.
template <int kRows>
void NormalizeAndQuantizeRows(const LayerNormQuantizedArgs& args, size_t row) {
  const LayerNormArgs& norm = args.norm;
  const size_t width = norm.width;
  const float* const x = norm.x + row * width;
  Moments moments[kRows];
  FindMoments<kRows>(x, width, norm.epsilon, moments);
  I16 largest[kRows];
  Unroll<kRows>([&](auto r) GEM_LAMBDA { largest[r] = SplatInt(0); });
  ForEach16(width, [&](size_t i, auto load, auto store) GEM_LAMBDA {
    const V16 gamma = load(norm.gamma + i), beta = load(norm.beta + i);
    const int32_t rest = static_cast<int32_t>(width - i < 16 ? width - i : 16);
    const I16 inside = SplatInt(rest) > Iota();
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 value = Normalize(load(x + r * width + i), moments[r], gamma, beta);
      if (norm.y != nullptr) store(norm.y + (row + r) * width + i, value);
      largest[r] = MaxInts(largest[r], Magnitudes(value) & inside);
    });
  });
  for (int r = 0; r < kRows; ++r) {
    const size_t index = row + static_cast<size_t>(r);
    uint8_t* const to = args.quantized + index * format::TokenRowBytes(width);
    if (norm.y != nullptr) {
      QuantizeRow<false>({norm.y + index * width, nullptr, nullptr, {}}, width,
                         LargestLane(largest[r]), to);
    } else {
      QuantizeRow<true>({norm.x + index * width, norm.gamma, norm.beta, moments[r]}, width,
                        LargestLane(largest[r]), to);
    }
  }
}

}  // namespace

void QuantizeTokens(const QuantizeTokensArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  for (size_t token = begin; token < end; ++token) {
    const float* const x = args.x + token * width;
    I16 largest = SplatInt(0);
    ForEach16(width, [&](size_t i, auto load, auto)
                         GEM_LAMBDA { largest = MaxInts(largest, Magnitudes(load(x + i))); });
    QuantizeRow<false>({x, nullptr, nullptr, {}}, width, LargestLane(largest),
                       args.y + token * format::TokenRowBytes(width));
  }
}

void LayerNorm(const LayerNormArgs& args, uint32_t begin, uint32_t end) {
  uint32_t row = begin;
  for (; row + 4 <= end; row += 4) NormalizeRows<4>(args, row);
  for (; row < end; ++row) NormalizeRows<1>(args, row);
}

void LayerNormQuantized(const LayerNormQuantizedArgs& args, uint32_t begin, uint32_t end) {
  uint32_t row = begin;
  for (; row + 4 <= end; row += 4) NormalizeAndQuantizeRows<4>(args, row);
  for (; row < end; ++row) NormalizeAndQuantizeRows<1>(args, row);
}

}  // namespace gem::GEM_ISA
