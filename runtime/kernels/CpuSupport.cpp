// Whether this CPU runs the kernels of an ISA. Compiled for any CPU.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gem/kernel_registry.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

// To add an ISA: its name in gem/kernel_registry.h, its condition here, its flags in
// CMakeLists.txt, and its vectors in Simd.h.
namespace gem {

bool scalar::Supported() { return true; }

#if defined(__x86_64__)

bool avx2::Supported() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}
bool avx512::Supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}
bool avx512vnni::Supported() { return avx512::Supported() && __builtin_cpu_supports("avx512vnni"); }

#elif defined(__aarch64__)

namespace {
#if defined(__linux__)
bool HasDotprod() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
bool HasI8mm() { return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }
#elif defined(__APPLE__)
bool HasFeature(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
bool HasDotprod() { return HasFeature("hw.optional.arm.FEAT_DotProd"); }
bool HasI8mm() { return HasFeature("hw.optional.arm.FEAT_I8MM"); }
#else
bool HasDotprod() { return false; }
bool HasI8mm() { return false; }
#endif
}  // namespace

bool neon::Supported() { return true; }
bool dotprod::Supported() { return HasDotprod(); }
bool i8mm::Supported() { return HasDotprod() && HasI8mm(); }

#endif

}  // namespace gem
