// Channels of attention's values are scaled so that they quantize alike.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/ChannelEqualization.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/Equalization.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace gem;

namespace {

/// The linear that makes attention's values and the one that reads its result.
struct Pair {
  LinearOp values, output;
};

LinearOp valuesOf(Operation *attention) {
  Value v;
  if (auto op = dyn_cast_or_null<AttentionOp>(attention))
    v = op.getV();
  else if (auto op = dyn_cast_or_null<ScarAttentionOp>(attention))
    v = op.getV();
  auto linear = v ? v.getDefiningOp<LinearOp>() : LinearOp();
  bool isLinear = linear && linear.getActivation() == Activation::None && !linear.getResidual();
  return isLinear && v.hasOneUse() ? linear : LinearOp();
}

/// The weight behind `value` if it has data and nothing else reads it.
WeightOp ownWeight(Value value, ModuleOp module) {
  auto get = value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
  auto weight = get ? SymbolTable(module).lookup<WeightOp>(get.getWeight()) : WeightOp();
  if (!weight || !get->hasOneUse() || !hasData(weight.getValue()) ||
      !llvm::hasSingleElement(*SymbolTable::getSymbolUses(weight, module)))
    return {};
  return weight;
}

std::vector<float> readAll(WeightOp weight) {
  std::vector<float> values(weight.getValue().getNumElements());
  readAsF32(weight.getValue(), 0, values.size(), values.data());
  return values;
}

void replaceAll(WeightOp weight, std::vector<float> values) {
  RankedTensorType type = weight.getWeightType();
  weight.setValueAttr(makeF32Resource(weight.getContext(), type.getShape(), weight.getSymName(),
                                      std::move(values)));
  weight.setStored(type);
}

} // namespace

absl::StatusOr<std::map<std::string, quant::InputStatistics>>
gem::equalizeChannels(ModuleOp module, const llvm::StringMap<quant::Format> &formats,
                      const quant::StatisticsSource &statistics, unsigned threads) {
  std::map<std::string, quant::InputStatistics> changed;
  SmallVector<Pair> pairs;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](LinearOp output) {
      Operation *attention = output.getX().getDefiningOp();
      LinearOp values = output.getX().hasOneUse() ? valuesOf(attention) : LinearOp();
      if (values)
        pairs.push_back({values, output});
    });
  for (Pair pair : pairs) {
    WeightOp output = ownWeight(pair.output.getWeight(), module);
    WeightOp values = ownWeight(pair.values.getWeight(), module);
    WeightOp bias = ownWeight(pair.values.getBias(), module);
    if (!output || !values || (pair.values.getBias() && !bias))
      continue;
    auto format = formats.find(output.getSymName());
    if (format == formats.end() || format->second.isFloat())
      continue;
    absl::StatusOr<quant::InputStatistics> known = statistics.load(output.getSymName().str());
    if (!known.ok())
      continue;
    int64_t rows = output.getWeightType().getDimSize(0), width = known->width;
    std::vector<float> matrix = readAll(output);
    quant::WeightView view{matrix.data(), rows, width, false};
    absl::StatusOr<quant::Equalization> found =
        quant::findEqualization({view}, *known, format->second, {}, threads);
    if (!found.ok())
      return found.status();
    quant::multiplyColumns(matrix.data(), rows, found->factors);
    replaceAll(output, std::move(matrix));
    std::vector<float> source = readAll(values);
    quant::divideRows(source.data(), values.getWeightType().getDimSize(1), found->factors);
    replaceAll(values, std::move(source));
    if (bias) {
      std::vector<float> sums = readAll(bias);
      quant::divideValues(sums.data(), found->factors);
      replaceAll(bias, std::move(sums));
    }
    changed[output.getSymName().str()] = quant::divideStatistics(*std::move(known), found->factors);
  }
  return changed;
}
