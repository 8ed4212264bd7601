// Verifiers, folders and interfaces of the gem operations. A comment such as
// `linear_c1` names the constraint in the operation's documentation.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/EnumKeyword.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace gem;

#define GET_OP_CLASSES
#include "dialects/Gem/GemOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

RankedTensorType gem::getRowType(RankedTensorType type) {
  SmallVector<int64_t> shape(type.getShape());
  Attribute encoding = type.getEncoding();
  if (auto dims = dyn_cast_or_null<DimsAttr>(encoding); dims && type.isDynamicDim(0)) {
    ArrayRef<StringAttr> rest = dims.getSymbols().drop_front();
    encoding = rest.empty() ? Attribute() : DimsAttr::get(type.getContext(), rest);
  }
  shape.front() = 1;
  return RankedTensorType::get(shape, type.getElementType(), encoding);
}

bool gem::isSameExtent(RankedTensorType a, unsigned dim, RankedTensorType b, unsigned otherDim) {
  if (a.isDynamicDim(dim) != b.isDynamicDim(otherDim))
    return false;
  if (!a.isDynamicDim(dim))
    return a.getDimSize(dim) == b.getDimSize(otherDim);
  auto aDims = dyn_cast_or_null<DimsAttr>(a.getEncoding());
  auto bDims = dyn_cast_or_null<DimsAttr>(b.getEncoding());
  // Extents without names cannot be told apart, so they are never the same.
  return aDims && bDims &&
         aDims.getSymbols()[a.getDynamicDimIndex(dim)] ==
             bDims.getSymbols()[b.getDynamicDimIndex(otherDim)];
}

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// "39" or "n": the extent as a person would write it.
std::string extentName(RankedTensorType type, unsigned dim) {
  if (!type.isDynamicDim(dim))
    return std::to_string(type.getDimSize(dim));
  auto dims = dyn_cast_or_null<DimsAttr>(type.getEncoding());
  return dims ? dims.getSymbols()[type.getDynamicDimIndex(dim)].str() : "?";
}

LogicalResult verifyExtent(Operation *op, StringRef what, Value value, unsigned dim,
                           StringRef otherWhat, Value other, unsigned otherDim) {
  RankedTensorType type = typeOf(value), otherType = typeOf(other);
  if (isSameExtent(type, dim, otherType, otherDim))
    return success();
  return op->emitOpError("expected ") << what << " to be " << extentName(otherType, otherDim)
                                      << ", " << otherWhat << ", but got " << extentName(type, dim);
}

/// Whether a parameter is finite as the f32 that a kernel gets.
bool isFiniteF32(APFloat value) {
  bool losesInfo;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
  return value.isFinite();
}

LogicalResult verifyAttentionShape(Operation *op, Value q, Value k, Value v, Value result,
                                   int64_t numHeads, int64_t headDim, const APFloat &scale,
                                   int64_t firstQuery) {
  // attention_c1
  if (numHeads < 1 || headDim < 1)
    return op->emitOpError("expected at least one head of at least one dimension, but got ")
           << numHeads << " heads of " << headDim;
  int64_t width;
  if (llvm::MulOverflow(numHeads, headDim, width))
    width = std::numeric_limits<int64_t>::max();
  for (auto [name, value] : {std::pair<StringRef, Value>{"q", q}, {"k", k}, {"v", v}})
    if (typeOf(value).getDimSize(1) != width)
      return op->emitOpError("expected ") << name << " to be heads * head_dim = " << width
                                          << " wide, but got " << extentName(typeOf(value), 1);
  // attention_c2
  if (failed(verifyExtent(op, "the rows of v", v, 0, "the rows of k", k, 0)))
    return failure();
  // attention_c3
  if (result.getType() != q.getType())
    return op->emitOpError("expected the result to have the type of q, ")
           << q.getType() << ", but got " << result.getType();
  // attention_c4
  if (!isFiniteF32(scale))
    return op->emitOpError("expected a scale that is finite in f32, but got ")
           << scale.convertToDouble();
  // attention_c5
  RankedTensorType qType = typeOf(q), kType = typeOf(k);
  if (firstQuery < 0)
    return op->emitOpError("expected first_query not to be negative, but got ") << firstQuery;
  if (!qType.isDynamicDim(0) && !kType.isDynamicDim(0) &&
      qType.getDimSize(0) > kType.getDimSize(0) - firstQuery)
    return op->emitOpError("expected the queries to be among the ")
           << kType.getDimSize(0) << " tokens, but got " << qType.getDimSize(0)
           << " queries from token " << firstQuery;
  return success();
}

