// The virtual 16-lane vector on which the CPU kernels are written.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included by sources that are compiled once per ISA with -DGEM_ISA=<name>, the
// namespace, and -DGEM_ISA_<NAME>, which selects the ISA; GEM_ISA_SCALAR needs
// nothing of the CPU. All that differs between ISAs is in this file: the width
// of a native vector, fma, partial loads, and how the kernels tile.
//
// Everything has internal linkage: a function that was compiled for an ISA must
// never be picked by the linker for a CPU without it.
#ifndef GEM_RUNTIME_KERNELS_SIMD_H
#define GEM_RUNTIME_KERNELS_SIMD_H

#include <stddef.h>
#include <stdint.h>

// ISAs that add to another.
#if defined(GEM_ISA_AVX512VNNI)
#define GEM_ISA_AVX512
#elif defined(GEM_ISA_I8MM)
#define GEM_ISA_DOTPROD
#endif
#if defined(GEM_ISA_DOTPROD)
#define GEM_ISA_NEON
#endif

#if defined(GEM_ISA_AVX512) || defined(GEM_ISA_AVX2)
#include <immintrin.h>
#elif defined(GEM_ISA_NEON)
#include <arm_neon.h>
#elif !defined(GEM_ISA_SCALAR)
#error "define one of GEM_ISA_{AVX512VNNI,AVX512,AVX2,I8MM,DOTPROD,NEON,SCALAR}"
#endif

#define GEM_INLINE __attribute__((always_inline)) inline
#define GEM_LAMBDA __attribute__((always_inline))
// For loops that need all registers: inside a big function GCC 12 spills.
#define GEM_NOINLINE __attribute__((noinline))

