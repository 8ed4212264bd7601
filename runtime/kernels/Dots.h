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
  static GEM_INLINE V16 Add(V16 a, V16 b, V16 sum) { return Fma(a, b, sum); }
};
struct SquaredDistance {
  static GEM_INLINE V16 Add(V16 a, V16 b, V16 sum) {
    const V16 difference = a - b;
    return Fma(difference, difference, sum);
  }
};

GEM_INLINE V16 LoadRow(const float* p) { return Load(p); }
GEM_INLINE V16 LoadRow(const uint16_t* p) { return LoadHalves(p); }

// folded[c][r] = the partial sums of column a[c] with row b[r], over `width`
// elements padded with zeros to a multiple of 16.
template <class Op, int kColumns, int kRows, class T>
GEM_INLINE void SumTile(const float* a, size_t a_stride, const T* const* b, uint32_t width,
                        F (*folded)[16], size_t row) {
  const float* column[kColumns];
  const T* value[kRows];
  // What is left of rows, with zeros, in a second turn: so there is one loop.
  float column_rest[kColumns][16];
  T value_rest[kRows][16];
  const size_t rest = width % 16;
  size_t count = width - rest;
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    column[c] = a + c * a_stride;
    if (rest != 0) PadTo16(column[c] + count, rest, column_rest[c]);
  });
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    value[r] = b[r];
    if (rest != 0) PadTo16(value[r] + count, rest, value_rest[r]);
  });
  V16 sum[kColumns][kRows];
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[c][r] = Splat(0.0f); });
  });
  for (bool last = rest == 0;; last = true) {
    for (size_t i = 0; i < count; i += 16) {
      V16 columns[kColumns];
      Unroll<kColumns>([&](auto c) GEM_LAMBDA { columns[c] = Load(column[c] + i); });
      Unroll<kRows>([&](auto r) GEM_LAMBDA {
        const V16 x = LoadRow(value[r] + i);
        Unroll<kColumns>([&](auto c) GEM_LAMBDA { sum[c][r] = Op::Add(columns[c], x, sum[c][r]); });
      });
    }
    if (last) break;
    Unroll<kColumns>([&](auto c) GEM_LAMBDA { column[c] = column_rest[c]; });
    Unroll<kRows>([&](auto r) GEM_LAMBDA { value[r] = value_rest[r]; });
    count = 16;
  }
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { folded[c][row + r] = FoldParts<Plus>(sum[c][r]); });
  });
}

GEM_NOINLINE void CombineSums(const F (&folded)[16], V16* sum) { *sum = Combine16<Plus>(folded); }

// sums[c], lane r = the sum of column a[c] with row b[r], for the `rows` (1 to
// 16) rows that there are, of floats or halves; other lanes are finite or belong to a
// row there is.
template <class Op, int kColumns, class T>
GEM_NOINLINE void Sums(const float* a, size_t a_stride, const T* b, size_t b_stride, uint32_t rows,
                       uint32_t width, V16* sums) {
  F folded[kColumns][16];
  for (uint32_t row = 0; row < 16; row += kDotRows) {
    if (row >= rows) {
      Unroll<kColumns>([&](auto c) GEM_LAMBDA {
        Unroll<kDotRows>([&](auto r) GEM_LAMBDA { folded[c][row + r] = F{}; });
      });
      continue;
    }
    const T* pointers[kDotRows];
    Unroll<kDotRows>([&](auto r) GEM_LAMBDA {
      pointers[r] = b + size_t{Min(row + static_cast<uint32_t>(r), rows - 1)} * b_stride;
    });
    SumTile<Op, kColumns, kDotRows>(a, a_stride, pointers, width, folded, row);
  }
  Unroll<kColumns>([&](auto c) GEM_LAMBDA { CombineSums(folded[c], &sums[c]); });
}

// The same for any number of columns; sums[c] goes to out + c * out_stride.
template <class Op, class T>
GEM_NOINLINE void SumsOfColumns(const float* a, size_t a_stride, uint32_t columns, const T* b,
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

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_DOTS_H
