// Activations of two models for the same texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/PairedActivations.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/ActivationRunner.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/TokenizedTexts.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include <atomic>
#include <optional>
#include <thread>

using namespace mlir;
using namespace gem;

namespace {

/// Texts that are run between two calls of a consumer, for each thread.
constexpr size_t kTextsOfThread = 8;

/// The two models' tokenizers.
class PairedTokenizer {
public:
  static absl::StatusOr<PairedTokenizer> open(ModuleOp original, ModuleOp compressed) {
    PairedTokenizer result;
    TokenizerOp first = find(original), second = find(compressed);
    if (!first || !second)
      return absl::FailedPreconditionError(
          "comparing activations needs the models' tokenizers, and one has none");
    absl::StatusOr<TextTokenizer> opened = open(first);
    if (!opened.ok())
      return opened.status();
    result.original.emplace(*std::move(opened));
    // Resources with the same handle are the same bytes.
    if (first.getData() == second.getData() &&
        first.getMaximumTokens() == second.getMaximumTokens())
      return result;
    opened = open(second);
    if (!opened.ok())
      return opened.status();
    result.compressed.emplace(*std::move(opened));
    return result;
  }

  /// Of `text`, or of no ids where the models differ in their number.
  absl::Status encode(const std::string &text, std::vector<int32_t> &originalIds,
                      std::vector<int32_t> &compressedIds) {
    auto ids = original->encode(text);
    if (!ids.ok())
      return ids.status();
    originalIds.assign(ids->begin(), ids->end());
    if (compressed) {
      ids = compressed->encode(text);
      if (!ids.ok())
        return ids.status();
    }
    compressedIds.assign(ids->begin(), ids->end());
    if (originalIds.size() != compressedIds.size()) {
      originalIds.clear();
      compressedIds.clear();
    }
    return absl::OkStatus();
  }

private:
  static TokenizerOp find(ModuleOp module) {
    auto ops = module.getOps<TokenizerOp>();
    return ops.empty() ? TokenizerOp() : *ops.begin();
  }
  static absl::StatusOr<TextTokenizer> open(TokenizerOp op) {
    ArrayRef<char> data = getRawData(op.getData());
    return TextTokenizer::fromSegment({data.data(), data.size()}, op.getMaximumTokens());
  }

  std::optional<TextTokenizer> original, compressed; ///< No second: the same.
};

/// One of the two models: its values of a text, copied out of its session.
struct Side {
  std::unique_ptr<ActivationRunner> runner; ///< Null: no values are wanted.
  size_t numValues = 0;

  absl::Status open(ArrayRef<Value> values, unsigned sessions) {
    numValues = values.size();
    if (values.empty())
      return absl::OkStatus();
    ErrorCollector errors(values.front().getContext());
    auto created = ActivationRunner::create(values, {.sessions = sessions, .threads = 1});
    if (!created.ok())
      return absl::IsInternal(created.status())
                 ? errors.toStatus(std::string(created.status().message()))
                 : created.status();
    runner = *std::move(created);
    return absl::OkStatus();
  }
};

struct SideOfText {
  std::vector<int32_t> ids;
  std::vector<std::vector<float>> data; ///< By value.
  std::vector<ActivationRows> rows;     ///< Over `data`.

  absl::Status run(const Side &side, size_t session) {
    if (!side.runner)
      return absl::OkStatus();
    if (absl::Status status = side.runner->run(session, ids); !status.ok())
      return status;
    data.resize(side.numValues);
    rows.resize(side.numValues);
    for (size_t i = 0; i < side.numValues; ++i) {
      absl::StatusOr<ActivationRows> output = side.runner->output(session, i);
      if (!output.ok())
        return output.status();
      data[i].assign(output->data.begin(), output->data.end());
      rows[i] = *output;
      rows[i].data = data[i];
    }
    return absl::OkStatus();
  }
};

struct PairOfText {
  std::string domain;
  SideOfText original, compressed;
  absl::Status status;
};

} // namespace

absl::Status PairedActivations::count() {
  if (auto file = scanTextFile(options.texts); !file.ok())
    return file.status();
  absl::StatusOr<PairedTokenizer> tokenizer =
      PairedTokenizer::open(originalModule, compressedModule);
  if (!tokenizer.ok())
    return tokenizer.status();
  std::vector<int32_t> ids, otherIds;
  texts.clear();
  tokens.clear();
  numTexts = 0;
  absl::Status status = forEachTextOf(options.texts, [&](const CalibrationText &text) {
    if (absl::Status encoded = tokenizer->encode(text.text, ids, otherIds); !encoded.ok())
      return encoded;
    if (ids.empty())
      return absl::OkStatus();
    ++numTexts;
    ++texts[text.domain];
    tokens[text.domain] += static_cast<int64_t>(ids.size());
    return absl::OkStatus();
  });
  if (status.ok() && numTexts == 0)
    return absl::FailedPreconditionError(
        absl::StrCat(options.texts, ": the two models split every text into different numbers of "
                                    "tokens; expected some that both read alike"));
  return status;
}

absl::Status PairedActivations::run(ArrayRef<Value> original, ArrayRef<Value> compressed,
                                    Consume consume, const Progress &progress) {
  absl::StatusOr<PairedTokenizer> tokenizer =
      PairedTokenizer::open(originalModule, compressedModule);
  if (!tokenizer.ok())
    return tokenizer.status();
  const unsigned threads = std::max(1u, options.threads);
  Side originalSide, compressedSide;
  if (absl::Status status = originalSide.open(original, threads); !status.ok())
    return status;
  if (absl::Status status = compressedSide.open(compressed, threads); !status.ok())
    return status;

  std::vector<PairOfText> chunk(threads * kTextsOfThread);
  size_t filled = 0;
  uint64_t done = 0;
  auto flush = [&]() -> absl::Status {
    std::atomic<size_t> next{0};
    auto work = [&](unsigned session) {
      for (size_t i = next++; i < filled; i = next++) {
        PairOfText &pair = chunk[i];
        pair.status = pair.original.run(originalSide, session);
        if (pair.status.ok())
          pair.status = pair.compressed.run(compressedSide, session);
      }
    };
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < threads; ++i)
      helpers.emplace_back(work, i);
    work(0);
    for (std::thread &helper : helpers)
      helper.join();
    for (size_t i = 0; i < filled; ++i) {
      PairOfText &pair = chunk[i];
      if (!pair.status.ok())
        return pair.status;
      if (absl::Status status = consume(pair.original.rows, pair.compressed.rows, pair.domain);
          !status.ok())
        return status;
      if (progress)
        progress(++done, numTexts);
    }
    filled = 0;
    return absl::OkStatus();
  };
  absl::Status status = forEachTextOf(options.texts, [&](const CalibrationText &text) {
    PairOfText &pair = chunk[filled];
    if (absl::Status encoded = tokenizer->encode(text.text, pair.original.ids, pair.compressed.ids);
        !encoded.ok())
      return encoded;
    if (pair.original.ids.empty())
      return absl::OkStatus();
    pair.domain = text.domain;
    return ++filled == chunk.size() ? flush() : absl::OkStatus();
  });
  return status.ok() ? flush() : status;
}