/// Both products of attention over all pairs of tokens.
int64_t attentionMacs(Value q, Value k, int64_t width, const SymbolSizes &sizes) {
  return 2 * getExtent(typeOf(q), 0, sizes) * getExtent(typeOf(k), 0, sizes) * width;
}

/// A head of the result comes from the same head of q, k and v.
SmallVector<ChannelUse> attentionChannelUses() {
  return {{0, ChannelRelation::Group}, {1, ChannelRelation::Group}, {2, ChannelRelation::Group}};
}

} // namespace

//===----------------------------------------------------------------------===//
// Module level
//===----------------------------------------------------------------------===//

LogicalResult SymbolOp::verify() {
  // symbol_c1
  int64_t minimum = getMinimum(), maximum = getMaximum();
  if (minimum < 1 || minimum > maximum || maximum > (1 << 20))
    return emitOpError("expected 1 <= minimum <= maximum <= 1048576, but got ")
           << minimum << " and " << maximum;
  return success();
}

RankedTensorType WeightOp::getWeightType() {
  if (std::optional<Type> stored = getStored())
    return cast<RankedTensorType>(*stored);
  return cast<RankedTensorType>(getValue().getType());
}

LogicalResult WeightOp::verify() {
  // weight_c1, weight_c5
  if (failed(verifyWeightData(*this, getValue())))
    return failure();
  auto type = cast<RankedTensorType>(getValue().getType());
  RankedTensorType weightType = getWeightType();
  Type element = weightType.getElementType();
  auto quantized = dyn_cast<QuantizedType>(element);
  // weight_c3
  if (quantized && weightType.getRank() != 2)
    return emitOpError("expected a matrix or a table to be quantized, but got ") << weightType;
  if (element != type.getElementType() && !quantized && !isa<Float32Type, Float16Type>(element))
    return emitOpError("expected stored to be f32, f16 or quantized, but got ") << weightType;
  // weight_c2
  if (type.getElementType().isUnsignedInteger(8)) {
    int64_t codes = 0;
    bool isSized = quantized && weightType.hasStaticShape() &&
                   !llvm::MulOverflow(weightType.getDimSize(0), weightType.getDimSize(1), codes) &&
                   codes <= kMaximumWeightElements;
    if (!isSized || type.getRank() != 1 ||
        quantized.getEncodedBytes(weightType.getShape()) != type.getDimSize(0))
      return emitOpError("expected stored to be a quantized type that is encoded in ")
             << type << ", but got " << weightType;
  } else if (weightType.getShape() != type.getShape()) {
    return emitOpError("expected stored to have the shape of ")
           << type << ", but got " << weightType;
  }
  if (type.getElementType().isUnsignedInteger(16) && getStored())
    return emitOpError("expected ") << type << " to be stored as it is, but got " << weightType;
  // weight_c4
  if (getLayout() == Layout::Panel16 && weightType.getRank() != 2)
    return emitOpError("expected a matrix for layout panel_16, but got ") << weightType;
  return success();
}

LogicalResult GetWeightOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // get_weight_c1
  auto weight = symbolTable.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("expected the name of a gem.weight, but got ") << getWeightAttr();
  // get_weight_c2
  if (weight.getWeightType() != getType())
    return emitOpError("expected the weight's type ")
           << weight.getWeightType() << ", but got " << getType();
  return success();
}

void GetWeightOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  // "encoder.layer.0.attention.self.query.weight" -> "query_weight"
  StringRef name = getWeight();
  auto [prefix, last] = name.rsplit('.');
  StringRef owner = prefix.rsplit('.').second.empty() ? prefix : prefix.rsplit('.').second;
  setName(getResult(), last.empty() ? name.str() : (owner + "_" + last).str());
}

LogicalResult TokenizerOp::verify() {
  // tokenizer_c1
  auto type = dyn_cast<RankedTensorType>(getData().getType());
  if (!type || type.getRank() != 1 || !type.getElementType().isUnsignedInteger(8))
    return emitOpError("expected the data to be a rank-1 tensor of ui8, but got ")
           << getData().getType();
  // tokenizer_c2
  int64_t vocabulary = getVocabularySize(), pad = getPadId(), tokens = getMaximumTokens();
  if (vocabulary > std::numeric_limits<int32_t>::max())
    return emitOpError("expected a vocabulary of at most 2147483647, but got ") << vocabulary;
  if (pad < 0 || pad >= vocabulary)
    return emitOpError("expected the pad id to be in the vocabulary of ")
           << vocabulary << ", but got " << pad;
  // tokenizer_c3
  if (tokens < 2 || tokens > (1 << 20))
    return emitOpError("expected maximum_tokens to be 2 to 1048576, but got ") << tokens;
  return success();
}

