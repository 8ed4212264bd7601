// How many threads a tool computes with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_THREADS_H
#define GEM_TOOLS_COMMON_THREADS_H

#include <algorithm>
#include <cstdint>
#include <thread>

namespace gem::tools {

// The most that the runtime takes, so the most that --threads accepts.
inline constexpr uint32_t kMaxThreads = 256;

// As many as the machine has processors, as far as the runtime takes them. The system
// says 0 where it does not know.
inline uint32_t DefaultThreads(uint32_t processors = std::thread::hardware_concurrency()) {
  return std::clamp<uint32_t>(processors, 1, kMaxThreads);
}

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_THREADS_H
