// The passes between import and target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_LOWERING_H
#define GEM_COMPILER_PIPELINE_LOWERING_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace gem {

/// Appends the passes that every target shares and that change no value: fold, fuse, slice.
void buildGraphPipeline(mlir::OpPassManager &passes);

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_LOWERING_H
