// Removes channels between linear layers, or whole heads of an attention. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/Pruning/EntryList.h"
#include "passes/Pruning/Structures.h"

namespace gem {
#define GEN_PASS_DEF_PRUNECHANNELSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct PruneChannels : gem::impl::PruneChannelsPassBase<PruneChannels> {
  using PruneChannelsPassBase::PruneChannelsPassBase;

  void runOnOperation() override {
    if (absl::Status status = run(getOperation()); !status.ok()) {
      getOperation().emitError(std::string(status.message()));
      signalPassFailure();
    }
  }

  absl::Status run(ModuleOp module) {
    absl::StatusOr<std::vector<prune::NamedEntries>> plan = prune::parseNamedEntries(keep);
    if (!plan.ok())
      return plan.status();
    for (const prune::NamedEntries &kept : *plan) {
      absl::StatusOr<prune::ChannelSpace> space = prune::findChannelSpace(module, kept.name);
      if (!space.ok())
        return space.status();
      if (absl::Status status = prune::keepEntries(module, *space, kept.entries); !status.ok())
        return status;
      numRemoved += space->count - kept.entries.size();
    }
    return absl::OkStatus();
  }
};

} // namespace
