// Which part of a model an operation belongs to.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pruning/ModelParts.h"
#include "dialects/Gem/Gem.h"

using namespace mlir;
using namespace gem;

namespace {

using Parts = llvm::DenseMap<Operation *, ModelPart>;

/// Whether the router's decisions are read, rather than made.
bool isRouted(RouterOpInterface router) {
  return llvm::any_of(router.getRouterAxes(),
                      [](const RouterAxis &axis) { return axis.kind == RouterAxisKind::Head; });
}

/// Gives `part` to the operations that make the channels of `value`, back to the weights whose
/// rows make them.
void markMakers(Value value, ModelPart part, Parts &parts) {
  auto op = value.getDefiningOp<ChannelOpInterface>();
  if (!op)
    return;
  parts[op] = part;
  for (const ChannelUse &use : op.getChannelUses())
    if (use.relation == ChannelRelation::Same || use.relation == ChannelRelation::Group)
      markMakers(op->getOperand(use.operandIndex), part, parts);
}

} // namespace

Parts gem::partitionModel(ModuleOp module) {
  Parts parts;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](Operation *op) { // operands come first
      if (op == function)
        return;
      ModelPart part = ModelPart::Encoder;
      auto router = dyn_cast<RouterOpInterface>(op);
      if (router)
        part = isRouted(router) ? ModelPart::Scar : ModelPart::Router;
      for (Value operand : op->getOperands())
        if (Operation *source = operand.getDefiningOp()) {
          ModelPart above = parts.lookup(source);
          // The head ends all; what follows SCAR is SCAR's until then.
          if (above == ModelPart::Head || (above == ModelPart::Scar && part != ModelPart::Head))
            part = above;
        }
      if (isa<SelectOp>(op))
        part = ModelPart::Head;
      parts[op] = part;
      if (router && part == ModelPart::Scar)
        for (const ChannelUse &use : cast<ChannelOpInterface>(op).getChannelUses())
          markMakers(op->getOperand(use.operandIndex), part, parts);
    });
  return parts;
}
