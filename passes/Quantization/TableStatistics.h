// What the layers that read a table's rows make of an error in them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_TABLESTATISTICS_H
#define GEM_PASSES_QUANTIZATION_TABLESTATISTICS_H

#include "absl/types/span.h"
#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightQuantizer.h"

namespace gem::quant {

/// Statistics with which gptq quantizes a table of embeddings: a row is not multiplied with
/// an input but read, so an error e in it costs e M e^T, and M takes the place of the Gram
/// matrix. With A = diag(scale) sum_r W_r^T W_r diag(scale) over the linears `readers`
/// (width: that of the table) and the layer norm's `scale` in front of them (empty: ones),
///   M = share * A / mean(diag A) + (1 - share) * diag(scale)^2 / mean(scale^2),
/// the second part being the residual path, which reads every column alike.
///
/// InvalidArgument without readers, when widths differ or `share` is not within 0 and 1.
absl::StatusOr<InputStatistics> tableStatistics(absl::Span<const WeightView> readers,
                                                absl::Span<const float> scale, double share);

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_TABLESTATISTICS_H
