// What quantization costs: the error of a weight, and of what a layer computes with it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_OUTPUTERROR_H
#define GEM_PASSES_QUANTIZATION_OUTPUTERROR_H

#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightQuantizer.h"

namespace gem::quant {

/// Squared sums of a difference and of what it is a difference from.
struct ErrorPower {
  double error = 0, power = 0;

  double relative() const { return power > 0 ? error / power : error > 0 ? 1.0 : 0.0; }
  /// Signal to noise in dB; infinite without error.
  double snr() const;
};

/// sum (w - q)^2 and sum w^2 over all values. `matrix` has the shape of `weight`.
ErrorPower weightError(const WeightView &weight, const QuantizedMatrix &matrix, unsigned threads);

/// trace((W - Q) G (W - Q)^T): the mean over tokens of the squared error of the outputs, all
/// rows added up, for G = `gram` [width, width] of the inputs; Q in f32, [rows, width].
double outputError(const float *weight, const float *quantized, int64_t rows, int64_t width,
                   const float *gram, unsigned threads);

/// The same of a quantized matrix, and trace(W G W^T) as its power.
ErrorPower outputError(const WeightView &weight, const QuantizedMatrix &matrix, const float *gram,
                       unsigned threads);

/// For each domain of `statistics`, in order: sum_k E_d[x_k^2] sum_n (w - q)_nk^2 and
/// sum_k E_d[x_k^2] sum_n w_nk^2, the output error were the domain's inputs uncorrelated.
std::vector<ErrorPower> domainErrors(const WeightView &weight, const QuantizedMatrix &matrix,
                                     const InputStatistics &statistics, unsigned threads);

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_OUTPUTERROR_H
