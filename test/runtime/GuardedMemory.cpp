// Memory that ends where it says, and an allocator that counts and has a limit.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/GuardedMemory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

namespace gem::test {
namespace {

// What lies between a block's end and the page after it.
constexpr uint8_t kFiller = 0xA5;

size_t PageSize() {
  static const auto size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

[[noreturn]] void Die(const char* what, size_t size, size_t detail) {
  fprintf(stderr, "guarded memory: a block of %zu bytes: %s %zu\n", size, what, detail);
  abort();
}

// Pages with a guard at both ends that are not in use, by their size: a test makes
// many blocks, and the system takes its time. Never unmapped.
std::map<size_t, std::vector<uint8_t*>>& FreePages() {
  static auto* pages = new std::map<size_t, std::vector<uint8_t*>>;
  return *pages;
}
constexpr size_t kMostKept = size_t{1} << 20;  // of a mapping

uint8_t* TakePages(size_t mapped) {
  std::vector<uint8_t*>& free = FreePages()[mapped];
  if (!free.empty()) {
    uint8_t* pages = free.back();
    free.pop_back();
    return pages;
  }
  void* pages = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  auto* first = static_cast<uint8_t*>(pages);
  const size_t inner = mapped - 2 * PageSize();
  if (inner != 0 && mprotect(first + PageSize(), inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(pages, mapped);
    return nullptr;
  }
  return first;
}

}  // namespace

GuardedBlock::GuardedBlock(size_t size, size_t alignment) : size_(size) {
  const size_t inner = RoundUp(size, PageSize());
  if (inner < size || inner > (size_t{1} << 40) || alignment > PageSize()) return;
  mapped_ = inner + 2 * PageSize();
  pages_ = TakePages(mapped_);
  if (pages_ == nullptr) return;
  uint8_t* begin = pages_ + PageSize();
  data_ = begin + (inner - size) / alignment * alignment;
  ASAN_UNPOISON_MEMORY_REGION(begin, inner);
  uint8_t* end = data_ + size;
  const auto rest = static_cast<size_t>(begin + inner - end);
  memset(end, kFiller, rest);
  ASAN_POISON_MEMORY_REGION(begin, static_cast<size_t>(data_ - begin));
  ASAN_POISON_MEMORY_REGION(end, rest);
}

GuardedBlock::GuardedBlock(GuardedBlock&& other) noexcept { *this = std::move(other); }

GuardedBlock& GuardedBlock::operator=(GuardedBlock&& other) noexcept {
  std::swap(pages_, other.pages_);
  std::swap(mapped_, other.mapped_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(is_protected_, other.is_protected_);
  return *this;
}

GuardedBlock::~GuardedBlock() {
  if (pages_ == nullptr) return;
  uint8_t* begin = pages_ + PageSize();
  const size_t inner = mapped_ - 2 * PageSize();
  ASAN_UNPOISON_MEMORY_REGION(begin, inner);
  for (const uint8_t* byte = data_ + size_; byte < begin + inner; ++byte) {
    if (*byte != kFiller) {
      Die("something wrote past its end, at", size_, static_cast<size_t>(byte - data_));
    }
  }
  if (mapped_ > kMostKept) {
    munmap(pages_, mapped_);
    return;
  }
  if (is_protected_) mprotect(begin, inner, PROT_READ | PROT_WRITE);
  ASAN_POISON_MEMORY_REGION(begin, inner);
  FreePages()[mapped_].push_back(pages_);
}

void GuardedBlock::ProtectFromWriting() {
  is_protected_ = true;
  mprotect(pages_ + PageSize(), mapped_ - 2 * PageSize(), PROT_READ);
}

GuardedBlock GuardedCopy(std::span<const uint8_t> bytes, size_t alignment) {
  GuardedBlock block(bytes.size(), alignment);
  if (block.data() == nullptr) Die("no memory for a copy of", bytes.size(), bytes.size());
  if (!bytes.empty()) memcpy(block.data(), bytes.data(), bytes.size());
  block.ProtectFromWriting();
  return block;
}

GuardedAllocator::~GuardedAllocator() {
  if (!blocks_.empty()) {
    Die("it and others were never released; bytes in all:", blocks_.begin()->second.size(), used_);
  }
}

void* GuardedAllocator::Allocate(void* self, size_t size, size_t alignment) {
  auto* allocator = static_cast<GuardedAllocator*>(self);
  if (size > allocator->limit_ - allocator->used_) return nullptr;
  GuardedBlock block(size, alignment);
  uint8_t* data = block.data();
  if (data == nullptr) return nullptr;
  // What is read before it is written shows as NaN, and as an index out of bounds.
  memset(data, 0xFF, size);
  allocator->used_ += size;
  allocator->blocks_.emplace(data, std::move(block));
  return data;
}

void GuardedAllocator::Release(void* self, void* pointer, size_t size) {
  auto* allocator = static_cast<GuardedAllocator*>(self);
  const auto found = allocator->blocks_.find(pointer);
  if (found == allocator->blocks_.end()) Die("released, but never allocated:", size, 0);
  if (found->second.size() != size) {
    Die("released with another size:", found->second.size(), size);
  }
  allocator->used_ -= size;
  allocator->blocks_.erase(found);
}

}  // namespace gem::test
