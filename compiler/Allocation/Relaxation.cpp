// The linear relaxation of an allocation: its bound, prices and shares.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Allocation/Relaxation.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace gem;

namespace {

constexpr double kTolerance = 1e-9;
constexpr int kMaxIterations = 5000;
/// Cost of a unit over a budget while no mixture that keeps it is known.
constexpr double kBigPrice = 1e8;

enum class Kind { Worst, Slack, Excess, Choice };

/// A column of the program: rows are the domains, the budgets, and the shares' sum.
struct Column {
  Kind kind;
  std::vector<double> rows;
  double cost = 0;
  std::vector<size_t> choice; ///< Of Kind::Choice.
};

/// minimise z + meanWeight * sum_k share_k mean_k
/// such that sum_k share_k loss_kd - z + slack_d = 0       for each domain d
///           sum_k share_k cost_kb - excess_b + slack_b = budget_b
///           sum_k share_k = 1
class Simplex {
public:
  explicit Simplex(const ScaledProblem &problem)
      : problem(problem), numRows(problem.numDomains + problem.numBudgets + 1) {}

  Relaxation solve();

private:
  Column unit(Kind kind, size_t row) const {
    Column column{kind, std::vector<double>(numRows), 0, {}};
    column.rows[row] = kind == Kind::Excess ? -1 : 1;
    if (kind == Kind::Excess)
      column.cost = kBigPrice;
    return column;
  }
  Column worst() const {
    Column column{Kind::Worst, std::vector<double>(numRows), 1, {}};
    std::fill_n(column.rows.begin(), problem.numDomains, -1.0);
    return column;
  }
  Column whole(std::vector<size_t> choice) const;
  /// The choice that minimises sum_r weights_r * row_r + meanWeight * mean, and that minimum.
  std::vector<size_t> cheapest(const std::vector<double> &weights, double meanWeight,
                               double &minimum) const;
  void start();
  bool invert();

  const ScaledProblem &problem;
  size_t numRows;
  std::vector<Column> basis;
  std::vector<double> right;   ///< Right-hand side.
  std::vector<double> inverse; ///< Of the basis, row-major.
};

Column Simplex::whole(std::vector<size_t> choice) const {
  Column column{Kind::Choice, std::vector<double>(numRows), 0, std::move(choice)};
  for (size_t item = 0; item < problem.items.size(); ++item) {
    const std::vector<double> &values = problem.items[item][column.choice[item]];
    for (size_t row = 0; row + 1 < numRows; ++row)
      column.rows[row] += values[row];
  }
  for (size_t domain = 0; domain < problem.numDomains; ++domain)
    column.cost += problem.meanWeight / problem.numDomains * column.rows[domain];
  column.rows[numRows - 1] = 1;
  return column;
}

std::vector<size_t> Simplex::cheapest(const std::vector<double> &weights, double meanWeight,
                                      double &minimum) const {
  std::vector<double> all = weights;
  for (size_t domain = 0; domain < problem.numDomains; ++domain)
    all[domain] += meanWeight / problem.numDomains;
  std::vector<size_t> choice(problem.items.size());
  minimum = 0;
  for (size_t item = 0; item < problem.items.size(); ++item) {
    double best = std::numeric_limits<double>::infinity();
    for (size_t candidate = 0; candidate < problem.items[item].size(); ++candidate) {
      const std::vector<double> &values = problem.items[item][candidate];
      double value = 0;
      for (size_t row = 0; row + 1 < numRows; ++row)
        value += all[row] * values[row];
      if (value < best) {
        best = value;
        choice[item] = candidate;
      }
    }
    minimum += best;
  }
  return choice;
}

void Simplex::start() {
  size_t numDomains = problem.numDomains;
  right.assign(numRows, 0);
  right[numRows - 1] = 1;
  std::vector<double> weights(numRows - 1);
  for (size_t budget = 0; budget < problem.numBudgets; ++budget) {
    right[numDomains + budget] = problem.budgets[budget];
    weights[numDomains + budget] = 1 / std::max(problem.budgets[budget], 1e-9);
  }
  double ignored;
  Column first = whole(cheapest(weights, problem.numBudgets ? 0 : 1, ignored));
  size_t worstRow =
      std::max_element(first.rows.begin(), first.rows.begin() + numDomains) - first.rows.begin();
  for (size_t row = 0; row + 1 < numRows; ++row) {
    if (row == worstRow)
      basis.push_back(worst());
    else if (row >= numDomains && first.rows[row] > right[row])
      basis.push_back(unit(Kind::Excess, row));
    else
      basis.push_back(unit(Kind::Slack, row));
  }
  basis.push_back(std::move(first));
}

/// Gauss-Jordan with row pivoting; the basis is small.
bool Simplex::invert() {
  size_t n = numRows;
  std::vector<double> a(n * 2 * n);
  for (size_t column = 0; column < n; ++column)
    for (size_t row = 0; row < n; ++row)
      a[row * 2 * n + column] = basis[column].rows[row];
  for (size_t row = 0; row < n; ++row)
    a[row * 2 * n + n + row] = 1;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t row = k + 1; row < n; ++row)
      if (std::fabs(a[row * 2 * n + k]) > std::fabs(a[pivot * 2 * n + k]))
        pivot = row;
    if (std::fabs(a[pivot * 2 * n + k]) < 1e-14)
      return false;
    if (pivot != k)
      std::swap_ranges(a.begin() + k * 2 * n, a.begin() + (k + 1) * 2 * n,
                       a.begin() + pivot * 2 * n);
    double scale = 1 / a[k * 2 * n + k];
    for (size_t column = 0; column < 2 * n; ++column)
      a[k * 2 * n + column] *= scale;
    for (size_t row = 0; row < n; ++row) {
      double factor = a[row * 2 * n + k];
      if (row == k || factor == 0)
        continue;
      for (size_t column = 0; column < 2 * n; ++column)
        a[row * 2 * n + column] -= factor * a[k * 2 * n + column];
    }
  }
  inverse.resize(n * n);
  for (size_t row = 0; row < n; ++row)
    for (size_t column = 0; column < n; ++column)
      inverse[row * n + column] = a[row * 2 * n + n + column];
  return true;
}

