// Decides how each weight is arranged in the bundle. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"

namespace gem {
#define GEN_PASS_DEF_ASSIGNLAYOUTPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

/// The layout in which `use`'s operation reads the weight.
Layout wantedLayout(OpOperand &use) {
  auto user = dyn_cast<WeightUserOpInterface>(use.getOwner());
  if (!user)
    return Layout::RowMajor;
  for (WeightUse weightUse : user.getWeightUses())
    if (weightUse.operandIndex == use.getOperandNumber())
      return weightUse.kind == WeightUseKind::Matrix ? Layout::Panel16 : Layout::RowMajor;
  return Layout::RowMajor;
}

struct AssignLayout : gem::impl::AssignLayoutPassBase<AssignLayout> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    // The weights that already have a layout, by name, and their copies in another.
    llvm::StringMap<Layout> assigned;
    llvm::StringMap<WeightOp> copies;
    SmallVector<GetWeightOp> gets;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) { gets.push_back(get); });
    for (GetWeightOp get : gets) {
      SmallVector<OpOperand *> panelUses, rowUses;
      for (OpOperand &use : get->getUses())
        (wantedLayout(use) == Layout::Panel16 ? panelUses : rowUses).push_back(&use);
      if (!panelUses.empty())
        assign(get, Layout::Panel16, panelUses, symbols, assigned, copies);
      if (!rowUses.empty())
        assign(get, Layout::RowMajor, rowUses, symbols, assigned, copies);
      // All its uses went to a copy.
      if (get->use_empty() && !(panelUses.empty() && rowUses.empty()))
        get->erase();
    }
  }

  void assign(GetWeightOp get, Layout layout, ArrayRef<OpOperand *> uses, SymbolTable &symbols,
              llvm::StringMap<Layout> &assigned, llvm::StringMap<WeightOp> &copies) {
    auto weight = symbols.lookup<WeightOp>(get.getWeight());
    auto [entry, isFirst] = assigned.try_emplace(get.getWeight(), layout);
    if (entry->second == layout) {
      if (isFirst && layout == Layout::Panel16)
        ++numPanels;
      weight.setLayout(layout);
      return;
    }
    // Read in two ways, such as an embedding tied to a classifier: keep a copy.
    WeightOp &copy = copies[get.getWeight()];
    if (!copy) {
      copy = weight.clone();
      copy.setSymName((weight.getSymName() + "." + stringifyLayout(layout)).str());
      copy.setLayout(layout);
      symbols.insert(copy, std::next(weight->getIterator()));
      if (layout == Layout::Panel16)
        ++numPanels;
    }
    OpBuilder builder(get);
    auto other = builder.create<GetWeightOp>(get.getLoc(), get.getType(), copy.getSymName());
    for (OpOperand *use : uses)
      use->set(other);
  }
};

} // namespace
