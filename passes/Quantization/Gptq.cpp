// GPTQ: columns one after the other, each rounded to make up for the errors before it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Gptq.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/HalfFloat.h"
#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/Parallel.h"
#include "passes/Quantization/QuantizerSupport.h"
#include "passes/Quantization/ScaleSearch.h"
#include "passes/Quantization/WeightPacking.h"
#include <algorithm>
#include <numeric>

using namespace gem;
using namespace gem::quant;

namespace {

/// Columns whose errors reach the rest of the row together; whole groups.
constexpr int64_t kBlock = 128;
/// Rows that a thread works on together, so that their errors stay in its cache.
constexpr int64_t kRows = 64;

/// What quantizing in `order` needs of H: with H = U U^T in that order, U upper triangular,
/// the output error of a row is sum_i (sum_{j <= i} e_j U_ji)^2, e = w - q.
struct Feedback {
  std::vector<int64_t> order; ///< The column at each position.
  std::vector<float> factors; ///< [width, width], j < i: U_ji / U_ii.
  std::vector<float> pivots;  ///< U_ii^2, by column.
  float damping = 0;          ///< What H has more on its diagonal than the statistics.
};

class Gptq final : public WeightQuantizer {
public:
  explicit Gptq(const GptqOptions &options) : options(options) {}
  std::string_view name() const override { return "gptq"; }
  bool needsStatistics() const override { return true; }

  absl::StatusOr<QuantizedMatrix> quantize(const WeightView &weight, const Format &format,
                                           const InputStatistics *statistics,
                                           unsigned threads) const override {
    if (absl::Status status = checkArguments(weight, format, statistics, threads); !status.ok())
      return status;
    if (!statistics || statistics->gram.empty())
      return absl::InvalidArgumentError(
          "expected statistics with a Gram matrix for gptq, but got none: calibrate");
    absl::StatusOr<Feedback> feedback = makeFeedback(*statistics, threads);
    if (!feedback.ok())
      return feedback.status();
    const std::vector<float> squares = inputSquares(statistics);
    const float *importance =
        options.importance == GptqOptions::Importance::kPivots    ? feedback->pivots.data()
        : options.importance == GptqOptions::Importance::kSquares ? squares.data()
                                                                  : nullptr;
    QuantizedMatrix matrix = makeQuantizedMatrix(format, weight.rows, weight.width);
    parallelRanges((weight.rows + kRows - 1) / kRows, threads, [&](int64_t first, int64_t last) {
      ScaleSearch search(format, weight.width, weight.isTable, importance);
      for (int64_t part = first; part < last; ++part)
        quantizeRows(weight, part * kRows, std::min(weight.rows, (part + 1) * kRows), *feedback,
                     search, matrix);
      for (int64_t part = first; part < last && options.sweeps > 0; ++part)
        polishRows(weight, part * kRows, std::min(weight.rows, (part + 1) * kRows),
                   statistics->gram.data(), feedback->damping, matrix);
    });
    return matrix;
  }

private:
  absl::StatusOr<Feedback> makeFeedback(const InputStatistics &statistics, unsigned threads) const {
    const int64_t n = statistics.width;
    const float *gram = statistics.gram.data();
    Feedback feedback;
    feedback.order.resize(n);
    std::iota(feedback.order.begin(), feedback.order.end(), 0);
    if (options.activationOrder)
      std::stable_sort(feedback.order.begin(), feedback.order.end(),
                       [&](int64_t a, int64_t b) { return gram[a * n + a] > gram[b * n + b]; });
    double mean = 0;
    for (int64_t k = 0; k < n; ++k)
      mean += gram[k * n + k];
    mean /= static_cast<double>(n);
    if (!(mean > 0))
      mean = 1; // no input was ever other than 0: nothing to make up for
    std::vector<double> factor(n * n);
    bool isPositive = false;
    for (double damping = options.damping; !isPositive && damping <= 10; damping *= 10) {
      // Backwards, so that the lower factor is U.
      for (int64_t i = 0; i < n; ++i) {
        const int64_t row = feedback.order[n - 1 - i] * n;
        for (int64_t j = 0; j <= i; ++j)
          factor[i * n + j] = gram[row + feedback.order[n - 1 - j]];
        factor[i * n + i] += damping * mean;
      }
      feedback.damping = static_cast<float>(damping * mean);
      isPositive = factorizeCholesky(factor.data(), n, threads);
    }
    if (!isPositive)
      return absl::InvalidArgumentError(
          "expected a positive semidefinite Gram matrix, but got one that is not, even damped by "
          "10 times its mean diagonal: calibrate again");
    feedback.factors.resize(n * n);
    feedback.pivots.resize(n);
    for (int64_t j = 0; j < n; ++j) {
      const double *row = factor.data() + (n - 1 - j) * n;
      feedback.pivots[feedback.order[j]] = static_cast<float>(row[n - 1 - j] * row[n - 1 - j]);
      for (int64_t i = j + 1; i < n; ++i)
        feedback.factors[j * n + i] =
            static_cast<float>(row[n - 1 - i] / factor[(n - 1 - i) * n + n - 1 - i]);
    }
    return feedback;
  }

