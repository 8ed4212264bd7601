// A bundle opened for a number of threads, and its inputs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Session.h"

#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/RuntimeExit.h"

namespace gem::bench {
namespace {

using tools::Format;

void Fail(const std::string& path, const gem_error_t& error, Failure* failure) {
  failure->exit_code = tools::ExitCodeOf(error.status);
  failure->message = error.message;
  if (failure->message.find(path) == std::string::npos) {
    failure->message = "'" + path + "': " + failure->message;
  }
}

// The index of the input that takes the tokens, and that input; false without one.
bool TokenInput(const gem_session_t* session, uint32_t* index, gem_tensor_t* tensor) {
  for (*index = 0; gem_session_input(session, *index, tensor, nullptr) == GEM_STATUS_OK; ++*index) {
    if (tensor->role == GEM_ROLE_TOKEN_IDS) return true;
  }
  return false;
}

}  // namespace

BundlePointer OpenBundle(const std::string& path, Failure* failure,
                         const gem_bundle_options_t* options) {
  gem_error_t error;
  gem_bundle_t* bundle = nullptr;
  if (gem_bundle_open(path.c_str(), options, &bundle, &error) != GEM_STATUS_OK) {
    Fail(path, error, failure);
  }
  return BundlePointer(bundle);
}

SessionPointer CreateSession(const std::string& path, gem_bundle_t* bundle, uint32_t threads,
                             const std::string& cpu, Failure* failure) {
  gem_error_t error;
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.thread_count = threads;
  if (!cpu.empty()) options.cpu = cpu.c_str();
  gem_session_t* session = nullptr;
  if (gem_session_create(bundle, &options, &session, &error) != GEM_STATUS_OK) {
    Fail(path, error, failure);
    return nullptr;
  }
  SessionPointer result(session);
  uint32_t index;
  gem_tensor_t tensor;
  if (!TokenInput(session, &index, &tensor)) {
    *failure = {
        tools::kExitRefused,
        Format("'%s': expected a model of tokens, but it has no input for them", path.c_str())};
    return nullptr;
  }
  return result;
}

bool RunOnce(const std::string& path, gem_session_t* session, const std::vector<int32_t>& ids,
             Failure* failure) {
  gem_error_t error;
  if (gem_session_run_tokens(session, ids.data(), static_cast<uint32_t>(ids.size()), &error) ==
      GEM_STATUS_OK) {
    return true;
  }
  Fail(path, error, failure);
  return false;
}

uint32_t MostTokens(const gem_session_t* session) {
  uint32_t index;
  gem_tensor_t tensor;
  return TokenInput(session, &index, &tensor) && tensor.rank > 0 ? tensor.dims[tensor.rank - 1] : 0;
}

std::vector<int32_t> RandomIds(gem_session_t* session, uint32_t count) {
  uint32_t index;
  gem_tensor_t tensor;
  (void)TokenInput(session, &index, &tensor);
  // The session tells no range, but it refuses what is outside: so bisect. Inputs
  // of a fixed length are filled up.
  uint32_t dims[GEM_MAX_RANK] = {};
  std::copy(tensor.dims, tensor.dims + tensor.rank, dims);
  std::vector<int32_t> probe(tensor.rank > 0 ? dims[tensor.rank - 1] : 1);
  int32_t low = 0, high = INT32_MAX;  // `low` is accepted
  while (low < high) {
    const int32_t middle = low + (high - low) / 2 + 1;
    probe[0] = middle;
    if (gem_session_set_input(session, index, probe.data(), dims, tensor.rank, nullptr) ==
        GEM_STATUS_OK) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  std::vector<int32_t> ids(count);
  uint64_t state = 1;
  for (int32_t& id : ids) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    id = static_cast<int32_t>((state >> 33) % (static_cast<uint64_t>(low) + 1));
  }
  return ids;
}

bool IdsOfText(const std::string& path, const gem_bundle_t* bundle, const std::string& text,
               std::vector<int32_t>* ids, Failure* failure) {
  gem_error_t error;
  gem_tokenizer_t* made = nullptr;
  const gem_status_t status = gem_tokenizer_create(bundle, nullptr, &made, &error);
  if (status == GEM_STATUS_NOT_FOUND) {
    *failure = {
        tools::kExitRefused,
        Format("'%s': it has no tokenizer, so it cannot read texts; use --tokens", path.c_str())};
    return false;
  }
  if (status != GEM_STATUS_OK) {
    Fail(path, error, failure);
    return false;
  }
  const std::unique_ptr<gem_tokenizer_t, Close> tokenizer(made);
  gem_bundle_info_t info = {};
  info.struct_size = sizeof(info);
  gem_bundle_info(bundle, &info);
  ids->resize(info.maximum_tokens);
  gem_encoding_t encoding;
  if (gem_tokenizer_encode(made, text.data(), text.size(), ids->data(), info.maximum_tokens,
                           &encoding, &error) != GEM_STATUS_OK) {
    Fail(path, error, failure);
    return false;
  }
  ids->resize(encoding.count);
  return true;
}

}  // namespace gem::bench
