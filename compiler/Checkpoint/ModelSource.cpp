// Recognises a model in a checkpoint and validates it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/ModelSource.h"

#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/Json.h"
#include "compiler/Checkpoint/Labels.h"
#include "compiler/Checkpoint/Settings.h"
#include "compiler/Checkpoint/Vocabulary.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

namespace gem::checkpoint {

/// BERT's own; models that were trained with another say so in config.json.
static constexpr double kDefaultLayerNormEps = 1e-12;
/// A layer number beyond this in a tensor's name is taken for a mistake.
static constexpr int64_t kMaxLayers = 10'000;
/// A dimension that is not known because the tensor that tells it is missing.
static constexpr int64_t kUnknown = -1;

const char *toString(Architecture architecture) {
  switch (architecture) {
  case Architecture::Gem:
    return "gem";
  case Architecture::BertEncoder:
    return "bert-encoder";
  case Architecture::BertClassifier:
    return "bert-classifier";
  }
  return "unknown";
}

static const char *describeArchitecture(Architecture architecture) {
  switch (architecture) {
  case Architecture::Gem:
    return "GEM";
  case Architecture::BertEncoder:
    return "BERT encoder";
  case Architecture::BertClassifier:
    return "BERT classifier";
  }
  return "model";
}

const std::vector<std::pair<const char *, const char *>> &overrideKeys() {
  static const std::vector<std::pair<const char *, const char *>> keys = {
      {"num_attention_heads", "attention heads of every layer"},
      {"threshold", "routing threshold tau of a GEM, 0 to 1"},
      {"num_clusters", "token clusters of a GEM without router.centroids"},
      {"layer_norm_eps", "epsilon of LayerNorm (default 1e-12)"},
      {"hidden_act", "activation; only gelu (erf) is supported"},
      {"do_lower_case", "true or false: lower-case the text"},
      {"strip_accents", "true or false: remove accents from the text"},
      {"tokenize_chinese_chars", "true or false: every Chinese character is a word"},
      {"config", "file instead of config.json beside the model"},
      {"labels", "file with the classes' names"},
      {"tokenizer", "vocab.txt or tokenizer.json to use, or none"}};
  return keys;
}

namespace {

class ModelLoader {
public:
  ModelLoader(const std::string &path, const LoadOptions &options) : options(options) {
    source.path = path;
  }

  absl::StatusOr<ModelSource> load();

private:
  absl::Status checkOverrides();
  absl::Status readConfig();
  absl::Status checkModelType();
  absl::Status recognise();
  void stripWrappers(std::vector<std::string> &names);
  void nameTensors();
  const char *dropReason(const std::string &name, const std::string &canonical) const;
  void readDimensions();
  void readSettings();
  int64_t dimension(const char *key, const std::string &tensor, size_t axis);
  void compareWithConfig(const char *key, int64_t actual, const std::string &where);
  void checkTensors();
  void expect(const std::string &name, std::vector<int64_t> shape, bool optional = false);
  void expectLinear(const std::string &name, int64_t out, int64_t in);
  void expectLayerNorm(const std::string &name);
  void readLabels();
  void readTokenizer();

  bool has(const std::string &canonical) const { return source.tensors.count(canonical) != 0; }
  void note(std::string line) { source.notes.push_back(std::move(line)); }

  const LoadOptions &options;
  ModelSource source;
  std::shared_ptr<Checkpoint> checkpoint;
  std::vector<std::string> names; // of checkpoint->tensors(), without wrappers
  std::string prefix;             // "bert.bert.", "bert." or ""
  std::optional<Settings> settings;
  std::set<std::string> expected;
  Problems problems;
};

} // namespace

absl::Status ModelLoader::checkOverrides() {
  std::string known;
  for (auto &[key, help] : overrideKeys())
    absl::StrAppend(&known, known.empty() ? "" : ", ", key);
  for (auto &[key, value] : options.overrides) {
    auto matches = [&, &key = key](const auto &pair) { return key == pair.first; };
    if (std::none_of(overrideKeys().begin(), overrideKeys().end(), matches))
      problems.add(absl::StrCat("--set: unknown key ", quote(key), ", expected one of ", known));
  }
  return problems.toStatus(source.path);
}

absl::Status ModelLoader::readConfig() {
  auto given = options.overrides.find("config");
  const std::string &folder = checkpoint->directory();
  std::string path = given != options.overrides.end() ? given->second
                     : folder == "."                  ? "config.json"
                                                      : folder + "/config.json";
  absl::StatusOr<JsonValue> config = readJsonFile(path);
  if (!config.ok()) {
    if (config.status().code() != absl::StatusCode::kNotFound || given != options.overrides.end())
      return config.status();
    note(absl::StrCat("there is no config.json in ", folder));
    settings.emplace(options.overrides, JsonValue(), "");
    return absl::OkStatus();
  }
  if (!config->asObject())
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": found ", config->describe(), ", expected an object"));
  source.files.push_back(path);
  settings.emplace(options.overrides, *std::move(config), path);
  return absl::OkStatus();
}

