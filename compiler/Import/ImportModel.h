// From a validated checkpoint to a module in the gem dialect.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_IMPORT_IMPORTMODEL_H
#define GEM_COMPILER_IMPORT_IMPORTMODEL_H

#include "absl/status/statusor.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace gem {

struct ImportOptions {
  /// Name of the model, for reports and the bundle.
  std::string name;
  /// Tokens at most, [CLS] and [SEP] included; 0: as many as the model has positions.
  int64_t sequence = 0;
  /// Run at exactly `sequence` tokens, padded: how the published trainer runs a GEM. Padding
  /// is masked in the encoder and takes part in SCAR.
  bool pad = false;
};

/// Builds the model that `source` describes. Weights are resources over the mapped files
/// (strided ones over a contiguous copy). Its entry point:
///
/// | architecture    | entry    | results |
/// | --- | --- | --- |
/// | gem             | classify | logits [C], routed [n], cluster [n] |
/// | bert            | encode   | hidden_states [n, H], cls [1, H] |
/// | bert-classifier | classify | logits [C] |
///
/// Errors: a sequence longer than the model's positions, or too short for a text; a
/// vocabulary that no tokenizer can be built of.
absl::StatusOr<mlir::OwningOpRef<mlir::ModuleOp>> importModel(mlir::MLIRContext &context,
                                                              const checkpoint::ModelSource &source,
                                                              const ImportOptions &options);

} // namespace gem

#endif // GEM_COMPILER_IMPORT_IMPORTMODEL_H