  void quantizeRows(const WeightView &weight, int64_t first, int64_t last, const Feedback &feedback,
                    ScaleSearch &search, QuantizedMatrix &matrix) const {
    const int64_t n = weight.width, count = last - first;
    const Format &format = matrix.format;
    const float minimum = static_cast<float>(format.minimum());
    const float maximum = static_cast<float>(format.maximum());
    const bool chooseAgain =
        format.group && !options.activationOrder && options.chooseGroupsOnEntry;
    std::vector<float> errors(count * n), targets(count * kBlock), scales(n);
    for (int64_t row = first; row < last; ++row)
      search.chooseScales(weight.data + row * n, row, matrix);

    for (int64_t block = 0; block < n; block += kBlock) {
      const int64_t size = std::min(kBlock, n - block);
      for (int64_t r = 0; r < count; ++r)
        for (int64_t i = 0; i < size; ++i)
          targets[r * kBlock + i] = weight.data[(first + r) * n + feedback.order[block + i]];
      multiplyAdd(targets.data(), kBlock, errors.data(), n, feedback.factors.data() + block, n,
                  count, size, block);
      for (int64_t r = 0; r < count; ++r) {
        const int64_t row = first + r;
        float *target = targets.data() + r * kBlock;
        float *error = errors.data() + r * n + block;
        for (int64_t i = 0; i < size; ++i) {
          const int64_t column = feedback.order[block + i];
          if (chooseAgain && (block + i) % format.group == 0)
            search.chooseGroupScale(target + i, row, (block + i) / format.group, matrix);
          const float scale = matrix.scaleAt(row, column);
          float code = 0;
          if (scale > 0) {
            code = target[i] / scale;
            code = std::clamp(code, minimum, maximum);
            code = (code + kRounder) - kRounder;
          }
          matrix.codes[row * n + column] = static_cast<int8_t>(static_cast<int32_t>(code));
          error[i] = weight.data[row * n + column] - scale * code;
          const float *factors = feedback.factors.data() + (block + i) * n + block;
          for (int64_t j = i + 1; j < size; ++j)
            target[j] += error[i] * factors[j];
        }
      }
    }
  }

