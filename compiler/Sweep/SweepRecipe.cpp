// How a compression is written: "int8", "hybrid@4.5+prune0.5".
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/SweepRecipe.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "passes/Quantization/WeightFormat.h"
#include "llvm/ADT/StringRef.h"
#include <algorithm>

using namespace gem;

const char gem::kDefaultRecipes[] =
    "int8,int4,int3,hybrid@4.5,"
    "int8+prune0.75,int4+prune0.75,int3+prune0.75,hybrid@4.5+prune0.75,"
    "int8+prune0.5,int4+prune0.5,int3+prune0.5,hybrid@4.5+prune0.5";

/// 4.5 as "4.5", not "4.500000".
static std::string shortest(double value) { return absl::StrCat(value); }

std::string SweepRecipe::name() const {
  std::string name = format;
  if (bits)
    absl::StrAppend(&name, "@", shortest(*bits));
  if (keptMacs)
    absl::StrAppend(&name, "+prune", shortest(*keptMacs));
  if (!algorithm.empty())
    absl::StrAppend(&name, "+", algorithm);
  if (equalize)
    absl::StrAppend(&name, "+equalize");
  return name;
}

bool SweepRecipe::needsTexts() const {
  return format == "hybrid" || algorithm == "gptq" || keptMacs || equalize;
}

/// "; did you mean 'int8'?", or nothing when nothing is near.
static std::string suggest(llvm::StringRef word, std::initializer_list<const char *> candidates) {
  const char *nearest = nullptr;
  unsigned least = std::max<unsigned>(word.size() / 2, 1) + 1;
  for (const char *candidate : candidates) {
    unsigned distance = word.edit_distance_insensitive(candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest ? absl::StrCat("; did you mean '", nearest, "'?") : "";
}

absl::StatusOr<SweepRecipe> SweepRecipe::parse(std::string_view text) {
  std::string recipe(text);
  auto refuse = [&](const std::string &problem) {
    return absl::InvalidArgumentError(absl::StrCat("recipe '", recipe, "': ", problem));
  };
  std::vector<std::string> parts = absl::StrSplit(recipe, '+');
  std::vector<std::string> head = absl::StrSplit(parts[0], absl::MaxSplits('@', 1));
  SweepRecipe result;
  result.format = head[0];
  if (result.format != "hybrid") {
    std::optional<quant::Format> format = quant::Format::parse(result.format);
    if (!format)
      return refuse(absl::StrCat(
          "unknown format '", result.format, "'",
          suggest(result.format, {"f32", "f16", "int8", "int4", "int3", "int2", "int4g64",
                                  "int4g128", "int3g64", "int4g32f16", "hybrid"}),
          " Expected f16, int8, int4, int3, int4g64, ... or hybrid@BITS"));
    if (head.size() > 1)
      return refuse(absl::StrCat("'@", head[1], "' is a budget of hybrid, but the format is ",
                                 result.format, "; write hybrid@", head[1]));
  } else {
    double bits = 0;
    if (head.size() < 2)
      return refuse("hybrid needs a budget of bits a weight: write hybrid@4.5");
    if (!absl::SimpleAtod(head[1], &bits) || !(bits >= 0.5 && bits <= 64))
      return refuse(absl::StrCat(
          "expected bits a weight from 0.5 to 64 behind 'hybrid@', but got '", head[1], "'"));
    result.bits = bits;
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::string &change = parts[i];
    if (change == "rtn" || change == "gptq") {
      if (!result.algorithm.empty())
        return refuse("an algorithm is given twice");
      result.algorithm = change;
    } else if (change == "equalize") {
      if (result.equalize)
        return refuse("equalize is given twice");
      result.equalize = true;
    } else if (change.compare(0, 5, "prune") == 0) {
      if (result.keptMacs)
        return refuse("prune is given twice");
      double share = 0;
      std::string number = change.substr(5);
      if (!absl::SimpleAtod(number, &share) || !(share > 0 && share < 1))
        return refuse(absl::StrCat(
            "expected the share of the work that may stay, between 0 and 1, behind 'prune', as in "
            "prune0.5, but got '",
            number, "'"));
      result.keptMacs = share;
    } else {
      return refuse(absl::StrCat("unknown change '", change, "'",
                                 suggest(change, {"prune0.5", "rtn", "gptq", "equalize"}),
                                 " Expected +pruneSHARE, +rtn, +gptq or +equalize"));
    }
  }
  if (!result.isQuantized() && !result.algorithm.empty())
    return refuse(absl::StrCat("f32 has no codes for ", result.algorithm, " to choose"));
  if (!result.isQuantized() && result.equalize)
    return refuse("f32 has no codes that equalize would help");
  return result;
}

absl::StatusOr<std::vector<SweepRecipe>> gem::parseRecipes(std::string_view text) {
  std::vector<SweepRecipe> recipes;
  std::string list(text);
  if (absl::StripAsciiWhitespace(list).empty())
    return absl::InvalidArgumentError("expected recipes such as int8,int4, but got none");
  for (absl::string_view part : absl::StrSplit(list, ',')) {
    std::string stripped(absl::StripAsciiWhitespace(part));
    if (stripped.empty())
      return absl::InvalidArgumentError(
          absl::StrCat("expected a recipe between the commas of '", list, "'"));
    absl::StatusOr<SweepRecipe> recipe = SweepRecipe::parse(stripped);
    if (!recipe.ok())
      return recipe.status();
    if (recipe->name() == "f32")
      return absl::InvalidArgumentError(
          "recipe 'f32': every recipe is compared with the f32 model; leave it out");
    for (const SweepRecipe &known : recipes)
      if (known.name() == recipe->name())
        return absl::InvalidArgumentError(absl::StrCat("recipe '", stripped, "' is given twice"));
    recipes.push_back(*std::move(recipe));
  }
  return recipes;
}
