// A choice of formats as a text that people read, edit and repeat.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A recipe is a protobuf text file (recipe.proto):
//
//   version: 1
//   model { name: "gem-tiny" hash: "blake3:..." }
//   tensor { name: "*" format: "int8" algorithm: "rtn" }
//   tensor { name: "encoder.layer.*.intermediate.dense.weight" format: "int4g32" }
//   tensor {
//     name: "embeddings.word_embeddings.weight"
//     rows { count: 1500 format: "int8" }
//     rows { format: "int4g32" }  # the rest
//   }
//
// A name is a tensor's or a pattern, in which * stands for any text. Entries are applied in
// their order, so a later one overrides what it says itself and leaves the rest; one named
// "*" at the top is the default. Comments begin with #.

#ifndef GEM_COMPILER_ALLOCATION_RECIPE_H
#define GEM_COMPILER_ALLOCATION_RECIPE_H

#include "absl/status/statusor.h"
#include "passes/Quantization/WeightFormat.h"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gem {

/// Rows of a table that share a format, counted from the most frequent row on.
struct RowBlock {
  int64_t count = 0; ///< 0, in the last block of a recipe: the rest.
  quant::Format format;

  bool operator==(const RowBlock &) const = default;
};

struct RecipeEntry {
  std::string name;                    ///< Or pattern.
  std::optional<quant::Format> format; ///< Or by rows.
  std::vector<RowBlock> rows;
  std::optional<std::string> algorithm; ///< As makeQuantizer knows it.
  std::optional<bool> equalize, biasCorrect;
  std::string comment; ///< One line, for people; not read back.
  int line = 0;        ///< In the file, from 1; 0: not from a file.
};

struct Recipe {
  std::string modelName, modelHash;
  std::string comment; ///< Lines for people; not read back.
  std::vector<RecipeEntry> entries;
  std::string source; ///< The file, for messages.
};

/// A tensor that may be quantized.
struct RecipeTensor {
  std::string name;
  int64_t rows = 0, width = 0;
  bool isTable = false; ///< Whether it may have blocks of rows.
};

/// What a recipe says of one tensor.
struct TensorRecipe {
  quant::Format format;       ///< Unless by rows.
  std::vector<RowBlock> rows; ///< Empty, or blocks whose counts add up to all rows.
  std::string algorithm = "rtn";
  bool equalize = false;
  std::optional<bool> biasCorrect; ///< None where the recipe does not say.

  bool operator==(const TensorRecipe &) const = default;
};

/// InvalidArgument with every problem, each with its line, for what is no recipe, or names an
/// unknown format or algorithm. `source` names the text in messages.
absl::StatusOr<Recipe> parseRecipe(const std::string &text, const std::string &source);

/// NotFound or Unavailable when `path` cannot be read.
absl::StatusOr<Recipe> readRecipe(const std::string &path);

/// The text of a recipe: the same for the same recipe.
std::string printRecipe(const Recipe &recipe);

/// What `recipe` says of each of `tensors`, in their order. InvalidArgument, with every
/// problem, when an entry fits no tensor (with the nearest name), when blocks do not fit a
/// tensor's rows, or when a tensor gets no format.
absl::StatusOr<std::vector<TensorRecipe>> applyRecipe(const Recipe &recipe,
                                                      const std::vector<RecipeTensor> &tensors);

/// A warning when the recipe was made for another model than that of `hash`; else empty.
std::string compareRecipeModel(const Recipe &recipe, const std::string &name,
                               const std::string &hash);

/// Whether `name` is what `pattern` stands for.
bool matchesPattern(std::string_view pattern, std::string_view name);

} // namespace gem

#endif // GEM_COMPILER_ALLOCATION_RECIPE_H
