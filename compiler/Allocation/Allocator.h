// Choosing a format for every tensor under a budget of bytes or time.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_ALLOCATION_ALLOCATOR_H
#define GEM_COMPILER_ALLOCATION_ALLOCATOR_H

#include "absl/status/statusor.h"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gem {

/// One way to store an item.
struct AllocationCandidate {
  std::string format; ///< For messages.
  uint64_t bytes = 0;
  double seconds = 0;         ///< Of a run; 0 where latency has no budget.
  std::vector<double> losses; ///< Predicted, by domain, 0 or more; losses of items add up.
};

/// A tensor, or a block of a table's rows.
struct AllocationItem {
  std::string name;
  std::vector<AllocationCandidate> candidates;
};

struct AllocationProblem {
  std::vector<std::string> domains; ///< At least one.
  std::vector<AllocationItem> items;
  /// What the items' share of the budgets comes on top of.
  uint64_t fixedBytes = 0;
  double fixedSeconds = 0;
  std::optional<uint64_t> maxBytes;
  std::optional<double> maxSeconds;
};

struct Allocation {
  std::vector<size_t> choices; ///< By item, the index of its candidate.
  uint64_t bytes = 0;          ///< With the fixed ones.
  double seconds = 0;
  std::vector<double> losses; ///< By domain.
  size_t worstDomain = 0;
  double worstLoss = 0, meanLoss = 0;
  /// worstLoss + kMeanWeight * meanLoss, and what no choice can be below.
  double objective = 0, lowerBound = 0;
  /// (objective - lowerBound) / objective; 0: the choice is the best there is.
  double gap = 0;
};

/// What the mean over the domains counts beside the worst domain: enough to choose between
/// choices that are equal in that one.
inline constexpr double kMeanWeight = 1e-2;

/// Chooses a candidate for every item such that the worst domain's loss is small first and
/// the mean of the domains second: a multiple-choice knapsack with a minimax objective. Its
/// linear relaxation is solved by the simplex method over whole choices, of which the best
/// next one is found item by item (Dantzig and Wolfe, Decomposition principle for linear
/// programs, 1960); its prices guide rounding, exchanges of one and two items, and restarts.
///
/// Plain f64 arithmetic in a fixed order: the same everywhere. InvalidArgument for an
/// ill-formed problem; FailedPrecondition when the budget cannot be met, with the smallest
/// possible and the items that take it.
absl::StatusOr<Allocation> allocate(const AllocationProblem &problem);

} // namespace gem

#endif // GEM_COMPILER_ALLOCATION_ALLOCATOR_H
