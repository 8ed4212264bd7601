// k-means with one fixed order of operations: the same rows give the same centroids on
// every host.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_ROUTING_KMEANS_H
#define GEM_PASSES_ROUTING_KMEANS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace gem {

struct KMeansOptions {
  int64_t numClusters = 0;
  uint64_t seed = 0;
  unsigned maxIterations = 50;
};

struct KMeansResult {
  std::vector<float> centroids;    ///< [numClusters, width], row-major.
  std::vector<int32_t> assignment; ///< The nearest centroid of each row.
  double inertia = 0;              ///< Sum of the squared distances to it.
  unsigned iterations = 0;
};

/// Starts by k-means++ (Arthur and Vassilvitskii, "k-means++: the advantages of careful
/// seeding", SODA 2007) and refines by Lloyd's iteration (IEEE Trans. Inf. Theory 28,
/// 1982) until no row changes its cluster. A cluster that loses all its rows restarts at
/// the row farthest from its centroid. `rows` is [numRows, width], row-major.
///
/// Returns fewer than numClusters centroids only when there are fewer distinct rows.
KMeansResult runKMeans(llvm::ArrayRef<float> rows, int64_t width, const KMeansOptions &options);

} // namespace gem

#endif // GEM_PASSES_ROUTING_KMEANS_H
