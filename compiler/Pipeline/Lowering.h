// The passes between import and target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_LOWERING_H
#define GEM_COMPILER_PIPELINE_LOWERING_H

#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace gem {

/// Appends the passes that every target shares: fold, fuse, slice, and decide the formats
/// of the weights. `format` is that of `--quantize`.
void buildGraphPipeline(mlir::OpPassManager &passes, const std::string &format);

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_LOWERING_H
