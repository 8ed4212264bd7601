// What the golden files hold.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_GOLDEN_GOLDEN_H
#define GEM_TEST_RUNTIME_GOLDEN_GOLDEN_H

#include <cstdio>
#include <string>

#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {

static_assert(TinyQuantized::kMaxTokens == TinyGem::kMaxTokens);
static_assert(TinyQuantized::kVocabulary == TinyGem::kVocabulary);

// Version 1.2 is signed with the key of this seed, which is no secret.
inline constexpr char kGoldenSeed[] = "gem golden test key, not secret!";
inline constexpr char kGoldenPublicKey[] =
    "cf3e38a1ee412d7dd5fa539b533552ae53cabb6a20c289fe6668406f74886458";

// A line for each number of tokens: the bits of the logits, the routed flags and
// the clusters; since version 1.1 also an FNV-1a hash of all outputs.
inline std::string GoldenText(gem_session_t* session, bool hashed) {
  std::string text;
  for (uint32_t n = 1; n <= TinyGem::kMaxTokens; ++n) {
    const std::vector<int32_t> ids = TinyGem::Ids(n, 1000 + n);
    gem_error_t error;
    if (gem_session_run_tokens(session, ids.data(), n, &error) != GEM_STATUS_OK) {
      return error.message;
    }
    for (const uint32_t bits : OutputByRole<uint32_t>(session, GEM_ROLE_LOGITS)) {
      char word[16];
      snprintf(word, sizeof(word), "%08x ", bits);
      text += word;
    }
    for (const uint8_t routed : OutputByRole<uint8_t>(session, GEM_ROLE_ROUTED)) {
      text += routed ? '1' : '0';
    }
    for (const int32_t cluster : OutputByRole<int32_t>(session, GEM_ROLE_CLUSTER)) {
      text += ' ' + std::to_string(cluster);
    }
    if (hashed) {
      uint64_t hash = 0xcbf29ce484222325u;
      for (const uint8_t byte : AllOutputs(session)) hash = (hash ^ byte) * 0x100000001b3u;
      char word[24];
      snprintf(word, sizeof(word), " %016llx", static_cast<unsigned long long>(hash));
      text += word;
    }
    text += '\n';
  }
  return text;
}

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_GOLDEN_GOLDEN_H
