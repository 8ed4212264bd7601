// Checks what no single operation can see. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>
#include <limits>

namespace gem {
#define GEN_PASS_DEF_VERIFYMODELPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

class ModelVerifier {
public:
  explicit ModelVerifier(ModuleOp module) : module(module) {}

  bool run(bool checkFinite) {
    for (auto symbol : module.getOps<gem::SymbolOp>())
      symbols[symbol.getSymName()] = symbol;
    if (module.getOps<func::FuncOp>().empty())
      fail(module, "expected at least one func.func, an entry point");
    TokenizerOp first;
    for (auto tokenizer : module.getOps<TokenizerOp>()) {
      if (first)
        fail(tokenizer, "expected one tokenizer, but got another beside @", first.getSymName());
      else
        first = tokenizer;
    }
    for (auto function : module.getOps<func::FuncOp>())
      verifyFunction(function);
    if (checkFinite)
      for (auto weight : module.getOps<WeightOp>())
        verifyFinite(weight);
    return ok;
  }

private:
  template <typename... Args> void fail(Operation *op, const Args &...args) {
    InFlightDiagnostic diagnostic = op->emitOpError();
    (void)(diagnostic << ... << args);
    ok = false;
  }

  /// The symbol of extent `dim`, or null when it is static or unknown.
  gem::SymbolOp symbolOf(RankedTensorType type, unsigned dim) {
    if (!type.isDynamicDim(dim))
      return {};
    auto dims = dyn_cast_or_null<DimsAttr>(type.getEncoding());
    return dims ? symbols.lookup(dims.getSymbols()[type.getDynamicDimIndex(dim)].getValue())
                : gem::SymbolOp();
  }

  void verifyType(Operation *op, Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return;
    if (llvm::is_contained(tensor.getShape(), 0))
      fail(op, "expected positive extents, but got ", type);
    if (tensor.hasStaticShape())
      return;
    auto dims = dyn_cast_or_null<DimsAttr>(tensor.getEncoding());
    if (!dims) {
      fail(op, "expected #gem.dims to name the dynamic extents of ", type);
      return;
    }
    for (StringAttr symbol : dims.getSymbols())
      if (!symbols.count(symbol.getValue()))
        fail(op, "expected a gem.symbol named '", symbol.getValue(), "' for ", type);
  }

  void verifyBinding(func::FuncOp function, StringRef what, unsigned index, DictionaryAttr attrs,
                     Type type, llvm::StringSet<> &names) {
    auto name = attrs ? attrs.getAs<StringAttr>(kNameAttr) : StringAttr();
    if (!name) {
      fail(function, "expected ", what, " #", index, " to have a gem.name");
      return;
    }
    if (!names.insert(name.getValue()).second)
      fail(function, "expected ", what, "s to have different names, but got '", name.getValue(),
           "' twice");
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor) {
      fail(function, "expected ", what, " '", name.getValue(), "' to be a tensor, but got ", type);
      return;
    }
    if (auto role = attrs.getAs<RoleAttr>(kRoleAttr))
      verifyRole(function, name.getValue(), role.getValue(), tensor);
  }

  /// The least and most that an extent may be; {0, 2^63 - 1} when that is unknown.
  std::pair<int64_t, int64_t> boundsOf(RankedTensorType type, unsigned dim) {
    if (!type.isDynamicDim(dim))
      return {type.getDimSize(dim), type.getDimSize(dim)};
    if (gem::SymbolOp symbol = symbolOf(type, dim))
      return {symbol.getMinimum(), symbol.getMaximum()};
    return {0, std::numeric_limits<int64_t>::max()};
  }

  void verifyRole(func::FuncOp function, StringRef name, Role role, RankedTensorType type) {
    Type element = type.getElementType();
    bool fits = false;
    switch (role) {
    case Role::TokenIds:
    case Role::Cluster:
      fits = type.getRank() == 1 && element.isInteger(32);
      break;
    case Role::TokenCount:
      fits = type.getShape() == ArrayRef<int64_t>{1} && element.isInteger(32);
      break;
    case Role::Logits:
      fits = type.getRank() == 1 && element.isF32();
      break;
    case Role::Routed:
      fits = type.getRank() == 1 && element.isInteger(1);
      break;
    case Role::HiddenStates:
    case Role::Cls:
    case Role::Activation:
      fits = type.getRank() == 2 && element.isF32();
      break;
    }
    if (!fits)
      fail(function, "expected '", name, "' to have a type that fits role '", stringifyRole(role),
           "', but got ", type);
    auto labels = module->getAttrOfType<ArrayAttr>(kLabelsAttr);
    if (role == Role::Logits && labels && fits &&
        static_cast<int64_t>(labels.size()) != type.getDimSize(0))
      fail(function, "expected as many labels as logits, ", type.getDimSize(0), ", but got ",
           labels.size());
  }

