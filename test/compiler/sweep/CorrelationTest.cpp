// Tests correlations and the Pareto front against values computed by hand.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/Correlation.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Correlation of(const std::vector<double> &x, const std::vector<double> &y) {
  return correlate(x, y);
}

TEST(CorrelationTest, PearsonAsByHand) {
  // Deviations -2 -1 0 1 2 and -2 0 -1 1 2: products 4 + 0 + 0 + 1 + 4 = 9, squares 10 and 10.
  Correlation result = of({1, 2, 3, 4, 5}, {1, 3, 2, 4, 5});
  ASSERT_TRUE(result.pearson && result.pearsonInterval);
  EXPECT_NEAR(*result.pearson, 0.9, 1e-12);
  EXPECT_EQ(result.points, 5);
  // atanh(0.9) = 1.4722195; s = 1 / sqrt(2), 1.959964 s = 1.3859038.
  EXPECT_NEAR(result.pearsonInterval->low, std::tanh(1.4722195 - 1.3859038), 1e-6);
  EXPECT_NEAR(result.pearsonInterval->high, std::tanh(1.4722195 + 1.3859038), 1e-6);
}

TEST(CorrelationTest, SpearmanSeesOnlyTheOrder) {
  Correlation result = of({1, 2, 3, 4, 5, 6}, {1, 4, 9, 25, 16, 1000});
  ASSERT_TRUE(result.spearman && result.spearmanInterval);
  // Ranks 1 2 3 5 4 6: 1 - 6 (1 + 1) / (6 (36 - 1)) = 33 / 35.
  EXPECT_NEAR(*result.spearman, 33.0 / 35, 1e-12);
  EXPECT_LT(*result.pearson, 0.75);
  // s^2 = (1 + r^2 / 2) / 3.
  double r = 33.0 / 35, half = 1.959964 * std::sqrt((1 + r * r / 2) / 3);
  EXPECT_NEAR(result.spearmanInterval->low, std::tanh(std::atanh(r) - half), 1e-6);
}

TEST(CorrelationTest, EqualValuesShareTheirRank) {
  EXPECT_THAT(midRanks(std::vector<double>{5, 1, 5, 3}), ElementsAre(3.5, 1, 3.5, 2));
  EXPECT_THAT(midRanks(std::vector<double>{2, 2, 2}), ElementsAre(2, 2, 2));
  EXPECT_TRUE(midRanks({}).empty());
}

TEST(CorrelationTest, AFallingLineIsMinusOneWithoutInterval) {
  Correlation result = of({1, 2, 3, 4, 5}, {10, 8, 6, 4, 2});
  EXPECT_NEAR(*result.pearson, -1, 1e-12);
  EXPECT_NEAR(*result.spearman, -1, 1e-12);
  EXPECT_FALSE(result.pearsonInterval);
}

TEST(CorrelationTest, TooFewPointsSaySo) {
  Correlation result = of({1, 2, 3, 4}, {1, 2, 3, 5});
  EXPECT_FALSE(result.pearson);
  EXPECT_FALSE(result.spearman);
  EXPECT_EQ(result.problem, "too few points: 4, expected at least 5");
}

TEST(CorrelationTest, WhatDoesNotVaryHasNone) {
  // 0.1 summed three times is not quite 0.3.
  Correlation result = of({0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, {1, 2, 3, 4, 5, 6});
  EXPECT_FALSE(result.pearson);
  EXPECT_THAT(result.problem, HasSubstr("the same in all"));
}

TEST(ParetoTest, KeepsWhatNoOtherBeats) {
  std::vector<Tradeoff> points = {{8, 0.99}, {4, 0.95}, {4.5, 0.94},
                                  {3, 0.80}, {8, 0.97}, {9, 0.99}};
  EXPECT_THAT(paretoFront(points), ElementsAre(true, true, false, true, false, false));
}

TEST(ParetoTest, EqualPointsAreBothOnIt) {
  std::vector<Tradeoff> points = {{4, 0.9}, {4, 0.9}, {5, 0.9}};
  EXPECT_THAT(paretoFront(points), ElementsAre(true, true, false));
  EXPECT_TRUE(paretoFront({}).empty());
}

} // namespace
} // namespace gem
