// The kernels of one ISA, which CpuKernels.cpp puts in a table.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Included by sources that are compiled once per ISA, with GEM_ISA the namespace.
#ifndef GEM_RUNTIME_KERNELS_KERNELFUNCTIONS_H
#define GEM_RUNTIME_KERNELS_KERNELFUNCTIONS_H

#include "runtime/kernels/Kernels.h"

namespace gem::GEM_ISA {

// Whether this CPU can run what these sources are compiled to: CpuKernelTables.cpp,
// which is compiled for any CPU.
bool Supported();

// y = activation(x); `x` == `y` is allowed.
void ActivateValues(const float* x, float* y, size_t count, Activation activation);

// y = activation(tile) + residual, which may be null or y; overwrites `tile`.
void FinishRow(float* tile, const float* residual, float* y, size_t count, Activation activation);

bool Embedding(const EmbeddingArgs& args, uint32_t begin, uint32_t end);
void Add(const AddArgs& args, uint32_t begin, uint32_t end);
void AddPosition(const AddPositionArgs& args, uint32_t begin, uint32_t end);
void Linear(const LinearArgs& args, uint32_t begin, uint32_t end);
void QuantizeTokens(const QuantizeTokensArgs& args, uint32_t begin, uint32_t end);
void LinearQuantized(const LinearQuantizedArgs& args, uint32_t begin, uint32_t end);
void LayerNorm(const LayerNormArgs& args, uint32_t begin, uint32_t end);
void LayerNormQuantized(const LayerNormQuantizedArgs& args, uint32_t begin, uint32_t end);
void ActivationKernel(const ActivationArgs& args, uint32_t begin, uint32_t end);
void Attention(const AttentionArgs& args, uint32_t begin, uint32_t end);
void RouteTokens(const RouteTokensArgs& args, uint32_t begin, uint32_t end);
void ScarAttention(const ScarAttentionArgs& args, uint32_t begin, uint32_t end);

}  // namespace gem::GEM_ISA

#endif  // GEM_RUNTIME_KERNELS_KERNELFUNCTIONS_H
