// Ridge regression from sums over rows.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Preservation/Regression.h"
#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/Parallel.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <thread>

using namespace gem::preserve;
using gem::quant::kGramTile;

namespace {

constexpr int64_t kBlockRows = 512;
/// Multiply-accumulates that are worth starting threads for.
constexpr int64_t kThreadedWork = 20'000'000;
/// Right-hand sides that are solved together.
constexpr int64_t kSolved = 32;

int64_t panelsOf(int64_t columns) { return (columns + kGramTile - 1) / kGramTile; }

/// Solves L L^T X = B in place for kSolved columns [n, kSolved], each in the order of rows.
void solveColumns(const std::vector<double> &factor, int64_t n, double *columns) {
  double row[kSolved];
  for (int64_t i = 0; i < n; ++i) {
    const double *l = factor.data() + i * n;
    std::copy_n(columns + i * kSolved, kSolved, row);
    for (int64_t k = 0; k < i; ++k)
      for (int64_t c = 0; c < kSolved; ++c)
        row[c] -= l[k] * columns[k * kSolved + c];
    for (int64_t c = 0; c < kSolved; ++c)
      columns[i * kSolved + c] = row[c] / l[i];
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    const double *l = factor.data() + i * n;
    for (int64_t c = 0; c < kSolved; ++c)
      columns[i * kSolved + c] = row[c] = columns[i * kSolved + c] / l[i];
    for (int64_t k = 0; k < i; ++k)
      for (int64_t c = 0; c < kSolved; ++c)
        columns[k * kSolved + c] -= l[k] * row[c];
  }
}

/// A Gram matrix with its ridge, factorized.
class RidgeFactor {
public:
  RidgeFactor(std::vector<double> gram, int64_t width, double ridge, unsigned threads)
      : width(width) {
    double trace = 0;
    for (int64_t i = 0; i < width; ++i)
      trace += gram[i * width + i];
    const double mean = trace / static_cast<double>(width);
    if (!(mean > 0))
      return;
    // Each try spoils the matrix.
    for (double added = ridge; added < 1e3; added = std::max(added * 10, 1e-10)) {
      factor = gram;
      for (int64_t i = 0; i < width; ++i)
        factor[i * width + i] += added * mean;
      if (gem::quant::factorizeCholesky(factor.data(), width, threads))
        return;
    }
    factor.clear();
  }

  /// [outputs, width] for right-hand sides [width, outputs].
  std::vector<double> solve(const std::vector<double> &right, int64_t outputs,
                            unsigned threads) const {
    std::vector<double> result(outputs * width);
    if (factor.empty())
      return result;
    gem::quant::parallelRanges(
        (outputs + kSolved - 1) / kSolved, threads, [&](int64_t first, int64_t last) {
          std::vector<double> columns(width * kSolved);
          for (int64_t block = first; block < last; ++block) {
            const int64_t begin = block * kSolved, count = std::min(kSolved, outputs - begin);
            std::fill(columns.begin(), columns.end(), 0.0);
            for (int64_t k = 0; k < width; ++k)
              std::copy_n(right.data() + k * outputs + begin, count, columns.data() + k * kSolved);
            solveColumns(factor, width, columns.data());
            for (int64_t k = 0; k < width; ++k)
              for (int64_t c = 0; c < count; ++c)
                result[(begin + c) * width + k] = columns[k * kSolved + c];
          }
        });
    return result;
  }

private:
  int64_t width;
  std::vector<double> factor; ///< Empty: the inputs are all 0.
};

/// [width, outputs]: covariance times the transposed `weights` [outputs, width].
std::vector<double> timesTransposed(const std::vector<double> &covariance,
                                    const std::vector<double> &weights, int64_t width,
                                    int64_t outputs, unsigned threads) {
  std::vector<double> transposed(width * outputs), product(width * outputs);
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t k = 0; k < width; ++k)
      transposed[k * outputs + o] = weights[o * width + k];
  gem::quant::parallelRanges(width, threads, [&](int64_t first, int64_t last) {
    gem::quant::multiplyAdd(product.data() + first * outputs, outputs,
                            covariance.data() + first * width, width, transposed.data(), outputs,
                            last - first, outputs, width);
  });
  return product;
}

} // namespace