/// What config.json says the model is must be something that we compile.
absl::Status ModelLoader::checkModelType() {
  auto refuse = [&](const std::string &text) {
    return absl::UnimplementedError(absl::StrCat(settings->describeConfig(), ": ", text));
  };
  if (const JsonValue *type = settings->configValue("model_type"); type && type->asString())
    if (*type->asString() != "bert" && *type->asString() != "gem")
      return refuse(absl::StrCat("model_type: found ", quote(*type->asString(), 60),
                                 ", expected 'gem' or 'bert'"));
  if (const JsonValue *list = settings->configValue("architectures"); list && list->asArray())
    for (const JsonValue &name : *list->asArray())
      for (const char *unsupported : {"BertForTokenClassification", "BertForMultipleChoice"})
        if (name.asString() && *name.asString() == unsupported)
          return refuse(absl::StrCat("architectures: found '", unsupported,
                                     "', expected GEM, BertModel or "
                                     "BertForSequenceClassification"));
  auto mustBe = [&](const char *key, auto isFine, const char *wanted) {
    const JsonValue *value = settings->configValue(key);
    return !value || value->isNull() || isFine(*value)
               ? absl::OkStatus()
               : refuse(absl::StrCat(key, ": found ", value->describe(), ", expected ", wanted));
  };
  auto isFalse = [](const JsonValue &value) { return value.asBool() && !*value.asBool(); };
  if (absl::Status status = mustBe("is_decoder", isFalse, "false"); !status.ok())
    return status;
  if (absl::Status status = mustBe("add_cross_attention", isFalse, "false"); !status.ok())
    return status;
  return mustBe(
      "position_embedding_type",
      [](const JsonValue &value) { return value.asString() && *value.asString() == "absolute"; },
      "'absolute'");
}

/// Training wrappers put their own prefix before every name.
void ModelLoader::stripWrappers(std::vector<std::string> &all) {
  for (bool stripped = true; stripped && !all.empty();) {
    stripped = false;
    for (const char *wrapper : {"module.", "_orig_mod."})
      if (std::all_of(all.begin(), all.end(),
                      [&](const std::string &name) { return name.starts_with(wrapper); })) {
        for (std::string &name : all)
          name.erase(0, std::string_view(wrapper).size());
        note(absl::StrCat("the prefix '", wrapper, "' of every tensor's name was removed"));
        stripped = true;
      }
  }
}

/// What a checkpoint of another family looks like, for the error message.
static std::string guessFamily(const std::vector<std::string> &names) {
  static const std::pair<const char *, const char *> families[] = {
      {"roberta.", "a RoBERTa"},
      {"distilbert.", "a DistilBERT"},
      {"albert.", "an ALBERT"},
      {"electra.", "an ELECTRA"},
      {"deberta.", "a DeBERTa"},
      {"model.layers.", "a decoder such as Llama or Qwen"},
      {"gpt_neox.", "a GPT-NeoX"},
      {"transformer.h.", "a GPT"},
      {"model.encoder.", "an encoder-decoder"}};
  for (auto &[start, family] : families)
    for (const std::string &name : names)
      if (name.starts_with(start))
        return absl::StrCat(" (its names are those of ", family, ")");
  return "";
}

