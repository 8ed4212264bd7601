// A bundle opened for a number of threads, and its inputs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_SESSION_H
#define GEM_TOOLS_GEM_BENCH_SESSION_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gem/gem.h"
#include "gem/text.h"
#include "tools/gem-bench/Bench.h"

namespace gem::bench {

struct Close {
  void operator()(gem_bundle_t* bundle) const { gem_bundle_close(bundle); }
  void operator()(gem_session_t* session) const { gem_session_close(session); }
  void operator()(gem_tokenizer_t* tokenizer) const { gem_tokenizer_close(tokenizer); }
};
using BundlePointer = std::unique_ptr<gem_bundle_t, Close>;
using SessionPointer = std::unique_ptr<gem_session_t, Close>;

// Null, with what is wrong.
BundlePointer OpenBundle(const std::string& path, Failure* failure,
                         const gem_bundle_options_t* options = nullptr);
SessionPointer CreateSession(const std::string& path, gem_bundle_t* bundle, uint32_t threads,
                             const std::string& cpu, Failure* failure);

// Runs `session`; false, with what is wrong.
bool RunOnce(const std::string& path, gem_session_t* session, const std::vector<int32_t>& ids,
             Failure* failure);

// The most tokens that the program takes.
uint32_t MostTokens(const gem_session_t* session);

// `count` token ids, the same every time: random among those that the model knows.
std::vector<int32_t> RandomIds(gem_session_t* session, uint32_t count);

// The ids of a text. False, with what is wrong, when the bundle cannot read texts.
bool IdsOfText(const std::string& path, const gem_bundle_t* bundle, const std::string& text,
               std::vector<int32_t>* ids, Failure* failure);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_SESSION_H
