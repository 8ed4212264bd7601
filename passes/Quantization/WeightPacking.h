// Quantized matrices to the bytes that a bundle holds, and back.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layouts: runtime/schema/WeightFormat.h. Nothing here needs the whole packed weight in
// memory: a matrix is packed a panel at a time, a table a few rows of a plane at a time.

#ifndef GEM_PASSES_QUANTIZATION_WEIGHTPACKING_H
#define GEM_PASSES_QUANTIZATION_WEIGHTPACKING_H

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "passes/Quantization/WeightFormat.h"

namespace gem::quant {

/// A matrix of zeros (scales 0, ratios 1) with every vector of the size that `format`, an
/// integer format, asks for.
QuantizedMatrix makeQuantizedMatrix(const Format &format, int64_t rows, int64_t width);

/// Bytes of one panel of 16 rows in layout PANEL_16.
uint64_t packedPanelBytes(const Format &format, int64_t width);
/// Panels of a matrix of `rows` rows.
int64_t panelCount(int64_t rows);
/// Writes the packedPanelBytes of panel `panel`, rows 16 * panel and on, of `matrix`. Every
/// byte is written. A matrix may be packed in blocks of rows whose count is a multiple of 16.
void packPanel(const QuantizedMatrix &matrix, int64_t panel, uint8_t *out);
/// The inverse: fills rows 16 * panel and on of `matrix`, which makeQuantizedMatrix made.
void unpackPanel(const uint8_t *bytes, int64_t panel, QuantizedMatrix &matrix);

/// Bytes of a packed table, in order, a part at a time. An error stops the packing.
using ByteConsumer = absl::FunctionRef<absl::Status(absl::Span<const uint8_t>)>;

/// Hands all bytes of `matrix` in layout ROW_MAJOR to `consume`, at most about 64 KiB (or a
/// row, if that is longer) at a time. The row scales must be exact in bf16; InvalidArgument
/// if not.
absl::Status packTable(const QuantizedMatrix &matrix, ByteConsumer consume);
/// The inverse. InvalidArgument unless `bytes` has the size of such a table.
absl::StatusOr<QuantizedMatrix> unpackTable(absl::Span<const uint8_t> bytes, const Format &format,
                                            int64_t rows, int64_t width);

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_WEIGHTPACKING_H
