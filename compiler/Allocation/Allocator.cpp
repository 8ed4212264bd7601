// Choosing a format for every tensor under a budget of bytes or time.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Allocation/Allocator.h"
#include "absl/strings/str_cat.h"
#include "compiler/Allocation/Relaxation.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

using namespace gem;

namespace {

/// Starts of the search, the best by their value after repair.
constexpr size_t kMaxStarts = 4;
constexpr int kMaxExchanges = 300;
/// Random restarts around the best choice: at most so many, and fewer for large problems,
/// which have small gaps anyway; a search looks at about all pairs of moves.
constexpr size_t kMaxKicks = 300;
constexpr size_t kKickPairs = 20'000'000;
constexpr size_t kKickMoves = 3;

/// A choice and its sums.
class State {
public:
  State(const ScaledProblem &problem, std::vector<size_t> choice)
      : problem(&problem), choice(std::move(choice)) {
    sum();
  }

  /// Sums from the beginning, so that a long search does not collect rounding.
  void sum() {
    sums.assign(problem->numDomains + problem->numBudgets, 0);
    for (size_t item = 0; item < choice.size(); ++item)
      for (size_t row = 0; row < sums.size(); ++row)
        sums[row] += problem->items[item][choice[item]][row];
  }
  void move(size_t item, size_t candidate) {
    choice[item] = candidate;
    sum();
  }
  const std::vector<double> &rows(size_t item, size_t candidate) const {
    return problem->items[item][candidate];
  }

  /// The objective after adding `deltas` (by domain; may be null).
  double objective(const double *a = nullptr, const double *b = nullptr) const {
    double worst = 0, total = 0;
    for (size_t domain = 0; domain < problem->numDomains; ++domain) {
      double loss = sums[domain] + (a ? a[domain] : 0) + (b ? b[domain] : 0);
      worst = std::max(worst, loss);
      total += loss;
    }
    return worst + problem->meanWeight * total / problem->numDomains;
  }
  /// How far the costs are over the budgets, as shares of them.
  double excess(const double *a = nullptr, const double *b = nullptr) const {
    double result = 0;
    for (size_t budget = 0; budget < problem->numBudgets; ++budget) {
      size_t row = problem->numDomains + budget;
      double over = sums[row] + (a ? a[row] : 0) + (b ? b[row] : 0) - problem->budgets[budget];
      // Rounding of the scaled sums must not decide.
      if (over > 1e-12)
        result += over;
    }
    return result;
  }

  const ScaledProblem *problem;
  std::vector<size_t> choice;
  std::vector<double> sums; ///< Losses by domain, costs by budget.
};

/// A change of one item.
struct Move {
  size_t item, candidate;
  double priced;              ///< Change of the loss at the relaxation's prices.
  std::vector<double> deltas; ///< Of the sums.
};

class Search {
public:
  Search(const ScaledProblem &problem, const Relaxation &relaxation)
      : problem(problem), weights(relaxation.prices) {
    for (size_t domain = 0; domain < problem.numDomains; ++domain)
      weights[domain] += problem.meanWeight / problem.numDomains;
  }

  /// The choice that is cheapest at the prices, costs included.
  std::vector<size_t> cheapest() const {
    std::vector<size_t> choice;
    for (const auto &candidates : problem.items) {
      size_t best = 0;
      double least = std::numeric_limits<double>::infinity();
      for (size_t candidate = 0; candidate < candidates.size(); ++candidate) {
        double value = priced(candidates[candidate], weights.size());
        if (value < least) {
          least = value;
          best = candidate;
        }
      }
      choice.push_back(best);
    }
    return choice;
  }

  /// Changes items until the budgets are kept: always the one that loses least for what it
  /// saves. False when it gets stuck.
  bool repair(State &state) const {
    while (state.excess() > 0) {
      double excess = state.excess(), best = std::numeric_limits<double>::infinity();
      const Move *chosen = nullptr;
      std::vector<Move> moves = movesOf(state);
      for (const Move &move : moves) {
        double saved = excess - state.excess(move.deltas.data());
        if (saved <= 0)
          continue;
        double rate = move.priced / saved;
        if (rate < best) {
          best = rate;
          chosen = &move;
        }
      }
      if (!chosen)
        return false;
      state.move(chosen->item, chosen->candidate);
    }
    return true;
  }

