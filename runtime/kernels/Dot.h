// Dot products of 8-bit integers: all that differs between ISAs in LINEAR_QUANTIZED.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A native vector of weights is kLanes rows of 4 consecutive k (WeightFormat.h); a
// quad of a token, 4 consecutive k, is multiplied with each row. Everything is exact:
//   Wide    sums of products of 8-bit weights
//   Narrow  sums over one block of 32 of products of codes of up to 4 bits, or of
//           their values: at most 32 * 8 * 127 = 32512 in magnitude, which fits i16
// On x86 the codes themselves are multiplied, since the instructions want one
// unsigned operand, and a sum starts at -offset * the sum of the token's codes;
// elsewhere they are made values first.
#ifndef GEM_RUNTIME_KERNELS_DOT_H
#define GEM_RUNTIME_KERNELS_DOT_H

#include "runtime/kernels/Loops.h"
#include "runtime/schema/WeightFormat.h"

namespace gem::GEM_ISA {
namespace {

typedef int8_t B __attribute__((vector_size(kVectorBytes)));
typedef uint8_t UB __attribute__((vector_size(kVectorBytes)));
typedef int16_t S __attribute__((vector_size(kVectorBytes)));

#if defined(GEM_ISA_AVX512) || defined(GEM_ISA_AVX2)
#define GEM_DOT_X86
#endif

// --- where codes lie ---------------------------------------------------------

// How a matrix's bytes become vectors of weights.
enum class Source {
  kBytes,    // 8 bits, or codes unpacked to bytes
  kFlipped,  // 8 bits, made unsigned: the value + 128
  kI4,
  kI3,
  kI2,
};
constexpr uint32_t BlockBytes(Source source) {
  return source == Source::kI4   ? 256
         : source == Source::kI3 ? 192
         : source == Source::kI2 ? 128
                                 : 512;
}
// Of weights of 8 bits, and of what tiles of Wide sums take.
#if defined(GEM_ISA_AVX512VNNI)
constexpr Source kWideSource = Source::kFlipped;
#else
constexpr Source kWideSource = Source::kBytes;
#endif

// What is to be subtracted from each code that LoadQuad gives.
#if defined(GEM_DOT_X86)
constexpr bool kSubtracts = false;
#else
constexpr bool kSubtracts = true;
#endif

// What `Keep` returns stays in a register: GCC 12 would load parts of it again where
// they are used.
template <class T>
GEM_INLINE T Keep(T value) {
#if defined(GEM_ISA_NEON)
  asm("" : "+w"(value));
#endif
  return value;
}

#if defined(GEM_ISA_NEON)
// Two vectors from p + kOffset on, in one instruction: GCC 12 seldom makes it of two.
template <int kOffset>
GEM_INLINE void LoadTwo(const uint8_t* p, B& first, B& second) {
  asm("ldp %q0, %q1, [%2, %3]" : "=w"(first), "=w"(second) : "r"(p), "i"(kOffset) : "memory");
}
#endif

// The kLanes rows from `block` on of quad kQuad of a block.
template <Source kSource, int kQuad>
GEM_INLINE B LoadQuad(const uint8_t* block) {
  if constexpr (kSource == Source::kBytes) {
    return Keep(LoadAs<B>(block + kQuad * 64));
  } else if constexpr (kSource == Source::kFlipped) {
    return LoadAs<B>(block + kQuad * 64) ^ static_cast<int8_t>(-128);
  } else if constexpr (kSource == Source::kI4) {
    const UB packed = LoadAs<UB>(block + kQuad % 4 * 64);
    const UB code = kQuad < 4 ? packed & 15 : (UB)((U)packed >> 4) & 15;
    return (B)code - int8_t{kSubtracts ? 8 : 0};
  } else {
    const U packed = LoadAs<U>(block + kQuad / 4 * 64);
    UB code = (UB)(packed >> (2 * (kQuad % 4))) & 3;
    if constexpr (kSource == Source::kI3) {
      const U high = LoadAs<U>(block + 128);
      code |= (UB)(kQuad >= 2 ? high >> (kQuad >= 2 ? kQuad - 2 : 0)
                              : high << (kQuad >= 2 ? 0 : 2 - kQuad)) &
              4;
    }
    return (B)code - int8_t{!kSubtracts ? 0 : kSource == Source::kI3 ? 4 : 2};
  }
}

// --- the products --------------------------------------------------------------

#if defined(GEM_DOT_X86)

#if defined(GEM_ISA_AVX512)
typedef __m512i Native;
#else
typedef __m256i Native;
#endif

// A quad of a token, in all rows.
template <int kQuad>
GEM_INLINE B Quad(const int8_t* x) {
  return (B)(I{} + LoadAs<int32_t>(x + kQuad * 4));
}

typedef I Wide;
GEM_INLINE I Sum(Wide sum) { return sum; }

#if defined(GEM_ISA_AVX512VNNI)
// Codes of up to 8 bits.
constexpr bool kWideCodes = true;
GEM_INLINE Wide AddProducts(Wide sum, B w, B x) {
  return (I)_mm512_dpbusd_epi32((Native)sum, (Native)w, (Native)x);
}
typedef I Narrow;
GEM_INLINE Narrow StartNarrow(int32_t start) { return I{} + start; }
GEM_INLINE Narrow AddNarrow(Narrow sum, B w, B x) { return AddProducts(sum, w, x); }
// The i32 sum is sign-extended: its low half times the ratio is all there is.
GEM_INLINE I AddScaled(I total, Narrow sum, I ratio) {
  return (I)_mm512_dpwssd_epi32((Native)total, (Native)sum, (Native)ratio);
}
GEM_INLINE I AddOnce(I total, Narrow sum) { return total + sum; }
GEM_INLINE I LoadRatio(const uint8_t* p) {
  return (I)_mm512_maskz_cvtepu8_epi32(0xffff, LoadAs<__m128i>(p));
}
// What a block's sum starts at.
constexpr int32_t BlockStart(int32_t block_sum, int32_t offset) { return -offset * block_sum; }
#else
constexpr bool kWideCodes = false;
#if defined(GEM_ISA_AVX512)
GEM_INLINE S PairProducts(B codes, B x) {
  return (S)_mm512_maddubs_epi16((Native)codes, (Native)x);
}
GEM_INLINE I PairSums(S a, S b) { return (I)_mm512_madd_epi16((Native)a, (Native)b); }
GEM_INLINE S AddPairs(S a, S b) { return (S)_mm512_add_epi16((Native)a, (Native)b); }
GEM_INLINE Wide AddProducts(Wide sum, B w, B x) {
  const __mmask64 negative = _mm512_movepi8_mask((Native)w);
  const B signed_x =
      (B)_mm512_mask_sub_epi8((Native)x, negative, _mm512_setzero_si512(), (Native)x);
  const B magnitude = (B)_mm512_maskz_abs_epi8(~__mmask64{0}, (Native)w);
  return sum + PairSums(PairProducts(magnitude, signed_x), S{} + 1);
}
GEM_INLINE I LoadRatio(const uint8_t* p) {
  const I ratio = (I)_mm512_maskz_cvtepu8_epi32(0xffff, LoadAs<__m128i>(p));
  return ratio | ratio << 16;
}
#else
GEM_INLINE S PairProducts(B codes, B x) {
  return (S)_mm256_maddubs_epi16((Native)codes, (Native)x);
}
GEM_INLINE I PairSums(S a, S b) { return (I)_mm256_madd_epi16((Native)a, (Native)b); }
GEM_INLINE S AddPairs(S a, S b) { return (S)_mm256_add_epi16((Native)a, (Native)b); }
// |w| <= 127, so that two products fit i16.
GEM_INLINE Wide AddProducts(Wide sum, B w, B x) {
  const B magnitude = (B)_mm256_abs_epi8((Native)w);
  const B signed_x = (B)_mm256_sign_epi8((Native)x, (Native)w);
  return sum + PairSums(PairProducts(magnitude, signed_x), S{} + 1);
}
GEM_INLINE I LoadRatio(const uint8_t* p) {
  const I ratio = (I)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(LoadAs<int64_t>(p)));
  return ratio | ratio << 16;
}
#endif
// Two i16 a row. A pair of products is at most 2 * 15 * 127; with its half of the
// start the sum of a block's is at most 16 * 127 * (11 + 4) = 30480.
typedef S Narrow;
GEM_INLINE Narrow StartNarrow(int32_t start) { return (S)(I{} + start); }
GEM_INLINE Narrow AddNarrow(Narrow sum, B w, B x) { return AddPairs(sum, PairProducts(w, x)); }
GEM_INLINE I AddScaled(I total, Narrow sum, I ratio) { return total + PairSums(sum, (S)ratio); }
GEM_INLINE I AddOnce(I total, Narrow sum) { return total + PairSums(sum, S{} + 1); }
constexpr int32_t BlockStart(int32_t block_sum, int32_t offset) {
  const uint32_t half = static_cast<uint32_t>(-(offset / 2) * block_sum) & 0xffff;
  return static_cast<int32_t>(half | half << 16);
}
#endif

#elif defined(GEM_ISA_NEON)

// 16 codes of a token.
typedef int8x16_t Tokens16;
GEM_INLINE Tokens16 LoadTokens(const int8_t* p) { return Keep(vld1q_s8(p)); }

#if defined(GEM_ISA_DOTPROD)
constexpr bool kWideCodes = true;
typedef I Wide;
GEM_INLINE I Sum(Wide sum) { return sum; }
template <int kQuad>
GEM_INLINE Wide AddQuad(Wide sum, B w, Tokens16 x) {
  return (I)vdotq_laneq_s32((int32x4_t)sum, (int8x16_t)w, x, kQuad);
}
// Quads 2 * kPair and the next.
template <int kPair>
GEM_INLINE Wide AddPair(Wide sum, B w0, B w1, Tokens16 x) {
  return AddQuad<2 * kPair + 1>(AddQuad<2 * kPair>(sum, w0, x), w1, x);
}
#else
constexpr bool kWideCodes = false;
template <int kQuad>
GEM_INLINE int8x16_t Broadcast(Tokens16 x) {
  return vreinterpretq_s8_s32(vdupq_laneq_s32(vreinterpretq_s32_s8(x), kQuad));
}
// Of each row the sums of even and of odd pairs of k: rows 0 and 1, rows 2 and 3.
struct Wide {
  int32x4_t low, high;
};
GEM_INLINE I Sum(Wide sum) { return (I)vpaddq_s32(sum.low, sum.high); }
// Two products fit i16: 2 * 127 * 127.
template <int kPair>
GEM_INLINE Wide AddPair(Wide sum, B w0, B w1, Tokens16 x) {
  const int8x16_t x0 = Broadcast<2 * kPair>(x), x1 = Broadcast<2 * kPair + 1>(x);
  int16x8_t low = vmull_s8(vget_low_s8((int8x16_t)w0), vget_low_s8(x0));
  int16x8_t high = vmull_high_s8((int8x16_t)w0, x0);
  low = vmlal_s8(low, vget_low_s8((int8x16_t)w1), vget_low_s8(x1));
  high = vmlal_high_s8(high, (int8x16_t)w1, x1);
  return {vpadalq_s16(sum.low, low), vpadalq_s16(sum.high, high)};
}
// Of each row the sums of k = 0, 1, 2, 3 modulo 4: at most 8 * 8 * 127.
struct Narrow {
  int16x8_t low, high;
};
template <bool kFirst, int kQuad>
GEM_INLINE Narrow AddNarrow(Narrow sum, B w, Tokens16 x) {
  const int8x16_t quad = Broadcast<kQuad>(x), weights = (int8x16_t)w;
  if constexpr (kFirst) {
    return {vmull_s8(vget_low_s8(weights), vget_low_s8(quad)), vmull_high_s8(weights, quad)};
  } else {
    return {vmlal_s8(sum.low, vget_low_s8(weights), vget_low_s8(quad)),
            vmlal_high_s8(sum.high, weights, quad)};
  }
}
GEM_INLINE I AddScaled(I total, Narrow sum, I ratio) {
  return total + (I)vpaddlq_s16(vpaddq_s16(sum.low, sum.high)) * ratio;
}
GEM_INLINE I AddOnce(I total, Narrow sum) {
  return (I)vpadalq_s16((int32x4_t)total, vpaddq_s16(sum.low, sum.high));
}
#endif

#else  // any CPU

constexpr bool kWideCodes = true;
typedef const int8_t* Tokens16;
GEM_INLINE Tokens16 LoadTokens(const int8_t* p) { return p; }
typedef I Wide;
GEM_INLINE I Sum(Wide sum) { return sum; }
// In i16, in which two products fit: 2 * 127 * 127.
template <int kQuad>
GEM_INLINE Wide AddQuad(Wide sum, B w, Tokens16 x) {
  const S quad = (S)(I{} + LoadAs<int32_t>(x + kQuad * 4));
  const S even = ((S)w << 8 >> 8) * (quad << 8 >> 8);
  const I pairs = (I)(even + ((S)w >> 8) * (quad >> 8));
  return sum + (pairs << 16 >> 16) + (pairs >> 16);
}
template <int kPair>
GEM_INLINE Wide AddPair(Wide sum, B w0, B w1, Tokens16 x) {
  return AddQuad<2 * kPair + 1>(AddQuad<2 * kPair>(sum, w0, x), w1, x);
}

#endif

#if !defined(GEM_DOT_X86)
constexpr int32_t BlockStart(int32_t, int32_t) { return 0; }
#if !defined(GEM_ISA_NEON) || defined(GEM_ISA_DOTPROD)
#define GEM_DOT_CUMULATIVE
// A Wide serves: it is never set back to 0, but ratios are the differences to the
// next group's.
typedef Wide Narrow;
template <bool kFirst, int kQuad>
GEM_INLINE Narrow AddNarrow(Narrow sum, B w, Tokens16 x) {
  return AddQuad<kQuad>(sum, w, x);
}
GEM_INLINE I AddScaled(I total, Narrow sum, I ratio) { return total + sum * ratio; }
GEM_INLINE I AddOnce(I total, Narrow sum) { return total + sum; }
#endif
// 4 rows' ratios.
GEM_INLINE I LoadRatio(const uint8_t* p) {
#if defined(GEM_ISA_NEON)
  const uint8x8_t ratio = vreinterpret_u8_u32(vdup_n_u32(LoadAs<uint32_t>(p)));
  return (I)vmovl_u16(vget_low_u16(vmovl_u8(ratio)));
#else
  return I{p[0], p[1], p[2], p[3]};
#endif
}
#endif

#if defined(GEM_DOT_CUMULATIVE)
constexpr bool kCumulative = true;
#else
constexpr bool kCumulative = false;
#endif

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_DOT_H
