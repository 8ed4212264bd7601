// Tests of formats by a plan, which options cannot spell: tables in parts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/FormatPlan.h"
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace gem;
using namespace mlir;
using quant::Format;
using ::testing::ElementsAre;

namespace {

/// A table of 8 rows of 2, row i has the values i + 0.25 and -i; two entry points.
constexpr const char *kModel = R"mlir(
gem.weight @words dense<[[0.25, 0.0], [1.25, -1.0], [2.25, -2.0], [3.25, -3.0], [4.25, -4.0],
                         [5.25, -5.0], [6.25, -6.0], [7.25, -7.0]]> : tensor<8x2xf32>
gem.weight @w dense<1.0> : tensor<8x2xf32>
func.func @first(%ids: tensor<4xi32>) -> tensor<4x8xf32> {
  %t = gem.get_weight @words : tensor<8x2xf32>
  %w = gem.get_weight @w : tensor<8x2xf32>
  %x = gem.embedding %ids, %t : (tensor<4xi32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  %y = gem.linear %x, %w : (tensor<4x2xf32>, tensor<8x2xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
func.func @second(%ids: tensor<1xi32>) -> tensor<1x2xf32> {
  %t = gem.get_weight @words : tensor<8x2xf32>
  %x = gem.embedding %ids, %t : (tensor<1xi32>, tensor<8x2xf32>) -> tensor<1x2xf32>
  return %x : tensor<1x2xf32>
}
)mlir";

class AssignWeightFormatsTest : public ::testing::Test {
protected:
  AssignWeightFormatsTest() : context(MLIRContext::Threading::DISABLED) {
    context.loadDialect<GemDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(kModel, &context);
  }

  LogicalResult run(const FormatPlan &plan) {
    PassManager passes(&context);
    passes.addPass(createAssignWeightFormatsPass(&plan));
    return passes.run(*module);
  }

  WeightOp weight(StringRef name) { return module->lookupSymbol<WeightOp>(name); }

  std::optional<Format> formatOf(StringRef name) {
    WeightOp op = weight(name);
    return op ? getFormat(op.getWeightType().getElementType()) : std::nullopt;
  }

  /// The first value of each row.
  std::vector<float> rowsOf(StringRef name) {
    WeightOp op = weight(name);
    if (!op)
      return {};
    std::vector<float> values(op.getValue().getNumElements()), rows;
    readAsF32(op.getValue(), 0, static_cast<int64_t>(values.size()), values.data());
    for (size_t i = 0; i < values.size(); i += 2)
      rows.push_back(values[i]);
    return rows;
  }

  std::vector<EmbeddingOp> embeddings() {
    std::vector<EmbeddingOp> ops;
    module->walk([&](EmbeddingOp op) { ops.push_back(op); });
    return ops;
  }

  static std::vector<std::string> tablesOf(EmbeddingOp op) {
    std::vector<std::string> names;
    for (Value table : op.getTables())
      names.push_back(table.getDefiningOp<GetWeightOp>().getWeight().str());
    return names;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

const Format kInt8 = *Format::parse("int8");
const Format kInt4 = *Format::parse("int4g32");

TEST_F(AssignWeightFormatsTest, PartsThatAreNoRangesHaveAMap) {
  ASSERT_TRUE(module);
  FormatPlan plan;
  plan.tables["words"] = {{kInt8, {6, 1}}, {kInt4, {0, 2, 3, 4, 5, 7}}};
  ASSERT_TRUE(succeeded(run(plan)));
  // Nothing reads the whole table any more.
  EXPECT_FALSE(weight("words"));
  EXPECT_EQ(formatOf("words.0"), kInt8);
  EXPECT_EQ(formatOf("words.1"), kInt4);
  EXPECT_EQ(formatOf("w"), Format{});
  EXPECT_THAT(rowsOf("words.0"), ElementsAre(6.25f, 1.25f));
  EXPECT_THAT(rowsOf("words.1"), ElementsAre(0.25f, 2.25f, 3.25f, 4.25f, 5.25f, 7.25f));
  WeightOp map = weight("words.map");
  ASSERT_TRUE(map);
  EXPECT_TRUE(map.getWeightType().getElementType().isUnsignedInteger(16));
  std::vector<uint16_t> rows(8);
  ASSERT_EQ(getRawData(map.getValue()).size(), 16u);
  std::memcpy(rows.data(), getRawData(map.getValue()).data(), 16);
  EXPECT_THAT(rows, ElementsAre(2, 1, 3, 4, 5, 6, 0, 7));
  // Both entry points read the same parts.
  std::vector<EmbeddingOp> ops = embeddings();
  ASSERT_EQ(ops.size(), 2u);
  for (EmbeddingOp op : ops) {
    EXPECT_THAT(tablesOf(op), ElementsAre("words.0", "words.1"));
    ASSERT_TRUE(op.getMap());
    EXPECT_EQ(op.getMap().getDefiningOp<GetWeightOp>().getWeight(), "words.map");
    EXPECT_EQ(op.getNumIds(), 8);
  }
}

TEST_F(AssignWeightFormatsTest, PartsThatFollowEachOtherNeedNoMap) {
  ASSERT_TRUE(module);
  FormatPlan plan;
  plan.format = kInt8;
  plan.tables["words"] = {{kInt8, {0, 1, 2}}, {Format{}, {3}}, {kInt4, {4, 5, 6, 7}}};
  ASSERT_TRUE(succeeded(run(plan)));
  EXPECT_FALSE(weight("words.map"));
  EXPECT_EQ(formatOf("words.0"), kInt8);
  EXPECT_EQ(formatOf("words.1"), Format{});
  EXPECT_EQ(formatOf("words.2"), kInt4);
  EXPECT_EQ(formatOf("w"), kInt8);
  EXPECT_THAT(rowsOf("words.2"), ElementsAre(4.25f, 5.25f, 6.25f, 7.25f));
  for (EmbeddingOp op : embeddings()) {
    EXPECT_THAT(tablesOf(op), ElementsAre("words.0", "words.1", "words.2"));
    EXPECT_FALSE(op.getMap());
  }
}

TEST_F(AssignWeightFormatsTest, PartsInAnotherOrderNeedAMap) {
  ASSERT_TRUE(module);
  FormatPlan plan;
  plan.tables["words"] = {{kInt8, {4, 5, 6, 7}}, {kInt4, {0, 1, 2, 3}}};
  ASSERT_TRUE(succeeded(run(plan)));
  EXPECT_TRUE(weight("words.map"));
}

TEST_F(AssignWeightFormatsTest, ATableThatALinearReadsTooStaysForIt) {
  ASSERT_TRUE(module);
  // The classifier of a model whose embeddings are tied to it.
  for (GetWeightOp get : llvm::make_early_inc_range(
           module->lookupSymbol<func::FuncOp>("first").getOps<GetWeightOp>()))
    get.setWeight("words");
  weight("w").erase();
  FormatPlan plan;
  plan.format = kInt4;
  plan.tables["words"] = {{kInt8, {1}}, {kInt4, {0, 2, 3, 4, 5, 6, 7}}};
  ASSERT_TRUE(succeeded(run(plan)));
  EXPECT_EQ(formatOf("words"), kInt4);
  EXPECT_EQ(formatOf("words.0"), kInt8);
}

TEST_F(AssignWeightFormatsTest, APlanThatNamesNoWeightIsRefused) {
  ASSERT_TRUE(module);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message = d.str(); });
  FormatPlan plan;
  plan.tables["wordz"] = {{kInt8, {0}}};
  EXPECT_TRUE(failed(run(plan)));
  EXPECT_EQ(message, "expected the formats to name weights of the model, but got 'wordz'");
}

} // namespace