MomentSums::MomentSums(int64_t width, std::vector<int64_t> given, unsigned threads)
    : width(width), outputs(std::move(given)), threads(threads) {
  inputPanels = panels = panelsOf(width);
  for (int64_t count : outputs) {
    firstPanel.push_back(panels);
    panels += panelsOf(count);
  }
  const size_t columns = panels * kGramTile;
  shift.resize(columns);
  sums.resize(columns);
  squares.resize(columns);
  weights.reserve(kBlockRows);
  const size_t bytes = columns * kBlockRows * sizeof(float);
  buffer.reset(static_cast<float *>(std::aligned_alloc(64, bytes)));
  std::memset(buffer.get(), 0, bytes); // Columns past the widths stay 0.
  matrix.reset(
      static_cast<double *>(std::calloc(inputPanels * kGramTile * columns, sizeof(double))));
}

MomentSums::~MomentSums() = default;

void MomentSums::add(const float *inputs, const std::vector<const float *> &errors, double weight) {
  auto put = [&](const float *row, int64_t count, int64_t first) {
    for (int64_t panel = 0; panel * kGramTile < count; ++panel)
      std::copy_n(row + panel * kGramTile, std::min(kGramTile, count - panel * kGramTile),
                  buffer.get() + ((first + panel) * kBlockRows + buffered) * kGramTile);
  };
  put(inputs, width, 0);
  for (size_t i = 0; i < outputs.size(); ++i)
    put(errors[i], outputs[i], firstPanel[i]);
  weights.push_back(weight);
  if (++buffered == kBlockRows)
    flush();
}

void MomentSums::flush() {
  static const gem::quant::GramTileFunction gramTile = gem::quant::findGramTile();
  const int64_t rows = buffered, stride = panels * kGramTile;
  // Panels are independent of each other: first the columns, then the products.
  auto scalePanel = [&](int64_t panel) {
    float *data = buffer.get() + panel * kBlockRows * kGramTile;
    float *taken = shift.data() + panel * kGramTile;
    if (!isShifted) {
      double means[kGramTile] = {};
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < kGramTile; ++i)
          means[i] += data[r * kGramTile + i];
      for (int64_t i = 0; i < kGramTile; ++i)
        taken[i] = static_cast<float>(means[i] / static_cast<double>(rows));
    }
    double *sum = sums.data() + panel * kGramTile, *square = squares.data() + panel * kGramTile;
    for (int64_t r = 0; r < rows; ++r) {
      const double weight = weights[r];
      const auto scale = static_cast<float>(std::sqrt(weight));
      float *row = data + r * kGramTile;
      for (int64_t i = 0; i < kGramTile; ++i) {
        const float value = row[i] - taken[i];
        sum[i] += weight * value;
        square[i] += weight * value * value;
        row[i] = value * scale;
      }
    }
  };
  auto multiplyPanel = [&](int64_t i) {
    for (int64_t j = i; j < panels; ++j)
      gramTile(buffer.get() + i * kBlockRows * kGramTile, buffer.get() + j * kBlockRows * kGramTile,
               rows, matrix.get() + i * kGramTile * stride + j * kGramTile, stride);
  };
  auto run = [&](auto step, int64_t count) {
    std::atomic<int64_t> next{0};
    auto work = [&] {
      for (int64_t i = next++; i < count; i = next++)
        step(i);
    };
    std::vector<std::thread> helpers;
    if (rows * stride * inputPanels * kGramTile >= kThreadedWork)
      for (unsigned i = 1; i < threads; ++i)
        helpers.emplace_back(work);
    work();
    for (std::thread &helper : helpers)
      helper.join();
  };
  run(scalePanel, panels);
  run(multiplyPanel, inputPanels);
  for (double weight : weights)
    totalWeight += weight;
  weights.clear();
  isShifted = true;
  buffered = 0;
}

Moments MomentSums::finish() {
  if (buffered)
    flush();
  buffer.reset();
  Moments result;
  result.width = width;
  const int64_t stride = panels * kGramTile;
  const double scale = totalWeight > 0 ? 1 / totalWeight : 0;
  auto mean = [&](int64_t column) { return sums[column] * scale; }; // of the shifted column
  result.mean.resize(width);
  result.covariance.resize(width * width);
  for (int64_t i = 0; i < width; ++i) {
    result.mean[i] = shift[i] + mean(i);
    for (int64_t j = i; j < width; ++j)
      result.covariance[i * width + j] = result.covariance[j * width + i] =
          matrix.get()[i * stride + j] * scale - mean(i) * mean(j);
  }
  for (size_t t = 0; t < outputs.size(); ++t) {
    Moments::Target &target = result.targets.emplace_back();
    target.outputs = outputs[t];
    target.covariance.resize(width * outputs[t]);
    const int64_t first = firstPanel[t] * kGramTile;
    for (int64_t o = 0; o < outputs[t]; ++o) {
      target.mean.push_back(shift[first + o] + mean(first + o));
      target.variance.push_back(
          std::max(0.0, squares[first + o] * scale - mean(first + o) * mean(first + o)));
      for (int64_t k = 0; k < width; ++k)
        target.covariance[k * outputs[t] + o] =
            matrix.get()[k * stride + first + o] * scale - mean(k) * mean(first + o);
    }
  }
  matrix.reset();
  return result;
}

