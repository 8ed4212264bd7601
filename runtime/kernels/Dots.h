// Tiles of dot products and distances, for the router.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_KERNELS_DOTS_H
#define GEM_RUNTIME_KERNELS_DOTS_H

#include "runtime/kernels/Loops.h"

namespace gem::GEM_ISA {
namespace {

// What a tile of sums adds up over the elements of a row and a column.
struct Product {
  static GEM_INLINE F Add(F a, F b, F sum) { return FmaNative(a, b, sum); }
};
struct SquaredDistance {
  static GEM_INLINE F Add(F a, F b, F sum) {
    const F difference = a - b;
    return FmaNative(difference, difference, sum);
  }
};

GEM_INLINE F LoadRow(const float* p) { return LoadAs<F>(p); }
GEM_INLINE F LoadRow(const uint16_t* p) { return LoadHalvesNative(p); }

// Columns that share a tile's rows while those are in the first-level cache: more than fit
// there with them cost large tiles more than they save.
constexpr uint32_t kSharedColumns = kDotColumns < 4 ? 8 : 4;

// x, but kept in a register: GCC 12 loads it again for each of its uses.
GEM_INLINE F InRegister(F x) {
#if defined(__x86_64__)
  asm("" : "+v"(x));
#endif
  return x;
}

// folded[c][row + r] = the partial sums of column a[c] with row b[r], over `width` elements
// padded with zeros to a multiple of 16. So many native vectors of the 16 partial sums at a
// time that a tile of them stays in registers.
template <class Op, int kColumns, class T>
GEM_NOINLINE void SumTile(const float* a, size_t a_stride, const T* const* b, uint32_t width,
                          F (*folded)[16], size_t row) {
  constexpr int kRows = kDotRows, kVectors = kColumns == 1 ? kParts : kDotVectors;
  // What is left of rows, with zeros, in a second turn: so there is one loop.
  float column_rest[kColumns][16];
  T value_rest[kRows][16];
  const size_t rest = width % 16, full = width - rest;
  if (rest != 0) {
    Unroll<kColumns>([&](auto c)
                         GEM_LAMBDA { PadTo16(a + c * a_stride + full, rest, column_rest[c]); });
    Unroll<kRows>([&](auto r) GEM_LAMBDA { PadTo16(b[r] + full, rest, value_rest[r]); });
  }
  V16 sums[kColumns][kRows];
  for (int part = 0; part < kParts; part += kVectors) {
    const float* column[kColumns];
    const T* value[kRows];
    F sum[kColumns][kRows][kVectors] = {};
    size_t count = full;
    Unroll<kColumns>([&](auto c) GEM_LAMBDA { column[c] = a + c * a_stride; });
    Unroll<kRows>([&](auto r) GEM_LAMBDA { value[r] = b[r]; });
    for (bool last = rest == 0;; last = true) {
      for (size_t i = static_cast<size_t>(part) * kLanes; i < count; i += 16) {
        Unroll<kVectors>([&](auto v) GEM_LAMBDA {
          F columns[kColumns];
          Unroll<kColumns>([&](auto c) GEM_LAMBDA {
            columns[c] = InRegister(LoadAs<F>(column[c] + i + v * kLanes));
          });
          Unroll<kRows>([&](auto r) GEM_LAMBDA {
            const F x = InRegister(LoadRow(value[r] + i + v * kLanes));
            Unroll<kColumns>(
                [&](auto c) GEM_LAMBDA { sum[c][r][v] = Op::Add(columns[c], x, sum[c][r][v]); });
          });
        });
      }
      if (last) break;
      Unroll<kColumns>([&](auto c) GEM_LAMBDA { column[c] = column_rest[c]; });
      Unroll<kRows>([&](auto r) GEM_LAMBDA { value[r] = value_rest[r]; });
      count = 16;
    }
    Unroll<kColumns>([&](auto c) GEM_LAMBDA {
      Unroll<kRows>([&](auto r) GEM_LAMBDA {
        Unroll<kVectors>([&](auto v) GEM_LAMBDA { sums[c][r].part[part + v] = sum[c][r][v]; });
      });
    });
  }
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { folded[c][row + r] = FoldParts<Plus>(sums[c][r]); });
  });
}

GEM_NOINLINE void CombineSums(const F (&folded)[16], float* out) {
  Store(out, Combine16<Plus>(folded));
}

// out[c][r] = the sum of column a[c] with row b[r], for the `rows` (1 to 16) rows that there
// are, of floats or halves. All 16 of out[c] are written: the others are finite or belong to
// a row there is.
template <class Op, class T>
GEM_NOINLINE void SumsOfColumns(const float* a, size_t a_stride, uint32_t columns, const T* b,
                                size_t b_stride, uint32_t rows, uint32_t width, float* out,
                                size_t out_stride) {
  F folded[kSharedColumns][16];
  if (rows <= 16 - kDotRows) __builtin_memset(folded, 0, sizeof folded);
  for (uint32_t shared; columns != 0; columns -= shared) {
    shared = Min(columns, kSharedColumns);
    for (uint32_t row = 0; row < rows; row += kDotRows) {
      const T* pointers[kDotRows];
      Unroll<kDotRows>([&](auto r) GEM_LAMBDA {
        pointers[r] = b + size_t{Min(row + static_cast<uint32_t>(r), rows - 1)} * b_stride;
      });
      uint32_t c = 0;
      for (; c + kDotColumns <= shared; c += kDotColumns) {
        SumTile<Op, kDotColumns>(a + c * a_stride, a_stride, pointers, width, &folded[c], row);
      }
      if constexpr (kDotColumns > 1) {
        for (; c < shared; ++c) {
          SumTile<Op, 1>(a + c * a_stride, a_stride, pointers, width, &folded[c], row);
        }
      }
    }
    for (uint32_t c = 0; c < shared; ++c) CombineSums(folded[c], out + c * out_stride);
    a += shared * a_stride;
    out += shared * out_stride;
  }
}

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_DOTS_H
