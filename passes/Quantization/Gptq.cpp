// GPTQ: columns one after the other, each rounded to make up for the errors before it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Gptq.h"
#include "absl/strings/str_cat.h"
#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/Parallel.h"
#include "passes/Quantization/QuantizerSupport.h"
#include "passes/Quantization/ScaleSearch.h"
#include "passes/Quantization/WeightPacking.h"
#include <algorithm>
#include <numeric>

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

  /// Adding and subtracting rounds to an integer, halves to even.
  static constexpr float kRounder = 0x1.8p23f;

  const GptqOptions options;
};

} // namespace

std::unique_ptr<WeightQuantizer> gem::quant::makeGptq(const GptqOptions &options) {
  return std::make_unique<Gptq>(options);
}
