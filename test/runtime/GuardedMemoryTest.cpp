// That reading and writing outside of guarded memory does not go unseen.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/GuardedMemory.h"

#include <gtest/gtest.h>

namespace gem::test {
namespace {

TEST(GuardedMemoryDeathTest, EndsBeforeAPageThatNobodyMayTouch) {
  const GuardedBlock block(4096, 64);
  volatile uint8_t* data = block.data();
  data[4095] = 1;
  EXPECT_EQ(data[4095], 1);
  EXPECT_DEATH(data[4096] = 1, "");
  EXPECT_DEATH((void)data[4096], "");
  EXPECT_DEATH((void)data[-1], "");
}

TEST(GuardedMemoryDeathTest, SeesWritesBetweenItsEndAndThePage) {
  const auto write_past_end = [] {
    const GuardedBlock block(100, 64);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block.data()) % 64, 0u);
    static_cast<volatile uint8_t*>(block.data())[100] = 1;
  };
  EXPECT_DEATH(write_past_end(), "wrote past its end, at 100|AddressSanitizer");
}

TEST(GuardedMemoryDeathTest, CopiesAreOnlyRead) {
  const uint8_t bytes[3] = {1, 2, 3};
  const GuardedBlock block = GuardedCopy(bytes, 64);
  EXPECT_EQ(block.data()[2], 3);
  EXPECT_DEATH(static_cast<volatile uint8_t*>(block.data())[0] = 1, "");
}

TEST(GuardedMemoryDeathTest, AllocatorsSeeLeaksAndWrongSizes) {
  const auto leak = [] {
    GuardedAllocator memory(1000);
    const gem_allocator_t allocator = memory.allocator();
    allocator.allocate(allocator.self, 10, 8);
  };
  EXPECT_DEATH(leak(), "never released");
  const auto release_another_size = [] {
    GuardedAllocator memory(1000);
    const gem_allocator_t allocator = memory.allocator();
    allocator.release(allocator.self, allocator.allocate(allocator.self, 10, 8), 11);
  };
  EXPECT_DEATH(release_another_size(), "another size: 11");
}

TEST(GuardedMemory, AllocatorsHaveALimit) {
  GuardedAllocator memory(100);
  const gem_allocator_t allocator = memory.allocator();
  void* first = allocator.allocate(allocator.self, 60, 4096);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 4096, 0u);
  EXPECT_EQ(allocator.allocate(allocator.self, 41, 8), nullptr);
  void* second = allocator.allocate(allocator.self, 40, 8);
  EXPECT_NE(second, nullptr);
  allocator.release(allocator.self, second, 40);
  allocator.release(allocator.self, first, 60);
}

}  // namespace
}  // namespace gem::test