  void verifyFunction(func::FuncOp function) {
    llvm::StringSet<> inputs, outputs;
    FunctionType type = function.getFunctionType();
    for (auto [index, input] : llvm::enumerate(type.getInputs()))
      verifyBinding(function, "argument", index, function.getArgAttrDict(index), input, inputs);
    for (auto [index, result] : llvm::enumerate(type.getResults()))
      verifyBinding(function, "result", index, function.getResultAttrDict(index), result, outputs);
    for (Type argument : type.getInputs())
      verifyType(function, argument);
    function.walk([&](Operation *op) {
      for (Type result : op->getResultTypes())
        verifyType(op, result);
      if (auto addPosition = dyn_cast<AddPositionOp>(op))
        verifyPositions(addPosition);
      if (auto select = dyn_cast<SelectOp>(op))
        verifySelect(select);
      if (auto embedding = dyn_cast<EmbeddingOp>(op))
        verifyVocabulary(function, embedding);
      if (auto attention = dyn_cast<AttentionOp>(op))
        verifyQueries(attention);
      if (auto attention = dyn_cast<ScarAttentionOp>(op))
        verifyQueries(attention);
    });
    for (unsigned index = 0; index < type.getNumInputs(); ++index)
      if (isTokenIds(function, index))
        verifyTokenCount(function, cast<RankedTensorType>(type.getInput(index)));
  }

  /// Whether an argument is what the tokenizer fills, of a type that fits.
  bool isTokenIds(func::FuncOp function, unsigned index) {
    auto role = function.getArgAttrOfType<RoleAttr>(index, kRoleAttr);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    return role && role.getValue() == Role::TokenIds && type && type.getRank() == 1;
  }

  void verifyTokenCount(func::FuncOp function, RankedTensorType ids) {
    const int64_t most = boundsOf(ids, 0).second;
    for (auto tokenizer : module.getOps<TokenizerOp>())
      if (static_cast<int64_t>(tokenizer.getMaximumTokens()) > most)
        fail(tokenizer, "expected maximum_tokens of at most ", most, ", as @",
             function.getSymName(), " takes, but got ", tokenizer.getMaximumTokens());
  }

  template <typename Op> void verifyQueries(Op op) {
    RankedTensorType q = op.getQ().getType(), k = op.getK().getType();
    const int64_t first = op.getFirstQuery();
    if (isSameExtent(q, 0, k, 0) && first == 0)
      return;
    // The operation's own verifier has compared static extents.
    if (!q.isDynamicDim(0) && !k.isDynamicDim(0))
      return;
    const int64_t queries = boundsOf(q, 0).second, tokens = boundsOf(k, 0).first;
    const bool isKnown = queries != std::numeric_limits<int64_t>::max() && tokens > 0;
    if (isKnown && queries > tokens - first)
      fail(op, "expected the queries to be among the ", tokens,
           " tokens that there are at least, but got up to ", queries, " queries from token ",
           first);
  }

  void verifyPositions(AddPositionOp op) {
    gem::SymbolOp symbol = symbolOf(op.getX().getType(), 0);
    int64_t rows = op.getTable().getType().getDimSize(0);
    if (symbol && rows < static_cast<int64_t>(symbol.getMaximum()))
      fail(op, "expected a table of at least ", symbol.getMaximum(), " rows, the maximum of @",
           symbol.getSymName(), ", but got ", rows);
  }

  void verifySelect(SelectOp op) {
    gem::SymbolOp symbol = symbolOf(op.getX().getType(), 0);
    if (symbol && op.getRow() >= symbol.getMinimum())
      fail(op, "expected a row below ", symbol.getMinimum(), ", the minimum of @",
           symbol.getSymName(), ", but got row ", op.getRow());
  }

  void verifyVocabulary(func::FuncOp function, EmbeddingOp op) {
    auto argument = dyn_cast<BlockArgument>(op.getIds());
    if (!argument || argument.getOwner() != &function.getBody().front() ||
        !isTokenIds(function, argument.getArgNumber()))
      return;
    int64_t rows = op.getNumIds();
    for (auto tokenizer : module.getOps<TokenizerOp>())
      if (static_cast<int64_t>(tokenizer.getVocabularySize()) > rows)
        fail(op, "expected a table of at least ", tokenizer.getVocabularySize(),
             " rows, the vocabulary of @", tokenizer.getSymName(), ", but got ", rows);
  }

  void verifyFinite(WeightOp weight) {
    if (!hasData(weight.getValue()) ||
        !isa<FloatType>(weight.getValue().getShapedType().getElementType()))
      return;
    constexpr int64_t kBlock = 1 << 16;
    std::vector<float> block(std::min(kBlock, weight.getValue().getNumElements()));
    // All elements of a splat are its first.
    int64_t total = weight.getValue().isSplat() ? 1 : weight.getValue().getNumElements();
    for (int64_t first = 0; first < total; first += kBlock) {
      int64_t count = std::min(kBlock, total - first);
      readAsF32(weight.getValue(), first, count, block.data());
      for (int64_t i = 0; i < count; ++i)
        if (!std::isfinite(block[i])) {
          fail(weight, "expected finite values, but got ",
               std::isnan(block[i]) ? "NaN" : "infinity", " at element ", first + i);
          return;
        }
    }
  }

  ModuleOp module;
  llvm::StringMap<gem::SymbolOp> symbols;
  bool ok = true;
};

struct VerifyModel : gem::impl::VerifyModelPassBase<VerifyModel> {
  using VerifyModelPassBase::VerifyModelPassBase;
  void runOnOperation() override {
    if (!ModelVerifier(getOperation()).run(checkFinite))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