//===----------------------------------------------------------------------===//
// Tokens in, hidden states along
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  // embedding_c1
  if (failed(verifyExtent(*this, "the rows of the result", getResult(), 0, "the number of ids",
                          getIds(), 0)))
    return failure();
  // embedding_c2
  if (getTables().empty() || getTables().size() > 4)
    return emitOpError("expected one to four tables, but got ") << getTables().size();
  int64_t rows = 0;
  for (Value table : getTables()) {
    if (failed(verifyExtent(*this, "the width of the result", getResult(), 1, "that of the table",
                            table, 1)))
      return failure();
    rows += typeOf(table).getDimSize(0);
  }
  // embedding_c3
  if (getMap() && rows > 65536)
    return emitOpError("expected tables of at most 65536 rows with a map, but got ") << rows;
  return success();
}
int64_t EmbeddingOp::getNumIds() {
  if (getMap())
    return typeOf(getMap()).getDimSize(0);
  int64_t rows = 0;
  for (Value table : getTables())
    rows += typeOf(table).getDimSize(0);
  return rows;
}
int64_t EmbeddingOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<WeightUse> EmbeddingOp::getWeightUses() {
  SmallVector<WeightUse> uses;
  for (unsigned index = 0; index < getTables().size(); ++index)
    uses.push_back({1 + index, WeightUseKind::Table});
  if (getMap())
    uses.push_back({static_cast<unsigned>(1 + getTables().size()), WeightUseKind::Map});
  return uses;
}

LogicalResult AddPositionOp::verify() {
  // add_position_c1
  if (failed(verifyExtent(*this, "the width of the table", getTable(), 1, "that of x", getX(), 1)))
    return failure();
  // add_position_c2
  RankedTensorType x = typeOf(getX()), table = typeOf(getTable());
  if (!x.isDynamicDim(0) && x.getDimSize(0) > table.getDimSize(0))
    return emitOpError("expected a table of at least ")
           << x.getDimSize(0) << " rows, but got " << extentName(table, 0);
  return success();
}
int64_t AddPositionOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<WeightUse> AddPositionOp::getWeightUses() { return {{1, WeightUseKind::Table}}; }

LogicalResult AddRowOp::verify() {
  // add_row_c1
  if (failed(verifyExtent(*this, "the width of the table", getTable(), 1, "that of x", getX(), 1)))
    return failure();
  // add_row_c2
  int64_t row = getRow();
  if (row < 0 || row >= typeOf(getTable()).getDimSize(0))
    return emitOpError("expected a row of the table's ")
           << extentName(typeOf(getTable()), 0) << ", but got row " << row;
  return success();
}
int64_t AddRowOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<WeightUse> AddRowOp::getWeightUses() { return {{1, WeightUseKind::Table}}; }
SmallVector<unsigned> AddRowOp::getTokenwiseOperands() { return {0}; }

int64_t AddOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<unsigned> AddOp::getTokenwiseOperands() { return {0, 1}; }
SmallVector<ChannelUse> AddOp::getChannelUses() {
  return {{0, ChannelRelation::Same}, {1, ChannelRelation::Same}};
}

LogicalResult LinearOp::verify() {
  // linear_c1
  if (failed(
          verifyExtent(*this, "the width of the weight", getWeight(), 1, "that of x", getX(), 1)))
    return failure();
  // linear_c2
  if (failed(
          verifyExtent(*this, "the rows of the result", getResult(), 0, "those of x", getX(), 0)) ||
      failed(verifyExtent(*this, "the width of the result", getResult(), 1,
                          "the rows of the weight", getWeight(), 0)))
    return failure();
  // linear_c3
  if (getBias() && failed(verifyExtent(*this, "the length of the bias", getBias(), 0,
                                       "the rows of the weight", getWeight(), 0)))
    return failure();
  // linear_c4
  if (getResidual() && getResidual().getType() != getType())
    return emitOpError("expected the residual to have the result's type ")
           << getType() << ", but got " << getResidual().getType();
  return success();
}
int64_t LinearOp::getMacs(const SymbolSizes &sizes) {
  return getExtent(typeOf(getX()), 0, sizes) * typeOf(getWeight()).getNumElements();
}
SmallVector<WeightUse> LinearOp::getWeightUses() {
  SmallVector<WeightUse> uses{{1, WeightUseKind::Matrix}};
  if (getBias())
    uses.push_back({2, WeightUseKind::Vector});
  return uses;
}
SmallVector<unsigned> LinearOp::getTokenwiseOperands() {
  SmallVector<unsigned> operands{0};
  if (getResidual())
    operands.push_back(getBias() ? 3 : 2);
  return operands;
}
SmallVector<ChannelUse> LinearOp::getChannelUses() {
  SmallVector<ChannelUse> uses{{0, ChannelRelation::Contracted, 1}, {1, ChannelRelation::Row}};
  if (getBias())
    uses.push_back({2, ChannelRelation::Row});
  if (getResidual())
    uses.push_back({getBias() ? 3u : 2u, ChannelRelation::Same});
  return uses;
}

