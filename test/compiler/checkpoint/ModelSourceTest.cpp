// Tests of recognising and validating models.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/ModelSource.h"
#include "test/compiler/checkpoint/CheckpointSupport.h"

#include <filesystem>
#include <set>

namespace gem::checkpoint {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Overrides = std::map<std::string, std::string>;

ModelSource load(const std::string &path, const Overrides &overrides = {}) {
  LoadOptions options;
  options.overrides = overrides;
  absl::StatusOr<ModelSource> source = loadModelSource(path, options);
  EXPECT_TRUE(source.ok()) << source.status();
  return source.ok() ? *std::move(source) : ModelSource();
}

std::string contentOf(const ModelSource &source) {
  std::string content;
  visitContent(source, [&](const char *data, size_t size) {
    EXPECT_LE(size, 1u << 20);
    content.append(data, size);
  });
  return content;
}

/// What the fixtures' tiny models have in common.
void expectTinyShape(const ModelSource &source) {
  EXPECT_EQ(source.vocabSize, 11);
  EXPECT_EQ(source.hiddenSize, 4);
  EXPECT_EQ(source.numLayers, 2);
  EXPECT_EQ(source.numHeads, 2);
  EXPECT_EQ(source.intermediateSize, 8);
  EXPECT_EQ(source.maxPositions, 6);
  EXPECT_EQ(source.typeVocabSize, 2);
  EXPECT_EQ(source.layerNormEps, 1e-12);
  EXPECT_EQ(source.activation, "gelu");
}

constexpr int64_t kEncoderParameters =
    (11 + 6 + 2 + 2) * 4 + 2 * (4 * (16 + 4) + (32 + 8) + (32 + 4) + 4 * 4);
constexpr int64_t kGemParameters = kEncoderParameters + 3 * 4 + (48 + 12) + (16 + 4) + (12 + 3);

TEST(ModelSource, Gem) {
  ModelSource source = load(fixture("gem"));
  EXPECT_EQ(source.architecture, Architecture::Gem);
  EXPECT_EQ(source.format, "safetensors");
  expectTinyShape(source);
  EXPECT_EQ(source.numClasses, 3);
  EXPECT_EQ(source.numClusters, 2);
  EXPECT_EQ(source.threshold, 0.65);
  EXPECT_EQ(source.padTokenId, 0);
  EXPECT_EQ(source.parameters, kGemParameters);
  EXPECT_TRUE(source.hasCentroids());
  EXPECT_EQ(source.tensors.size(), 5u + 2 * 16 + 8);
  EXPECT_EQ(source.tensor("embeddings.word_embeddings.weight").name,
            "bert.bert.embeddings.word_embeddings.weight");
  EXPECT_THAT(source.labels, ElementsAre("red", "green", "blue"));
  ASSERT_EQ(source.dropped.size(), 2u);
  EXPECT_EQ(source.dropped[1].name, "bert.bert.pooler.dense.weight");
  EXPECT_EQ(source.dropped[1].bytes, 64u);
  EXPECT_THAT(source.dropped[1].reason, HasSubstr("pooler"));
  std::string folder = fixture("gem") + "/";
  EXPECT_THAT(source.files, ElementsAre(folder + "model.safetensors", folder + "config.json",
                                        folder + "labels.json", folder + "vocab.txt"));
  EXPECT_THAT(source.notes, Contains("num_attention_heads = 2: " + folder + "config.json"));
  EXPECT_THAT(source.notes, Contains(HasSubstr("num_clusters = 2: shape of 'router.centroids'")));
  ASSERT_TRUE(source.tokenizer.has_value());
  EXPECT_EQ(source.tokenizer->pieces.size(), 11u);
  EXPECT_EQ(source.tokenizer->pieces[10], "\xC3\xA9");
  EXPECT_TRUE(source.tokenizer->lowercase);
  EXPECT_TRUE(source.tokenizer->stripAccents);
  EXPECT_THAT(source.tokenizerNote, IsEmpty());
  EXPECT_TRUE(checkFinite(source).ok());
}

TEST(ModelSource, HalfPrecisionFormsHoldTheSameValues) {
  ModelSource reference = load(fixture("gem"));
  for (const char *name : {"gem-f16", "gem-bf16"}) {
    SCOPED_TRACE(name);
    ModelSource source = load(fixture(name));
    EXPECT_EQ(source.parameters, kGemParameters);
    for (auto &[key, tensor] : reference.tensors)
      EXPECT_EQ(readAll(source.tensor(key)), readAll(tensor)) << key;
    EXPECT_TRUE(checkFinite(source).ok());
  }
  EXPECT_THAT(load(fixture("gem-f16")).labels, ElementsAre("red", "green", "blue"));
  EXPECT_THAT(load(fixture("gem-bf16")).labels, IsEmpty());
  EXPECT_THAT(load(fixture("gem-bf16")).notes, Contains(HasSubstr("labels: none")));
}

TEST(ModelSource, BareCheckpointNeedsWhatNoTensorTells) {
  absl::StatusOr<ModelSource> incomplete = loadModelSource(fixture("gem.pth"));
  ASSERT_FALSE(incomplete.ok());
  std::string message(incomplete.status().message());
  for (const char *key : {"num_attention_heads", "threshold", "num_clusters"})
    EXPECT_THAT(message, HasSubstr(std::string("--set ") + key + "="));

  Overrides overrides = {{"num_attention_heads", "2"}, {"threshold", "0.5"}, {"num_clusters", "7"}};
  ModelSource source = load(fixture("gem.pth"), overrides);
  expectTinyShape(source);
  EXPECT_EQ(source.format, "torch");
  EXPECT_EQ(source.threshold, 0.5);
  EXPECT_EQ(source.numClusters, 7);
  EXPECT_EQ(source.parameters, kGemParameters);
  EXPECT_FALSE(source.hasCentroids());
  EXPECT_FALSE(source.padTokenId.has_value());
  EXPECT_FALSE(source.tokenizer.has_value());
  EXPECT_THAT(source.tokenizerNote, HasSubstr("no text input is possible"));
  EXPECT_THAT(source.notes, Contains("threshold = 0.5: --set"));
}

TEST(ModelSource, FilesBesideACheckpointCanBeNamed) {
  std::string folder = fixture("gem") + "/";
  ModelSource source = load(fixture("gem.pth"), {{"config", folder + "config.json"},
                                                 {"labels", folder + "labels.json"},
                                                 {"tokenizer", folder + "vocab.txt"},
                                                 {"num_attention_heads", "4"},
                                                 {"do_lower_case", "false"}});
  EXPECT_EQ(source.numHeads, 4);
  EXPECT_EQ(source.threshold, 0.65);
  EXPECT_EQ(source.numClusters, 2);
  EXPECT_THAT(source.labels, ElementsAre("red", "green", "blue"));
  ASSERT_TRUE(source.tokenizer.has_value());
  EXPECT_FALSE(source.tokenizer->lowercase);
  EXPECT_FALSE(source.tokenizer->stripAccents);
  EXPECT_THAT(source.files, Contains(folder + "vocab.txt"));
}

TEST(ModelSource, TrainingCheckpointLosesWrapperTeacherAndOptimizer) {
  ModelSource source = load(fixture("training.pth"),
                            {{"config", fixture("gem/config.json")}, {"tokenizer", "none"}});
  EXPECT_EQ(source.architecture, Architecture::Gem);
  EXPECT_EQ(source.parameters, kGemParameters);
  EXPECT_THAT(source.notes, Contains(HasSubstr("the state dict under 'state_dict' was taken")));
  EXPECT_THAT(source.notes, Contains(HasSubstr("the prefix 'module.' of every tensor's name")));
  size_t teacher = 0;
  for (const DroppedTensor &tensor : source.dropped)
    teacher += tensor.name.starts_with("module.teacher.");
  EXPECT_EQ(teacher, 5u + 2 * 16 + 2);
  EXPECT_EQ(source.dropped.size(), teacher + 2); // and the pooler
}

TEST(ModelSource, EncoderWithOldNames) {
  ModelSource source = load(fixture("encoder"));
  EXPECT_EQ(source.architecture, Architecture::BertEncoder);
  expectTinyShape(source);
  EXPECT_EQ(source.numClasses, 0);
  EXPECT_EQ(source.numClusters, 0);
  EXPECT_EQ(source.parameters, kEncoderParameters);
  EXPECT_THAT(readAll(source.tensor("embeddings.LayerNorm.weight")), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(source.notes, Contains(HasSubstr("2 tensors have the old names LayerNorm.gamma")));
  std::set<std::string> dropped;
  for (const DroppedTensor &tensor : source.dropped)
    dropped.insert(tensor.name);
  EXPECT_THAT(dropped, ElementsAre("cls.predictions.bias", "embeddings.position_ids",
                                   "pooler.dense.bias", "pooler.dense.weight"));
}

TEST(ModelSource, ClassifierKeepsItsPooler) {
  ModelSource source = load(fixture("classifier"));
  EXPECT_EQ(source.architecture, Architecture::BertClassifier);
  expectTinyShape(source);
  EXPECT_EQ(source.numClasses, 3);
  EXPECT_EQ(source.parameters, kEncoderParameters + 20 + 15);
  EXPECT_EQ(source.tensors.count("pooler.dense.weight"), 1u);
  EXPECT_THAT(source.dropped, IsEmpty());
  EXPECT_THAT(source.labels, ElementsAre("red", "green", "blue"));
}

TEST(ModelSource, EveryBadModelIsRefusedWithItsReason) {
  std::vector<nlohmann::json> items = badFixtures(/*ofModels=*/true);
  EXPECT_GE(items.size(), 60u);
  for (const nlohmann::json &item : items) {
    SCOPED_TRACE(item["path"]);
    LoadOptions options;
    options.overrides = item["set"].get<Overrides>();
    absl::StatusOr<ModelSource> source = loadModelSource(fixture(item["path"]), options);
    ASSERT_FALSE(source.ok());
    expectMessage(source.status(), item);
  }
}

TEST(ModelSource, ABadCheckpointIsABadModel) {
  EXPECT_THAT(std::string(loadModelSource(fixture("bad/pickle-system-2.pth")).status().message()),
              HasSubstr("'GLOBAL posix.system'"));
  EXPECT_THAT(std::string(loadModelSource(fixture("bad/absent.pth")).status().message()),
              HasSubstr("no such file or folder"));
}

TEST(ModelSource, NoFlippedHeaderByteCrashes) {
  std::string bytes = readFile(fixture("gem/model.safetensors"));
  std::string path = testing::TempDir() + "gem-model-flipped.safetensors";
  uint64_t header = 0;
  for (int i = 7; i >= 0; --i)
    header = header << 8 | static_cast<unsigned char>(bytes[i]);
  LoadOptions options;
  options.overrides = {{"config", fixture("gem/config.json")}, {"tokenizer", "none"}};
  size_t accepted = 0;
  for (size_t at = 0; at < 8 + header; at += 7)
    for (int change : {0x01, 0x10}) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ change);
      std::ofstream(path, std::ios::binary) << flipped;
      accepted += loadModelSource(path, options).ok();
    }
  // Flips inside "__metadata__" and JSON's white space are harmless.
  EXPECT_LT(accepted, 20u);
  std::remove(path.c_str());
}

