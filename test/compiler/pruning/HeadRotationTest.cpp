// Tests of turning the channels of attention heads.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/HeadRotation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace gem {
namespace {

constexpr int64_t kWidth = 10, kHeadDim = 6, kOutputs = 7, kTokens = 400;

/// A head and the tokens it sees; keys and values read what queries read.
struct Case {
  AttentionHead head;
  std::vector<double> x; ///< [tokens, width]
  InputMoments input, output;

  explicit Case(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    auto fill = [&](std::vector<float> &values, size_t count) {
      values.resize(count);
      for (float &value : values)
        value = normal(random);
    };
    head.headDim = kHeadDim;
    head.width = kWidth;
    for (std::vector<float> *matrix : {&head.q, &head.k, &head.v})
      fill(*matrix, kHeadDim * kWidth);
    for (std::vector<float> *bias : {&head.qBias, &head.kBias, &head.vBias})
      fill(*bias, kHeadDim);
    head.out = {kOutputs, kHeadDim, {}};
    fill(head.out.values, kOutputs * kHeadDim);
    x.resize(kTokens * kWidth);
    for (int64_t t = 0; t < kTokens; ++t)
      for (int64_t i = 0; i < kWidth; ++i)
        x[t * kWidth + i] = normal(random) * std::pow(0.6, static_cast<double>(i)) + 0.3;
    input = momentsOf(x, kWidth);
    std::vector<double> values;
    for (int64_t t = 0; t < kTokens; ++t)
      for (double value : project(head.v, head.vBias, t))
        values.push_back(value);
    output = momentsOf(values, kHeadDim);
  }

  static InputMoments momentsOf(const std::vector<double> &rows, int64_t width) {
    InputMoments moments;
    moments.width = width;
    moments.mean.resize(width);
    moments.covariance.resize(width * width);
    int64_t count = static_cast<int64_t>(rows.size()) / width;
    for (int64_t t = 0; t < count; ++t)
      for (int64_t i = 0; i < width; ++i)
        moments.mean[i] += rows[t * width + i] / static_cast<double>(count);
    for (int64_t t = 0; t < count; ++t)
      for (int64_t i = 0; i < width; ++i)
        for (int64_t j = 0; j < width; ++j)
          moments.covariance[i * width + j] += (rows[t * width + i] - moments.mean[i]) *
                                               (rows[t * width + j] - moments.mean[j]) /
                                               static_cast<double>(count);
    return moments;
  }

  std::vector<double> project(const std::vector<float> &matrix, const std::vector<float> &bias,
                              int64_t token) const {
    std::vector<double> result(bias.begin(), bias.end());
    for (size_t i = 0; i < result.size(); ++i)
      for (int64_t j = 0; j < kWidth; ++j)
        result[i] += matrix[i * kWidth + j] * x[token * kWidth + j];
    return result;
  }

  /// q_a . k_b of the first `channels` channels.
  double score(const AttentionHead &of, int64_t a, int64_t b, int64_t channels) const {
    std::vector<double> q = project(of.q, of.qBias, a), k = project(of.k, of.kBias, b);
    double sum = 0;
    for (int64_t i = 0; i < channels; ++i)
      sum += q[i] * k[i];
    return sum;
  }

