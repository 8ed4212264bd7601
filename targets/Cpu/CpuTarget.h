// The CPU target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_CPU_CPUTARGET_H
#define GEM_TARGETS_CPU_CPUTARGET_H

#include "targets/Target.h"

namespace gem {

/// The best kernels, as the runtime names them ("i8mm", "avx2"), that every core of `device`
/// runs. Empty when nothing is known of the cores, and for "host", whose bundle must not
/// depend on the machine that makes it.
llvm::StringRef cpuKernelsOf(const DeviceProfile &device);

class CpuTarget final : public Target {
public:
  llvm::StringRef getName() const override { return "cpu"; }
  void buildPipeline(mlir::OpPassManager &passes, const DeviceProfile &device) const override;
  absl::StatusOr<PackedWeight>
  packConstant(rt::ConstantOp constant, unsigned threads,
               llvm::function_ref<absl::Status(llvm::ArrayRef<char>)> consume) const override;
};

} // namespace gem

#endif // GEM_TARGETS_CPU_CPUTARGET_H
