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

// Calls body(offset, load, store) for each 16 elements of `count`, with loads and stores
// that respect the end. The body is there twice, so that the loop has none of that: it
// should be short.
template <class Body>
GEM_INLINE void ForEach16(size_t count, Body&& body) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    body(
        i, [](const float* p) GEM_LAMBDA { return Load(p); },
        [](float* p, V16 x) GEM_LAMBDA { Store(p, x); });
  }
  if (i == count) return;
  const uint32_t rest = static_cast<uint32_t>(count - i);
  body(
      i, [&](const float* p) GEM_LAMBDA { return LoadPartial(p, rest); },
      [&](float* p, V16 x) GEM_LAMBDA { StorePartial(p, rest, x); });
}

}  // namespace
}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_LOOPS_H
