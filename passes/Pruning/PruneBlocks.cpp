// Removes blocks of the residual stream. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/Pruning/Structures.h"

namespace gem {
#define GEN_PASS_DEF_PRUNEBLOCKSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct PruneBlocks : gem::impl::PruneBlocksPassBase<PruneBlocks> {
  using PruneBlocksPassBase::PruneBlocksPassBase;

  void runOnOperation() override {
    if (absl::Status status = run(getOperation()); !status.ok()) {
      getOperation().emitError(std::string(status.message()));
      signalPassFailure();
    }
  }

  absl::Status run(ModuleOp module) {
    for (const std::string &name : remove) {
      absl::StatusOr<prune::ResidualBlock> block = prune::findResidualBlock(module, name);
      if (!block.ok())
        return block.status();
      if (absl::Status status = prune::removeBlock(module, *block); !status.ok())
        return status;
      ++numRemoved;
    }
    return absl::OkStatus();
  }
};

} // namespace
