// Types that the gem op interfaces speak in.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_GEMINTERFACES_H
#define GEM_DIALECTS_GEM_GEMINTERFACES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

namespace gem {

/// Symbol name -> the extent it is bound to.
using SymbolSizes = llvm::StringMap<int64_t>;

/// The extent of dimension `dim` of `type` with its symbols bound by `sizes`.
int64_t getExtent(mlir::RankedTensorType type, unsigned dim, const SymbolSizes &sizes);

/// How an operation reads a weight operand.
enum class WeightUseKind {
  Matrix, ///< Contracted over its last axis with every token.
  Table,  ///< Single rows are gathered or added by token.
  Vector, ///< Added to or multiplied with every token.
  Router, ///< Decides routing: never quantized, and read row by row.
  Map,    ///< Indices, stored as they are.
};

struct WeightUse {
  unsigned operandIndex;
  WeightUseKind kind;
};

enum class RouterAxisKind { Class, Cluster, Head };

struct RouterAxis {
  unsigned operandIndex;
  unsigned axis;
  RouterAxisKind kind;
};

/// How an operand relates to the channels of the result.
enum class ChannelRelation {
  Same,       ///< Channel c of the result comes from channel c of the operand.
  Group,      ///< A group's channels come from all channels of the operand's same group.
  Row,        ///< A weight: its row (or element) c makes channel c of the result.
  Contracted, ///< Its channel k meets column k of a weight, for every channel of the result.
};

struct ChannelUse {
  unsigned operandIndex;
  ChannelRelation relation;
  unsigned weightIndex = 0; ///< Contracted: the operand whose columns it meets.
};

/// Gives a matrix of tokens another number of columns.
void setNumChannels(mlir::Value value, int64_t channels);

} // namespace gem

#include "dialects/Gem/GemInterfaces.h.inc"

#endif // GEM_DIALECTS_GEM_GEMINTERFACES_H
