// How close the router's decisions are to others, as a function that has derivatives.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/RouterRisk.h"
#include "absl/strings/str_cat.h"
#include "compiler/Pruning/TokenReach.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/ExactMath.h"
#include <cmath>

using namespace mlir;
using namespace gem;
using quant::exactExp;
using quant::exactLog;

namespace {

/// Of the mean margin.
constexpr double kTemperature = 0.25;

/// A token's decisions and what they would flip to.
struct Decision {
  int32_t cluster = 0, other = 0; ///< Nearest and second nearest.
  bool routed = false;
  double clusterMargin = 0, routeMargin = 0; ///< Not negative.
  std::vector<double> classes;               ///< d (route margin, but for its sign) / d logit
};

} // namespace

absl::StatusOr<RouterRisk> RouterRisk::create(ScarAttentionOp scar, int64_t row) {
  auto route = scar.getRouted().getDefiningOp<RouteTokensOp>();
  if (!route || scar.getCluster().getDefiningOp() != route)
    return absl::UnimplementedError(
        "expected the decisions that gem.scar_attention reads to be of one gem.route_tokens");
  if (!route.getCentroids())
    return absl::FailedPreconditionError(
        "gem.route_tokens has no centroids; fit them on calibration texts first");
  RouterRisk risk;
  risk.input = route.getX();
  risk.predicate = scar.getPredicate();
  risk.causal = scar.getCausal();
  risk.row = row;
  risk.width = cast<RankedTensorType>(risk.input.getType()).getDimSize(1);
  risk.threshold = route.getThreshold().convertToDouble();
  SymbolTable symbols(scar->getParentOfType<ModuleOp>());
  for (auto [to, operand] : {std::pair<std::vector<float> *, Value>{&risk.router, route.getWR()},
                             {&risk.centroids, route.getCentroids()}}) {
    auto get = operand.getDefiningOp<GetWeightOp>();
    auto weight = get ? symbols.lookup<WeightOp>(get.getWeight()) : WeightOp();
    if (!weight || !hasData(weight.getValue()))
      return absl::FailedPreconditionError("a weight of the router has no data");
    to->resize(weight.getValue().getNumElements());
    readAsF32(weight.getValue(), 0, to->size(), to->data());
  }
  return risk;
}

void RouterRisk::addSeed(const ValueGradient &x, absl::FunctionRef<double(uint64_t)> sign,
                         std::span<float> seed) const {
  if (row >= x.rows)
    return;
  const int64_t numClasses = static_cast<int64_t>(router.size()) / width;
  const int64_t numClusters = static_cast<int64_t>(centroids.size()) / width;
  const double bound = std::min(std::max(threshold, 1e-6), 1 - 1e-6);
  std::vector<Decision> decisions(x.rows);
  double clusterMargins = 0, routeMargins = 0;
  for (int64_t j = 0; j < x.rows; ++j) {
    Decision &decision = decisions[j];
    const float *token = x.value.data() + j * width;
    double nearest = HUGE_VAL, second = HUGE_VAL;
    for (int64_t k = 0; k < numClusters; ++k) {
      double distance = 0;
      for (int64_t i = 0; i < width; ++i) {
        double difference = static_cast<double>(token[i]) - centroids[k * width + i];
        distance += difference * difference;
      }
      if (distance < nearest) {
        second = nearest;
        decision.other = decision.cluster;
        nearest = distance;
        decision.cluster = static_cast<int32_t>(k);
      } else if (distance < second) {
        second = distance;
        decision.other = static_cast<int32_t>(k);
      }
    }
    decision.clusterMargin = numClusters > 1 ? second - nearest : 0;
    std::vector<double> &classes = decision.classes;
    for (int64_t c = 0; c < numClasses; ++c) {
      double logit = 0;
      for (int64_t i = 0; i < width; ++i)
        logit += static_cast<double>(token[i]) * router[c * width + i];
      classes.push_back(logit);
    }
    const size_t top = std::max_element(classes.begin(), classes.end()) - classes.begin();
    const double largest = classes[top];
    double rest = 0;
    for (int64_t c = 0; c < numClasses; ++c)
      rest += classes[c] = static_cast<size_t>(c) == top ? 0 : exactExp(classes[c] - largest);
    rest = std::max(rest, 1e-30);
    const double margin = -exactLog(rest) - exactLog(bound / (1 - bound));
    decision.routed = margin > 0;
    decision.routeMargin = std::abs(margin);
    for (int64_t c = 0; c < numClasses; ++c)
      classes[c] = static_cast<size_t>(c) == top ? 1 : -classes[c] / rest;
    clusterMargins += decision.clusterMargin / static_cast<double>(x.rows);
    routeMargins += decision.routeMargin / static_cast<double>(x.rows);
  }

  // How many of the pairs that the read row makes a flip of token j changes.
  const Decision &read = decisions[row];
  auto permits = [&](bool routed, int32_t cluster, bool otherRouted, int32_t otherCluster) {
    return isPermitted(predicate, routed, cluster, otherRouted, otherCluster);
  };
  auto changedShare = [&](int64_t j, bool routed, int32_t cluster) {
    int64_t changed = 0;
    for (int64_t i = 0; i < x.rows; ++i) {
      if (i == row || (causal && i > row) || (j != row && i != j))
        continue;
      bool before = permits(read.routed, read.cluster, decisions[i].routed, decisions[i].cluster);
      changed +=
          before != (j == row ? permits(routed, cluster, decisions[i].routed, decisions[i].cluster)
                              : permits(read.routed, read.cluster, routed, cluster));
    }
    return static_cast<double>(changed) / static_cast<double>(x.rows);
  };
  // The root of the Fisher information of a decision, by its margin.
  auto rootOf = [](double share, double margin, double temperature) {
    if (share == 0 || temperature == 0)
      return 0.0;
    double p = 1 / (1 + exactExp(margin / temperature));
    return std::sqrt(share * p * (1 - p)) / temperature;
  };
  for (int64_t j = 0; j < x.rows; ++j) {
    const Decision &decision = decisions[j];
    double cluster = rootOf(changedShare(j, decision.routed, decision.other),
                            decision.clusterMargin, kTemperature * clusterMargins) *
                     sign(2 * j) * 2;
    double route = rootOf(changedShare(j, !decision.routed, decision.cluster), decision.routeMargin,
                          kTemperature * routeMargins) *
                   sign(2 * j + 1);
    if (cluster == 0 && route == 0)
      continue;
    const float *c1 = centroids.data() + decision.cluster * width;
    const float *c2 = centroids.data() + decision.other * width;
    for (int64_t i = 0; i < width; ++i) {
      double sum = cluster * (static_cast<double>(c1[i]) - c2[i]);
      for (int64_t c = 0; route != 0 && c < numClasses; ++c)
        sum += route * decision.classes[c] * router[c * width + i];
      seed[j * width + i] += static_cast<float>(sum);
    }
  }
}
