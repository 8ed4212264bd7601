// Quantiles of measured values.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_STATISTICS_H
#define GEM_TOOLS_GEM_BENCH_STATISTICS_H

#include <algorithm>
#include <cstddef>
#include <vector>

namespace gem::bench {

// The value that `share` of the values lie below, interpolated between neighbours;
// 0 without values.
inline double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_STATISTICS_H
