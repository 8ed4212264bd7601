// Linear layers with weights of 8 bits.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/QuantizedFormat.h"

namespace gem::GEM_ISA {

const TileTable kWideTiles = Tiling<Kind::kWide>::MakeTable();

GEM_LINEAR_QUANTIZED(LinearInt8, 8, kRow, kWideTiles)

}  // namespace gem::GEM_ISA
