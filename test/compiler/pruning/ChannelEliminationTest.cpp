// Tests of doing without input channels, against least squares by normal equations.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/ChannelElimination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace gem {
namespace {

using ::testing::ElementsAre;

/// Rows of correlated channels, and a layer over them.
struct Sample {
  int64_t tokens, width, rows;
  std::vector<double> x; ///< [tokens, width]
  WeightMatrix weight;
  InputMoments moments;

  Sample(int64_t tokens, int64_t width, int64_t rows, unsigned seed)
      : tokens(tokens), width(width), rows(rows), x(tokens * width) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<double> mix(width * width);
    for (double &value : mix)
      value = normal(random);
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<double> source(width);
      for (double &value : source)
        value = normal(random);
      for (int64_t i = 0; i < width; ++i) {
        x[t * width + i] = 0.5 * static_cast<double>(i % 3);
        for (int64_t j = 0; j <= i; ++j)
          x[t * width + i] += mix[i * width + j] * source[j] / (1.0 + static_cast<double>(j));
      }
    }
    weight = {rows, width, std::vector<float>(rows * width)};
    for (float &value : weight.values)
      value = static_cast<float>(normal(random));
    moments.width = width;
    moments.mean.resize(width);
    moments.covariance.resize(width * width);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < width; ++i)
        moments.mean[i] += x[t * width + i] / static_cast<double>(tokens);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < width; ++i)
        for (int64_t j = 0; j < width; ++j)
          moments.covariance[i * width + j] += (x[t * width + i] - moments.mean[i]) *
                                               (x[t * width + j] - moments.mean[j]) /
                                               static_cast<double>(tokens);
  }

  /// Mean squared difference of the layer's output to that of `fitted`, of its variance.
  double errorOf(const FittedColumns &fitted, const std::vector<int64_t> &kept) const {
    double error = 0, variance = 0;
    for (int64_t r = 0; r < rows; ++r) {
      double mean = 0;
      for (int64_t i = 0; i < width; ++i)
        mean += weight.values[r * width + i] * moments.mean[i];
      for (int64_t t = 0; t < tokens; ++t) {
        double whole = 0, pruned = fitted.biasChange[r];
        for (int64_t i = 0; i < width; ++i)
          whole += weight.values[r * width + i] * x[t * width + i];
        for (size_t j = 0; j < kept.size(); ++j)
          pruned += fitted.weight.values[r * kept.size() + j] * x[t * width + kept[j]];
        error += (whole - pruned) * (whole - pruned);
        variance += (whole - mean) * (whole - mean);
      }
    }
    return error / variance;
  }

  /// The least error that any weights of the channels `kept` have: by solving the normal
  /// equations with Gauss's elimination and pivots.
  double leastError(const std::vector<int64_t> &kept) const {
    size_t n = kept.size();
    FittedColumns best;
    best.weight = {rows, static_cast<int64_t>(n), std::vector<float>(rows * n)};
    best.biasChange.resize(rows);
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<std::vector<double>> a(n, std::vector<double>(n + 1));
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j)
          a[i][j] = moments.covariance[kept[i] * width + kept[j]];
        for (int64_t k = 0; k < width; ++k)
          a[i][n] += moments.covariance[kept[i] * width + k] * weight.values[r * width + k];
      }
      for (size_t k = 0; k < n; ++k) {
        size_t pivot = k;
        for (size_t i = k; i < n; ++i)
          if (std::abs(a[i][k]) > std::abs(a[pivot][k]))
            pivot = i;
        std::swap(a[k], a[pivot]);
        for (size_t i = 0; i < n; ++i)
          if (i != k)
            for (size_t j = n + 1; j-- > k;)
              a[i][j] -= a[i][k] / a[k][k] * a[k][j];
      }
      double bias = 0;
      for (int64_t i = 0; i < width; ++i)
        bias += weight.values[r * width + i] * moments.mean[i];
      for (size_t k = 0; k < n; ++k) {
        double value = a[k][n] / a[k][k];
        best.weight.values[r * n + k] = static_cast<float>(value);
        bias -= value * moments.mean[kept[k]];
      }
      best.biasChange[r] = static_cast<float>(bias);
    }
    return errorOf(best, kept);
  }
};

TEST(ChannelEliminationTest, FittedColumnsAreTheLeastSquares) {
  Sample sample(500, 12, 5, 1);
  for (std::vector<int64_t> kept :
       {std::vector<int64_t>{0, 3, 4, 7, 11}, {2}, {0, 1, 2, 3, 4, 5}}) {
    FittedColumns fitted = fitColumns(sample.weight, sample.moments, kept, 0);
    // f32 weights: rounding is 1e-7 of values of about 1.
    EXPECT_NEAR(sample.errorOf(fitted, kept), sample.leastError(kept), 1e-6);
  }
}