namespace gem::GEM_ISA {
namespace {

// --- unrolling ---------------------------------------------------------------

template <int... kIndices>
struct Indices {};
#if defined(__clang__)
template <class, int... kIndices>
using AsIndices = Indices<kIndices...>;
template <int kCount>
using MakeIndices = __make_integer_seq<AsIndices, int, kCount>;
#else
template <int kCount>
using MakeIndices = Indices<__integer_pack(kCount)...>;
#endif

// An int that is known when compiling, for the body of Unroll.
template <int kValue>
struct Index {
  constexpr operator int() const { return kValue; }
};

template <class Body, int... kIndices>
GEM_INLINE void UnrollOver(Body&& body, Indices<kIndices...>) {
  (body(Index<kIndices>{}), ...);
}

// Calls body(Index<0>{}), body(Index<1>{}), ... kCount - 1. A fold over inlined
// lambdas and not an unrolled loop: in a loop, GCC 12 spills accumulator arrays.
template <int kCount, class Body>
GEM_INLINE void Unroll(Body&& body) {
  UnrollOver(body, MakeIndices<kCount>{});
}

// --- native vectors ----------------------------------------------------------

#if defined(GEM_ISA_AVX512)
constexpr int kVectorBytes = 64;
#elif defined(GEM_ISA_AVX2)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
constexpr int kLanes = kVectorBytes / 4;  // of a native vector
constexpr int kParts = 16 / kLanes;       // native vectors in a virtual one

typedef float F __attribute__((vector_size(kVectorBytes)));
typedef int32_t I __attribute__((vector_size(kVectorBytes)));
typedef uint32_t U __attribute__((vector_size(kVectorBytes)));

// How kernels tile, by what the registers hold. Nothing here changes a result.
#if defined(GEM_ISA_AVX512)  // 32 registers of 1 panel width
constexpr int kLinearRows = 8;           // tokens of a LINEAR tile
constexpr int kLinearAccumulators = 24;  // native vectors of a LINEAR tile
constexpr int kLinearMaxPanels = 8;
constexpr int kDotColumns = 4;           // a tile of dots: this many by this many sums,
constexpr int kDotRows = 4;              // of each this many native vectors
constexpr int kDotVectors = 1;
constexpr int kAttentionRows = 8;        // queries of an attention tile
constexpr int kAttentionChunks = 2;      // and its virtual vectors
#elif defined(GEM_ISA_AVX2)  // 16 registers of 1/2 panel width
constexpr int kLinearRows = 6;
constexpr int kLinearAccumulators = 12;
constexpr int kLinearMaxPanels = 4;
constexpr int kDotColumns = 2;
constexpr int kDotRows = 2;
constexpr int kDotVectors = 2;
constexpr int kAttentionRows = 6;
constexpr int kAttentionChunks = 1;
#elif defined(GEM_ISA_NEON)  // 32 registers of 1/4 panel width
constexpr int kLinearRows = 4;
constexpr int kLinearAccumulators = 16;
constexpr int kLinearMaxPanels = 4;
constexpr int kDotColumns = 4;
constexpr int kDotRows = 4;
constexpr int kDotVectors = 1;
constexpr int kAttentionRows = 4;
constexpr int kAttentionChunks = 1;
#else
constexpr int kLinearRows = 2;
constexpr int kLinearAccumulators = 8;
constexpr int kLinearMaxPanels = 1;
constexpr int kDotColumns = 1;
constexpr int kDotRows = 2;
constexpr int kDotVectors = 1;
constexpr int kAttentionRows = 2;
constexpr int kAttentionChunks = 1;
#endif

template <class T>
GEM_INLINE T LoadAs(const void* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

// Bits of one type as another of the same size.
template <class T, class From>
GEM_INLINE T BitsAs(From from) {
  static_assert(sizeof(T) == sizeof(From));
  return LoadAs<T>(&from);
}

// Not F{} + x, which would make a +0 of -0.
GEM_INLINE F SplatNative(float x) {
#if defined(GEM_ISA_AVX512)
  return (F)_mm512_set1_ps(x);
#elif defined(GEM_ISA_AVX2)
  return (F)_mm256_set1_ps(x);
#else
  return F{x, x, x, x};
#endif
}

// a * b + c, rounded once, on a CPU that has no fma. The product of two f32 is
// exact in double. The sum is rounded to odd there: where it is inexact and the
// nearest double is even, the other neighbour of the exact sum, an odd one, is
// taken. Rounding that to f32 then gives the nearest f32, since a double has
// more than two bits beyond an f32's, subnormal ones included (Boldo and
// Melquiond, Emulation of FMA and correctly rounded sums, IEEE ToC 57(4), 2008).
GEM_INLINE float SoftFma(float a, float b, float c) {
  const double product = static_cast<double>(a) * b;
  const double addend = c;
  const double sum = product + addend;
  // Knuth's TwoSum: sum + error == product + addend exactly; NaN where sum is
  // infinite or NaN, which leaves it alone.
  const double virtual_addend = sum - product;
  const double error = (product - (sum - virtual_addend)) + (addend - virtual_addend);
  uint64_t bits = BitsAs<uint64_t>(sum);
  const uint64_t adjust = -static_cast<uint64_t>((error > 0) | (error < 0)) & ((bits & 1) - 1);
  bits += adjust & (1 - (((BitsAs<uint64_t>(error) ^ bits) >> 63) << 1));
  return static_cast<float>(BitsAs<double>(bits));
}

#if defined(GEM_ISA_SCALAR) && !defined(__aarch64__) && !defined(__FP_FAST_FMAF)
// SoftFma of two lanes at a time. Not inline: it is too long for that.
[[maybe_unused]] GEM_NOINLINE F FmaNative(F a, F b, F c) {
  typedef float F2 __attribute__((vector_size(8)));
  typedef double D2 __attribute__((vector_size(16)));
  typedef uint64_t U2 __attribute__((vector_size(16)));
  struct Halves {
    F2 half[2];
  };
  const Halves as = BitsAs<Halves>(a), bs = BitsAs<Halves>(b), cs = BitsAs<Halves>(c);
  Halves result;
  Unroll<2>([&](auto i) GEM_LAMBDA {
    const D2 product =
        __builtin_convertvector(as.half[i], D2) * __builtin_convertvector(bs.half[i], D2);
    const D2 addend = __builtin_convertvector(cs.half[i], D2);
    const D2 sum = product + addend;
    const D2 virtual_addend = sum - product;
    const D2 error = (product - (sum - virtual_addend)) + (addend - virtual_addend);
    U2 bits = (U2)sum;
    const U2 adjust = (U2)((error > D2{}) | (error < D2{})) & ((bits & 1) - 1);
    bits += adjust & (1 - ((((U2)error ^ bits) >> 63) << 1));
    result.half[i] = __builtin_convertvector((D2)bits, F2);
  });
  return BitsAs<F>(result);
}
#else
// a * b + c, rounded once.
GEM_INLINE F FmaNative(F a, F b, F c) {
#if defined(GEM_ISA_AVX512)
  return (F)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(GEM_ISA_AVX2)
  return (F)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(GEM_ISA_NEON)
  return (F)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else  // an instruction
  return F{__builtin_fmaf(a[0], b[0], c[0]), __builtin_fmaf(a[1], b[1], c[1]),
           __builtin_fmaf(a[2], b[2], c[2]), __builtin_fmaf(a[3], b[3], c[3])};
#endif
}
#endif

GEM_INLINE float FmaScalar(float a, float b, float c) {
  return FmaNative(SplatNative(a), SplatNative(b), SplatNative(c))[0];
}

// kLanes f16 from memory.
GEM_INLINE F LoadHalvesNative(const uint16_t* p) {
#if defined(GEM_ISA_AVX512)
  // Masked, since GCC 12 warns about the other (its bug 105593).
  return (F)_mm512_maskz_cvtph_ps(0xffff, LoadAs<__m256i>(p));
#elif defined(GEM_ISA_AVX2)
  return (F)_mm256_cvtph_ps(LoadAs<__m128i>(p));
#elif defined(GEM_ISA_NEON)
  return (F)vcvt_f32_f16(LoadAs<float16x4_t>(p));
#else
  // The exponent is off by 112, which a multiplication mends, of subnormal ones too.
  const U bits = {p[0], p[1], p[2], p[3]};
  const U magnitude = (bits & 0x7fff) << 13;
  const U number = (U)((F)magnitude * SplatNative(0x1p112f));
  const U special = (U)(magnitude >= U{} + 0x0f800000) & 0x7f800000;
  return (F)(number | special | ((bits & 0x8000) << 16));
#endif
}

// What a LINEAR tile loads of a token at a time: kStep elements, so that NEON
// can multiply by a lane of a vector instead of broadcasting.
#if defined(GEM_ISA_NEON)
constexpr int kStep = 4;
typedef F Step;
GEM_INLINE Step LoadStep(const float* p) { return LoadAs<F>(p); }
template <int kLane>
GEM_INLINE F FmaStep(F w, Step x, F sum) {
  return (F)vfmaq_laneq_f32((float32x4_t)sum, (float32x4_t)w, (float32x4_t)x, kLane);
}
#else
constexpr int kStep = 1;
typedef F Step;
GEM_INLINE Step LoadStep(const float* p) { return SplatNative(*p); }
template <int kLane>
GEM_INLINE F FmaStep(F w, Step x, F sum) {
  return FmaNative(w, x, sum);
}
#endif

// --- virtual vectors ---------------------------------------------------------

struct V16 {
  F part[kParts];
};
struct I16 {  // integers, or a mask: every lane all ones or zero
  I part[kParts];
};

template <class Body>
GEM_INLINE V16 MapParts(Body&& body) {
  V16 result;
  Unroll<kParts>([&](auto i) GEM_LAMBDA { result.part[i] = body(i); });
  return result;
}
template <class Body>
GEM_INLINE I16 MapMaskParts(Body&& body) {
  I16 result;
  Unroll<kParts>([&](auto i) GEM_LAMBDA { result.part[i] = body(i); });
  return result;
}

GEM_INLINE V16 operator+(V16 a, V16 b) {
  return MapParts([&](auto i) GEM_LAMBDA { return a.part[i] + b.part[i]; });
}
GEM_INLINE V16 operator-(V16 a, V16 b) {
  return MapParts([&](auto i) GEM_LAMBDA { return a.part[i] - b.part[i]; });
}
GEM_INLINE V16 operator*(V16 a, V16 b) {
  return MapParts([&](auto i) GEM_LAMBDA { return a.part[i] * b.part[i]; });
}
GEM_INLINE V16 operator/(V16 a, V16 b) {
  return MapParts([&](auto i) GEM_LAMBDA { return a.part[i] / b.part[i]; });
}
GEM_INLINE V16 Fma(V16 a, V16 b, V16 c) {
  return MapParts([&](auto i) GEM_LAMBDA { return FmaNative(a.part[i], b.part[i], c.part[i]); });
}
// False where an operand is NaN.
GEM_INLINE I16 operator>(V16 a, V16 b) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return a.part[i] > b.part[i]; });
}
GEM_INLINE I16 operator|(I16 a, I16 b) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return a.part[i] | b.part[i]; });
}
GEM_INLINE I16 operator&(I16 a, I16 b) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return a.part[i] & b.part[i]; });
}
GEM_INLINE I16 operator==(I16 a, I16 b) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return a.part[i] == b.part[i]; });
}
GEM_INLINE I16 operator>(I16 a, I16 b) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return a.part[i] > b.part[i]; });
}
// mask ? a : b
GEM_INLINE V16 Select(I16 mask, V16 a, V16 b) {
  return MapParts([&](auto i) GEM_LAMBDA { return mask.part[i] ? a.part[i] : b.part[i]; });
}
// a > b ? a : b, thus b where one is NaN.
GEM_INLINE V16 Max(V16 a, V16 b) {
  return MapParts([&](auto i) GEM_LAMBDA { return a.part[i] > b.part[i] ? a.part[i] : b.part[i]; });
}

