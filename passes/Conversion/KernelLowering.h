// How an operation of the gem dialect becomes a kernel call.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_CONVERSION_KERNELLOWERING_H
#define GEM_PASSES_CONVERSION_KERNELLOWERING_H

#include "dialects/Gem/Gem.h"
#include "dialects/GemRT/GemRT.h"
#include "llvm/ADT/DenseMap.h"
#include <functional>

namespace gem {

/// What a lowering uses to build its calls: the buffers and constants that stand for
/// values, and new ones.
class LoweringContext {
public:
  virtual ~LoweringContext() = default;

  /// The buffer or constant of `value`; `gemrt.none` for a null value.
  virtual mlir::Value lookup(mlir::Value value) = 0;
  /// A new buffer for `result` (a tensor) that later operations find by lookup; or
  /// `gemrt.none` when nothing uses it and `isOptional`.
  virtual mlir::Value allocate(mlir::Value result, bool isOptional = false) = 0;
  /// The buffer of the quantized tokens of `value`: those allocated for it, or new ones that
  /// an appended call of quantize_tokens fills.
  virtual mlir::Value quantizedTokens(mlir::Value value) = 0;
  /// A new buffer for the quantized tokens of `result`, which quantizedTokens will find.
  virtual mlir::Value allocateQuantizedTokens(mlir::Value result) = 0;
  /// Appends a call.
  virtual void call(mlir::Operation *source, mlir::Attribute kernel,
                    llvm::ArrayRef<mlir::Value> inputs, llvm::ArrayRef<mlir::Value> outputs) = 0;
};

/// A lowering for each kind of operation. Targets start from the standard set and
/// replace what they do differently.
class KernelLowerings {
public:
  using Lowering = std::function<mlir::LogicalResult(mlir::Operation *, LoweringContext &)>;

  /// Lowers operations of type `Op` by `lowering(Op, LoweringContext &)`.
  template <typename Op, typename Function> void add(Function lowering) {
    lowerings[mlir::TypeID::get<Op>()] = [lowering](mlir::Operation *op, LoweringContext &context) {
      return lowering(mlir::cast<Op>(op), context);
    };
  }

  /// Null when no kernel computes `op`.
  const Lowering *find(mlir::Operation *op) const {
    auto it = lowerings.find(op->getName().getTypeID());
    return it == lowerings.end() ? nullptr : &it->second;
  }

private:
  llvm::DenseMap<mlir::TypeID, Lowering> lowerings;
};

/// One kernel an operation: the kernels that docs/artifact-format.md lists.
KernelLowerings getStandardLowerings();

} // namespace gem

#endif // GEM_PASSES_CONVERSION_KERNELLOWERING_H