TEST(ModelSource, EveryNonFiniteTensorIsNamed) {
  for (const char *type : {"F32", "F16", "BF16"}) {
    SCOPED_TRACE(type);
    absl::Status status = checkFinite(load(fixture(std::string("non-finite-") + type)));
    EXPECT_THAT(std::string(status.message()), HasSubstr("(2 problems)"));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("'scar.qkv.weight': found NaN at [1,1], expected finite weights"));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("'classifier.bias': found -infinity at [1], expected"));
  }
}

TEST(ModelSource, NonFiniteIsFoundInViewsAndLongTensors) {
  std::vector<float> values(3'000'000, 1.0f);
  ModelSource source;
  Tensor &tensor = source.tensors["w"];
  tensor.name = "w";
  tensor.shape = {1000, 3000};
  tensor.strides = {1, 1000}; // transposed
  tensor.data = reinterpret_cast<const char *>(values.data());
  tensor.storageBytes = values.size() * sizeof(float);
  EXPECT_TRUE(checkFinite(source).ok());
  values[2999 * 1000 + 998] = -std::numeric_limits<float>::infinity();
  EXPECT_THAT(std::string(checkFinite(source).message()),
              HasSubstr("'w': found -infinity at [998,2999]"));
  tensor.strides = {3000, 1};
  EXPECT_THAT(std::string(checkFinite(source).message()), HasSubstr("at [999,2998]"));
}

