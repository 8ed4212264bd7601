// Fuses activations and residual sums into the linear before them. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"

namespace gem {
#define GEN_PASS_DEF_FUSELINEAREPILOGUESPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

/// activation(linear(x)) -> linear(x) with the activation.
template <typename ActivationOp> struct FuseActivation : OpRewritePattern<ActivationOp> {
  FuseActivation(MLIRContext *context, Activation activation, Pass::Statistic &fused)
      : OpRewritePattern<ActivationOp>(context), activation(activation), fused(fused) {}

  LogicalResult matchAndRewrite(ActivationOp op, PatternRewriter &rewriter) const override {
    auto linear = op.getX().template getDefiningOp<LinearOp>();
    if (!linear || !linear->hasOneUse())
      return rewriter.notifyMatchFailure(op, "not the only use of a linear");
    if (linear.getActivation() != Activation::None || linear.getResidual())
      return rewriter.notifyMatchFailure(op, "the linear has an epilogue already");
    rewriter.modifyOpInPlace(linear, [&] { linear.setActivation(activation); });
    rewriter.replaceOp(op, linear.getResult());
    ++fused;
    return success();
  }

  Activation activation;
  Pass::Statistic &fused;
};

/// linear(x) + r -> linear(x) with residual r, at the place of the sum, where r exists.
struct FuseResidual : OpRewritePattern<AddOp> {
  FuseResidual(MLIRContext *context, Pass::Statistic &fused)
      : OpRewritePattern(context), fused(fused) {}

  LogicalResult matchAndRewrite(AddOp op, PatternRewriter &rewriter) const override {
    for (auto [value, residual] : {std::pair(op.getA(), op.getB()), {op.getB(), op.getA()}}) {
      auto linear = value.getDefiningOp<LinearOp>();
      if (!linear || !linear->hasOneUse() || linear.getResidual() || value == residual)
        continue;
      rewriter
          .replaceOpWithNewOp<LinearOp>(op, op.getType(), linear.getX(), linear.getWeight(),
                                        linear.getBias(), residual, linear.getActivation())
          ->setLoc(linear.getLoc());
      rewriter.eraseOp(linear);
      ++fused;
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is the only use of a linear");
  }

  Pass::Statistic &fused;
};

struct FuseLinearEpilogues : gem::impl::FuseLinearEpiloguesPassBase<FuseLinearEpilogues> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseActivation<GeluOp>>(&getContext(), Activation::Gelu, numActivations);
    patterns.add<FuseActivation<TanhOp>>(&getContext(), Activation::Tanh, numActivations);
    patterns.add<FuseResidual>(&getContext(), numResiduals);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