absl::Status ModelLoader::recognise() {
  for (const Tensor &tensor : checkpoint->tensors())
    names.push_back(tensor.name);
  stripWrappers(names);

  auto any = [&](std::string_view start) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string &name) { return name.starts_with(start); });
  };
  bool found = false;
  for (const char *candidate : {"bert.bert.", "bert.", ""}) {
    prefix = candidate;
    found = any(prefix + "embeddings.") || any(prefix + "encoder.layer.");
    if (found)
      break;
  }
  // What config.json says decides when the tensors leave room: so a GEM without
  // its router is an incomplete GEM, not a BERT.
  auto configSays = [&](const char *key, std::string_view wanted) {
    const JsonValue *value = settings->configValue(key);
    if (value && value->asArray() && !value->asArray()->empty())
      value = &value->asArray()->front();
    return value && value->asString() && *value->asString() == wanted;
  };
  bool isGem = any("router.") || any("scar.") || configSays("model_type", "gem");
  bool isClassifier =
      any("classifier.") || configSays("architectures", "BertForSequenceClassification");
  if (!found && !any("router.") && !any("scar.")) {
    std::string first;
    for (size_t i = 0; i < std::min<size_t>(names.size(), 3); ++i)
      absl::StrAppend(&first, i ? ", " : "", quote(names[i], 60));
    return absl::InvalidArgumentError(absl::StrCat(
        source.path, ": is no model that can be compiled", guessFamily(names), ": expected a GEM ",
        "(tensors 'bert.bert.*', 'router.W_r', 'scar.*', 'classifier.*') or a BERT ('bert.*' or ",
        "'embeddings.*' and 'encoder.layer.*'), found ", names.size(), " tensors",
        first.empty() ? "" : ": ", first, names.size() > 3 ? ", ..." : ""));
  }
  source.architecture = isGem          ? Architecture::Gem
                        : isClassifier ? Architecture::BertClassifier
                                       : Architecture::BertEncoder;
  return absl::OkStatus();
}

/// Why a tensor is not used, or null when it is.
const char *ModelLoader::dropReason(const std::string &name, const std::string &canonical) const {
  if (name.starts_with("teacher."))
    return "the teacher serves training only";
  if (canonical == "embeddings.position_ids" || canonical == "embeddings.token_type_ids")
    return "a constant that older BERT files carry";
  if (canonical.starts_with("pooler.") && source.architecture == Architecture::Gem)
    return "a GEM does not use BERT's pooler";
  if (canonical.starts_with("pooler.") && source.architecture == Architecture::BertEncoder)
    return "the encoder yields hidden states; the pooler belongs to a classifier";
  if (name.starts_with("cls."))
    return "a pre-training head, which the encoder does not use";
  if (name.starts_with("qa_outputs."))
    return "a question answering head, which the encoder does not use";
  return nullptr;
}

/// Sorts the tensors into those of the model, by canonical name, and the rest.
void ModelLoader::nameTensors() {
  size_t renamed = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const Tensor &tensor = checkpoint->tensors()[i];
    const std::string &name = names[i];
    std::string canonical = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    if (const char *reason = dropReason(name, canonical)) {
      source.dropped.push_back({printable(tensor.name), tensor.byteLength(), reason});
      continue;
    }
    for (auto [old, current] : {std::pair("LayerNorm.gamma", "LayerNorm.weight"),
                                std::pair("LayerNorm.beta", "LayerNorm.bias")})
      if (canonical.ends_with(old)) {
        canonical.replace(canonical.size() - std::string_view(old).size(), std::string::npos,
                          current);
        ++renamed;
      }
    auto [other, isNew] = source.tensors.emplace(canonical, tensor);
    if (!isNew)
      problems.add(absl::StrCat(quote(tensor.name), ": is another name of ",
                                quote(other->second.name), "; expected one of them"));
  }
  if (!prefix.empty())
    note(absl::StrCat("the prefix '", prefix, "' was removed from tensor names"));
  if (renamed > 0)
    note(absl::StrCat(renamed, " tensors have the old names LayerNorm.gamma and LayerNorm.beta"));
}

/// A dimension that `tensor` tells; else what config.json says, so that the other
/// tensors can still be checked; else kUnknown.
int64_t ModelLoader::dimension(const char *key, const std::string &tensor, size_t axis) {
  auto found = source.tensors.find(tensor);
  if (found != source.tensors.end() && axis < found->second.shape.size()) {
    int64_t value = found->second.shape[axis];
    if (value >= 1 && value <= INT32_MAX) {
      note(absl::StrCat(key, " = ", value, ": shape of ", quote(found->second.name)));
      compareWithConfig(key, value,
                        absl::StrCat(quote(found->second.name), " is ", describe(found->second)));
      return value;
    }
    problems.add(absl::StrCat(quote(found->second.name), ": found ", describe(found->second),
                              ", expected dimensions from 1 to ", INT32_MAX));
    return kUnknown;
  }
  std::optional<Setting<int64_t>> setting = settings->integer(key, 1, problems);
  return setting ? setting->value : kUnknown;
}

