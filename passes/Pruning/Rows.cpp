// Removes rows of tables: positions, router clusters, classes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Pruning/Structures.h"
#include "passes/Pruning/WeightCut.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallBitVector.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace gem;
using namespace gem::prune;

namespace {

/// The weight that `value` reads; null where it reads none.
WeightOp weightOf(ModuleOp module, Value value) {
  auto get = value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
  return get ? module.lookupSymbol<WeightOp>(get.getWeight()) : WeightOp();
}

/// Whether all that read `weight` are `T`s.
template <typename T> bool isOnlyReadBy(ModuleOp module, WeightOp weight) {
  bool isOnly = true;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](GetWeightOp get) {
      if (get.getWeight() == weight.getSymName())
        isOnly &= llvm::all_of(get->getUsers(), llvm::IsaPred<T>);
    });
  return isOnly;
}

absl::Status notReadAlone(WeightOp weight, const char *what) {
  return absl::FailedPreconditionError(absl::StrCat("the weight '", weight.getSymName().str(),
                                                    "' is read by more than ", what,
                                                    ": expected one of its own"));
}

/// The weights of a router or a classifier; null where one is no weight of the module.
template <typename T, typename Operands>
absl::StatusOr<SmallVector<WeightOp>> ownWeights(ModuleOp module, T op, Operands operands,
                                                 const char *what) {
  SmallVector<WeightOp> weights;
  for (Value operand : operands) {
    if (!operand)
      continue;
    WeightOp weight = weightOf(module, operand);
    if (!weight)
      return absl::FailedPreconditionError(
          absl::StrCat("expected weights of the module for ", what, ", but got other values"));
    if (absl::Status status = verifyUncompressed(weight); !status.ok())
      return status;
    if (!isOnlyReadBy<T>(module, weight))
      return notReadAlone(weight, what);
    weights.push_back(weight);
  }
  return weights;
}

template <typename T> SmallVector<T> collect(ModuleOp module) {
  SmallVector<T> ops;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](T op) { ops.push_back(op); });
  return ops;
}

/// f32 values as `type`, each rounded to nearest even.
ElementsAttr makeValue(RankedTensorType type, StringRef name, std::vector<float> values,
                       bool isResource) {
  if (isResource && type.getElementType().isF32())
    return makeF32Resource(type.getContext(), type.getShape(), name, std::move(values));
  const llvm::fltSemantics &semantics = cast<FloatType>(type.getElementType()).getFloatSemantics();
  std::vector<APFloat> rounded;
  for (float value : values) {
    bool losesInfo;
    rounded.emplace_back(value).convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
  }
  return DenseElementsAttr::get(type, rounded);
}

} // namespace

absl::Status prune::dropUnusedPositions(ModuleOp module) {
  SymbolSizes maximum;
  for (auto symbol : module.getOps<gem::SymbolOp>())
    maximum[symbol.getSymName()] = symbol.getMaximum();
  llvm::MapVector<WeightOp, int64_t> rows; // that are read
  for (AddPositionOp add : collect<AddPositionOp>(module)) {
    WeightOp weight = weightOf(module, add.getTable());
    int64_t read = getExtent(add.getX().getType(), 0, maximum);
    if (weight && read > 0 && isOnlyReadBy<AddPositionOp>(module, weight))
      rows[weight] = std::max(rows[weight], read);
  }
  for (auto [weight, read] : rows) {
    if (weight.getWeightType().getDimSize(0) <= read)
      continue;
    if (absl::Status status = verifyUncompressed(weight); !status.ok())
      return status;
    SmallVector<int64_t> kept(read);
    std::iota(kept.begin(), kept.end(), 0);
    setValue(module, weight, keepRows(weight.getValue(), kept, weight.getSymName()));
  }
  return absl::OkStatus();
}

