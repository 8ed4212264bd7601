// Calibration: the statistics of every linear layer's input.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_MODELSTATISTICS_H
#define GEM_COMPILER_QUANTIZATION_MODELSTATISTICS_H

#include "absl/status/statusor.h"
#include "compiler/Calibration/StatisticsFile.h"
#include "compiler/Evaluation/TokenizedTexts.h"
#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <memory>
#include <string>

namespace gem {

struct CalibrationOptions {
  std::string texts;  ///< File of texts (TextFile.h).
  std::string output; ///< The file of statistics; empty: a temporary one.
  unsigned threads = 1;
  /// Gram matrices that are summed at the same time have at most this many bytes; more of
  /// them take another run over the texts.
  int64_t gramBytes = int64_t(256) << 20;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// The tokenizer that `module` carries. FailedPrecondition when it has none.
absl::StatusOr<TextTokenizer> openTokenizer(mlir::ModuleOp module);

/// "blake3:..." over the names and the data of all weights.
std::string hashWeights(mlir::ModuleOp module);

/// Runs `module` (in the gem dialect, no format assigned) in f32 on the texts, and collects
/// the statistics of the input of every matrix.
absl::StatusOr<std::unique_ptr<quant::StatisticsFile>>
collectStatistics(mlir::ModuleOp module, const CalibrationOptions &options);

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_MODELSTATISTICS_H
