// The CPU target: its pipeline.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/CpuTarget.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "targets/devices/DeviceProfile.h"
#include "llvm/ADT/STLExtras.h"

using namespace gem;

llvm::StringRef gem::cpuKernelsOf(const DeviceProfile &device) {
  if (device.name == "host" || device.isa == "host")
    return "";
  // Of each architecture the best first, as runtime/kernels ranks them.
  for (llvm::StringRef kernels : {"i8mm", "dotprod", "neon", "avx512vnni", "avx512", "avx2"}) {
    bool isEverywhere = llvm::all_of(device.clusters, [&](const DeviceCluster &cluster) {
      return llvm::is_contained(cluster.features, kernels);
    });
    if (isEverywhere && !device.clusters.empty())
      return kernels;
  }
  return "";
}

void CpuTarget::buildPipeline(mlir::OpPassManager &passes, const DeviceProfile &device) const {
  passes.addPass(createAssignLayoutPass());
  passes.addPass(
      createConvertGemToGemRTPass({device.name, device.memoryLimit, cpuKernelsOf(device).str()}));
  mlir::OpPassManager &program = passes.nest<rt::ProgramOp>();
  program.addPass(createPlanSegmentsPass());
  program.nest<rt::EntryOp>().addPass(createPlanMemoryPass());
}
