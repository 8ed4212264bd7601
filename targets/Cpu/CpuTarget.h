// The CPU target.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_CPU_CPUTARGET_H
#define GEM_TARGETS_CPU_CPUTARGET_H

#include "targets/Target.h"

namespace gem {

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
