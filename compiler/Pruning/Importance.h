// How much each structure of a model matters to each domain.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_IMPORTANCE_H
#define GEM_COMPILER_PRUNING_IMPORTANCE_H

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Pruning/Structures.h"
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gem {

enum class ImportanceKind {
  Magnitude,  ///< Norms of the weights; needs no texts.
  Activation, ///< E[a_c^2] * |w_c|^2 of the reading layer's column; needs no labels.
  Fisher,     ///< Mean over texts of (d loss / d gate_c)^2; labels, else the model's own classes.
};

struct ImportanceOptions {
  ImportanceKind kind = ImportanceKind::Activation;
  std::string texts; ///< File of texts (TextFile.h).
  /// Weigh tokens by the router: one that the read token may not attend to in SCAR does not
  /// count in what only SCAR reads.
  bool routerAware = true;
  unsigned threads = 1;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// By domain, then by entry of the space.
using SpaceImportance = std::map<std::string, std::vector<double>>;

/// The importance of every entry of each space.
absl::StatusOr<std::vector<SpaceImportance>>
measureImportance(mlir::ModuleOp module, const std::vector<prune::ChannelSpace> &spaces,
                  const ImportanceOptions &options);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_IMPORTANCE_H
