// The variant of a bundle that suits this machine.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_VARIANT_H
#define GEM_RUNTIME_CORE_VARIANT_H

#include <cstdint>

#include "runtime/loader/Unpacked.h"

namespace gem {

struct CpuKernels;

// A variant's index, and why it was chosen.
struct VariantChoice {
  uint32_t index;
  const char* reason;
};

// The machine's physical memory in bytes, whatever a container may leave of it;
// ~0 when the system does not tell.
uint64_t PhysicalMemory();

// Chooses for a machine with `memory` bytes and this CPU, among those of the bundle's
// variants that have the entry called `entry` (null: any; when none has it, among all).
// Each rule decides between those that the rules before it leave:
//
//  1. An arena that fits the memory rather than one that does not.
//  2. Kernels that are all among `kernels`, which the session will use, rather than not.
//  3. cpu_kernels: kernels of this build that this CPU runs, the better ones first; then
//     none given; last those that it does not run or nobody here knows.
//  4. memory_limit: one that the machine has, the highest first, 0 (not known) being the
//     lowest; then those it does not have, the lowest first.
//  5. The first in the bundle.
//
// In the third rule what is compiled in and what the CPU runs decide, not `kernels`.
VariantChoice ChooseVariant(const unpacked::Bundle& bundle, const char* entry, uint64_t memory,
                            const CpuKernels& kernels);

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_VARIANT_H
