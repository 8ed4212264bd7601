// The passes between import and target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_LOWERING_H
#define GEM_COMPILER_PIPELINE_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "targets/Bundle/ScratchBundle.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace gem {

/// Appends the passes that every target shares and that change no value: fold, fuse, slice.
void buildGraphPipeline(mlir::OpPassManager &passes);

/// Lowers `module`, in the gem dialect, for the machine at hand and writes it where it can be
/// run while compiling. Weights whose format is not decided are stored in f32. The module
/// is left as its program; diagnostics go to its context.
absl::StatusOr<BundleSummary> writeHostBundle(mlir::ModuleOp module, unsigned threads,
                                              ScratchBundle &bundle);

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_LOWERING_H
