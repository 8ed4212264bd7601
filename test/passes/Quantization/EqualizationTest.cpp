// Tests of equalization against sampled tokens in double precision.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Equalization.h"
#include "passes/Quantization/ExactMath.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"

using namespace gem::quant;

namespace {

/// The mean squared error of the outputs when tokens are rounded to int8 and the weight as
/// `matrix` has it, both after dividing by and multiplying with the factors.
double simulate(const std::vector<float> &values, const std::vector<float> &inputs, int64_t width,
                const std::vector<float> &factors, const Format &format) {
  const int64_t rows = static_cast<int64_t>(values.size()) / width;
  const int64_t tokens = static_cast<int64_t>(inputs.size()) / width;
  std::vector<float> scaled = values, divided = inputs;
  multiplyColumns(scaled.data(), rows, factors);
  for (int64_t t = 0; t < tokens; ++t)
    divideValues(divided.data() + t * width, factors);
  InputStatistics statistics = statisticsOf(divided, width);
  std::vector<float> quantized =
      dequantize(*(*makeQuantizer("rtn"))
                      ->quantize({scaled.data(), rows, width, false}, format, &statistics, 1));
  double sum = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    const float *x = divided.data() + t * width;
    double peak = 0;
    for (int64_t k = 0; k < width; ++k)
      peak = std::max(peak, std::fabs(static_cast<double>(x[k])));
    const double scale = peak / 127;
    for (int64_t row = 0; row < rows; ++row) {
      double difference = 0;
      for (int64_t k = 0; k < width; ++k)
        difference += static_cast<double>(values[row * width + k]) * inputs[t * width + k] -
                      quantized[row * width + k] * scale * std::nearbyint(x[k] / scale);
      sum += difference * difference / static_cast<double>(tokens);
    }
  }
  return sum;
}

/// Inputs of which some columns are far larger than the others.
std::vector<float> inputsWithOutliers(std::mt19937 &random, int64_t tokens, int64_t width) {
  std::vector<float> inputs = correlatedInputs(random, tokens, width);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t k = 3; k < width; k += 29)
      inputs[t * width + k] *= 40;
  return inputs;
}

TEST(Equalization, LowersTheErrorItPredicts) {
  std::mt19937 random(1);
  const int64_t rows = 48, width = 96;
  std::vector<float> inputs = inputsWithOutliers(random, 400, width);
  std::vector<float> values = bellValues(random, rows * width);
  const WeightView weight{values.data(), rows, width, false};
  InputStatistics statistics = statisticsOf(inputs, width, 2);
  for (const char *name : {"int8", "int4g32", "int3g32", "int4"}) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    absl::StatusOr<Equalization> found = findEqualization({weight}, statistics, format, {}, 1);
    ASSERT_TRUE(found.ok()) << found.status();
    const std::vector<float> ones(width, 1.0f);
    const double before = simulate(values, inputs, width, ones, format);
    const double after = simulate(values, inputs, width, found->factors, format);
    EXPECT_LT(found->errorAfter(), 0.8 * found->errorBefore());
    EXPECT_LT(after, 0.85 * before);
    EXPECT_NEAR(found->errorBefore() / before, 1, 0.35);
    EXPECT_NEAR(found->errorAfter() / after, 1, 0.35);
    for (unsigned threads : {2u, 3u})
      EXPECT_EQ(findEqualization({weight}, statistics, format, {}, threads)->factors,
                found->factors);
  }
}

TEST(Equalization, WithoutActivationCodesOnlyWeightsCount) {
  std::mt19937 random(2);
  const int64_t width = 64;
  std::vector<float> values = bellValues(random, 300 * width);
  InputStatistics statistics = statisticsOf(inputsWithOutliers(random, 200, width), width);
  absl::StatusOr<Equalization> found = findEqualization(
      {{values.data(), 100, width, false}, {values.data() + 100 * width, 200, width}}, statistics,
      *Format::parse("int3g32"), {.activationBits = 0}, 1);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->activationErrorBefore, 0);
  EXPECT_EQ(found->activationErrorAfter, 0);
  EXPECT_LT(found->weightErrorAfter, found->weightErrorBefore);
}

TEST(Equalization, NeverMakesItWorse) {
  // Equal columns: nothing to move.
  std::mt19937 random(3);
  const int64_t width = 64;
  std::vector<float> values = bellValues(random, 20 * width);
  InputStatistics statistics = statisticsOf(bellValues(random, 3000 * width), width);
  absl::StatusOr<Equalization> found = findEqualization({{values.data(), 20, width, false}},
                                                        statistics, *Format::parse("int8"), {}, 1);
  ASSERT_TRUE(found.ok());
  EXPECT_LE(found->errorAfter(), found->errorBefore());
  // No input at all, and a weight of zeros.
  for (float &value : statistics.gram)
    value = 0;
  for (DomainStatistics &domain : statistics.domains)
    for (std::vector<float> *part :
         {&domain.mean, &domain.squares, &domain.minimum, &domain.maximum})
      part->assign(width, 0.0f);
  found = findEqualization({{values.data(), 20, width, false}}, statistics, *Format::parse("int8"),
                           {}, 1);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->factors, std::vector<float>(width, 1.0f));
}