  /// Exchanges of one and of two items while they make the objective smaller.
  void improve(State &state) const {
    for (int round = 0; round < kMaxExchanges; ++round)
      if (!improveByOne(state) && !improveByTwo(state))
        return;
  }

  /// Searches on from the choice with a few items changed at random (fixed seed), and keeps
  /// what is better.
  void improveFromAround(State &best) const {
    std::vector<std::pair<size_t, size_t>> moves;
    for (size_t item = 0; item < problem.items.size(); ++item)
      for (size_t candidate = 0; candidate < problem.items[item].size(); ++candidate)
        moves.emplace_back(item, candidate);
    size_t pairs = moves.size() * moves.size();
    size_t kicks = pairs ? std::min(kMaxKicks, kKickPairs / pairs) : 0;
    std::mt19937 random(1);
    for (size_t kick = 0; kick < kicks; ++kick) {
      State state = best;
      for (size_t i = 0; i < kKickMoves; ++i) {
        auto [item, candidate] = moves[random() % moves.size()];
        state.move(item, candidate);
      }
      if (!repair(state))
        continue;
      improve(state);
      if (isLess(state.objective(), best.objective()))
        best = state;
    }
  }

private:
  double priced(const std::vector<double> &rows, size_t count) const {
    double value = 0;
    for (size_t row = 0; row < count; ++row)
      value += weights[row] * rows[row];
    return value;
  }

  std::vector<Move> movesOf(const State &state) const {
    std::vector<Move> moves;
    for (size_t item = 0; item < problem.items.size(); ++item) {
      const std::vector<double> &now = state.rows(item, state.choice[item]);
      for (size_t candidate = 0; candidate < problem.items[item].size(); ++candidate) {
        if (candidate == state.choice[item])
          continue;
        Move move{item, candidate, 0, state.rows(item, candidate)};
        for (size_t row = 0; row < now.size(); ++row)
          move.deltas[row] -= now[row];
        move.priced = priced(move.deltas, problem.numDomains);
        moves.push_back(std::move(move));
      }
    }
    return moves;
  }

  static bool isLess(double a, double b) { return a < b - 1e-12 * std::fabs(b); }

  bool improveByOne(State &state) const {
    double best = state.objective();
    std::vector<Move> moves = movesOf(state);
    const Move *chosen = nullptr;
    for (const Move &move : moves) {
      double objective = state.objective(move.deltas.data());
      if (isLess(objective, best) && state.excess(move.deltas.data()) == 0) {
        best = objective;
        chosen = &move;
      }
    }
    if (chosen)
      state.move(chosen->item, chosen->candidate);
    return chosen;
  }

  bool improveByTwo(State &state) const {
    double best = state.objective();
    std::vector<Move> moves = movesOf(state);
    std::stable_sort(moves.begin(), moves.end(),
                     [](const Move &a, const Move &b) { return a.priced < b.priced; });
    // The priced loss never exceeds the objective, so two moves that leave it above the
    // best objective cannot be better.
    double room = -priced(state.sums, problem.numDomains);
    const Move *first = nullptr, *second = nullptr;
    for (size_t i = 0; i < moves.size(); ++i)
      for (size_t j = i + 1; j < moves.size(); ++j) {
        const Move &a = moves[i], &b = moves[j];
        if (a.priced + b.priced >= best + room)
          break;
        if (a.item == b.item || state.excess(a.deltas.data(), b.deltas.data()) > 0)
          continue;
        double objective = state.objective(a.deltas.data(), b.deltas.data());
        if (isLess(objective, best)) {
          best = objective;
          first = &a;
          second = &b;
        }
      }
    if (!first)
      return false;
    state.move(first->item, first->candidate);
    state.move(second->item, second->candidate);
    return true;
  }

