// Tests of error measures and bias correction against sums over sampled inputs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/OutputError.h"
#include "passes/Quantization/BiasCorrection.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"
#include <limits>

using namespace gem::quant;

namespace {

class OutputErrorTest : public testing::Test {
protected:
  static constexpr int64_t kRows = 70, kWidth = 45, kTokens = 300;

  OutputErrorTest()
      : values(bellValues(random, kRows * kWidth)),
        inputs(correlatedInputs(random, kTokens, kWidth)),
        statistics(statisticsOf(inputs, kWidth, 3)), weight{values.data(), kRows, kWidth, false},
        matrix(*(*makeQuantizer("rtn"))->quantize(weight, *Format::parse("int3g32"), nullptr, 1)),
        quantized(dequantize(matrix)) {}

  std::mt19937 random{1};
  std::vector<float> values, inputs;
  InputStatistics statistics;
  WeightView weight;
  QuantizedMatrix matrix;
  std::vector<float> quantized;
};

TEST_F(OutputErrorTest, IsTheMeanOverTokens) {
  const double expected = sampledOutputError(values, quantized, inputs, kWidth);
  const double power =
      sampledOutputError(values, std::vector<float>(values.size()), inputs, kWidth);
  for (unsigned threads : {1u, 2u, 3u}) {
    ErrorPower result = outputError(weight, matrix, statistics.gram.data(), threads);
    EXPECT_NEAR(result.error, expected, 1e-5 * expected);
    EXPECT_NEAR(result.power, power, 1e-5 * power);
    EXPECT_NEAR(result.snr(), 10 * std::log10(power / expected), 1e-3);
    EXPECT_EQ(outputError(values.data(), quantized.data(), kRows, kWidth, statistics.gram.data(),
                          threads),
              result.error);
    EXPECT_EQ(result.error, outputError(weight, matrix, statistics.gram.data(), 1).error);
  }
}

TEST_F(OutputErrorTest, OfTheWeightItself) {
  const double expected = squaredError(values, quantized);
  ErrorPower result = weightError(weight, matrix, 2);
  EXPECT_NEAR(result.error, expected, 1e-9 * expected);
  const double power = squaredError(values, std::vector<float>(values.size()));
  EXPECT_NEAR(result.power, power, 1e-9 * power);
  EXPECT_EQ(weightError(weight, matrix, 1).error, result.error);
}

TEST_F(OutputErrorTest, OfDomains) {
  std::vector<ErrorPower> results = domainErrors(weight, matrix, statistics, 2);
  ASSERT_EQ(results.size(), 3u);
  for (int64_t d = 0; d < 3; ++d) {
    double expected = 0, power = 0;
    for (int64_t t = kTokens * d / 3; t < kTokens * (d + 1) / 3; ++t)
      for (int64_t i = 0; i < kRows * kWidth; ++i) {
        const double x = inputs[t * kWidth + i % kWidth];
        const double difference = static_cast<double>(values[i]) - quantized[i];
        expected += difference * difference * x * x / (kTokens / 3);
        power += static_cast<double>(values[i]) * values[i] * x * x / (kTokens / 3);
      }
    EXPECT_NEAR(results[d].error, expected, 1e-5 * expected);
    EXPECT_NEAR(results[d].power, power, 1e-5 * power);
    EXPECT_EQ(domainErrors(weight, matrix, statistics, 1)[d].error, results[d].error);
  }
}

TEST(ErrorPower, AtItsEnds) {
  EXPECT_EQ((ErrorPower{0, 2}).snr(), std::numeric_limits<double>::infinity());
  EXPECT_EQ((ErrorPower{0, 0}).relative(), 0);
  EXPECT_EQ((ErrorPower{1, 0}).relative(), 1);
  EXPECT_NEAR((ErrorPower{1, 100}).snr(), 20, 1e-12);
}

TEST_F(OutputErrorTest, BiasCorrectionKeepsTheMeanOutput) {
  std::vector<float> bias = bellValues(random, kRows);
  // Unequal weights: as if the tokens of the domains were repeated.
  const std::vector<double> weights = {1, 0, 3};
  for (bool isWeighted : {false, true}) {
    absl::StatusOr<std::vector<float>> corrected =
        isWeighted ? correctBias(weight, matrix, bias, statistics, weights)
                   : correctBias(weight, matrix, bias, statistics);
    ASSERT_TRUE(corrected.ok()) << corrected.status();
    for (int64_t row = 0; row < kRows; ++row) {
      double before = 0, after = 0, total = 0;
      for (int64_t t = 0; t < kTokens; ++t) {
        const double share = isWeighted ? weights[t / (kTokens / 3)] : 1;
        double f32 = bias[row], compressed = (*corrected)[row];
        for (int64_t k = 0; k < kWidth; ++k) {
          f32 += static_cast<double>(values[row * kWidth + k]) * inputs[t * kWidth + k];
          compressed += static_cast<double>(quantized[row * kWidth + k]) * inputs[t * kWidth + k];
        }
        before += share * f32;
        after += share * compressed;
        total += share;
      }
      EXPECT_NEAR(after / total, before / total, 1e-5);
    }
  }
  // Without a bias there is one afterwards.
  absl::StatusOr<std::vector<float>> made = correctBias(weight, matrix, {}, statistics);
  absl::StatusOr<std::vector<float>> moved = correctBias(weight, matrix, bias, statistics);
  ASSERT_TRUE(made.ok() && moved.ok());
  for (int64_t row = 0; row < kRows; ++row)
    EXPECT_NEAR((*made)[row], (*moved)[row] - bias[row], 1e-5);
}

TEST_F(OutputErrorTest, BiasCorrectionRefusesWhatDoesNotFit) {
  std::vector<float> bias(kRows);
  EXPECT_FALSE(correctBias(weight, matrix, {bias.data(), 3}, statistics).ok());
  const std::vector<double> zeros(3), two(2, 1.0);
  EXPECT_FALSE(correctBias(weight, matrix, bias, statistics, zeros).ok());
  EXPECT_FALSE(correctBias(weight, matrix, bias, statistics, two).ok());
  InputStatistics none = statistics;
  none.domains.clear();
  EXPECT_FALSE(correctBias(weight, matrix, bias, none).ok());
  none = statistics;
  none.domains[1].mean.pop_back();
  EXPECT_FALSE(correctBias(weight, matrix, bias, none).ok());
  none.width = 7;
  EXPECT_FALSE(correctBias(weight, matrix, bias, none).ok());
}

} // namespace
