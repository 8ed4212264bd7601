// Counts what a test takes from the C library's allocator.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_ALLOCATIONCOUNTER_H
#define GEM_TEST_RUNTIME_ALLOCATIONCOUNTER_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

#include "gem/gem.h"

namespace gem::test {

// Calls of malloc and its kin by any thread while one of these lives; operator
// new is among them. Hooks malloc itself (or a sanitizer's), so it sees what the
// C library takes on our behalf too.
class MallocCounter {
 public:
  // The thread sanitizer's hook is not called for posix_memalign.
#if defined(__SANITIZE_THREAD__)
  static constexpr bool kSeesAligned = false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
  static constexpr bool kSeesAligned = false;
#else
  static constexpr bool kSeesAligned = true;
#endif
#else
  static constexpr bool kSeesAligned = true;
#endif

  MallocCounter();
  ~MallocCounter();
  size_t count() const;

 private:
  size_t start_;
};

// An allocator that counts, checks that what is given back was taken with that
// size, and can be made to fail.
class CountingAllocator {
 public:
  CountingAllocator();
  ~CountingAllocator();

  const gem_allocator_t* get() const { return &allocator_; }
  // The call, counted from 0, that gets null; and with FailFrom all after it too.
  void FailAt(size_t call) { fail_at_ = fail_last_ = call; }
  void FailFrom(size_t call) {
    fail_at_ = call;
    fail_last_ = SIZE_MAX;
  }

  size_t calls() const { return calls_; }
  size_t live_blocks() const { return live_.size(); }
  size_t live_bytes() const { return live_bytes_; }

 private:
  static void* Allocate(void* self, size_t size, size_t alignment);
  static void Release(void* self, void* pointer, size_t size);

  gem_allocator_t allocator_;
  std::mutex mutex_;
  std::map<void*, size_t> live_;
  size_t live_bytes_ = 0;
  size_t calls_ = 0;
  size_t fail_at_ = SIZE_MAX, fail_last_ = SIZE_MAX;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_ALLOCATIONCOUNTER_H
