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

// The `count` (at least 1) elements at p, or the first 16 of them; the others 0.
GEM_INLINE V16 LoadUpTo16(const float* p, size_t count) {
  return count >= 16 ? Load(p) : LoadPartial(p, static_cast<uint32_t>(count));
}
GEM_INLINE V16 LoadUpTo16(const uint16_t* p, size_t count) {
  if (count >= 16) return LoadHalves(p);
  uint16_t halves[16] = {};
  for (size_t i = 0; i < count; ++i) halves[i] = p[i];
  return LoadHalves(halves);
}

// folded[c][r] = the partial sums of column a[c] with row b[r], over `width`
// elements padded with zeros to a multiple of 16.
template <class Op, int kColumns, int kRows, class T>
GEM_INLINE void SumTile(const float* a, size_t a_stride, const T* const* b, uint32_t width,
                        F (*folded)[16], size_t row) {
  V16 sum[kColumns][kRows];
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[c][r] = Splat(0.0f); });
  });
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    V16 column[kColumns];
    Unroll<kColumns>([&](auto c) GEM_LAMBDA { column[c] = load(a + c * a_stride + i); });
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 value = LoadUpTo16(b[r] + i, width - i);
      Unroll<kColumns>([&](auto c)
                           GEM_LAMBDA { sum[c][r] = Op::Add(column[c], value, sum[c][r]); });
    });
  });
  Unroll<kColumns>([&](auto c) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { folded[c][row + r] = FoldParts<Plus>(sum[c][r]); });
  });
}

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
  Unroll<kColumns>([&](auto c) GEM_LAMBDA { sums[c] = Combine16<Plus>(folded[c]); });
}

// The same for any number of columns; sums[c] goes to out + c * out_stride.
template <class Op, class T>
GEM_INLINE void SumsOfColumns(const float* a, size_t a_stride, uint32_t columns, const T* b,
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