  const ScaledProblem &problem;
  std::vector<double> weights;
};

absl::Status check(const AllocationProblem &problem) {
  if (problem.domains.empty())
    return absl::InvalidArgumentError("expected the losses of at least one domain");
  for (const AllocationItem &item : problem.items) {
    if (item.candidates.empty())
      return absl::InvalidArgumentError(absl::StrCat("'", item.name, "' has no format to choose"));
    for (const AllocationCandidate &candidate : item.candidates) {
      bool good = candidate.losses.size() == problem.domains.size() && candidate.seconds >= 0 &&
                  std::isfinite(candidate.seconds);
      for (double loss : candidate.losses)
        good &= loss >= 0 && std::isfinite(loss);
      if (!good)
        return absl::InvalidArgumentError(
            absl::StrCat("'", item.name, "' in ", candidate.format, ": expected finite losses, ",
                         "0 or more, for ", problem.domains.size(), " domains, and seconds"));
    }
  }
  return absl::OkStatus();
}

/// What cannot be met: the least possible sum, and who takes it.
template <typename Amount>
absl::Status overBudget(const AllocationProblem &problem, Amount budget, Amount fixed,
                        Amount AllocationCandidate::*amount, const char *unit) {
  Amount least = fixed;
  std::vector<const AllocationCandidate *> smallest;
  for (const AllocationItem &item : problem.items) {
    smallest.push_back(
        &*std::min_element(item.candidates.begin(), item.candidates.end(),
                           [&](const AllocationCandidate &a, const AllocationCandidate &b) {
                             return a.*amount < b.*amount;
                           }));
    least += smallest.back()->*amount;
  }
  if (least <= budget)
    return absl::OkStatus();
  std::vector<size_t> order(smallest.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return smallest[a]->*amount > smallest[b]->*amount; });
  std::string message =
      absl::StrCat("the budget of ", budget, " ", unit, " cannot be met: the smallest possible is ",
                   least, " ", unit, ", of which ", fixed, " ", unit,
                   " leave no choice; the largest at their smallest format are");
  for (size_t i = 0; i < order.size() && i < 5; ++i)
    absl::StrAppend(&message, i ? ", '" : " '", problem.items[order[i]].name, "' with ",
                    smallest[order[i]]->*amount, " ", unit, " in ", smallest[order[i]]->format);
  return absl::FailedPreconditionError(message);
}

/// Costs as shares of what the budgets leave for the items; losses as shares of the
/// largest, which `lossScale` becomes.
ScaledProblem scale(const AllocationProblem &problem, double &lossScale) {
  ScaledProblem scaled;
  scaled.numDomains = problem.domains.size();
  scaled.meanWeight = kMeanWeight;
  double bytes = 0, seconds = 0;
  if (problem.maxBytes)
    bytes = std::max<double>(1, static_cast<double>(*problem.maxBytes - problem.fixedBytes));
  if (problem.maxSeconds)
    seconds = std::max(1e-12, *problem.maxSeconds - problem.fixedSeconds);
  if (problem.maxBytes)
    scaled.budgets.push_back(static_cast<double>(*problem.maxBytes - problem.fixedBytes) / bytes);
  if (problem.maxSeconds)
    scaled.budgets.push_back((*problem.maxSeconds - problem.fixedSeconds) / seconds);
  scaled.numBudgets = scaled.budgets.size();
  std::vector<double> most(scaled.numDomains);
  for (const AllocationItem &item : problem.items)
    for (size_t domain = 0; domain < most.size(); ++domain) {
      double largest = 0;
      for (const AllocationCandidate &candidate : item.candidates)
        largest = std::max(largest, candidate.losses[domain]);
      most[domain] += largest;
    }
  lossScale = *std::max_element(most.begin(), most.end());
  if (lossScale == 0)
    lossScale = 1;
  for (const AllocationItem &item : problem.items) {
    auto &candidates = scaled.items.emplace_back();
    for (const AllocationCandidate &candidate : item.candidates) {
      auto &rows = candidates.emplace_back();
      for (double loss : candidate.losses)
        rows.push_back(loss / lossScale);
      if (problem.maxBytes)
        rows.push_back(static_cast<double>(candidate.bytes) / bytes);
      if (problem.maxSeconds)
        rows.push_back(candidate.seconds / seconds);
    }
  }
  return scaled;
}

} // namespace

