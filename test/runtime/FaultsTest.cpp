// Memory and threads that are not to be had: each is reported, and nothing is lost.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include "test/runtime/AllocationCounter.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

// The runtime's pthread_create (--wrap, see CMakeLists.txt): this many succeed, then all
// fail as they do when a process has as many threads as it may.
static std::atomic<int> g_threads_left{1 << 20};

extern "C" {
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument);
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument);

int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument) {
  if (g_threads_left.fetch_sub(1) <= 0) return EAGAIN;
  return __real_pthread_create(thread, attributes, start, argument);
}
}

namespace gem::test {
namespace {

enum class Model { kGem, kPadded, kQuantized };
enum class Source { kMap, kCopy, kMemory };

struct Param {
  Model model;
  Source source;
  uint32_t threads;
  gem_hash_check_t hash_check;
};

std::string NameOf(const testing::TestParamInfo<Param>& info) {
  const char* models[] = {"Gem", "Padded", "Quantized"};
  const char* sources[] = {"Map", "Copy", "Memory"};
  const char* hashes[] = {"Program", "All", "Lazy"};
  return std::string(models[static_cast<int>(info.param.model)]) +
         sources[static_cast<int>(info.param.source)] + "Threads" +
         std::to_string(info.param.threads) + hashes[info.param.hash_check];
}

std::vector<Param> Params() {
  std::vector<Param> params;
  for (const Model model : {Model::kGem, Model::kPadded, Model::kQuantized}) {
    for (const Source source : {Source::kMap, Source::kCopy, Source::kMemory}) {
      params.push_back({model, source, 1, GEM_HASH_PROGRAM});
      params.push_back({model, source, 4, GEM_HASH_ALL});
      params.push_back({model, source, 2, GEM_HASH_LAZY});
    }
  }
  return params;
}

// Observes, and takes note of how what it was told about ended.
struct Witness {
  std::vector<gem_status_t> statuses;
  gem_observer_t observer{this, [](void* self, const gem_event_t* event) {
                            auto* witness = static_cast<Witness*>(self);
                            if (event->kind == GEM_EVENT_MESSAGE) {
                              witness->statuses.push_back(event->status);
                            }
                          }};
};

class AllocationFailureTest : public testing::TestWithParam<Param> {
 protected:
  static Bytes Build() {
    if (GetParam().model == Model::kQuantized) return TinyQuantized().builder.Build();
    return TinyGem(GetParam().model == Model::kPadded).builder.Build();
  }

  gem_status_t Open(const gem_bundle_options_t& options, gem_bundle_t** bundle,
                    gem_error_t* error) {
    if (GetParam().source == Source::kMemory) {
      return gem_bundle_open_memory(bytes_.data(), bytes_.size(), &options, bundle, error);
    }
    return gem_bundle_open(on_disk_.path(), &options, bundle, error);
  }

  // Opens, creates and runs with an allocator that fails as `fail` says. True when
  // nothing failed.
  bool Survives(CountingAllocator* allocator);

