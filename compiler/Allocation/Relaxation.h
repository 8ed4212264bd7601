// The linear relaxation of an allocation: its bound, prices and shares.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_ALLOCATION_RELAXATION_H
#define GEM_COMPILER_ALLOCATION_RELAXATION_H

#include <cstddef>
#include <vector>

namespace gem {

/// An allocation problem in plain numbers. Costs are what budgets limit.
struct ScaledProblem {
  size_t numDomains = 0, numBudgets = 0;
  /// By item and candidate: the losses by domain, then the costs by budget.
  std::vector<std::vector<std::vector<double>>> items;
  std::vector<double> budgets;
  double meanWeight = 0;

  double loss(size_t item, size_t candidate, size_t domain) const {
    return items[item][candidate][domain];
  }
  double cost(size_t item, size_t candidate, size_t budget) const {
    return items[item][candidate][numDomains + budget];
  }
};

struct Relaxation {
  bool feasible = true;      ///< False: not even mixtures keep the budgets.
  double bound = 0;           ///< No choice has a smaller objective.
  std::vector<double> prices; ///< Of a domain's loss (sum 1), then of a budget's cost; 0 or more.
  /// Whole choices, a candidate an item, that the optimum mixes; and with which shares.
  std::vector<std::vector<size_t>> choices;
  std::vector<double> shares;
};

/// Minimises max_d loss_d + meanWeight * mean_d loss_d over mixtures of choices whose mean
/// costs keep the budgets.
Relaxation relax(const ScaledProblem &problem);

} // namespace gem

#endif // GEM_COMPILER_ALLOCATION_RELAXATION_H
