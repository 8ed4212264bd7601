// Tests of what is given a format of its own, and of the plan that comes of it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/Sensitivity.h"
#include "dialects/Gem/Gem.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

using namespace gem;
using namespace mlir;
using quant::Format;
using ::testing::ElementsAre;
using Kind = QuantizationUnit::Kind;

namespace {

const Format kInt8 = *Format::parse("int8");
const Format kInt4 = *Format::parse("int4g32");

QuantizationUnit table(int64_t rows) {
  QuantizationUnit unit;
  unit.kind = Kind::Rows;
  unit.weight = unit.name = "words";
  unit.rows = rows;
  unit.width = 64;
  unit.ids.resize(rows);
  std::iota(unit.ids.begin(), unit.ids.end(), 0);
  return unit;
}

QuantizationUnit matrix(const std::string &name) {
  QuantizationUnit unit;
  unit.weight = unit.name = name;
  unit.rows = unit.width = 64;
  return unit;
}

TEST(FindUnits, FindsEveryWeightOnceByHowItIsRead) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"mlir(
gem.weight @words dense<1.0> : tensor<16x8xf16>
gem.weight @positions dense<1.0> : tensor<4x8xf32>
gem.weight @w dense<1.0> : tensor<8x8xbf16>
gem.weight @b dense<1.0> : tensor<8xf32>
gem.weight @w_r dense<1.0> : tensor<3x8xf32>
gem.weight @centroids dense<1.0> : tensor<2x8xf32>
gem.weight @unread dense<1.0> : tensor<8x8xf32>
func.func @main(%ids: tensor<4xi32>) -> tensor<4xi32> {
  %words = gem.get_weight @words : tensor<16x8xf16>
  %positions = gem.get_weight @positions : tensor<4x8xf32>
  %w = gem.get_weight @w : tensor<8x8xbf16>
  %b = gem.get_weight @b : tensor<8xf32>
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<2x8xf32>
  %0 = gem.embedding %ids, %words : (tensor<4xi32>, tensor<16x8xf16>) -> tensor<4x8xf32>
  %1 = gem.add_position %0, %positions : tensor<4x8xf32>, tensor<4x8xf32>
  %2 = gem.linear %1, %w, %b
      : (tensor<4x8xf32>, tensor<8x8xbf16>, tensor<8xf32>) -> tensor<4x8xf32>
  %3 = gem.linear %2, %w : (tensor<4x8xf32>, tensor<8x8xbf16>) -> tensor<4x8xf32>
  %p, %r, %c = gem.route_tokens %3, %w_r, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}
)mlir",
                                                             &context);
  ASSERT_TRUE(module);
  std::vector<QuantizationUnit> units = findUnits(*module);
  std::vector<std::pair<std::string, Kind>> found;
  for (const QuantizationUnit &unit : units)
    found.push_back({unit.name, unit.kind});
  EXPECT_THAT(found,
              ElementsAre(std::pair("words", Kind::Rows), std::pair("positions", Kind::Positions),
                          std::pair("w", Kind::Matrix), std::pair("w_r", Kind::Router),
                          std::pair("centroids", Kind::Router)));
  EXPECT_EQ(units[0].rows, 16);
  EXPECT_EQ(units[0].width, 8);
  EXPECT_EQ(units[0].ids.size(), 16u);
  EXPECT_EQ(units[0].sourceType, "f16");
  EXPECT_EQ(units[2].sourceType, "bf16");
}

TEST(FrequencyParts, HalveInFrequencyAndEndWithTheUnseen) {
  // 8 of 20 rows are looked up.
  std::vector<int64_t> counts(20);
  for (int id : {1, 3, 5, 7, 9, 11, 13, 15})
    counts[id] = 100 - id;
  EXPECT_THAT(frequencyParts(table(20), counts, 8), ElementsAre(1, 1, 2, 4, 12));
  EXPECT_THAT(frequencyParts(table(20), counts, 3), ElementsAre(4, 4, 12));
  EXPECT_THAT(frequencyParts(table(20), counts, 1), ElementsAre(20));
  // Every row is seen: no part of unseen ones.
  EXPECT_THAT(frequencyParts(table(4), {1, 1, 1, 1}, 8), ElementsAre(1, 1, 2));
}