  /// What the layer behind makes of token t's values.
  std::vector<double> outputOf(const AttentionHead &of, int64_t token, int64_t channels) const {
    std::vector<double> v = project(of.v, of.vBias, token), result(kOutputs);
    for (int64_t r = 0; r < kOutputs; ++r)
      for (int64_t i = 0; i < channels; ++i)
        result[r] += of.out.values[r * kHeadDim + i] * v[i];
    return result;
  }
};

TEST(HeadRotationTest, KeepsWhatTheHeadComputes) {
  Case test(1);
  AttentionHead turned = test.head;
  rotateHead(turned, test.input, test.input, test.output);
  for (int64_t a = 0; a < 20; ++a)
    for (int64_t b = 0; b < 20; ++b) {
      double expected = test.score(test.head, a, b, kHeadDim);
      EXPECT_NEAR(test.score(turned, a, b, kHeadDim), expected, 1e-4 * (1 + std::abs(expected)));
    }
  for (int64_t t = 0; t < 20; ++t) {
    std::vector<double> expected = test.outputOf(test.head, t, kHeadDim);
    std::vector<double> got = test.outputOf(turned, t, kHeadDim);
    for (int64_t r = 0; r < kOutputs; ++r)
      EXPECT_NEAR(got[r], expected[r], 1e-4 * (1 + std::abs(expected[r])));
  }
}

/// Mean over queries of the variance over keys of the scores' error: what a softmax sees.
double scoreError(const Case &test, const AttentionHead &turned, int64_t channels) {
  double sum = 0;
  for (int64_t a = 0; a < 60; ++a) {
    double mean = 0, squares = 0;
    for (int64_t b = 0; b < kTokens; ++b) {
      double error = test.score(turned, a, b, channels) - test.score(test.head, a, b, kHeadDim);
      mean += error / kTokens;
      squares += error * error / kTokens;
    }
    sum += squares - mean * mean;
  }
  return sum;
}

TEST(HeadRotationTest, FirstChannelsMatterMost) {
  Case test(2);
  AttentionHead turned = test.head;
  HeadRotation rotation = rotateHead(turned, test.input, test.input, test.output);
  double all = scoreError(test, turned, 0), last = all;
  for (int64_t channels = 1; channels <= kHeadDim; ++channels) {
    double error = scoreError(test, turned, channels);
    EXPECT_LT(error, last + 1e-6 * all);
    // Queries and keys are not quite independent in a sample of 60 queries.
    EXPECT_NEAR(error / all, rotation.scoresLost[channels], 0.1) << channels;
    last = error;
  }
  EXPECT_NEAR(rotation.scoresLost[0], 1, 1e-12);
  EXPECT_EQ(rotation.scoresLost[kHeadDim], 0);
}

TEST(HeadRotationTest, OutputLossIsWhatItSays) {
  Case test(3);
  AttentionHead turned = test.head;
  HeadRotation rotation = rotateHead(turned, test.input, test.input, test.output);
  // Errors about the mean: the layer's bias takes up the rest.
  auto errorOf = [&](int64_t channels) {
    double sum = 0;
    std::vector<double> mean(kOutputs), squares(kOutputs);
    for (int64_t t = 0; t < kTokens; ++t) {
      std::vector<double> whole = test.outputOf(turned, t, kHeadDim);
      std::vector<double> cut = test.outputOf(turned, t, channels);
      for (int64_t r = 0; r < kOutputs; ++r) {
        mean[r] += (whole[r] - cut[r]) / kTokens;
        squares[r] += (whole[r] - cut[r]) * (whole[r] - cut[r]) / kTokens;
      }
    }
    for (int64_t r = 0; r < kOutputs; ++r)
      sum += squares[r] - mean[r] * mean[r];
    return sum;
  };
  for (int64_t channels = 0; channels <= kHeadDim; ++channels)
    EXPECT_NEAR(errorOf(channels) / errorOf(0), rotation.outputLost[channels], 1e-3) << channels;
}

TEST(HeadRotationTest, BeatsKeepingTheFirstChannelsAsTheyAre) {
  Case test(4);
  AttentionHead turned = test.head;
  rotateHead(turned, test.input, test.input, test.output);
  for (int64_t channels = 1; channels < kHeadDim; ++channels)
    EXPECT_LT(scoreError(test, turned, channels), scoreError(test, test.head, channels));
}

TEST(HeadRotationTest, SurvivesChannelsThatDoNothing) {
  Case test(5);
  // One channel of everything is 0.
  for (int64_t j = 0; j < kWidth; ++j)
    test.head.q[2 * kWidth + j] = test.head.k[2 * kWidth + j] = test.head.v[2 * kWidth + j] = 0;
  test.head.qBias[2] = test.head.kBias[2] = test.head.vBias[2] = 0;
  for (int64_t i = 0; i < kHeadDim; ++i)
    test.output.covariance[2 * kHeadDim + i] = test.output.covariance[i * kHeadDim + 2] = 0;
  AttentionHead turned = test.head;
  rotateHead(turned, test.input, test.input, test.output);
  for (const std::vector<float> *values : {&turned.q, &turned.k, &turned.v, &turned.out.values})
    for (float value : *values)
      EXPECT_TRUE(std::isfinite(value));
  for (int64_t a = 0; a < 10; ++a) {
    double expected = test.score(test.head, a, a + 1, kHeadDim);
    EXPECT_NEAR(test.score(turned, a, a + 1, kHeadDim), expected, 1e-3 * (1 + std::abs(expected)));
  }
}

} // namespace
} // namespace gem
