// What the runtime takes of memory for a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_RUNTIMEMEMORY_H
#define GEM_COMPILER_PIPELINE_RUNTIMEMEMORY_H

#include "absl/status/statusor.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <string>

namespace gem {

/// Bytes that an application's allocator is asked for, beside the mapped file.
struct RuntimeMemory {
  int64_t bundleBytes = 0;    ///< To keep the bundle open.
  int64_t sessionBytes = 0;   ///< By a session without its arena; 0: not known.
  int64_t tokenizerBytes = 0; ///< By a tokenizer; 0 without one.
};

/// Opens the bundle in a file as a device would, creates a session of `threads` threads and the
/// tokenizer, and counts. An error when the runtime refuses the bundle, which then must not
/// leave the compiler.
absl::StatusOr<RuntimeMemory> measureRuntimeMemory(const std::string &path, int64_t threads);

/// The same of a bundle in memory, aligned to 64 bytes.
absl::StatusOr<RuntimeMemory> measureRuntimeMemory(llvm::ArrayRef<char> bundle, int64_t threads);

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_RUNTIMEMEMORY_H
