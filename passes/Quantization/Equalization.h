// Factors that move range from the columns of an input to those of its weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_EQUALIZATION_H
#define GEM_PASSES_QUANTIZATION_EQUALIZATION_H

#include "absl/types/span.h"
#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightQuantizer.h"

namespace gem::quant {

struct EqualizationOptions {
  /// Of the activations' codes, one scale a token; 0 when they stay in f32.
  unsigned activationBits = 8;
  /// Rows of each weight that are tried, evenly spread; all when there are fewer.
  int64_t sampledRows = 256;
  /// Exponents from 0 to 1 in this many steps.
  int steps = 10;
};

struct Equalization {
  /// [width], above 0, their geometric mean about 1, of 8 significant bits; all 1 when
  /// nothing was better.
  std::vector<float> factors;
  /// factors[k] = E[x_k^2]^(inputExponent / 2) / max_n |w_nk|^weightExponent.
  double inputExponent = 0, weightExponent = 0;
  /// The output's mean squared error over the sampled rows, with factors of 1 and with these:
  /// of rounding the weights, and of rounding the activations.
  double weightErrorBefore = 0, activationErrorBefore = 0;
  double weightErrorAfter = 0, activationErrorAfter = 0;

  double errorBefore() const { return weightErrorBefore + activationErrorBefore; }
  double errorAfter() const { return weightErrorAfter + activationErrorAfter; }
};

/// Finds f for linears that read the same input, so that w[:, k] * f[k] and x[k] / f[k] lose
/// least when they are quantized: activation-aware scaling (AWQ, Lin et al., arXiv 2306.00978:
/// f by the input alone) and SmoothQuant (Xiao et al., arXiv 2211.10438: by input and weights)
/// are what it tries, and it keeps what has the least predicted error. The weights' error is
/// trace((W - Q) G (W - Q)^T) with Q rounded to nearest; the activations' is
/// |W f|^2 E[scale^2] / 12, where the expected largest x[k] / f[k] of a token is that of
/// independent normal columns with each domain's means and squares.
///
/// InvalidArgument without a Gram matrix or a domain, or when widths differ.
absl::StatusOr<Equalization> findEqualization(absl::Span<const WeightView> weights,
                                              const InputStatistics &statistics,
                                              const Format &format,
                                              const EqualizationOptions &options, unsigned threads);

/// E[max_k (x_k / f_k)^2] over tokens as described above, the mean over domains.
double expectedSquaredPeak(const InputStatistics &statistics, absl::Span<const float> factors);

/// w[:, k] *= f[k]: the linears that read the input.
void multiplyColumns(float *weight, int64_t rows, absl::Span<const float> factors);
/// values[k] /= f[k]: the producer's bias, or a layer norm's scale and shift.
void divideValues(float *values, absl::Span<const float> factors);
/// w[k, :] /= f[k]: the weight of the linear that makes the input.
void divideRows(float *weight, int64_t width, absl::Span<const float> factors);
/// The statistics of x / f.
InputStatistics divideStatistics(InputStatistics statistics, absl::Span<const float> factors);

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_EQUALIZATION_H
