// The example model as two bundles, one with rougher weights, and texts for them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TEST_COMPILER_EVALUATION_EXAMPLEBUNDLES_H
#define GEM_TEST_COMPILER_EVALUATION_EXAMPLEBUNDLES_H

#include "compiler/Evaluation/Evaluator.h"
#include "compiler/Pipeline/Compiler.h"
#include "targets/Bundle/BundleWriter.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace gem {

inline std::filesystem::path exampleModel() {
  return std::filesystem::path(std::getenv("GEM_SOURCE_DIR")) / "examples/gem-tiny";
}

inline std::span<const char> bytesOf(const MemoryBundleSink &sink) {
  return {sink.data().data(), sink.data().size()};
}

inline void compileTo(const std::filesystem::path &model, MemoryBundleSink &sink) {
  CompileOptions options;
  options.model = model;
  options.sequence = 64;
  options.producer = "test";
  Compiler compiler(options);
  for (const absl::Status &status : {compiler.import(), compiler.lower(), compiler.write(sink)})
    ASSERT_TRUE(status.ok()) << status;
}

/// A copy of the example whose weights lost all but a few bits of their mantissa.
inline std::filesystem::path roughModel() {
  namespace fs = std::filesystem;
  fs::path folder = fs::path(::testing::TempDir()) / "rough-gem-tiny";
  fs::remove_all(folder);
  fs::copy(exampleModel(), folder);
  fs::permissions(folder / "model.safetensors", fs::perms::owner_all);
  std::fstream file(folder / "model.safetensors", std::ios::binary | std::ios::in | std::ios::out);
  uint64_t header = 0;
  file.read(reinterpret_cast<char *>(&header), sizeof(header));
  std::vector<uint32_t> values((fs::file_size(folder / "model.safetensors") - 8 - header) / 4);
  file.seekg(8 + header);
  file.read(reinterpret_cast<char *>(values.data()), values.size() * 4);
  for (uint32_t &value : values)
    value &= 0xffe00000;
  file.seekp(8 + header);
  file.write(reinterpret_cast<const char *>(values.data()), values.size() * 4);
  return folder;
}

inline std::vector<CalibrationText> sampleTexts() {
  const char *words[] = {"library", "for",    "the",       "Haskell", "fonts",  "game",    "server",
                         "python",  "module", "documents", "kernel",  "editor", "network", "music"};
  const char *domains[] = {"", "devel", "desktop"};
  std::vector<CalibrationText> texts;
  for (int i = 0; i < 40; ++i) {
    std::string text;
    for (int j = 0; j < 3 + i; ++j)
      text += std::string(words[(i * 7 + j * (i % 5 + 1)) % 14]) + " ";
    texts.push_back({text, domains[i % 3], std::nullopt});
    if (i % 4)
      texts.back().label = (i * 11) % 39;
  }
  return texts;
}

class ExampleBundles : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    exact = new MemoryBundleSink;
    rough = new MemoryBundleSink;
    compileTo(exampleModel(), *exact);
    compileTo(roughModel(), *rough);
  }
  static void TearDownTestSuite() {
    delete exact;
    delete rough;
  }

  std::unique_ptr<BundleRunner> open(const MemoryBundleSink &sink, unsigned threads = 1) {
    auto runner = BundleRunner::openMemory(bytesOf(sink), {.threads = threads});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }

  static inline MemoryBundleSink *exact, *rough;
};

} // namespace gem

#endif // GEM_TEST_COMPILER_EVALUATION_EXAMPLEBUNDLES_H
