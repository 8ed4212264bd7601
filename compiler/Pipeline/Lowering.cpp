// The passes between import and target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/Lowering.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "targets/Target.h"
#include "targets/devices/DeviceProfile.h"

void gem::buildGraphPipeline(mlir::OpPassManager &passes) {
  passes.addPass(createFoldEmbeddingsPass());
  mlir::OpPassManager &functions = passes.nest<mlir::func::FuncOp>();
  functions.addPass(createFuseLinearEpiloguesPass());
  functions.addPass(createSliceReadRowsPass());
  functions.addPass(mlir::createCSEPass());
}

absl::StatusOr<gem::BundleSummary> gem::writeHostBundle(mlir::ModuleOp module, unsigned threads,
                                                        ScratchBundle &bundle) {
  absl::StatusOr<DeviceProfile> device = findDevice("host");
  if (!device.ok())
    return device.status();
  const Target *target = findTarget("cpu");
  mlir::PassManager passes(module.getContext());
  buildGraphPipeline(passes);
  passes.addPass(createAssignWeightFormatsPass());
  target->buildPipeline(passes, *device);
  if (mlir::failed(passes.run(module)))
    return absl::InternalError("lowering the model to run it here failed");
  BundleOptions options;
  options.producer = "calibration";
  options.threads = threads;
  absl::StatusOr<BundleSummary> written = writeBundle(module, *target, options, bundle);
  if (!written.ok())
    return written.status();
  if (absl::Status status = bundle.seal(); !status.ok())
    return status;
  return written;
}