absl::StatusOr<Allocation> gem::allocate(const AllocationProblem &problem) {
  if (absl::Status status = check(problem); !status.ok())
    return status;
  if (problem.maxBytes)
    if (absl::Status status = overBudget(problem, *problem.maxBytes, problem.fixedBytes,
                                         &AllocationCandidate::bytes, "bytes");
        !status.ok())
      return status;
  if (problem.maxSeconds)
    if (absl::Status status = overBudget(problem, *problem.maxSeconds, problem.fixedSeconds,
                                         &AllocationCandidate::seconds, "seconds");
        !status.ok())
      return status;

  double lossScale;
  ScaledProblem scaled = scale(problem, lossScale);
  Relaxation relaxation = relax(scaled);
  Search search(scaled, relaxation);
  std::vector<State> starts;
  auto addStart = [&](std::vector<size_t> choice) {
    State state(scaled, std::move(choice));
    if (search.repair(state))
      starts.push_back(std::move(state));
  };
  addStart(search.cheapest());
  for (const std::vector<size_t> &choice : relaxation.choices)
    addStart(choice);
  if (relaxation.feasible && !relaxation.choices.empty()) {
    // Of each item, the candidate that the relaxation uses most.
    std::vector<size_t> most(scaled.items.size());
    for (size_t item = 0; item < most.size(); ++item) {
      std::vector<double> shares(scaled.items[item].size());
      for (size_t k = 0; k < relaxation.choices.size(); ++k)
        shares[relaxation.choices[k][item]] += relaxation.shares[k];
      most[item] = std::max_element(shares.begin(), shares.end()) - shares.begin();
    }
    addStart(std::move(most));
  }
  if (starts.empty())
    return absl::FailedPreconditionError(
        absl::StrCat("no choice of formats was found that keeps both budgets, ", *problem.maxBytes,
                     " bytes and ", *problem.maxSeconds, " seconds, though each alone can be met",
                     relaxation.feasible ? "" : ": none exists"));

  std::stable_sort(starts.begin(), starts.end(),
                   [](const State &a, const State &b) { return a.objective() < b.objective(); });
  starts.resize(std::min(starts.size(), kMaxStarts), starts.front());
  for (State &state : starts)
    search.improve(state);
  State best = *std::min_element(starts.begin(), starts.end(), [](const State &a, const State &b) {
    return a.objective() < b.objective();
  });
  search.improveFromAround(best);

  Allocation result;
  result.choices = best.choice;
  result.bytes = problem.fixedBytes;
  result.seconds = problem.fixedSeconds;
  result.losses.assign(problem.domains.size(), 0);
  for (size_t item = 0; item < problem.items.size(); ++item) {
    const AllocationCandidate &chosen = problem.items[item].candidates[best.choice[item]];
    result.bytes += chosen.bytes;
    result.seconds += chosen.seconds;
    for (size_t domain = 0; domain < result.losses.size(); ++domain)
      result.losses[domain] += chosen.losses[domain];
  }
  auto worst = std::max_element(result.losses.begin(), result.losses.end());
  result.worstDomain = worst - result.losses.begin();
  result.worstLoss = *worst;
  result.meanLoss = std::accumulate(result.losses.begin(), result.losses.end(), 0.0) /
                    static_cast<double>(result.losses.size());
  result.objective = result.worstLoss + kMeanWeight * result.meanLoss;
  result.lowerBound = std::min(relaxation.bound * lossScale, result.objective);
  if (result.objective > 0)
    result.gap = (result.objective - result.lowerBound) / result.objective;
  return result;
}
