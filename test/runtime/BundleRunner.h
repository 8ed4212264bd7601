// Opens a bundle that may be hostile and runs all of it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_BUNDLERUNNER_H
#define GEM_TEST_RUNTIME_BUNDLERUNNER_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "gem/gem.h"

namespace gem::test {

struct RunOptions {
  // Of all that the runtime allocates; more is refused as when there is none.
  size_t memory_limit = size_t{16} << 20;
  // Multiplications and the like; a run that needs more is left out.
  uint64_t operation_limit = 20'000'000;
  // Of the kernels; null: the best of this CPU.
  const char* cpu = nullptr;
  bool check_hashes = true;
};

struct RunResult {
  enum Kind {
    kRefused,     // by the loader
    kNoSession,   // opened, but a session was refused
    kRunRefused,  // values that are only known while it runs were refused
    kRun,         // to the end
    kTooMuch,     // opened, and a session made, but too much work to run
  };
  Kind kind = kRun;
  gem_status_t status = GEM_STATUS_OK;  // of the refusal
  std::string message;
};

// Opens `bytes` in memory that is guarded at both ends (GuardedMemory.h) and, for
// every entry of every variant, creates a session, and runs it with every symbol at its
// maximum and at its minimum, each with the largest and the smallest integers as
// inputs; all other inputs are NaN. An entry has run when one of these ran to the end.
// The result is that of the first entry that did not. Aborts with a message when a
// status and its message do not fit, when something is left allocated, or when a status
// is returned that no bundle may cause.
RunResult RunBundle(std::span<const uint8_t> bytes, const RunOptions& options = {});

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_BUNDLERUNNER_H