void ModelLoader::compareWithConfig(const char *key, int64_t actual, const std::string &where) {
  const JsonValue *value = settings->configValue(key);
  if (!value || value->isNull())
    return;
  if (!value->asInteger() || *value->asInteger() != actual)
    problems.add(absl::StrCat(settings->describeConfig(), ": ", key, ": found ", value->describe(),
                              ", but ", where, ": expected ", actual));
}

void ModelLoader::readDimensions() {
  const std::string words = "embeddings.word_embeddings.weight";
  source.vocabSize = dimension("vocab_size", words, 0);
  source.hiddenSize = dimension("hidden_size", words, 1);
  source.maxPositions =
      dimension("max_position_embeddings", "embeddings.position_embeddings.weight", 0);
  source.typeVocabSize = dimension("type_vocab_size", "embeddings.token_type_embeddings.weight", 0);

  constexpr std::string_view layers = "encoder.layer.";
  std::string widthTensor = "encoder.layer.0.intermediate.dense.weight";
  bool hasWidth = has(widthTensor);
  for (auto &[name, tensor] : source.tensors) {
    if (!name.starts_with(layers))
      continue;
    std::string_view rest = std::string_view(name).substr(layers.size());
    std::string number(rest.substr(0, rest.find('.')));
    int64_t layer;
    // "07" would be another name of layer 7.
    if (!absl::SimpleAtoi(number, &layer) || absl::StrCat(layer) != number || layer < 0 ||
        layer >= kMaxLayers)
      continue; // checkTensors() reports the name
    source.numLayers = std::max(source.numLayers, layer + 1);
    if (!hasWidth && rest.ends_with(".intermediate.dense.weight")) {
      widthTensor = name;
      hasWidth = true;
    }
  }
  if (source.numLayers == 0) {
    problems.add(
        absl::StrCat("'", prefix, "encoder.layer.*': found no layers, expected at least ", "one"));
  } else {
    note(absl::StrCat("num_hidden_layers = ", source.numLayers, ": names of the tensors"));
    compareWithConfig("num_hidden_layers", source.numLayers,
                      absl::StrCat("the checkpoint has the layers 0 to ", source.numLayers - 1));
  }
  source.intermediateSize = dimension("intermediate_size", widthTensor, 0);

  if (source.architecture == Architecture::BertEncoder)
    return;
  source.numClasses = dimension("num_classes", "classifier.weight", 0);
  if (source.numClasses != kUnknown)
    compareWithConfig("num_labels", source.numClasses,
                      absl::StrCat("the classifier has ", source.numClasses, " rows"));
}

