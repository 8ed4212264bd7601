// BLAKE3 of several inputs side by side: compiled once per ISA.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/Blake3Lanes.h"

#include "runtime/kernels/Simd.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie in memory");

namespace gem::GEM_ISA {
namespace {

typedef uint16_t U16 __attribute__((vector_size(kVectorBytes)));
typedef uint8_t U8 __attribute__((vector_size(kVectorBytes)));

// --- rotations ---------------------------------------------------------------

template <int... kIndices>
GEM_INLINE U SwapHalves(U x, Indices<kIndices...>) {
  const U16 halves = (U16)x;
  return (U)__builtin_shufflevector(halves, halves, (kIndices ^ 1)...);
}
template <int... kIndices>
GEM_INLINE U RotateBytes(U x, Indices<kIndices...>) {
  const U8 bytes = (U8)x;
  return (U)__builtin_shufflevector(bytes, bytes, (kIndices / 4 * 4 + (kIndices + 1) % 4)...);
}

// x rotated right, in each lane.
template <int kBits>
GEM_INLINE U RotateRight(U x) {
#if defined(GEM_ISA_AVX512)
  // The form without a mask warns of an uninitialized value in GCC 12.
  return (U)_mm512_maskz_ror_epi32(0xffff, (__m512i)x, kBits);
#else
  if constexpr (kBits == 16) return SwapHalves(x, MakeIndices<kLanes * 2>{});
#if defined(GEM_ISA_AVX2)
  if constexpr (kBits == 8) return RotateBytes(x, MakeIndices<kLanes * 4>{});
#endif
  return (x >> kBits) | (x << (32 - kBits));
#endif
}

// --- transposition -----------------------------------------------------------

// Words 0 and 1 (kHigh: 2 and 3) of each 128 bits of a and b, alternating.
template <bool kHigh, int... kIndices>
GEM_INLINE U UnpackWords(U a, U b, Indices<kIndices...>) {
  return __builtin_shufflevector(
      a, b, (kIndices / 4 * 4 + kHigh * 2 + kIndices % 4 / 2 + kIndices % 2 * kLanes)...);
}
// The same with pairs of words.
template <bool kHigh, int... kIndices>
GEM_INLINE U UnpackPairs(U a, U b, Indices<kIndices...>) {
  return __builtin_shufflevector(
      a, b, (kIndices / 4 * 4 + kHigh * 2 + kIndices % 2 + kIndices % 4 / 2 * kLanes)...);
}
// Exchanges the kSize words at odd multiples of kSize of `a` with those at even
// multiples of `b`; the new a (kSecond: b).
template <int kSize, bool kSecond, int... kIndices>
GEM_INLINE U Exchange(U a, U b, Indices<kIndices...>) {
  return __builtin_shufflevector(
      a, b,
      ((kIndices & kSize) == 0 ? kIndices + kSecond * kSize
                               : kLanes + kIndices - !kSecond * kSize)...);
}

// Makes rows of columns: row[i], lane j becomes row[j], lane i.
GEM_INLINE void Transpose(U* row) {
  constexpr MakeIndices<kLanes> kAll{};
  Unroll<kLanes / 4>([&](auto g) GEM_LAMBDA {  // 4 x 4 within each 128 bits
    U* const r = row + g * 4;
    const U a = UnpackWords<false>(r[0], r[1], kAll), b = UnpackWords<true>(r[0], r[1], kAll);
    const U c = UnpackWords<false>(r[2], r[3], kAll), d = UnpackWords<true>(r[2], r[3], kAll);
    r[0] = UnpackPairs<false>(a, c, kAll);
    r[1] = UnpackPairs<true>(a, c, kAll);
    r[2] = UnpackPairs<false>(b, d, kAll);
    r[3] = UnpackPairs<true>(b, d, kAll);
  });
  const auto exchange = [&](auto size) GEM_LAMBDA {  // then the 4 x 4 blocks
    Unroll<kLanes>([&](auto i) GEM_LAMBDA {
      if constexpr (size < kLanes && (i & size) == 0) {
        const U a = row[i], b = row[i + size];
        row[i] = Exchange<size, false>(a, b, kAll);
        row[i + size] = Exchange<size, true>(a, b, kAll);
      }
    });
  };
  exchange(Index<8>{});
  exchange(Index<4>{});
}

// --- compression -------------------------------------------------------------

// Which word of a round is which of the next.
constexpr int kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

GEM_INLINE void Mix(U& a, U& b, U& c, U& d, U x, U y) {
  a = a + b + x;
  d = RotateRight<16>(d ^ a);
  c = c + d;
  b = RotateRight<12>(b ^ c);
  a = a + b + y;
  d = RotateRight<8>(d ^ a);
  c = c + d;
  b = RotateRight<7>(b ^ c);
}

// What is hashed: inputs of so many whole blocks, with the flags of each, of the first
// and of the last.
struct Inputs {
  size_t blocks;
  uint32_t flags, first_flags, last_flags;
};

// The chaining values of `count` inputs that follow one another; lanes past them repeat
// the last.
GEM_NOINLINE void HashInputs(const Inputs& what, const uint8_t* input, size_t count, U counter_low,
                             U counter_high, uint8_t* out) {
  const uint8_t* inputs[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    inputs[i] = input + (i < count ? i : count - 1) * (what.blocks * kBlake3BlockSize);
  }
  U h[8];
  Unroll<8>([&](auto i) GEM_LAMBDA { h[i] = U{} + kBlake3Iv[i]; });
  for (size_t block = 0; block < what.blocks; ++block) {
    U m[16];
    Unroll<16 / kLanes>([&](auto g) GEM_LAMBDA {
      Unroll<kLanes>([&](auto i) GEM_LAMBDA {
        m[g * kLanes + i] = LoadAs<U>(inputs[i] + block * kBlake3BlockSize + g * kVectorBytes);
      });
      Transpose(m + g * kLanes);
    });
    uint32_t flags = what.flags;
    if (block == 0) flags |= what.first_flags;
    if (block == what.blocks - 1) flags |= what.last_flags;
    U v[16];
    Unroll<8>([&](auto i) GEM_LAMBDA { v[i] = h[i]; });
    Unroll<4>([&](auto i) GEM_LAMBDA { v[8 + i] = U{} + kBlake3Iv[i]; });
    v[12] = counter_low;
    v[13] = counter_high;
    v[14] = U{} + static_cast<uint32_t>(kBlake3BlockSize);
    v[15] = U{} + flags;
    for (int round = 0; round < 7; ++round) {
      Unroll<4>([&](auto i) GEM_LAMBDA {  // columns
        Mix(v[i], v[4 + i], v[8 + i], v[12 + i], m[2 * i], m[2 * i + 1]);
      });
      Unroll<4>([&](auto i) GEM_LAMBDA {  // diagonals
        Mix(v[i], v[4 + (i + 1) % 4], v[8 + (i + 2) % 4], v[12 + (i + 3) % 4], m[8 + 2 * i],
            m[9 + 2 * i]);
      });
      U permuted[16];
      Unroll<16>([&](auto i) GEM_LAMBDA { permuted[i] = m[kPermutation[i]]; });
      Unroll<16>([&](auto i) GEM_LAMBDA { m[i] = permuted[i]; });
    }
    Unroll<8>([&](auto i) GEM_LAMBDA { h[i] = v[i] ^ v[8 + i]; });
  }
  uint32_t words[8][kLanes];
  __builtin_memcpy(words, h, sizeof words);
  for (size_t i = 0; i < count; ++i) {
    uint32_t cv[8];
    for (size_t w = 0; w < 8; ++w) cv[w] = words[w][i];
    __builtin_memcpy(out + i * sizeof cv, cv, sizeof cv);
  }
}

void Chunks(const uint8_t* input, size_t count, uint64_t first_chunk, uint8_t* out) {
  uint32_t low[kLanes], high[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    low[i] = static_cast<uint32_t>(first_chunk + i);
    high[i] = static_cast<uint32_t>((first_chunk + i) >> 32);
  }
  HashInputs({kBlake3ChunkSize / kBlake3BlockSize, 0, kBlake3ChunkStart, kBlake3ChunkEnd}, input,
             count, LoadAs<U>(low), LoadAs<U>(high), out);
}

void Parents(const uint8_t* input, size_t count, uint8_t* out) {
  HashInputs({1, kBlake3Parent, 0, 0}, input, count, U{}, U{}, out);
}

}  // namespace

extern const Blake3Lanes kBlake3Lanes;
const Blake3Lanes kBlake3Lanes = {.lanes = kLanes, .chunks = Chunks, .parents = Parents};

}  // namespace gem::GEM_ISA
