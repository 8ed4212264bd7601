// Activations from running the lowered f32 model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/RuntimeActivationSource.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/RuntimeHandles.h"
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
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(kNameAttr, builder.getStringAttr(absl::StrCat("value", index))),
         builder.getNamedAttr(kRoleAttr, RoleAttr::get(builder.getContext(), Role::Activation))}));
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

class Runner {
public:
  absl::Status open(ModuleOp module, unsigned threads) {
    if (auto written = writeHostBundle(module, threads, scratch); !written.ok())
      return written.status();
    gem_error_t error;
    gem_bundle_t *bundlePtr = nullptr;
    if (auto status = toStatus(gem_bundle_open_memory(scratch.data().data(), scratch.data().size(),
                                                      nullptr, &bundlePtr, &error),
                               error);
        !status.ok())
      return status;
    bundle.reset(bundlePtr);
    gem_session_options_t options;
    gem_session_options_init(&options);
    options.thread_count = threads;
    gem_session_t *sessionPtr = nullptr;
    if (auto status = toStatus(gem_session_create(bundlePtr, &options, &sessionPtr, &error), error);
        !status.ok())
      return status;
    session.reset(sessionPtr);
    gem_tokenizer_t *tokenizerPtr = nullptr;
    if (gem_tokenizer_create(bundlePtr, nullptr, &tokenizerPtr, &error) != GEM_STATUS_OK)
      return absl::FailedPreconditionError(
          absl::StrCat("calibration texts need the model's tokenizer: ", error.message));
    tokenizer.reset(tokenizerPtr);
    gem_bundle_info_t info{};
    info.struct_size = sizeof(info);
    gem_bundle_info(bundlePtr, &info);
    ids.resize(info.maximum_tokens);
    return absl::OkStatus();
  }

  /// Runs one text; returns its number of tokens.
  absl::StatusOr<int64_t> run(const std::string &text) {
    gem_error_t error;
    gem_encoding_t encoding;
    gem_status_t status = gem_tokenizer_encode(tokenizer.get(), text.data(), text.size(),
                                               ids.data(), ids.size(), &encoding, &error);
    if (status == GEM_STATUS_OK)
      status = gem_session_run_tokens(session.get(), ids.data(), encoding.count, &error);
    if (status != GEM_STATUS_OK)
      return toStatus(status, error);
    return encoding.count;
  }

  absl::StatusOr<ActivationRows> output(uint32_t index) {
    gem_error_t error;
    gem_tensor_t tensor;
    gem_status_t status = gem_session_output(session.get(), index, &tensor, &error);
    if (status != GEM_STATUS_OK)
      return toStatus(status, error);
    return ActivationRows{{static_cast<const float *>(tensor.data), tensor.size / sizeof(float)},
                          tensor.dims[0],
                          tensor.dims[1]};
  }

private:
  ScratchBundle scratch;
  BundlePtr bundle;
  SessionPtr session;
  TokenizerPtr tokenizer;
  std::vector<int32_t> ids;
};

} // namespace

LogicalResult RuntimeActivationSource::forEachText(
    ArrayRef<Value> values,
    function_ref<LogicalResult(ArrayRef<ActivationRows>, StringRef)> consume) {
  Location loc = values.front().getLoc();
  OwningOpRef<ModuleOp> module = cloneForValues(values);
  Runner runner;
  if (absl::Status status = runner.open(*module, options.threads); !status.ok())
    return emitError(loc) << std::string(status.message());

  uint64_t done = 0;
  bool consumed = true;
  std::vector<ActivationRows> rows(values.size());
  absl::Status status = forEachTextOf(options.path, [&](const CalibrationText &text) {
    absl::StatusOr<int64_t> tokens = runner.run(text.text);
    if (!tokens.ok())
      return tokens.status();
    numTokens += *tokens;
    for (size_t i = 0; i < rows.size(); ++i) {
      absl::StatusOr<ActivationRows> output = runner.output(i);
      if (!output.ok())
        return output.status();
      rows[i] = *output;
    }
    consumed = succeeded(consume(rows, text.domain));
    if (options.progress)
      options.progress(++done, options.numTexts);
    return consumed ? absl::OkStatus() : absl::AbortedError("");
  });
  if (!consumed)
    return failure();
  if (!status.ok())
    return emitError(loc) << std::string(status.message());
  return success();
}
