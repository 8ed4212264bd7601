// Tests the allocation of formats against all choices there are.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Allocation/Allocator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double objectiveOf(const std::vector<double> &losses) {
  double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
  return *std::max_element(losses.begin(), losses.end()) + kMeanWeight * sum / losses.size();
}

/// More bytes and seconds lose less, by amounts that differ between items and domains.
AllocationProblem randomProblem(std::mt19937 &random, size_t items, size_t candidates,
                                size_t domains) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  AllocationProblem problem;
  for (size_t d = 0; d < domains; ++d)
    problem.domains.push_back("domain " + std::to_string(d));
  for (size_t i = 0; i < items; ++i) {
    AllocationItem &item = problem.items.emplace_back();
    item.name = "tensor " + std::to_string(i);
    double size = std::exp(4 * uniform(random)) * 1000;
    std::vector<double> sensitivity;
    for (size_t d = 0; d < domains; ++d)
      sensitivity.push_back(std::exp(3 * uniform(random)));
    for (size_t c = 0; c < candidates; ++c) {
      AllocationCandidate &candidate = item.candidates.emplace_back();
      double bits = 2 + 14.0 * c / candidates + uniform(random);
      candidate.format = "format " + std::to_string(c);
      candidate.bytes = static_cast<uint64_t>(size * bits / 8);
      candidate.seconds = size * 1e-6 * (2 + bits * uniform(random));
      for (double s : sensitivity)
        candidate.losses.push_back(s * std::pow(4.0, -bits) * (0.7 + 0.6 * uniform(random)));
    }
  }
  return problem;
}

struct Best {
  double objective = std::numeric_limits<double>::infinity();
};

Best bruteForce(const AllocationProblem &problem) {
  Best best;
  std::vector<size_t> choice(problem.items.size());
  while (true) {
    uint64_t bytes = problem.fixedBytes;
    double seconds = problem.fixedSeconds;
    std::vector<double> losses(problem.domains.size());
    for (size_t i = 0; i < choice.size(); ++i) {
      const AllocationCandidate &candidate = problem.items[i].candidates[choice[i]];
      bytes += candidate.bytes;
      seconds += candidate.seconds;
      for (size_t d = 0; d < losses.size(); ++d)
        losses[d] += candidate.losses[d];
    }
    if ((!problem.maxBytes || bytes <= *problem.maxBytes) &&
        (!problem.maxSeconds || seconds <= *problem.maxSeconds))
      best.objective = std::min(best.objective, objectiveOf(losses));
    size_t i = 0;
    while (i < choice.size() && ++choice[i] == problem.items[i].candidates.size())
      choice[i++] = 0;
    if (i == choice.size())
      return best;
  }
}

template <typename Function> double sumOver(const AllocationProblem &problem, Function function) {
  double sum = 0;
  for (const AllocationItem &item : problem.items)
    sum += function(item);
  return sum;
}

/// A budget of bytes between the least and the most.
uint64_t bytesBetween(const AllocationProblem &problem, double share) {
  double least =
      sumOver(problem, [](const AllocationItem &item) { return item.candidates.front().bytes; });
  double most =
      sumOver(problem, [](const AllocationItem &item) { return item.candidates.back().bytes; });
  return problem.fixedBytes + static_cast<uint64_t>(least + share * (most - least));
}

double minimumSeconds(const AllocationProblem &problem) {
  return sumOver(problem, [](const AllocationItem &item) {
    double least = std::numeric_limits<double>::infinity();
    for (const AllocationCandidate &candidate : item.candidates)
      least = std::min(least, candidate.seconds);
    return least;
  });
}

