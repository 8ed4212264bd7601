// The main function of every GoogleTest program: gives it a folder of its own.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

// ctest runs the cases of one program as processes at the same time, and more
// than one checkout may be tested at once: testing::TempDir() has to differ
// between processes, or the cases overwrite each other's files.
int main(int argc, char **argv) {
  std::string folder = testing::TempDir() + "/gem-test-XXXXXX";
  // Tests that become another user pass through it.
  if (!mkdtemp(folder.data()) || chmod(folder.c_str(), 0755) != 0) {
    std::perror(("cannot make the folder " + folder).c_str());
    return 2;
  }
  setenv("TEST_TMPDIR", (folder + "/").c_str(), /*overwrite=*/1);
  testing::InitGoogleMock(&argc, argv);
  int result = RUN_ALL_TESTS();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return result;
}
