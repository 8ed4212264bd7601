// Linear layers with weights of 4 bits with a scale a row, or that and an integer a group.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/QuantizedFormat.h"

namespace gem::GEM_ISA {

const TileTable kTwoLevelTiles = Tiling<Kind::kTwoLevel>::MakeTable();
#if defined(GEM_NARROW_ROWS)
const TileTable kRowTiles = Tiling<Kind::kRow>::MakeTable();
#endif

GEM_LINEAR_QUANTIZED(LinearInt4, 4, kRow, kCodeTiles)
GEM_LINEAR_QUANTIZED(LinearInt4Group, 4, kTwoLevel, kTwoLevelTiles)

}  // namespace gem::GEM_ISA
