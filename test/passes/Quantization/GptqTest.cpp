// Tests of GPTQ against the textbook's columns and inverses in double precision.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Gptq.h"
#include "Eigen/Dense"
#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/OutputError.h"
#include "passes/Quantization/TableStatistics.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"
#include <numeric>

using namespace gem::quant;

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

absl::StatusOr<QuantizedMatrix> quantize(const std::vector<float> &values, int64_t rows,
                                         const Format &format, const InputStatistics &statistics,
                                         const GptqOptions &options = {}, unsigned threads = 1) {
  return makeGptq(options)->quantize(
      {values.data(), rows, static_cast<int64_t>(values.size()) / rows, false}, format, &statistics,
      threads);
}

/// Optimal Brain Quantization in a given order: after each column the rest of the row moves
/// by -(w - q) / Hinv_ii * Hinv_i, and the column is taken out of Hinv. Scales as `scales`
/// has them.
std::vector<int> textbook(const std::vector<float> &values, const QuantizedMatrix &scales,
                          const InputStatistics &statistics, const std::vector<int64_t> &order,
                          double damping) {
  const int64_t n = scales.width;
  Matrix gram(n, n);
  for (int64_t i = 0; i < n * n; ++i)
    gram.data()[i] = statistics.gram[i];
  gram += damping * gram.trace() / static_cast<double>(n) * Matrix::Identity(n, n);
  std::vector<int> codes(values.size());
  for (int64_t row = 0; row < scales.rows; ++row) {
    Matrix inverse = gram.inverse();
    std::vector<double> rest(values.begin() + row * n, values.begin() + (row + 1) * n);
    for (int64_t i : order) {
      const double scale = scales.scaleAt(row, i);
      const double code = std::clamp<double>(std::nearbyint(rest[i] / scale),
                                             scales.format.minimum(), scales.format.maximum());
      codes[row * n + i] = static_cast<int>(code);
      const double error = (rest[i] - scale * code) / inverse(i, i);
      for (int64_t j = 0; j < n; ++j)
        rest[j] -= error * inverse(i, j);
      inverse -= (inverse.col(i) * inverse.row(i) / inverse(i, i)).eval();
      inverse(i, i) = 1; // out of the way
    }
  }
  return codes;
}

TEST(Gptq, AgreesWithTheTextbook) {
  std::mt19937 random(1);
  for (auto [rows, width, name] : {std::tuple<int64_t, int64_t, const char *>{6, 40, "int4"},
                                   {5, 33, "int4g32"},
                                   {4, 150, "int3g64"},
                                   {3, 200, "int8"},
                                   {4, 130, "int2g32f16"}})
    for (bool activationOrder : {true, false}) {
      SCOPED_TRACE(testing::Message() << name << " " << width << " " << activationOrder);
      std::vector<float> values = bellValues(random, rows * width);
      InputStatistics statistics = statisticsOf(correlatedInputs(random, 600, width), width);
      GptqOptions options{
          .activationOrder = activationOrder, .chooseGroupsOnEntry = false, .sweeps = 0};
      absl::StatusOr<QuantizedMatrix> matrix =
          quantize(values, rows, *Format::parse(name), statistics, options);
      ASSERT_TRUE(matrix.ok()) << matrix.status();
      std::vector<int64_t> order(width);
      std::iota(order.begin(), order.end(), 0);
      if (activationOrder)
        std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          return statistics.gram[a * width + a] > statistics.gram[b * width + b];
        });
      std::vector<int> expected = textbook(values, *matrix, statistics, order, options.damping);
      // A code on the edge may fall to the other side and pull the rest of its row along.
      int64_t sameRows = 0;
      for (int64_t row = 0; row < rows; ++row)
        sameRows += std::equal(expected.begin() + row * width, expected.begin() + (row + 1) * width,
                               matrix->codes.begin() + row * width);
      EXPECT_GE(sameRows, rows - 1);
    }
}

TEST(Gptq, BeatsRoundingToNearest) {
  std::mt19937 random(2);
  const int64_t rows = 40, width = 160;
  std::vector<float> inputs = correlatedInputs(random, 1000, width);
  InputStatistics statistics = statisticsOf(inputs, width, 4);
  std::vector<float> values = bellValues(random, rows * width);
  const WeightView weight{values.data(), rows, width, false};
  for (const std::string &name : integerFormats()) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    absl::StatusOr<QuantizedMatrix> nearest =
        (*makeQuantizer("rtn"))->quantize(weight, format, &statistics, 2);
    ASSERT_TRUE(nearest.ok());
    const double before = outputError(weight, *nearest, statistics.gram.data(), 2).error;
    for (bool activationOrder : {true, false})
      for (auto importance : {GptqOptions::Importance::kNone, GptqOptions::Importance::kSquares,
                              GptqOptions::Importance::kPivots}) {
        absl::StatusOr<QuantizedMatrix> matrix =
            quantize(values, rows, format, statistics,
                     {.activationOrder = activationOrder, .importance = importance}, 2);
        ASSERT_TRUE(matrix.ok()) << matrix.status();
        EXPECT_LT(outputError(weight, *matrix, statistics.gram.data(), 2).error, 0.7 * before);
      }
  }
}

