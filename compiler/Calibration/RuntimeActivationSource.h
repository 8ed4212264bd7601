// Activations from running the lowered f32 model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_RUNTIMEACTIVATIONSOURCE_H
#define GEM_COMPILER_CALIBRATION_RUNTIMEACTIVATIONSOURCE_H

#include "passes/ActivationSource.h"
#include <functional>
#include <string>

namespace gem {

/// Runs models through the runtime on the texts of a file: one numerics for calibration
/// and for use.
class RuntimeActivationSource final : public ActivationSource {
public:
  struct Options {
    std::string path;     ///< Of the texts (see TextFile.h).
    int64_t numTexts = 0; ///< In the file, for progress.
    unsigned threads = 1;
    std::function<void(uint64_t done, uint64_t total)> progress;
  };

  explicit RuntimeActivationSource(Options options) : options(std::move(options)) {}

  /// Makes a copy of the values' module whose function returns just them, lowers it for the
  /// host in memory, and runs it.
  mlir::LogicalResult
  forEachText(llvm::ArrayRef<mlir::Value> values,
              llvm::function_ref<mlir::LogicalResult(llvm::ArrayRef<ActivationRows> rows,
                                                     llvm::StringRef domain)>
                  consume) override;

  /// Tokens that were run so far.
  int64_t getNumTokens() const { return numTokens; }

private:
  Options options;
  int64_t numTokens = 0;
};

} // namespace gem

#endif // GEM_COMPILER_CALIBRATION_RUNTIMEACTIVATIONSOURCE_H
