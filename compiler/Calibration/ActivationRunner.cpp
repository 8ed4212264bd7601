// Runs a model for some of its values.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/ActivationRunner.h"
#include "absl/strings/str_cat.h"
#include "compiler/Pipeline/Lowering.h"
#include "dialects/Gem/Gem.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "targets/Bundle/BundleWriter.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace gem;

namespace {

bool isTokenCount(BlockArgument argument) {
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto role = function ? function.getArgAttrOfType<RoleAttr>(argument.getArgNumber(), kRoleAttr)
                       : RoleAttr();
  return role && role.getValue() == Role::TokenCount;
}

/// Lets `function` take `value` instead of what it is computed from.
void startAt(func::FuncOp function, Value value) {
  Builder builder(function.getContext());
  unsigned index = function.getNumArguments();
  function.insertArgument(
      index, value.getType(),
      builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr("start"))),
      value.getLoc());
  value.replaceAllUsesWith(function.getArgument(index));
}

/// A copy of the values' module whose one function returns them and nothing else.
OwningOpRef<ModuleOp> cloneForValues(ArrayRef<Value> values, Value start) {
  Value first = values.front();
  auto function = first.getParentRegion()->getParentOfType<func::FuncOp>();
  auto module = function->getParentOfType<ModuleOp>();
  IRMapping mapping;
  OwningOpRef<ModuleOp> clone = cast<ModuleOp>(module->clone(mapping));
  // Labels speak of logits, which the copy does not compute.
  (*clone)->removeAttr(kLabelsAttr);
  for (auto other : llvm::make_early_inc_range(clone->getOps<func::FuncOp>()))
    if (other.getSymName() != function.getSymName())
      other.erase();
  auto copy = *clone->getOps<func::FuncOp>().begin();
  Operation *terminator = copy.getBody().front().getTerminator();
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> attributes;
  Builder builder(clone->getContext());
  for (auto [index, value] : llvm::enumerate(values)) {
    results.push_back(mapping.lookup(value));
    // Activations have rows; a vector has the role of the only one there is.
    Role role =
        cast<RankedTensorType>(value.getType()).getRank() == 1 ? Role::Logits : Role::Activation;
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(kNameAttr, builder.getStringAttr(absl::StrCat("value", index))),
         builder.getNamedAttr(kRoleAttr, RoleAttr::get(builder.getContext(), role))}));
  }
  terminator->setOperands(results);
  copy.setFunctionType(
      builder.getFunctionType(copy.getFunctionType().getInputs(), ValueRange(results).getTypes()));
  copy.setAllResultAttrs(attributes);
  if (start)
    startAt(copy, mapping.lookup(start));
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(copy.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  // A count that nothing reads has no bounds; beside one that is read there must be ids.
  for (unsigned index = copy.getNumArguments(); index-- > 0;)
    if (copy.getArgument(index).use_empty() &&
        (isTokenCount(copy.getArgument(index)) ||
         (start && llvm::none_of(copy.getArguments(), isTokenCount))))
      copy.eraseArgument(index);
  if (start) {
    for (auto tokenizer : llvm::make_early_inc_range(clone->getOps<TokenizerOp>()))
      tokenizer.erase();
  }
  return clone;
}

} // namespace

absl::StatusOr<std::unique_ptr<ActivationRunner>> ActivationRunner::create(ArrayRef<Value> values,
                                                                           const Options &options) {
  OwningOpRef<ModuleOp> module = cloneForValues(values, options.start);
  std::unique_ptr<ActivationRunner> runner(new ActivationRunner);
  ScratchBundle &scratch = runner->scratch;
  if (auto written = writeHostBundle(*module, options.threads * options.sessions, scratch);
      !written.ok())
    return written.status();
  gem_error_t error;
  gem_bundle_t *bundle = nullptr;
  if (auto status = toStatus(gem_bundle_open_memory(scratch.data().data(), scratch.data().size(),
                                                    nullptr, &bundle, &error),
                             error);
      !status.ok())
    return status;
  runner->bundle.reset(bundle);
  gem_session_options_t sessionOptions;
  gem_session_options_init(&sessionOptions);
  sessionOptions.thread_count = options.threads;
  for (unsigned i = 0; i < options.sessions; ++i) {
    gem_session_t *session = nullptr;
    if (auto status =
            toStatus(gem_session_create(bundle, &sessionOptions, &session, &error), error);
        !status.ok())
      return status;
    runner->sessions.emplace_back(session);
  }
  return runner;
}

absl::Status ActivationRunner::run(size_t session, std::span<const int32_t> ids) {
  gem_error_t error;
  gem_status_t status =
      gem_session_run_tokens(sessions[session].get(), ids.data(), ids.size(), &error);
  return status == GEM_STATUS_OK ? absl::OkStatus() : toStatus(status, error);
}

absl::Status ActivationRunner::runFrom(size_t session, const ActivationRows &rows, int64_t tokens) {
  gem_session_t *to = sessions[session].get();
  gem_error_t error;
  gem_tensor_t input;
  for (uint32_t i = 0; gem_session_input(to, i, &input, &error) == GEM_STATUS_OK; ++i) {
    gem_status_t status;
    if (input.role == GEM_ROLE_TOKEN_COUNT) {
      const auto count = static_cast<int32_t>(tokens);
      const uint32_t dims[] = {1};
      status = gem_session_set_input(to, i, &count, dims, 1, &error);
    } else if (input.role == GEM_ROLE_TOKEN_IDS) { // which nothing reads
      const std::vector<int32_t> ids(rows.numRows);
      const uint32_t dims[] = {static_cast<uint32_t>(rows.numRows)};
      status = gem_session_set_input(to, i, ids.data(), dims, 1, &error);
    } else {
      const uint32_t dims[] = {static_cast<uint32_t>(rows.numRows),
                               static_cast<uint32_t>(rows.width)};
      status = gem_session_set_input(to, i, rows.data.data(), dims, 2, &error);
    }
    if (status != GEM_STATUS_OK)
      return toStatus(status, error);
  }
  gem_status_t status = gem_session_run(to, &error);
  return status == GEM_STATUS_OK ? absl::OkStatus() : toStatus(status, error);
}

absl::StatusOr<ActivationRows> ActivationRunner::output(size_t session, size_t index) const {
  gem_error_t error;
  gem_tensor_t tensor;
  gem_status_t status =
      gem_session_output(sessions[session].get(), static_cast<uint32_t>(index), &tensor, &error);
  if (status != GEM_STATUS_OK)
    return toStatus(status, error);
  bool isVector = tensor.rank == 1;
  return ActivationRows{{static_cast<const float *>(tensor.data), tensor.size / sizeof(float)},
                        isVector ? 1 : tensor.dims[0],
                        isVector ? tensor.dims[0] : tensor.dims[1]};
}

bool gem::dependOnlyOn(ArrayRef<Value> values, Value start) {
  SmallVector<Value> open(values);
  llvm::SmallPtrSet<Operation *, 32> seen;
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (value == start)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (!isTokenCount(argument))
        return false;
    } else if (Operation *op = value.getDefiningOp(); seen.insert(op).second) {
      llvm::append_range(open, op->getOperands());
    }
  }
  return true;
}
