// Rows of tables that a model can do without: vocabulary, positions, clusters and classes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_ROWPRUNING_H
#define GEM_COMPILER_PRUNING_ROWPRUNING_H

#include "absl/status/status.h"
#include "compiler/Pruning/PruningOptions.h"
#include "compiler/Report/CompileReport.h"
#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <functional>
#include <string>

namespace gem {

struct RowPruningOptions {
  const PruningOptions &wanted;
  std::string calibration; ///< File of texts; empty: none.
  unsigned threads = 1;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// Removes from `module`, in the gem dialect as imported, the word pieces, clusters and classes
/// that `wanted` does without, and, where anything is pruned, the positions that no text
/// reaches; adds what went to `report`. Work is counted for texts of `tokens`.
///
/// Clusters are merged two at a time, the pair whose union raises the squared distance of tokens
/// to their centroid least (Ward, JASA 58, 1963), by how often calibration texts fall into each.
absl::Status pruneRows(mlir::ModuleOp module, const RowPruningOptions &options, int64_t tokens,
                       PruningReport &report);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_ROWPRUNING_H
