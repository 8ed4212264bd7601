// Evaluates bundles on a file of texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_EVAL_EVALUATE_H
#define GEM_TOOLS_GEM_EVAL_EVALUATE_H

#include "absl/status/statusor.h"
#include "compiler/Report/BrittlenessReport.h"
#include "tools/gem-eval/Options.h"

namespace gem::eval {

/// Reads the texts, runs every model on them, and measures. Shows progress.
absl::StatusOr<BrittlenessReport> evaluate(const Options &options);

} // namespace gem::eval

#endif // GEM_TOOLS_GEM_EVAL_EVALUATE_H
