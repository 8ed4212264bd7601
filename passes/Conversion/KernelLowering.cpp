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

/// A lowering to a kernel without parameters, operand by operand.
template <typename Kernel> auto plain() {
  return [](Operation *op, LoweringContext &context) {
    SmallVector<Value> inputs;
    for (Value operand : op->getOperands())
      inputs.push_back(context.lookup(operand));
    context.call(op, Kernel::get(op->getContext()), inputs, {context.allocate(op->getResult(0))});
    return success();
  };
}

template <typename Op> auto activation(Activation function) {
  return [function](Op op, LoweringContext &context) {
    context.call(op, rt::ActivationKernelAttr::get(op.getContext(), function),
                 {context.lookup(op.getX())}, {context.allocate(op.getResult())});
    return success();
  };
}

LogicalResult lowerLinear(LinearOp op, LoweringContext &context) {
  context.call(op, rt::LinearKernelAttr::get(op.getContext(), op.getActivation()),
               {context.lookup(op.getX()), context.lookup(op.getWeight()),
                context.lookup(op.getBias()), context.lookup(op.getResidual())},
               {context.allocate(op.getResult())});
  return success();
}

LogicalResult lowerClassify(ClassifyOp op, LoweringContext &context) {
  context.call(op, rt::LinearKernelAttr::get(op.getContext(), Activation::None),
               {context.lookup(op.getX()), context.lookup(op.getWeight()),
                context.lookup(op.getBias()), context.lookup(Value())},
               {context.allocate(op.getLogits())});
  return success();
}

LogicalResult lowerLayerNorm(LayerNormOp op, LoweringContext &context) {
  context.call(
      op, rt::LayerNormKernelAttr::get(op.getContext(), toF32(op.getContext(), op.getEpsilon())),
      {context.lookup(op.getX()), context.lookup(op.getGamma()), context.lookup(op.getBeta())},
      {context.allocate(op.getResult())});
  return success();
}

LogicalResult lowerAttention(AttentionOp op, LoweringContext &context) {
  context.call(op,
               rt::AttentionKernelAttr::get(op.getContext(), op.getNumHeads(), op.getHeadDim(),
                                            toF32(op.getContext(), op.getScale()),
                                            op.getFirstQuery()),
               {context.lookup(op.getQ()), context.lookup(op.getK()), context.lookup(op.getV()),
                context.lookup(op.getCount())},
               {context.allocate(op.getResult())});
  return success();
}

LogicalResult lowerRouteTokens(RouteTokensOp op, LoweringContext &context) {
  if (!op.getCentroids())
    return op.emitOpError("has no centroids: run gem-fit-router-centroids first");
  context.call(
      op,
      rt::RouteTokensKernelAttr::get(op.getContext(), toF32(op.getContext(), op.getThreshold())),
      {context.lookup(op.getX()), context.lookup(op.getWR()), context.lookup(op.getCentroids())},
      {context.allocate(op.getProbs(), /*isOptional=*/true), context.allocate(op.getRouted()),
       context.allocate(op.getCluster())});
  return success();
}

LogicalResult lowerScarAttention(ScarAttentionOp op, LoweringContext &context) {
  context.call(op,
               rt::ScarAttentionKernelAttr::get(op.getContext(), op.getNumHeads(), op.getHeadDim(),
                                                toF32(op.getContext(), op.getScale()),
                                                op.getFirstQuery(), op.getPredicate()),
               {context.lookup(op.getQ()), context.lookup(op.getK()), context.lookup(op.getV()),
                context.lookup(op.getRouted()), context.lookup(op.getCluster())},
               {context.allocate(op.getResult())});
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
  lowerings.add<EmbeddingOp>(plain<rt::EmbeddingKernelAttr>());
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
