// What a sweep found: recipes beside the model they compress.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_SWEEP_SWEEPREPORT_H
#define GEM_COMPILER_SWEEP_SWEEPREPORT_H

#include "compiler/Report/BrittlenessReport.h"
#include "compiler/Sweep/Correlation.h"
#include <optional>
#include <string>
#include <vector>

namespace gem {

struct SweepEntry {
  std::string recipe;                ///< SweepRecipe::name()
  std::optional<ModelScores> scores; ///< Not set of one that failed.
  std::string failure;               ///< Why; one line.
  bool isCached = false;             ///< The figures are of an earlier sweep.
  bool isOnFront = false;            ///< Of bits a weight and the lowest CDTR.
  double seconds = 0;                ///< That compiling and evaluating took, now or then.
};

struct SweepReport {
  std::string model, data, dataHash, calibration; ///< Paths; BrittlenessReport::dataHash.
  ScoreKind score = ScoreKind::Accuracy;
  int64_t texts = 0, resamples = 0;
  uint64_t seed = 0;
  ModelScores baseline;             ///< The f32 model.
  std::vector<SweepEntry> entries;  ///< In the order of the recipes.
  std::vector<Correlation> correlations;
};

/// Marks the Pareto front and computes the correlations of `bits_per_weight` and, where
/// recipes prune, `macs_kept` with `dsi.max`, `gg`, `cdtr.mean` and `cdtr.min`, over the
/// recipes; the f32 model, whose CDTR is 1 by definition, is no point of them. A figure that
/// no recipe has, as GG where all domains are specialised, has no correlation.
void concludeSweep(SweepReport &report);

/// What to read first, one or two sentences.
std::string headlineOf(const SweepReport &report);

/// The page: curve, correlations, figures of every recipe.
std::string renderSweepHtml(const SweepReport &report);

} // namespace gem

#endif // GEM_COMPILER_SWEEP_SWEEPREPORT_H
