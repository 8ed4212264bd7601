// Which errors of an embedding table matter to what reads it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/TableMetric.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"

using namespace mlir;
using namespace gem;

namespace {

WeightOp weightOf(Value value) {
  auto get = value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
  auto weight =
      get ? SymbolTable::lookupNearestSymbolFrom<WeightOp>(get, get.getWeightAttr()) : WeightOp();
  return weight && hasData(weight.getValue()) ? weight : WeightOp();
}

/// The layer_norm that `value` reaches through sums, or null.
LayerNormOp findNorm(Value value) {
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (auto norm = dyn_cast<LayerNormOp>(user))
      return norm;
    if (!isa<AddPositionOp, AddRowOp>(user))
      return {};
    value = user->getResult(0);
  }
  return {};
}

quant::InputStatistics computeMetric(LayerNormOp norm, WeightOp gamma) {
  int64_t width = cast<RankedTensorType>(norm.getResult().getType()).getDimSize(1);
  std::vector<double> sum(width * width);
  for (Operation *user : norm.getResult().getUsers()) {
    auto linear = dyn_cast<LinearOp>(user);
    WeightOp weight =
        linear && linear.getX() == norm.getResult() ? weightOf(linear.getWeight()) : WeightOp();
    if (!weight)
      continue;
    std::vector<float> row(width);
    for (int64_t n = 0; n < weight.getWeightType().getDimSize(0); ++n) {
      readAsF32(weight.getValue(), n * width, width, row.data());
      for (int64_t i = 0; i < width; ++i)
        for (int64_t j = 0; j < width; ++j)
          sum[i * width + j] += static_cast<double>(row[i]) * row[j];
    }
  }
  double trace = 0;
  for (int64_t i = 0; i < width; ++i)
    trace += sum[i * width + i];
  double residual = trace > 0 ? trace / static_cast<double>(width) : 1.0;
  std::vector<float> scale(width);
  readAsF32(gamma.getValue(), 0, width, scale.data());
  for (int64_t i = 0; i < width; ++i) {
    sum[i * width + i] += residual;
    for (int64_t j = 0; j < width; ++j)
      sum[i * width + j] *= static_cast<double>(scale[i]) * scale[j];
  }
  // P G P: the mean of every column, then that of every row, is taken away.
  for (int64_t j = 0; j < width; ++j) {
    double mean = 0;
    for (int64_t i = 0; i < width; ++i)
      mean += sum[i * width + j] / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i)
      sum[i * width + j] -= mean;
  }
  for (int64_t i = 0; i < width; ++i) {
    double mean = 0;
    for (int64_t j = 0; j < width; ++j)
      mean += sum[i * width + j] / static_cast<double>(width);
    for (int64_t j = 0; j < width; ++j)
      sum[i * width + j] -= mean;
  }
  quant::InputStatistics metric;
  metric.width = width;
  metric.tokens = 1;
  metric.gram.resize(width * width);
  // Symmetric to the bit, whatever the rounding above.
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = i; j < width; ++j)
      metric.gram[i * width + j] = metric.gram[j * width + i] =
          static_cast<float>((sum[i * width + j] + sum[j * width + i]) / 2 / residual);
  return metric;
}

} // namespace

std::map<std::string, quant::InputStatistics> gem::findTableMetrics(ModuleOp module) {
  std::map<std::string, quant::InputStatistics> metrics;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](EmbeddingOp op) {
      LayerNormOp norm = findNorm(op.getResult());
      WeightOp gamma = norm ? weightOf(norm.getGamma()) : WeightOp();
      auto table = op.getTables().front().getDefiningOp<GetWeightOp>();
      if (gamma && table && op.getTables().size() == 1)
        metrics.try_emplace(table.getWeight().str(), computeMetric(norm, gamma));
    });
  return metrics;
}

std::vector<std::string> StatisticsWithTables::weights() const {
  std::vector<std::string> names = matrices ? matrices->weights() : std::vector<std::string>();
  for (const auto &[name, metric] : tables)
    names.push_back(name);
  return names;
}

absl::StatusOr<quant::InputStatistics> StatisticsWithTables::load(const std::string &weight) const {
  auto found = tables.find(weight);
  if (found == tables.end())
    found = tables.find(weight.substr(0, weight.rfind('.')));
  if (found != tables.end())
    return found->second;
  if (matrices)
    return matrices->load(weight);
  return absl::NotFoundError(absl::StrCat("no statistics of '", weight, "'"));
}
