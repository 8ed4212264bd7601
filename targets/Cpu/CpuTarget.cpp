// The CPU target: its pipeline.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/CpuTarget.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "targets/devices/DeviceProfile.h"

using namespace gem;

void CpuTarget::buildPipeline(mlir::OpPassManager &passes, const DeviceProfile &device) const {
  passes.addPass(createAssignLayoutPass());
  passes.addPass(createConvertGemToGemRTPass({device.name, device.memoryLimit}));
  mlir::OpPassManager &program = passes.nest<rt::ProgramOp>();
  program.addPass(createPlanSegmentsPass());
  program.nest<rt::EntryOp>().addPass(createPlanMemoryPass());
}
