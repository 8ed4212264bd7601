// Removes rows of tables: positions, router clusters, classes. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/Pruning/EntryList.h"
#include "passes/Pruning/Structures.h"

namespace gem {
#define GEN_PASS_DEF_PRUNEROWSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct PruneRows : gem::impl::PruneRowsPassBase<PruneRows> {
  using PruneRowsPassBase::PruneRowsPassBase;

  void runOnOperation() override {
    if (absl::Status status = run(getOperation()); !status.ok()) {
      getOperation().emitError(std::string(status.message()));
      signalPassFailure();
    }
  }

  absl::Status run(ModuleOp module) {
    absl::StatusOr<std::vector<int64_t>> clusterOf = prune::parseEntries(mergeClustersTo);
    absl::StatusOr<std::vector<int64_t>> kept = prune::parseEntries(classes);
    for (const absl::Status &status : {clusterOf.status(), kept.status()})
      if (!status.ok())
        return status;
    if (positions)
      if (absl::Status status = prune::dropUnusedPositions(module); !status.ok())
        return status;
    if (!clusterOf->empty())
      if (absl::Status status = prune::mergeClusters(module, *clusterOf, {}); !status.ok())
        return status;
    return kept->empty() ? absl::OkStatus() : prune::keepClasses(module, *kept);
  }
};

} // namespace
