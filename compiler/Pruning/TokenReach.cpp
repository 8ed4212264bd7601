// Which tokens of a value the results depend on.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/TokenReach.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gem;

using Kind = TokenReach::Kind;

static TokenReach join(const TokenReach &a, const TokenReach &b) {
  if (a.kind == Kind::None || b.kind == Kind::None)
    return a.kind == Kind::None ? b : a;
  if (a.kind == Kind::All || b.kind == Kind::All || a.row != b.row ||
      (a.kind == b.kind && a.scar != b.scar))
    return {Kind::All, 0, {}};
  // A token permits itself, so a row is among those that it may attend to.
  return a.kind == Kind::Permitted ? a : b;
}

TokenReach TokenReachAnalysis::reachThrough(OpOperand &use) {
  return llvm::TypeSwitch<Operation *, TokenReach>(use.getOwner())
      .Case(
          [](SelectOp op) { return TokenReach{Kind::Row, static_cast<int64_t>(op.getRow()), {}}; })
      // Its decisions are given.
      .Case([](RouteTokensOp) { return TokenReach{}; })
      .Case([&](TokenwiseOpInterface op) -> TokenReach {
        TokenReach reach = reachOf(op->getResult(0));
        if (llvm::is_contained(op.getTokenwiseOperands(), use.getOperandNumber()))
          return reach;
        auto scar = dyn_cast<ScarAttentionOp>(op.getOperation());
        if (reach.kind == Kind::None)
          return reach;
        if (scar && reach.kind == Kind::Row)
          return {Kind::Permitted, reach.row + static_cast<int64_t>(scar.getFirstQuery()), scar};
        return {Kind::All, 0, {}};
      })
      // Results, classifiers of the one row they get, and what is not known.
      .Default([](Operation *) { return TokenReach{Kind::All, 0, {}}; });
}

TokenReach TokenReachAnalysis::reachOf(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  TokenReach reach;
  for (OpOperand &use : value.getUses())
    reach = join(reach, reachThrough(use));
  known[value] = reach;
  return reach;
}

bool gem::isPermitted(ScarPredicate predicate, bool routedA, int32_t clusterA, bool routedB,
                      int32_t clusterB) {
  bool sameRoute = routedA == routedB, sameCluster = clusterA == clusterB;
  if (predicate == ScarPredicate::SameRoute)
    return sameRoute;
  return sameCluster || (predicate == ScarPredicate::Either && sameRoute);
}
