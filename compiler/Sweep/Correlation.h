// How two figures of several models go together.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_SWEEP_CORRELATION_H
#define GEM_COMPILER_SWEEP_CORRELATION_H

#include "compiler/Report/BrittlenessReport.h"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gem {

/// With fewer points than this the interval of a correlation reaches nearly from -1 to 1,
/// whatever it is.
inline constexpr int64_t kMinimumPoints = 5;

/// Of two figures over some points. A coefficient is not set with fewer than kMinimumPoints
/// points or where a figure is the same in all; `problem` says which.
struct Correlation {
  std::string compression, figure; ///< Names as of figuresOf: "bits_per_weight", "cdtr.min".
  int64_t points = 0;
  /// Product-moment, and that of the ranks (equal values: the mean of their ranks).
  std::optional<double> pearson, spearman;
  /// 95 %, by Fisher's z: atanh(r) +- 1.96 s with s^2 = 1 / (n - 3) for Pearson's (Fisher 1921)
  /// and (1 + r^2 / 2) / (n - 3) for Spearman's (Bonett and Wright, Psychometrika 65, 2000).
  /// Not set where |r| is 1.
  std::optional<Interval> pearsonInterval, spearmanInterval;
  std::string problem;
};

/// Of `x` and `y`, of equal length. The names are left to the caller.
Correlation correlate(std::span<const double> x, std::span<const double> y);

/// Ranks from 1; equal values have the mean of theirs.
std::vector<double> midRanks(std::span<const double> values);

/// A point that has `cost` to be small and `gain` to be large.
struct Tradeoff {
  double cost = 0, gain = 0;
};

/// Which points no other beats: none costs no more and gains no less, and differs.
std::vector<bool> paretoFront(std::span<const Tradeoff> points);

} // namespace gem

#endif // GEM_COMPILER_SWEEP_CORRELATION_H
