// Tests of k-means against a straightforward one in double precision.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Routing/KMeans.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace gem;

namespace {

/// A number in [-1, 1).
float uniform(std::mt19937 &random) { return static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f; }

std::vector<float> randomRows(std::mt19937 &random, int64_t count, int64_t width) {
  std::vector<float> rows(count * width);
  for (float &value : rows)
    value = uniform(random);
  return rows;
}

/// Lloyd's iteration as a textbook has it, in double precision.
struct Oracle {
  Oracle(const std::vector<float> &rows, int64_t width, const std::vector<float> &start)
      : rows(rows), width(width), centroids(start.begin(), start.end()) {}

  double distance(int64_t row, int64_t cluster) const {
    double sum = 0;
    for (int64_t d = 0; d < width; ++d) {
      double difference = rows[row * width + d] - centroids[cluster * width + d];
      sum += difference * difference;
    }
    return sum;
  }

  bool assign() {
    std::vector<int32_t> next;
    inertia = 0;
    for (size_t row = 0; row < rows.size() / width; ++row) {
      int32_t best = 0;
      for (size_t cluster = 1; cluster < centroids.size() / width; ++cluster)
        if (distance(row, cluster) < distance(row, best))
          best = static_cast<int32_t>(cluster);
      next.push_back(best);
      inertia += distance(row, best);
    }
    bool changed = next != assignment;
    assignment = std::move(next);
    return changed;
  }

  void update() {
    std::vector<double> sums(centroids.size(), 0.0);
    std::vector<int64_t> counts(centroids.size() / width, 0);
    for (size_t row = 0; row < assignment.size(); ++row) {
      ++counts[assignment[row]];
      for (int64_t d = 0; d < width; ++d)
        sums[assignment[row] * width + d] += rows[row * width + d];
    }
    for (size_t cluster = 0; cluster < counts.size(); ++cluster) {
      if (counts[cluster] == 0) {
        sawEmpty = true; // and stays where it is
        continue;
      }
      for (int64_t d = 0; d < width; ++d)
        centroids[cluster * width + d] = sums[cluster * width + d] / counts[cluster];
    }
  }

  void run(unsigned maxIterations) {
    for (unsigned i = 0; i < maxIterations && assign(); ++i)
      update();
    assign();
  }

  const std::vector<float> &rows;
  int64_t width;
  std::vector<double> centroids;
  std::vector<int32_t> assignment;
  double inertia = 0;
  bool sawEmpty = false;
};

TEST(KMeans, AgreesWithTheOracleFromTheSameStart) {
  std::mt19937 random(1);
  for (int64_t width : {1, 3, 16, 17, 40})
    for (int64_t clusters : {1, 2, 7})
      for (unsigned iterations : {1u, 3u, 100u}) {
        SCOPED_TRACE(testing::Message() << width << " wide, " << clusters << " clusters, "
                                        << iterations << " iterations");
        std::vector<float> rows = randomRows(random, 200, width);
        KMeansOptions options{.numClusters = clusters, .seed = 5, .maxIterations = 0};
        std::vector<float> start = runKMeans(rows, width, options).centroids;
        options.maxIterations = iterations;
        KMeansResult result = runKMeans(rows, width, options);

        Oracle oracle(rows, width, start);
        oracle.run(iterations);
        ASSERT_FALSE(oracle.sawEmpty);
        EXPECT_EQ(result.assignment, oracle.assignment);
        ASSERT_EQ(result.centroids.size(), oracle.centroids.size());
        for (size_t i = 0; i < oracle.centroids.size(); ++i)
          EXPECT_NEAR(result.centroids[i], oracle.centroids[i], 1e-6);
        EXPECT_NEAR(result.inertia, oracle.inertia, 1e-5 * oracle.inertia + 1e-9);
        EXPECT_LE(result.iterations, iterations);
      }
}

TEST(KMeans, StartsAtDistinctRows) {
  std::mt19937 random(2);
  std::vector<float> rows = randomRows(random, 50, 4);
  KMeansResult start = runKMeans(rows, 4, {.numClusters = 20, .seed = 11, .maxIterations = 0});
  std::set<std::vector<float>> all, chosen;
  for (int64_t i = 0; i < 50; ++i)
    all.insert({rows.begin() + i * 4, rows.begin() + (i + 1) * 4});
  for (int64_t k = 0; k < 20; ++k)
    chosen.insert({start.centroids.begin() + k * 4, start.centroids.begin() + (k + 1) * 4});
  EXPECT_EQ(chosen.size(), 20u);
  for (const std::vector<float> &row : chosen)
    EXPECT_TRUE(all.count(row));
}

TEST(KMeans, StartsFarFromWhatItHas) {
  // One row in 1000 lies far off, so that nearly all of the squared distance is its own: a
  // start that draws uniformly would hardly ever choose it.
  std::mt19937 random(3);
  int chosen = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<float> rows = randomRows(random, 1000, 2);
    rows[0] = 10000.0f;
    KMeansResult start = runKMeans(rows, 2, {.numClusters = 2, .seed = seed, .maxIterations = 0});
    chosen += start.centroids[0] == 10000.0f || start.centroids[2] == 10000.0f;
  }
  EXPECT_EQ(chosen, 50);
}

