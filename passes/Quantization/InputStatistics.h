// What calibration learned of the rows that enter a linear layer.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_INPUTSTATISTICS_H
#define GEM_PASSES_QUANTIZATION_INPUTSTATISTICS_H

#include "absl/status/statusor.h"
#include <cstdint>
#include <string>
#include <vector>

namespace gem::quant {

/// Of the tokens of one domain. [width] each.
struct DomainStatistics {
  std::string domain; ///< Empty for texts without one.
  int64_t tokens = 0;
  std::vector<float> mean;          ///< E[x_k]
  std::vector<float> squares;       ///< E[x_k^2]: the diagonal of the domain's Gram matrix.
  std::vector<float> minimum, maximum;
};

/// Of everything that enters one weight (or several weights that read the same value).
struct InputStatistics {
  int64_t width = 0;
  int64_t tokens = 0;
  /// H = sum_d weight_d E_d[x x^T], row-major [width, width], symmetric; every domain weighs
  /// the same unless told otherwise.
  std::vector<float> gram;
  std::vector<DomainStatistics> domains; ///< By name.
};

/// Where a quantizer finds the statistics of a weight's input: the calibration run or a
/// file of statistics.
class StatisticsSource {
public:
  virtual ~StatisticsSource() = default;
  /// The names of the weights that have statistics.
  virtual std::vector<std::string> weights() const = 0;
  /// NotFound when `weight` has none.
  virtual absl::StatusOr<InputStatistics> load(const std::string &weight) const = 0;
};

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_INPUTSTATISTICS_H
