// Folds the token type into the position table, and cuts the table. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/Passes.h"
#include "llvm/ADT/DenseSet.h"
#include <algorithm>
#include <map>
#include <tuple>

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
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](AddPositionOp op) { positions.push_back(op); });
    for (AddPositionOp op : positions)
      while (fold(op, symbols))
        ;
    eraseReplaced(module);
    if (replaced.empty())
      markAllAnalysesPreserved();
    replaced.clear();
    folded.clear();
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

  /// The weight behind `value`, when its data is at hand.
  WeightOp weightOf(Value value, SymbolTable &symbols) {
    auto get = value.getDefiningOp<GetWeightOp>();
    auto weight = get ? symbols.lookup<WeightOp>(get.getWeight()) : WeightOp();
    return weight && hasData(weight.getValue()) ? weight : WeightOp();
  }

  /// One step: cuts the table of `op`, with the row of one add_row if there is one.
  bool fold(AddPositionOp op, SymbolTable &symbols) {
    WeightOp table = weightOf(op.getTable(), symbols);
    if (!table)
      return false;
    const int64_t oldRows = table.getWeightType().getDimSize(0);
    const int64_t rows = std::min(oldRows, maximumRows(op, symbols));
    AddRowOp addRow = findAddRow(op, symbols);
    if (!addRow && rows == oldRows)
      return false;

    // Several entry points may add the same positions: they share the new table too.
    WeightOp types = addRow ? weightOf(addRow.getTable(), symbols) : WeightOp();
    const int64_t row = addRow ? addRow.getRow() : 0;
    WeightOp &result = folded[{table, types, row, rows}];
    if (!result) {
      result = makeTable(table, types, row, rows);
      symbols.insert(result);
    }
    OpBuilder builder(op);
    replaced.insert(table.getSymNameAttr());
    auto get = builder.create<GetWeightOp>(op.getTable().getLoc(), result.getWeightType(),
                                           result.getSymName());
    op.getTableMutable().assign(get);
    if (addRow) {
      replaced.insert(types.getSymNameAttr());
      addRow.replaceAllUsesWith(addRow.getX());
      addRow.erase();
      ++numFolded;
    }
    if (rows < oldRows)
      ++numCut;
    return true;
  }

  WeightOp makeTable(WeightOp table, WeightOp types, int64_t row, int64_t rows) {
    const int64_t width = table.getWeightType().getDimSize(1);
    std::vector<float> sum(rows * width);
    readAsF32(table.getValue(), 0, rows * width, sum.data());
    if (types) {
      std::vector<float> addend(width);
      readAsF32(types.getValue(), row * width, width, addend.data());
      for (int64_t i = 0; i < rows * width; ++i)
        sum[i] += addend[i % width];
    }
    std::string name = (table.getSymName() + (types ? ".with_type" : ".cut")).str();
    return OpBuilder(table).create<WeightOp>(
        table.getLoc(), name, makeF32Resource(&getContext(), {rows, width}, name, std::move(sum)));
  }

  /// The add_row whose row can move into the table of `op`: right before it, or right
  /// after it, with nothing else reading what is between.
  AddRowOp findAddRow(AddPositionOp op, SymbolTable &symbols) {
    if (auto before = op.getX().getDefiningOp<AddRowOp>();
        before && before->hasOneUse() && weightOf(before.getTable(), symbols))
      return before;
    if (!op->hasOneUse())
      return {};
    auto after = dyn_cast<AddRowOp>(*op->getUsers().begin());
    return after && after.getX() == op.getResult() && weightOf(after.getTable(), symbols)
               ? after
               : AddRowOp();
  }

  /// Erases the weights that nothing reads any more.
  void eraseReplaced(ModuleOp module) {
    SmallVector<GetWeightOp> gets;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) { gets.push_back(get); });
    for (GetWeightOp get : gets)
      if (get->use_empty() && replaced.contains(get.getWeightAttr().getAttr()))
        get->erase();
    for (auto weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
      if (replaced.contains(weight.getSymNameAttr()) &&
          SymbolTable::symbolKnownUseEmpty(weight, module))
        weight.erase();
  }

  /// By position table, table of types and its row, and number of rows: the sum.
  std::map<std::tuple<Operation *, Operation *, int64_t, int64_t>, WeightOp> folded;
  llvm::DenseSet<StringAttr> replaced;
};

} // namespace