TEST(Gptq, SweepsEndWhereNoCodeIsBetter) {
  std::mt19937 random(10);
  const int64_t rows = 5, width = 100;
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 400, width), width);
  std::vector<float> values = bellValues(random, rows * width);
  // The error that is minimised is the damped one.
  const GptqOptions options{.sweeps = 40};
  std::vector<float> gram = statistics.gram;
  for (int64_t k = 0; k < width; ++k)
    for (int64_t j = 0; j < width; ++j)
      gram[k * width + k] += static_cast<float>(options.damping) * statistics.gram[j * width + j] /
                             static_cast<float>(width);
  for (const std::string &name : integerFormats()) {
    SCOPED_TRACE(name);
    const Format format = *Format::parse(name);
    auto errorOf = [&](const QuantizedMatrix &matrix) {
      return outputError(values.data(), dequantize(matrix).data(), rows, width, gram.data(), 1);
    };
    absl::StatusOr<QuantizedMatrix> before =
        quantize(values, rows, format, statistics, {.sweeps = 0});
    absl::StatusOr<QuantizedMatrix> after = quantize(values, rows, format, statistics, options);
    ASSERT_TRUE(before.ok() && after.ok());
    const double error = errorOf(*after);
    EXPECT_LT(error, errorOf(*before));
    EXPECT_LE(error, errorOf(*quantize(values, rows, format, statistics, {.sweeps = 1})));
    for (int64_t i = 0; i < rows * width; i += 3)
      for (int step : {-1, 1}) {
        QuantizedMatrix moved = *after;
        moved.codes[i] = static_cast<int8_t>(moved.codes[i] + step);
        if (moved.codes[i] >= format.minimum() && moved.codes[i] <= format.maximum())
          ASSERT_GE(errorOf(moved), error * (1 - 1e-4)) << i;
      }
    for (size_t i = 0; i < after->ratios.size(); ++i)
      for (int step : {-1, 1}) {
        QuantizedMatrix moved = *after;
        moved.ratios[i] = static_cast<uint8_t>(moved.ratios[i] + step);
        if (moved.ratios[i] > 0)
          ASSERT_GE(errorOf(moved), error * (1 - 1e-4)) << i;
      }
  }
}

TEST(Gptq, SameForAnyNumberOfThreads) {
  std::mt19937 random(3);
  const int64_t rows = 150, width = 300;
  std::vector<float> values = bellValues(random, rows * width);
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 500, width), width);
  for (const char *name : {"int4g32", "int3", "int8"}) {
    const Format format = *Format::parse(name);
    absl::StatusOr<QuantizedMatrix> one = quantize(values, rows, format, statistics);
    ASSERT_TRUE(one.ok());
    for (unsigned threads : {2u, 3u, 7u}) {
      absl::StatusOr<QuantizedMatrix> many =
          quantize(values, rows, format, statistics, {}, threads);
      ASSERT_TRUE(many.ok());
      EXPECT_EQ(many->codes, one->codes);
      EXPECT_EQ(many->rowScales, one->rowScales);
      EXPECT_EQ(many->ratios, one->ratios);
    }
  }
}

TEST(Gptq, WithoutInputItRoundsToNearest) {
  std::mt19937 random(4);
  const int64_t rows = 3, width = 70;
  std::vector<float> values = bellValues(random, rows * width);
  InputStatistics statistics;
  statistics.width = width;
  statistics.gram.assign(width * width, 0.0f);
  for (const std::string &name : integerFormats()) {
    const Format format = *Format::parse(name);
    absl::StatusOr<QuantizedMatrix> matrix =
        quantize(values, rows, format, statistics, {.sweeps = 0});
    absl::StatusOr<QuantizedMatrix> nearest =
        (*makeQuantizer("rtn"))->quantize({values.data(), rows, width, false}, format, nullptr, 1);
    ASSERT_TRUE(matrix.ok() && nearest.ok());
    EXPECT_EQ(matrix->codes, nearest->codes) << name;
  }
}

