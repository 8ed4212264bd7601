// What quantization costs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/OutputError.h"
#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/Parallel.h"
#include <cmath>
#include <functional>
#include <limits>

using namespace gem::quant;

namespace {

constexpr int64_t kRows = 64; // a block of rows; sums do not depend on the threads

/// What every block of rows adds, summed up in the order of the blocks.
double sumBlocks(int64_t rows, unsigned threads,
                 const std::function<double(int64_t, int64_t)> &sum) {
  std::vector<double> parts((rows + kRows - 1) / kRows);
  parallelRanges(parts.size(), threads, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part)
      parts[part] = sum(part * kRows, std::min(rows, (part + 1) * kRows));
  });
  double total = 0;
  for (double part : parts)
    total += part;
  return total;
}

/// sum over the rows d of [rows, width] of d G d^T.
double quadratic(const float *differences, int64_t rows, int64_t width, const float *gram) {
  std::vector<float> products(rows * width);
  multiplyAdd(products.data(), width, differences, width, gram, width, rows, width, width);
  double sum = 0;
  for (int64_t i = 0; i < rows * width; ++i)
    sum += static_cast<double>(products[i]) * differences[i];
  return sum;
}

/// W - Q of some rows.
std::vector<float> difference(const WeightView &weight, const QuantizedMatrix &matrix,
                              int64_t first, int64_t last) {
  std::vector<float> rows((last - first) * weight.width);
  for (int64_t row = first; row < last; ++row) {
    float *out = rows.data() + (row - first) * weight.width;
    matrix.dequantizeRow(row, out);
    for (int64_t k = 0; k < weight.width; ++k)
      out[k] = weight.data[row * weight.width + k] - out[k];
  }
  return rows;
}

} // namespace

double ErrorPower::snr() const {
  if (!(error > 0))
    return std::numeric_limits<double>::infinity();
  return 10 * std::log10(power / error);
}

ErrorPower gem::quant::weightError(const WeightView &weight, const QuantizedMatrix &matrix,
                                   unsigned threads) {
  ErrorPower result;
  result.error = sumBlocks(weight.rows, threads, [&](int64_t first, int64_t last) {
    double sum = 0;
    for (float value : difference(weight, matrix, first, last))
      sum += static_cast<double>(value) * value;
    return sum;
  });
  result.power = sumBlocks(weight.rows, threads, [&](int64_t first, int64_t last) {
    double sum = 0;
    for (int64_t i = first * weight.width; i < last * weight.width; ++i)
      sum += static_cast<double>(weight.data[i]) * weight.data[i];
    return sum;
  });
  return result;
}

double gem::quant::outputError(const float *weight, const float *quantized, int64_t rows,
                               int64_t width, const float *gram, unsigned threads) {
  return sumBlocks(rows, threads, [&](int64_t first, int64_t last) {
    std::vector<float> values((last - first) * width);
    for (int64_t i = 0; i < (last - first) * width; ++i)
      values[i] = weight[first * width + i] - quantized[first * width + i];
    return quadratic(values.data(), last - first, width, gram);
  });
}

ErrorPower gem::quant::outputError(const WeightView &weight, const QuantizedMatrix &matrix,
                                   const float *gram, unsigned threads) {
  ErrorPower result;
  result.error = sumBlocks(weight.rows, threads, [&](int64_t first, int64_t last) {
    return quadratic(difference(weight, matrix, first, last).data(), last - first, weight.width,
                     gram);
  });
  result.power = sumBlocks(weight.rows, threads, [&](int64_t first, int64_t last) {
    return quadratic(weight.data + first * weight.width, last - first, weight.width, gram);
  });
  return result;
}

std::vector<ErrorPower> gem::quant::domainErrors(const WeightView &weight,
                                                 const QuantizedMatrix &matrix,
                                                 const InputStatistics &statistics,
                                                 unsigned threads) {
  const int64_t width = weight.width, parts = (weight.rows + kRows - 1) / kRows;
  // By block of rows, then column: squared differences and squared weights.
  std::vector<double> columns(parts * 2 * width);
  parallelRanges(parts, threads, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = part * kRows, last = std::min(weight.rows, first + kRows);
      const std::vector<float> values = difference(weight, matrix, first, last);
      double *sums = columns.data() + part * 2 * width;
      for (int64_t row = first; row < last; ++row)
        for (int64_t k = 0; k < width; ++k) {
          const double error = values[(row - first) * width + k];
          const double value = weight.data[row * width + k];
          sums[k] += error * error;
          sums[width + k] += value * value;
        }
    }
  });
  std::vector<ErrorPower> results(statistics.domains.size());
  for (size_t d = 0; d < results.size(); ++d)
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t k = 0; k < width; ++k) {
        const double square = statistics.domains[d].squares[k];
        results[d].error += square * columns[part * 2 * width + k];
        results[d].power += square * columns[(part * 2 + 1) * width + k];
      }
  return results;
}
