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

using namespace mlir;
using namespace gem;

namespace {

/// A copy of the values' module whose one function returns them and nothing else.
OwningOpRef<ModuleOp> cloneForValues(ArrayRef<Value> values) {
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
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(copy.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  return clone;
}

} // namespace

absl::StatusOr<std::unique_ptr<ActivationRunner>> ActivationRunner::create(ArrayRef<Value> values,
                                                                           const Options &options) {
  OwningOpRef<ModuleOp> module = cloneForValues(values);
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
