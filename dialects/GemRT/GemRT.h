// The gemrt dialect in C++.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_GEMRT_H
#define GEM_DIALECTS_GEMRT_GEMRT_H

#include "dialects/Gem/Gem.h"
#include "dialects/GemRT/KernelCost.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/RegionKindInterface.h"

#include "dialects/GemRT/GemRTDialect.h.inc"
#include "dialects/GemRT/GemRTEnums.h.inc"
#include "dialects/GemRT/GemRTInterfaces.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/GemRT/GemRTTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/GemRT/GemRTAttributes.h.inc"
#define GET_OP_CLASSES
#include "dialects/GemRT/GemRTOps.h.inc"

namespace gem::rt {

/// Alignment of buffers in the arena, constants in a segment and segments in a
/// file, in bytes.
inline constexpr int64_t kAlignment = 64;

/// The most bytes that a buffer, a constant or an arena may have: a bound on nonsense,
/// so that sums of sizes do not overflow.
inline constexpr int64_t kMaximumBytes = int64_t(1) << 48;

inline int64_t alignUp(int64_t value) { return (value + kAlignment - 1) / kAlignment * kAlignment; }

/// The weight format that an element type stands for: "f32", "int8", "int4g32f16"
/// (passes/Quantization/WeightFormat.h).
std::string getFormatName(mlir::Type elementType);

/// Every symbol of `program` at its maximum.
SymbolSizes getMaximumSizes(ProgramOp program);

} // namespace gem::rt

#endif // GEM_DIALECTS_GEMRT_GEMRT_H
