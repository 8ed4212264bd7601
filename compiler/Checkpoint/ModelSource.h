// A validated, MLIR-free description of a model, read from a checkpoint.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From tensors, config.json, labels and vocabulary to one validated description
// of a model, without any MLIR. What an importer finds here is complete and
// consistent: every tensor that the architecture needs is there, with the shape
// that the hyper-parameters say, in f32, f16 or bf16.
//
// Hyper-parameters that the tensors do not tell come from config.json, or from
// these keys (`--set key=value`), which win over config.json but never over a
// tensor's shape:
//
//   key                     value                        needed when
//   num_attention_heads     integer >= 1, divides the    config.json does not say
//                           hidden size
//   threshold               0 <= number <= 1             a GEM whose config.json does not say
//   num_clusters            integer >= 1                 a GEM without router.centroids whose
//                                                        config.json does not say
//   layer_norm_eps          finite number > 0            (default: BERT's 1e-12)
//   hidden_act              gelu                         (default: gelu)
//   do_lower_case           true | false                 (default: what the tokenizer's files
//   strip_accents           true | false                 say; see Vocabulary.h)
//   tokenize_chinese_chars  true | false
//   config                  file                         (default: config.json beside the model)
//   labels                  file                         (default: config.json's id2label, else
//                                                        labels.json beside the model)
//   tokenizer               file: vocab.txt or           (default: tokenizer.json, vocab.txt
//                           tokenizer.json; or `none`    beside the model)
#ifndef GEM_COMPILER_CHECKPOINT_MODELSOURCE_H
#define GEM_COMPILER_CHECKPOINT_MODELSOURCE_H

#include "compiler/Checkpoint/Checkpoint.h"
#include "compiler/Text/TokenizerBuilder.h"

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gem::checkpoint {

enum class Architecture {
  /// Encoder, router, SCAR and classifier: ids -> logits, routed, cluster.
  Gem,
  /// ids -> hidden states.
  BertEncoder,
  /// Encoder, pooler (tanh), classifier: ids -> logits.
  BertClassifier
};

/// "gem", "bert-encoder", "bert-classifier"
const char *toString(Architecture architecture);

/// A tensor of the checkpoint that the model does not use.
struct DroppedTensor {
  std::string name; // as in the checkpoint, control characters escaped
  size_t bytes = 0;
  std::string reason;
};

struct ModelSource {
  Architecture architecture = Architecture::Gem;
  /// What the user gave, and "safetensors" or "torch".
  std::string path;
  std::string format;

  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t numLayers = 0;
  int64_t numHeads = 0; // divides hiddenSize
  int64_t intermediateSize = 0;
  int64_t maxPositions = 0;
  int64_t typeVocabSize = 0;
  int64_t numClasses = 0;  // 0 for BertEncoder
  int64_t numClusters = 0; // 0 unless Gem
  double threshold = 0;    // Gem only; in [0, 1]
  double layerNormEps = 1e-12;
  std::string activation = "gelu"; // the erf form, the only one so far
  /// config.json's pad_token_id, else the vocabulary's padding token, else
  /// absent. In [0, vocabSize).
  std::optional<int64_t> padTokenId;

  /// Parameters of the source: elements of the tensors below, except
  /// router.centroids (which are fitted, and not in every form of a model). So
  /// without teacher, unused pooler and other dropped tensors.
  int64_t parameters = 0;

  /// By canonical name: the checkpoint's without "module.", "bert.bert." and
  /// "bert."; LayerNorm.gamma/beta become weight/bias. With H = hiddenSize,
  /// F = intermediateSize, C = numClasses, K = numClusters, linear weights as
  /// [out, in]:
  ///   embeddings.word_embeddings.weight [vocabSize,H],
  ///   embeddings.position_embeddings.weight [maxPositions,H],
  ///   embeddings.token_type_embeddings.weight [typeVocabSize,H],
  ///   embeddings.LayerNorm.{weight,bias} [H],
  ///   encoder.layer.{i}.attention.self.{query,key,value}.{weight [H,H],bias [H]},
  ///   encoder.layer.{i}.attention.output.dense.{weight [H,H],bias [H]},
  ///   encoder.layer.{i}.attention.output.LayerNorm.{weight,bias} [H],
  ///   encoder.layer.{i}.intermediate.dense.{weight [F,H],bias [F]},
  ///   encoder.layer.{i}.output.dense.{weight [H,F],bias [H]},
  ///   encoder.layer.{i}.output.LayerNorm.{weight,bias} [H];
  /// BertClassifier: pooler.dense.{weight [H,H],bias [H]},
  ///   classifier.{weight [C,H],bias [C]};
  /// Gem: router.W_r [C,H], router.centroids [K,H] (optional),
  ///   scar.qkv.{weight [3H,H],bias [3H]}, scar.out.{weight [H,H],bias [H]},
  ///   classifier.{weight [C,H],bias [C]}.
  /// Views as they lie in the files: possibly strided, unaligned, f16 or bf16.
  /// Tensor::name is the name in the checkpoint.
  std::map<std::string, Tensor> tensors;

  bool hasCentroids() const { return tensors.count("router.centroids") != 0; }
  const Tensor &tensor(const std::string &canonicalName) const { return tensors.at(canonicalName); }

  /// By class; empty (with a note) when nothing names them, or no classes.
  std::vector<std::string> labels;
  /// Absent when the model takes ids only; `tokenizerNote` then says why.
  std::optional<WordPieceVocabulary> tokenizer;
  std::string tokenizerNote;

  std::vector<DroppedTensor> dropped;
  /// Where each hyper-parameter, the labels and the tokenizer came from, what
  /// was chosen and what was renamed; one line each, for a verbose report.
  std::vector<std::string> notes;
  /// Every file that was read (for a depfile): what the user gave plus names.
  std::vector<std::string> files;
};

struct LoadOptions {
  /// `--set key=value`; the keys are those of the table above.
  std::map<std::string, std::string> overrides;
  /// Fail when there is no vocabulary that text input could use. A broken one
  /// is an error either way.
  bool requireTokenizer = false;
};

/// Reads, recognises and validates. All problems of a checkpoint are reported
/// at once: an error's first line says what is wrong with which model, and each
/// further line names a key, what was found and what was expected (at most 50,
/// then "and N more").
absl::StatusOr<ModelSource> loadModelSource(const std::string &path,
                                            const LoadOptions &options = {});

/// Refuses weights that are NaN or infinite, naming every such tensor with the
/// first index. Reads every weight once, and drops the pages of large ones.
absl::Status checkFinite(const ModelSource &source);

/// Hands out, in an order that does not depend on the files' layout, the bytes
/// that determine the model: hyper-parameters, tensors (name, type, shape,
/// row-major elements) in name order, labels, vocabulary. Two sources with equal
/// streams compile to equal bundles. A chunk has at most 1 MiB and is valid only
/// during the call.
void visitContent(const ModelSource &source,
                  absl::FunctionRef<void(const char *data, size_t size)> visit);

/// The keys of the table above, for --help.
const std::vector<std::pair<const char *, const char *>> &overrideKeys();

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_MODELSOURCE_H