GEM_INLINE V16 Splat(float x) {
  return MapParts([&](auto) GEM_LAMBDA { return SplatNative(x); });
}
GEM_INLINE I16 SplatInt(int32_t x) {
  return MapMaskParts([&](auto) GEM_LAMBDA { return I{} + x; });
}
// Part by part: through a copy of the whole struct, GCC 12 goes by way of memory.
GEM_INLINE V16 Load(const float* p) {
  return MapParts([&](auto i) GEM_LAMBDA { return LoadAs<F>(p + i * kLanes); });
}
GEM_INLINE void Store(float* p, V16 x) {
  Unroll<kParts>([&](auto i)
                     GEM_LAMBDA { __builtin_memcpy(p + i * kLanes, &x.part[i], sizeof(F)); });
}
GEM_INLINE I16 LoadInts(const int32_t* p) {
  return MapMaskParts([&](auto i) GEM_LAMBDA { return LoadAs<I>(p + i * kLanes); });
}
GEM_INLINE V16 ToFloat(I16 x) {
  return MapParts([&](auto i) GEM_LAMBDA { return __builtin_convertvector(x.part[i], F); });
}
// 0, 1, ... 15
GEM_INLINE I16 Iota() {
  static constexpr int32_t kIota[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return LoadInts(kIota);
}
GEM_INLINE V16 LoadHalves(const uint16_t* p) {
  return MapParts([&](auto i) GEM_LAMBDA { return LoadHalvesNative(p + i * kLanes); });
}

GEM_INLINE void StoreInts(int32_t* p, I16 x) {
  Unroll<kParts>([&](auto i)
                     GEM_LAMBDA { __builtin_memcpy(p + i * kLanes, &x.part[i], sizeof(I)); });
}

// The `count` (less than 16) elements at p, and zeros, at `to`; returns that.
template <class T>
GEM_NOINLINE const T* PadTo16(const T* p, size_t count, T* to) {
  __builtin_memset(to, 0, 16 * sizeof *to);
  __builtin_memcpy(to, p, count * sizeof *to);
  return to;
}

// The first `count` (1 to 16) lanes from memory, the others 0.
GEM_INLINE V16 LoadPartial(const float* p, uint32_t count) {
#if defined(GEM_ISA_AVX512)
  return {{(F)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p)}};
#elif defined(GEM_ISA_AVX2)
  alignas(32) static constexpr int32_t kOnes[32] = {-1, -1, -1, -1, -1, -1, -1, -1,  //
                                                    -1, -1, -1, -1, -1, -1, -1, -1};
  return MapParts([&](auto i) GEM_LAMBDA {
    return (F)_mm256_maskload_ps(p + i * 8, LoadAs<__m256i>(kOnes + 16 - count + i * 8));
  });
#else
  float padded[16];
  return Load(PadTo16(p, count, padded));
#endif
}