TEST(Gptq, OddStatistics) {
  std::mt19937 random(5);
  const int64_t rows = 4, width = 50;
  std::vector<float> values = bellValues(random, rows * width);
  const WeightView weight{values.data(), rows, width, false};
  const Format format = *Format::parse("int4g32");
  // Columns without input and one token only.
  std::vector<float> inputs = correlatedInputs(random, 1, width);
  for (int64_t k = 0; k < width; k += 3)
    inputs[k] = 0;
  InputStatistics statistics = statisticsOf(inputs, width);
  absl::StatusOr<QuantizedMatrix> matrix = quantize(values, rows, format, statistics);
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  // One direction of input: one column may make up for nearly everything.
  EXPECT_LT(outputError(weight, *matrix, statistics.gram.data(), 1).relative(), 1e-3);

  // Huge and tiny inputs.
  statistics = statisticsOf(correlatedInputs(random, 300, width), width);
  absl::StatusOr<QuantizedMatrix> reference = quantize(values, rows, format, statistics);
  for (float factor : {0x1p60f, 0x1p-60f}) {
    InputStatistics sized = statistics;
    for (float &value : sized.gram)
      value *= factor;
    matrix = quantize(values, rows, format, sized);
    ASSERT_TRUE(matrix.ok()) << matrix.status();
    EXPECT_EQ(matrix->codes, reference->codes);
  }
  // Zero rows and one column.
  matrix = quantize(std::vector<float>(width), 1, format, statistics);
  ASSERT_TRUE(matrix.ok());
  EXPECT_EQ(matrix->codes, std::vector<int8_t>(width, 0));
  InputStatistics narrow = statisticsOf({2.0f, 1.0f}, 1);
  matrix = quantize({3.0f, -1.0f}, 2, *Format::parse("int8"), narrow);
  ASSERT_TRUE(matrix.ok());
  EXPECT_NEAR(dequantize(*matrix)[0], 3.0f, 0.01f);
}

TEST(Gptq, DampsUntilItIsPositive) {
  std::mt19937 random(6);
  const int64_t width = 40;
  std::vector<float> values = bellValues(random, 2 * width);
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 100, width), width);
  const double mean = [&] {
    double sum = 0;
    for (int64_t k = 0; k < width; ++k)
      sum += statistics.gram[k * width + k] / static_cast<double>(width);
    return sum;
  }();
  // An off-diagonal element so large that only damping by the whole mean is enough.
  statistics.gram[1] = statistics.gram[width] =
      static_cast<float>(0.9 * mean + std::sqrt(statistics.gram[0] * statistics.gram[width + 1]));
  EXPECT_TRUE(quantize(values, 2, *Format::parse("int4"), statistics).ok());
  statistics.gram[1] = statistics.gram[width] = static_cast<float>(1000 * mean);
  absl::Status status = quantize(values, 2, *Format::parse("int4"), statistics).status();
  EXPECT_NE(status.message().find("positive semidefinite"), std::string::npos) << status;
}

TEST(Gptq, RefusesWhatItCannotUse) {
  std::vector<float> values(64, 1.0f);
  const Format format = *Format::parse("int4");
  EXPECT_NE((*makeQuantizer("gptq"))
                ->quantize({values.data(), 2, 32, false}, format, nullptr, 1)
                .status()
                .message()
                .find("Gram matrix"),
            std::string::npos);
  values[40] = NAN;
  std::mt19937 random(7);
  InputStatistics statistics = statisticsOf(correlatedInputs(random, 50, 32), 32);
  EXPECT_NE(quantize(values, 2, format, statistics).status().message().find("row 1, column 8"),
            std::string::npos);
}

TEST(Gptq, SameBitsOnEveryHost) {
  // Taken from x86-64, where AVX2 and the baseline agree.
  uint64_t hash = 1469598103934665603u; // FNV-1a
  auto add = [&](const void *data, size_t size) {
    for (size_t i = 0; i < size; ++i)
      hash = (hash ^ static_cast<const uint8_t *>(data)[i]) * 1099511628211u;
  };
  std::mt19937 random(11);
  const int64_t rows = 20, width = 150;
  std::vector<float> values = bellValues(random, rows * width);
  InputStatistics statistics = statisticsOf(bellValues(random, 90 * width), width, 2);
  for (const std::string &name : integerFormats())
    for (const char *algorithm : {"rtn", "gptq"}) {
      absl::StatusOr<QuantizedMatrix> matrix =
          (*makeQuantizer(algorithm))
              ->quantize({values.data(), rows, width, name == "int3g32"}, *Format::parse(name),
                         &statistics, 2);
      ASSERT_TRUE(matrix.ok());
      add(matrix->codes.data(), matrix->codes.size());
      add(matrix->rowScales.data(), matrix->rowScales.size() * sizeof(float));
      add(matrix->ratios.data(), matrix->ratios.size());
      add(matrix->halfScales.data(), matrix->halfScales.size() * sizeof(uint16_t));
    }
  EXPECT_EQ(hash, 7354384787196984878u);
}

