// Places the constants in their segments. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"
#include <map>
#include <tuple>

namespace gem {
#define GEN_PASS_DEF_PLANSEGMENTSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;
using namespace gem::rt;

namespace {

struct PlanSegments : gem::impl::PlanSegmentsPassBase<PlanSegments> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    SymbolTable symbols(program);

    // By data, type and segment: the constant that stands for all equal ones.
    std::map<std::tuple<const void *, const void *, const void *>, ConstantOp> canonical;
    llvm::SmallSetVector<ConstantOp, 32> inOrder;
    auto visit = [&](Value operand) {
      auto get = operand.getDefiningOp<GetConstantOp>();
      if (!get)
        return;
      auto constant = symbols.lookup<ConstantOp>(get.getConstant());
      auto key = std::tuple(constant.getValue().getAsOpaquePointer(),
                            constant.getType().getAsOpaquePointer(),
                            constant.getSegmentAttr().getAsOpaquePointer());
      ConstantOp &kept = canonical.try_emplace(key, constant).first->second;
      if (kept != constant)
        get.setConstant(kept.getSymName());
      inOrder.insert(kept);
    };
    program.walk([&](CallOp call) {
      for (Value operand : call->getOperands())
        visit(operand);
    });

    llvm::DenseMap<Attribute, int64_t> ends; // by segment
    for (ConstantOp constant : inOrder) {
      int64_t &end = ends[constant.getSegmentAttr()];
      constant.setOffset(end);
      end += alignUp(cast<ConstantType>(constant.getType()).getByteSize());
    }

    SmallVector<GetConstantOp> gets;
    program.walk([&](GetConstantOp get) { gets.push_back(get); });
    for (GetConstantOp get : gets)
      if (get->use_empty())
        get->erase();
    // List the constants in the order of their offsets.
    Operation *last = nullptr;
    for (auto constant : llvm::make_early_inc_range(program.getOps<ConstantOp>())) {
      if (inOrder.contains(constant)) {
        last = last ? last : constant.getOperation();
        continue;
      }
      bool isCopy = false;
      for (auto &[key, kept] : canonical)
        isCopy |= std::get<0>(key) == constant.getValue().getAsOpaquePointer() &&
                  std::get<1>(key) == constant.getType().getAsOpaquePointer();
      ++(isCopy ? numShared : numDropped);
      constant.erase();
    }
    for (ConstantOp constant : inOrder) {
      if (constant.getOperation() != last)
        constant->moveAfter(last);
      last = constant;
    }
    for (auto segment : llvm::make_early_inc_range(program.getOps<SegmentOp>()))
      if (segment.getKind() == SegmentKind::Weights &&
          !ends.count(FlatSymbolRefAttr::get(segment.getSymNameAttr())))
        segment.erase();
    for (auto entry : program.getOps<EntryOp>())
      sortDeclarations(entry);
  }

  /// Declares what the calls use in the order of its first use, each constant once: so one
  /// program has one listing, whoever built it.
  void sortDeclarations(EntryOp entry) {
    llvm::DenseMap<Attribute, GetConstantOp> gets;
    for (auto get : llvm::make_early_inc_range(entry.getOps<GetConstantOp>())) {
      GetConstantOp &first = gets.try_emplace(get.getConstantAttr(), get).first->second;
      if (first == get)
        continue;
      get.replaceAllUsesWith(first.getResult());
      get.erase();
    }
    llvm::SmallPtrSet<Operation *, 32> placed;
    for (auto input : entry.getOps<InputOp>())
      placed.insert(input.getBuffer().getDefiningOp());
    auto submits = entry.getOps<SubmitOp>();
    if (submits.empty())
      return;
    Operation *end = *submits.begin();
    entry.walk([&](CallOp call) {
      for (Value operand : call->getOperands())
        if (placed.insert(operand.getDefiningOp()).second)
          operand.getDefiningOp()->moveBefore(end);
    });
  }
};

} // namespace
