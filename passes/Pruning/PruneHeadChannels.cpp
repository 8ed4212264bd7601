// Makes the heads of an attention narrower. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "passes/Passes.h"
#include "passes/Pruning/EntryList.h"
#include "passes/Pruning/Structures.h"

namespace gem {
#define GEN_PASS_DEF_PRUNEHEADCHANNELSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct PruneHeadChannels : gem::impl::PruneHeadChannelsPassBase<PruneHeadChannels> {
  using PruneHeadChannelsPassBase::PruneHeadChannelsPassBase;

  void runOnOperation() override {
    if (absl::Status status = run(getOperation()); !status.ok()) {
      getOperation().emitError(std::string(status.message()));
      signalPassFailure();
    }
  }

  absl::Status run(ModuleOp module) {
    absl::StatusOr<std::vector<prune::NamedEntries>> plan = prune::parseNamedEntries(headDim);
    if (!plan.ok())
      return plan.status();
    for (const prune::NamedEntries &kept : *plan) {
      if (kept.entries.size() != 1)
        return absl::InvalidArgumentError(
            absl::StrCat("expected one number of channels a head for '", kept.name, "', but got ",
                         kept.entries.size()));
      absl::StatusOr<prune::ChannelSpace> space = prune::findChannelSpace(module, kept.name);
      if (!space.ok())
        return space.status();
      int64_t width = kept.entries.front();
      if (absl::Status status = prune::keepHeadChannels(module, *space, width); !status.ok())
        return status;
      numRemoved += space->count * (space->width - width);
    }
    return absl::OkStatus();
  }
};

} // namespace
