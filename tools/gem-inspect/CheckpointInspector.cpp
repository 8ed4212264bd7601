// Explains a checkpoint: what is in it, what a model would be made of, what is wrong.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"
#include "tools/gem-inspect/Inspect.h"
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

using namespace gem;
using namespace gem::inspect;
using namespace gem::checkpoint;
using Json = nlohmann::ordered_json;

namespace {

struct HyperParameter {
  std::string key;
  Json value;
  std::string source; ///< "config.json", "shape of '...'"; empty when nothing says.
};

class CheckpointInspector {
public:
  CheckpointInspector(const Options &options, std::shared_ptr<Checkpoint> checkpoint,
                      std::optional<ModelSource> source, std::vector<std::string> problems)
      : options(options), checkpoint(std::move(checkpoint)), source(std::move(source)),
        problems(std::move(problems)) {
    for (const Tensor &tensor : this->checkpoint->tensors())
      totalBytes += tensor.byteLength();
    if (this->source) {
      for (const DroppedTensor &dropped : this->source->dropped)
        reasons[dropped.name] = dropped.reason;
      readHyperParameters();
    }
  }

  std::string toText() const {
    Page page(options.color);
    std::string what = "a " + checkpoint->format() + " checkpoint";
    if (source)
      what += std::string(", ") + toString(source->architecture) + ", " +
              tools::FormatCount(source->parameters) + " parameters";
    page.title(options.path, what);
    if (!problems.empty()) {
      page.heading("Problems (" + std::to_string(problems.size()) + ")");
      for (const std::string &problem : problems)
        page.line("  " + tools::Printable(problem));
    }
    if (source) {
      page.heading("Hyper-parameters");
      tools::Table table({tools::Table::Align::kLeft, tools::Table::Align::kRight});
      for (const HyperParameter &parameter : parameters)
        table.AddRow(
            {parameter.key, textOf(parameter.value), page.dim(tools::Printable(parameter.source))});
      page.line(chomp(table.ToString(2)));
      writeLabelsAndTokenizer(page);
      writeNotes(page);
    }
    writeTensors(page);
    writeDropped(page);
    return page.str();
  }

  Json toJson() const {
    Json root = tools::MakeJsonDocument();
    root["kind"] = "checkpoint";
    root["path"] = options.path;
    root["format"] = checkpoint->format();
    root["files"] = source ? source->files : checkpoint->files();
    root["problems"] = problems;
    root["architecture"] = source ? Json(toString(source->architecture)) : Json();
    root["parameters"] = source ? Json(source->parameters) : Json();
    Json &hyper = root["hyper_parameters"] = Json::object();
    for (const HyperParameter &parameter : parameters)
      hyper[parameter.key] = {{"value", parameter.value}, {"source", parameter.source}};
    root["labels"] = source ? source->labels : std::vector<std::string>();
    root["tokenizer"] = Json();
    if (source && source->tokenizer) {
      const WordPieceVocabulary &vocabulary = *source->tokenizer;
      root["tokenizer"] = {{"kind", "wordpiece"},
                           {"pieces", vocabulary.pieces.size()},
                           {"lowercase", vocabulary.lowercase},
                           {"strip_accents", vocabulary.stripAccents},
                           {"split_cjk", vocabulary.splitCjk},
                           {"clean_text", vocabulary.cleanText}};
    }
    root["bytes"] = totalBytes;
    Json &tensors = root["tensors"] = Json::array();
    for (const Tensor &tensor : checkpoint->tensors()) {
      auto reason = reasons.find(tensor.name);
      tensors.push_back({{"name", tensor.name},
                         {"type", toString(tensor.dtype)},
                         {"shape", tensor.shape},
                         {"bytes", tensor.byteLength()},
                         {"file", tensor.file},
                         {"dropped", reason == reasons.end() ? Json() : Json(reason->second)}});
    }
    root["notes"] = source ? source->notes : checkpoint->info();
    return root;
  }

private:
  static std::string chomp(std::string text) {
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    return text;
  }
  static std::string textOf(const Json &value) {
    if (value.is_null())
      return "-";
    if (value.is_string())
      return value.get<std::string>();
    return value.dump();
  }

  /// The loader's notes tell where each value came from: "KEY = VALUE: SOURCE".
  std::string sourceOf(const std::string &key) const {
    for (const std::string &note : source->notes)
      if (note.starts_with(key + " = "))
        if (size_t colon = note.find(": "); colon != std::string::npos)
          return note.substr(colon + 2);
    return "";
  }

