// Factors that move range from the columns of an input to those of its weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Equalization.h"
#include "absl/strings/str_cat.h"
#include "passes/Quantization/ExactMath.h"
#include "passes/Quantization/OutputError.h"
#include "passes/Quantization/QuantizerSupport.h"
#include <algorithm>
#include <bit>
#include <cmath>

using namespace gem::quant;

namespace {

/// The normal distribution function, to about 2e-4 (Page, Applied Statistics 26, 1977).
double normal(double z) { return 1 / (1 + exactExp(-1.5976 * z - 0.070565 * z * z * z)); }

/// To 8 significant bits: hides what little rounding the products before it have.
float shorten(double value) {
  const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  return std::bit_cast<float>((bits + 0x8000) & 0xffff0000);
}

class Search {
public:
  Search(const InputStatistics &statistics, const Format &format,
         const EqualizationOptions &options, unsigned threads)
      : statistics(statistics), format(format), options(options), threads(threads),
        width(statistics.width), squares(inputSquares(&statistics)), peaks(width, 0.0f) {}

  absl::Status addWeight(const WeightView &weight) {
    if (absl::Status status = checkArguments(weight, format, &statistics, threads); !status.ok())
      return status;
    for (int64_t row = 0; row < weight.rows; ++row)
      for (int64_t k = 0; k < width; ++k)
        peaks[k] = std::max(peaks[k], std::fabs(weight.data[row * width + k]));
    const int64_t count = std::min(std::max<int64_t>(1, options.sampledRows), weight.rows);
    for (int64_t i = 0; i < count; ++i) {
      const float *row = weight.data + weight.rows * i / count * width;
      sampled.insert(sampled.end(), row, row + width);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Equalization> run() {
    Equalization best;
    best.factors.assign(width, 1.0f);
    if (absl::Status status = measure(best); !status.ok())
      return status;
    best.weightErrorBefore = best.weightErrorAfter;
    best.activationErrorBefore = best.activationErrorAfter;
    // AWQ leaves the weights out; SmoothQuant has exponents that add up to 1.
    for (int step = 0; step <= options.steps; ++step)
      for (bool smooth : {false, true}) {
        Equalization trial = best;
        trial.inputExponent = static_cast<double>(step) / options.steps;
        trial.weightExponent = smooth ? 1 - trial.inputExponent : 0;
        setFactors(trial);
        if (absl::Status status = measure(trial); !status.ok())
          return status;
        if (trial.errorAfter() < best.errorAfter())
          best = std::move(trial);
      }
    return best;
  }

private:
  void setFactors(Equalization &trial) const {
    const float largestSquare = *std::max_element(squares.begin(), squares.end());
    const float largestPeak = *std::max_element(peaks.begin(), peaks.end());
    std::vector<double> logs(width);
    double mean = 0;
    for (int64_t k = 0; k < width; ++k) {
      // A column that is nearly never there is treated as a small one.
      const double square = std::max<double>(squares[k], 1e-6 * largestSquare);
      const double peak = std::max<double>(peaks[k], 1e-3 * largestPeak);
      if (largestSquare > 0)
        logs[k] += trial.inputExponent * 0.5 * exactLog2(square);
      if (largestPeak > 0)
        logs[k] -= trial.weightExponent * exactLog2(peak);
      mean += logs[k] / static_cast<double>(width);
    }
    for (int64_t k = 0; k < width; ++k)
      trial.factors[k] = shorten(exactExp2(std::clamp(logs[k] - mean, -10.0, 10.0)));
  }

  absl::Status measure(Equalization &trial) const {
    const int64_t rows = static_cast<int64_t>(sampled.size()) / width;
    std::vector<float> scaled = sampled;
    multiplyColumns(scaled.data(), rows, trial.factors);
    InputStatistics input; // what rounding to nearest looks at
    input.width = width;
    input.domains.emplace_back();
    input.domains[0].mean.resize(width);
    input.domains[0].squares = squares;
    for (int pass = 0; pass < 2; ++pass)
      divideValues(input.domains[0].squares.data(), trial.factors);
    absl::StatusOr<QuantizedMatrix> matrix = makeRoundToNearest()->quantize(
        {scaled.data(), rows, width, false}, format, &input, threads);
    if (!matrix.ok())
      return matrix.status();
    std::vector<float> quantized(rows * width);
    double power = 0;
    for (int64_t row = 0; row < rows; ++row) {
      float *values = quantized.data() + row * width;
      matrix->dequantizeRow(row, values);
      for (int64_t k = 0; k < width; ++k)
        power += static_cast<double>(values[k]) * values[k];
      divideValues(values, trial.factors);
    }
    trial.weightErrorAfter =
        outputError(sampled.data(), quantized.data(), rows, width, statistics.gram.data(), threads);
    trial.activationErrorAfter = 0;
    if (options.activationBits) {
      const double levels = (1 << (options.activationBits - 1)) - 1;
      trial.activationErrorAfter =
          power * expectedSquaredPeak(statistics, trial.factors) / (levels * levels) / 12;
    }
    return absl::OkStatus();
  }

  const InputStatistics &statistics;
  const Format &format;
  const EqualizationOptions &options;
  const unsigned threads;
  const int64_t width;
  const std::vector<float> squares; // E[x_k^2]
  std::vector<float> peaks;         // max_n |w_nk| over all weights
  std::vector<float> sampled;       // rows of all weights
};

} // namespace

double gem::quant::expectedSquaredPeak(const InputStatistics &statistics,
                                       absl::Span<const float> factors) {
  constexpr int kSteps = 64;
  double total = 0;
  for (const DomainStatistics &domain : statistics.domains) {
    const int64_t width = statistics.width;
    std::vector<double> means(width), deviations(width), limits(width);
    double end = 0;
    for (int64_t k = 0; k < width; ++k) {
      means[k] = std::fabs(static_cast<double>(domain.mean[k])) / factors[k];
      const double square = static_cast<double>(domain.squares[k]) / factors[k] / factors[k];
      deviations[k] = std::sqrt(std::max(0.0, square - means[k] * means[k]));
      limits[k] = means[k] + 6 * deviations[k];
      if (!domain.maximum.empty())
        limits[k] = std::min<double>(
            limits[k],
            std::max(std::fabs(domain.minimum[k]), std::fabs(domain.maximum[k])) / factors[k]);
      end = std::max(end, limits[k]);
    }
    // E[max^2] = integral of 2 t (1 - P(max < t)), midpoints.
    double sum = 0;
    for (int step = 0; step < kSteps; ++step) {
      const double t = end * (step + 0.5) / kSteps;
      double below = 1;
      for (int64_t k = 0; k < width && below > 1e-9; ++k) {
        if (t >= limits[k])
          continue;
        if (deviations[k] > 0)
          below *= std::max(0.0, normal((t - means[k]) / deviations[k]) -
                                     normal((-t - means[k]) / deviations[k]));
        else
          below = 0;
      }
      sum += 2 * t * (1 - below) * end / kSteps;
    }
    total += sum / static_cast<double>(statistics.domains.size());
  }
  return total;
}

void gem::quant::multiplyColumns(float *weight, int64_t rows, absl::Span<const float> factors) {
  for (int64_t row = 0; row < rows; ++row)
    for (float factor : factors)
      *weight++ *= factor;
}

void gem::quant::divideValues(float *values, absl::Span<const float> factors) {
  for (float factor : factors)
    *values++ /= factor;
}

void gem::quant::divideRows(float *weight, int64_t width, absl::Span<const float> factors) {
  for (float factor : factors)
    for (int64_t k = 0; k < width; ++k)
      *weight++ /= factor;
}

InputStatistics gem::quant::divideStatistics(InputStatistics statistics,
                                             absl::Span<const float> factors) {
  const int64_t width = statistics.width;
  for (DomainStatistics &domain : statistics.domains) {
    for (std::vector<float> *values :
         {&domain.mean, &domain.squares, &domain.squares, &domain.minimum, &domain.maximum})
      if (!values->empty())
        divideValues(values->data(), factors);
  }
  if (!statistics.gram.empty()) {
    for (int64_t row = 0; row < width; ++row)
      divideValues(statistics.gram.data() + row * width, factors);
    divideRows(statistics.gram.data(), width, factors);
  }
  return statistics;
}

absl::StatusOr<Equalization> gem::quant::findEqualization(absl::Span<const WeightView> weights,
                                                          const InputStatistics &statistics,
                                                          const Format &format,
                                                          const EqualizationOptions &options,
                                                          unsigned threads) {
  if (weights.empty())
    return absl::InvalidArgumentError("expected weights to equalize, but got none");
  if (statistics.gram.empty() || statistics.domains.empty())
    return absl::InvalidArgumentError(
        "expected statistics with a Gram matrix and a domain for equalization, but got none: "
        "calibrate");
  Search search(statistics, format, options, threads);
  for (const WeightView &weight : weights)
    if (absl::Status status = search.addWeight(weight); !status.ok())
      return status;
  return search.run();
}
