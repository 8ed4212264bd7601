// The standard lowerings: one kernel an operation.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Conversion/KernelLowering.h"

using namespace mlir;
using namespace gem;

namespace {

FloatAttr toF32(MLIRContext *context, const APFloat &value) {
  return FloatAttr::get(Float32Type::get(context), value.convertToDouble());
}

/// The buffers and constants of `values`, looked up in order.
SmallVector<Value> lookupAll(LoweringContext &context, ArrayRef<Value> values) {
  SmallVector<Value> buffers;
  for (Value value : values)
    buffers.push_back(context.lookup(value));
  return buffers;
}

/// A lowering to a kernel without parameters, operand by operand.
template <typename Kernel> auto plain() {
  return [](Operation *op, LoweringContext &context) {
    SmallVector<Value> inputs = lookupAll(context, SmallVector<Value>(op->getOperands()));
    context.call(op, Kernel::get(op->getContext()), inputs, {context.allocate(op->getResult(0))});
    return success();
  };
}

bool isQuantized(Value weight) {
  return isa<QuantizedType>(cast<RankedTensorType>(weight.getType()).getElementType());
}

/// Whether `use` reads the tokens of its value quantized.
bool readsQuantized(OpOperand &use) {
  if (auto linear = dyn_cast<LinearOp>(use.getOwner()))
    return use.getOperandNumber() == 0 && isQuantized(linear.getWeight());
  if (auto classify = dyn_cast<ClassifyOp>(use.getOwner()))
    return use.getOperandNumber() == 0 && isQuantized(classify.getWeight());
  return false;
}

/// A linear layer of either kind of weight.
LogicalResult lowerMatrix(Operation *op, Value x, Value weight, Value bias, Value residual,
                          Activation activation, LoweringContext &context) {
  if (isQuantized(weight)) {
    SmallVector<Value> inputs{context.quantizedTokens(x)};
    inputs.append(lookupAll(context, {weight, bias, residual}));
    context.call(op, rt::LinearQuantizedKernelAttr::get(op->getContext(), activation), inputs,
                 {context.allocate(op->getResult(0))});
    return success();
  }
  SmallVector<Value> inputs = lookupAll(context, {x, weight, bias, residual});
  context.call(op, rt::LinearKernelAttr::get(op->getContext(), activation), inputs,
               {context.allocate(op->getResult(0))});
  return success();
}

template <typename Op> auto activation(Activation function) {
  return [function](Op op, LoweringContext &context) {
    context.call(op, rt::ActivationKernelAttr::get(op.getContext(), function),
                 lookupAll(context, {op.getX()}), {context.allocate(op.getResult())});
    return success();
  };
}

LogicalResult lowerLinear(LinearOp op, LoweringContext &context) {
  return lowerMatrix(op, op.getX(), op.getWeight(), op.getBias(), op.getResidual(),
                     op.getActivation(), context);
}

LogicalResult lowerClassify(ClassifyOp op, LoweringContext &context) {
  return lowerMatrix(op, op.getX(), op.getWeight(), op.getBias(), Value(), Activation::None,
                     context);
}

LogicalResult lowerLayerNorm(LayerNormOp op, LoweringContext &context) {
  FloatAttr epsilon = toF32(op.getContext(), op.getEpsilon());
  SmallVector<Value> inputs = lookupAll(context, {op.getX(), op.getGamma(), op.getBeta()});
  auto uses = op.getResult().getUses();
  if (llvm::none_of(uses, readsQuantized)) {
    context.call(op, rt::LayerNormKernelAttr::get(op.getContext(), epsilon), inputs,
                 {context.allocate(op.getResult())});
    return success();
  }
  Value y = llvm::all_of(uses, readsQuantized) ? context.lookup(Value())
                                               : context.allocate(op.getResult());
  Value quantized = context.allocateQuantizedTokens(op.getResult());
  context.call(op, rt::LayerNormQuantizedKernelAttr::get(op.getContext(), epsilon), inputs,
               {y, quantized});
  return success();
}

LogicalResult lowerEmbedding(EmbeddingOp op, LoweringContext &context) {
  if (op.getTables().size() == 1 && !op.getMap())
    return plain<rt::EmbeddingKernelAttr>()(op, context);
  SmallVector<Value> operands{op.getIds()};
  operands.append(op.getTables().begin(), op.getTables().end());
  operands.resize(5);
  operands.push_back(op.getMap());
  SmallVector<Value> inputs = lookupAll(context, operands);
  context.call(op, rt::EmbeddingBlocksKernelAttr::get(op.getContext()), inputs,
               {context.allocate(op.getResult())});
  return success();
}

LogicalResult lowerAttention(AttentionOp op, LoweringContext &context) {
  SmallVector<Value> inputs = lookupAll(context, {op.getQ(), op.getK(), op.getV(), op.getCount()});
  context.call(op,
               rt::AttentionKernelAttr::get(op.getContext(), op.getNumHeads(), op.getHeadDim(),
                                            toF32(op.getContext(), op.getScale()),
                                            op.getFirstQuery()),
               inputs, {context.allocate(op.getResult())});
  return success();
}

LogicalResult lowerRouteTokens(RouteTokensOp op, LoweringContext &context) {
  if (!op.getCentroids())
    return op.emitOpError("has no centroids: run gem-fit-router-centroids first");
  SmallVector<Value> inputs = lookupAll(context, {op.getX(), op.getWR(), op.getCentroids()});
  Value probs = context.allocate(op.getProbs(), /*isOptional=*/true);
  Value routed = context.allocate(op.getRouted());
  Value cluster = context.allocate(op.getCluster());
  context.call(
      op,
      rt::RouteTokensKernelAttr::get(op.getContext(), toF32(op.getContext(), op.getThreshold())),
      inputs, {probs, routed, cluster});
  return success();
}

LogicalResult lowerScarAttention(ScarAttentionOp op, LoweringContext &context) {
  SmallVector<Value> inputs =
      lookupAll(context, {op.getQ(), op.getK(), op.getV(), op.getRouted(), op.getCluster()});
  context.call(op,
               rt::ScarAttentionKernelAttr::get(op.getContext(), op.getNumHeads(), op.getHeadDim(),
                                                toF32(op.getContext(), op.getScale()),
                                                op.getFirstQuery(), op.getPredicate(),
                                                op.getCausal()),
               inputs, {context.allocate(op.getResult())});
  return success();
}

LogicalResult lowerSelect(SelectOp op, LoweringContext &context) {
  context.call(op, rt::SelectRowKernelAttr::get(op.getContext(), op.getRow()),
               {context.lookup(op.getX())}, {context.allocate(op.getResult())});
  return success();
}

} // namespace

KernelLowerings gem::getStandardLowerings() {
  KernelLowerings lowerings;
  lowerings.add<EmbeddingOp>(lowerEmbedding);
  lowerings.add<AddPositionOp>(plain<rt::AddPositionKernelAttr>());
  lowerings.add<AddOp>(plain<rt::AddKernelAttr>());
  lowerings.add<LinearOp>(lowerLinear);
  lowerings.add<ClassifyOp>(lowerClassify);
  lowerings.add<LayerNormOp>(lowerLayerNorm);
  lowerings.add<GeluOp>(activation<GeluOp>(Activation::Gelu));
  lowerings.add<TanhOp>(activation<TanhOp>(Activation::Tanh));
  lowerings.add<AttentionOp>(lowerAttention);
  lowerings.add<RouteTokensOp>(lowerRouteTokens);
  lowerings.add<ScarAttentionOp>(lowerScarAttention);
  lowerings.add<SelectOp>(lowerSelect);
  return lowerings;
}
