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

constexpr int32_t kRoundBits = 0x4b400000;  // 1.5 * 2^23: adding it rounds to an integer

// --- quantization ------------------------------------------------------------

GEM_INLINE I16 Magnitudes(V16 x) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return (I)x.part[i] & 0x7fffffff; });
}
GEM_INLINE I16 MaxInts(I16 a, I16 b) {
  return MapMaskParts([&](auto i)
                          GEM_LAMBDA { return a.part[i] > b.part[i] ? a.part[i] : b.part[i]; });
}

// The largest lane.
template <int kHalf = kLanes / 2>
GEM_INLINE int32_t LargestOf(I x) {
  const I other = Swap<kHalf>(x, MakeIndices<kLanes>{});
  x = x > other ? x : other;
  if constexpr (kHalf > 1) return LargestOf<kHalf / 2>(x);
  return x[0];
}
GEM_INLINE int32_t LargestLane(I16 x) {
  Unroll<kParts - 1>([&](auto i) GEM_LAMBDA {
    const I other = x.part[i + 1];
    x.part[0] = x.part[0] > other ? x.part[0] : other;
  });
  return LargestOf(x.part[0]);
}

// The codes that 16 elements were rounded to: the low bytes of their floats.
GEM_INLINE void StoreCodes(int8_t* to, V16 rounded) {
#if defined(GEM_ISA_AVX512)
  const __m128i codes = _mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)rounded.part[0]);
  __builtin_memcpy(to, &codes, sizeof codes);
#elif defined(GEM_ISA_AVX2)
  // Differences, since packing saturates. It puts 4 of each half in turn.
  const __m256i low = (__m256i)((I)rounded.part[0] - kRoundBits);
  const __m256i words = _mm256_packs_epi32(low, (__m256i)((I)rounded.part[1] - kRoundBits));
  const __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  const __m128i codes = _mm_shuffle_epi32(bytes, 0xd8);
  __builtin_memcpy(to, &codes, sizeof codes);
#elif defined(GEM_ISA_NEON)
  int16x8_t halves[2];
  Unroll<2>([&](auto h) GEM_LAMBDA {
    halves[h] = vuzp1q_s16((int16x8_t)rounded.part[2 * h], (int16x8_t)rounded.part[2 * h + 1]);
  });
  vst1q_s8(to, vuzp1q_s8((int8x16_t)halves[0], (int8x16_t)halves[1]));
#else
  int32_t lanes[16];
  __builtin_memcpy(lanes, &rounded, sizeof lanes);
  for (int i = 0; i < 16; ++i) to[i] = static_cast<int8_t>(lanes[i]);
#endif
}

// The sum of a block's codes.
GEM_INLINE int32_t SumOfBlock(const int8_t* codes) {
#if defined(GEM_ISA_AVX512) || defined(GEM_ISA_AVX2)
  // Sums of 8 bytes without a sign, of codes + 128.
  const __m256i eights = _mm256_sad_epu8(
      _mm256_xor_si256(LoadAs<__m256i>(codes), _mm256_set1_epi8(-128)), _mm256_setzero_si256());
  const __m128i sums =
      _mm_add_epi32(_mm256_castsi256_si128(eights), _mm256_extracti128_si256(eights, 1));
  return _mm_cvtsi128_si32(sums) + _mm_extract_epi32(sums, 2) - 128 * 32;
#elif defined(GEM_ISA_NEON)
  return vaddvq_s16(vpadalq_s8(vpaddlq_s8(vld1q_s8(codes)), vld1q_s8(codes + 16)));
#else
  int32_t sum = 0;
  for (uint32_t i = 0; i < format::kBlock; ++i) sum += codes[i];
  return sum;
#endif
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
  const size_t row_bytes = format::TokenRowBytes(width);
  const float maximum = BitsAs<float>(largest);
  float scale = maximum / 127.0f;
  const float inverse = 127.0f / maximum;
  if (largest >= 0x7f800000 || !(inverse <= 0x1.fffffep127f)) {
    scale = largest >= 0x7f800000 ? BitsAs<float>(0x7fc00000) : 0;
    __builtin_memset(row, 0, row_bytes);
    __builtin_memcpy(row, &scale, sizeof scale);
    return;
  }
  int8_t* const codes = reinterpret_cast<int8_t*>(row + codes_at);
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    V16 value = load(from.x + i);
    if constexpr (kNormalizes) {
      value = Normalize(value, from.moments, load(from.gamma + i), load(from.beta + i));
    }
    // Past the end of the row it stores what is overwritten below.
    StoreCodes(codes + i, value * Splat(inverse) + Splat(BitsAs<float>(kRoundBits)));
  });
  __builtin_memset(row + codes_at + width, 0, row_bytes - codes_at - width);
  const size_t blocks = format::Blocks(width);
  int16_t* const sums = reinterpret_cast<int16_t*>(row + 8);
  int32_t total = 0;
  for (size_t block = 0; block < blocks; ++block) {
    const int32_t sum = SumOfBlock(codes + block * format::kBlock);
    sums[block] = static_cast<int16_t>(sum);
    total += sum;
  }
  __builtin_memset(sums + blocks, 0, codes_at - 8 - blocks * sizeof *sums);
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
      const V16 last = LoadPartial(x + r * width + full, rest);
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
