// What a target provides to the pipeline and to the bundle writer.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_TARGET_H
#define GEM_TARGETS_TARGET_H

#include "absl/status/statusor.h"
#include "dialects/GemRT/GemRT.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace gem {

struct DeviceProfile;

/// What packing learned of a weight: the energy of its values, and of what their format lost.
struct PackedWeight {
  double signal = 0; ///< sum w^2
  double noise = 0;  ///< sum (w - w')^2; 0 where the values are the source's, or not known.
};

/// A kind of hardware with its own code. Stateless.
class Target {
public:
  virtual ~Target() = default;

  /// "cpu"
  virtual llvm::StringRef getName() const = 0;

  /// Appends the passes that take a module from the gem dialect, fused and sliced, to a
  /// planned gemrt.program.
  virtual void buildPipeline(mlir::OpPassManager &passes, const DeviceProfile &device) const = 0;

  /// Hands out the stored bytes of `constant` in order, in blocks that do not grow with
  /// it, except for the codes of a table. Stops at the first error of `consume` and returns
  /// it. The bytes do not depend on `threads`.
  virtual absl::StatusOr<PackedWeight>
  packConstant(rt::ConstantOp constant, unsigned threads,
               llvm::function_ref<absl::Status(llvm::ArrayRef<char>)> consume) const = 0;
};

/// The target of this name, or null.
const Target *findTarget(llvm::StringRef name);

} // namespace gem

#endif // GEM_TARGETS_TARGET_H
