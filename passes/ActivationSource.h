// Where passes that need activations get them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_ACTIVATIONSOURCE_H
#define GEM_PASSES_ACTIVATIONSOURCE_H

#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace gem {

/// The rows (tokens) of one value for one text: row-major f32, [numRows, width]. Good
/// during the callback that it is given to.
struct ActivationRows {
  llvm::ArrayRef<float> data;
  int64_t numRows = 0;
  int64_t width = 0;
};

/// Runs a model on calibration texts and shows what its values were. gem-compile runs
/// the lowered f32 program through the runtime; gem-opt reads a file.
class ActivationSource {
public:
  virtual ~ActivationSource() = default;

  /// Calls `consume` once a text, always in the same order, with the rows of each of
  /// `values` (rank-2 f32 tensors of one function) and the text's domain, which may be
  /// empty. Memory does not grow with the number of texts. A failure was reported as a
  /// diagnostic at the values' location; `consume` may fail to end early.
  virtual mlir::LogicalResult
  forEachText(llvm::ArrayRef<mlir::Value> values,
              llvm::function_ref<mlir::LogicalResult(llvm::ArrayRef<ActivationRows> rows,
                                                     llvm::StringRef domain)>
                  consume) = 0;
};

} // namespace gem

#endif // GEM_PASSES_ACTIVATIONSOURCE_H