TEST(Equalization, FoldingLeavesTheFunction) {
  std::mt19937 random(4);
  const int64_t hidden = 20, rows = 7, width = 30;
  std::vector<float> first = bellValues(random, hidden * width), bias = bellValues(random, hidden);
  std::vector<float> second = bellValues(random, rows * hidden), x = bellValues(random, width);
  std::vector<float> factors(hidden);
  for (float &factor : factors)
    factor = std::exp2(3 * uniform(random));
  auto compute = [&] {
    std::vector<double> y(rows);
    for (int64_t h = 0; h < hidden; ++h) {
      double sum = bias[h];
      for (int64_t k = 0; k < width; ++k)
        sum += static_cast<double>(first[h * width + k]) * x[k];
      for (int64_t row = 0; row < rows; ++row)
        y[row] += second[row * hidden + h] * sum;
    }
    return y;
  };
  const std::vector<double> before = compute();
  multiplyColumns(second.data(), rows, factors);
  divideRows(first.data(), width, factors);
  divideValues(bias.data(), factors);
  const std::vector<double> after = compute();
  for (int64_t row = 0; row < rows; ++row)
    EXPECT_NEAR(after[row], before[row], 1e-4);

  std::vector<float> inputs = correlatedInputs(random, 50, hidden), divided = inputs;
  for (int64_t t = 0; t < 50; ++t)
    divideValues(divided.data() + t * hidden, factors);
  InputStatistics expected = statisticsOf(divided, hidden, 2);
  InputStatistics actual = divideStatistics(statisticsOf(inputs, hidden, 2), factors);
  for (int64_t i = 0; i < hidden * hidden; ++i)
    EXPECT_NEAR(actual.gram[i], expected.gram[i], 1e-4 * (1 + std::fabs(expected.gram[i])));
  for (int64_t k = 0; k < hidden; ++k) {
    EXPECT_NEAR(actual.domains[1].squares[k], expected.domains[1].squares[k],
                1e-4 * (1 + expected.domains[1].squares[k]));
    EXPECT_NEAR(actual.domains[1].maximum[k], expected.domains[1].maximum[k], 1e-3);
  }
}

TEST(Equalization, PeakOfATokenIsAboutTheSampled) {
  std::mt19937 random(5);
  const int64_t width = 96, tokens = 500;
  for (bool outliers : {false, true}) {
    std::vector<float> inputs =
        outliers ? inputsWithOutliers(random, tokens, width) : bellValues(random, tokens * width);
    double expected = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      double peak = 0;
      for (int64_t k = 0; k < width; ++k)
        peak = std::max<double>(peak, std::fabs(inputs[t * width + k]));
      expected += peak * peak / tokens;
    }
    const std::vector<float> ones(width, 1.0f);
    EXPECT_NEAR(expectedSquaredPeak(statisticsOf(inputs, width, 2), ones) / expected, 1, 0.3);
  }
}

TEST(Equalization, RefusesWhatItCannotUse) {
  std::vector<float> values(64, 1.0f);
  std::mt19937 random(6);
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 10, 32), 32);
  const Format format = *Format::parse("int8");
  EXPECT_FALSE(findEqualization({}, statistics, format, {}, 1).ok());
  EXPECT_FALSE(findEqualization({{values.data(), 4, 16, false}}, statistics, format, {}, 1).ok());
  EXPECT_FALSE(
      findEqualization({{values.data(), 2, 32, false}}, statistics, *Format::parse("f16"), {}, 1)
          .ok());
  statistics.gram.clear();
  EXPECT_FALSE(findEqualization({{values.data(), 2, 32, false}}, statistics, format, {}, 1).ok());
}

TEST(ExactMath, AgreesWithTheLibrary) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    const double x = 60 * uniform(random);
    EXPECT_NEAR(exactExp2(x) / std::exp2(x), 1, 1e-14);
    EXPECT_NEAR(exactExp(x) / std::exp(x), 1, 1e-13);
    EXPECT_NEAR(exactLog2(std::exp2(x)), x, 1e-13);
    EXPECT_NEAR(exactLog(std::exp2(x)), std::log(std::exp2(x)), 1e-13);
  }
  EXPECT_EQ(exactExp2(0), 1);
  EXPECT_EQ(exactExp2(5), 32);
  EXPECT_EQ(exactLog2(1), 0);
  EXPECT_GT(exactExp(-1e9), 0);
  EXPECT_TRUE(std::isfinite(exactExp(1e9)));
}

} // namespace
