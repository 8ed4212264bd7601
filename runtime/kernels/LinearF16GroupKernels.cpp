// Linear layers with weights of 4 to 2 bits with an f16 a group.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/QuantizedFormat.h"

namespace gem::GEM_ISA {

const TileTable kF16GroupTiles = Tiling<Kind::kF16Group>::MakeTable();

GEM_LINEAR_QUANTIZED(LinearInt4F16, 4, kF16Group, kF16GroupTiles)
GEM_LINEAR_QUANTIZED(LinearInt3F16, 3, kF16Group, kF16GroupTiles)
GEM_LINEAR_QUANTIZED(LinearInt2F16, 2, kF16Group, kF16GroupTiles)

}  // namespace gem::GEM_ISA
