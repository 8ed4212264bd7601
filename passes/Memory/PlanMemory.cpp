// Places the buffers of an entry in one arena. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Memory/ArenaPlanner.h"
#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace gem {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;
using namespace gem::rt;

namespace {

struct PlanMemory : gem::impl::PlanMemoryPassBase<PlanMemory> {
  void runOnOperation() override {
    EntryOp entry = getOperation();
    SymbolSizes sizes = getMaximumSizes(entry->getParentOfType<ProgramOp>());

    // Time 0 is before the first call, call i is at time i + 1.
    SmallVector<CallOp> calls;
    entry.walk([&](CallOp call) { calls.push_back(call); });
    const int64_t end = calls.size() + 1;

    struct Life {
      int64_t size = 0, first = -1, last = -1;
      bool isOutput = false;
      /// The buffer whose memory this one takes over, or itself.
      Value home;
    };
    llvm::MapVector<Value, Life> lives;
    for (AllocOp alloc : entry.getOps<AllocOp>()) {
      Life &life = lives[alloc.getResult()];
      life.size = alignUp(alloc.getType().getByteSize(sizes));
      life.home = alloc.getResult();
    }
    auto touch = [&](Value buffer, int64_t time) {
      auto it = lives.find(buffer);
      if (it == lives.end())
        return;
      Life &life = it->second;
      life.first = life.first < 0 ? time : std::min(life.first, time);
      life.last = std::max(life.last, time);
    };
    // Inputs are filled before the run and outputs read after it.
    for (InputOp input : entry.getOps<InputOp>())
      touch(input.getBuffer(), 0);
    for (auto [index, call] : llvm::enumerate(calls)) {
      for (Value value : call->getOperands())
        touch(value, index + 1);
    }
    for (OutputOp output : entry.getOps<OutputOp>()) {
      touch(output.getBuffer(), end);
      lives[output.getBuffer()].isOutput = true;
    }

    // In place: the output of a call lives on in the memory of an input that dies there.
    auto homeOf = [&](Value value) {
      while (lives[value].home != value)
        value = lives[value].home;
      return value;
    };
    for (auto [index, call] : llvm::enumerate(calls)) {
      int64_t time = index + 1;
      for (auto [outIndex, output] : llvm::enumerate(call.getOutputs())) {
        if (!lives.count(output) || lives[output].first != time)
          continue;
        for (unsigned inIndex : call.getKernel().getInPlaceInputs(outIndex)) {
          Value input = call.getInputs()[inIndex];
          if (!lives.count(input) || input.getType() != output.getType() || lives[input].isOutput ||
              lives[input].last != time || lives[homeOf(input)].last != time)
            continue;
          // The same buffer may be another operand too, which must not be overwritten.
          if (llvm::count(call.getInputs(), input) != 1)
            continue;
          Value home = homeOf(input);
          lives[output].home = home;
          lives[home].last = lives[output].last;
          ++numInPlace;
          break;
        }
      }
    }

    std::vector<ArenaRequest> requests;
    SmallVector<Value> placed;
    for (auto &[buffer, life] : lives) {
      if (life.home != buffer)
        continue;
      // A buffer that nothing touches still has an address.
      requests.push_back(
          {life.size, std::max<int64_t>(life.first, 0), std::max<int64_t>(life.last, 0)});
      placed.push_back(buffer);
    }
    ArenaPlan plan = planArena(requests);
    llvm::DenseMap<Value, int64_t> offsets;
    for (auto [buffer, offset] : llvm::zip(placed, plan.offsets))
      offsets[buffer] = offset;
    for (AllocOp alloc : entry.getOps<AllocOp>())
      alloc.setOffset(offsets[homeOf(alloc.getResult())]);
    entry.setArenaSize(plan.size);
    entry.setArenaLowerBound(plan.lowerBound);
  }
};

} // namespace
