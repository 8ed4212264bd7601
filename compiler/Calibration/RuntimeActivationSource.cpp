// Activations from running the lowered f32 model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/RuntimeActivationSource.h"
#include "compiler/Calibration/ActivationRunner.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/TokenizedTexts.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace gem;

LogicalResult RuntimeActivationSource::forEachText(
    ArrayRef<Value> values,
    function_ref<LogicalResult(ArrayRef<ActivationRows>, StringRef)> consume) {
  Location loc = values.front().getLoc();
  auto runner =
      ActivationRunner::create(values, {.sessions = 1, .threads = options.threads, .start = {}});
  if (!runner.ok())
    return emitError(loc) << std::string(runner.status().message());
  absl::StatusOr<TextTokenizer> tokenizer = TextTokenizer::open((*runner)->getBundle());
  if (!tokenizer.ok())
    return emitError(loc) << std::string(tokenizer.status().message());

  uint64_t done = 0;
  bool consumed = true;
  std::vector<ActivationRows> rows(values.size());
  absl::Status status = forEachTextOf(options.path, [&](const CalibrationText &text) {
    auto ids = tokenizer->encode(text.text);
    if (!ids.ok())
      return ids.status();
    if (absl::Status ran = (*runner)->run(0, *ids); !ran.ok())
      return ran;
    numTokens += static_cast<int64_t>(ids->size());
    for (size_t i = 0; i < rows.size(); ++i) {
      absl::StatusOr<ActivationRows> output = (*runner)->output(0, i);
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