// Stores the first `count` (1 to 16) lanes.
GEM_INLINE void StorePartial(float* p, uint32_t count, V16 x) {
#if defined(GEM_ISA_AVX512)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), (__m512)x.part[0]);
#else
  float lanes[16];
  Store(lanes, x);
  __builtin_memcpy(p, lanes, count * sizeof *p);
#endif
}

// --- transposition -----------------------------------------------------------

// The lanes of `a` whose index has kHalf clear, and between them those of `b`; with
// kHigh those that have it set.
template <int kHalf, bool kHigh, int... kIndices>
GEM_INLINE F Interleave(F a, F b, Indices<kIndices...>) {
  constexpr int kShift = kHigh ? kHalf : 0;
  return __builtin_shufflevector(
      a, b, ((kIndices & kHalf) ? kIndices - kHalf + kLanes + kShift : kIndices + kShift)...);
}

// Makes the columns of a matrix of its rows, kLanes of each.
template <int kHalf = kLanes / 2>
GEM_INLINE void Transpose(F* rows) {
  Unroll<kLanes>([&](auto i) GEM_LAMBDA {
    constexpr int kRow = decltype(i){};
    if constexpr ((kRow & kHalf) == 0) {
      const F a = rows[kRow], b = rows[kRow + kHalf];
      rows[kRow] = Interleave<kHalf, false>(a, b, MakeIndices<kLanes>{});
      rows[kRow + kHalf] = Interleave<kHalf, true>(a, b, MakeIndices<kLanes>{});
    }
  });
  if constexpr (kHalf > 1) Transpose<kHalf / 2>(rows);
}

