// Memory through the caller's allocator, counted.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Memory.h"

#include <cstdlib>

#include "runtime/core/Status.h"

namespace gem {
namespace {

void* AllocateFromC(void*, size_t size, size_t alignment) {
  void* pointer = nullptr;
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  return posix_memalign(&pointer, alignment, size) == 0 ? pointer : nullptr;
}

void ReleaseToC(void*, void* pointer, size_t) { free(pointer); }

}  // namespace

gem_allocator_t DefaultAllocator() { return {nullptr, AllocateFromC, ReleaseToC}; }

gem_status_t CheckAllocator(const gem_allocator_t* allocator, gem_error_t* error) {
  if (allocator == nullptr || (allocator->allocate != nullptr && allocator->release != nullptr)) {
    return GEM_STATUS_OK;
  }
  return Fail(error, GEM_STATUS_INVALID_ARGUMENT, "allocator: expected %s, but got NULL"_msg,
              allocator->allocate == nullptr ? "an allocate function" : "a release function");
}

}  // namespace gem
