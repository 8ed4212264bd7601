// The kernels of one ISA, which gem/kernel_registry.h declares, and what they share.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included by sources that are compiled once per ISA, with GEM_ISA the namespace.
#ifndef GEM_RUNTIME_KERNELS_KERNELFUNCTIONS_H
#define GEM_RUNTIME_KERNELS_KERNELFUNCTIONS_H

#include "runtime/kernels/Kernels.h"

namespace gem::GEM_ISA {

// y = activation(x); `x` == `y` is allowed.
void ActivateValues(const float* x, float* y, size_t count, Activation activation);

// y = activation(tile) + residual, which may be null or y; overwrites `tile`.
void FinishRow(float* tile, const float* residual, float* y, size_t count, Activation activation);

}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_KERNELFUNCTIONS_H
