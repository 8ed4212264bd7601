// Multiply-accumulates as functions of the number of tokens.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pruning/MacCounting.h"
#include "dialects/Gem/Gem.h"
#include "passes/Pruning/ModelParts.h"

using namespace mlir;
using namespace gem;

prune::MacCount prune::countMacs(ModuleOp module, Operation *op) {
  auto cost = dyn_cast<CostOpInterface>(op);
  if (!cost)
    return {};
  auto at = [&](int64_t tokens) {
    SymbolSizes sizes;
    for (auto symbol : module.getOps<gem::SymbolOp>())
      sizes[symbol.getSymName()] = tokens;
    return cost.getMacs(sizes);
  };
  // A polynomial of degree 2 is known by three of its values.
  int64_t none = at(0), one = at(1), two = at(2);
  int64_t perPair = (two - 2 * one + none) / 2;
  return {none, one - none - perPair, perPair};
}

std::string prune::nameOfLayer(const std::string &weight) {
  return StringRef(weight).ends_with(".weight") ? weight.substr(0, weight.size() - 7) : weight;
}

int64_t prune::countPrunableMacs(ModuleOp module, int64_t tokens) {
  MacCount sum;
  for (auto &[op, part] : partitionModel(module))
    if (part != ModelPart::Head)
      sum = sum + countMacs(module, op);
  return sum.at(tokens);
}
