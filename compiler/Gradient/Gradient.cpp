// Reverse-mode differentiation of an entry point in the gem dialect, one text at a time.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Gradient/Gradient.h"
#include "absl/strings/str_cat.h"
#include "compiler/Gradient/Node.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace gem;
using namespace gem::grad;

struct Differentiator::Program {
  struct Step {
    std::unique_ptr<Node> node;
    bool differentiated = false; ///< Whether a result has a gradient to pass on.
  };
  std::vector<Step> steps;
  size_t numSlots = 0;
  Port logits;
  std::vector<Port> wanted, seeded;
  int64_t minimum = 1, maximum = 0; ///< Tokens.
  bool padded = false;              ///< To the maximum.
  int32_t padId = 0;
};

struct Differentiator::State {
  std::shared_ptr<const Program> program;
  Run run;
  std::vector<int32_t> padded;
  std::vector<float> zeros;
};

namespace {

/// Finds what a function's values need, and makes its nodes.
class Planner final : public NodeContext {
public:
  explicit Planner(func::FuncOp function)
      : function(function), symbols(function->getParentOfType<ModuleOp>()) {}

  absl::Status findEnds(ArrayRef<Value> wanted, ArrayRef<Value> seeded) {
    if (!llvm::hasSingleElement(function.getBody()))
      return absl::InvalidArgumentError(
          absl::StrCat("'", function.getSymName().str(), "' is not a function of one block"));
    for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
      auto role = function.getArgAttrOfType<RoleAttr>(index, kRoleAttr);
      if (role && role.getValue() == Role::TokenIds)
        ids = argument;
      else if (!role || role.getValue() != Role::TokenCount)
        return absl::UnimplementedError(absl::StrCat(
            "argument ", index, " of '", function.getSymName().str(),
            "': expected the role token_ids or token_count, others cannot be differentiated"));
    }
    Operation *terminator = function.front().getTerminator();
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      auto role = function.getResultAttrOfType<RoleAttr>(index, kRoleAttr);
      if (role && role.getValue() == Role::Logits)
        logits = value;
    }
    if (!ids || !logits)
      return absl::InvalidArgumentError(
          absl::StrCat("'", function.getSymName().str(),
                       "': expected an argument of role "
                       "token_ids and a result of role logits, but got no ",
                       ids ? "result" : "argument", " of that role"));
    for (Value value : llvm::concat<const Value>(wanted, seeded)) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      Operation *op = value.getDefiningOp();
      if (!type || type.getRank() != 2 || !type.getElementType().isF32() || !op ||
          op->getBlock() != &function.front() || isa<GetWeightOp>(op))
        return absl::InvalidArgumentError(
            "gradients are of f32 [tokens, width] values that the function computes");
    }
    // Forward: what the logits and the wanted values are computed from.
    std::vector<Value> open(wanted.begin(), wanted.end());
    open.push_back(logits);
    llvm::append_range(open, seeded);
    while (!open.empty()) {
      Operation *op = open.back().getDefiningOp();
      open.pop_back();
      if (op && computed.insert(op).second)
        llvm::append_range(open, op->getOperands());
    }
    // Backward: what is computed from the wanted values, and leads to the loss.
    DenseSet<Value> reachesLoss(seeded.begin(), seeded.end());
    reachesLoss.insert(logits);
    for (Operation &op : llvm::reverse(function.front()))
      // Through a decision nothing passes.
      if (!isa<RouteTokensOp>(op) &&
          llvm::any_of(op.getResults(), [&](Value v) { return reachesLoss.contains(v); }))
        for (Value operand : op.getOperands())
          reachesLoss.insert(operand);
    DenseSet<Value> depends(wanted.begin(), wanted.end());
    for (Operation &op : function.front()) {
      if (llvm::any_of(op.getOperands(), [&](Value v) { return depends.contains(v); }))
        depends.insert(op.getResults().begin(), op.getResults().end());
      for (Value result : op.getResults())
        if (depends.contains(result) && reachesLoss.contains(result))
          wantsGradient.insert(result);
    }
    return absl::OkStatus();
  }

  /// How many tokens a run may have, and how it is padded.
  template <typename Program> void findTokens(Program &program) {
    auto type = cast<RankedTensorType>(ids.getType());
    if (!type.isDynamicDim(0)) {
      program.maximum = type.getDimSize(0);
      program.padded = true;
      for (auto tokenizer : function->getParentOfType<ModuleOp>().getOps<TokenizerOp>())
        program.padId = static_cast<int32_t>(tokenizer.getPadId());
      return;
    }
    auto dims = cast<DimsAttr>(type.getEncoding());
    auto symbol = symbols.lookup<SymbolOp>(dims.getSymbols().front().getValue());
    program.minimum = symbol.getMinimum();
    program.maximum = symbol.getMaximum();
  }

  template <typename Program> absl::Status makeSteps(Program &program) {
    for (Operation &op : function.front()) {
      if (!computed.contains(&op) || isa<GetWeightOp>(op))
        continue;
      NodeOrError node = makeNode(&op, *this);
      if (!node.ok())
        return node.status();
      program.steps.push_back(
          {*std::move(node),
           llvm::any_of(op.getResults(), [&](Value v) { return wantsGradient.contains(v); }) &&
               llvm::any_of(op.getOperands(), [&](Value v) { return wantsGradient.contains(v); })});
    }
    return absl::OkStatus();
  }

  Value getLogits() const { return logits; }
  size_t getNumSlots() const { return slots.size(); }

  Port port(Value value) override {
    size_t slot = slots.try_emplace(value, slots.size()).first->second;
    return {slot, wantsGradient.contains(value)};
  }

  absl::StatusOr<ElementsAttr> weight(Value value) override {
    auto get = value.getDefiningOp<GetWeightOp>();
    auto weight = get ? symbols.lookup<WeightOp>(get.getWeight()) : WeightOp();
    if (!weight)
      return absl::UnimplementedError("expected a weight of the module as an operand of a layer");
    if (!hasData(weight.getValue()))
      return absl::FailedPreconditionError(
          absl::StrCat("weight '", get.getWeight().str(), "' has no data"));
    if (weight.getWeightType() != weight.getValue().getType())
      return absl::FailedPreconditionError(
          absl::StrCat("weight '", get.getWeight().str(),
                       "' is stored in another format than it "
                       "has; differentiate the model before its weights get formats"));
    return weight.getValue();
  }

