// Whether the program is linked with the CPU kernels that a bundle needs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_DRIVERS_CPU_LINKEDKERNELS_H
#define GEM_RUNTIME_DRIVERS_CPU_LINKEDKERNELS_H

#include <cstddef>

#include "gem/gem.h"
#include "gem/kernel_registry.h"
#include "runtime/loader/Unpacked.h"

namespace gem {

// The schema's type of a weight, one of those that the loader lets through, as the
// kernels name it.
WeightType ToWeightType(schema::ElementType type);

// "f32", "int8", "int4g32", "int3g64f16": how a weight is stored. Fits 12 bytes.
void NameWeightFormat(const unpacked::Constant& constant, char* text, size_t size);

// Refuses (UNSUPPORTED) an entry whose CPU commands call a kernel that `kernels` lacks.
gem_status_t CheckKernelsLinked(const unpacked::Program& program, const unpacked::Entry& entry,
                                const CpuKernels& kernels, gem_error_t* error);

// Refuses a bundle none of whose variants could be run, by any linked ISA. It was
// verified.
gem_status_t CheckKernelsLinked(const unpacked::Bundle& bundle, gem_error_t* error);

}  // namespace gem

#endif  // GEM_RUNTIME_DRIVERS_CPU_LINKEDKERNELS_H
