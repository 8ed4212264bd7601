// Tests that equalizing channels changes no product of the weights around an attention.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/ChannelEqualization.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace gem;
using namespace mlir;

namespace {

constexpr int64_t kWidth = 32;

/// Channels whose inputs differ by a factor of a thousand, uncorrelated.
class UnevenInputs final : public quant::StatisticsSource {
public:
  std::vector<std::string> weights() const override { return {"out"}; }
  absl::StatusOr<quant::InputStatistics> load(const std::string &weight) const override {
    if (weight != "out")
      return absl::NotFoundError(weight);
    quant::InputStatistics statistics;
    statistics.width = kWidth;
    statistics.tokens = 100;
    statistics.gram.resize(kWidth * kWidth);
    quant::DomainStatistics domain;
    domain.tokens = 100;
    for (int64_t k = 0; k < kWidth; ++k) {
      float deviation = std::pow(10.0f, static_cast<float>(k % 4) - 1);
      statistics.gram[k * kWidth + k] = deviation * deviation;
      domain.mean.push_back(0);
      domain.squares.push_back(deviation * deviation);
      domain.minimum.push_back(-3 * deviation);
      domain.maximum.push_back(3 * deviation);
    }
    statistics.domains.push_back(domain);
    return statistics;
  }
};

std::vector<float> dataOf(ModuleOp module, StringRef name) {
  auto weight = SymbolTable(module).lookup<WeightOp>(name);
  std::vector<float> values(weight.getValue().getNumElements());
  readAsF32(weight.getValue(), 0, values.size(), values.data());
  return values;
}

TEST(ChannelEqualization, KeepsProductsAndChangesWeights) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"mlir(
gem.weight @value dense<1.0> : tensor<32x32xf32>
gem.weight @bias dense<0.5> : tensor<32xf32>
gem.weight @out dense<1.0> : tensor<32x32xf32>
func.func @main(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %value = gem.get_weight @value : tensor<32x32xf32>
  %bias = gem.get_weight @bias : tensor<32xf32>
  %out = gem.get_weight @out : tensor<32x32xf32>
  %v = gem.linear %x, %value, %bias
      : (tensor<4x32xf32>, tensor<32x32xf32>, tensor<32xf32>) -> tensor<4x32xf32>
  %a = gem.attention %x, %x, %v heads(1) head_dim(32) scale(1.0)
      : (tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>) -> tensor<4x32xf32>
  %y = gem.linear %a, %out : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}
)mlir",
                                                             &context);
  ASSERT_TRUE(module);
  // Values that differ, so that a factor has something to gain.
  std::vector<float> matrix(kWidth * kWidth);
  for (size_t i = 0; i < matrix.size(); ++i)
    matrix[i] = std::sin(static_cast<float>(i) * 0.7f) + 0.01f;
  for (StringRef name : {"value", "out"})
    SymbolTable(*module).lookup<WeightOp>(name).setValueAttr(
        makeF32Resource(&context, {kWidth, kWidth}, name, matrix));

  llvm::StringMap<quant::Format> formats;
  formats["out"] = *quant::Format::parse("int4g32");
  UnevenInputs statistics;
  auto changed = equalizeChannels(*module, formats, statistics, 1);
  ASSERT_TRUE(changed.ok()) << changed.status();
  ASSERT_EQ(changed->size(), 1u);

  std::vector<float> value = dataOf(*module, "value"), bias = dataOf(*module, "bias"),
                     out = dataOf(*module, "out");
  EXPECT_NE(out, matrix);
  for (int64_t k = 0; k < kWidth; ++k)
    for (int64_t n = 0; n < kWidth; ++n) {
      float before = matrix[n * kWidth + k];
      EXPECT_NEAR(out[n * kWidth + k] * bias[k], before * 0.5f, 1e-6f);
      EXPECT_NEAR(out[n * kWidth + k] * value[k * kWidth + n], before * matrix[k * kWidth + n],
                  1e-5f);
    }
}

TEST(ChannelEqualization, LeavesSharedAndFloatWeightsAlone) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"mlir(
gem.weight @w dense<1.0> : tensor<32x32xf32>
gem.weight @out dense<1.0> : tensor<32x32xf32>
func.func @main(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %w = gem.get_weight @w : tensor<32x32xf32>
  %out = gem.get_weight @out : tensor<32x32xf32>
  %k = gem.linear %x, %w : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32>
  %v = gem.linear %x, %w : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32>
  %a = gem.attention %x, %k, %v heads(1) head_dim(32) scale(1.0)
      : (tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>) -> tensor<4x32xf32>
  %y = gem.linear %a, %out : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}
)mlir",
                                                             &context);
  ASSERT_TRUE(module);
  UnevenInputs statistics;
  llvm::StringMap<quant::Format> formats;
  formats["out"] = *quant::Format::parse("int4g32");
  auto changed = equalizeChannels(*module, formats, statistics, 1);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(changed->empty()); // keys read the values' weight too
  formats["out"] = quant::Format();
  changed = equalizeChannels(*module, formats, statistics, 1);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_TRUE(changed->empty());
}

} // namespace
