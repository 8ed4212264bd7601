// Tests reading, printing and applying recipes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Allocation/Recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace gem {
namespace {

using quant::Format;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Format format(const char *name) { return *Format::parse(name); }

const std::vector<RecipeTensor> kTensors = {
    {"embeddings.word_embeddings.weight", 8192, 128, true},
    {"encoder.layer.0.intermediate.dense.weight", 512, 128, false},
    {"encoder.layer.0.output.dense.weight", 128, 512, false},
    {"encoder.layer.1.intermediate.dense.weight", 512, 128, false},
    {"scar.qkv.weight", 384, 128, false},
};

std::string parseError(const std::string &text) {
  auto recipe = parseRecipe(text, "r.txt");
  return recipe.ok() ? "none" : std::string(recipe.status().message());
}

std::string applyError(const std::string &text) {
  auto recipe = parseRecipe(text, "r.txt");
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  auto applied = applyRecipe(*recipe, kTensors);
  if (applied.ok())
    return "none";
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(applied.status().message());
}

TEST(Recipe, LaterEntriesOverrideWhatTheySay) {
  auto recipe = parseRecipe(R"(# For people.
version: 1
model { name: "tiny" hash: "blake3:00" }
tensor { name: "*" format: "int8" }
tensor { name: "encoder.layer.*.dense.weight" algorithm: "rtn" equalize: true }
tensor { name: "encoder.*.intermediate.*" format: "int4g32" bias_correct: true }
tensor { name: "encoder.layer.1.*" format: "int3g64" equalize: false }  # 9 KB
tensor {
  name: "embeddings.word_embeddings.weight"
  rows { count: 1500 format: "int8" }
  rows { format: "int4g32" }
}
)",
                            "r.txt");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_EQ(recipe->modelName, "tiny");
  EXPECT_EQ(recipe->modelHash, "blake3:00");
  EXPECT_EQ(recipe->entries.size(), 5u);
  EXPECT_EQ(recipe->entries[3].line, 7);
  auto applied = applyRecipe(*recipe, kTensors);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_THAT((*applied)[0].rows,
              ElementsAre(RowBlock{1500, format("int8")}, RowBlock{6692, format("int4g32")}));
  EXPECT_EQ((*applied)[1], (TensorRecipe{format("int4g32"), {}, "rtn", true, true}));
  EXPECT_EQ((*applied)[2], (TensorRecipe{format("int8"), {}, "rtn", true, std::nullopt}));
  EXPECT_EQ((*applied)[3], (TensorRecipe{format("int3g64"), {}, "rtn", false, true}));
  EXPECT_EQ((*applied)[4], (TensorRecipe{format("int8"), {}, "rtn", false, std::nullopt}));
}

TEST(Recipe, AFormatReplacesBlocksOfRows) {
  auto recipe = parseRecipe("version: 1\n"
                            "tensor { name: \"e*\" format: \"f16\" }\n"
                            "tensor { name: \"emb*\" rows { count: 8192 format: \"int8\" } }\n"
                            "tensor { name: \"*\" format: \"int4\" }\n",
                            "r.txt");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  auto applied = applyRecipe(*recipe, kTensors);
  ASSERT_TRUE(applied.ok()) << applied.status();
  for (const TensorRecipe &tensor : *applied)
    EXPECT_EQ(tensor, (TensorRecipe{format("int4"), {}, "rtn", false, std::nullopt}));
}

TEST(Recipe, PrintsWhatItReads) {
  Recipe recipe;
  recipe.modelName = "my \"model\"";
  recipe.modelHash = "blake3:12";
  recipe.comment = "Made by gem-compile.\nWorst domain: admin";
  recipe.entries.resize(3);
  recipe.entries[0].name = "*";
  recipe.entries[0].format = format("f32");
  RecipeEntry &linear = recipe.entries[1], &table = recipe.entries[2];
  linear.name = "scar.qkv.weight";
  linear.format = format("int4g128f16");
  linear.algorithm = "rtn";
  linear.equalize = true;
  linear.biasCorrect = false;
  linear.comment = "26 KB";
  table.name = "embeddings.word_embeddings.weight";
  table.rows = {{100, format("int8")}, {0, format("int3g32")}};
  table.algorithm = "rtn";
  table.comment = "500 KB, predicted loss 0.0003";
  std::string text = printRecipe(recipe);
  EXPECT_EQ(text, R"(# Made by gem-compile.
# Worst domain: admin
version: 1
model { name: "my \"model\"" hash: "blake3:12" }
tensor { name: "*" format: "f32" }
)"
                  "tensor { name: \"scar.qkv.weight\" format: \"int4g128f16\" algorithm: \"rtn\" "
                  "equalize: true bias_correct: false }  # 26 KB\n"
                  R"(tensor {
  name: "embeddings.word_embeddings.weight"
  rows { count: 100 format: "int8" }
  rows { format: "int3g32" }  # the rest
  algorithm: "rtn"
}  # 500 KB, predicted loss 0.0003
)");
  auto again = parseRecipe(text, "r.txt");
  ASSERT_TRUE(again.ok()) << again.status();
  auto before = applyRecipe(recipe, kTensors), after = applyRecipe(*again, kTensors);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(*before, *after);
  EXPECT_EQ(again->modelName, recipe.modelName);
  // Comments apart, the text is a fixed point.
  again->comment = recipe.comment;
  for (size_t i = 0; i < recipe.entries.size(); ++i)
    again->entries[i].comment = recipe.entries[i].comment;
  EXPECT_EQ(printRecipe(*again), text);
}