void expectConsistent(const AllocationProblem &problem, const Allocation &result) {
  uint64_t bytes = problem.fixedBytes;
  double seconds = problem.fixedSeconds;
  std::vector<double> losses(problem.domains.size());
  ASSERT_EQ(result.choices.size(), problem.items.size());
  for (size_t i = 0; i < result.choices.size(); ++i) {
    const AllocationCandidate &candidate = problem.items[i].candidates[result.choices[i]];
    bytes += candidate.bytes;
    seconds += candidate.seconds;
    for (size_t d = 0; d < losses.size(); ++d)
      losses[d] += candidate.losses[d];
  }
  EXPECT_EQ(result.bytes, bytes);
  EXPECT_DOUBLE_EQ(result.seconds, seconds);
  EXPECT_EQ(result.losses, losses);
  EXPECT_EQ(result.worstLoss, *std::max_element(losses.begin(), losses.end()));
  EXPECT_EQ(result.losses[result.worstDomain], result.worstLoss);
  EXPECT_DOUBLE_EQ(result.objective, objectiveOf(losses));
  if (problem.maxBytes)
    EXPECT_LE(result.bytes, *problem.maxBytes);
  if (problem.maxSeconds)
    EXPECT_LE(result.seconds, *problem.maxSeconds * (1 + 1e-9));
  EXPECT_LE(result.lowerBound, result.objective);
  EXPECT_NEAR(result.gap, 1 - result.lowerBound / result.objective, 1e-12);
}

TEST(Allocator, IsWithinItsGapOfTheBest) {
  std::mt19937 random(7);
  int numBest = 0, numProblems = 0;
  for (int trial = 0; trial < 60; ++trial) {
    AllocationProblem problem = randomProblem(random, 6, 4, 1 + trial % 4);
    problem.fixedBytes = 1000 * (trial % 3);
    problem.maxBytes = bytesBetween(problem, 0.02 + 0.9 * (trial % 7) / 6);
    Best best = bruteForce(problem);
    auto result = allocate(problem);
    ASSERT_TRUE(result.ok()) << result.status();
    expectConsistent(problem, *result);
    EXPECT_LE(result->lowerBound, best.objective * (1 + 1e-9));
    EXPECT_GE(result->objective, best.objective * (1 - 1e-9));
    EXPECT_LE(result->objective, best.objective * 1.3) << trial;
    ++numProblems;
    numBest += result->objective <= best.objective * (1 + 1e-9);
  }
  EXPECT_GE(numBest, numProblems * 0.95);
}

TEST(Allocator, KeepsBudgetsOfBytesAndSecondsTogether) {
  std::mt19937 random(8);
  int numFound = 0, numPossible = 0;
  for (int trial = 0; trial < 60; ++trial) {
    AllocationProblem problem = randomProblem(random, 5, 4, 3);
    problem.fixedSeconds = trial % 2 ? 0.01 : 0;
    problem.maxBytes = bytesBetween(problem, 0.1 + 0.1 * (trial % 5));
    problem.maxSeconds =
        problem.fixedSeconds + minimumSeconds(problem) * (1.02 + 0.1 * (trial % 7));
    Best best = bruteForce(problem);
    bool possible = std::isfinite(best.objective);
    auto result = allocate(problem);
    numPossible += possible;
    numFound += result.ok();
    if (!possible)
      EXPECT_FALSE(result.ok());
    if (!result.ok()) {
      EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(result.status().message()), HasSubstr("keeps both budgets"));
      continue;
    }
    expectConsistent(problem, *result);
    EXPECT_LE(result->lowerBound, best.objective * (1 + 1e-9));
    EXPECT_LE(result->objective, best.objective * 1.5) << trial;
  }
  EXPECT_GT(numPossible, 30);
  EXPECT_LT(numPossible, 60);
  EXPECT_GE(numFound, numPossible - 2);
}

TEST(Allocator, LimitsSecondsAlone) {
  std::mt19937 random(9);
  for (int trial = 0; trial < 20; ++trial) {
    AllocationProblem problem = randomProblem(random, 6, 4, 2);
    problem.maxSeconds = minimumSeconds(problem) * 1.2;
    Best best = bruteForce(problem);
    auto result = allocate(problem);
    ASSERT_TRUE(result.ok()) << result.status();
    expectConsistent(problem, *result);
    EXPECT_LE(result->objective, best.objective * 1.3);
    EXPECT_LE(result->lowerBound, best.objective * (1 + 1e-9));
  }
}