  /// Coordinate descent on e H e^T of each row, with `slopes` = e H kept up to date.
  void polishRows(const WeightView &weight, int64_t first, int64_t last, const float *gram,
                  float damping, QuantizedMatrix &matrix) const {
    const int64_t n = weight.width, count = last - first;
    std::vector<float> errors(count * n), slopes(count * n);
    for (int64_t r = 0; r < count; ++r) {
      float *error = errors.data() + r * n;
      matrix.dequantizeRow(first + r, error);
      for (int64_t k = 0; k < n; ++k) {
        error[k] = weight.data[(first + r) * n + k] - error[k];
        slopes[r * n + k] = damping * error[k];
      }
    }
    multiplyAdd(slopes.data(), n, errors.data(), n, gram, n, count, n, n);
    for (int sweep = 0; sweep < options.sweeps; ++sweep) {
      for (int64_t r = 0; r < count; ++r)
        chooseCodesAgain(first + r, gram, damping, slopes.data() + r * n, matrix);
      for (int64_t group = 0; group < matrix.groups(); ++group)
        chooseGroupScalesAgain(group, first, last, gram, damping, slopes.data(), matrix);
    }
  }

  void chooseCodesAgain(int64_t row, const float *gram, float damping, float *slopes,
                        QuantizedMatrix &matrix) const {
    const int64_t n = matrix.width;
    const float minimum = static_cast<float>(matrix.format.minimum());
    const float maximum = static_cast<float>(matrix.format.maximum());
    for (int64_t k = 0; k < n; ++k) {
      const float scale = matrix.scaleAt(row, k), curvature = gram[k * n + k] + damping;
      if (!(scale > 0) || !(curvature > 0))
        continue;
      int8_t &code = matrix.codes[row * n + k];
      float next = static_cast<float>(code) + slopes[k] / curvature / scale;
      next = std::clamp(next, minimum, maximum);
      next = (next + kRounder) - kRounder;
      if (next == static_cast<float>(code))
        continue;
      const float step = scale * (next - static_cast<float>(code));
      for (int64_t j = 0; j < n; ++j)
        slopes[j] -= step * gram[k * n + j];
      slopes[k] -= step * damping;
      code = static_cast<int8_t>(static_cast<int32_t>(next));
    }
  }

  /// For all rows at once: the products are what takes the time.
  void chooseGroupScalesAgain(int64_t group, int64_t first, int64_t last, const float *gram,
                              float damping, float *slopes, QuantizedMatrix &matrix) const {
    const int64_t n = matrix.width, column = group * matrix.format.group, rows = last - first;
    const int64_t size = std::min(matrix.format.group, n - column);
    std::vector<float> codes(rows * size), products(rows * size);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < size; ++i) {
        codes[r * size + i] = matrix.codes[(first + r) * n + column + i];
        products[r * size + i] = damping * codes[r * size + i];
      }
    multiplyAdd(products.data(), size, codes.data(), size, gram + column * n + column, n, rows,
                size, size);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t row = first + r, index = row * matrix.groups() + group;
      float *code = codes.data() + r * size;
      double slope = 0, curvature = 0;
      for (int64_t i = 0; i < size; ++i) {
        slope += static_cast<double>(slopes[r * n + column + i]) * code[i];
        curvature += static_cast<double>(products[r * size + i]) * code[i];
      }
      const float scale = matrix.scaleAt(row, column);
      const float ideal = curvature > 0 ? scale + static_cast<float>(slope / curvature) : 0;
      if (scale > 0 && ideal > 0) {
        if (matrix.format.scales == Scales::kF16Group)
          matrix.halfScales[index] = floatToHalf(std::min(ideal, 65504.0f));
        else
          matrix.ratios[index] =
              static_cast<uint8_t>(std::max(1, nearestCode(ideal, matrix.rowScales[row], 0, 255)));
      }
      const float step = matrix.scaleAt(row, column) - scale;
      for (int64_t i = 0; i < size; ++i) {
        code[i] *= -step; // from here on: what the errors change by
        slopes[r * n + column + i] += damping * code[i];
      }
    }
    multiplyAdd(slopes, n, codes.data(), size, gram + column * n, n, rows, n, size);
  }

  /// Adding and subtracting rounds to an integer, halves to even.
  static constexpr float kRounder = 0x1.8p23f;

  const GptqOptions options;
};

} // namespace

std::unique_ptr<WeightQuantizer> gem::quant::makeGptq(const GptqOptions &options) {
  return std::make_unique<Gptq>(options);
}
