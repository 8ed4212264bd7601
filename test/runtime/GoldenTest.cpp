// Bundles of every format version still load and give the same bits.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "test/runtime/TestSupport.h"
#include "test/runtime/golden/Golden.h"

namespace gem::test {
namespace {

std::string GoldenPath(const std::string& name) {
  const char* root = getenv("GEM_SOURCE_DIR");
  EXPECT_NE(root, nullptr) << "set GEM_SOURCE_DIR to the repository's root";
  return std::string(root == nullptr ? "." : root) + "/test/runtime/golden/" + name;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class GoldenTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Versions, GoldenTest, testing::Values("v1.0", "v1.1", "v1.2"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

// The bits were recorded on x86-64; every CPU must give them.
TEST_P(GoldenTest, LoadsAndGivesTheRecordedBits) {
  const std::string version = GetParam();
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = GEM_HASH_ALL;
  gem_bundle_t* opened = nullptr;
  gem_error_t error;
  ASSERT_EQ(gem_bundle_open(GoldenPath(version + ".gemb").c_str(), &options, &opened, &error),
            GEM_STATUS_OK)
      << error.message;
  const BundlePtr bundle(opened);
  int32_t supported = 0;
  for (uint32_t i = 0; const char* kernels = gem_cpu_kernels(i, &supported); ++i) {
    if (supported == 0) continue;
    SCOPED_TRACE(kernels);
    const SessionPtr session = CreateSession(bundle.get(), 1, kernels);
    EXPECT_EQ(GoldenText(session.get(), version != "v1.0"), ReadText(GoldenPath(version + ".txt")));
  }
}

}  // namespace
}  // namespace gem::test
