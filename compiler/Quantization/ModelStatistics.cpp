// Calibration: the statistics of every linear layer's input.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/ModelStatistics.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/RuntimeActivationSource.h"
#include "compiler/Calibration/StatisticsCollector.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/TokenizedTexts.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace gem;

namespace {

/// The values that matrices are applied to, in program order, and the matrices' names.
using MatrixInputs = llvm::MapVector<Value, std::vector<std::string>>;

MatrixInputs findMatrixInputs(func::FuncOp function) {
  MatrixInputs inputs;
  function.walk([&](WeightUserOpInterface user) {
    for (WeightUse use : user.getWeightUses()) {
      auto get = user->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>();
      if (get && use.kind == WeightUseKind::Matrix)
        inputs[user->getOperand(0)].push_back(get.getWeight().str());
    }
  });
  return inputs;
}

int64_t widthOf(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }

class Calibration {
public:
  Calibration(ModuleOp module, const CalibrationOptions &options)
      : module(module), options(options) {}

  absl::Status run(const std::string &path) {
    absl::StatusOr<TextFileInfo> texts = scanTextFile(options.texts);
    if (!texts.ok())
      return texts.status();
    numTexts = texts->numTexts;
    quant::StatisticsInfo info;
    info.modelHash = hashWeights(module);
    info.calibrationHash = texts->hash;
    info.texts = texts->numTexts;
    for (auto tokenizer : module.getOps<TokenizerOp>())
      info.sequence = tokenizer.getMaximumTokens();
    auto created = quant::StatisticsWriter::create(path, info);
    if (!created.ok())
      return created.status();
    writer = *std::move(created);
    if (absl::Status status = countTokens(); !status.ok())
      return status;
    for (auto function : module.getOps<func::FuncOp>())
      if (absl::Status status = collect(findMatrixInputs(function)); !status.ok())
        return status;
    return writer->finish();
  }

private:
  /// How many rows each domain will give, and how often each id occurs.
  absl::Status countTokens() {
    absl::StatusOr<TextTokenizer> tokenizer = openTokenizer(module);
    if (!tokenizer.ok())
      return tokenizer.status();
    TokenCounter counter(*tokenizer);
    absl::Status status = forEachTextOf(
        options.texts, [&](const CalibrationText &text) { return counter.add(text); });
    if (!status.ok())
      return status;
    tokens = counter.getTokensOfDomain();
    texts = counter.getTextsOfDomain();
    return writer->setTokenCounts(counter.getIdCounts());
  }

  /// As many values at a time as the memory for their Gram matrices allows.
  absl::Status collect(const MatrixInputs &inputs) {
    auto next = inputs.begin();
    unsigned pass = 0, passes = 0;
    for (auto it = inputs.begin(); it != inputs.end(); it = takeBatch(it, inputs.end()))
      ++passes;
    while (next != inputs.end()) {
      auto end = takeBatch(next, inputs.end());
      if (absl::Status status = collectBatch(next, end, ++pass, passes); !status.ok())
        return status;
      next = end;
    }
    return absl::OkStatus();
  }

  using Iterator = MatrixInputs::const_iterator;
  Iterator takeBatch(Iterator begin, Iterator end) const {
    int64_t bytes = 0;
    Iterator it = begin;
    for (; it != end; ++it) {
      int64_t width = widthOf(it->first);
      bytes += width * width * 8; // f64
      if (it != begin && bytes > options.gramBytes)
        break;
    }
    return it;
  }

  absl::Status collectBatch(Iterator begin, Iterator end, unsigned pass, unsigned passes) {
    SmallVector<Value> values;
    std::vector<std::unique_ptr<quant::StatisticsCollector>> collectors;
    for (Iterator it = begin; it != end; ++it) {
      auto type = cast<RankedTensorType>(it->first.getType());
      quant::StatisticsCollector::Options collect;
      collect.name = it->second.front();
      collect.width = type.getDimSize(1);
      collect.threads = options.threads;
      if (type.isDynamicDim(0))
        collect.rows = tokens;
      else
        for (const auto &[domain, count] : texts)
          collect.rows[domain] = count * type.getDimSize(0);
      values.push_back(it->first);
      collectors.push_back(std::make_unique<quant::StatisticsCollector>(std::move(collect)));
    }
    RuntimeActivationSource::Options sourceOptions;
    sourceOptions.path = options.texts;
    sourceOptions.numTexts = numTexts;
    sourceOptions.threads = options.threads;
    std::string stage = "calibrating";
    if (passes > 1)
      absl::StrAppend(&stage, " (pass ", pass, " of ", passes, ")");
    if (options.progress)
      sourceOptions.progress = [&](uint64_t done, uint64_t total) {
        options.progress(stage, done, total);
      };
    RuntimeActivationSource source(sourceOptions);
    ErrorCollector errors(module.getContext());
    auto result = source.forEachText(values, [&](ArrayRef<ActivationRows> rows, StringRef domain) {
      for (auto [collector, part] : llvm::zip(collectors, rows))
        collector->add(part.data.data(), part.numRows, std::string_view(domain));
      return success();
    });
    if (failed(result))
      return errors.toStatus("running the calibration texts failed");
    for (Iterator it = begin; it != end; ++it) {
      absl::StatusOr<quant::InputStatistics> statistics = collectors[it - begin]->finish();
      if (!statistics.ok())
        return statistics.status();
      collectors[it - begin].reset();
      if (absl::Status status = writer->add(it->second, *statistics); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  ModuleOp module;
  const CalibrationOptions &options;
  std::unique_ptr<quant::StatisticsWriter> writer;
  int64_t numTexts = 0;
  std::map<std::string, int64_t> tokens, texts; ///< By domain.
};

} // namespace

absl::StatusOr<TextTokenizer> gem::openTokenizer(ModuleOp module) {
  for (auto tokenizer : module.getOps<TokenizerOp>()) {
    ArrayRef<char> data = getRawData(tokenizer.getData());
    return TextTokenizer::fromSegment({data.data(), data.size()}, tokenizer.getMaximumTokens());
  }
  return absl::FailedPreconditionError(
      "calibration texts need the model's tokenizer, and the model has none");
}

std::string gem::hashWeights(ModuleOp module) {
  llvm::BLAKE3 hasher;
  for (auto weight : module.getOps<WeightOp>()) {
    std::string head = absl::StrCat(
        weight.getSymName().str(), "\n",
        [&] {
          std::string type;
          llvm::raw_string_ostream(type) << weight.getValue().getType();
          return type;
        }(),
        "\n");
    hasher.update(head);
    ArrayRef<char> data = getRawData(weight.getValue());
    hasher.update(StringRef(data.data(), data.size()));
  }
  return "blake3:" + llvm::toHex(hasher.final(), /*LowerCase=*/true);
}

absl::StatusOr<std::unique_ptr<quant::StatisticsFile>>
gem::collectStatistics(ModuleOp module, const CalibrationOptions &options) {
  std::string path = options.output;
  if (path.empty()) {
    // A name only: the file has it from being complete until it is mapped, below.
    llvm::SmallString<128> temporary;
    llvm::sys::fs::createUniquePath("gem-statistics-%%%%%%%%.gems", temporary,
                                    /*MakeAbsolute=*/true);
    path = temporary.str().str();
  }
  absl::Status status = Calibration(module, options).run(path);
  if (!status.ok()) {
    llvm::sys::fs::remove(path);
    return status;
  }
  auto file = quant::StatisticsFile::open(path);
  // Mapped, it stays readable.
  if (options.output.empty())
    llvm::sys::fs::remove(path);
  return file;
}
