// The algorithms that choose the codes of a weight, behind one interface.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_WEIGHTQUANTIZER_H
#define GEM_PASSES_QUANTIZATION_WEIGHTQUANTIZER_H

#include "absl/status/statusor.h"
#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightFormat.h"
#include <memory>

namespace gem::quant {

/// What is quantized: rows of f32, row-major. A table has row scales that are exact in bf16.
struct WeightView {
  const float *data = nullptr;
  int64_t rows = 0, width = 0;
  bool isTable = false;
};

class WeightQuantizer {
public:
  virtual ~WeightQuantizer() = default;
  /// "rtn", "gptq": as --algorithm names it.
  virtual std::string_view name() const = 0;
  /// Whether quantize() needs the statistics of the input.
  virtual bool needsStatistics() const = 0;
  /// The codes of `weight` in `format` (integer). `statistics` may be null unless needed.
  /// The same inputs give the same codes on every host, for any `threads`.
  virtual absl::StatusOr<QuantizedMatrix> quantize(const WeightView &weight, const Format &format,
                                                   const InputStatistics *statistics,
                                                   unsigned threads) const = 0;
};

/// The quantizer of this name; the error lists those there are.
absl::StatusOr<std::unique_ptr<WeightQuantizer>> makeQuantizer(std::string_view name);

/// The names that makeQuantizer knows.
std::vector<std::string> quantizerNames();

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_WEIGHTQUANTIZER_H
