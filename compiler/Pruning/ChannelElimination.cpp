// Which input channels of a linear layer to do without, and how the others make up for them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/ChannelElimination.h"
#include "passes/Quantization/Cholesky.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

using namespace gem;

namespace {

/// The covariance with `damping` of its mean diagonal added, and a trifle so that channels that
/// are always 0 do not make it singular.
std::vector<double> damped(const InputMoments &moments, double damping) {
  std::vector<double> matrix = moments.covariance;
  double sum = 0;
  for (int64_t i = 0; i < moments.width; ++i)
    sum += matrix[i * moments.width + i];
  double added = damping * sum / static_cast<double>(moments.width) + 1e-12;
  for (int64_t i = 0; i < moments.width; ++i)
    matrix[i * moments.width + i] += added;
  return matrix;
}

/// The Cholesky factor of a symmetric matrix [n, n]. What rounding took from its definiteness is
/// given back to the diagonal, more each time; that ends, since the values are finite.
std::vector<double> factorize(const std::vector<double> &matrix, int64_t n) {
  double largest = 1e-30;
  for (int64_t i = 0; i < n; ++i)
    largest = std::max(largest, std::abs(matrix[i * n + i]));
  std::vector<double> factor = matrix;
  for (double extra = 1e-12; !quant::factorizeCholesky(factor.data(), n, 1) && extra < 1e6;
       extra *= 10) {
    factor = matrix;
    for (int64_t i = 0; i < n; ++i)
      factor[i * n + i] += extra * largest;
  }
  return factor;
}

/// The inverse of a symmetric positive definite matrix [n, n].
std::vector<double> invert(const std::vector<double> &matrix, int64_t n) {
  std::vector<double> factor = factorize(matrix, n), inverse(n * n);
  for (int64_t i = 0; i < n; ++i) {
    inverse[i * n + i] = 1;
    quant::solveCholesky(factor.data(), n, inverse.data() + i * n);
  }
  return inverse;
}

/// a [n, n], small, to its inverse by Gauss and Jordan; it is positive definite.
void invertSmall(std::vector<double> &a, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    double pivot = 1 / a[k * n + k];
    for (int64_t i = 0; i < n; ++i) {
      if (i == k)
        continue;
      double factor = a[i * n + k] * pivot;
      for (int64_t j = 0; j < n; ++j)
        if (j != k)
          a[i * n + j] -= factor * a[k * n + j];
      a[i * n + k] = -factor;
    }
    for (int64_t j = 0; j < n; ++j)
      if (j != k)
        a[k * n + j] *= pivot;
    a[k * n + k] = pivot;
  }
}

/// State of the elimination: what is left of the weight and of the inverse covariance.
class Eliminator {
public:
  Eliminator(const WeightMatrix &weight, const InputMoments &moments,
             const EliminationOptions &options)
      : rows(weight.rows), width(weight.width), entryWidth(options.entryWidth), options(options),
        values(weight.values.begin(), weight.values.end()),
        inverse(invert(damped(moments, options.damping), width)), isGone(width / entryWidth) {
    variance = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const double *w = values.data() + r * width;
      for (int64_t i = 0; i < width; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < width; ++j)
          sum += moments.covariance[i * width + j] * w[j];
        variance += w[i] * sum;
      }
    }
  }

  Elimination run() {
    Elimination result;
    int64_t count = width / entryWidth;
    double error = 0;
    for (int64_t step = 0; step < count; ++step) {
      int64_t best = -1;
      double least = std::numeric_limits<double>::infinity(), rise = 0;
      for (int64_t entry = 0; entry < count; ++entry) {
        if (isGone[entry])
          continue;
        double cost = riseOf(entry);
        double weighted = options.importance.empty() ? cost : cost * options.importance[entry];
        if (weighted < least) {
          least = weighted;
          rise = cost;
          best = entry;
        }
      }
      remove(best);
      error += rise;
      result.order.push_back(best);
      result.error.push_back(variance > 0 ? error / variance : 0);
    }
    return result;
  }

