// An open bundle with its session, tokenizer and labels.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Model.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <utility>

#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/KeyFile.h"
#include "tools/common/RuntimeExit.h"
#include "tools/common/Terminal.h"
#include "tools/gem-run/Labels.h"

#ifdef GEM_WITH_SIGNATURE
#include "gem/signature.h"
#endif

namespace gem::run {
namespace {

using tools::Format;

// "avx512vnni (not on this CPU), avx512, avx2, scalar": best first.
std::string BuiltInKernels() {
  std::string kernels;
  int32_t supported = 0;
  for (uint32_t i = 0; const char* name = gem_cpu_kernels(i, &supported); ++i) {
    if (i != 0) kernels += ", ";
    kernels += name;
    if (supported == 0) kernels += " (not on this CPU)";
  }
  return kernels;
}

const gem_verifier_t* Verifier() {
#ifdef GEM_WITH_SIGNATURE
  return gem_ed25519_verifier();
#else
  return nullptr;
#endif
}

std::optional<gem_tensor_t> Output(const gem_session_t* session, gem_role_t role) {
  gem_tensor_t tensor;
  if (gem_session_output_by_role(session, role, &tensor, nullptr) != GEM_STATUS_OK) {
    return std::nullopt;
  }
  return tensor;
}

}  // namespace

bool Model::Fail(Failure* failure, const gem_error_t& error) const {
  failure->exit_code = tools::ExitCodeOf(error.status);
  failure->message = error.message;
  // Which of the files it is must be said, once.
  if (failure->message.find(path_) == std::string::npos) {
    failure->message = "'" + path_ + "': " + failure->message;
  }
  return false;
}

std::unique_ptr<Model> Model::Open(const std::string& path, const Options& options, Trace* trace,
                                   Failure* failure) {
  std::unique_ptr<Model> model(new Model(path, trace));
  if (!model->Initialize(options, failure)) return nullptr;
  return model;
}

bool Model::Initialize(const Options& options, Failure* failure) {
  gem_error_t error;
  gem_bundle_options_t bundle_options;
  gem_bundle_options_init(&bundle_options);
  bundle_options.hash_check = options.check_hashes ? GEM_HASH_ALL : GEM_HASH_PROGRAM;
  if (trace_ != nullptr) bundle_options.observer = trace_->bundle_observer();
  bundle_options.hash_threads = options.threads;
  key_file_ = options.key_file;
  tools::PublicKey key;
  if (!key_file_.empty()) {
    std::string problem;
    if (!tools::ReadPublicKey(key_file_, &key, &problem)) {
      *failure = {tools::kExitRefused, problem};
      return false;
    }
    static_assert(sizeof(key) == GEM_PUBLIC_KEY_SIZE);
    bundle_options.public_key = key.data();
    bundle_options.verifier = Verifier();
    if (bundle_options.verifier == nullptr) {
      *failure = {tools::kExitUsage,
                  "--key: expected a gem-run that was built with GEM_SIGNATURE (libsodium), but "
                  "this one checks no signatures"};
      return false;
    }
  }
  gem_bundle_t* bundle = nullptr;
  if (gem_bundle_open(path_.c_str(), &bundle_options, &bundle, &error) != GEM_STATUS_OK) {
    return Fail(failure, error);
  }
  bundle_.reset(bundle);
  info_.struct_size = sizeof(info_);
  gem_bundle_info(bundle, &info_);

  gem_session_options_t session_options;
  gem_session_options_init(&session_options);
  session_options.thread_count = options.threads;
  if (!SelectVariant(options.variant, &session_options.variant, failure)) return false;
  if (!options.cpu.empty()) session_options.cpu = options.cpu.c_str();
  if (trace_ != nullptr) session_options.observer = trace_->session_observer();
  gem_session_t* session = nullptr;
  if (gem_session_create(bundle, &session_options, &session, &error) != GEM_STATUS_OK) {
    return Fail(failure, error);
  }
  session_.reset(session);
  // What a trace says of the work of commands.
  if (trace_ != nullptr) gem_session_profile(session, 1);

  gem_tokenizer_t* tokenizer = nullptr;
  const gem_status_t status = gem_tokenizer_create(bundle, nullptr, &tokenizer, &error);
  if (status != GEM_STATUS_OK && status != GEM_STATUS_NOT_FOUND) return Fail(failure, error);
  tokenizer_.reset(tokenizer);

  if (const auto logits = Output(session, GEM_ROLE_LOGITS)) {
    class_count_ = static_cast<uint32_t>(logits->size / sizeof(float));
    if (logits->size == 0) {
      class_count_ = 1;
      for (uint32_t i = 0; i < logits->rank; ++i) class_count_ *= logits->dims[i];
    }
  }
  return ReadLabels(options.label_file, failure);
}

bool Model::SelectVariant(const std::string& wanted, uint32_t* variant, Failure* failure) const {
  if (wanted.empty()) return true;
  std::string known;
  for (uint32_t i = 0;; ++i) {
    const char* name = gem_bundle_variant_device(bundle_.get(), i);
    if (name == nullptr) break;
    if (wanted == name) {
      *variant = i;
      return true;
    }
    known += Format("%s%u '%s'", known.empty() ? "" : ", ", i, name);
  }
  // A device may be called like a number: so names come first.
  uint32_t index = 0;
  const char* end = wanted.data() + wanted.size();
  const auto [stop, problem] = std::from_chars(wanted.data(), end, index);
  if (problem == std::errc() && stop == end && index < info_.variant_count) {
    *variant = index;
    return true;
  }
  *failure = {tools::kExitRefused, Format("'%s': expected a variant called '%s', but it has %s",
                                          path_.c_str(), wanted.c_str(), known.c_str())};
  return false;
}

bool Model::ReadLabels(const std::string& path, Failure* failure) {
  if (path.empty()) {
    for (uint32_t i = 0; i < info_.label_count; ++i) {
      const char* label = gem_bundle_label(bundle_.get(), i);
      labels_.push_back(label != nullptr ? label : "");
    }
    return true;
  }
  std::string error;
  if (!ReadLabelFile(path, &labels_, &error)) {
    *failure = {tools::kExitRefused, error};
    return false;
  }
  if (labels_.size() != class_count_) {
    *failure = {tools::kExitRefused,
                Format("'%s': expected %u labels, one for each class of '%s', but got %zu",
                       path.c_str(), class_count_, path_.c_str(), labels_.size())};
    return false;
  }
  return true;
}

bool Model::Run(const Item& item, Result* result, Failure* failure) {
  using Clock = std::chrono::steady_clock;
  *result = {};
  gem_error_t error;
  const Clock::time_point start = Clock::now();
  if (item.text) {
    if (tokenizer_ == nullptr) {
      *failure = {tools::kExitRefused,
                  Format("'%s': it has no tokenizer, so it cannot read texts; give token ids with "
                         "--ids",
                         path_.c_str())};
      return false;
    }
    const uint64_t begin = trace_ != nullptr ? Trace::Now() : 0;
    result->tokens.resize(info_.maximum_tokens);
    gem_encoding_t encoding;
    if (gem_tokenizer_encode(tokenizer_.get(), item.text->data(), item.text->size(),
                             result->tokens.data(), info_.maximum_tokens, &encoding,
                             &error) != GEM_STATUS_OK) {
      return Fail(failure, error);
    }
    result->tokens.resize(encoding.count);
    result->truncated = encoding.truncated != 0;
    if (trace_ != nullptr) trace_->Tokenized(begin, item.text->size(), result->tokens.size());
  } else {
    result->tokens = item.ids;
  }
  const gem_status_t status = gem_session_run_tokens(
      session_.get(), result->tokens.data(), static_cast<uint32_t>(result->tokens.size()), &error);
  if (trace_ != nullptr) trace_->Ran(session_.get(), result->tokens.size());
  if (status != GEM_STATUS_OK) {
    Fail(failure, error);
    // The ids came from the command line or from the bundle's own tokenizer.
    failure->exit_code =
        error.status == GEM_STATUS_INVALID_ARGUMENT ? tools::kExitRefused : failure->exit_code;
    return false;
  }
  result->seconds = std::chrono::duration<double>(Clock::now() - start).count();

  result->logits = Output(session_.get(), GEM_ROLE_LOGITS);
  result->routed = Output(session_.get(), GEM_ROLE_ROUTED);
  result->cluster = Output(session_.get(), GEM_ROLE_CLUSTER);
  result->cls = Output(session_.get(), GEM_ROLE_CLS);
  result->hidden_states = Output(session_.get(), GEM_ROLE_HIDDEN_STATES);
  if (result->logits) {
    const auto* logits = static_cast<const float*>(result->logits->data);
    const size_t count = result->logits->size / sizeof(float);
    const float* highest = std::max_element(logits, logits + count);
    result->label_index = static_cast<uint32_t>(highest - logits);
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      result->probabilities.push_back(std::exp(static_cast<double>(logits[i]) - *highest));
      sum += result->probabilities.back();
    }
    for (double& probability : result->probabilities) probability /= sum;
  }
  return true;
}