TEST(KMeans, RecoversSeparatedClusters) {
  constexpr int64_t kClusters = 6, kWidth = 20, kRows = 600;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    std::mt19937 random(static_cast<unsigned>(100 + seed));
    std::vector<float> centers = randomRows(random, kClusters, kWidth);
    for (float &value : centers)
      value *= 100;
    std::vector<float> rows = randomRows(random, kRows, kWidth);
    for (int64_t i = 0; i < kRows; ++i)
      for (int64_t d = 0; d < kWidth; ++d)
        rows[i * kWidth + d] += centers[i % kClusters * kWidth + d];
    KMeansResult result = runKMeans(rows, kWidth, {.numClusters = kClusters, .seed = seed});
    std::set<int32_t> seen;
    for (int64_t k = 0; k < kClusters; ++k) {
      int32_t cluster = result.assignment[k];
      seen.insert(cluster);
      for (int64_t i = k; i < kRows; i += kClusters)
        ASSERT_EQ(result.assignment[i], cluster) << "row " << i;
      for (int64_t d = 0; d < kWidth; ++d)
        EXPECT_NEAR(result.centroids[cluster * kWidth + d], centers[k * kWidth + d], 0.3);
    }
    EXPECT_EQ(seen.size(), static_cast<size_t>(kClusters));
  }
}

TEST(KMeans, LeavesNoClusterEmpty) {
  // A cluster rarely loses all its rows; the last line says whether one did at all.
  std::mt19937 random(4);
  int emptied = 0;
  for (int round = 0; round < 20000; ++round) {
    const int64_t width = 2, count = 12 + random() % 20;
    std::vector<float> rows(count * width);
    std::set<std::vector<float>> distinct;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t d = 0; d < width; ++d)
        rows[i * width + d] = static_cast<float>(random() % 30);
      distinct.insert({rows.begin() + i * width, rows.begin() + (i + 1) * width});
    }
    const int64_t clusters = std::min<int64_t>(5 + random() % 4, distinct.size());
    KMeansOptions options{.numClusters = clusters, .seed = random(), .maxIterations = 0};
    Oracle oracle(rows, width, runKMeans(rows, width, options).centroids);
    oracle.run(100);
    emptied += oracle.sawEmpty;

    options.maxIterations = 100;
    KMeansResult result = runKMeans(rows, width, options);
    ASSERT_LT(result.iterations, 100u);
    std::set<int32_t> used(result.assignment.begin(), result.assignment.end());
    EXPECT_EQ(used.size(), static_cast<size_t>(clusters));
  }
  EXPECT_GT(emptied, 0) << "no round tested what the test is for";
}

TEST(KMeans, ReturnsTheDistinctRowsWhereThereAreFewer) {
  std::vector<float> rows{1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 1, 2};
  KMeansResult result = runKMeans(rows, 2, {.numClusters = 10, .seed = 0});
  std::set<std::vector<float>> found;
  for (size_t i = 0; i < result.centroids.size(); i += 2)
    found.insert({result.centroids[i], result.centroids[i + 1]});
  EXPECT_EQ(result.centroids.size(), 6u);
  EXPECT_EQ(found, (std::set<std::vector<float>>{{1, 2}, {3, 4}, {5, 6}}));
  EXPECT_EQ(result.inertia, 0);
}

TEST(KMeans, TellsZeroFromMinusZeroNoMoreThanDistanceDoes) {
  std::vector<float> rows{0.0f, -0.0f};
  EXPECT_EQ(runKMeans(rows, 1, {.numClusters = 2}).centroids.size(), 1u);
}

TEST(KMeans, IsDeterministic) {
  std::mt19937 random(5);
  std::vector<float> rows = randomRows(random, 300, 24);
  KMeansOptions options{.numClusters = 8, .seed = 42};
  KMeansResult first = runKMeans(rows, 24, options), second = runKMeans(rows, 24, options);
  EXPECT_EQ(first.centroids, second.centroids);
  EXPECT_EQ(first.assignment, second.assignment);
  options.seed = 43;
  EXPECT_NE(runKMeans(rows, 24, options).centroids, first.centroids);
}

TEST(KMeans, AssignsToTheLowestOfEqualClusters) {
  // 0 and 10 are the start, in either order; 5 lies between, and goes to the first.
  std::vector<float> rows{0, 10, 5};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    KMeansResult start = runKMeans(rows, 1, {.numClusters = 2, .seed = seed, .maxIterations = 0});
    for (int64_t i = 0; i < 3; ++i) {
      float first = std::abs(rows[i] - start.centroids[0]);
      float second = std::abs(rows[i] - start.centroids[1]);
      EXPECT_EQ(start.assignment[i], first <= second ? 0 : 1);
    }
  }
}

TEST(KMeans, ReturnsNothingForNothing) {
  EXPECT_TRUE(runKMeans({}, 4, {.numClusters = 3}).centroids.empty());
  std::vector<float> rows{1, 2};
  EXPECT_TRUE(runKMeans(rows, 2, {.numClusters = 0}).centroids.empty());
}

} // namespace
