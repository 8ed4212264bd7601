// The CPU driver: which kernels it uses.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_DRIVERS_CPU_CPUDRIVER_H
#define GEM_RUNTIME_DRIVERS_CPU_CPUDRIVER_H

#include "gem/gem.h"
#include "runtime/kernels/Kernels.h"

namespace gem {

// Kernels, and why these ("best of this CPU", "GEM_CPU", "asked for").
struct CpuSelection {
  const CpuKernels* kernels;
  const char* reason;
};

// Chooses the kernels named `asked`; when null, those that the environment
// variable GEM_CPU names; when that is unset or empty too, the best of this CPU.
gem_status_t SelectCpuKernels(const char* asked, CpuSelection* out_selection, gem_error_t* error);

}  // namespace gem

#endif  // GEM_RUNTIME_DRIVERS_CPU_CPUDRIVER_H
