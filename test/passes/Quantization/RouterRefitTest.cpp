// Tests of the router's fit to outputs that moved.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/RouterRefit.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"

using namespace gem::quant;

namespace {

constexpr int64_t kWidth = 24, kClasses = 6, kClusters = 8;

/// The decisions of a router, from their definition.
std::pair<bool, int64_t> decide(const Router &router, const float *x) {
  std::vector<double> logits;
  for (int64_t c = 0; c < router.classes(); ++c) {
    double sum = 0;
    for (int64_t k = 0; k < router.width; ++k)
      sum += static_cast<double>(router.routing[c * router.width + k]) * x[k];
    logits.push_back(sum);
  }
  double largest = 0, total = 0;
  for (double logit : logits) {
    total += std::exp(logit);
    largest = std::max(largest, std::exp(logit));
  }
  int64_t cluster = 0;
  double nearest = INFINITY;
  for (int64_t c = 0; c < router.clusters(); ++c) {
    double distance = 0;
    for (int64_t k = 0; k < router.width; ++k) {
      const double difference = static_cast<double>(router.centroids[c * router.width + k]) - x[k];
      distance += difference * difference;
    }
    if (distance < nearest) {
      nearest = distance;
      cluster = c;
    }
  }
  return {largest / total > router.threshold, cluster};
}

RouterFlips countFlips(const Router &before, const std::vector<float> &x, const Router &after,
                       const std::vector<float> &moved) {
  RouterFlips flips;
  for (size_t t = 0; t < x.size() / kWidth; ++t) {
    auto [routed, cluster] = decide(before, x.data() + t * kWidth);
    auto [routedNow, clusterNow] = decide(after, moved.data() + t * kWidth);
    ++flips.tokens;
    flips.routed += routed != routedNow;
    flips.cluster += cluster != clusterNow;
  }
  return flips;
}

/// Tokens around centroids, a router of their size, and a compression that turns and moves
/// them a little and adds noise.
class RouterRefitTest : public testing::Test {
protected:
  RouterRefitTest() {
    router.width = kWidth;
    router.centroids = bellValues(random, kClusters * kWidth);
    router.routing = bellValues(random, kClasses * kWidth, 0.3f);
    router.threshold = 0.65;
    for (int64_t i = 0; i < kWidth; ++i)
      for (int64_t j = 0; j < kWidth; ++j)
        turn.push_back((i == j ? 0.95f : 0.0f) + 0.05f * bell(random));
    shift = bellValues(random, kWidth, 0.2f);
  }

  std::vector<float> makeTokens(int64_t count) {
    std::vector<float> x = bellValues(random, count * kWidth, 0.8f);
    for (int64_t t = 0; t < count; ++t) {
      const int64_t cluster = static_cast<int64_t>(random() % kClusters);
      for (int64_t k = 0; k < kWidth; ++k)
        x[t * kWidth + k] += 0.5f * router.centroids[cluster * kWidth + k];
    }
    return x;
  }

  std::vector<float> compress(const std::vector<float> &x, float noise) {
    std::vector<float> moved(x.size());
    for (size_t t = 0; t < x.size() / kWidth; ++t)
      for (int64_t i = 0; i < kWidth; ++i) {
        float sum = shift[i] + noise * bell(random);
        for (int64_t j = 0; j < kWidth; ++j)
          sum += turn[i * kWidth + j] * x[t * kWidth + j];
        moved[t * kWidth + i] = sum;
      }
    return moved;
  }

  RouterRefitResult fit(const std::vector<float> &x, const std::vector<float> &moved,
                        unsigned threads = 1, RouterRefitOptions options = {}) {
    RouterRefit refit(router, options, threads);
    EXPECT_TRUE(refit.add(x, moved).ok());
    return refit.fit();
  }

