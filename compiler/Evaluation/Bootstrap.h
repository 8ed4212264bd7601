// Resampling with replacement: how sure a figure of a sample is.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_BOOTSTRAP_H
#define GEM_COMPILER_EVALUATION_BOOTSTRAP_H

#include "compiler/Report/BrittlenessReport.h"
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace gem {

/// xoshiro256** (Blackman and Vigna, ACM TOMS 47, 2021), seeded by SplitMix64 (Steele et al.
/// 2014): the same numbers on every machine, which those of <random>'s distributions are not.
class RandomGenerator {
public:
  explicit RandomGenerator(uint64_t seed);
  /// A stream of its own for each name, so that one domain more does not change what is drawn
  /// for the others.
  RandomGenerator(uint64_t seed, std::string_view name);

  uint64_t next();
  /// Uniform in [0, bound), without bias (Lemire, ACM TOMACS 29, 2019); `bound` > 0.
  uint32_t below(uint32_t bound);

private:
  uint64_t state[4];
};

/// Draws `indices.size()` of as many items with replacement.
void drawResample(RandomGenerator &random, std::span<uint32_t> indices);

/// The percentile interval (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
/// chapter 13) that leaves `tail` of what the resamples gave out at either end; between two
/// values, interpolated. A resample may be undefined (NaN), where a ratio's denominator is 0:
/// it counts as outside, on both sides. None without values, or where undefined resamples
/// reach an end of the interval.
std::optional<Interval> percentileInterval(std::span<const double> values, double tail = 0.025);

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_BOOTSTRAP_H
