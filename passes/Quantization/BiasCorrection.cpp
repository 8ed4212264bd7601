// A bias that makes up for the mean error of a quantized weight.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/BiasCorrection.h"
#include "absl/strings/str_cat.h"

using namespace gem::quant;

absl::StatusOr<std::vector<float>> gem::quant::correctBias(const WeightView &weight,
                                                           const QuantizedMatrix &matrix,
                                                           absl::Span<const float> bias,
                                                           const InputStatistics &statistics,
                                                           absl::Span<const double> domainWeights) {
  const int64_t rows = weight.rows, width = weight.width;
  const size_t domains = statistics.domains.size();
  if (matrix.rows != rows || matrix.width != width)
    return absl::InvalidArgumentError(absl::StrCat("expected a quantized weight [", rows, ", ",
                                                   width, "], but got [", matrix.rows, ", ",
                                                   matrix.width, "]"));
  if (!bias.empty() && bias.size() != static_cast<size_t>(rows))
    return absl::InvalidArgumentError(
        absl::StrCat("expected a bias of ", rows, " values, but got ", bias.size()));
  if (statistics.width != width)
    return absl::InvalidArgumentError(absl::StrCat("expected statistics of ", width,
                                                   " input columns, but got ", statistics.width));
  if (domains == 0)
    return absl::InvalidArgumentError(
        "expected statistics with the means of a domain, but got none: calibrate");
  if (!domainWeights.empty() && domainWeights.size() != domains)
    return absl::InvalidArgumentError(absl::StrCat("expected a weight for each of ", domains,
                                                   " domains, but got ", domainWeights.size()));
  std::vector<double> mean(width);
  double total = 0;
  for (size_t d = 0; d < domains; ++d) {
    const std::vector<float> &means = statistics.domains[d].mean;
    if (means.size() != static_cast<size_t>(width))
      return absl::InvalidArgumentError(absl::StrCat("expected ", width, " means of domain '",
                                                     statistics.domains[d].domain, "', but got ",
                                                     means.size()));
    const double share = domainWeights.empty() ? 1.0 : domainWeights[d];
    total += share;
    for (int64_t k = 0; k < width; ++k)
      mean[k] += share * means[k];
  }
  if (!(total > 0))
    return absl::InvalidArgumentError(
        absl::StrCat("expected weights of domains with a positive sum, but got ", total));

  std::vector<float> corrected(rows), values(width);
  for (int64_t row = 0; row < rows; ++row) {
    matrix.dequantizeRow(row, values.data());
    double shift = 0;
    for (int64_t k = 0; k < width; ++k)
      shift += (static_cast<double>(weight.data[row * width + k]) - values[k]) * mean[k];
    corrected[row] = static_cast<float>((bias.empty() ? 0.0 : bias[row]) + shift / total);
  }
  return corrected;
}
