// Places buffers with known lifetimes in one arena.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_MEMORY_ARENAPLANNER_H
#define GEM_PASSES_MEMORY_ARENAPLANNER_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace gem {

/// A buffer that is alive at the times [first, last], both included.
struct ArenaRequest {
  int64_t size; ///< Bytes, a multiple of the alignment.
  int64_t first, last;
};

struct ArenaPlan {
  std::vector<int64_t> offsets; ///< By request, bytes.
  int64_t size = 0;             ///< Of the arena, bytes.
  int64_t lowerBound = 0;       ///< The most bytes alive at one time.
};

/// Offsets such that buffers that are alive at the same time do not overlap.
/// Deterministic. Greedy by size with best fit (Pisarchyk and Lee, "Efficient Memory
/// Management for Deep Neural Net Inference", arXiv 2001.03288), in several orders.
ArenaPlan planArena(llvm::ArrayRef<ArenaRequest> requests);

} // namespace gem

#endif // GEM_PASSES_MEMORY_ARENAPLANNER_H
