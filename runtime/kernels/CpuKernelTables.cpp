// The list of the ISAs for which kernels are compiled in.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstring>

#include "runtime/kernels/Blake3Lanes.h"
#include "runtime/kernels/Kernels.h"

// X(name, whether this CPU has it), best first. To add an ISA: a line here, one
// in CMakeLists.txt, and its vectors in Simd.h.
#if defined(__x86_64__)
#define GEM_CPU_ISAS(X)                                                                   \
  X(avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&    \
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) \
  X(avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&              \
              __builtin_cpu_supports("f16c"))                                             \
  X(scalar, true)
#elif defined(__aarch64__)
#define GEM_CPU_ISAS(X) X(neon, true) X(scalar, true)
#else
#define GEM_CPU_ISAS(X) X(scalar, true)
#endif

namespace gem {

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
