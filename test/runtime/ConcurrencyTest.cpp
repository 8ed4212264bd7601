// Many threads use one bundle, and one cancels what others run. Preset tsan looks at it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

constexpr uint32_t kThreads = 8;

struct Param {
  const char* name;
  bool quantized;
  uint32_t session_threads;
};

class ConcurrencyTest : public testing::TestWithParam<Param> {
 protected:
  static Bytes Build() {
    return GetParam().quantized ? TinyQuantized().builder.Build() : TinyGem().builder.Build();
  }
  static gem_status_t Run(gem_session_t* session, uint32_t tokens, gem_error_t* error) {
    const std::vector<int32_t> ids = TinyGem::Ids(tokens);
    return gem_session_run_tokens(session, ids.data(), tokens, error);
  }

  // What one session alone computes of 1 to 8 tokens.
  std::vector<Bytes> Expected(gem_bundle_t* bundle) {
    std::vector<Bytes> expected(kThreads + 1);
    const SessionPtr session = CreateSession(bundle);
    gem_error_t error;
    for (uint32_t tokens = 1; tokens <= kThreads; ++tokens) {
      EXPECT_EQ(Run(session.get(), tokens, &error), GEM_STATUS_OK) << error.message;
      expected[tokens] = AllOutputs(session.get());
    }
    return expected;
  }

  const TemporaryFile file_{Build()};
};

INSTANTIATE_TEST_SUITE_P(Models, ConcurrencyTest,
                         testing::Values(Param{"Gem", false, 1}, Param{"GemTwoEach", false, 2},
                                         Param{"Quantized", true, 1},
                                         Param{"QuantizedTwoEach", true, 2}),
                         [](const testing::TestParamInfo<Param>& info) {
                           return std::string(info.param.name);
                         });

BundlePtr OpenFile(const char* path) {
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open(path, nullptr, &bundle, &error), GEM_STATUS_OK) << error.message;
  return BundlePtr(bundle);
}

// Sessions come and go on eight threads, while others ask the bundle.
TEST_P(ConcurrencyTest, SessionsOfOneBundle) {
  const BundlePtr bundle = OpenFile(file_.path());
  const std::vector<Bytes> expected = Expected(bundle.get());
  std::atomic<uint32_t> wrong{0};
  std::vector<std::thread> threads;
  for (uint32_t t = 1; t <= kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int repeat = 0; repeat < 4; ++repeat) {
        const SessionPtr session = CreateSession(bundle.get(), GetParam().session_threads);
        for (int run = 0; run < 10; ++run) {
          gem_bundle_info_t info;
          info.struct_size = sizeof(info);
          wrong += gem_bundle_info(bundle.get(), &info) != GEM_STATUS_OK;
          wrong += gem_bundle_variant_device(bundle.get(), 0) == nullptr;
          wrong += Run(session.get(), t, nullptr) != GEM_STATUS_OK;
          wrong += AllOutputs(session.get()) != expected[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
}

// One thread cancels the runs of eight: each ends as it should or as cancelled, and what
// was not cancelled is right.
TEST_P(ConcurrencyTest, CancellingFromAnotherThread) {
  const BundlePtr bundle = OpenFile(file_.path());
  const std::vector<Bytes> expected = Expected(bundle.get());
  std::vector<SessionPtr> sessions;
  for (uint32_t t = 0; t < kThreads; ++t) {
    sessions.push_back(CreateSession(bundle.get(), GetParam().session_threads));
  }
  std::atomic<uint32_t> wrong{0}, cancelled{0}, running{kThreads};
  std::vector<std::thread> threads;
  for (uint32_t t = 1; t <= kThreads; ++t) {
    threads.emplace_back([&, t] {
      gem_session_t* session = sessions[t - 1].get();
      // On few processors the canceller may not have had its turn after these.
      for (int run = 0; run < 200 || cancelled.load() == 0; ++run) {
        const gem_status_t status = Run(session, t, nullptr);
        if (status == GEM_STATUS_OK) {
          wrong += AllOutputs(session) != expected[t];
        } else {
          wrong += status != GEM_STATUS_CANCELLED;
          ++cancelled;
        }
      }
      --running;
    });
  }
  Random random(5);
  while (running.load() != 0) {
    gem_session_cancel(sessions[random.Below(kThreads)].get());
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
  // A cancellation that came between runs is of the next; after it all is as before.
  for (uint32_t t = 1; t <= kThreads; ++t) {
    const gem_status_t status = Run(sessions[t - 1].get(), t, nullptr);
    EXPECT_TRUE(status == GEM_STATUS_OK || status == GEM_STATUS_CANCELLED);
    ASSERT_EQ(Run(sessions[t - 1].get(), t, nullptr), GEM_STATUS_OK);
    EXPECT_EQ(AllOutputs(sessions[t - 1].get()), expected[t]);
  }
}

}  // namespace
}  // namespace gem::test
