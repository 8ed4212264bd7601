// Tests of the arena planner against what a plan must be, on random and on model-like
// buffers.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Memory/ArenaPlanner.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>

using namespace gem;

namespace {

/// The most bytes alive at one time, counted time by time.
int64_t mostAlive(const std::vector<ArenaRequest> &requests) {
  int64_t end = 0, most = 0;
  for (const ArenaRequest &request : requests)
    end = std::max(end, request.last);
  for (int64_t time = 0; time <= end; ++time) {
    int64_t alive = 0;
    for (const ArenaRequest &request : requests)
      if (request.first <= time && time <= request.last)
        alive += request.size;
    most = std::max(most, alive);
  }
  return most;
}

/// Checks that `plan` is one for `requests`.
void expectValid(const std::vector<ArenaRequest> &requests, const ArenaPlan &plan) {
  ASSERT_EQ(plan.offsets.size(), requests.size());
  int64_t end = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_GE(plan.offsets[i], 0);
    EXPECT_EQ(plan.offsets[i] % 64, 0) << "request " << i;
    end = std::max(end, plan.offsets[i] + requests[i].size);
    for (size_t j = 0; j < i; ++j) {
      bool bothAlive =
          requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
      bool overlap = plan.offsets[i] < plan.offsets[j] + requests[j].size &&
                     plan.offsets[j] < plan.offsets[i] + requests[i].size;
      EXPECT_FALSE(bothAlive && overlap) << "requests " << j << " and " << i;
    }
  }
  EXPECT_EQ(plan.size, end);
  EXPECT_EQ(plan.lowerBound, mostAlive(requests));
  EXPECT_GE(plan.size, plan.lowerBound);
}

std::vector<ArenaRequest> randomRequests(std::mt19937 &random) {
  auto upTo = [&](int64_t most) { return static_cast<int64_t>(random() % (most + 1)); };
  std::vector<ArenaRequest> requests(upTo(40));
  const int64_t calls = 1 + upTo(30), sizes = 1 + upTo(50), life = upTo(10);
  for (ArenaRequest &request : requests) {
    request.size = 64 * (1 + upTo(sizes));
    request.first = upTo(calls);
    request.last = request.first + upTo(life);
  }
  return requests;
}

/// The buffers of a BERT encoder of `layers`, as the pipeline makes them: residual sums
/// and normalizations in place, so that q, k, v, the attention and the layer's values are
/// what lives, with the inner layer `inner` times as wide.
std::vector<ArenaRequest> encoder(int64_t layers, int64_t tokens, int64_t width, int64_t inner) {
  const int64_t size = (tokens * width * 4 + 63) / 64 * 64;
  std::vector<ArenaRequest> requests;
  requests.push_back({(tokens * 4 + 63) / 64 * 64, 0, 1}); // ids
  int64_t time = 1;
  for (int64_t layer = 0; layer < layers; ++layer, time += 6) {
    requests.push_back({size, time, time + 5});             // x, until it was added
    requests.push_back({size, time + 1, time + 4});         // q
    requests.push_back({size, time + 2, time + 4});         // k
    requests.push_back({size, time + 3, time + 4});         // v
    requests.push_back({size, time + 4, time + 5});         // attention
    requests.push_back({inner * size, time + 5, time + 6}); // inner layer
  }
  requests.push_back({size, time, time + 1});
  return requests;
}

TEST(ArenaPlanner, PlansRandomRequests) {
  std::mt19937 random(20240501);
  for (int round = 0; round < 2000 && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    std::vector<ArenaRequest> requests = randomRequests(random);
    ArenaPlan plan = planArena(requests);
    expectValid(requests, plan);
    int64_t sum = 0;
    for (const ArenaRequest &request : requests)
      sum += request.size;
    EXPECT_LE(plan.size, sum);
  }
}

TEST(ArenaPlanner, IsDeterministic) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaRequest> requests = randomRequests(random);
    ArenaPlan first = planArena(requests), second = planArena(requests);
    EXPECT_EQ(first.offsets, second.offsets);
    EXPECT_EQ(first.size, second.size);
  }
}

TEST(ArenaPlanner, StaysNearTheLowerBoundOfEncoders) {
  for (int64_t layers : {1, 2, 12})
    for (int64_t tokens : {1, 64, 128, 512})
      for (int64_t width : {64, 128, 768})
        for (int64_t inner : {1, 2, 4}) {
          SCOPED_TRACE(testing::Message()
                       << layers << " layers, " << tokens << " tokens of " << width);
          std::vector<ArenaRequest> requests = encoder(layers, tokens, width, inner);
          ArenaPlan plan = planArena(requests);
          expectValid(requests, plan);
          EXPECT_LE(static_cast<double>(plan.size), 1.15 * static_cast<double>(plan.lowerBound));
        }
}

TEST(ArenaPlanner, SharesMemoryOfBuffersThatFollowEachOther) {
  std::vector<ArenaRequest> requests;
  for (int64_t i = 0; i < 20; ++i)
    requests.push_back({64 * (i % 5 + 1), i, i});
  ArenaPlan plan = planArena(requests);
  expectValid(requests, plan);
  EXPECT_EQ(plan.size, 64 * 5);
}

TEST(ArenaPlanner, SharesNothingOfBuffersThatAllLive) {
  std::vector<ArenaRequest> requests;
  for (int64_t i = 0; i < 20; ++i)
    requests.push_back({64 * (i % 5 + 1), 3, 3 + i});
  ArenaPlan plan = planArena(requests);
  expectValid(requests, plan);
  EXPECT_EQ(plan.size, plan.lowerBound);
}

TEST(ArenaPlanner, LifeIncludesItsLastCall) {
  std::vector<ArenaRequest> requests{{64, 0, 1}, {64, 1, 2}};
  ArenaPlan plan = planArena(requests);
  expectValid(requests, plan);
  EXPECT_EQ(plan.size, 128);
}

TEST(ArenaPlanner, UsesTheTightestGap) {
  // With the four long buffers in place, a gap of 3 and one of 1 are left from time 2 on.
  std::vector<ArenaRequest> requests{{64 * 10, 0, 9}, {64 * 3, 0, 1}, {64 * 9, 0, 9},
                                     {64 * 1, 0, 1},  {64 * 8, 0, 9}, {64 * 1, 2, 9},
                                     {64 * 3, 2, 9}};
  ArenaPlan plan = planArena(requests);
  expectValid(requests, plan);
  EXPECT_EQ(plan.size, plan.lowerBound);
}

TEST(ArenaPlanner, PlansNothing) {
  ArenaPlan plan = planArena({});
  EXPECT_TRUE(plan.offsets.empty());
  EXPECT_EQ(plan.size, 0);
  EXPECT_EQ(plan.lowerBound, 0);
}

} // namespace
