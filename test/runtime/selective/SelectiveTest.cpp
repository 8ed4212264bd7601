// A runtime that is linked with the kernels of one bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linked with gem::core, gem::kernels and the registry that gem-bundle wrote for
// int8.gemb (see WriteBundles.cpp), so only the C API is here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gem/gem.h"
#include "gem/kernel_registry.h"

namespace {

using testing::HasSubstr;

std::string FileNamed(const std::string& name) { return GEM_SELECTIVE_DIR "/" + name; }

std::vector<char> ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SelectiveRuntime, RunsItsBundleWithTheSameBitsOnEveryIsa) {
  gem_error_t error;
  gem_bundle_t* bundle = nullptr;
  ASSERT_EQ(gem_bundle_open(FileNamed("int8.gemb").c_str(), nullptr, &bundle, &error),
            GEM_STATUS_OK)
      << error.message;
  const std::vector<char> expected = ReadAll(FileNamed("int8.bits"));
  int32_t supported = 0;
  uint32_t ran = 0;
  for (uint32_t i = 0; const char* cpu = gem_cpu_kernels(i, &supported); ++i) {
    if (supported == 0) continue;
    ++ran;
    gem_session_options_t options;
    gem_session_options_init(&options);
    options.cpu = cpu;
    gem_session_t* session = nullptr;
    ASSERT_EQ(gem_session_create(bundle, &options, &session, &error), GEM_STATUS_OK)
        << error.message;
    const int32_t tokens[] = {1, 2, 3};
    ASSERT_EQ(gem_session_run_tokens(session, tokens, 3, &error), GEM_STATUS_OK) << error.message;
    gem_tensor_t output;
    ASSERT_EQ(gem_session_output(session, 0, &output, &error), GEM_STATUS_OK) << error.message;
    const char* const data = static_cast<const char*>(output.data);
    EXPECT_EQ(std::vector<char>(data, data + output.size), expected) << cpu;
    gem_session_close(session);
  }
  EXPECT_GE(ran, 1u);
  gem_bundle_close(bundle);
}

TEST(SelectiveRuntime, RefusesABundleThatNeedsAnotherKernelWhenItIsOpened) {
  gem_error_t error;
  gem_bundle_t* bundle = nullptr;
  EXPECT_EQ(gem_bundle_open(FileNamed("int4.gemb").c_str(), nullptr, &bundle, &error),
            GEM_STATUS_UNSUPPORTED);
  EXPECT_EQ(bundle, nullptr);
  EXPECT_THAT(error.message, HasSubstr("command 0: kernel EMBEDDING with int4g32 weights is not in "
                                       "this runtime, which was built for tiny-int8 ("));
  EXPECT_THAT(error.message, HasSubstr("build it with 'gem-bundle kernels' for this bundle too, or "
                                       "link gem::runtime"));
}

TEST(SelectiveRuntime, TakesTheVariantWhoseKernelsItHas) {
  gem_error_t error;
  gem_bundle_t* bundle = nullptr;
  ASSERT_EQ(gem_bundle_open(FileNamed("both.gemb").c_str(), nullptr, &bundle, &error),
            GEM_STATUS_OK)
      << error.message;
  ASSERT_STREQ(gem_bundle_variant_device(bundle, 0), "other");
  gem_session_t* session = nullptr;
  ASSERT_EQ(gem_session_create(bundle, nullptr, &session, &error), GEM_STATUS_OK) << error.message;
  gem_session_info_t info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(gem_session_info(session, &info), GEM_STATUS_OK);
  EXPECT_EQ(info.variant, 1u);
  EXPECT_STREQ(info.variant_reason, "the only one whose kernels are in this runtime");
  gem_session_close(session);
  // The other when it is asked for.
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.variant = 0;
  EXPECT_EQ(gem_session_create(bundle, &options, &session, &error), GEM_STATUS_UNSUPPORTED);
  gem_bundle_close(bundle);
}

TEST(SelectiveRuntime, HasTheKernelsOfItsBundleAndNoOthers) {
  for (size_t i = 0; i < gem::kCpuKernelRegistry.count; ++i) {
    const gem::CpuKernels& kernels = *gem::kCpuKernelRegistry.tables[i];
    EXPECT_NE(kernels.table_int8, nullptr);
    EXPECT_NE(kernels.linear_int8, nullptr);
    EXPECT_NE(kernels.layer_norm_quantized, nullptr);
    EXPECT_NE(kernels.attention, nullptr);
    EXPECT_EQ(kernels.table_int4, nullptr);
    EXPECT_EQ(kernels.linear_f32, nullptr);
    EXPECT_EQ(kernels.linear_int4, nullptr);
    EXPECT_EQ(kernels.linear_int4_group, nullptr);
    EXPECT_EQ(kernels.scar_attention, nullptr);
    EXPECT_EQ(kernels.plan_scar_attention, nullptr);
  }
}

}  // namespace
