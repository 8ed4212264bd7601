// Gives a fuzz target the files of its corpus and its regressions, without libFuzzer.
// GEM_FUZZ_REGRESSIONS is defined where the target has some.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "test/fuzz/FuzzTarget.h"

namespace {

// Runs every file of a folder, of which there must be some.
void Replay(const char* kind) {
  const std::filesystem::path folder = std::string(GEM_FUZZ_DIR "/") + kind + "/" GEM_FUZZ_TARGET;
  ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().string());
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    std::ifstream file(name, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    EXPECT_TRUE(file) << name;
    EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()),
              0);
  }
  EXPECT_FALSE(names.empty()) << folder;
  printf("%zu files\n", names.size());
}

TEST(FuzzReplay, Corpus) { Replay("corpus"); }

#ifdef GEM_FUZZ_REGRESSIONS
// What was found and repaired.
TEST(FuzzReplay, Regressions) { Replay("regressions"); }
#endif

}  // namespace
