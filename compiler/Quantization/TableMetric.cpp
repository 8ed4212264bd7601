// Which errors of an embedding table matter to what reads it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/TableMetric.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/TableStatistics.h"

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

/// The part of the error that the linears behind the norm see; the residual path sees the
/// rest. Best on calibration texts of gem-tiny among 0 to 0.97.
constexpr double kReadShare = 0.9;

/// The norm takes the mean of a row away, so an error that all columns share costs nothing:
/// P G P, with P = I - 1 1^T / width.
void projectMean(std::vector<float> &gram, int64_t width) {
  std::vector<double> means(width);
  double total = 0;
  for (int64_t i = 0; i < width; ++i) {
    for (int64_t j = 0; j < width; ++j)
      means[i] += gram[i * width + j] / static_cast<double>(width);
    total += means[i] / static_cast<double>(width);
  }
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = i; j < width; ++j)
      gram[i * width + j] = gram[j * width + i] =
          static_cast<float>(gram[i * width + j] - (means[i] + means[j]) + total);
}

absl::StatusOr<quant::InputStatistics> computeMetric(LayerNormOp norm, WeightOp gamma) {
  std::vector<std::vector<float>> data;
  std::vector<quant::WeightView> readers;
  for (Operation *user : norm.getResult().getUsers()) {
    auto linear = dyn_cast<LinearOp>(user);
    WeightOp weight =
        linear && linear.getX() == norm.getResult() ? weightOf(linear.getWeight()) : WeightOp();
    if (!weight)
      continue;
    RankedTensorType type = weight.getWeightType();
    data.emplace_back(type.getNumElements());
    readAsF32(weight.getValue(), 0, type.getNumElements(), data.back().data());
    readers.push_back({data.back().data(), type.getDimSize(0), type.getDimSize(1), false});
  }
  int64_t width = gamma.getWeightType().getDimSize(0);
  std::vector<float> scale(width);
  readAsF32(gamma.getValue(), 0, width, scale.data());
  absl::StatusOr<quant::InputStatistics> metric =
      quant::tableStatistics(readers, scale, kReadShare);
  if (metric.ok()) {
    metric->tokens = 1;
    projectMean(metric->gram, width);
  }
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
      if (!gamma || !table || op.getTables().size() != 1)
        return;
      // Without linears behind the norm there is no metric, and the table is rounded.
      absl::StatusOr<quant::InputStatistics> metric = computeMetric(norm, gamma);
      if (metric.ok())
        metrics.try_emplace(table.getWeight().str(), *std::move(metric));
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