  std::mt19937 random{1};
  Router router;
  std::vector<float> turn, shift;
};

TEST_F(RouterRefitTest, HalvesTheFlipsOfOtherTokens) {
  for (float noise : {0.0f, 0.05f}) {
    SCOPED_TRACE(noise);
    std::vector<float> x = makeTokens(6000), moved = compress(x, noise);
    RouterRefitResult result = fit(x, moved);
    EXPECT_EQ(result.tokens, 6000);
    EXPECT_EQ(result.before.tokens + result.heldOutBefore.tokens, 6000);

    // The reported counts are those of the definition.
    RouterFlips before = countFlips(router, x, router, moved);
    EXPECT_NEAR(before.routed, result.before.routed + result.heldOutBefore.routed, 1);
    EXPECT_NEAR(before.cluster, result.before.cluster + result.heldOutBefore.cluster, 1);
    RouterFlips after = countFlips(router, x, result.router, moved);
    EXPECT_NEAR(after.routed, result.after.routed + result.heldOutAfter.routed, 1);
    EXPECT_NEAR(after.cluster, result.after.cluster + result.heldOutAfter.cluster, 1);

    std::vector<float> unseen = makeTokens(3000), unseenMoved = compress(unseen, noise);
    RouterFlips unseenBefore = countFlips(router, unseen, router, unseenMoved);
    RouterFlips unseenAfter = countFlips(router, unseen, result.router, unseenMoved);
    ASSERT_GT(unseenBefore.routed, 100);
    ASSERT_GT(unseenBefore.cluster, 100);
    EXPECT_LT(unseenAfter.routed, 0.5 * unseenBefore.routed);
    EXPECT_LT(unseenAfter.cluster, 0.6 * unseenBefore.cluster);
  }
}

TEST_F(RouterRefitTest, RegressionUndoesALinearChange) {
  // Without a shift and noise there is a W' that gives the very logits.
  shift.assign(kWidth, 0.0f);
  std::vector<float> x = makeTokens(2000), moved = compress(x, 0);
  RouterRefitResult result = fit(x, moved, 1, {.ridge = 1e-9, .epochs = 0});
  EXPECT_LE(result.after.routed + result.heldOutAfter.routed, 1);
  for (int64_t c = 0; c < kClasses; ++c)
    for (int64_t k = 0; k < kWidth; ++k) {
      double sum = 0; // W' turn = W
      for (int64_t i = 0; i < kWidth; ++i)
        sum += static_cast<double>(result.router.routing[c * kWidth + i]) * turn[i * kWidth + k];
      EXPECT_NEAR(sum, router.routing[c * kWidth + k], 1e-3);
    }
}

TEST_F(RouterRefitTest, LeavesARouterThatIsRight) {
  std::vector<float> x = makeTokens(1000);
  RouterRefitResult result = fit(x, x);
  EXPECT_EQ(result.after.routed + result.heldOutAfter.routed, 0);
  EXPECT_EQ(result.after.cluster + result.heldOutAfter.cluster, 0);
  EXPECT_EQ(result.router.routing, router.routing);
  EXPECT_EQ(result.router.centroids, router.centroids);
}

TEST_F(RouterRefitTest, SameForAnyThreadsAndBatches) {
  std::vector<float> x = makeTokens(1500), moved = compress(x, 0.05f);
  RouterRefitOptions options{.keptTokens = 700};
  RouterRefitResult one = fit(x, moved, 1, options);
  EXPECT_EQ(one.before.tokens + one.heldOutBefore.tokens, 700);
  for (unsigned threads : {2u, 3u}) {
    RouterRefitResult many = fit(x, moved, threads, options);
    EXPECT_EQ(many.router.routing, one.router.routing);
    EXPECT_EQ(many.router.centroids, one.router.centroids);
  }
  RouterRefit parts(router, options, 1);
  for (size_t first = 0; first < x.size(); first += 100 * kWidth)
    ASSERT_TRUE(
        parts.add({x.data() + first, 100 * kWidth}, {moved.data() + first, 100 * kWidth}).ok());
  RouterRefitResult result = parts.fit();
  EXPECT_EQ(result.tokens, 1500);
  EXPECT_EQ(result.router.routing, one.router.routing);
  EXPECT_EQ(result.router.centroids, one.router.centroids);
}

TEST_F(RouterRefitTest, FewTokens) {
  EXPECT_EQ(fit({}, {}).router.routing, router.routing);
  std::vector<float> x = makeTokens(2);
  RouterRefitResult result = fit(x, compress(x, 0.1f));
  for (float value : result.router.routing)
    EXPECT_TRUE(std::isfinite(value));
  for (float value : result.router.centroids)
    EXPECT_TRUE(std::isfinite(value));
  // One cluster, one class.
  Router small{kWidth, std::vector<float>(kWidth, 0.1f), std::vector<float>(kWidth, 1.0f), 0.5};
  RouterRefit refit(small, {}, 1);
  ASSERT_TRUE(refit.add(x, x).ok());
  EXPECT_EQ(refit.fit().after.cluster, 0);
}

TEST_F(RouterRefitTest, RefusesOddRows) {
  RouterRefit refit(router, {}, 1);
  std::vector<float> x = makeTokens(2), bad = x;
  bad[kWidth + 1] = NAN;
  EXPECT_FALSE(refit.add(x, bad).ok());
  EXPECT_FALSE(refit.add(bad, x).ok());
  EXPECT_FALSE(refit.add(x, {x.data(), kWidth}).ok());
  EXPECT_FALSE(refit.add({x.data(), 5}, {x.data(), 5}).ok());
  EXPECT_EQ(refit.fit().tokens, 0);
}

} // namespace
