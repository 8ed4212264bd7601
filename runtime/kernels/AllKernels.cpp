// The registry of gem::runtime: every kernel, for every ISA of the architecture.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gem/kernel_registry.h"

#define GEM_SLOT(slot, function, type) , .slot = function
#define GEM_SELECTED_KERNELS .plan_scar_attention = PlanScarAttention GEM_KERNEL_SLOTS(GEM_SLOT)

GEM_DEFINE_KERNEL_REGISTRY(GEM_CPU_ISAS, "every bundle")
