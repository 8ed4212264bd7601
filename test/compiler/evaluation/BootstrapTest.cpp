// Tests resampling: the generator, percentiles, and intervals whose answer is known.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace gem {
namespace {

using ::testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(BootstrapTest, GeneratesTheNumbersOfTheReference) {
  // xoshiro256** seeded by SplitMix64 from 0, as rand_xoshiro's tests have them.
  RandomGenerator random(0);
  std::vector<uint64_t> numbers(5);
  for (uint64_t &number : numbers)
    number = random.next();
  EXPECT_THAT(numbers,
              ElementsAre(11091344671253066420u, 13793997310169335082u, 1900383378846508768u,
                          7684712102626143532u, 13521403990117723737u));
}

TEST(BootstrapTest, NamesHaveStreamsOfTheirOwn) {
  RandomGenerator a(1, "a"), again(1, "a"), b(1, "b"), other(2, "a");
  uint64_t first = a.next();
  EXPECT_EQ(again.next(), first);
  EXPECT_NE(b.next(), first);
  EXPECT_NE(other.next(), first);
}

TEST(BootstrapTest, DrawsUniformly) {
  RandomGenerator random(3);
  constexpr uint32_t kBound = 7, kDraws = 70000;
  std::vector<int> counts(kBound);
  for (uint32_t i = 0; i < kDraws; ++i)
    ++counts.at(random.below(kBound));
  // Chi-squared of 6 degrees of freedom: above 22.5 once in a thousand seeds.
  double chi = 0;
  for (int count : counts)
    chi += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi, 22.5);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(random.below(1), 0u);
}

TEST(BootstrapTest, ResamplesKeepTheSize) {
  RandomGenerator random(4);
  std::vector<uint32_t> drawn(1000);
  drawResample(random, drawn);
  std::vector<bool> seen(1000);
  for (uint32_t index : drawn)
    seen.at(index) = true;
  // A share of 1 - 1/e of the items, 632, is drawn; the standard deviation is 10.
  EXPECT_NEAR(std::count(seen.begin(), seen.end(), true), 632, 40);
}

TEST(BootstrapTest, TakesPercentiles) {
  std::vector<double> values(1001);
  std::iota(values.rbegin(), values.rend(), 0);
  auto interval = percentileInterval(values);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 25);
  EXPECT_DOUBLE_EQ(interval->high, 975);
  interval = percentileInterval(std::vector<double>{0, 1, 2, 3}, 0.25);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 0.75);
  EXPECT_DOUBLE_EQ(interval->high, 2.25);
  interval = percentileInterval(std::vector<double>(10, 0.1));
  ASSERT_TRUE(interval);
  EXPECT_EQ(interval->low, 0.1);
  EXPECT_EQ(interval->high, 0.1);
  EXPECT_FALSE(percentileInterval({}));
}

TEST(BootstrapTest, UndefinedResamplesWidenTheIntervalUntilThereIsNone) {
  std::vector<double> values(1001);
  std::iota(values.begin(), values.end(), 0);
  // Ten undefined ones among those of the middle: 10 ranks less at each end.
  std::fill(values.begin() + 500, values.begin() + 510, kNaN);
  auto interval = percentileInterval(values);
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 15);
  EXPECT_DOUBLE_EQ(interval->high, 985);
  std::fill(values.begin() + 500, values.begin() + 525, kNaN);
  EXPECT_TRUE(percentileInterval(values));
  std::fill(values.begin() + 500, values.begin() + 526, kNaN);
  EXPECT_FALSE(percentileInterval(values));
  EXPECT_FALSE(percentileInterval(std::vector<double>(10, kNaN)));
}

} // namespace
} // namespace gem
