// The router is fitted again to what the quantized encoder gives it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_ROUTERFIT_H
#define GEM_COMPILER_QUANTIZATION_ROUTERFIT_H

#include "absl/status/status.h"
#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <string>

namespace gem {

struct RouterFitOptions {
  std::string texts; ///< File of texts (TextFile.h).
  unsigned threads = 1;
  int64_t maxTokens = 32768; ///< To fit on.
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// Gives every route_tokens of `quantized` the w_r and the centroids that repeat, on its own
/// inputs, the decisions of the same operation of `original` on the texts. Both modules have
/// the same graph; formats are kept.
absl::Status fitRouterAgain(mlir::ModuleOp original, mlir::ModuleOp quantized,
                            const RouterFitOptions &options);

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_ROUTERFIT_H
