// Linear layers with weights of 3 and 2 bits with a scale a row, or that and an integer a
// group.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/QuantizedFormat.h"

namespace gem::GEM_ISA {

GEM_LINEAR_QUANTIZED(LinearInt3, 3, kRow, kCodeTiles)
GEM_LINEAR_QUANTIZED(LinearInt3Group, 3, kTwoLevel, kTwoLevelTiles)
GEM_LINEAR_QUANTIZED(LinearInt2, 2, kRow, kCodeTiles)
GEM_LINEAR_QUANTIZED(LinearInt2Group, 2, kTwoLevel, kTwoLevelTiles)

}  // namespace gem::GEM_ISA
