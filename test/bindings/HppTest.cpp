// Tests of gem/gem.hpp, as C++17. Its tokenizer is tested by its example.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gem/gem.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

constexpr int32_t kIds[] = {5, 6, 7};

std::string Golden() {
  return std::string(std::getenv("GEM_SOURCE_DIR")) + "/test/runtime/golden/v1.0.gemb";
}

static_assert(!std::is_copy_constructible_v<gem::Bundle>);
static_assert(std::is_nothrow_move_constructible_v<gem::Session>);
static_assert(sizeof(gem::Session) == sizeof(void*));

TEST(Hpp, OpensAndTells) {
  auto bundle = gem::Bundle::Open(Golden().c_str());
  ASSERT_TRUE(bundle) << bundle.message();
  EXPECT_EQ(bundle.status(), GEM_STATUS_OK);
  EXPECT_STREQ(bundle.message(), "");
  EXPECT_EQ(bundle->Info().label_count, 5u);
  EXPECT_EQ(bundle->Label(4), "label 4");
  EXPECT_EQ(bundle->Label(5), "");
  EXPECT_FALSE(bundle->VariantDevice(0).empty());
  EXPECT_EQ(bundle->VariantDevice(bundle->Info().variant_count), "");
}

TEST(Hpp, VersionAndKernels) {
  EXPECT_EQ(gem::Version(), gem_version());
  uint32_t count = 0;
  bool scalar = false;
  for (; !gem::GetCpuKernelInfo(count).name.empty(); ++count) {
    if (gem::GetCpuKernelInfo(count).name == "scalar")
      scalar = gem::GetCpuKernelInfo(count).supported;
  }
  EXPECT_TRUE(scalar);
  EXPECT_EQ(gem_cpu_kernels(count, nullptr), nullptr);
  EXPECT_FALSE(gem::GetCpuKernelInfo(count).supported);
}

TEST(Hpp, ErrorsAreResultsOrExceptions) {
  const char* path = "/none/such.gemb";
  auto bundle = gem::Bundle::Open(path);
  ASSERT_FALSE(bundle);
  EXPECT_EQ(bundle.status(), GEM_STATUS_NOT_FOUND);
  EXPECT_NE(std::string(bundle.message()).find(path), std::string::npos);
  try {
    (void)gem::Bundle::Open(path).value();
    FAIL() << "nothing was thrown";
  } catch (const gem::Exception& error) {
    EXPECT_EQ(error.status(), GEM_STATUS_NOT_FOUND);
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
  }
  EXPECT_EQ(gem::StatusName(GEM_STATUS_UNTRUSTED), "UNTRUSTED");
}

TEST(Hpp, OptionsHaveTheDefaultsSet) {
  gem_bundle_options_t bundle_defaults;
  gem_bundle_options_init(&bundle_defaults);
  gem_session_options_t session_defaults;
  gem_session_options_init(&session_defaults);
  const gem::BundleOptions bundle;
  const gem::SessionOptions session;
  EXPECT_EQ(bundle.struct_size, sizeof(gem_bundle_options_t));
  EXPECT_EQ(bundle.hash_check, bundle_defaults.hash_check);
  EXPECT_EQ(session.struct_size, sizeof(gem_session_options_t));
  EXPECT_EQ(session.thread_count, session_defaults.thread_count);
  EXPECT_EQ(session.variant, session_defaults.variant);
}

TEST(Hpp, Runs) {
  gem::BundleOptions bundle_options;
  bundle_options.load_mode = GEM_LOAD_COPY;
  bundle_options.hash_check = GEM_HASH_ALL;
  gem::Bundle bundle = gem::Bundle::Open(Golden().c_str(), bundle_options).value();
  gem::SessionOptions options;
  options.thread_count = 2;
  options.variant = 0;
  options.cpu = "scalar";
  gem::Session session = gem::Session::Create(bundle, options).value();
  EXPECT_STREQ(session.Info().cpu, "scalar");
  EXPECT_TRUE(session.Output(GEM_ROLE_LOGITS)->As<float>().empty());
  ASSERT_TRUE(session.RunTokens(kIds));
  const auto logits = session.Output(GEM_ROLE_LOGITS)->As<float>();
  ASSERT_EQ(logits.size(), 5u);
  const std::vector<float> expected(logits.begin(), logits.end());
  EXPECT_TRUE(session.Output(GEM_ROLE_LOGITS)->As<int32_t>().empty());
  EXPECT_EQ(session.Output(GEM_ROLE_ROUTED)->As<uint8_t>().size(), 3u);
  EXPECT_EQ(session.Output(99).status(), GEM_STATUS_NOT_FOUND);

  // The same by inputs, from a container, after a move.
  gem::Session other = std::move(session);
  EXPECT_EQ(session.Run().status(), GEM_STATUS_INVALID_ARGUMENT);
  const std::vector<int32_t> ids(std::begin(kIds), std::end(kIds));
  const std::array<uint32_t, 1> dims = {3};
  ASSERT_TRUE(other.SetInput<int32_t>(0, ids, dims));
  ASSERT_TRUE(other.Run());
  const auto again = other.Output(GEM_ROLE_LOGITS)->As<float>();
  EXPECT_EQ(std::vector<float>(again.begin(), again.end()), expected);

  const std::array<uint32_t, 1> more = {4};
  EXPECT_EQ(other.SetInput<int32_t>(0, ids, more).status(), GEM_STATUS_INVALID_ARGUMENT);
  const float wrong[] = {1, 2, 3};
  EXPECT_EQ(other.SetInput<float>(0, wrong, dims).status(), GEM_STATUS_INVALID_ARGUMENT);
}

TEST(Hpp, CancelsAndProfiles) {
  gem::Bundle bundle = gem::Bundle::Open(Golden().c_str()).value();
  gem::Session session = gem::Session::Create(bundle).value();
  session.Cancel();
  EXPECT_EQ(session.RunTokens(kIds).status(), GEM_STATUS_CANCELLED);
  session.Profile(true);
  ASSERT_TRUE(session.RunTokens(kIds));
  uint32_t commands = 0;
  while (auto profile = session.CommandProfile(commands)) {
    EXPECT_EQ(profile->runs, 1u);
    ++commands;
  }
  EXPECT_GT(commands, 5u);
  EXPECT_EQ(session.CommandProfile(commands).status(), GEM_STATUS_NOT_FOUND);
}

TEST(Hpp, AnyFunctionObserves) {
  gem::Bundle bundle = gem::Bundle::Open(Golden().c_str()).value();
  uint32_t commands = 0, runs = 0;
  auto count = [&](const gem_event_t& event) {
    if (event.kind == GEM_EVENT_COMMAND) ++commands;
    if (event.kind == GEM_EVENT_RUN) ++runs;
  };
  const gem_observer_t observer = gem::MakeObserver(count);
  gem::SessionOptions options;
  options.observer = &observer;
  gem::Session session = gem::Session::Create(bundle, options).value();
  ASSERT_TRUE(session.RunTokens(kIds));
  EXPECT_GT(commands, 5u);
  EXPECT_EQ(runs, 1u);
}

TEST(Hpp, ResultsMove) {
  gem::Result<gem::Bundle> a = gem::Bundle::Open(Golden().c_str());
  gem::Result<gem::Bundle> b = gem::Bundle::Open("/none");
  b = std::move(a);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->Info().label_count, 5u);
  gem::Bundle bundle = *std::move(b);
  EXPECT_EQ(bundle.Label(0), "label 0");
  bundle = gem::Bundle();
  EXPECT_FALSE(bundle);
}

}  // namespace