/// What the tensors do not tell.
void ModelLoader::readSettings() {
  auto missing = [&](const char *key, const char *what, const char *example) {
    problems.add(absl::StrCat(key, ": not in ", settings->describeConfig(),
                              ", and no tensor tells ", what, "; give it with --set ", key, "=",
                              example));
  };
  size_t before = problems.count();
  if (auto heads = settings->integer("num_attention_heads", 1, problems)) {
    source.numHeads = heads->value;
    note(absl::StrCat("num_attention_heads = ", heads->value, ": ", heads->source));
    if (source.hiddenSize != kUnknown && source.hiddenSize % heads->value != 0)
      problems.add(absl::StrCat(heads->source, ": num_attention_heads: found ", heads->value,
                                ", expected a divisor of the hidden size ", source.hiddenSize));
  } else if (problems.count() == before) {
    missing("num_attention_heads", "the number of heads", "N");
  }

  source.layerNormEps = kDefaultLayerNormEps;
  if (auto eps = settings->number("layer_norm_eps", problems)) {
    source.layerNormEps = eps->value;
    note(absl::StrCat("layer_norm_eps = ", eps->value, ": ", eps->source));
    // The kernels add it in f32.
    float narrow = static_cast<float>(eps->value);
    if (!std::isfinite(eps->value) || !std::isfinite(narrow) || !(narrow > 0))
      problems.add(absl::StrCat(eps->source, ": layer_norm_eps: found ", eps->value,
                                ", expected a finite number greater than 0 in f32"));
  } else {
    note("layer_norm_eps = 1e-12: BERT's default");
  }
  if (auto activation = settings->text("hidden_act", problems)) {
    note(absl::StrCat("hidden_act = ", printable(activation->value, 40), ": ", activation->source));
    if (activation->value != "gelu")
      problems.add(absl::StrCat(activation->source, ": hidden_act: found ",
                                quote(activation->value, 40),
                                ", which is not supported; expected 'gelu' (the erf form)"));
  } else {
    note("hidden_act = gelu: BERT's default");
  }
  if (auto pad = settings->integer("pad_token_id", 0, problems)) {
    if (source.vocabSize != kUnknown && pad->value >= source.vocabSize)
      problems.add(absl::StrCat(pad->source, ": pad_token_id: found ", pad->value,
                                ", expected less than the vocabulary's ", source.vocabSize));
    source.padTokenId = pad->value;
  }
  if (source.architecture != Architecture::Gem)
    return;

  before = problems.count();
  if (auto threshold = settings->number("threshold", problems)) {
    source.threshold = threshold->value;
    note(absl::StrCat("threshold = ", threshold->value, ": ", threshold->source));
    if (!(threshold->value >= 0 && threshold->value <= 1))
      problems.add(absl::StrCat(threshold->source, ": threshold: found ", threshold->value,
                                ", expected a probability from 0 to 1"));
  } else if (problems.count() == before) {
    missing("threshold", "the routing threshold", "0.65");
  }

  before = problems.count();
  auto clusters = settings->integer("num_clusters", 1, problems);
  if (has("router.centroids")) {
    const Tensor &centroids = source.tensor("router.centroids");
    source.numClusters = kUnknown;
    if (centroids.rank() == 2 && centroids.shape[0] >= 1 && centroids.shape[0] <= INT32_MAX)
      source.numClusters = centroids.shape[0];
    if (source.numClusters != kUnknown)
      note(absl::StrCat("num_clusters = ", source.numClusters, ": shape of ",
                        quote(centroids.name)));
    if (clusters && source.numClusters != kUnknown && clusters->value != source.numClusters)
      problems.add(absl::StrCat(clusters->source, ": num_clusters: found ", clusters->value,
                                ", but ", quote(centroids.name), " is ", describe(centroids),
                                ": expected ", source.numClusters));
  } else if (clusters) {
    source.numClusters = clusters->value;
    note(absl::StrCat("num_clusters = ", clusters->value, ": ", clusters->source));
  } else if (problems.count() == before) {
    missing("num_clusters", "the number of clusters (there is no 'router.centroids')", "256");
  }
}

/// "[39,128]", with "?" for what is unknown.
static std::string describeExpected(const std::vector<int64_t> &shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    absl::StrAppend(&result, i ? "," : "", shape[i] == kUnknown ? "?" : absl::StrCat(shape[i]));
  return result + "]";
}

/// Where the name begins when the checkpoint writes it.
static bool isEncoderName(std::string_view name) {
  return name.starts_with("embeddings.") || name.starts_with("encoder.") ||
         name.starts_with("pooler.");
}

void ModelLoader::expect(const std::string &name, std::vector<int64_t> shape, bool optional) {
  expected.insert(name);
  auto found = source.tensors.find(name);
  if (found == source.tensors.end()) {
    if (!optional)
      problems.add(absl::StrCat("'", isEncoderName(name) ? prefix : "", name,
                                "': not found, expected ", describeExpected(shape)));
    return;
  }
  const Tensor &tensor = found->second;
  bool isFloat =
      tensor.dtype == DType::F32 || tensor.dtype == DType::F16 || tensor.dtype == DType::BF16;
  bool fits = tensor.shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = shape[i] == kUnknown ? tensor.shape[i] >= 1 : tensor.shape[i] == shape[i];
  if (!isFloat || !fits)
    problems.add(absl::StrCat(quote(tensor.name), ": found ", describe(tensor), ", expected ",
                              isFloat ? "" : "f32, f16 or bf16 ", describeExpected(shape)));
  if (name != "router.centroids")
    source.parameters += tensor.numElements();
}

void ModelLoader::expectLinear(const std::string &name, int64_t out, int64_t in) {
  expect(name + ".weight", {out, in});
  expect(name + ".bias", {out});
}

void ModelLoader::expectLayerNorm(const std::string &name) {
  expect(name + ".weight", {source.hiddenSize});
  expect(name + ".bias", {source.hiddenSize});
}

