// Compiles several compressions of one model and evaluates each against it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_SWEEP_SWEEP_H
#define GEM_COMPILER_SWEEP_SWEEP_H

#include "absl/status/statusor.h"
#include "compiler/Evaluation/BrittlenessMeasures.h"
#include "compiler/Sweep/SweepRecipe.h"
#include "compiler/Sweep/SweepReport.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gem {

/// Where a sweep is.
struct SweepStage {
  size_t recipe = 0, recipes = 0; ///< From 1; 0 for the f32 model.
  std::string name;               ///< The recipe, or "f32".
  std::string stage;              ///< "compile", "evaluate", or what the compiler says.
  uint64_t done = 0, total = 0;
};

struct SweepOptions {
  std::string model;       ///< File or directory (Compiler.h).
  std::string data;        ///< Texts with labels, that the compression does not see.
  std::string calibration; ///< Texts; empty: none.
  std::string validation;  ///< Texts that floors of pruning are judged on; empty: none.
  std::vector<SweepRecipe> recipes;
  BrittlenessOptions measures; ///< The domains of calibration: set from `calibration`.
  std::string device = "host";
  std::map<std::string, std::string> overrides; ///< Hyper-parameters (ModelSource.h).
  int64_t sequence = 0;
  uint64_t seed = 0;   ///< Of the compiler.
  unsigned threads = 1;
  std::string cache;    ///< The folder.
  std::string producer; ///< Tool and version, as bundles have it.
  std::string toolHash; ///< Of the program: another program's figures are not taken.

  std::function<void(const SweepStage &)> progress;
  std::function<void(const std::string &)> note;
  /// Called once for each recipe, in order, when its figures are known or it has failed.
  std::function<void(const SweepEntry &)> finished;
  /// Keeps a bundle, a file that is gone afterwards. When set, recipes are compiled although
  /// their figures are known.
  std::function<absl::Status(const SweepRecipe &, const std::string &path)> keepBundle;
};

/// Runs what the cache does not have. A recipe that cannot be compiled or evaluated has a
/// failure in the report and does not end the sweep. Errors are of the inputs that all recipes
/// share: a file that cannot be read, texts without labels, texts of `data` that are also in
/// another file, an unknown domain, too few texts (BrittlenessEvaluator), recipes that need
/// texts without calibration, a folder that cannot be written to.
///
/// Statistics of the calibration texts are collected once and kept in the cache.
absl::StatusOr<SweepReport> runSweep(const SweepOptions &options);

} // namespace gem

#endif // GEM_COMPILER_SWEEP_SWEEP_H
