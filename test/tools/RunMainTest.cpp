// What becomes of an exception that nobody caught.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/RunMain.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>

#include "tools/common/Output.h"

namespace gem::tools {
namespace {

// What `work` ends with, and what is said on standard error.
template <typename Work>
std::string Said(int* code, Work work) {
  testing::internal::CaptureStderr();
  *code = RunMain("gem-test", work);
  return testing::internal::GetCapturedStderr();
}

TEST(RunMainTest, ItsCodeIsTheWorks) {
  int code = 0;
  EXPECT_EQ(Said(&code, [] { return 7; }), "");
  EXPECT_EQ(code, 7);
}

TEST(RunMainTest, AnExceptionIsAnErrorInWords) {
  int code = 0;
  EXPECT_EQ(Said(&code, []() -> int { throw std::runtime_error("the disk is gone"); }),
            "gem-test: error: the disk is gone\n");
  EXPECT_EQ(code, kExitFailed);
  EXPECT_EQ(Said(&code, []() -> int { throw std::bad_alloc(); }),
            "gem-test: error: out of memory\n");
  EXPECT_EQ(code, kExitFailed);
}

TEST(RunMainTest, AnExceptionLeavesNoFile) {
  const std::filesystem::path folder = testing::TempDir() + "run-main";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  int code = 0;
  Said(&code, [&]() -> int {
    OutputFile file;
    std::string error;
    EXPECT_TRUE(file.Open(folder / "out", &error)) << error;
    throw std::runtime_error("too late");
  });
  EXPECT_EQ(code, kExitFailed);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gem::tools