TEST(ModelSource, ContentDoesNotDependOnTheContainer) {
  std::string config = fixture("gem/config.json");
  Overrides overrides = {{"config", config}, {"tokenizer", "none"}};
  std::string content = contentOf(load(fixture("gem.pth"), overrides));
  EXPECT_EQ(content, contentOf(load(fixture("gem-protocol-5.pth"), overrides)));
  EXPECT_EQ(content, contentOf(load(fixture("training.pth"), overrides)));
  overrides["labels"] = fixture("gem/labels.json");
  EXPECT_NE(content, contentOf(load(fixture("gem.pth"), overrides)));
  EXPECT_EQ(contentOf(load(fixture("gem"))),
            contentOf(load(fixture("sharded"), {{"config", config},
                                                {"labels", fixture("gem/labels.json")},
                                                {"tokenizer", fixture("gem/vocab.txt")}})));
  overrides.erase("labels");
  overrides["threshold"] = "0.25";
  EXPECT_NE(content, contentOf(load(fixture("gem.pth"), overrides)));
}

#if defined(__SANITIZE_ADDRESS__)
#define GEM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GEM_SANITIZED 1
#endif
#endif

#ifndef GEM_SANITIZED
/// A value of /proc/self/status in MB (10^6 bytes).
double processMemory(const std::string &key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":"))
      return std::stod(line.substr(key.size() + 1)) * 1024 / 1e6;
  return 0;
}

