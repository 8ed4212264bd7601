// The list of the ISAs for which kernels are compiled in.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstring>

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "runtime/kernels/Blake3Lanes.h"
#include "runtime/kernels/Kernels.h"

// X(name, whether this CPU has it), best first. To add an ISA: a line here, one
// in CMakeLists.txt, and its vectors in Simd.h.
#if defined(__x86_64__)
#define GEM_HAS_AVX512                                                        \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && \
   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
#define GEM_CPU_ISAS(X)                                                      \
  X(avx512vnni, GEM_HAS_AVX512&& __builtin_cpu_supports("avx512vnni"))       \
  X(avx512, GEM_HAS_AVX512)                                                  \
  X(avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && \
              __builtin_cpu_supports("f16c"))                                \
  X(scalar, true)
#elif defined(__aarch64__)
#define GEM_CPU_ISAS(X)              \
  X(i8mm, HasDotprod() && HasI8mm()) \
  X(dotprod, HasDotprod())           \
  X(neon, true)                      \
  X(scalar, true)
#else
#define GEM_CPU_ISAS(X) X(scalar, true)
#endif

namespace gem {

#if defined(__aarch64__)
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
#endif

#define GEM_DECLARE(isa, condition)      \
  namespace isa {                        \
  extern const CpuKernels kCpuKernels;   \
  extern const Blake3Lanes kBlake3Lanes; \
  bool Supported();                      \
  bool Supported() { return condition; } \
  }
GEM_CPU_ISAS(GEM_DECLARE)
#undef GEM_DECLARE

namespace {

#define GEM_KERNELS(isa, condition) &isa::kCpuKernels,
#define GEM_LANES(isa, condition) &isa::kBlake3Lanes,
constexpr const CpuKernels* kAllKernels[] = {GEM_CPU_ISAS(GEM_KERNELS)};
constexpr const Blake3Lanes* kAllLanes[] = {GEM_CPU_ISAS(GEM_LANES)};
#undef GEM_KERNELS
#undef GEM_LANES
constexpr size_t kCount = sizeof kAllKernels / sizeof kAllKernels[0];

}  // namespace

const CpuKernels* const* AllCpuKernels(size_t* out_count) {
  *out_count = kCount;
  return kAllKernels;
}

const CpuKernels* FindCpuKernels(const char* name) {
  for (const CpuKernels* kernels : kAllKernels) {
    if (std::strcmp(kernels->name, name) == 0) return kernels;
  }
  return nullptr;
}

const Blake3Lanes* const* AllBlake3Lanes(size_t* out_count) {
  *out_count = kCount;
  return kAllLanes;
}

const Blake3Lanes& BestBlake3Lanes() {
  for (size_t i = 0; i + 1 < kCount; ++i) {
    if (kAllKernels[i]->supported()) return *kAllLanes[i];
  }
  return *kAllLanes[kCount - 1];
}

}  // namespace gem
