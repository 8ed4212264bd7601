// Decides the element type each weight is stored in. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/Passes.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/FormatPlan.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>
#include <cstring>

namespace gem {
#define GEN_PASS_DEF_ASSIGNWEIGHTFORMATSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

/// Every way in which a weight is read.
struct Reads {
  bool matrix = false, table = false, vector = false, router = false, map = false;
};

struct AssignWeightFormats : gem::impl::AssignWeightFormatsPassBase<AssignWeightFormats> {
  using AssignWeightFormatsPassBase::AssignWeightFormatsPassBase;
  explicit AssignWeightFormats(const FormatPlan *plan) : given(plan) {}

  void runOnOperation() override {
    FormatPlan parsed;
    if (!given && failed(parseOptions(parsed)))
      return signalPassFailure();
    const FormatPlan &plan = given ? *given : parsed;
    if (failed(verifyNames(plan)))
      return signalPassFailure();
    splitTables(plan);

    llvm::StringMap<Reads> reads = collectReads();
    llvm::StringMap<RankedTensorType> changed;
    for (auto weight : getOperation().getOps<WeightOp>()) {
      auto type = cast<RankedTensorType>(weight.getValue().getType());
      auto read = reads.find(weight.getSymName());
      // Nothing reads it, or its codes were chosen already, or it holds indices.
      if (read == reads.end() || read->second.map || !isa<FloatType>(type.getElementType()))
        continue;
      if (weight.getStored() && !plan.weights.count(weight.getSymName()))
        continue; // decided before
      std::optional<quant::Format> format = formatFor(weight, read->second, plan);
      if (!format || failed(verifyFormat(weight, *format, read->second)))
        return signalPassFailure();
      auto stored =
          RankedTensorType::get(type.getShape(), gem::getElementType(&getContext(), *format));
      if (stored == weight.getWeightType())
        continue;
      weight.setStored(stored);
      changed[weight.getSymName()] = stored;
      if (!format->isFloat())
        ++numQuantized;
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) {
        if (RankedTensorType type = changed.lookup(get.getWeight()))
          get.getResult().setType(type);
      });
  }

private:
  LogicalResult parseFormat(StringRef name, quant::Format &out) {
    std::optional<quant::Format> format = quant::Format::parse(name.str());
    if (!format)
      return getOperation().emitError("expected a weight format such as f32, f16, int8, int4g32 "
                                      "or int3g64, but got '")
             << name << "'";
    out = *format;
    return success();
  }

  LogicalResult parseOptions(FormatPlan &plan) {
    if (failed(parseFormat(format, plan.format)))
      return failure();
    for (const std::string &entry : formats) {
      auto [name, formatName] = StringRef(entry).rsplit(':');
      if (failed(parseFormat(formatName, plan.weights[name])))
        return failure();
    }
    return success();
  }

  LogicalResult verifyNames(const FormatPlan &plan) {
    SymbolTable symbols(getOperation());
    auto verify = [&](StringRef name) -> LogicalResult {
      if (symbols.lookup<WeightOp>(name))
        return success();
      return getOperation().emitError(
                 "expected the formats to name weights of the model, but got '")
             << name << "'";
    };
    for (const auto &entry : plan.weights)
      if (failed(verify(entry.getKey())))
        return failure();
    for (const auto &entry : plan.tables)
      if (failed(verify(entry.getKey())))
        return failure();
    return success();
  }