  void readHyperParameters() {
    const ModelSource &model = *source;
    auto add = [&](const char *key, Json value) {
      parameters.push_back({key, std::move(value), sourceOf(key)});
    };
    add("vocab_size", model.vocabSize);
    add("hidden_size", model.hiddenSize);
    add("num_hidden_layers", model.numLayers);
    add("num_attention_heads", model.numHeads);
    add("intermediate_size", model.intermediateSize);
    add("max_position_embeddings", model.maxPositions);
    add("type_vocab_size", model.typeVocabSize);
    add("layer_norm_eps", model.layerNormEps);
    add("hidden_act", model.activation);
    if (model.numClasses)
      add("num_classes", model.numClasses);
    if (model.architecture == Architecture::Gem) {
      add("num_clusters", model.numClusters);
      add("threshold", model.threshold);
      parameters.push_back(
          {"router.centroids", model.hasCentroids() ? "present" : "absent",
           model.hasCentroids() ? "the checkpoint" : "to be fitted with gem-compile --calibrate"});
    }
    if (model.padTokenId)
      add("pad_token_id", *model.padTokenId);
  }

  void writeLabelsAndTokenizer(Page &page) const {
    page.heading("Text");
    if (source->numClasses)
      page.fact("labels", source->labels.empty()
                              ? "none: classes are numbers"
                              : std::to_string(source->labels.size()) + ": " +
                                    abbreviate(source->labels, options.common.verbose));
    if (!source->tokenizer) {
      page.fact("tokenizer", "none: " + source->tokenizerNote);
      return;
    }
    const WordPieceVocabulary &vocabulary = *source->tokenizer;
    std::string rules = vocabulary.lowercase ? "lower-cased" : "cased";
    rules += vocabulary.stripAccents ? ", accents removed" : ", accents kept";
    if (vocabulary.splitCjk)
      rules += ", CJK split";
    page.fact("tokenizer",
              "WordPiece, " + tools::FormatCount(vocabulary.pieces.size()) + " pieces, " + rules);
  }

  /// The notes that no other section has told.
  void writeNotes(Page &page) const {
    std::vector<std::string> rest;
    for (const std::string &note : source->notes) {
      bool isTold = false;
      for (const HyperParameter &parameter : parameters)
        isTold |= note.starts_with(parameter.key + " = ");
      if (!isTold)
        rest.push_back(note);
    }
    if (rest.empty())
      return;
    page.heading("Notes");
    for (const std::string &note : rest)
      page.line("  " + tools::Printable(note));
  }

  void writeTensors(Page &page) const {
    using Align = tools::Table::Align;
    page.heading("Tensors (" + tools::FormatCount(checkpoint->tensors().size()) + ", " +
                 tools::FormatBytes(totalBytes) + ")");
    tools::Table table({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight});
    for (const Tensor &tensor : checkpoint->tensors())
      table.AddRow({tools::Printable(tensor.name), toString(tensor.dtype),
                    formatShape(tensor.shape), tools::FormatCount(tensor.byteLength()),
                    reasons.count(tensor.name) ? "dropped" : ""});
    page.line(chomp(table.ToString(2)));
  }

  void writeDropped(Page &page) const {
    if (!source || source->dropped.empty())
      return;
    uint64_t bytes = 0;
    std::map<std::string, std::pair<size_t, uint64_t>> byReason;
    for (const DroppedTensor &dropped : source->dropped) {
      bytes += dropped.bytes;
      auto &[count, sum] = byReason[dropped.reason];
      ++count;
      sum += dropped.bytes;
    }
    page.heading("Dropped (" + tools::FormatCount(source->dropped.size()) + ", " +
                 tools::FormatBytes(bytes) + ")");
    for (const auto &[reason, sums] : byReason)
      page.line("  " + tools::FormatPlural(sums.first, "tensor") + ", " +
                tools::FormatBytes(sums.second) + ": " + tools::Printable(reason));
  }

  const Options &options;
  std::shared_ptr<Checkpoint> checkpoint;
  std::optional<ModelSource> source;
  std::vector<std::string> problems;
  std::vector<HyperParameter> parameters;
  std::map<std::string, std::string> reasons; // of dropped tensors
  uint64_t totalBytes = 0;
};

} // namespace

int gem::inspect::inspectCheckpoint(const Options &options) {
  absl::StatusOr<std::shared_ptr<Checkpoint>> checkpoint = openCheckpoint(options.path);
  if (!checkpoint.ok()) {
    int code = report(checkpoint.status());
    if (!options.json)
      return code;
    Json root = tools::MakeJsonDocument();
    root["kind"] = "checkpoint";
    root["path"] = options.path;
    root["problems"] = problemsOf(checkpoint.status());
    return print(tools::DumpJson(root), code);
  }
  LoadOptions loadOptions;
  loadOptions.overrides = options.overrides;
  absl::StatusOr<ModelSource> loaded = loadModelSource(options.path, loadOptions);
  absl::Status status = loaded.status();
  std::optional<ModelSource> source;
  if (loaded.ok()) {
    source = *std::move(loaded);
    if (options.finite)
      status = checkFinite(*source);
  }
  std::vector<std::string> problems;
  if (!status.ok())
    problems = problemsOf(status);
  CheckpointInspector inspector(options, *std::move(checkpoint), std::move(source), problems);
  int code = print(options.json ? tools::DumpJson(inspector.toJson()) : inspector.toText(),
                   tools::kExitOk);
  // After what could be read, so that the terminal ends with what is wrong.
  return status.ok() || code != tools::kExitOk ? code : report(status);
}
