// The floating-point environment that kernels run in.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_FLOATINGPOINT_H
#define GEM_RUNTIME_CORE_FLOATINGPOINT_H

#include <cstdint>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

namespace gem {

// Rounds to nearest even, keeps subnormals and masks traps while it lives, then
// puts back what the thread had: results must not depend on what the
// application, or a library compiled with -ffast-math, has set.
class FloatingPointScope {
 public:
  FloatingPointScope() {
#if defined(__x86_64__) || defined(__i386__)
    saved_ = _mm_getcsr();
    _mm_setcsr(0x1F80);
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    saved_ = value;
    __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{0}));
#endif
  }
  ~FloatingPointScope() {
#if defined(__x86_64__) || defined(__i386__)
    _mm_setcsr(static_cast<unsigned>(saved_));
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(saved_));
#endif
  }
  FloatingPointScope(const FloatingPointScope&) = delete;
  FloatingPointScope& operator=(const FloatingPointScope&) = delete;

 private:
  [[maybe_unused]] uint64_t saved_ = 0;
};

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_FLOATINGPOINT_H
