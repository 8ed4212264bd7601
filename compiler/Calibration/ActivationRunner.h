// Runs a model for some of its values.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_ACTIVATIONRUNNER_H
#define GEM_COMPILER_CALIBRATION_ACTIVATIONRUNNER_H

#include "absl/status/statusor.h"
#include "compiler/Evaluation/RuntimeHandles.h"
#include "passes/ActivationSource.h"
#include "targets/Bundle/ScratchBundle.h"
#include <memory>
#include <span>
#include <vector>

namespace gem {

/// A copy of a module that computes some of its values and nothing else, lowered for the
/// machine at hand and opened.
class ActivationRunner {
public:
  struct Options {
    unsigned sessions = 1; ///< That can run at the same time.
    unsigned threads = 1;  ///< Of a session.
    /// Where the copy starts: it takes the rows of this value instead of token ids, and
    /// `values` must depend on the tokens through it alone (dependOnlyOn). Null: at the ids.
    mlir::Value start;
  };

  /// `values` are f32 tensors of rank 1 or 2 of one function. Diagnostics go to the context.
  static absl::StatusOr<std::unique_ptr<ActivationRunner>>
  create(llvm::ArrayRef<mlir::Value> values, const Options &options);

  const gem_bundle_t *getBundle() const { return bundle.get(); }
  size_t getNumSessions() const { return sessions.size(); }

  /// Runs one text. Different sessions may run at the same time.
  absl::Status run(size_t session, std::span<const int32_t> ids);
  /// The same from the rows of Options::start; `tokens`: of the text, without padding.
  absl::Status runFrom(size_t session, const ActivationRows &rows, int64_t tokens);
  /// The rows of `values[index]`, good until the session's next run; a value of rank 1 is
  /// one row.
  absl::StatusOr<ActivationRows> output(size_t session, size_t index) const;

private:
  ActivationRunner() = default;

  ScratchBundle scratch;
  BundlePtr bundle;
  std::vector<SessionPtr> sessions;
};

/// Whether `values` can be computed from `start` and weights, and the number of tokens where
/// a model is padded.
bool dependOnlyOn(llvm::ArrayRef<mlir::Value> values, mlir::Value start);

} // namespace gem

#endif // GEM_COMPILER_CALIBRATION_ACTIVATIONRUNNER_H