const char* Model::Label(uint32_t index) const {
  return index < labels_.size() ? labels_[index].c_str() : nullptr;
}

std::string Model::LabelOrIndex(uint32_t index) const {
  const char* label = Label(index);
  return label != nullptr ? tools::Printable(label) : Format("class %u", index);
}

std::optional<uint32_t> Model::ClassOf(const ExpectedLabel& label) const {
  if (const auto* index = std::get_if<int64_t>(&label)) {
    if (*index >= 0 && *index < class_count_) return static_cast<uint32_t>(*index);
  } else if (const auto* name = std::get_if<std::string>(&label)) {
    const auto found = std::find(labels_.begin(), labels_.end(), *name);
    if (found != labels_.end()) return static_cast<uint32_t>(found - labels_.begin());
  }
  return std::nullopt;
}

std::string Model::Piece(int32_t id) const {
  size_t size = 0;
  const char* piece = gem_tokenizer_piece(tokenizer_.get(), id, &size);
  return piece != nullptr ? tools::Printable({piece, size}) : std::to_string(id);
}

std::vector<std::pair<std::string, std::string>> Model::WeightKernels() const {
  using Use = std::pair<std::string, std::string>;  // a format and a kernel
  std::vector<Use> order;                            // by first use
  std::map<Use, uint64_t> counts;
  gem_command_profile_t command = {};
  command.struct_size = sizeof(command);
  for (uint32_t i = 0; gem_session_command_profile(session_.get(), i, &command) == GEM_STATUS_OK;
       ++i) {
    if (command.format[0] == '\0') continue;
    Use use(command.format, command.kernel);
    if (counts[use]++ == 0) order.push_back(std::move(use));
  }
  std::vector<std::pair<std::string, std::string>> formats;
  for (const Use& use : order) {
    auto found = std::find_if(formats.begin(), formats.end(),
                              [&](const auto& format) { return format.first == use.first; });
    if (found == formats.end()) found = formats.insert(formats.end(), {use.first, ""});
    if (!found->second.empty()) found->second += ", ";
    found->second += use.second;
    if (counts[use] > 1)
      found->second += Format(" x %llu", static_cast<unsigned long long>(counts[use]));
  }
  return formats;
}

