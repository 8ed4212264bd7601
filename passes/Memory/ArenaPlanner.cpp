// Places buffers with known lifetimes in one arena.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Memory/ArenaPlanner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include <algorithm>
#include <functional>
#include <limits>
#include <map>

using namespace gem;

namespace {

/// Places the requests in the given order, each in the tightest gap that is free during
/// its whole life, or after everything it lives together with.
ArenaPlan placeInOrder(llvm::ArrayRef<ArenaRequest> requests, llvm::ArrayRef<size_t> order) {
  ArenaPlan plan;
  plan.offsets.assign(requests.size(), 0);
  std::vector<size_t> placed; // by offset
  for (size_t index : order) {
    const ArenaRequest &request = requests[index];
    int64_t end = 0, best = -1, bestGap = std::numeric_limits<int64_t>::max();
    for (size_t other : placed) {
      const ArenaRequest &neighbour = requests[other];
      if (neighbour.last < request.first || request.last < neighbour.first)
        continue;
      int64_t gap = plan.offsets[other] - end;
      if (gap >= request.size && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
      end = std::max(end, plan.offsets[other] + neighbour.size);
    }
    plan.offsets[index] = best >= 0 ? best : end;
    plan.size = std::max(plan.size, plan.offsets[index] + request.size);
    auto at = std::upper_bound(placed.begin(), placed.end(), index, [&](size_t a, size_t b) {
      return plan.offsets[a] < plan.offsets[b];
    });
    placed.insert(at, index);
  }
  return plan;
}

} // namespace

ArenaPlan gem::planArena(llvm::ArrayRef<ArenaRequest> requests) {
  std::map<int64_t, int64_t> change; // bytes that come alive at a time
  for (const ArenaRequest &request : requests) {
    change[request.first] += request.size;
    change[request.last + 1] -= request.size;
  }
  int64_t alive = 0, lowerBound = 0;
  for (auto [time, bytes] : change)
    lowerBound = std::max(lowerBound, alive += bytes);

  auto duration = [&](size_t i) { return requests[i].last - requests[i].first; };
  using Before = std::function<bool(size_t, size_t)>;
  const Before orders[] = {
      // By size, the long-lived first among equals.
      [&](size_t a, size_t b) {
        return std::pair(-requests[a].size, -duration(a)) <
               std::pair(-requests[b].size, -duration(b));
      },
      // By the time they come alive, the large first.
      [&](size_t a, size_t b) {
        return std::pair(requests[a].first, -requests[a].size) <
               std::pair(requests[b].first, -requests[b].size);
      },
      // The long-lived first.
      [&](size_t a, size_t b) {
        return std::pair(-duration(a), -requests[a].size) <
               std::pair(-duration(b), -requests[b].size);
      },
  };
  ArenaPlan best;
  for (const Before &before : orders) {
    auto order = llvm::to_vector(llvm::seq<size_t>(0, requests.size()));
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return before(a, b) || (!before(b, a) && a < b); });
    ArenaPlan plan = placeInOrder(requests, order);
    if (best.offsets.empty() || plan.size < best.size)
      best = std::move(plan);
  }
  best.lowerBound = lowerBound;
  return best;
}
