// Quantized weights in the IR: formats as types, codes as the data of a weight.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_ENCODEDWEIGHT_H
#define GEM_PASSES_QUANTIZATION_ENCODEDWEIGHT_H

#include "absl/status/statusor.h"
#include "dialects/Gem/Gem.h"
#include "passes/Quantization/WeightFormat.h"

namespace gem {

/// The element type of a weight in `format`.
mlir::Type getElementType(mlir::MLIRContext *context, const quant::Format &format);

/// The format of a weight's element type: f32, f16 or a `!gem.q`; none for another.
std::optional<quant::Format> getFormat(mlir::Type elementType);

/// A weight's data of codes that were chosen: `matrix` as `!gem.q`'s description encodes it,
/// a tensor of ui8. The bytes lie in an unlinked temporary file, not in memory.
absl::StatusOr<mlir::ElementsAttr> encodeWeight(mlir::MLIRContext *context, llvm::StringRef name,
                                                const quant::QuantizedMatrix &matrix);

/// Rows [first, first + count) of encoded data of a weight of type `stored`.
quant::QuantizedMatrix decodeRows(mlir::ElementsAttr value, mlir::RankedTensorType stored,
                                  int64_t first, int64_t count);

} // namespace gem

#endif // GEM_PASSES_QUANTIZATION_ENCODEDWEIGHT_H