std::string Model::Describe() const {
  gem_session_info_t session = {};
  session.struct_size = sizeof(session);
  gem_session_info(session_.get(), &session);
  tools::Table table;
  table.AddRow({"bundle", Format("%s, %s, format %u.%u, by %s", path_.c_str(),
                                 tools::FormatBytes(info_.file_size).c_str(), info_.format_major,
                                 info_.format_minor, tools::Printable(info_.producer).c_str())});
  table.AddRow(
      {"model", Format("%s (%s), %s parameters", tools::Printable(info_.model_name).c_str(),
                       tools::Printable(info_.architecture).c_str(),
                       tools::FormatCount(info_.parameters).c_str())});
  if (!key_file_.empty()) table.AddRow({"signature", "good, with the key of " + key_file_});
  table.AddRow({"variant",
                Format("%u of %u, for %s (%s)", session.variant, info_.variant_count,
                       tools::Printable(session.variant_device).c_str(), session.variant_reason)});
  table.AddRow({"kernels", Format("%s (%s), %s", session.cpu, session.cpu_reason,
                                  tools::FormatPlural(session.thread_count, "thread").c_str())});
  table.AddRow({"built in", BuiltInKernels()});
  std::string cell = "weights";
  for (const auto& [format, kernels] : WeightKernels()) {
    table.AddRow({std::exchange(cell, ""), format + ": " + kernels});
  }
  table.AddRow({"memory", Format("%s, of which the arena is %s; weights stay in the file",
                                 tools::FormatBytes(session.session_bytes).c_str(),
                                 tools::FormatBytes(session.arena_bytes).c_str())});
  if (tokenizer_ != nullptr) {
    table.AddRow(
        {"tokenizer",
         Format("%s pieces, at most %u tokens a text%s",
                tools::FormatCount(gem_tokenizer_vocabulary_size(tokenizer_.get())).c_str(),
                info_.maximum_tokens, info_.padded != 0 ? ", padded to that many" : "")});
  } else {
    table.AddRow({"tokenizer", "none: token ids only"});
  }
  return table.ToString();
}

}  // namespace gem::run