void ModelLoader::checkTensors() {
  const int64_t hidden = source.hiddenSize, inner = source.intermediateSize,
                classes = source.numClasses;
  expect("embeddings.word_embeddings.weight", {source.vocabSize, hidden});
  expect("embeddings.position_embeddings.weight", {source.maxPositions, hidden});
  expect("embeddings.token_type_embeddings.weight", {source.typeVocabSize, hidden});
  expectLayerNorm("embeddings.LayerNorm");
  for (int64_t i = 0; i < source.numLayers; ++i) {
    std::string layer = absl::StrCat("encoder.layer.", i, ".");
    for (const char *part : {"query", "key", "value"})
      expectLinear(layer + "attention.self." + part, hidden, hidden);
    expectLinear(layer + "attention.output.dense", hidden, hidden);
    expectLayerNorm(layer + "attention.output.LayerNorm");
    expectLinear(layer + "intermediate.dense", inner, hidden);
    expectLinear(layer + "output.dense", hidden, inner);
    expectLayerNorm(layer + "output.LayerNorm");
  }
  switch (source.architecture) {
  case Architecture::BertEncoder:
    break;
  case Architecture::BertClassifier:
    expectLinear("pooler.dense", hidden, hidden);
    expectLinear("classifier", classes, hidden);
    break;
  case Architecture::Gem:
    expect("router.W_r", {classes, hidden});
    expect("router.centroids", {source.numClusters > 0 ? source.numClusters : kUnknown, hidden},
           /*optional=*/true);
    expectLinear("scar.qkv", hidden == kUnknown ? kUnknown : 3 * hidden, hidden);
    expectLinear("scar.out", hidden, hidden);
    expectLinear("classifier", classes, hidden);
    break;
  }
  for (auto &[name, tensor] : source.tensors)
    if (expected.count(name) == 0)
      problems.add(absl::StrCat(quote(tensor.name), ": found ", describe(tensor),
                                ", expected no tensor of this name in a ",
                                describeArchitecture(source.architecture)));
}

static void append(std::vector<std::string> &to, const std::vector<std::string> &from) {
  to.insert(to.end(), from.begin(), from.end());
}

void ModelLoader::readLabels() {
  if (source.architecture == Architecture::BertEncoder) {
    if (settings->overrideValue("labels"))
      problems.add("--set: labels: a BERT encoder without a classifier has no classes");
    return;
  }
  if (source.numClasses == kUnknown)
    return;
  LabelsResult result = loadLabels(*settings, checkpoint->directory(), source.numClasses, problems);
  source.labels = std::move(result.labels);
  append(source.notes, result.notes);
  append(source.files, result.files);
  if (const JsonValue *type = settings->configValue("problem_type");
      type && type->asString() && *type->asString() != "single_label_classification")
    note(absl::StrCat(settings->describeConfig(), ": problem_type is ",
                      quote(*type->asString(), 40),
                      "; probabilities are those of a softmax over the classes"));
}

void ModelLoader::readTokenizer() {
  VocabularyResult result = loadVocabulary(*settings, checkpoint->directory(),
                                           std::max<int64_t>(source.vocabSize, 0), problems);
  source.tokenizer = std::move(result.vocabulary);
  append(source.notes, result.notes);
  append(source.files, result.files);
  if (!source.padTokenId)
    source.padTokenId = result.padTokenId;
  if (source.tokenizer || result.reason.empty())
    return;
  source.tokenizerNote =
      absl::StrCat("no text input is possible, the model takes token ids: ", result.reason);
  note(source.tokenizerNote);
  if (options.requireTokenizer)
    problems.add(result.reason);
}

absl::StatusOr<ModelSource> ModelLoader::load() {
  if (absl::Status status = checkOverrides(); !status.ok())
    return status;
  absl::StatusOr<std::shared_ptr<Checkpoint>> opened = openCheckpoint(source.path);
  if (!opened.ok())
    return opened.status();
  checkpoint = *std::move(opened);
  source.format = checkpoint->format();
  append(source.files, checkpoint->files());
  append(source.notes, checkpoint->info());
  for (auto step :
       {&ModelLoader::readConfig, &ModelLoader::checkModelType, &ModelLoader::recognise})
    if (absl::Status status = (this->*step)(); !status.ok())
      return status;
  nameTensors();
  readDimensions();
  readSettings();
  checkTensors();
  readLabels();
  readTokenizer();
  if (!problems.empty())
    return problems.toStatus(
        absl::StrCat(source.path, ": not a valid ", describeArchitecture(source.architecture)));
  note(absl::StrCat("parameters = ", source.parameters, ": elements of the tensors that are used",
                    source.hasCentroids() ? ", without router.centroids" : ""));
  return std::move(source);
}

absl::StatusOr<ModelSource> loadModelSource(const std::string &path, const LoadOptions &options) {
  return ModelLoader(path, options).load();
}

} // namespace gem::checkpoint
