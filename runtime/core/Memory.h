// Memory through the caller's allocator, counted.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_MEMORY_H
#define GEM_RUNTIME_CORE_MEMORY_H

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "gem/gem.h"

namespace gem {

// The C library's allocator.
gem_allocator_t DefaultAllocator();

// Checks that an allocator of the caller has its functions. Null is allowed.
gem_status_t CheckAllocator(const gem_allocator_t* allocator, gem_error_t* error);

// An allocator and the number of bytes that were taken from it.
class Memory {
 public:
  explicit Memory(const gem_allocator_t& allocator) : allocator_(allocator) {}

  void* Allocate(size_t size, size_t alignment) {
    void* pointer = allocator_.allocate(allocator_.self, size, alignment);
    if (pointer != nullptr) bytes_ += size;
    return pointer;
  }
  void Release(void* pointer, size_t size) {
    if (pointer == nullptr) return;
    allocator_.release(allocator_.self, pointer, size);
    bytes_ -= size;
  }

  uint64_t bytes() const { return bytes_; }
  const gem_allocator_t& allocator() const { return allocator_; }

 private:
  gem_allocator_t allocator_;
  uint64_t bytes_ = 0;
};

// Plain elements that are released with their owner. The elements start as zero
// bytes unless AllocateUninitialized took them.
template <typename T>
class Array {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { Reset(); }

  // False when there is no memory. Zero elements take none.
  [[nodiscard]] bool Allocate(Memory* memory, size_t count, size_t alignment = alignof(T)) {
    if (!AllocateUninitialized(memory, count, alignment)) return false;
    if (count != 0) memset(static_cast<void*>(data_), 0, count * sizeof(T));
    return true;
  }
  [[nodiscard]] bool AllocateUninitialized(Memory* memory, size_t count,
                                           size_t alignment = alignof(T)) {
    Reset();
    if (count == 0) return true;
    if (count > std::numeric_limits<size_t>::max() / sizeof(T)) return false;
    data_ = static_cast<T*>(memory->Allocate(count * sizeof(T), alignment));
    if (data_ == nullptr) return false;
    memory_ = memory;
    size_ = count;
    return true;
  }
  void Reset() {
    if (data_ != nullptr) memory_->Release(data_, size_ * sizeof(T));
    data_ = nullptr;
    size_ = 0;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  Memory* memory_ = nullptr;
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_MEMORY_H
