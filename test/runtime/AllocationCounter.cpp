// Counts what a test takes from the C library's allocator.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/AllocationCounter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GEM_TEST_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GEM_TEST_SANITIZER 1
#endif
#endif

namespace {

std::atomic<int> g_counters{0};
std::atomic<size_t> g_count{0};

void Count() {
  if (g_counters.load(std::memory_order_relaxed) != 0) g_count.fetch_add(1);
}

}  // namespace

#ifdef GEM_TEST_SANITIZER

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, size_t),
                                                         void (*)(const volatile void*));

namespace {
const int g_installed = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t) { Count(); }, [](const volatile void*) {});
}  // namespace

#else  // glibc: functions of these names in the program come before the library's

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  Count();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  Count();
  return __libc_calloc(count, size);
}
void* realloc(void* pointer, size_t size) {
  Count();
  return __libc_realloc(pointer, size);
}
void* memalign(size_t alignment, size_t size) {
  Count();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  Count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  Count();
  void* pointer = __libc_memalign(alignment, size);
  if (pointer == nullptr) return ENOMEM;
  *out = pointer;
  return 0;
}
}

#endif

namespace gem::test {

MallocCounter::MallocCounter() : start_(g_count.load()) { g_counters.fetch_add(1); }
MallocCounter::~MallocCounter() { g_counters.fetch_sub(1); }
size_t MallocCounter::count() const { return g_count.load() - start_; }

CountingAllocator::CountingAllocator() : allocator_{this, Allocate, Release} {}

CountingAllocator::~CountingAllocator() {
  EXPECT_EQ(live_.size(), 0u) << "memory was not given back";
  for (auto& [pointer, size] : live_) free(pointer);
}

void* CountingAllocator::Allocate(void* opaque, size_t size, size_t alignment) {
  auto* self = static_cast<CountingAllocator*>(opaque);
  const std::lock_guard<std::mutex> lock(self->mutex_);
  EXPECT_GT(size, 0u);
  EXPECT_TRUE(alignment != 0 && (alignment & (alignment - 1)) == 0 && alignment <= 4096)
      << "alignment " << alignment;
  const size_t call = self->calls_++;
  if (call >= self->fail_at_ && call <= self->fail_last_) return nullptr;
  void* pointer = nullptr;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  if (posix_memalign(&pointer, alignment, size) != 0) return nullptr;
  self->live_[pointer] = size;
  self->live_bytes_ += size;
  return pointer;
}

void CountingAllocator::Release(void* opaque, void* pointer, size_t size) {
  auto* self = static_cast<CountingAllocator*>(opaque);
  const std::lock_guard<std::mutex> lock(self->mutex_);
  const auto found = self->live_.find(pointer);
  if (found == self->live_.end() || found->second != size) {
    ADD_FAILURE() << "gave back " << size << " bytes that were not taken so";
    return;
  }
  self->live_bytes_ -= size;
  self->live_.erase(found);
  free(pointer);
}

}  // namespace gem::test
