// How a compression is written: "int8", "hybrid@4.5+prune0.5".
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_SWEEP_SWEEPRECIPE_H
#define GEM_COMPILER_SWEEP_SWEEPRECIPE_H

#include "absl/status/statusor.h"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gem {

/// One compression of a sweep.
///
///   recipe   ::= format { "+" change }
///   format   ::= "f32" | "f16" | "int8" | "int4" | "int4g64" | ... | "hybrid@" BITS
///   change   ::= "prune" SHARE | "rtn" | "gptq" | "equalize"
///
/// BITS: bits of weights at most, per parameter of the source. SHARE, of 1: of the
/// multiply-accumulates, what may stay (--prune-to). Without rtn or gptq, the algorithm is the
/// compiler's choice.
struct SweepRecipe {
  std::string format;            ///< "int8", "hybrid"
  std::optional<double> bits;    ///< Of hybrid.
  std::optional<double> keptMacs;
  std::string algorithm;         ///< "rtn", "gptq", or empty.
  bool equalize = false;

  /// The recipe in the one way it is written: changes in the order of the grammar.
  std::string name() const;
  /// Whether it cannot be made without calibration texts.
  bool needsTexts() const;
  bool isQuantized() const { return format != "f32"; }

  /// InvalidArgument says what is wrong, where, and what was most likely meant.
  static absl::StatusOr<SweepRecipe> parse(std::string_view text);
};

/// Recipes between commas; blanks around them do not count. InvalidArgument for a recipe that
/// is wrong or comes twice, plain f32, which every recipe is compared with, and none at all.
absl::StatusOr<std::vector<SweepRecipe>> parseRecipes(std::string_view text);

/// What a sweep tries when nothing else is said: 12 recipes, bits times sparsity.
extern const char kDefaultRecipes[];

} // namespace gem

#endif // GEM_COMPILER_SWEEP_SWEEPRECIPE_H