Relaxation Simplex::solve() {
  size_t numDomains = problem.numDomains;
  Relaxation result;
  result.bound = 0;
  result.prices.assign(numRows - 1, 0);
  std::fill_n(result.prices.begin(), numDomains, 1.0 / numDomains);
  start();
  std::vector<double> values(numRows), duals(numRows), direction(numRows);
  bool optimal = false;
  for (int iteration = 0; iteration < kMaxIterations && invert(); ++iteration) {
    double objective = 0;
    for (size_t i = 0; i < numRows; ++i) {
      values[i] = 0;
      for (size_t row = 0; row < numRows; ++row)
        values[i] += inverse[i * numRows + row] * right[row];
      objective += basis[i].cost * values[i];
    }
    for (size_t row = 0; row < numRows; ++row) {
      duals[row] = 0;
      for (size_t i = 0; i < numRows; ++i)
        duals[row] += basis[i].cost * inverse[i * numRows + row];
    }

    // The column that enters: a slack or z of negative reduced cost, else a choice.
    Column entering;
    double reduced = -kTolerance;
    for (size_t row = 0; row + 1 < numRows; ++row)
      if (-duals[row] < reduced) {
        reduced = -duals[row];
        entering = unit(Kind::Slack, row);
      }
    double zReduced = 1;
    for (size_t domain = 0; domain < numDomains; ++domain)
      zReduced += duals[domain];
    if (zReduced < reduced) {
      reduced = zReduced;
      entering = worst();
    }
    if (reduced == -kTolerance) {
      std::vector<double> weights(numRows - 1);
      double sum = 0;
      for (size_t row = 0; row + 1 < numRows; ++row) {
        weights[row] = std::max(0.0, -duals[row]);
        sum += row < numDomains ? weights[row] : 0;
      }
      // The dual's value, if its prices of domains sum up to 1 at most.
      if (sum > 1)
        for (double &weight : weights)
          weight /= sum;
      double minimum;
      std::vector<size_t> choice = cheapest(weights, problem.meanWeight, minimum);
      double bound = minimum;
      for (size_t budget = 0; budget < problem.numBudgets; ++budget)
        bound -= weights[numDomains + budget] * problem.budgets[budget];
      if (bound > result.bound) {
        result.bound = bound;
        result.prices = weights;
      }
      entering = whole(std::move(choice));
      reduced = entering.cost;
      for (size_t row = 0; row < numRows; ++row)
        reduced -= duals[row] * entering.rows[row];
      if (reduced >= -kTolerance || objective - result.bound <= kTolerance * objective) {
        optimal = true;
        break;
      }
    }

    size_t leaving = numRows;
    double smallest = std::numeric_limits<double>::infinity(), pivot = 0;
    for (size_t i = 0; i < numRows; ++i) {
      direction[i] = 0;
      for (size_t row = 0; row < numRows; ++row)
        direction[i] += inverse[i * numRows + row] * entering.rows[row];
      if (direction[i] <= 1e-11)
        continue;
      double ratio = std::max(values[i], 0.0) / direction[i];
      if (ratio < smallest - 1e-13 || (ratio <= smallest + 1e-13 && direction[i] > pivot)) {
        smallest = std::min(smallest, ratio);
        pivot = direction[i];
        leaving = i;
      }
    }
    if (leaving == numRows)
      break;
    basis[leaving] = std::move(entering);
  }

  for (size_t i = 0; i < numRows; ++i) {
    if (basis[i].kind == Kind::Excess && values[i] > 1e-7 && optimal)
      result.feasible = false;
    if (basis[i].kind != Kind::Choice)
      continue;
    // Without the optimum, the last column that entered has the share of the one that left.
    result.choices.push_back(basis[i].choice);
    result.shares.push_back(std::max(values[i], 0.0));
  }
  return result;
}

} // namespace

Relaxation gem::relax(const ScaledProblem &problem) { return Simplex(problem).solve(); }