TEST(ModelSource, LargeModelsCostLittleMemory) {
  // 0.4 GB of zeros that take no space on disk.
  nlohmann::json header;
  uint64_t end = 0;
  for (const auto &[name, tensor] : load(fixture("encoder")).tensors) {
    std::vector<int64_t> shape = tensor.shape;
    for (int64_t &dimension : shape)
      dimension = dimension == 4 ? 1024 : dimension == 8 ? 4096 : dimension;
    if (name == "embeddings.word_embeddings.weight")
      shape[0] = 90'000;
    uint64_t size = 4;
    for (int64_t dimension : shape)
      size *= static_cast<uint64_t>(dimension);
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + size}}};
    end += size;
  }
  std::string text = header.dump(), path = testing::TempDir() + "gem-large.safetensors";
  {
    std::ofstream file(path, std::ios::binary);
    uint64_t length = text.size();
    file.write(reinterpret_cast<const char *>(&length), 8) << text;
  }
  std::filesystem::resize_file(path, 8 + text.size() + end);
  EXPECT_GT(end, 400'000'000u);

  // Forgets the peak so far.
  std::ofstream("/proc/self/clear_refs") << "5";
  double before = processMemory("VmHWM");
  {
    ModelSource source = load(path, {{"num_attention_heads", "16"}});
    EXPECT_LT(processMemory("VmHWM") - before, 10);
    EXPECT_TRUE(checkFinite(source).ok());
    size_t total = 0;
    visitContent(source, [&](const char *, size_t size) { total += size; });
    EXPECT_GT(total, end);
    EXPECT_LT(processMemory("VmHWM") - before, 100);
  }
  std::filesystem::remove(path);
}
#endif

TEST(Vocabulary, ReadsLineEndingsAndTokenizerConfig) {
  ModelSource source = load(fixture("gem-crlf"));
  ASSERT_TRUE(source.tokenizer.has_value());
  EXPECT_EQ(source.tokenizer->pieces.size(), 11u);
  EXPECT_EQ(source.tokenizer->pieces[9], "the");
  EXPECT_FALSE(source.tokenizer->lowercase);
  EXPECT_TRUE(source.tokenizer->stripAccents);
  EXPECT_THAT(source.notes, Contains(HasSubstr("1 empty lines at its end were ignored")));
  EXPECT_THAT(source.files, Contains(HasSubstr("tokenizer_config.json")));
}

TEST(Vocabulary, ReadsTokenizerJson) {
  ModelSource source = load(fixture("gem-tokenizer-json"));
  ASSERT_TRUE(source.tokenizer.has_value());
  const WordPieceVocabulary &vocabulary = *source.tokenizer;
  EXPECT_EQ(vocabulary.pieces, load(fixture("gem")).tokenizer->pieces);
  EXPECT_FALSE(vocabulary.lowercase);
  EXPECT_FALSE(vocabulary.stripAccents); // null follows lowercase
  EXPECT_TRUE(vocabulary.splitCjk && vocabulary.cleanText);
  EXPECT_EQ(vocabulary.maxCharactersPerWord, 77u);
  EXPECT_EQ(vocabulary.clsToken, "[CLS]");
  EXPECT_THAT(source.notes, Contains(HasSubstr("tokenizer.json was chosen")));
  EXPECT_THAT(source.files, Not(Contains(HasSubstr("vocab.txt"))));
}

TEST(Vocabulary, OtherKindsOfTokenizersMeanNoText) {
  ModelSource source = load(fixture("gem-bpe"));
  EXPECT_FALSE(source.tokenizer.has_value());
  EXPECT_THAT(source.tokenizerNote, HasSubstr("of the type 'BPE'; only WordPiece is supported"));
  LoadOptions options;
  options.requireTokenizer = true;
  for (const char *name : {"gem-bpe", "gem-no-config"})
    EXPECT_FALSE(loadModelSource(fixture(name), options).ok());
  EXPECT_TRUE(loadModelSource(fixture("gem"), options).ok());
}

