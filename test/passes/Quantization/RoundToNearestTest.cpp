// Tests of rounding to nearest against a search over a fine grid in double precision.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/HalfFloat.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"
#include <limits>

using namespace gem;
using namespace gem::quant;

namespace {

QuantizedMatrix quantize(const std::vector<float> &values, int64_t rows, const Format &format,
                         const InputStatistics *statistics = nullptr, unsigned threads = 1,
                         bool isTable = false) {
  WeightView weight{values.data(), rows, static_cast<int64_t>(values.size()) / rows, isTable};
  absl::StatusOr<QuantizedMatrix> matrix =
      (*makeQuantizer("rtn"))->quantize(weight, format, statistics, threads);
  EXPECT_TRUE(matrix.ok()) << matrix.status();
  return matrix.ok() ? *std::move(matrix) : QuantizedMatrix();
}

/// The least sum h (w - s q)^2 over 2000 scales s, q the nearest code.
double bestError(const float *values, const float *importance, int64_t count,
                 const Format &format) {
  double largest = 0, best = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, std::fabs(static_cast<double>(values[i])));
  for (int step = 1; step <= 2000; ++step) {
    const double scale = largest * 1.5 / format.maximum() * step / 2000;
    double error = 0;
    for (int64_t i = 0; i < count; ++i) {
      double code = std::nearbyint(values[i] / scale);
      code = std::clamp<double>(code, format.minimum(), format.maximum());
      const double difference = values[i] - scale * code;
      error += (importance ? importance[i] : 1.0) * difference * difference;
    }
    best = std::min(best, error);
  }
  return best;
}

TEST(RoundToNearest, IsAsGoodAsAFineGrid) {
  std::mt19937 random(1);
  for (const std::string &name : integerFormats()) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    const int64_t rows = 12, width = 256;
    std::vector<float> values = bellValues(random, rows * width);
    const int64_t segment = format.group ? format.group : width;
    double expected = 0;
    for (int64_t first = 0; first < rows * width; first += segment)
      expected += bestError(values.data() + first, nullptr, segment, format);
    const double error = squaredError(values, dequantize(quantize(values, rows, format)));
    // Two-level scales and f16 are coarser than the grid's, the search finer.
    EXPECT_LE(error, expected * 1.01);
    EXPECT_GE(error, expected * 0.97);
  }
}

TEST(RoundToNearest, WeighsColumnsByTheirInput) {
  std::mt19937 random(2);
  const int64_t rows = 16, width = 128;
  std::vector<float> values = bellValues(random, rows * width);
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 500, width), width, 2);
  std::vector<float> squares(width);
  for (int64_t k = 0; k < width; ++k)
    squares[k] = statistics.gram[k * width + k];
  auto weighted = [&](const QuantizedMatrix &matrix) {
    std::vector<float> back = dequantize(matrix);
    double sum = 0;
    for (int64_t i = 0; i < rows * width; ++i)
      sum += squares[i % width] * (values[i] - back[i]) * (values[i] - back[i]);
    return sum;
  };
  for (const char *name : {"int4", "int3g64", "int2g32f16"}) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    const int64_t segment = format.group ? format.group : width;
    double expected = 0;
    for (int64_t first = 0; first < rows * width; first += segment)
      expected += bestError(values.data() + first, squares.data() + first % width, segment, format);
    QuantizedMatrix matrix = quantize(values, rows, format, &statistics);
    EXPECT_LE(weighted(matrix), expected * 1.02);
    EXPECT_LT(weighted(matrix), weighted(quantize(values, rows, format)));
    // The domains' squares say the same when there is no Gram matrix.
    InputStatistics diagonal = statistics;
    diagonal.gram.clear();
    EXPECT_NEAR(weighted(quantize(values, rows, format, &diagonal)), weighted(matrix),
                0.001 * weighted(matrix));
  }
}

TEST(RoundToNearest, CodesAreTheNearest) {
  std::mt19937 random(3);
  for (const std::string &name : integerFormats()) {
    const Format format = *Format::parse(name);
    std::vector<float> values = bellValues(random, 5 * 200);
    QuantizedMatrix matrix = quantize(values, 5, format);
    for (int64_t row = 0; row < 5; ++row)
      for (int64_t k = 0; k < 200; ++k) {
        const double scale = matrix.scaleAt(row, k), value = values[row * 200 + k];
        const int code = matrix.codes[row * 200 + k];
        ASSERT_GE(code, format.minimum());
        ASSERT_LE(code, format.maximum());
        const double exact = std::clamp<double>(value / scale, format.minimum(), format.maximum());
        ASSERT_LE(std::fabs(code - exact), 0.5 + 1e-6) << name << " " << row << " " << k;
      }
  }
}

TEST(RoundToNearest, UsesTheLowestCode) {
  // -8 to 7: exact only with scale 1.
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i)
    values[i] = static_cast<float>(i % 16 - 8);
  QuantizedMatrix matrix = quantize(values, 1, *Format::parse("int4"));
  EXPECT_NEAR(squaredError(values, dequantize(matrix)), 0, 1e-9);
  EXPECT_EQ(matrix.codes[0], -8);
}

