// Diagnostics as statuses.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_ERRORCOLLECTOR_H
#define GEM_COMPILER_PIPELINE_ERRORCOLLECTOR_H

#include "absl/status/status.h"
#include "mlir/IR/Diagnostics.h"
#include <string>
#include <vector>

namespace gem {

/// Collects the errors that a context reports while this lives. Notes and remarks, which
/// repeat the IR, are dropped.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext *context);

  /// InvalidArgument with a line for each error, or Internal with `fallback`.
  absl::Status toStatus(llvm::StringRef fallback) const;

private:
  std::vector<std::string> errors;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_ERRORCOLLECTOR_H
