// Every weight to the nearest code, with the clipping that costs least.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/Parallel.h"
#include "passes/Quantization/QuantizerSupport.h"
#include "passes/Quantization/ScaleSearch.h"
#include "passes/Quantization/WeightPacking.h"

using namespace gem::quant;

namespace {

class RoundToNearest final : public WeightQuantizer {
public:
  std::string_view name() const override { return "rtn"; }
  bool needsStatistics() const override { return false; }

  absl::StatusOr<QuantizedMatrix> quantize(const WeightView &weight, const Format &format,
                                           const InputStatistics *statistics,
                                           unsigned threads) const override {
    if (absl::Status status = checkArguments(weight, format, statistics, threads); !status.ok())
      return status;
    const std::vector<float> squares = inputSquares(statistics);
    QuantizedMatrix matrix = makeQuantizedMatrix(format, weight.rows, weight.width);
    parallelRanges(weight.rows, threads, [&](int64_t first, int64_t last) {
      ScaleSearch search(format, weight.width, weight.isTable,
                         squares.empty() ? nullptr : squares.data());
      for (int64_t row = first; row < last; ++row) {
        const float *values = weight.data + row * weight.width;
        search.chooseScales(values, row, matrix);
        roundRow(values, row, matrix);
      }
    });
    return matrix;
  }
};

} // namespace

std::unique_ptr<WeightQuantizer> gem::quant::makeRoundToNearest() {
  return std::make_unique<RoundToNearest>();
}
