// Resampling with replacement: how sure a figure of a sample is.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Bootstrap.h"
#include <algorithm>
#include <bit>
#include <cmath>

using namespace gem;

RandomGenerator::RandomGenerator(uint64_t seed) {
  for (uint64_t &word : state) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

/// FNV-1a.
static uint64_t hashOf(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

RandomGenerator::RandomGenerator(uint64_t seed, std::string_view name)
    : RandomGenerator(seed ^ hashOf(name)) {}

uint64_t RandomGenerator::next() {
  uint64_t result = std::rotl(state[1] * 5, 7) * 9, shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return result;
}

uint32_t RandomGenerator::below(uint32_t bound) {
  uint64_t product = (next() >> 32) * bound;
  if (static_cast<uint32_t>(product) < bound)
    for (uint32_t least = -bound % bound; static_cast<uint32_t>(product) < least;)
      product = (next() >> 32) * bound;
  return product >> 32;
}

void gem::drawResample(RandomGenerator &random, std::span<uint32_t> indices) {
  for (uint32_t &index : indices)
    index = random.below(indices.size());
}

std::optional<Interval> gem::percentileInterval(std::span<const double> values, double tail) {
  std::vector<double> sorted;
  std::copy_if(values.begin(), values.end(), std::back_inserter(sorted),
               [](double value) { return !std::isnan(value); });
  if (sorted.empty())
    return std::nullopt;
  std::sort(sorted.begin(), sorted.end());
  size_t numUndefined = values.size() - sorted.size();
  // At the low end the undefined ones come first, at the high end last.
  double last = static_cast<double>(values.size() - 1);
  double low = tail * last - static_cast<double>(numUndefined), high = (1 - tail) * last;
  if (low < 0 || high > static_cast<double>(sorted.size() - 1))
    return std::nullopt;
  auto at = [&](double position) {
    size_t below = static_cast<size_t>(position), above = std::min(below + 1, sorted.size() - 1);
    double weight = position - static_cast<double>(below);
    // Equal neighbours give their value, not one rounded beside it.
    return sorted[below] == sorted[above]
               ? sorted[below]
               : sorted[below] + weight * (sorted[above] - sorted[below]);
  };
  return Interval{at(low), at(high)};
}