private:
  func::FuncOp function;
  SymbolTable symbols;
  Value ids, logits;
  DenseSet<Operation *> computed;
  DenseSet<Value> wantsGradient;
  llvm::DenseMap<Value, size_t> slots;
};

} // namespace

Differentiator::Differentiator(std::shared_ptr<const Program> program)
    : state(std::make_unique<State>()) {
  state->run.slots.resize(program->numSlots);
  state->run.kept.resize(program->steps.size());
  state->program = std::move(program);
}

Differentiator::~Differentiator() = default;

absl::StatusOr<std::unique_ptr<Differentiator>>
Differentiator::create(func::FuncOp function, ArrayRef<Value> wanted, ArrayRef<Value> seeded) {
  Planner planner(function);
  auto program = std::make_shared<Program>();
  if (absl::Status status = planner.findEnds(wanted, seeded); !status.ok())
    return status;
  planner.findTokens(*program);
  if (absl::Status status = planner.makeSteps(*program); !status.ok())
    return status;
  program->logits = planner.port(planner.getLogits());
  for (Value value : wanted)
    program->wanted.push_back(planner.port(value));
  for (Value value : seeded)
    program->seeded.push_back(planner.port(value));
  program->numSlots = planner.getNumSlots();
  return std::unique_ptr<Differentiator>(new Differentiator(std::move(program)));
}

std::unique_ptr<Differentiator> Differentiator::fork() const {
  return std::unique_ptr<Differentiator>(new Differentiator(state->program));
}

absl::StatusOr<std::vector<ValueGradient>> Differentiator::run(
    std::span<const int32_t> ids,
    absl::FunctionRef<void(std::span<const float> logits, std::span<float> seed)> loss) {
  return run(ids, loss, [](size_t, const ValueGradient &, std::span<float>) {});
}

absl::StatusOr<std::vector<ValueGradient>> Differentiator::run(
    std::span<const int32_t> ids,
    absl::FunctionRef<void(std::span<const float> logits, std::span<float> seed)> loss,
    absl::FunctionRef<void(size_t index, const ValueGradient &value, std::span<float> seed)> add) {
  const Program &program = *state->program;
  int64_t count = static_cast<int64_t>(ids.size());
  if (count < program.minimum || count > program.maximum)
    return absl::InvalidArgumentError(absl::StrCat("expected ", program.minimum, " to ",
                                                   program.maximum, " tokens, but got ", count));
  Run &run = state->run;
  run.count = count;
  run.ids = ids;
  if (program.padded) {
    state->padded.assign(program.maximum, program.padId);
    llvm::copy(ids, state->padded.begin());
    run.ids = state->padded;
  }
  for (size_t i = 0; i < program.steps.size(); ++i)
    if (absl::Status status = program.steps[i].node->forward(run, run.kept[i]); !status.ok())
      return status;
  Slot &logits = run.slots[program.logits.slot];
  logits.gradient.assign(logits.value.size(), 0.0f);
  loss(logits.value, logits.gradient);
  for (size_t i = 0; i < program.seeded.size(); ++i)
    if (program.seeded[i].wanted) {
      Slot &slot = run.slots[program.seeded[i].slot];
      add(i, {slot.value, {}, slot.rows, slot.width}, slot.gradient);
    }
  for (size_t i = program.steps.size(); i-- > 0;)
    if (program.steps[i].differentiated)
      program.steps[i].node->backward(run, run.kept[i]);

  size_t largest = 0;
  for (const Port &port : program.wanted)
    largest = std::max(largest, run.slots[port.slot].value.size());
  state->zeros.resize(largest);
  std::vector<ValueGradient> result;
  for (const Port &port : program.wanted) {
    const Slot &slot = run.slots[port.slot];
    std::span<const float> gradient = slot.gradient;
    if (!port.wanted)
      gradient = std::span(state->zeros).first(slot.value.size());
    result.push_back({slot.value, gradient, slot.rows, slot.width});
  }
  return result;
}