TEST(Recipe, RefusesWhatIsNoRecipeByLine) {
  EXPECT_THAT(parseError("version: 1\ntensor { name: }\n"), HasSubstr("r.txt:2:16: "));
  EXPECT_THAT(parseError("version: 1\n\ntensor { nane: \"x\" }\n"),
              HasSubstr("r.txt:3:14: Message type \"gem.recipes.Tensor\" has no field named"));
  EXPECT_THAT(parseError("tensor { name: \"x\" }\n"),
              HasSubstr("r.txt:1: expected version: 1, but got 0"));
  EXPECT_THAT(parseError("# later\nversion: 2\n"),
              HasSubstr("r.txt:2: expected version: 1, but got 2"));
  EXPECT_THAT(parseError("version: 1\ntensor { format: \"int8\" }\n"),
              HasSubstr("r.txt:2: expected a tensor with a name"));
  EXPECT_THAT(parseError("version: 1\ntensor { name: \"x\"\n format: \"int4g31\" }\n"),
              HasSubstr("r.txt:3: unknown format 'int4g31'; the nearest is 'int4g32'"));
  EXPECT_THAT(parseError("version: 1\ntensor { name: \"x\" algorithm: \"magic\" }\n"),
              HasSubstr("r.txt:2: unknown algorithm 'magic'; there are "));
  EXPECT_THAT(parseError("version: 1\ntensor { name: \"x\" format: \"f16\"\n"
                         " rows { format: \"int8\" } }\n"),
              HasSubstr("r.txt:2: 'x' has a format and blocks of rows; expected one of them"));
  EXPECT_THAT(parseError("version: 1\ntensor { name: \"x\"\n rows { format: \"int8\" }\n"
                         " rows { format: \"int8\" } }\n"),
              HasSubstr("r.txt:3: expected a positive count of rows"));
  // All at once.
  std::string several = parseError("version: 1\ntensor { name: \"x\" format: \"int5\" }\n"
                                   "tensor { name: \"y\" format: \"f33\" }\n");
  EXPECT_THAT(several, HasSubstr("(2 problems)"));
  EXPECT_THAT(several, HasSubstr("r.txt:2: unknown format 'int5'"));
  EXPECT_THAT(several, HasSubstr("r.txt:3: unknown format 'f33'; the nearest is 'f32'"));
  EXPECT_EQ(readRecipe("no/such/recipe").status().code(), absl::StatusCode::kNotFound);
}

TEST(Recipe, RefusesWhatDoesNotFitTheModel) {
  std::string head = "version: 1\ntensor { name: \"*\" format: \"f32\" }\n";
  EXPECT_THAT(applyError(head + "tensor { name: \"scar.kqv.weight\" format: \"f16\" }\n"),
              HasSubstr("r.txt:3: no tensor is named 'scar.kqv.weight'; the nearest is "
                        "'scar.qkv.weight'"));
  EXPECT_THAT(applyError(head + "tensor { name: \"encoder.layer.2.*\" format: \"f16\" }\n"),
              HasSubstr("r.txt:3: no tensor is named 'encoder.layer.2.*'"));
  EXPECT_THAT(applyError(head + "tensor { name: \"scar*\" rows { format: \"int8\" } }\n"),
              HasSubstr("r.txt:3: 'scar.qkv.weight' is no table"));
  EXPECT_THAT(
      applyError(head + "tensor { name: \"emb*\" rows { count: 8191 format: \"int8\" } }\n"),
      HasSubstr("expected blocks of the 8192 rows of 'embeddings.word_embeddings.weight', but "
                "they are of fewer"));
  EXPECT_THAT(
      applyError(head + "tensor { name: \"emb*\" rows { count: 9000000000 format: \"int8\" } }\n"),
      HasSubstr("but they are of more"));
  EXPECT_THAT(applyError(head + "tensor { name: \"emb*\" rows { count: 8192 format: \"int8\" }"
                                " rows { format: \"int4\" } }\n"),
              HasSubstr("but they are of more"));
  EXPECT_THAT(applyError("version: 1\ntensor { name: \"emb*\" format: \"f16\" }\n"
                         "tensor { name: \"*\" equalize: true }\n"),
              HasSubstr("r.txt: no entry gives a format to "
                        "'encoder.layer.0.intermediate.dense.weight', "
                        "'encoder.layer.0.output.dense.weight', "
                        "'encoder.layer.1.intermediate.dense.weight' and 1 more; tensor {"));
}

TEST(Recipe, WarnsOfAnotherModel) {
  std::string path = ::testing::TempDir() + "/recipe.txt";
  std::ofstream(path) << "version: 1\nmodel { name: \"a\" hash: \"blake3:1\" }\n";
  auto recipe = readRecipe(path);
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_EQ(compareRecipeModel(*recipe, "a", "blake3:1"), "");
  EXPECT_EQ(compareRecipeModel(*recipe, "b", "blake3:2"),
            "the recipe '" + path +
                "' was made for another model: 'a' of 'blake3:1', not 'b' of 'blake3:2'");
  EXPECT_EQ(compareRecipeModel(Recipe(), "b", "blake3:2"), "");
}

TEST(Recipe, MatchesPatterns) {
  for (auto [pattern, name] : {std::pair{"", ""},
                               {"*", ""},
                               {"*", "a.b"},
                               {"a*c", "abc"},
                               {"a*c", "acbc"},
                               {"a*b*c", "aXbYbZc"},
                               {"**", "x"},
                               {"x", "x"}})
    EXPECT_TRUE(matchesPattern(pattern, name)) << pattern << " " << name;
  for (auto [pattern, name] : {std::pair{"", "a"},
                               {"a", ""},
                               {"a*c", "ab"},
                               {"a*c", "abcd"},
                               {"*.b", "ab"},
                               {"a", "ab"},
                               {"A", "a"}})
    EXPECT_FALSE(matchesPattern(pattern, name)) << pattern << " " << name;
}

} // namespace
} // namespace gem
