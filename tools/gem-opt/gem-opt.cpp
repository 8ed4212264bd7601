// gem-opt: runs passes on textual IR, for tests and for looking inside.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/Gem.h"
#include "dialects/GemRT/GemRT.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<gem::GemDialect, gem::rt::GemRTDialect, mlir::func::FuncDialect>();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  gem::registerGemPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "GEM optimizer driver\n", registry));
}