TEST(RoundToNearest, TablesHaveBfloat16Scales) {
  std::mt19937 random(4);
  std::vector<float> values = bellValues(random, 100 * 64, 0.037f);
  for (const char *name : {"int8", "int4", "int3g32", "int4g64"}) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    QuantizedMatrix table = quantize(values, 100, format, nullptr, 1, true);
    for (float scale : table.rowScales)
      EXPECT_EQ(bfloat16ToFloat(floatToBfloat16(scale)), scale);
    const double matrixError = squaredError(values, dequantize(quantize(values, 100, format)));
    // Steps of 1/256 of a scale: at 8 bits, rows this short feel it.
    EXPECT_LE(squaredError(values, dequantize(table)), matrixError * 1.06);
  }
}

TEST(RoundToNearest, SameForAnyNumberOfThreads) {
  std::mt19937 random(5);
  std::vector<float> values = bellValues(random, 37 * 96);
  for (const std::string &name : integerFormats()) {
    QuantizedMatrix one = quantize(values, 37, *Format::parse(name));
    for (unsigned threads : {2u, 3u, 64u}) {
      QuantizedMatrix many = quantize(values, 37, *Format::parse(name), nullptr, threads);
      EXPECT_EQ(many.codes, one.codes);
      EXPECT_EQ(many.rowScales, one.rowScales);
      EXPECT_EQ(many.ratios, one.ratios);
      EXPECT_EQ(many.halfScales, one.halfScales);
    }
  }
}

TEST(RoundToNearest, OddRows) {
  std::mt19937 random(6);
  for (const std::string &name : integerFormats()) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    // Zeros stay zeros.
    for (float value : dequantize(quantize(std::vector<float>(70), 1, format)))
      EXPECT_EQ(value, 0);
    // A constant row is met well: by one code, up to the rounding of the scale.
    for (float constant : {1.0f, -3.7f, 1e-3f}) {
      std::vector<float> back = dequantize(quantize(std::vector<float>(70, constant), 1, format));
      for (float value : back)
        EXPECT_NEAR(value, constant, std::fabs(constant) * 0.003f);
    }
    // One column.
    EXPECT_NEAR(dequantize(quantize({-2.5f}, 1, format))[0], -2.5f, 0.003f * 2.5f);
    // Neither overflow nor underflow of a square: f16 scales cannot follow.
    if (format.scales == Scales::kF16Group)
      continue;
    for (float size : {1e30f, 3e37f, 1e-30f, 1e-36f}) {
      std::vector<float> values = bellValues(random, 128);
      const double reference = squaredError(values, dequantize(quantize(values, 1, format)));
      std::vector<float> sized = values;
      for (float &value : sized)
        value *= size;
      std::vector<float> back = dequantize(quantize(sized, 1, format));
      for (float &value : back)
        value /= size;
      EXPECT_LE(squaredError(values, back), reference * 1.05) << size;
    }
    // Values 1e20 apart in groups of one row: the large ones keep their precision.
    std::vector<float> mixed = bellValues(random, 256);
    for (int i = 0; i < 128; ++i)
      mixed[i] *= 1e-20f;
    EXPECT_LT(squaredError(mixed, dequantize(quantize(mixed, 1, format))), 128 * 2 * 0.5);
  }
  EXPECT_EQ(dequantize(quantize({3e38f, -3e38f}, 1, *Format::parse("int8")))[0], 3e38f);
}

TEST(RoundToNearest, RefusesWhatIsNotFinite) {
  std::mt19937 random(7);
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values = bellValues(random, 40 * 8);
    values[37 * 8 + 5] = bad;
    values[39 * 8] = bad;
    absl::StatusOr<QuantizedMatrix> matrix =
        (*makeQuantizer("rtn"))
            ->quantize({values.data(), 40, 8, false}, *Format::parse("int8"), nullptr, 2);
    ASSERT_EQ(matrix.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(matrix.status().message().find("row 37, column 5"), std::string::npos)
        << matrix.status();
  }
}

TEST(RoundToNearest, RefusesOtherArguments) {
  std::vector<float> values(64, 1.0f);
  auto status = [&](const Format &format, const InputStatistics *statistics) {
    return (*makeQuantizer("rtn"))
        ->quantize({values.data(), 2, 32, false}, format, statistics, 1)
        .status();
  };
  EXPECT_EQ(status(*Format::parse("f16"), nullptr).message(),
            "expected an integer format, but got f16");
  EXPECT_FALSE(status({8, Scales::kTwoLevel, 32}, nullptr).ok());
  EXPECT_FALSE(status({4, Scales::kTwoLevel, 16}, nullptr).ok());
  std::mt19937 random(8);
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 20, 31), 31);
  EXPECT_NE(status(*Format::parse("int8"), &statistics).message().find("31"), std::string::npos);
  statistics = statisticsOf(correlatedInputs(random, 20, 32), 32);
  EXPECT_TRUE(status(*Format::parse("int8"), &statistics).ok());
  statistics.gram[33] = NAN;
  EXPECT_FALSE(status(*Format::parse("int8"), &statistics).ok());
  statistics.gram.pop_back();
  EXPECT_FALSE(status(*Format::parse("int8"), &statistics).ok());
}

TEST(WeightQuantizer, KnowsItsNames) {
  for (const std::string &name : quantizerNames())
    EXPECT_EQ((*makeQuantizer(name))->name(), name);
  absl::Status status = makeQuantizer("best").status();
  EXPECT_NE(status.message().find("rtn"), std::string::npos) << status;
  EXPECT_NE(status.message().find("'best'"), std::string::npos) << status;
}

} // namespace
