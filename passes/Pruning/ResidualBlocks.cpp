// Finds blocks of the residual stream that can be skipped, and removes them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "dialects/Gem/Gem.h"
#include "passes/Pruning/MacCounting.h"
#include "passes/Pruning/Structures.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

using namespace mlir;
using namespace gem;
using namespace gem::prune;

namespace {

/// A block and what it is made of in the module.
struct FoundBlock {
  ResidualBlock block;
  Value input, output;
  llvm::SetVector<Operation *> operations; ///< Without the reads of weights.
};

/// The operations that make `value` from `input`, which they read, and from values without
/// channels. Nothing where they read more, or where others read what they make besides
/// `reader`.
std::optional<llvm::SetVector<Operation *>> collectBetween(Value input, Value value,
                                                           Operation *reader) {
  llvm::SetVector<Operation *> operations;
  SmallVector<Value> pending{value};
  bool reached = false;
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    if (next == input) {
      reached = true;
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (!op) { // an argument: a number of tokens is none of the residual stream
      if (cast<RankedTensorType>(next.getType()).getRank() == 2)
        return std::nullopt;
      continue;
    }
    if (!isa<GetWeightOp>(op) && operations.insert(op))
      pending.append(op->operand_begin(), op->operand_end());
  }
  auto isInside = [&](Operation *user) { return user == reader || operations.contains(user); };
  if (!reached || !llvm::all_of(operations, [&](Operation *op) {
        return llvm::all_of(op->getUsers(), isInside);
      }))
    return std::nullopt;
  return operations;
}

class BlockFinder {
public:
  explicit BlockFinder(ModuleOp module) : module(module) {}

  std::vector<FoundBlock> findAll() {
    std::vector<FoundBlock> blocks;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](LayerNormOp norm) {
        if (std::optional<FoundBlock> block = find(norm))
          blocks.push_back(*std::move(block));
      });
    return blocks;
  }

private:
  std::optional<FoundBlock> find(LayerNormOp norm) {
    auto add = norm.getX().getDefiningOp<AddOp>();
    if (!add || !add->hasOneUse() || add.getA() == add.getB())
      return std::nullopt;
    for (auto [input, value] : {std::pair(add.getB(), add.getA()), {add.getA(), add.getB()}})
      if (auto operations = collectBetween(input, value, add)) {
        FoundBlock found{{}, input, norm.getResult(), *std::move(operations)};
        if (describe(found, add, norm))
          return found;
      }
    return std::nullopt;
  }

  bool describe(FoundBlock &found, AddOp add, LayerNormOp norm) {
    if (found.input.getType() != found.output.getType())
      return false;
    // No program gives an argument as its result.
    if (isa<BlockArgument>(found.input) &&
        llvm::any_of(found.output.getUsers(), llvm::IsaPred<func::ReturnOp>))
      return false;
    Operation *last = nullptr;
    for (Operation *op : found.operations)
      if (auto user = dyn_cast<WeightUserOpInterface>(op))
        for (const WeightUse &use : user.getWeightUses())
          if (use.kind == WeightUseKind::Matrix && (!last || last->isBeforeInBlock(op)))
            if (auto get = op->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>()) {
              last = op;
              found.block.name = nameOfLayer(get.getWeight().str());
            }
    found.operations.insert(add);
    found.operations.insert(norm);
    for (Operation *op : found.operations)
      found.block.blockMacs = found.block.blockMacs + countMacs(module, op);
    for (auto weight : module.getOps<WeightOp>())
      if (isOnlyReadBy(weight, found.operations))
        found.block.weights.push_back(weight.getSymName().str());
    return last != nullptr;
  }

  /// Whether `weight` is read, and by nothing but `operations`.
  bool isOnlyReadBy(WeightOp weight, const llvm::SetVector<Operation *> &operations) {
    bool isRead = false, isReadElsewhere = false;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) {
        if (get.getWeight() != weight.getSymName())
          return;
        for (Operation *user : get->getUsers())
          (operations.contains(user) ? isRead : isReadElsewhere) = true;
      });
    return isRead && !isReadElsewhere;
  }

  ModuleOp module;
};

absl::StatusOr<FoundBlock> findBlock(ModuleOp module, StringRef name) {
  std::string known;
  for (FoundBlock &found : BlockFinder(module).findAll()) {
    if (found.block.name == name)
      return std::move(found);
    absl::StrAppend(&known, known.empty() ? "" : ", ", found.block.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("no block '", name.str(),
                                                 "' can be removed from this module; it has ",
                                                 known.empty() ? "none" : known));
}

} // namespace

std::vector<ResidualBlock> prune::findResidualBlocks(ModuleOp module) {
  std::vector<ResidualBlock> blocks;
  for (FoundBlock &found : BlockFinder(module).findAll())
    blocks.push_back(std::move(found.block));
  return blocks;
}

absl::StatusOr<ResidualBlock> prune::findResidualBlock(ModuleOp module, StringRef name) {
  absl::StatusOr<FoundBlock> found = findBlock(module, name);
  if (!found.ok())
    return found.status();
  return std::move(found->block);
}

absl::Status prune::removeBlock(ModuleOp module, const ResidualBlock &block) {
  absl::StatusOr<FoundBlock> found = findBlock(module, block.name);
  if (!found.ok())
    return found.status();
  found->output.replaceAllUsesWith(found->input);
  SmallVector<Operation *> operations = found->operations.takeVector();
  llvm::sort(operations, [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
  llvm::SetVector<Operation *> reads;
  for (Operation *op : operations) {
    for (Value operand : op->getOperands())
      if (auto get = operand.getDefiningOp<GetWeightOp>())
        reads.insert(get);
    op->erase();
  }
  for (Operation *get : reads)
    if (get->use_empty())
      get->erase();
  for (const std::string &weight : found->block.weights)
    module.lookupSymbol<WeightOp>(weight).erase();
  return absl::OkStatus();
}