  const Bytes file_ = Build();
  const AlignedBytes bytes_{file_};
  const TemporaryFile on_disk_{file_};
};

INSTANTIATE_TEST_SUITE_P(Sources, AllocationFailureTest, testing::ValuesIn(Params()), NameOf);

void ExpectNoMemory(gem_status_t status, const gem_error_t& error, const Witness& witness) {
  EXPECT_EQ(status, GEM_STATUS_OUT_OF_MEMORY) << error.message;
  EXPECT_EQ(error.status, GEM_STATUS_OUT_OF_MEMORY);
  EXPECT_NE(std::string(error.message).find("no memory"), std::string::npos) << error.message;
  ASSERT_FALSE(witness.statuses.empty());
  EXPECT_EQ(witness.statuses.back(), GEM_STATUS_OUT_OF_MEMORY);
}

bool AllocationFailureTest::Survives(CountingAllocator* allocator) {
  Witness witness;
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.allocator = allocator->get();
  options.load_mode = GetParam().source == Source::kCopy ? GEM_LOAD_COPY : GEM_LOAD_MAP;
  options.hash_check = GetParam().hash_check;
  options.hash_threads = GetParam().threads;
  options.observer = &witness.observer;
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  gem_status_t status = Open(options, &bundle, &error);
  if (status != GEM_STATUS_OK) {
    ExpectNoMemory(status, error, witness);
    EXPECT_EQ(bundle, nullptr);
    EXPECT_EQ(allocator->live_blocks(), 0u);
    return false;
  }
  const BundlePtr closer(bundle);
  const size_t blocks = allocator->live_blocks();
  gem_session_options_t session_options;
  gem_session_options_init(&session_options);
  session_options.thread_count = GetParam().threads;
  session_options.observer = &witness.observer;
  gem_session_t* session = nullptr;
  status = gem_session_create(bundle, &session_options, &session, &error);
  if (status != GEM_STATUS_OK) {
    ExpectNoMemory(status, error, witness);
    EXPECT_EQ(session, nullptr);
    EXPECT_EQ(allocator->live_blocks(), blocks);
    // The bundle is as good as before: once there is memory, a session is made of it.
    allocator->FailAt(SIZE_MAX);
    const SessionPtr again = CreateSession(bundle, GetParam().threads);
    EXPECT_NE(again, nullptr);
    return false;
  }
  // A run takes nothing, so nothing of it can fail.
  const size_t calls = allocator->calls();
  const std::vector<int32_t> ids = TinyGem::Ids(TinyGem::kMaxTokens);
  EXPECT_EQ(gem_session_run_tokens(session, ids.data(), static_cast<uint32_t>(ids.size()), &error),
            GEM_STATUS_OK)
      << error.message;
  EXPECT_EQ(allocator->calls(), calls);
  gem_session_close(session);
  EXPECT_EQ(allocator->live_blocks(), blocks);
  return true;
}

// Each call in turn fails, alone.
TEST_P(AllocationFailureTest, EachAlone) {
  size_t call = 0;
  for (;; ++call) {
    SCOPED_TRACE(call);
    CountingAllocator allocator;
    allocator.FailAt(call);
    if (!Survives(&allocator)) continue;
    EXPECT_EQ(call, allocator.calls()) << "the first call number that was never reached";
    break;
  }
  EXPECT_GE(call, 10u);
}

// Each call in turn is the first of which all fail.
TEST_P(AllocationFailureTest, EachAndAllAfterIt) {
  for (size_t call = 0;; ++call) {
    SCOPED_TRACE(call);
    CountingAllocator allocator;
    allocator.FailFrom(call);
    if (Survives(&allocator)) break;
  }
}

// --- threads -------------------------------------------------------------------

struct ThreadLimit {
  explicit ThreadLimit(int threads) { g_threads_left = threads; }
  ~ThreadLimit() { g_threads_left = 1 << 20; }
};

TEST(ThreadFailureTest, EachThreadOfASession) {
  const AlignedBytes bytes(TinyGem().builder.Build());
  constexpr uint32_t kThreads = 8;
  for (int left = 0; left < static_cast<int>(kThreads) - 1; ++left) {
    CountingAllocator allocator;
    gem_bundle_options_t options;
    gem_bundle_options_init(&options);
    options.allocator = allocator.get();
    const BundlePtr bundle = OpenBundle(bytes, &options);
    const size_t blocks = allocator.live_blocks();
    gem_session_options_t session_options;
    gem_session_options_init(&session_options);
    session_options.thread_count = kThreads;
    gem_session_t* session = nullptr;
    gem_error_t error;
    {
      const ThreadLimit limit(left);
      EXPECT_EQ(gem_session_create(bundle.get(), &session_options, &session, &error),
                GEM_STATUS_IO);
    }
    EXPECT_EQ(session, nullptr);
    const std::string expected =
        "thread pool: cannot start thread " + std::to_string(left + 2) + " of 8: ";
    EXPECT_EQ(std::string(error.message).find(expected), 0u) << error.message;
    EXPECT_EQ(allocator.live_blocks(), blocks);
    // Nothing of the attempt is left: with threads to be had it works.
    const SessionPtr again = CreateSession(bundle.get(), kThreads);
    const std::vector<int32_t> ids = TinyGem::Ids(3);
    EXPECT_EQ(gem_session_run_tokens(again.get(), ids.data(), 3, &error), GEM_STATUS_OK);
  }
}

TEST(ThreadFailureTest, OneThreadNeedsNone) {
  const AlignedBytes bytes(TinyGem().builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const ThreadLimit limit(0);
  const SessionPtr session = CreateSession(bundle.get(), 1);
  const std::vector<int32_t> ids = TinyGem::Ids(3);
  gem_error_t error;
  EXPECT_EQ(gem_session_run_tokens(session.get(), ids.data(), 3, &error), GEM_STATUS_OK);
}

}  // namespace
}  // namespace gem::test
