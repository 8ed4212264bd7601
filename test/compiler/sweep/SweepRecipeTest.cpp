// Tests how recipes are written.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/SweepRecipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace gem {
namespace {

using ::testing::HasSubstr;

std::string problemOf(const char *text) {
  absl::StatusOr<std::vector<SweepRecipe>> recipes = parseRecipes(text);
  EXPECT_FALSE(recipes.ok()) << text;
  return recipes.ok() ? "" : std::string(recipes.status().message());
}

TEST(SweepRecipeTest, Parts) {
  absl::StatusOr<SweepRecipe> recipe = SweepRecipe::parse("hybrid@4.5+gptq+prune0.5+equalize");
  ASSERT_TRUE(recipe.ok()) << recipe.status().message();
  EXPECT_EQ(recipe->format, "hybrid");
  EXPECT_EQ(recipe->bits, 4.5);
  EXPECT_EQ(recipe->keptMacs, 0.5);
  EXPECT_EQ(recipe->algorithm, "gptq");
  EXPECT_TRUE(recipe->equalize);
  // One way to write it, whatever the order was.
  EXPECT_EQ(recipe->name(), "hybrid@4.5+prune0.5+gptq+equalize");
}

TEST(SweepRecipeTest, FormatsOfTheCompiler) {
  for (const char *text : {"int8", "int4", "int3", "int2", "f16", "int4g64", "int4g32f16",
                           "int8+rtn", "f32+prune0.5"}) {
    absl::StatusOr<SweepRecipe> recipe = SweepRecipe::parse(text);
    ASSERT_TRUE(recipe.ok()) << recipe.status().message();
    EXPECT_EQ(recipe->name(), text);
  }
}

TEST(SweepRecipeTest, WhatNeedsTexts) {
  for (const char *text : {"hybrid@4", "int4+gptq", "int8+prune0.5", "int8+equalize"})
    EXPECT_TRUE(SweepRecipe::parse(text)->needsTexts()) << text;
  for (const char *text : {"int8", "int4+rtn", "f16"})
    EXPECT_FALSE(SweepRecipe::parse(text)->needsTexts()) << text;
}

TEST(SweepRecipeTest, Lists) {
  absl::StatusOr<std::vector<SweepRecipe>> recipes =
      parseRecipes(" int8, int4+prune0.75 ,hybrid@5");
  ASSERT_TRUE(recipes.ok());
  ASSERT_EQ(recipes->size(), 3u);
  EXPECT_EQ((*recipes)[1].name(), "int4+prune0.75");
  EXPECT_EQ((*recipes)[2].name(), "hybrid@5");
}

TEST(SweepRecipeTest, TheDefaultIsTwelveRecipes) {
  absl::StatusOr<std::vector<SweepRecipe>> recipes = parseRecipes(kDefaultRecipes);
  ASSERT_TRUE(recipes.ok()) << recipes.status().message();
  EXPECT_EQ(recipes->size(), 12u);
  std::set<double> shares;
  for (const SweepRecipe &recipe : *recipes)
    shares.insert(recipe.keptMacs.value_or(1));
  EXPECT_EQ(shares.size(), 3u);
}

TEST(SweepRecipeTest, MistakesAreNamedWithWhatWasMeant) {
  EXPECT_THAT(problemOf("in8"),
              HasSubstr("recipe 'in8': unknown format 'in8'; did you mean 'int8'?"));
  EXPECT_THAT(problemOf("int8,hybird@4"), HasSubstr("did you mean 'hybrid'?"));
  EXPECT_THAT(problemOf("int8+gptp"), HasSubstr("unknown change 'gptp'; did you mean 'gptq'?"));
  EXPECT_THAT(problemOf("int8+purne0.5"), HasSubstr("did you mean 'prune0.5'?"));
  EXPECT_THAT(problemOf("zebra"), HasSubstr("unknown format 'zebra' Expected f16, int8"));
}

TEST(SweepRecipeTest, BadNumbers) {
  EXPECT_THAT(problemOf("hybrid"), HasSubstr("write hybrid@4.5"));
  EXPECT_THAT(problemOf("hybrid@many"), HasSubstr("but got 'many'"));
  EXPECT_THAT(problemOf("hybrid@0.1"), HasSubstr("from 0.5 to 64"));
  EXPECT_THAT(problemOf("int8@4"), HasSubstr("write hybrid@4"));
  EXPECT_THAT(problemOf("int8+prune"), HasSubstr("between 0 and 1"));
  EXPECT_THAT(problemOf("int8+prune1"), HasSubstr("but got '1'"));
  EXPECT_THAT(problemOf("int8+prune-0.5"), HasSubstr("but got '-0.5'"));
  EXPECT_THAT(problemOf("int8+prunenan"), HasSubstr("but got 'nan'"));
}

TEST(SweepRecipeTest, WhatDoesNotGoTogether) {
  EXPECT_THAT(problemOf("int8+rtn+gptq"), HasSubstr("an algorithm is given twice"));
  EXPECT_THAT(problemOf("int8+prune0.5+prune0.6"), HasSubstr("prune is given twice"));
  EXPECT_THAT(problemOf("int8+equalize+equalize"), HasSubstr("equalize is given twice"));
  EXPECT_THAT(problemOf("f32+prune0.5+gptq"), HasSubstr("f32 has no codes"));
  EXPECT_THAT(problemOf("f32"), HasSubstr("leave it out"));
  EXPECT_THAT(problemOf("int8,int4,int8"), HasSubstr("recipe 'int8' is given twice"));
  EXPECT_THAT(problemOf("int8+rtn+prune0.5,int8+prune0.50+rtn"), HasSubstr("is given twice"));
  EXPECT_THAT(problemOf(""), HasSubstr("but got none"));
  EXPECT_THAT(problemOf("int8,,int4"), HasSubstr("between the commas"));
}

} // namespace
} // namespace gem
