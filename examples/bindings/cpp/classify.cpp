// Classifies a text with a bundle, in C++17: classify BUNDLE TEXT
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gem/text.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: classify BUNDLE TEXT\n"), 2;
  gem::Bundle bundle = gem::Bundle::Open(argv[1]).value();
  gem::Tokenizer tokenizer = gem::Tokenizer::Create(bundle).value();
  gem::Session session = gem::Session::Create(bundle).value();
  int32_t ids[64];
  const gem_encoding_t encoding = tokenizer.Encode(argv[2], ids).value();
  session.RunTokens({ids, encoding.count}).value();
  const auto logits = session.Output(GEM_ROLE_LOGITS).value().As<float>();
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  std::printf("%s\n", bundle.Label(static_cast<uint32_t>(best)).data());
} catch (const std::exception& error) {
  return std::fprintf(stderr, "classify: %s\n", error.what()), 1;
}
