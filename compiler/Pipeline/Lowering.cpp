// The passes between import and target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/Lowering.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"

void gem::buildGraphPipeline(mlir::OpPassManager &passes) {
  passes.addPass(createFoldEmbeddingsPass());
  mlir::OpPassManager &functions = passes.nest<mlir::func::FuncOp>();
  functions.addPass(createFuseLinearEpiloguesPass());
  functions.addPass(createSliceReadRowsPass());
  functions.addPass(mlir::createCSEPass());
}