TEST(TableStatistics, IsWhatTheReadersMakeOfAnError) {
  std::mt19937 random(12);
  const int64_t width = 40;
  std::vector<float> first = bellValues(random, 30 * width);
  std::vector<float> second = bellValues(random, 7 * width), scale = bellValues(random, width);
  const std::vector<WeightView> readers = {{first.data(), 30, width, false},
                                           {second.data(), 7, width, false}};
  std::vector<float> error = bellValues(random, width);
  double read = 0, diagonal = 0, direct = 0, scales = 0;
  for (const WeightView &reader : readers)
    for (int64_t row = 0; row < reader.rows; ++row) {
      double sum = 0;
      for (int64_t k = 0; k < width; ++k) {
        const double factor = static_cast<double>(reader.data[row * width + k]) * scale[k];
        sum += factor * error[k];
        diagonal += factor * factor / width;
      }
      read += sum * sum;
    }
  for (int64_t k = 0; k < width; ++k) {
    direct += static_cast<double>(scale[k]) * scale[k] * error[k] * error[k];
    scales += static_cast<double>(scale[k]) * scale[k] / width;
  }
  for (double share : {0.0, 0.3, 1.0}) {
    absl::StatusOr<InputStatistics> statistics = tableStatistics(readers, scale, share);
    ASSERT_TRUE(statistics.ok()) << statistics.status();
    const double expected = share * read / diagonal + (1 - share) * direct / scales;
    EXPECT_NEAR(outputError(error.data(), std::vector<float>(width).data(), 1, width,
                            statistics->gram.data(), 1),
                expected, 1e-5 * expected);
  }
  EXPECT_FALSE(tableStatistics({}, scale, 0.5).ok());
  EXPECT_FALSE(tableStatistics(readers, {scale.data(), 3}, 0.5).ok());
  EXPECT_FALSE(tableStatistics(readers, scale, 1.5).ok());
  const std::vector<WeightView> odd = {readers[0], {second.data(), 14, width / 2, false}};
  EXPECT_FALSE(tableStatistics(odd, scale, 0.5).ok());
}

TEST(Cholesky, AgreesWithEigen) {
  std::mt19937 random(8);
  for (int64_t n : {1, 5, 63, 64, 65, 200, 321}) {
    std::vector<float> inputs = correlatedInputs(random, 2 * n + 3, n);
    InputStatistics statistics = statisticsOf(inputs, n);
    std::vector<double> factor(statistics.gram.begin(), statistics.gram.end());
    for (int64_t k = 0; k < n; ++k)
      factor[k * n + k] += 0.1;
    Eigen::Map<Matrix> view(factor.data(), n, n);
    const Matrix original = view;
    const Matrix expected = original.llt().matrixL();
    std::vector<double> threaded = factor;
    ASSERT_TRUE(factorizeCholesky(factor.data(), n, 1));
    const Matrix lower = view.triangularView<Eigen::Lower>();
    EXPECT_LE((lower - expected).norm(), 1e-9 * expected.norm()) << n;
    for (unsigned threads : {2u, 3u}) {
      std::vector<double> again = threaded;
      ASSERT_TRUE(factorizeCholesky(again.data(), n, threads));
      EXPECT_EQ(again, factor);
    }
    Eigen::VectorXd right = Eigen::VectorXd::LinSpaced(n, -1, 2);
    std::vector<double> solution(right.data(), right.data() + n);
    solveCholesky(factor.data(), n, solution.data());
    const Eigen::VectorXd solved = Eigen::Map<Eigen::VectorXd>(solution.data(), n);
    EXPECT_LE((original.selfadjointView<Eigen::Lower>() * solved - right).norm(), 1e-8);
  }
  std::vector<double> indefinite = {1, 2, 2, 1};
  EXPECT_FALSE(factorizeCholesky(indefinite.data(), 2, 1));
}

TEST(Cholesky, ProductsSumInOrder) {
  std::mt19937 random(9);
  for (auto [rows, columns, depth] :
       {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {7, 33, 300}, {65, 16, 513}, {4, 100, 5}}) {
    std::vector<float> a = bellValues(random, rows * depth),
                       b = bellValues(random, depth * columns);
    std::vector<float> c = bellValues(random, rows * columns), expected = c;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < columns; ++j)
          expected[i * columns + j] += a[i * depth + k] * b[k * columns + j];
    multiplyAdd(c.data(), columns, a.data(), depth, b.data(), columns, rows, columns, depth);
    EXPECT_EQ(c, expected);
  }
}

} // namespace