absl::Status prune::mergeClusters(ModuleOp module, ArrayRef<int64_t> clusterOf,
                                  ArrayRef<double> tokens) {
  SmallVector<RouteTokensOp> routers = collect<RouteTokensOp>(module);
  if (routers.empty())
    return absl::InvalidArgumentError(
        "the model has no router: expected one whose clusters can be merged");
  int64_t numOld = clusterOf.size();
  int64_t numNew = numOld ? *llvm::max_element(clusterOf) + 1 : 0;
  llvm::SmallBitVector taken(std::clamp<int64_t>(numNew, 0, numOld));
  for (int64_t cluster : clusterOf) {
    if (cluster < 0 || numNew > numOld)
      return absl::InvalidArgumentError(absl::StrCat("expected clusters of 0 to ", numOld - 1,
                                                     ", but got ",
                                                     cluster < 0 ? cluster : numNew - 1));
    taken.set(cluster);
  }
  if (!taken.all())
    return absl::InvalidArgumentError(absl::StrCat("expected every cluster from 0 to ", numNew - 1,
                                                   " to get one, but none becomes ",
                                                   taken.find_first_unset()));
  if (!tokens.empty() && (tokens.size() != clusterOf.size() || llvm::any_of(tokens, [](double n) {
                            return !(n >= 0) || std::isinf(n);
                          })))
    return absl::InvalidArgumentError(
        absl::StrCat("expected a number of tokens, 0 or more, for each of the ", numOld,
                     " clusters, but got ", tokens.size(), " or one that is none"));

  llvm::SetVector<WeightOp> centroids;
  for (RouteTokensOp router : routers) {
    if (!router.getCentroids())
      return absl::FailedPreconditionError(
          "the router has no centroids: expected them to be fitted before clusters are merged");
    if (static_cast<int64_t>(router.getNumClusters()) != numOld)
      return absl::InvalidArgumentError(absl::StrCat("expected what each of the router's ",
                                                     router.getNumClusters(),
                                                     " clusters becomes, but got ", numOld));
    auto weights = ownWeights(module, router, ArrayRef<Value>{router.getCentroids()}, "the router");
    if (!weights.ok())
      return weights.status();
    centroids.insert(weights->front());
  }
  for (WeightOp weight : centroids) {
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    int64_t width = type.getDimSize(1);
    std::vector<float> old(type.getNumElements()), merged(numNew * width);
    readAsF32(weight.getValue(), 0, old.size(), old.data());
    for (int64_t cluster = 0; cluster < numNew; ++cluster) {
      double total = 0;
      for (int64_t k = 0; k < numOld; ++k)
        total += clusterOf[k] == cluster && !tokens.empty() ? tokens[k] : 0;
      std::vector<double> sum(width);
      double shares = 0;
      for (int64_t k = 0; k < numOld; ++k) {
        if (clusterOf[k] != cluster)
          continue;
        double share = total > 0 ? tokens[k] : 1; // no tokens: all count the same
        shares += share;
        for (int64_t i = 0; i < width; ++i)
          sum[i] += share * old[k * width + i];
      }
      for (int64_t i = 0; i < width; ++i)
        merged[cluster * width + i] = static_cast<float>(sum[i] / shares);
    }
    setValue(module, weight,
             makeValue(type.clone({numNew, width}), weight.getSymName(), std::move(merged),
                       isa<DenseResourceElementsAttr>(weight.getValue())));
  }
  for (RouteTokensOp router : routers)
    router.setNumClusters(numNew);
  return absl::OkStatus();
}

absl::Status prune::keepClasses(ModuleOp module, ArrayRef<int64_t> kept) {
  SmallVector<ClassifyOp> classifiers = collect<ClassifyOp>(module);
  if (classifiers.empty())
    return absl::InvalidArgumentError(
        "the model has no classifier: expected one to keep classes of");
  int64_t numClasses = classifiers.front().getLogits().getType().getDimSize(0);
  if (absl::Status status = verifyKept(kept, numClasses, "classes"); !status.ok())
    return status;
  auto labels = module->getAttrOfType<ArrayAttr>(kLabelsAttr);
  if (labels && static_cast<int64_t>(labels.size()) != numClasses)
    return absl::FailedPreconditionError(absl::StrCat("expected as many labels as classes, ",
                                                      numClasses, ", but got ", labels.size()));
  llvm::SetVector<WeightOp> rows;
  for (ClassifyOp classifier : classifiers) {
    if (classifier.getLogits().getType().getDimSize(0) != numClasses)
      return absl::FailedPreconditionError(
          absl::StrCat("expected classifiers of the same classes, but got one of ", numClasses,
                       " and one of ", classifier.getLogits().getType().getDimSize(0)));
    if (!llvm::all_of(classifier->getUsers(), llvm::IsaPred<func::ReturnOp>))
      return absl::FailedPreconditionError(
          "expected logits that are only results of the model, but an operation reads them");
    auto weights = ownWeights(module, classifier,
                              SmallVector<Value>{classifier.getWeight(), classifier.getBias()},
                              "the classifier");
    if (!weights.ok())
      return weights.status();
    rows.insert(weights->begin(), weights->end());
  }
  for (WeightOp weight : rows)
    setValue(module, weight, keepRows(weight.getValue(), kept, weight.getSymName()));
  for (ClassifyOp classifier : classifiers)
    setNumChannels(classifier.getLogits(), kept.size());
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](func::ReturnOp op) {
      function.setFunctionType(FunctionType::get(module.getContext(), function.getArgumentTypes(),
                                                 op.getOperandTypes()));
    });
  if (labels) {
    SmallVector<Attribute> names;
    for (int64_t index : kept)
      names.push_back(labels[index]);
    module->setAttr(kLabelsAttr, ArrayAttr::get(module.getContext(), names));
  }
  return absl::OkStatus();
}
