// Memory that ends where it says, and an allocator that counts and has a limit.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block lies between two pages that nobody may touch, as far back as its alignment
// permits; the bytes between its end and the page are checked when it is released,
// and under AddressSanitizer nobody may touch those either. So reading or writing
// outside of it is seen in every build.
#ifndef GEM_TEST_RUNTIME_GUARDEDMEMORY_H
#define GEM_TEST_RUNTIME_GUARDEDMEMORY_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "gem/gem.h"

namespace gem::test {

class GuardedBlock {
 public:
  GuardedBlock() = default;
  // `data()` is null when the system has no memory.
  GuardedBlock(size_t size, size_t alignment);
  GuardedBlock(GuardedBlock&& other) noexcept;
  GuardedBlock& operator=(GuardedBlock&& other) noexcept;
  // Aborts with a message when the bytes after the block were written.
  ~GuardedBlock();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // From now on the block may only be read.
  void ProtectFromWriting();

 private:
  uint8_t* pages_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  bool is_protected_ = false;
};

// Bytes in a block of their own that may only be read.
GuardedBlock GuardedCopy(std::span<const uint8_t> bytes, size_t alignment);

class GuardedAllocator {
 public:
  explicit GuardedAllocator(size_t limit) : limit_(limit) {}
  // Aborts with a message when something was not released.
  ~GuardedAllocator();

  gem_allocator_t allocator() { return {this, &Allocate, &Release}; }

 private:
  static void* Allocate(void* self, size_t size, size_t alignment);
  static void Release(void* self, void* pointer, size_t size);

  size_t limit_;
  size_t used_ = 0;
  std::map<void*, GuardedBlock> blocks_;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_GUARDEDMEMORY_H
