// An open bundle with its session, tokenizer and labels.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_MODEL_H
#define GEM_TOOLS_GEM_RUN_MODEL_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gem/gem.h"
#include "gem/text.h"
#include "tools/gem-run/Input.h"
#include "tools/gem-run/Options.h"
#include "tools/gem-run/Trace.h"

namespace gem::run {

// What went wrong, and how gem-run ends because of it.
struct Failure {
  int exit_code = 0;
  std::string message;
};

// What a run gave. Tensors are those of the model's session: good until its next
// run.
struct Result {
  std::vector<int32_t> tokens;  // without padding
  bool truncated = false;
  std::optional<gem_tensor_t> logits, routed, cluster, cls, hidden_states;
  std::vector<double> probabilities;  // softmax of the logits
  uint32_t label_index = 0;           // of the highest logit, the lowest of equals
  double seconds = 0;                 // tokenizing and running
};

class Model {
 public:
  // Null, with what is wrong, when the bundle does not open. With `trace`, that is told
  // what happens from now on.
  static std::unique_ptr<Model> Open(const std::string& path, const Options& options, Trace* trace,
                                     Failure* failure);

  // False, with what is wrong, when the item cannot be run.
  bool Run(const Item& item, Result* result, Failure* failure);

  const std::string& path() const { return path_; }
  const gem_bundle_info_t& info() const { return info_; }
  gem_session_t* session() { return session_.get(); }

  // Of a class; null when nobody named it.
  const char* Label(uint32_t index) const;
  // "utils", or "class 24" without names.
  std::string LabelOrIndex(uint32_t index) const;
  // The class an input's label means, or nothing.
  std::optional<uint32_t> ClassOf(const ExpectedLabel& label) const;
  uint32_t class_count() const { return class_count_; }

  // The piece of a token, or its id when there is no tokenizer.
  std::string Piece(int32_t id) const;

  // What -v shows: kernels and why, those built in, formats of weights, memory, the
  // model.
  std::string Describe() const;

 private:
  struct Close {
    void operator()(gem_bundle_t* bundle) const { gem_bundle_close(bundle); }
    void operator()(gem_session_t* session) const { gem_session_close(session); }
    void operator()(gem_tokenizer_t* tokenizer) const { gem_tokenizer_close(tokenizer); }
  };

  Model(std::string path, Trace* trace) : path_(std::move(path)), trace_(trace) {}
  bool Initialize(const Options& options, Failure* failure);
  bool SelectVariant(const std::string& wanted, uint32_t* variant, Failure* failure) const;
  bool ReadLabels(const std::string& path, Failure* failure);
  // Each format of weights, with the kernels that read it and how often:
  // {"int4g32", "LINEAR_QUANTIZED x 24"}.
  std::vector<std::pair<std::string, std::string>> WeightKernels() const;
  bool Fail(Failure* failure, const gem_error_t& error) const;

  std::string path_;
  Trace* trace_;  // or null
  gem_bundle_info_t info_ = {};
  std::string key_file_;  // empty: the signature was not checked
  uint32_t class_count_ = 0;
  std::vector<std::string> labels_;
  // Closed in the opposite order: a bundle outlives what was made from it.
  std::unique_ptr<gem_bundle_t, Close> bundle_;
  std::unique_ptr<gem_session_t, Close> session_;
  std::unique_ptr<gem_tokenizer_t, Close> tokenizer_;
};

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_MODEL_H
