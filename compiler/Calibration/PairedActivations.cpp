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
#include <cerrno>
#include <cstdio>
#include <cstring>
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

/// One of the two models.
struct Side {
  std::unique_ptr<ActivationRunner> runner; ///< Null: no values are wanted.
  size_t numValues = 0;
  bool isFromKept = false;

  absl::Status open(ArrayRef<Value> values, Value start, unsigned sessions) {
    numValues = values.size();
    isFromKept = start != nullptr;
    if (values.empty())
      return absl::OkStatus();
    ErrorCollector errors(values.front().getContext());
    auto created =
        ActivationRunner::create(values, {.sessions = sessions, .threads = 1, .start = start});
    if (!created.ok())
      return absl::IsInternal(created.status())
                 ? errors.toStatus(std::string(created.status().message()))
                 : created.status();
    runner = *std::move(created);
    return absl::OkStatus();
  }
};

/// Rows with their data.
struct OwnedRows {
  std::vector<float> data;
  int64_t numRows = 0, width = 0;

  ActivationRows get() const { return {data, numRows, width}; }
};

/// A model's values of a text, copied out of its session.
struct SideOfText {
  std::vector<int32_t> ids;
  OwnedRows start; ///< Rows to start from, if any.
  std::vector<OwnedRows> values;
  std::vector<ActivationRows> rows; ///< Of `values`.

  absl::Status run(const Side &side, size_t session) {
    if (!side.runner)
      return absl::OkStatus();
    absl::Status status = side.isFromKept ? side.runner->runFrom(session, start.get(),
                                                                 static_cast<int64_t>(ids.size()))
                                          : side.runner->run(session, ids);
    if (!status.ok())
      return status;
    values.resize(side.numValues);
    rows.resize(side.numValues);
    for (size_t i = 0; i < side.numValues; ++i) {
      absl::StatusOr<ActivationRows> output = side.runner->output(session, i);
      if (!output.ok())
        return output.status();
      values[i].data.assign(output->data.begin(), output->data.end());
      values[i].numRows = output->numRows;
      values[i].width = output->width;
      rows[i] = values[i].get();
    }
    return absl::OkStatus();
  }
};

struct PairOfText {
  PairedText text;
  SideOfText original, compressed;
  absl::Status status;
};

/// Where `value` is in `values`, put there if it is not.
size_t indexIn(SmallVectorImpl<Value> &values, Value value) {
  auto found = llvm::find(values, value);
  if (found == values.end()) {
    values.push_back(value);
    return values.size() - 1;
  }
  return found - values.begin();
}

struct FileCloser {
  void operator()(FILE *file) const { std::fclose(file); }
};

absl::Status fileError(const char *what) {
  return absl::UnavailableError(
      absl::StrCat("a temporary file of activations cannot be ", what, ": ", std::strerror(errno),
                   "; make room where temporary files lie, or give fewer texts"));
}

} // namespace

/// The rows of a value of each model, text by text, in a file that is gone when it is closed.
struct PairedActivations::Kept {
  Value original, compressed;
  std::vector<double> factors, offsets; ///< Of the compressed model's; empty: as they are.
  std::unique_ptr<FILE, FileCloser> file;

  absl::Status create() {
    file.reset(std::tmpfile());
    return file ? absl::OkStatus() : fileError("made");
  }
  absl::Status write(const ActivationRows &rows) {
    const int64_t shape[] = {rows.numRows, rows.width};
    if (std::fwrite(shape, sizeof(shape), 1, file.get()) != 1 ||
        std::fwrite(rows.data.data(), sizeof(float), rows.data.size(), file.get()) !=
            rows.data.size())
      return fileError("written");
    return absl::OkStatus();
  }
  absl::Status read(OwnedRows &rows) {
    int64_t shape[2];
    if (std::fread(shape, sizeof(shape), 1, file.get()) != 1)
      return fileError("read");
    rows.numRows = shape[0];
    rows.width = shape[1];
    rows.data.resize(shape[0] * shape[1]);
    if (std::fread(rows.data.data(), sizeof(float), rows.data.size(), file.get()) !=
        rows.data.size())
      return fileError("read");
    return absl::OkStatus();
  }
  void transform(OwnedRows &rows) const {
    if (factors.empty())
      return;
    for (size_t i = 0; i < rows.data.size(); ++i) {
      const size_t column = i % rows.width;
      rows.data[i] = static_cast<float>(factors[column] * rows.data[i] + offsets[column]);
    }
  }
};

PairedActivations::PairedActivations(ModuleOp original, ModuleOp compressed, Options options)
    : originalModule(original), compressedModule(compressed), options(std::move(options)) {}

PairedActivations::~PairedActivations() = default;

void PairedActivations::keep(Value original, Value compressed) {
  next = std::make_unique<Kept>();
  next->original = original;
  next->compressed = compressed;
}

void PairedActivations::transformKept(std::vector<double> factors, std::vector<double> offsets) {
  kept->factors = std::move(factors);
  kept->offsets = std::move(offsets);
}

void PairedActivations::moveKept(Value original, Value compressed) {
  kept->original = original;
  kept->compressed = compressed;
}

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
  if (kept &&
      !(dependOnlyOn(original, kept->original) && dependOnlyOn(compressed, kept->compressed)))
    kept.reset();
  SmallVector<Value> originalValues(original), compressedValues(compressed);
  size_t keptOriginal = 0, keptCompressed = 0; // where what is to be kept is among them
  if (next) {
    keptOriginal = indexIn(originalValues, next->original);
    keptCompressed = indexIn(compressedValues, next->compressed);
    if (absl::Status status = next->create(); !status.ok())
      return status;
  }
  Side originalSide, compressedSide;
  if (absl::Status status =
          originalSide.open(originalValues, kept ? kept->original : Value(), threads);
      !status.ok())
    return status;
  if (absl::Status status =
          compressedSide.open(compressedValues, kept ? kept->compressed : Value(), threads);
      !status.ok())
    return status;
  if (kept)
    std::rewind(kept->file.get());

  std::vector<PairOfText> chunk(threads * kTextsOfThread);
  size_t filled = 0;
  uint64_t done = 0;
  auto flush = [&]() -> absl::Status {
    std::atomic<size_t> nextText{0};
    auto work = [&](unsigned session) {
      for (size_t i = nextText++; i < filled; i = nextText++) {
        PairOfText &pair = chunk[i];
        if (kept)
          kept->transform(pair.compressed.start);
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
      if (absl::Status status =
              consume(ArrayRef(pair.original.rows).take_front(original.size()),
                      ArrayRef(pair.compressed.rows).take_front(compressed.size()), pair.text);
          !status.ok())
        return status;
      if (next) {
        if (absl::Status status = next->write(pair.original.rows[keptOriginal]); !status.ok())
          return status;
        if (absl::Status status = next->write(pair.compressed.rows[keptCompressed]); !status.ok())
          return status;
      }
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
    pair.text = {text.domain, static_cast<int64_t>(pair.original.ids.size())};
    if (kept)
      for (SideOfText *side : {&pair.original, &pair.compressed})
        if (absl::Status status = kept->read(side->start); !status.ok())
          return status;
    return ++filled == chunk.size() ? flush() : absl::OkStatus();
  });
  if (status.ok())
    status = flush();
  if (status.ok() && next)
    kept = std::move(next);
  next.reset();
  return status;
}