// --- reductions --------------------------------------------------------------

struct Plus {
  static GEM_INLINE F Apply(F a, F b) { return a + b; }
};
struct Larger {
  static GEM_INLINE F Apply(F a, F b) { return a > b ? a : b; }
};

// The first steps of the tree 16 -> 8 -> 4 -> 2 -> 1, lane l with lane l + half,
// down to one native vector.
template <class Op>
GEM_INLINE F FoldParts(V16 x) {
  if constexpr (kParts == 4) {
    return Op::Apply(Op::Apply(x.part[0], x.part[2]), Op::Apply(x.part[1], x.part[3]));
  } else if constexpr (kParts == 2) {
    return Op::Apply(x.part[0], x.part[1]);
  } else {
    return x.part[0];
  }
}

// One step of the tree on two vectors at once: each holds kLanes / kGroup results
// of kGroup partial ones; the result those of `a`, then those of `b`, of
// kGroup / 2 partial ones each.
template <class Op, int kGroup, int... kIndices>
GEM_INLINE F CombineStep(F a, F b, Indices<kIndices...>) {
  constexpr int kHalf = kGroup / 2;
  return Op::Apply(
      __builtin_shufflevector(a, b, (kIndices / kHalf * kGroup + kIndices % kHalf)...),
      __builtin_shufflevector(a, b, (kIndices / kHalf * kGroup + kIndices % kHalf + kHalf)...));
}

// The results of kCount vectors, of kLanes / kCount partial ones each.
template <class Op, int kCount>
GEM_INLINE F Combine(const F* x) {
  if constexpr (kCount == 1) {
    return x[0];
  } else {
    return CombineStep<Op, 2 * kLanes / kCount>(
        Combine<Op, kCount / 2>(x), Combine<Op, kCount / 2>(x + kCount / 2), MakeIndices<kLanes>{});
  }
}

// Lane i of the result is the sum, or the largest, of the lanes of the vector
// that FoldParts<Op> made x[i] of.
template <class Op>
GEM_INLINE V16 Combine16(const F* x) {
  return MapParts([&](auto i) GEM_LAMBDA { return Combine<Op, kLanes>(x + i * kLanes); });
}

// x with lane l and lane l + kHalf, for l < kHalf, in each other's place.
template <int kHalf, class V, int... kIndices>
GEM_INLINE V Swap(V x, Indices<kIndices...>) {
  return __builtin_shufflevector(x, x, (kIndices ^ kHalf)...);
}

// The rest of the tree, of one native vector, in registers.
template <class Op, int kHalf = kLanes / 2>
GEM_INLINE float Tree(F x) {
  x = Op::Apply(x, Swap<kHalf>(x, MakeIndices<kLanes>{}));
  if constexpr (kHalf > 1) return Tree<Op, kHalf / 2>(x);
  return x[0];
}
// Not inline: called once a row.
[[maybe_unused]] GEM_NOINLINE float SumTree(F x) { return Tree<Plus>(x); }
[[maybe_unused]] GEM_NOINLINE float MaxTree(F x) { return Tree<Larger>(x); }
GEM_INLINE float SumOfLanes(V16 x) { return SumTree(FoldParts<Plus>(x)); }
GEM_INLINE float MaxOfLanes(V16 x) { return MaxTree(FoldParts<Larger>(x)); }

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_SIMD_H
