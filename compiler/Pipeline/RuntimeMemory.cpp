// What the runtime takes of memory for a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/RuntimeMemory.h"
#include "gem/gem.h"
#include "gem/text.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <algorithm>
#include <cstdlib>

using namespace gem;

namespace {

/// The C library's memory, counted.
struct CountingAllocator {
  int64_t bytes = 0;

  gem_allocator_t functions() {
    return {this,
            [](void *self, size_t size, size_t alignment) -> void * {
              void *memory = nullptr;
              alignment = alignment < sizeof(void *) ? sizeof(void *) : alignment;
              if (posix_memalign(&memory, alignment, size) != 0)
                return nullptr;
              static_cast<CountingAllocator *>(self)->bytes += static_cast<int64_t>(size);
              return memory;
            },
            [](void *self, void *memory, size_t size) {
              static_cast<CountingAllocator *>(self)->bytes -= static_cast<int64_t>(size);
              free(memory);
            }};
  }
};

constexpr int64_t kMostThreads = 256; // of a session

absl::Status refusal(const gem_error_t &error) {
  return absl::InternalError(std::string("the runtime refuses the bundle that was made: ") +
                             error.message);
}

/// How a bundle is opened.
using Open = llvm::function_ref<gem_status_t(const gem_bundle_options_t *options,
                                             gem_bundle_t **bundle, gem_error_t *error)>;

absl::StatusOr<RuntimeMemory> measure(Open open, int64_t threads) {
  CountingAllocator counter;
  gem_allocator_t allocator = counter.functions();
  gem_bundle_options_t bundleOptions;
  gem_bundle_options_init(&bundleOptions);
  bundleOptions.allocator = &allocator;
  gem_error_t error{};
  gem_bundle_t *bundle = nullptr;
  if (open(&bundleOptions, &bundle, &error) != GEM_STATUS_OK)
    return refusal(error);
  RuntimeMemory memory;
  memory.bundleBytes = counter.bytes;
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.thread_count = static_cast<uint32_t>(std::clamp<int64_t>(threads, 1, kMostThreads));
  options.variant = 0;
  gem_session_t *session = nullptr;
  gem_status_t created = gem_session_create(bundle, &options, &session, &error);
  if (created != GEM_STATUS_OK) {
    gem_bundle_close(bundle);
    // An arena that only this machine has no memory for says nothing about the bundle.
    return created == GEM_STATUS_OUT_OF_MEMORY ? absl::StatusOr<RuntimeMemory>(memory)
                                               : refusal(error);
  }
  gem_session_info_t info{};
  info.struct_size = sizeof(info);
  (void)gem_session_info(session, &info);
  memory.sessionBytes = static_cast<int64_t>(info.session_bytes - info.arena_bytes);
  gem_session_close(session);

  CountingAllocator tokenizerCounter;
  gem_allocator_t functions = tokenizerCounter.functions();
  gem_tokenizer_t *tokenizer = nullptr;
  gem_status_t status = gem_tokenizer_create(bundle, &functions, &tokenizer, &error);
  memory.tokenizerBytes = tokenizerCounter.bytes;
  gem_tokenizer_close(tokenizer);
  gem_bundle_close(bundle);
  if (status != GEM_STATUS_OK && status != GEM_STATUS_NOT_FOUND) // without one is fine
    return refusal(error);
  return memory;
}

} // namespace

absl::StatusOr<RuntimeMemory> gem::measureRuntimeMemory(const std::string &path, int64_t threads) {
  return measure(
      [&](const gem_bundle_options_t *options, gem_bundle_t **bundle, gem_error_t *error) {
        return gem_bundle_open(path.c_str(), options, bundle, error);
      },
      threads);
}

absl::StatusOr<RuntimeMemory> gem::measureRuntimeMemory(llvm::ArrayRef<char> bytes,
                                                        int64_t threads) {
  return measure(
      [&](const gem_bundle_options_t *options, gem_bundle_t **bundle, gem_error_t *error) {
        return gem_bundle_open_memory(bytes.data(), bytes.size(), options, bundle, error);
      },
      threads);
}
