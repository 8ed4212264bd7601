// A bias that makes up for the mean error of a quantized weight.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_BIASCORRECTION_H
#define GEM_PASSES_QUANTIZATION_BIASCORRECTION_H

#include "absl/types/span.h"
#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightQuantizer.h"

namespace gem::quant {

/// b' = b + (W - Q) E[x] (Nagel et al., arXiv 1906.04721), so that the mean output stays.
/// E[x] is the mean of the domains' means, weighted by `domainWeights` (as many as domains,
/// at least 0, their sum more) or, if that is empty, all the same. `bias` has a value a row,
/// or is empty for none. InvalidArgument when sizes do not fit or there is no domain.
absl::StatusOr<std::vector<float>>
correctBias(const WeightView &weight, const QuantizedMatrix &matrix, absl::Span<const float> bias,
            const InputStatistics &statistics, absl::Span<const double> domainWeights = {});

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_BIASCORRECTION_H