TEST(Vocabulary, MayBeSmallerThanTheModels) {
  ModelSource source = load(fixture("gem-short-vocab"));
  ASSERT_TRUE(source.tokenizer.has_value());
  EXPECT_THAT(source.notes, Contains(HasSubstr("has 7 pieces; the model's 4 further ids")));
}

TEST(Vocabulary, CaseIsReadOffThePiecesWhenNothingSaysIt) {
  Overrides overrides = {
      {"num_attention_heads", "2"}, {"threshold", "0.5"}, {"tokenizer", fixture("gem/vocab.txt")}};
  ModelSource source = load(fixture("gem-no-config"), overrides);
  EXPECT_TRUE(source.tokenizer->lowercase);
  EXPECT_THAT(source.notes, Contains(HasSubstr("the vocabulary has no capital letters")));
  std::string path = testing::TempDir() + "gem-cased-vocab.txt";
  std::ofstream(path) << "[PAD]\n[UNK]\n[CLS]\n[SEP]\nA\n";
  overrides["tokenizer"] = path;
  EXPECT_FALSE(load(fixture("gem-no-config"), overrides).tokenizer->lowercase);
  std::remove(path.c_str());
}

TEST(ReferenceModels, AllFormsOfGemTinyAgree) {
  GEM_REQUIRE_SHARED();
  ModelSource reference = load(sharedModel("gem-tiny"));
  EXPECT_EQ(reference.vocabSize, 8192);
  EXPECT_EQ(reference.hiddenSize, 128);
  EXPECT_EQ(reference.numLayers, 2);
  EXPECT_EQ(reference.numClasses, 39);
  EXPECT_EQ(reference.numClusters, 32);
  EXPECT_EQ(reference.labels.size(), 39u);
  EXPECT_EQ(reference.labels[0], "science");
  EXPECT_EQ(reference.tokenizer->pieces.size(), 8192u);
  EXPECT_TRUE(checkFinite(reference).ok());
  EXPECT_THAT(reference.notes, Contains(HasSubstr("model.safetensors was chosen; gem.pth, "
                                                  "training-checkpoint-f16.pth")));

  ModelSource saved = load(sharedModel("gem-tiny/gem.pth"));
  ModelSource training = load(sharedModel("gem-tiny/training-checkpoint-f16.pth"));
  EXPECT_TRUE(checkFinite(saved).ok());
  EXPECT_TRUE(checkFinite(training).ok());
  for (const ModelSource *other : {&saved, &training}) {
    EXPECT_EQ(other->parameters, reference.parameters);
    EXPECT_FALSE(other->hasCentroids());
    EXPECT_EQ(other->tensors.size() + 1, reference.tensors.size());
    EXPECT_EQ(other->labels, reference.labels);
    bool droppedTeacher = false, droppedPooler = false, droppedPositions = false;
    for (const DroppedTensor &tensor : other->dropped) {
      droppedTeacher |= tensor.name.starts_with("teacher.");
      droppedPooler |= tensor.name == "bert.bert.pooler.dense.weight";
      droppedPositions |= tensor.name == "bert.bert.embeddings.position_ids";
    }
    EXPECT_TRUE(droppedTeacher && droppedPooler && droppedPositions);
  }
  for (auto &[name, tensor] : reference.tensors) {
    if (name == "router.centroids")
      continue;
    EXPECT_EQ(rawBytes(saved.tensor(name)), rawBytes(tensor)) << name;
    EXPECT_EQ(training.tensor(name).dtype, DType::F16) << name;
    EXPECT_EQ(training.tensor(name).shape, tensor.shape) << name;
    // The f16 weights are the f32 ones rounded: half a unit in the last place of
    // 11 bits, or of the subnormals.
    std::vector<float> wide = readAll(tensor), narrow = readAll(training.tensor(name));
    for (size_t i = 0; i < wide.size(); ++i)
      ASSERT_LE(std::abs(wide[i] - narrow[i]), std::max(std::abs(wide[i]) * 0x1p-11f, 0x1p-25f))
          << name << " " << i;
  }
}

TEST(ReferenceModels, GemMiniIsHalfPrecision) {
  GEM_REQUIRE_SHARED();
  ModelSource source = load(sharedModel("gem-mini"));
  EXPECT_EQ(source.hiddenSize, 256);
  EXPECT_EQ(source.numLayers, 4);
  EXPECT_EQ(source.numHeads, 4);
  EXPECT_EQ(source.numClusters, 64);
  EXPECT_EQ(source.tensor("scar.qkv.weight").dtype, DType::F16);
  EXPECT_TRUE(checkFinite(source).ok());
}

} // namespace
} // namespace gem::checkpoint