TEST(ChannelEliminationTest, AllChannelsStayAsTheyAre) {
  Sample sample(200, 9, 4, 2);
  std::vector<int64_t> all(9);
  std::iota(all.begin(), all.end(), 0);
  FittedColumns fitted = fitColumns(sample.weight, sample.moments, all, 1e-3);
  EXPECT_EQ(fitted.weight.values, sample.weight.values);
  for (float change : fitted.biasChange)
    EXPECT_NEAR(change, 0, 1e-12); // two sums of the same
}

TEST(ChannelEliminationTest, SaysTheErrorThatIsLeft) {
  Sample sample(800, 10, 6, 3);
  EliminationOptions options;
  options.damping = 0;
  Elimination elimination = eliminateChannels(sample.weight, sample.moments, options);
  ASSERT_EQ(elimination.order.size(), 10u);
  for (int64_t count = 1; count < 10; ++count) {
    std::vector<int64_t> kept = elimination.kept(count);
    EXPECT_NEAR(elimination.error[10 - count - 1], sample.leastError(kept), 1e-6) << count;
  }
  EXPECT_NEAR(elimination.error.back(), 1, 1e-9);
}

TEST(ChannelEliminationTest, TakesTheCheapestFirst) {
  // With every choice tried, the first channel to go is the one that leaves the least error.
  Sample sample(800, 8, 3, 4);
  EliminationOptions options;
  options.damping = 0;
  Elimination elimination = eliminateChannels(sample.weight, sample.moments, options);
  double least = 2;
  int64_t cheapest = -1;
  for (int64_t gone = 0; gone < 8; ++gone) {
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < 8; ++i)
      if (i != gone)
        kept.push_back(i);
    if (double error = sample.leastError(kept); error < least) {
      least = error;
      cheapest = gone;
    }
  }
  EXPECT_EQ(elimination.order.front(), cheapest);
}

TEST(ChannelEliminationTest, ACopyOfAChannelCostsNothing) {
  Sample sample(600, 6, 4, 5);
  // Channel 5 becomes twice channel 2.
  for (int64_t t = 0; t < sample.tokens; ++t)
    sample.x[t * 6 + 5] = 2 * sample.x[t * 6 + 2];
  InputMoments &moments = sample.moments;
  moments.mean[5] = 2 * moments.mean[2];
  for (int64_t i = 0; i < 6; ++i)
    moments.covariance[5 * 6 + i] = 2 * moments.covariance[2 * 6 + i];
  for (int64_t i = 0; i < 6; ++i)
    moments.covariance[i * 6 + 5] =
        i == 5 ? 4 * moments.covariance[2 * 6 + 2] : 2 * moments.covariance[i * 6 + 2];
  EliminationOptions options;
  options.damping = 1e-6;
  Elimination elimination = eliminateChannels(sample.weight, moments, options);
  double before = 0;
  for (size_t i = 0; i < 6; ++i) {
    // The first of the two to go.
    if (elimination.order[i] == 2 || elimination.order[i] == 5) {
      EXPECT_LT(elimination.error[i] - before, 1e-5);
      break;
    }
    before = elimination.error[i];
  }
  EXPECT_THAT(elimination.kept(5),
              ::testing::AnyOf(::testing::Contains(2), ::testing::Contains(5)));
}

TEST(ChannelEliminationTest, EntriesOfSeveralChannelsGoTogether) {
  Sample sample(700, 12, 5, 6);
  EliminationOptions options;
  options.damping = 0;
  options.entryWidth = 4;
  Elimination elimination = eliminateChannels(sample.weight, sample.moments, options);
  ASSERT_EQ(elimination.order.size(), 3u);
  std::vector<int64_t> kept;
  for (int64_t entry : elimination.kept(2))
    for (int64_t i = 0; i < 4; ++i)
      kept.push_back(entry * 4 + i);
  EXPECT_NEAR(elimination.error.front(), sample.leastError(kept), 1e-6);
}

TEST(ChannelEliminationTest, ImportanceProtects) {
  Sample sample(700, 8, 5, 7);
  EliminationOptions options;
  Elimination plain = eliminateChannels(sample.weight, sample.moments, options);
  options.importance.assign(8, 1.0);
  options.importance[plain.order.front()] = 1e9;
  Elimination weighted = eliminateChannels(sample.weight, sample.moments, options);
  EXPECT_EQ(weighted.order.back(), plain.order.front());
}

TEST(ChannelEliminationTest, SurvivesChannelsThatAreAlwaysZero) {
  Sample sample(50, 5, 2, 8);
  for (int64_t i = 0; i < 5; ++i)
    sample.moments.covariance[3 * 5 + i] = sample.moments.covariance[i * 5 + 3] = 0;
  sample.moments.mean[3] = 0;
  EliminationOptions options;
  options.damping = 0;
  Elimination elimination = eliminateChannels(sample.weight, sample.moments, options);
  EXPECT_EQ(elimination.order.front(), 3);
  for (double error : elimination.error)
    EXPECT_TRUE(std::isfinite(error));
}

} // namespace
} // namespace gem