std::vector<Correction> gem::preserve::solveRidge(const Moments &moments,
                                                  const std::vector<RidgeRequest> &requests,
                                                  unsigned threads) {
  const int64_t width = moments.width;
  std::vector<Correction> result(requests.size());
  std::map<std::pair<bool, double>, std::vector<size_t>> kinds;
  for (size_t t = 0; t < requests.size(); ++t) {
    const Moments::Target &target = moments.targets[t];
    result[t].weights.resize(target.outputs * width);
    if (requests[t].hasBias)
      result[t].bias = target.mean;
    if (std::isfinite(requests[t].ridge))
      kinds[{requests[t].hasBias, requests[t].ridge}].push_back(t);
  }
  for (const auto &[kind, targets] : kinds) {
    const auto [hasBias, ridge] = kind;
    std::vector<double> gram = moments.covariance;
    if (!hasBias)
      for (int64_t i = 0; i < width; ++i)
        for (int64_t j = 0; j < width; ++j)
          gram[i * width + j] += moments.mean[i] * moments.mean[j];
    RidgeFactor factor(std::move(gram), width, ridge, threads);
    for (size_t t : targets) {
      const Moments::Target &target = moments.targets[t];
      const int64_t outputs = target.outputs;
      std::vector<double> right = target.covariance;
      if (!hasBias)
        for (int64_t k = 0; k < width; ++k)
          for (int64_t o = 0; o < outputs; ++o)
            right[k * outputs + o] += moments.mean[k] * target.mean[o];
      result[t].weights = factor.solve(right, outputs, threads);
      for (int64_t o = 0; hasBias && o < outputs; ++o)
        for (int64_t k = 0; k < width; ++k)
          result[t].bias[o] -= result[t].weights[o * width + k] * moments.mean[k];
    }
  }
  return result;
}

double gem::preserve::errorAfter(const Moments &moments, const Moments::Target &target,
                                 const Correction &correction, unsigned threads) {
  const int64_t width = moments.width, outputs = target.outputs;
  std::vector<double> product =
      timesTransposed(moments.covariance, correction.weights, width, outputs, threads);
  double sum = 0;
  for (int64_t o = 0; o < outputs; ++o) {
    double error = target.variance[o];
    double mean = (correction.bias.empty() ? 0 : correction.bias[o]) - target.mean[o];
    for (int64_t k = 0; k < width; ++k) {
      const double weight = correction.weights[o * width + k];
      error += weight * (product[k * outputs + o] - 2 * target.covariance[k * outputs + o]);
      mean += weight * moments.mean[k];
    }
    sum += std::max(0.0, error) + mean * mean;
  }
  return sum;
}

void gem::preserve::transformInputs(Moments &moments, const std::vector<double> &factors,
                                    const std::vector<double> &offsets,
                                    const std::vector<std::vector<float>> &weights,
                                    unsigned threads) {
  const int64_t width = moments.width;
  for (size_t t = 0; t < moments.targets.size(); ++t) {
    // e' = e - W ((f - 1) x + g)
    Moments::Target &target = moments.targets[t];
    const int64_t outputs = target.outputs;
    std::vector<double> change(outputs * width);
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t k = 0; k < width; ++k) {
        const double weight = weights[t][o * width + k];
        change[o * width + k] = weight * (factors[k] - 1);
        target.mean[o] -= weight * ((factors[k] - 1) * moments.mean[k] + offsets[k]);
      }
    std::vector<double> product =
        timesTransposed(moments.covariance, change, width, outputs, threads);
    for (int64_t k = 0; k < width; ++k)
      for (int64_t o = 0; o < outputs; ++o) {
        double &covariance = target.covariance[k * outputs + o];
        target.variance[o] += change[o * width + k] * (product[k * outputs + o] - 2 * covariance);
        covariance = factors[k] * (covariance - product[k * outputs + o]);
      }
    for (double &variance : target.variance)
      variance = std::max(0.0, variance);
  }
  for (int64_t i = 0; i < width; ++i) {
    moments.mean[i] = factors[i] * moments.mean[i] + offsets[i];
    for (int64_t j = 0; j < width; ++j)
      moments.covariance[i * width + j] *= factors[i] * factors[j];
  }
}