LogicalResult LayerNormOp::verify() {
  // layer_norm_c1
  if (failed(
          verifyExtent(*this, "the length of gamma", getGamma(), 0, "the width of x", getX(), 1)) ||
      failed(verifyExtent(*this, "the length of beta", getBeta(), 0, "the width of x", getX(), 1)))
    return failure();
  // layer_norm_c2
  if (!isFiniteF32(getEpsilon()) || (getEpsilon().isNegative() && !getEpsilon().isZero()))
    return emitOpError("expected epsilon to be finite in f32 and not negative, but got ")
           << getEpsilon().convertToDouble();
  return success();
}
int64_t LayerNormOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<WeightUse> LayerNormOp::getWeightUses() {
  return {{1, WeightUseKind::Vector}, {2, WeightUseKind::Vector}};
}
SmallVector<unsigned> LayerNormOp::getTokenwiseOperands() { return {0}; }

int64_t GeluOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<unsigned> GeluOp::getTokenwiseOperands() { return {0}; }
SmallVector<ChannelUse> GeluOp::getChannelUses() { return {{0, ChannelRelation::Same}}; }
int64_t TanhOp::getMacs(const SymbolSizes &) { return 0; }
SmallVector<unsigned> TanhOp::getTokenwiseOperands() { return {0}; }
SmallVector<ChannelUse> TanhOp::getChannelUses() { return {{0, ChannelRelation::Same}}; }

//===----------------------------------------------------------------------===//
// Attention and routing
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  if (failed(verifyAttentionShape(*this, getQ(), getK(), getV(), getResult(), getNumHeads(),
                                  getHeadDim(), getScale(), getFirstQuery())))
    return failure();
  // attention_c6
  if (getCount() && typeOf(getCount()).getShape() != ArrayRef<int64_t>{1})
    return emitOpError("expected count to have one element, but got ") << getCount().getType();
  return success();
}
int64_t AttentionOp::getMacs(const SymbolSizes &sizes) {
  return attentionMacs(getQ(), getK(), getNumHeads() * getHeadDim(), sizes);
}
SmallVector<unsigned> AttentionOp::getTokenwiseOperands() { return {0}; }
void AttentionOp::setSlicedRow(Operation *sliced, int64_t row) {
  cast<AttentionOp>(sliced).setFirstQuery(getFirstQuery() + row);
}
SmallVector<ChannelUse> AttentionOp::getChannelUses() { return attentionChannelUses(); }
int64_t AttentionOp::getNumChannelGroups() { return getNumHeads(); }
void AttentionOp::setChannelGroups(int64_t groups, int64_t width) {
  setNumHeads(groups);
  setHeadDim(width);
  setNumChannels(getResult(), groups * width);
}

LogicalResult RouteTokensOp::verify() {
  // route_tokens_c1
  if (failed(verifyExtent(*this, "the width of w_r", getWR(), 1, "that of x", getX(), 1)))
    return failure();
  // route_tokens_c2
  int64_t numClusters = getNumClusters();
  if (numClusters < 1)
    return emitOpError("expected at least one cluster, but got ") << numClusters;
  if (getCentroids()) {
    if (failed(verifyExtent(*this, "the width of the centroids", getCentroids(), 1, "that of x",
                            getX(), 1)))
      return failure();
    if (typeOf(getCentroids()).getDimSize(0) != numClusters)
      return emitOpError("expected ")
             << numClusters << " centroids, but got " << extentName(typeOf(getCentroids()), 0);
  }
  // route_tokens_c3
  if (failed(verifyExtent(*this, "the rows of probs", getProbs(), 0, "those of x", getX(), 0)) ||
      failed(
          verifyExtent(*this, "the width of probs", getProbs(), 1, "the rows of w_r", getWR(), 0)))
    return failure();
  // route_tokens_c4
  if (failed(verifyExtent(*this, "the length of routed", getRouted(), 0, "the rows of x", getX(),
                          0)) ||
      failed(verifyExtent(*this, "the length of cluster", getCluster(), 0, "the rows of x", getX(),
                          0)))
    return failure();
  // route_tokens_c5
  double threshold = getThreshold().convertToDouble();
  if (!(threshold >= 0 && threshold <= 1))
    return emitOpError("expected a threshold between 0 and 1, but got ") << threshold;
  return success();
}
int64_t RouteTokensOp::getMacs(const SymbolSizes &sizes) {
  RankedTensorType x = typeOf(getX());
  return getExtent(x, 0, sizes) * x.getDimSize(1) *
         (typeOf(getWR()).getDimSize(0) + getNumClusters());
}
SmallVector<WeightUse> RouteTokensOp::getWeightUses() {
  SmallVector<WeightUse> uses{{1, WeightUseKind::Router}};
  if (getCentroids())
    uses.push_back({2, WeightUseKind::Router});
  return uses;
}
SmallVector<RouterAxis> RouteTokensOp::getRouterAxes() {
  SmallVector<RouterAxis> axes{{1, 0, RouterAxisKind::Class}};
  if (getCentroids())
    axes.push_back({2, 0, RouterAxisKind::Cluster});
  return axes;
}

