// Folds the token type into the position table, and cuts the table. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/Passes.h"

namespace gem {
#define GEN_PASS_DEF_FOLDEMBEDDINGSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct FoldEmbeddings : gem::impl::FoldEmbeddingsPassBase<FoldEmbeddings> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<AddPositionOp> positions;
    module.walk([&](AddPositionOp op) { positions.push_back(op); });
    for (AddPositionOp op : positions)
      fold(op, symbols);
    eraseUnusedWeights(module);
  }

  /// The most rows of its table that `op` can read.
  int64_t maximumRows(AddPositionOp op, SymbolTable &symbols) {
    RankedTensorType x = op.getX().getType();
    if (!x.isDynamicDim(0))
      return x.getDimSize(0);
    auto dims = dyn_cast_or_null<DimsAttr>(x.getEncoding());
    auto symbol = dims ? symbols.lookup<gem::SymbolOp>(dims.getSymbols().front().getValue())
                       : gem::SymbolOp();
    return symbol ? symbol.getMaximum() : op.getTable().getType().getDimSize(0);
  }

  void fold(AddPositionOp op, SymbolTable &symbols) {
    auto positionGet = op.getTable().getDefiningOp<GetWeightOp>();
    if (!positionGet)
      return;
    auto table = symbols.lookup<WeightOp>(positionGet.getWeight());
    int64_t oldRows = table.getWeightType().getDimSize(0);
    int64_t width = table.getWeightType().getDimSize(1);
    int64_t rows = std::min(oldRows, maximumRows(op, symbols));
    AddRowOp addRow = findAddRow(op);
    WeightOp types;
    if (addRow) {
      auto typesGet = addRow.getTable().getDefiningOp<GetWeightOp>();
      types = typesGet ? symbols.lookup<WeightOp>(typesGet.getWeight()) : WeightOp();
      if (!types || !hasData(types.getValue()))
        addRow = {};
    }
    if (!hasData(table.getValue()) || (!addRow && rows == oldRows))
      return;

    std::vector<float> sum(rows * width);
    readAsF32(table.getValue(), 0, rows * width, sum.data());
    if (addRow) {
      std::vector<float> row(width);
      readAsF32(types.getValue(), addRow.getRow() * width, width, row.data());
      for (int64_t i = 0; i < rows * width; ++i)
        sum[i] += row[i % width];
    }

    std::string name = (table.getSymName() + (addRow ? ".with_type" : ".cut")).str();
    OpBuilder builder(table);
    auto folded = builder.create<WeightOp>(
        table.getLoc(), name, makeF32Resource(&getContext(), {rows, width}, name, std::move(sum)));
    symbols.insert(folded);
    builder.setInsertionPoint(op);
    auto get = builder.create<GetWeightOp>(positionGet.getLoc(), folded.getWeightType(),
                                           folded.getSymName());
    op.getTableMutable().assign(get);
    if (addRow) {
      addRow.replaceAllUsesWith(addRow.getX());
      addRow.erase();
      ++numFolded;
    }
    if (rows < oldRows)
      ++numCut;
  }

  /// The add_row whose row can move into the table of `op`: right before it, or right
  /// after it with nothing else reading what is between.
  AddRowOp findAddRow(AddPositionOp op) {
    if (auto before = op.getX().getDefiningOp<AddRowOp>(); before && before->hasOneUse())
      return before;
    if (op->hasOneUse())
      return dyn_cast<AddRowOp>(*op->getUsers().begin());
    return {};
  }

  void eraseUnusedWeights(ModuleOp module) {
    SmallVector<GetWeightOp> gets;
    module.walk([&](GetWeightOp get) { gets.push_back(get); });
    for (GetWeightOp get : gets)
      if (get->use_empty())
        get->erase();
    for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
      if (SymbolTable::symbolKnownUseEmpty(weight, module))
        weight.erase();
  }
};

} // namespace