  llvm::StringMap<Reads> collectReads() {
    llvm::StringMap<Reads> reads;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](WeightUserOpInterface user) {
        for (WeightUse use : user.getWeightUses()) {
          auto get = user->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>();
          if (!get)
            continue;
          Reads &read = reads[get.getWeight()];
          read.matrix |= use.kind == WeightUseKind::Matrix;
          read.table |= use.kind == WeightUseKind::Table;
          read.vector |= use.kind == WeightUseKind::Vector;
          read.router |= use.kind == WeightUseKind::Router;
          read.map |= use.kind == WeightUseKind::Map;
        }
      });
    return reads;
  }

  std::optional<quant::Format> formatFor(WeightOp weight, const Reads &read,
                                         const FormatPlan &plan) {
    if (auto named = plan.weights.find(weight.getSymName()); named != plan.weights.end())
      return named->second;
    auto part = partFormats.find(weight.getSymName());
    if (part != partFormats.end())
      return part->second;
    if (read.vector || (read.router && !plan.format.isFloat()))
      return quant::Format{};
    return plan.format;
  }

  LogicalResult verifyFormat(WeightOp weight, const quant::Format &format, const Reads &read) {
    if (read.vector && format != quant::Format{})
      return weight.emitOpError("is a vector, which is stored in f32, but got ") << format.name();
    if (read.router && !format.isFloat())
      return weight.emitOpError("decides routing and is stored in f32 or f16, but got ")
             << format.name();
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    if (!format.isFloat() && type.getRank() != 2)
      return weight.emitOpError("is no matrix, so it cannot be stored in ") << format.name();
    if (format.bits != 16 || type.getElementType().isF16() || !hasData(weight.getValue()))
      return success();
    // f16 ends at 65504; what rounds to more would become infinite.
    constexpr int64_t kBlock = 1 << 16;
    std::vector<float> block(kBlock);
    for (int64_t first = 0; first < type.getNumElements(); first += kBlock) {
      int64_t count = std::min(kBlock, type.getNumElements() - first);
      readAsF32(weight.getValue(), first, count, block.data());
      for (int64_t i = 0; i < count; ++i)
        if (std::fabs(block[i]) >= 65520.0f)
          return weight.emitOpError("has the value ")
                 << block[i] << " at element " << first + i << ", which f16 cannot hold";
    }
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Tables in parts
  //===--------------------------------------------------------------------===//

  void splitTables(const FormatPlan &plan) {
    SmallVector<EmbeddingOp> embeddings;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](EmbeddingOp op) { embeddings.push_back(op); });
    for (EmbeddingOp op : embeddings) {
      if (op.getTables().size() != 1 || op.getMap())
        continue;
      auto get = op.getTables().front().getDefiningOp<GetWeightOp>();
      auto parts = get ? plan.tables.find(get.getWeight()) : plan.tables.end();
      if (parts != plan.tables.end())
        splitTable(op, get, parts->second);
    }
  }

  void splitTable(EmbeddingOp op, GetWeightOp get, ArrayRef<TablePart> parts) {
    SymbolTable symbols(getOperation());
    auto weight = symbols.lookup<WeightOp>(get.getWeight());
    OpBuilder builder(op);
    SmallVector<Value> tables;
    std::vector<uint16_t> map(get.getType().cast<RankedTensorType>().getDimSize(0));
    bool isIdentity = true;
    int64_t row = 0;
    for (auto [index, part] : llvm::enumerate(parts)) {
      std::string name = (weight.getSymName() + "." + Twine(index)).str();
      WeightOp &table = partTables[name];
      if (!table) {
        OpBuilder weights(weight);
        table = weights.create<WeightOp>(weight.getLoc(), name, gatherRows(weight, part.ids, name));
        symbols.insert(table, Block::iterator(weight));
        partFormats[name] = part.format;
      }
      for (int32_t id : part.ids) {
        isIdentity &= id == row;
        map[id] = static_cast<uint16_t>(row++);
      }
      tables.push_back(
          builder.create<GetWeightOp>(get.getLoc(), table.getWeightType(), table.getSymName()));
    }
    Value rows;
    if (!isIdentity)
      rows = addMap(builder, weight, map, symbols);
    auto split = builder.create<EmbeddingOp>(op.getLoc(), op.getType(), op.getIds(), tables, rows);
    op.getResult().replaceAllUsesWith(split.getResult());
    op.erase();
    if (get->use_empty())
      get.erase();
    // Another entry point may still read the whole table.
    if (SymbolTable::symbolKnownUseEmpty(weight, getOperation()))
      weight.erase();
    ++numSplit;
  }

  /// The rows `ids` of a table, in its own element type. Rows that follow each other stay
  /// where they are.
  ElementsAttr gatherRows(WeightOp weight, ArrayRef<int32_t> ids, StringRef name) {
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    int64_t width = type.getDimSize(1);
    std::vector<float> values(ids.size() * width);
    for (auto [index, id] : llvm::enumerate(ids))
      readAsF32(weight.getValue(), id * width, width, values.data() + index * width);
    return makeF32Resource(&getContext(), {static_cast<int64_t>(ids.size()), width}, name,
                           std::move(values));
  }

  Value addMap(OpBuilder &builder, WeightOp weight, ArrayRef<uint16_t> map, SymbolTable &symbols) {
    std::string name = (weight.getSymName() + ".map").str();
    auto found = symbols.lookup<WeightOp>(name);
    if (!found) {
      auto owner = std::make_shared<const std::vector<uint16_t>>(map.begin(), map.end());
      auto type = RankedTensorType::get({static_cast<int64_t>(map.size())},
                                        IntegerType::get(&getContext(), 16, IntegerType::Unsigned));
      OpBuilder weights(weight);
      found = weights.create<WeightOp>(
          weight.getLoc(), name,
          makeResource(type, name,
                       ArrayRef<char>(reinterpret_cast<const char *>(owner->data()),
                                      owner->size() * sizeof(uint16_t)),
                       owner));
      symbols.insert(found, Block::iterator(weight));
    }
    return builder.create<GetWeightOp>(weight.getLoc(), found.getWeightType(), name);
  }

  const FormatPlan *given = nullptr;
  llvm::StringMap<quant::Format> partFormats;
  llvm::StringMap<WeightOp> partTables;
};

} // namespace

std::unique_ptr<Pass> gem::createAssignWeightFormatsPass(const FormatPlan *plan) {
  return std::make_unique<AssignWeightFormats>(plan);
}
