// A model is pruned: what costs least is removed, what remains is fitted again.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_MODELPRUNER_H
#define GEM_COMPILER_PRUNING_MODELPRUNER_H

#include "absl/status/statusor.h"
#include "compiler/Pruning/PruningOptions.h"
#include "compiler/Report/CompileReport.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gem {

struct PrunerOptions {
  PruningOptions wanted;
  /// File of texts to measure and to fit on; empty: none. Floors are judged on those of
  /// wanted.validation, which should be others.
  std::string calibration;
  unsigned threads = 1;
  /// Takes a copy of a pruned module through the rest of the compilation, quantization above
  /// all: floors and budgets are about what comes out. FailedPrecondition where a budget cannot
  /// be kept. Empty: a pruned module is judged as it is.
  std::function<absl::StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>(mlir::ModuleOp)> finish;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// What pruning did, for the report.
struct PruningSummary {
  PruningReport report;
  std::vector<std::string> notes;
  std::map<std::string, std::string> provenance;
};

/// Prunes `module`, in the gem dialect as imported, in place.
///
/// Every unit (PruningUnits.h) is run in some sizes, all others whole and the layer behind it
/// fitted to what it lost; what that costs each domain, KL(whole || pruned), is taken to add up
/// over units. For the work that may stay, the sizes are chosen that cost the worst domain
/// least, then the mean (Allocator.h); then all layers are fitted again (LayerRefit.h). Where
/// a domain's floor does not hold, more is kept, by bisection. With budgets of the whole
/// compilation instead of a target, several shares are tried and the one that costs the worst
/// domain least is taken: what pruning saves, quantization may spend.
///
/// The result does not depend on the number of threads. FailedPrecondition when the target or
/// a budget cannot be met at all, InvalidArgument when texts, labels or texts of a domain lack.
absl::StatusOr<PruningSummary> pruneModel(mlir::ModuleOp module, const PrunerOptions &options);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_MODELPRUNER_H
