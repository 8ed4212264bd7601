// Weights, statistics and sums for the tests of the quantization algorithms.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TEST_PASSES_QUANTIZATION_QUANTIZATIONTESTSUPPORT_H
#define GEM_TEST_PASSES_QUANTIZATION_QUANTIZATIONTESTSUPPORT_H

#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightQuantizer.h"
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace gem::quant {

inline const std::vector<std::string> &integerFormats() {
  static const std::vector<std::string> names = {
      "int8",       "int4",        "int3",       "int2",      "int4g32", "int4g64",
      "int4g128",   "int3g32",     "int3g64",    "int3g128",  "int2g32", "int2g64",
      "int4g32f16", "int4g128f16", "int3g32f16", "int2g64f16"};
  return names;
}

/// A number in [-1, 1).
inline float uniform(std::mt19937 &random) {
  return static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f;
}

/// About normal: the sum of 6 uniform numbers, of variance 2.
inline float bell(std::mt19937 &random) {
  float sum = 0;
  for (int i = 0; i < 6; ++i)
    sum += uniform(random);
  return sum;
}

inline std::vector<float> bellValues(std::mt19937 &random, int64_t count, float factor = 1) {
  std::vector<float> values(count);
  for (float &value : values)
    value = factor * bell(random);
  return values;
}

/// Rows x of `width` correlated columns of unlike size and mean.
inline std::vector<float> correlatedInputs(std::mt19937 &random, int64_t tokens, int64_t width) {
  const int64_t factors = std::max<int64_t>(1, width / 4);
  std::vector<float> mixing = bellValues(random, factors * width);
  std::vector<float> sizes(width), means(width);
  for (int64_t k = 0; k < width; ++k) {
    sizes[k] = std::exp2(2 * uniform(random));
    means[k] = uniform(random);
  }
  std::vector<float> inputs(tokens * width);
  for (int64_t t = 0; t < tokens; ++t) {
    std::vector<float> hidden = bellValues(random, factors);
    for (int64_t k = 0; k < width; ++k) {
      float sum = 0.3f * bell(random);
      for (int64_t f = 0; f < factors; ++f)
        sum += hidden[f] * mixing[f * width + k] / std::sqrt(static_cast<float>(factors));
      inputs[t * width + k] = sizes[k] * (sum + means[k]);
    }
  }
  return inputs;
}

/// Statistics of rows [tokens, width] that are split evenly into `numDomains` in order.
inline InputStatistics statisticsOf(const std::vector<float> &inputs, int64_t width,
                                    int64_t numDomains = 1) {
  const int64_t tokens = static_cast<int64_t>(inputs.size()) / width;
  InputStatistics statistics;
  statistics.width = width;
  statistics.tokens = tokens;
  std::vector<double> gram(width * width);
  for (int64_t d = 0; d < numDomains; ++d) {
    const int64_t first = tokens * d / numDomains, last = tokens * (d + 1) / numDomains;
    DomainStatistics domain;
    domain.domain = "d" + std::to_string(d);
    domain.tokens = last - first;
    std::vector<double> mean(width), squares(width);
    domain.minimum.assign(width, INFINITY);
    domain.maximum.assign(width, -INFINITY);
    for (int64_t t = first; t < last; ++t) {
      const float *x = inputs.data() + t * width;
      for (int64_t k = 0; k < width; ++k) {
        mean[k] += x[k] / static_cast<double>(last - first);
        squares[k] += static_cast<double>(x[k]) * x[k] / static_cast<double>(last - first);
        domain.minimum[k] = std::min(domain.minimum[k], x[k]);
        domain.maximum[k] = std::max(domain.maximum[k], x[k]);
        for (int64_t j = 0; j < width; ++j)
          gram[k * width + j] +=
              static_cast<double>(x[k]) * x[j] / static_cast<double>((last - first) * numDomains);
      }
    }
    domain.mean.assign(mean.begin(), mean.end());
    domain.squares.assign(squares.begin(), squares.end());
    statistics.domains.push_back(std::move(domain));
  }
  statistics.gram.assign(gram.begin(), gram.end());
  return statistics;
}

inline std::vector<float> dequantize(const QuantizedMatrix &matrix) {
  std::vector<float> values(matrix.rows * matrix.width);
  for (int64_t row = 0; row < matrix.rows; ++row)
    matrix.dequantizeRow(row, values.data() + row * matrix.width);
  return values;
}

inline double squaredError(const std::vector<float> &a, const std::vector<float> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  return sum;
}

/// sum over tokens and rows of ((W - Q) x)^2 / tokens, for every token one by one.
inline double sampledOutputError(const std::vector<float> &weight,
                                 const std::vector<float> &quantized,
                                 const std::vector<float> &inputs, int64_t width) {
  const int64_t rows = static_cast<int64_t>(weight.size()) / width;
  const int64_t tokens = static_cast<int64_t>(inputs.size()) / width;
  double sum = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t row = 0; row < rows; ++row) {
      double difference = 0;
      for (int64_t k = 0; k < width; ++k)
        difference += (static_cast<double>(weight[row * width + k]) - quantized[row * width + k]) *
                      inputs[t * width + k];
      sum += difference * difference / static_cast<double>(tokens);
    }
  return sum;
}

} // namespace gem::quant

#endif // GEM_TEST_PASSES_QUANTIZATION_QUANTIZATIONTESTSUPPORT_H
