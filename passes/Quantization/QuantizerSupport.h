// What the quantizers share: checks of their arguments, and importance of columns.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_QUANTIZERSUPPORT_H
#define GEM_PASSES_QUANTIZATION_QUANTIZERSUPPORT_H

#include "absl/status/status.h"
#include "passes/Quantization/WeightQuantizer.h"

namespace gem::quant {

/// InvalidArgument unless `weight` is finite and not empty, `format` is an integer format
/// that exists and `statistics`, if any, fit: their width, the size of what they have, and
/// finite.
absl::Status checkArguments(const WeightView &weight, const Format &format,
                            const InputStatistics *statistics, unsigned threads);

/// E[x_k^2], [width]: the diagonal of the Gram matrix or else the mean of the domains'
/// squares; empty when there is neither.
std::vector<float> inputSquares(const InputStatistics *statistics);

std::unique_ptr<WeightQuantizer> makeRoundToNearest();

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_QUANTIZERSUPPORT_H
