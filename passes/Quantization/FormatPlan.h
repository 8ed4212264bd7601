// Which weight is stored how.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_FORMATPLAN_H
#define GEM_PASSES_QUANTIZATION_FORMATPLAN_H

#include "passes/Quantization/WeightFormat.h"
#include "llvm/ADT/StringMap.h"

namespace gem {

/// Rows of a table that share a format.
struct TablePart {
  quant::Format format;
  std::vector<int32_t> ids; ///< Rows of the table, in the order in which they are stored.
};

struct FormatPlan {
  /// For matrices and tables that `weights` and `tables` do not name; where it is quantized,
  /// the router's weights stay f32. Vectors are f32 always.
  quant::Format format;
  /// By the weight's name. Router weights may be f32 or f16.
  llvm::StringMap<quant::Format> weights;
  /// Embedding tables in parts; every row is in exactly one. Parts whose ids follow each
  /// other from 0 on need no map.
  llvm::StringMap<std::vector<TablePart>> tables;
};

} // namespace gem

#endif // GEM_PASSES_QUANTIZATION_FORMATPLAN_H
