// How two figures of several models go together.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/Correlation.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gem {

static double meanOf(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Nothing where one does not vary.
static std::optional<double> productMoment(std::span<const double> x, std::span<const double> y) {
  double meanX = meanOf(x), meanY = meanOf(y), xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double dx = x[i] - meanX, dy = y[i] - meanY;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  // Equal values may differ from their mean by its rounding.
  auto varies = [](double squares, double mean, size_t count) {
    return squares > 1e-24 * mean * mean * static_cast<double>(count);
  };
  if (!varies(xx, meanX, x.size()) || !varies(yy, meanY, y.size()))
    return std::nullopt;
  return std::clamp(xy / std::sqrt(xx) / std::sqrt(yy), -1.0, 1.0);
}

static std::optional<Interval> intervalOf(double r, double variance) {
  if (!(std::abs(r) < 1 - 1e-12))
    return std::nullopt;
  constexpr double kNormal = 1.959963984540054; // 97.5 % of a standard normal
  double z = std::atanh(r), half = kNormal * std::sqrt(variance);
  return Interval{std::tanh(z - half), std::tanh(z + half)};
}

std::vector<double> midRanks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]])
      ++end;
    // Ranks begin + 1 to end.
    double rank = (static_cast<double>(begin + 1) + static_cast<double>(end)) / 2;
    for (; begin < end; ++begin)
      ranks[order[begin]] = rank;
  }
  return ranks;
}

Correlation correlate(std::span<const double> x, std::span<const double> y) {
  Correlation result;
  result.points = static_cast<int64_t>(x.size());
  if (result.points < kMinimumPoints) {
    result.problem =
        absl::StrCat("too few points: ", result.points, ", expected at least ", kMinimumPoints);
    return result;
  }
  result.pearson = productMoment(x, y);
  if (!result.pearson) {
    result.problem = "a figure is the same in all";
    return result;
  }
  std::vector<double> ranksX = midRanks(x), ranksY = midRanks(y);
  result.spearman = productMoment(ranksX, ranksY);
  double freedom = static_cast<double>(result.points - 3);
  result.pearsonInterval = intervalOf(*result.pearson, 1 / freedom);
  if (result.spearman)
    result.spearmanInterval =
        intervalOf(*result.spearman, (1 + *result.spearman * *result.spearman / 2) / freedom);
  return result;
}

std::vector<bool> paretoFront(std::span<const Tradeoff> points) {
  std::vector<bool> isOnFront(points.size(), true);
  for (size_t i = 0; i < points.size(); ++i)
    for (const Tradeoff &other : points)
      if (other.cost <= points[i].cost && other.gain >= points[i].gain &&
          (other.cost < points[i].cost || other.gain > points[i].gain))
        isOnFront[i] = false;
  return isOnFront;
}

} // namespace gem
