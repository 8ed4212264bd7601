// Computes only the rows that are read. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"

namespace gem {
#define GEN_PASS_DEF_SLICEREADROWSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

/// select(op(x)) -> op(select(x)), when the row is all that anybody reads.
struct SliceTokenwise : OpRewritePattern<SelectOp> {
  SliceTokenwise(MLIRContext *context, Pass::Statistic &sliced)
      : OpRewritePattern(context), sliced(sliced) {}

  LogicalResult matchAndRewrite(SelectOp select, PatternRewriter &rewriter) const override {
    auto producer = select.getX().getDefiningOp<TokenwiseOpInterface>();
    if (!producer || producer->getNumResults() != 1)
      return rewriter.notifyMatchFailure(select, "not the result of a tokenwise operation");
    SmallVector<unsigned> tokenwise = producer.getTokenwiseOperands();
    if (tokenwise.empty())
      return rewriter.notifyMatchFailure(select, "the operation reads no tokens by row");
    int64_t row = select.getRow();
    auto readsSameRow = [&](Operation *user) {
      auto other = dyn_cast<SelectOp>(user);
      return other && static_cast<int64_t>(other.getRow()) == row;
    };
    if (!llvm::all_of(producer->getUsers(), readsSameRow))
      return rewriter.notifyMatchFailure(select, "the value is also read otherwise");

    rewriter.setInsertionPoint(producer);
    IRMapping mapping;
    for (unsigned index : tokenwise) {
      Value operand = producer->getOperand(index);
      if (mapping.contains(operand))
        continue;
      auto type = cast<RankedTensorType>(operand.getType());
      mapping.map(operand,
                  rewriter.create<SelectOp>(select.getLoc(), getRowType(type), operand, row));
    }
    // An operand that is read both by row and whole (k of an attention that is its own
    // query) must stay whole where it is read whole.
    Operation *copy = rewriter.clone(*producer);
    for (unsigned index : tokenwise)
      copy->setOperand(index, mapping.lookup(producer->getOperand(index)));
    copy->getResult(0).setType(select.getType());
    producer.setSlicedRow(copy, row);
    for (Operation *user : llvm::make_early_inc_range(producer->getUsers()))
      rewriter.replaceOp(user, copy->getResults());
    rewriter.eraseOp(producer);
    ++sliced;
    return success();
  }

  Pass::Statistic &sliced;
};

struct SliceReadRows : gem::impl::SliceReadRowsPassBase<SliceReadRows> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SliceTokenwise>(&getContext(), numSliced);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