TEST(Allocator, TakesTheBestOfEachWithoutABudget) {
  std::mt19937 random(10);
  AllocationProblem problem = randomProblem(random, 6, 4, 3);
  auto result = allocate(problem);
  ASSERT_TRUE(result.ok());
  expectConsistent(problem, *result);
  EXPECT_NEAR(result->objective, bruteForce(problem).objective, 1e-12);
}

// A single domain in need outweighs a mean that gets better.
TEST(Allocator, PutsTheWorstDomainFirstAndTheMeanSecond) {
  AllocationProblem problem;
  problem.domains = {"a", "b"};
  problem.items = {
      {"first", {{"low", 1, 0, {4, 4}}, {"high", 2, 0, {4, 0}}}},
      {"second", {{"low", 1, 0, {1, 0}}, {"high", 2, 0, {0, 0}}}},
      {"third", {{"low", 1, 0, {0, 1}}, {"other", 1, 0, {0, 0.5}}}},
  };
  problem.maxBytes = 4;
  auto result = allocate(problem);
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->choices, ElementsAre(0, 1, 1));
  EXPECT_DOUBLE_EQ(result->worstLoss, 4.5);
  EXPECT_EQ(problem.domains[result->worstDomain], "b");
}

TEST(Allocator, GivesALargeProblemASmallGap) {
  std::mt19937 random(11);
  AllocationProblem problem = randomProblem(random, 300, 12, 16);
  for (double share : {0.05, 0.2, 0.5}) {
    problem.maxBytes = bytesBetween(problem, share);
    auto result = allocate(problem);
    ASSERT_TRUE(result.ok()) << result.status();
    expectConsistent(problem, *result);
    EXPECT_LT(result->gap, 0.01) << share;
    auto again = allocate(problem);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(result->choices, again->choices);
  }
}

TEST(Allocator, TellsTheSmallestPossibleAndWhatTakesIt) {
  std::mt19937 random(12);
  AllocationProblem problem;
  problem.domains = {""};
  problem.fixedBytes = 50;
  problem.items = {{"small", {{"int4", 10, 1, {1}}, {"int8", 20, 2, {0}}}},
                   {"table", {{"int8", 900, 5, {0}}, {"int3", 300, 2, {1}}}}};
  problem.maxBytes = 359;
  EXPECT_EQ(std::string(allocate(problem).status().message()),
            "the budget of 359 bytes cannot be met: the smallest possible is 360 bytes, of which "
            "50 bytes leave no choice; the largest at their smallest format are 'table' with 300 "
            "bytes in int3, 'small' with 10 bytes in int4");
  problem.maxBytes = 360;
  EXPECT_TRUE(allocate(problem).ok());
  problem.maxBytes = 10;
  EXPECT_EQ(allocate(problem).status().code(), absl::StatusCode::kFailedPrecondition);
  problem.maxBytes.reset();
  problem.maxSeconds = 2.5;
  EXPECT_THAT(std::string(allocate(problem).status().message()),
              HasSubstr("the smallest possible is 3 seconds"));
}

TEST(Allocator, RefusesIllFormedProblems) {
  AllocationProblem problem;
  EXPECT_EQ(allocate(problem).status().code(), absl::StatusCode::kInvalidArgument);
  problem.domains = {"a"};
  EXPECT_TRUE(allocate(problem).ok());
  problem.items = {{"empty", {}}};
  EXPECT_THAT(std::string(allocate(problem).status().message()),
              HasSubstr("'empty' has no format"));
  for (std::vector<double> losses :
       {std::vector<double>{}, {1, 2}, {-1}, {std::numeric_limits<double>::quiet_NaN()}}) {
    problem.items = {{"odd", {{"int8", 1, 0, losses}}}};
    EXPECT_THAT(std::string(allocate(problem).status().message()),
                HasSubstr("'odd' in int8: expected finite losses"));
  }
}

} // namespace
} // namespace gem
