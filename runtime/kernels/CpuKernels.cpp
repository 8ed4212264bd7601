// The table of the kernels of one ISA: compiled once per ISA into gem::GEM_ISA.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/KernelFunctions.h"

namespace gem::GEM_ISA {

#define GEM_STRING_(x) #x
#define GEM_STRING(x) GEM_STRING_(x)

extern const CpuKernels kCpuKernels;
const CpuKernels kCpuKernels = {
    .name = GEM_STRING(GEM_ISA),
    .supported = Supported,
    .embedding = Embedding,
    .add = Add,
    .add_position = AddPosition,
    .linear = Linear,
    .quantize_tokens = QuantizeTokens,
    .linear_quantized = LinearQuantized,
    .layer_norm = LayerNorm,
    .layer_norm_quantized = LayerNormQuantized,
    .activation = ActivationKernel,
    .attention = Attention,
    .route_tokens = RouteTokens,
    .scar_attention = ScarAttention,
};

}  // namespace gem::GEM_ISA
