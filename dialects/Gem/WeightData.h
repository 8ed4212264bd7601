// Reading and making the data of weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_WEIGHTDATA_H
#define GEM_DIALECTS_GEM_WEIGHTDATA_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include <memory>

namespace gem {

/// The raw bytes of `value`, row-major and little-endian: a resource's blob or the
/// dense data. Empty when the resource has no data (it was elided when printed) or
/// `value` is a splat.
llvm::ArrayRef<char> getRawData(mlir::ElementsAttr value);

/// A tensor with more elements is nonsense, and sizes in bytes must not overflow.
inline constexpr int64_t kMaximumWeightElements = int64_t(1) << 40;

/// Checks that `value` is what a weight's data may be: a dense or dense_resource tensor
/// of f32, f16, bf16, ui16 or ui8, not empty, whose resource, if it has data, has the bytes
/// of its type. Errors are reported at `op`.
mlir::LogicalResult verifyWeightData(mlir::Operation *op, mlir::ElementsAttr value);

/// Whether readAsF32 or readIntegers can read `value`.
bool hasData(mlir::ElementsAttr value);

/// Writes elements [first, first + count) of a float tensor, widened to f32, to
/// `out`. The range must lie inside the tensor and hasData(value) must hold.
void readAsF32(mlir::ElementsAttr value, int64_t first, int64_t count, float *out);

/// Copies elements [first, first + count) of a ui8 or ui16 tensor to `out`, as they are. The
/// range must lie inside the tensor and hasData(value) must hold.
void readIntegers(mlir::ElementsAttr value, int64_t first, int64_t count, void *out);

/// A resource attribute over memory that `owner` keeps alive: nothing is copied.
mlir::DenseResourceElementsAttr makeResource(mlir::RankedTensorType type, llvm::StringRef name,
                                             llvm::ArrayRef<char> data,
                                             std::shared_ptr<const void> owner);

/// A resource attribute over a copy of `values` (f32, row-major).
mlir::DenseResourceElementsAttr makeF32Resource(mlir::MLIRContext *context,
                                                llvm::ArrayRef<int64_t> shape, llvm::StringRef name,
                                                std::vector<float> values);

/// Frees the data of the resources that operations in `discarded` name and none in `kept` does.
/// A context keeps resources for as long as it lives; whoever tries many copies of a model with
/// other weights calls this for each before it is thrown away.
void releaseData(mlir::Operation *discarded, llvm::ArrayRef<mlir::Operation *> kept);

} // namespace gem

#endif // GEM_DIALECTS_GEM_WEIGHTDATA_H
