// Reading and replacing the values of a module's weights by name.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/ModuleWeights.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/HalfFloat.h"
#include "dialects/Gem/WeightData.h"

using namespace mlir;
using namespace gem;

static absl::StatusOr<WeightOp> findWeight(ModuleOp module, const std::string &name) {
  auto weight = module.lookupSymbol<WeightOp>(name);
  if (!weight)
    return absl::NotFoundError(absl::StrCat("the model has no weight '", name, "'"));
  return weight;
}

absl::StatusOr<std::vector<float>> gem::readWeight(ModuleOp module, const std::string &name) {
  absl::StatusOr<WeightOp> weight = findWeight(module, name);
  if (!weight.ok())
    return weight.status();
  if (!hasData(weight->getValue()))
    return absl::FailedPreconditionError(
        absl::StrCat("the weight '", name, "' has no data: the module was printed without it"));
  std::vector<float> values(weight->getValue().getNumElements());
  readAsF32(weight->getValue(), 0, values.size(), values.data());
  return values;
}

absl::Status gem::replaceWeight(ModuleOp module, const std::string &name,
                                std::vector<float> values) {
  absl::StatusOr<WeightOp> weight = findWeight(module, name);
  if (!weight.ok())
    return weight.status();
  auto type = cast<RankedTensorType>(weight->getValue().getType());
  if (type.getNumElements() != static_cast<int64_t>(values.size()))
    return absl::InternalError(absl::StrCat("expected ", type.getNumElements(), " values for '",
                                            name, "', but got ", values.size()));
  if (type.getElementType().isF32()) {
    weight->setValueAttr(
        makeF32Resource(module.getContext(), type.getShape(), name, std::move(values)));
    return absl::OkStatus();
  }
  bool isHalf = type.getElementType().isF16();
  auto rounded = std::make_shared<std::vector<uint16_t>>();
  rounded->reserve(values.size());
  for (float value : values)
    rounded->push_back(isHalf ? floatToHalf(value) : floatToBfloat16(value));
  ArrayRef<char> data(reinterpret_cast<const char *>(rounded->data()), 2 * rounded->size());
  weight->setValueAttr(makeResource(type, name, data, rounded));
  return absl::OkStatus();
}

std::string gem::biasOf(ModuleOp module, const std::string &name) {
  std::string bias;
  module.walk([&](LinearOp linear) {
    auto get = linear.getWeight().getDefiningOp<GetWeightOp>();
    if (!get || get.getWeight() != name || !linear.getBias())
      return;
    if (auto added = linear.getBias().getDefiningOp<GetWeightOp>())
      bias = added.getWeight().str();
  });
  return bias;
}