LogicalResult ScarAttentionOp::verify() {
  if (failed(verifyAttentionShape(*this, getQ(), getK(), getV(), getResult(), getNumHeads(),
                                  getHeadDim(), getScale(), getFirstQuery())))
    return failure();
  // scar_attention_c6
  if (failed(verifyExtent(*this, "the length of routed", getRouted(), 0, "the rows of k", getK(),
                          0)) ||
      failed(verifyExtent(*this, "the length of cluster", getCluster(), 0, "the rows of k", getK(),
                          0)))
    return failure();
  return success();
}
int64_t ScarAttentionOp::getMacs(const SymbolSizes &sizes) {
  return attentionMacs(getQ(), getK(), getNumHeads() * getHeadDim(), sizes);
}
SmallVector<unsigned> ScarAttentionOp::getTokenwiseOperands() { return {0}; }
void ScarAttentionOp::setSlicedRow(Operation *sliced, int64_t row) {
  cast<ScarAttentionOp>(sliced).setFirstQuery(getFirstQuery() + row);
}
SmallVector<ChannelUse> ScarAttentionOp::getChannelUses() { return attentionChannelUses(); }
int64_t ScarAttentionOp::getNumChannelGroups() { return getNumHeads(); }
void ScarAttentionOp::setChannelGroups(int64_t groups, int64_t width) {
  setNumHeads(groups);
  setHeadDim(width);
  setNumChannels(getResult(), groups * width);
}
SmallVector<RouterAxis> ScarAttentionOp::getRouterAxes() {
  return {{0, 1, RouterAxisKind::Head}, {1, 1, RouterAxisKind::Head}, {2, 1, RouterAxisKind::Head}};
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

LogicalResult SelectOp::verify() {
  // select_c1
  RankedTensorType x = typeOf(getX());
  if (getType() != getRowType(x))
    return emitOpError("expected one row of x, ") << getRowType(x) << ", but got " << getType();
  // select_c2
  int64_t row = getRow();
  if (row < 0 || (!x.isDynamicDim(0) && row >= x.getDimSize(0)))
    return emitOpError("expected a row of x's ") << extentName(x, 0) << ", but got row " << row;
  return success();
}

SmallVector<ChannelUse> SelectOp::getChannelUses() { return {{0, ChannelRelation::Same}}; }

OpFoldResult SelectOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  return {};
}

LogicalResult ClassifyOp::verify() {
  // classify_c1
  if (typeOf(getX()).getDimSize(0) != 1)
    return emitOpError("expected x to have one row, but got ") << extentName(typeOf(getX()), 0);
  if (failed(
          verifyExtent(*this, "the width of the weight", getWeight(), 1, "that of x", getX(), 1)))
    return failure();
  // classify_c2
  if (getBias() && failed(verifyExtent(*this, "the length of the bias", getBias(), 0,
                                       "the rows of the weight", getWeight(), 0)))
    return failure();
  return verifyExtent(*this, "the number of logits", getLogits(), 0, "the rows of the weight",
                      getWeight(), 0);
}
int64_t ClassifyOp::getMacs(const SymbolSizes &) { return typeOf(getWeight()).getNumElements(); }
SmallVector<WeightUse> ClassifyOp::getWeightUses() {
  SmallVector<WeightUse> uses{{1, WeightUseKind::Matrix}};
  if (getBias())
    uses.push_back({2, WeightUseKind::Vector});
  return uses;
}
