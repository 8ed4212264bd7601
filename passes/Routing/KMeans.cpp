// k-means with one fixed order of operations.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Routing/KMeans.h"
#include <algorithm>
#include <cstring>
#include <limits>
#include <random>

using namespace gem;

namespace {

/// The squared distance in 16 partial sums, added up in a fixed tree. Written so that a
/// compiler vectorizes it without changing the order of any addition.
float squaredDistance(const float *a, const float *b, int64_t width) {
  constexpr int64_t kLanes = 16;
  float sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      float difference = a[i + lane] - b[i + lane];
      sums[lane] += difference * difference;
    }
  for (int64_t lane = 0; i < width; ++i, ++lane) {
    float difference = a[i] - b[i];
    sums[lane] += difference * difference;
  }
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t lane = 0; lane < half; ++lane)
      sums[lane] += sums[lane + half];
  return sums[0];
}

class KMeans {
public:
  KMeans(llvm::ArrayRef<float> rows, int64_t width, const KMeansOptions &options)
      : rows(rows), width(width), numRows(rows.size() / width), options(options),
        random(options.seed) {}

  KMeansResult run() {
    seedCentroids();
    result.assignment.assign(numRows, -1);
    while (result.iterations < options.maxIterations) {
      ++result.iterations;
      if (!assign())
        break;
      update();
    }
    assign();
    return std::move(result);
  }

private:
  const float *row(int64_t i) const { return rows.data() + i * width; }
  float *centroid(int64_t k) { return result.centroids.data() + k * width; }
  int64_t numCentroids() const { return result.centroids.size() / width; }

  /// A number in [0, 1). std::uniform_real_distribution differs between libraries.
  double uniform() { return static_cast<double>(random() >> 11) * 0x1p-53; }

  void addCentroid(int64_t i) {
    result.centroids.insert(result.centroids.end(), row(i), row(i) + width);
    for (int64_t j = 0; j < numRows; ++j)
      nearest[j] = std::min(nearest[j], squaredDistance(row(j), row(i), width));
  }

  /// k-means++: each next centroid is a row drawn with a probability proportional to its
  /// squared distance from the nearest centroid so far.
  void seedCentroids() {
    nearest.assign(numRows, std::numeric_limits<float>::infinity());
    addCentroid(static_cast<int64_t>(uniform() * static_cast<double>(numRows)));
    while (numCentroids() < options.numClusters) {
      double total = 0;
      for (float distance : nearest)
        total += distance;
      if (!(total > 0))
        return; // every row is a centroid already
      double target = uniform() * total;
      int64_t chosen = -1;
      for (int64_t i = 0; i < numRows; ++i) {
        if (nearest[i] <= 0)
          continue;
        chosen = i;
        target -= nearest[i];
        if (target < 0)
          break;
      }
      addCentroid(chosen);
    }
  }

  /// Moves every row to its nearest centroid, the lowest of equals. Returns whether any
  /// moved.
  bool assign() {
    bool changed = false;
    result.inertia = 0;
    for (int64_t i = 0; i < numRows; ++i) {
      int32_t best = 0;
      float bestDistance = std::numeric_limits<float>::infinity();
      for (int64_t k = 0; k < numCentroids(); ++k) {
        float distance = squaredDistance(row(i), centroid(k), width);
        if (distance < bestDistance) {
          bestDistance = distance;
          best = static_cast<int32_t>(k);
        }
      }
      changed |= result.assignment[i] != best;
      result.assignment[i] = best;
      nearest[i] = bestDistance;
      result.inertia += bestDistance;
    }
    return changed;
  }

  void update() {
    std::vector<double> sums(result.centroids.size(), 0.0);
    std::vector<int64_t> counts(numCentroids(), 0);
    for (int64_t i = 0; i < numRows; ++i) {
      double *sum = sums.data() + result.assignment[i] * width;
      for (int64_t d = 0; d < width; ++d)
        sum[d] += row(i)[d];
      ++counts[result.assignment[i]];
    }
    for (int64_t k = 0; k < numCentroids(); ++k) {
      if (counts[k] == 0) {
        auto farthest = std::max_element(nearest.begin(), nearest.end());
        std::memcpy(centroid(k), row(farthest - nearest.begin()), width * sizeof(float));
        *farthest = 0; // another empty cluster takes another row
        continue;
      }
      for (int64_t d = 0; d < width; ++d)
        centroid(k)[d] = static_cast<float>(sums[k * width + d] / static_cast<double>(counts[k]));
    }
  }

  llvm::ArrayRef<float> rows;
  int64_t width, numRows;
  const KMeansOptions &options;
  std::mt19937_64 random;
  std::vector<float> nearest; // squared distance to the nearest centroid
  KMeansResult result;
};

} // namespace

KMeansResult gem::runKMeans(llvm::ArrayRef<float> rows, int64_t width,
                            const KMeansOptions &options) {
  if (rows.empty() || options.numClusters < 1)
    return {};
  return KMeans(rows, width, options).run();
}
