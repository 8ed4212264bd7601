// Memory: all of it through the allocator, none while running, none lost.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "test/runtime/AllocationCounter.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"

namespace gem::test {
namespace {

class MemoryTest : public testing::TestWithParam<bool> {
 protected:
  TinyGem gem_{GetParam()};
  Bytes file_ = gem_.builder.Build();
  AlignedBytes bytes_{file_};
};

INSTANTIATE_TEST_SUITE_P(Programs, MemoryTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& info) {
                           return info.param ? "Padded" : "Dynamic";
                         });

// The hook sees what it must see.
TEST(MallocCounterTest, Counts) {
  const MallocCounter counter;
  EXPECT_EQ(counter.count(), 0u);
  const auto block = std::make_unique<int[]>(100);
  void* volatile aligned = nullptr;
  ASSERT_EQ(posix_memalign(const_cast<void**>(&aligned), 64, 100), 0);
  free(aligned);
  EXPECT_EQ(counter.count(), MallocCounter::kSeesAligned ? 2u : 1u) << block.get();
}

TEST_P(MemoryTest, RunsTakeNone) {
  for (const uint32_t threads : {1u, 2u, 4u}) {
    CountingAllocator allocator;
    gem_bundle_options_t options;
    gem_bundle_options_init(&options);
    options.allocator = allocator.get();
    const BundlePtr bundle = OpenBundle(bytes_, &options);
    const SessionPtr session = CreateSession(bundle.get(), threads);
    const std::vector<int32_t> ids = TinyGem::Ids(TinyGem::kMaxTokens);
    const size_t calls = allocator.calls();
    gem_error_t error;
    gem_tensor_t tensor;
    const MallocCounter counter;
    size_t failures = 0;
    for (int repeat = 0; repeat < 3; ++repeat) {
      for (uint32_t count = 1; count <= ids.size(); ++count) {
        failures += gem_session_run_tokens(session.get(), ids.data(), count, &error) != 0;
        failures +=
            gem_session_output_by_role(session.get(), GEM_ROLE_LOGITS, &tensor, &error) != 0;
        failures += gem_session_run(session.get(), &error) != 0;
      }
      // Neither do refusals.
      const int32_t bad = -1;
      failures += gem_session_run_tokens(session.get(), &bad, 1, &error) == 0;
      failures += gem_session_run_tokens(session.get(), &bad, 0, &error) == 0;
    }
    EXPECT_EQ(counter.count(), 0u) << threads << " threads";
    EXPECT_EQ(allocator.calls(), calls) << threads << " threads";
    EXPECT_EQ(failures, 0u);
  }
}

// A bundle and a session take nothing but through the allocator. Threads are the
// exception: the C library allocates for each that starts.
TEST_P(MemoryTest, EverythingComesFromTheAllocator) {
  // Room for what the allocator notes down about its blocks.
  static unsigned char pool[1 << 20];
  static size_t used;
  used = 0;
  const gem_allocator_t bump = {nullptr,
                                [](void*, size_t size, size_t alignment) -> void* {
                                  const auto base = reinterpret_cast<uintptr_t>(pool);
                                  const uintptr_t at =
                                      (base + used + alignment - 1) & ~(uintptr_t{alignment} - 1);
                                  if (at + size > base + sizeof(pool)) return nullptr;
                                  used = at + size - base;
                                  return reinterpret_cast<void*>(at);
                                },
                                [](void*, void*, size_t) {}};
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.allocator = &bump;
  gem_bundle_t* bundle = nullptr;
  gem_session_t* session = nullptr;
  gem_error_t error;
  const MallocCounter counter;
  gem_status_t status =
      gem_bundle_open_memory(bytes_.data(), bytes_.size(), &options, &bundle, &error);
  if (status == GEM_STATUS_OK) status = gem_session_create(bundle, nullptr, &session, &error);
  gem_session_close(session);
  gem_bundle_close(bundle);
  const size_t count = counter.count();
  ASSERT_EQ(status, GEM_STATUS_OK) << error.message;
  EXPECT_EQ(count, 0u);
}

TEST_P(MemoryTest, SessionBytesAreWhatTheAllocatorGave) {
  CountingAllocator allocator;
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.allocator = allocator.get();
  options.thread_count = 2;
  const BundlePtr bundle = OpenBundle(bytes_);
  gem_session_t* session = nullptr;
  gem_error_t error;
  ASSERT_EQ(gem_session_create(bundle.get(), &options, &session, &error), GEM_STATUS_OK);
  gem_session_info_t info;
  info.struct_size = sizeof(info);
  ASSERT_EQ(gem_session_info(session, &info), GEM_STATUS_OK);
  EXPECT_EQ(info.session_bytes, allocator.live_bytes());
  gem_session_close(session);
  EXPECT_EQ(allocator.live_blocks(), 0u);
}

// An arena that no machine has is refused, not fatal.
TEST(ArenaTest, TooLarge) {
  BundleBuilder b;
  const uint32_t x = b.AddBuffer(schema::ElementType::F32, {Constant(1 << 17), Constant(1 << 17)});
  b.AddInput("x", x, schema::Role::NONE);
  b.AddOutput("x", x, schema::Role::NONE);
  b.bundle().segments.clear();
  ASSERT_EQ(b.entry().arena_size, 64ull << 30);
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const gem_allocator_t small = {
      nullptr,
      [](void*, size_t size, size_t alignment) -> void* {
        void* pointer = nullptr;
        const bool ok = size <= (1 << 20) &&
                        posix_memalign(&pointer, std::max(alignment, sizeof(void*)), size) == 0;
        return ok ? pointer : nullptr;
      },
      [](void*, void* pointer, size_t) { free(pointer); }};
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.allocator = &small;
  gem_session_t* session = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_session_create(bundle.get(), &options, &session, &error), GEM_STATUS_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "session: no memory for an arena of 68719476736 bytes");
}

}  // namespace
}  // namespace gem::test
