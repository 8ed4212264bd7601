// The gem dialect in C++.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_GEM_H
#define GEM_DIALECTS_GEM_GEM_H

#include "dialects/Gem/GemInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "runtime/schema/WeightFormat.h"

#include "dialects/Gem/GemDialect.h.inc"
#include "dialects/Gem/GemEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Gem/GemTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Gem/GemAttributes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Gem/GemOps.h.inc"

namespace gem {

/// Names of the attributes that the dialect gives meaning to.
inline constexpr llvm::StringLiteral kNameAttr = "gem.name";             // string
inline constexpr llvm::StringLiteral kRoleAttr = "gem.role";             // RoleAttr
inline constexpr llvm::StringLiteral kModelAttr = "gem.model";           // dictionary
inline constexpr llvm::StringLiteral kLabelsAttr = "gem.labels";         // strings
inline constexpr llvm::StringLiteral kProvenanceAttr = "gem.provenance"; // dictionary
inline constexpr llvm::StringLiteral kPaddedAttr = "gem.padded";         // unit

/// `type` with its first extent replaced by 1: the type of one row.
mlir::RankedTensorType getRowType(mlir::RankedTensorType type);

/// Whether extent `dim` of `a` and `otherDim` of `b` are the same, by value or by
/// symbol.
bool isSameExtent(mlir::RankedTensorType a, unsigned dim, mlir::RankedTensorType b,
                  unsigned otherDim);

} // namespace gem

#endif // GEM_DIALECTS_GEM_GEM_H