private:
  std::vector<double> blockOf(int64_t entry) const {
    std::vector<double> block(entryWidth * entryWidth);
    for (int64_t i = 0; i < entryWidth; ++i)
      for (int64_t j = 0; j < entryWidth; ++j)
        block[i * entryWidth + j] =
            inverse[(entry * entryWidth + i) * width + entry * entryWidth + j];
    invertSmall(block, entryWidth);
    return block;
  }

  /// By how much the squared error of the output rises: tr(W_e (H^-1_ee)^-1 W_e^T).
  double riseOf(int64_t entry) const {
    std::vector<double> block = blockOf(entry);
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const double *w = values.data() + r * width + entry * entryWidth;
      for (int64_t i = 0; i < entryWidth; ++i) {
        double product = 0;
        for (int64_t j = 0; j < entryWidth; ++j)
          product += block[i * entryWidth + j] * w[j];
        sum += w[i] * product;
      }
    }
    return sum;
  }

  void remove(int64_t entry) {
    std::vector<double> block = blockOf(entry);
    int64_t first = entry * entryWidth;
    // (H^-1_ee)^-1 H^-1_e,: , [entryWidth, width]
    std::vector<double> rowsOfEntry(entryWidth * width);
    for (int64_t i = 0; i < entryWidth; ++i)
      for (int64_t k = 0; k < entryWidth; ++k) {
        double factor = block[i * entryWidth + k];
        const double *from = inverse.data() + (first + k) * width;
        double *to = rowsOfEntry.data() + i * width;
        for (int64_t j = 0; j < width; ++j)
          to[j] += factor * from[j];
      }
    std::vector<double> left(entryWidth);
    auto subtract = [&](double *row) {
      std::copy_n(row + first, entryWidth, left.begin());
      for (int64_t k = 0; k < entryWidth; ++k) {
        double factor = left[k];
        const double *from = rowsOfEntry.data() + k * width;
        for (int64_t j = 0; j < width; ++j)
          row[j] -= factor * from[j];
      }
      std::fill_n(row + first, entryWidth, 0.0);
    };
    for (int64_t r = 0; r < rows; ++r)
      subtract(values.data() + r * width);
    for (int64_t i = 0; i < width; ++i)
      if (!isGone[i / entryWidth])
        subtract(inverse.data() + i * width);
    isGone[entry] = true;
  }

  int64_t rows, width, entryWidth;
  const EliminationOptions &options;
  std::vector<double> values, inverse;
  std::vector<char> isGone;
  double variance;
};

} // namespace

std::vector<int64_t> Elimination::kept(int64_t count) const {
  std::vector<int64_t> entries(order.end() - count, order.end());
  std::sort(entries.begin(), entries.end());
  return entries;
}

Elimination gem::eliminateChannels(const WeightMatrix &weight, const InputMoments &moments,
                                   const EliminationOptions &options) {
  assert(weight.width == moments.width && weight.width % options.entryWidth == 0);
  return Eliminator(weight, moments, options).run();
}

FittedColumns gem::fitColumns(const WeightMatrix &weight, const InputMoments &moments,
                              std::span<const int64_t> kept, double damping) {
  const int64_t width = weight.width, count = static_cast<int64_t>(kept.size());
  std::vector<double> matrix = damped(moments, damping), left(count * count);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < count; ++j)
      left[i * count + j] = matrix[kept[i] * width + kept[j]];
  std::vector<double> factor = factorize(left, count);
  std::vector<char> isKept(width);
  for (int64_t channel : kept)
    isKept[channel] = 1;
  FittedColumns fitted;
  fitted.weight = {weight.rows, count, std::vector<float>(weight.rows * count)};
  fitted.biasChange.resize(weight.rows);
  std::vector<double> right(count);
  for (int64_t r = 0; r < weight.rows; ++r) {
    const float *w = weight.values.data() + r * width;
    std::fill(right.begin(), right.end(), 0.0);
    double change = 0;
    for (int64_t i = 0; i < width; ++i) {
      change += w[i] * moments.mean[i];
      if (isKept[i])
        continue;
      const double *row = moments.covariance.data() + i * width;
      for (int64_t j = 0; j < count; ++j)
        right[j] += w[i] * row[kept[j]];
    }
    quant::solveCholesky(factor.data(), count, right.data());
    for (int64_t j = 0; j < count; ++j) {
      float value = static_cast<float>(w[kept[j]] + right[j]);
      fitted.weight.values[r * count + j] = value;
      change -= value * moments.mean[kept[j]];
    }
    fitted.biasChange[r] = static_cast<float>(change);
  }
  return fitted;
}