TEST(FrequencyParts, OnePartWhereNothingIsKnownOrAMapWouldNotDo) {
  EXPECT_THAT(frequencyParts(table(20), {}, 8), ElementsAre(20));
  EXPECT_THAT(frequencyParts(table(20), std::vector<int64_t>(20), 8), ElementsAre(20));
  EXPECT_THAT(frequencyParts(table(65537), std::vector<int64_t>(65537, 1), 8), ElementsAre(65537));
  EXPECT_THAT(frequencyParts(table(65536), std::vector<int64_t>(65536, 1), 3),
              ElementsAre(32768, 32768));
}

TEST(SplitTable, TheMostFrequentRowsComeFirst) {
  std::vector<int64_t> counts = {0, 5, 0, 9, 5, 1};
  std::vector<QuantizationUnit> parts = splitTable(table(6), {1, 2, 3}, counts);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_THAT(parts[0].ids, ElementsAre(3));
  EXPECT_THAT(parts[1].ids, ElementsAre(1, 4));
  EXPECT_THAT(parts[2].ids, ElementsAre(0, 2, 5));
  EXPECT_EQ(parts[0].occurrences, 9);
  EXPECT_EQ(parts[1].occurrences, 10);
  EXPECT_EQ(parts[2].occurrences, 1);
  EXPECT_EQ(parts[1].rows, 2);
  EXPECT_EQ(parts[1].weight, "words");
  EXPECT_EQ(parts[1].name, "words (rows 1 to 2 by frequency)");
  // Without counts: by id. One part is the table.
  parts = splitTable(table(6), {2, 4}, {});
  EXPECT_THAT(parts[0].ids, ElementsAre(0, 1));
  parts = splitTable(table(6), {6}, counts);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].name, "words");
}

TEST(MakePlan, PartsOfOneFormatAreOnePart) {
  std::vector<QuantizationUnit> units = splitTable(table(6), {1, 2, 3}, {0, 5, 0, 9, 5, 1});
  units.push_back(matrix("w"));
  FormatPlan plan = makePlan(units, {kInt8, kInt4, kInt8, kInt4});
  ASSERT_EQ(plan.weights.size(), 1u);
  EXPECT_EQ(plan.weights["w"], kInt4);
  ASSERT_EQ(plan.tables.size(), 1u);
  const std::vector<TablePart> &parts = plan.tables["words"];
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].format, kInt8);
  EXPECT_THAT(parts[0].ids, ElementsAre(0, 2, 3, 5));
  EXPECT_EQ(parts[1].format, kInt4);
  EXPECT_THAT(parts[1].ids, ElementsAre(1, 4));
}

TEST(MakePlan, ATableInOneFormatIsNotSplit) {
  std::vector<QuantizationUnit> units = splitTable(table(6), {1, 5}, {});
  FormatPlan plan = makePlan(units, {kInt4, kInt4});
  EXPECT_TRUE(plan.tables.empty());
  EXPECT_EQ(plan.weights["words"], kInt4);
}

TEST(CandidateFormats, GetCheaperAndSpareTheRouter) {
  QuantizationUnit router = matrix("w_r");
  router.kind = Kind::Router;
  for (const Format &format : candidateFormats(router))
    EXPECT_TRUE(format.isFloat()) << format.name();
  for (const QuantizationUnit &unit : {table(512), matrix("w")}) {
    std::vector<Format> formats = candidateFormats(unit);
    ASSERT_GE(formats.size(), 2u);
    EXPECT_LT(unit.bytes(formats.back()), unit.bytes(formats.front()));
  }
}

} // namespace
