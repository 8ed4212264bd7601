// Loops over memory in virtual vectors, for the CPU kernels.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_KERNELS_LOOPS_H
#define GEM_RUNTIME_KERNELS_LOOPS_H

#include "runtime/kernels/Simd.h"

namespace gem::GEM_ISA {
namespace {

GEM_INLINE uint32_t Min(uint32_t a, uint32_t b) { return a < b ? a : b; }

// The `count` (less than 16) elements at p, and zeros, at `to`; returns that.
template <class T>
GEM_NOINLINE const T* PadTo16(const T* p, size_t count, T* to) {
  __builtin_memset(to, 0, 16 * sizeof *to);
  __builtin_memcpy(to, p, count * sizeof *to);
  return to;
}

// Calls body(offset, load, store) for each 16 elements of `count`, with loads and stores
// that respect the end: the body is there once, so that it may be long.
template <class Body>
GEM_INLINE void ForEach16(size_t count, Body&& body) {
  for (size_t i = 0; i < count; i += 16) {
    const uint32_t rest = static_cast<uint32_t>(count - i < 16 ? count - i : 16);
#if defined(GEM_ISA_AVX512)
    body(
        i, [&](const float* p) GEM_LAMBDA { return LoadPartial(p, rest); },
        [&](float* p, V16 x) GEM_LAMBDA { StorePartial(p, rest, x); });
#else
    body(
        i,
        [&](const float* p) GEM_LAMBDA {
          float padded[16];
          return Load(rest == 16 ? p : PadTo16(p, rest, padded));
        },
        [&](float* p, V16 x) GEM_LAMBDA {
          if (rest == 16) return Store(p, x);
          float values[16];
          Store(values, x);
          __builtin_memcpy(p, values, rest * sizeof *p);
        });
#endif
  }
}

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_LOOPS_H
