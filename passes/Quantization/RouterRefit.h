// A router for the outputs of a compressed encoder that decides as the f32 one did.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_QUANTIZATION_ROUTERREFIT_H
#define GEM_PASSES_QUANTIZATION_ROUTERREFIT_H

#include "absl/status/status.h"
#include "absl/types/span.h"
#include <cstdint>
#include <random>
#include <vector>

namespace gem::quant {

/// routed = max(softmax(x W^T)) > threshold; cluster = argmin_k |x - c_k|^2, the lowest of
/// equals.
struct Router {
  int64_t width = 0;
  std::vector<float> routing;   ///< W, [classes, width]
  std::vector<float> centroids; ///< [clusters, width]
  double threshold = 0;         ///< Above 0, below 1.

  int64_t classes() const { return static_cast<int64_t>(routing.size()) / width; }
  int64_t clusters() const { return static_cast<int64_t>(centroids.size()) / width; }
};

struct RouterRefitOptions {
  /// Tokens kept for counting flips and for the refinement, a uniform sample of all; a fifth
  /// of them only chooses how far to refine.
  int64_t keptTokens = 16384;
  uint64_t seed = 1;
  /// Pulls the regression towards the given W, in means of the diagonal of sum x' x'^T.
  double ridge = 1e-4;
  /// Tokens of a cluster at which its own shift and that of all tokens count the same.
  double rareTokens = 8;
  int epochs = 60;
};

/// Tokens whose decision differs from the f32 one.
struct RouterFlips {
  int64_t tokens = 0, routed = 0, cluster = 0;
};

struct RouterRefitResult {
  Router router;
  int64_t tokens = 0; ///< All that were added.
  /// Of the compressed encoder with the given router, and with the fitted one: on the tokens
  /// that were learned from, and on the fifth that was held out.
  RouterFlips before, after, heldOutBefore, heldOutAfter;
};

/// Fits a router to a compressed encoder. Memory does not grow with the tokens: sums
/// [width, width] and a sample are kept. The same tokens in the same order give the same bits
/// on every host, for any number of threads.
class RouterRefit {
public:
  RouterRefit(Router router, const RouterRefitOptions &options, unsigned threads);

  /// Rows [tokens, width] of the f32 encoder's outputs and the compressed one's.
  /// InvalidArgument, and none are added, when one is not finite.
  absl::Status add(absl::Span<const float> reference, absl::Span<const float> compressed);

  /// W starts as the ridge regression argmin sum |W' x' - W x|^2 + lambda |W' - W|^2, and is
  /// refined by preconditioned gradient descent on the logistic loss of
  /// log max(softmax) - log threshold, as steep as the compression is noisy. A centroid starts
  /// at c_k + mean of x' - x over its tokens, and is refined by descent on the cross-entropy
  /// of softmax(-|x' - c_k|^2) with the f32 clusters as targets, a soft form of learning
  /// vector quantization (Kohonen, 1995; Seo and Obermayer, Neural Computation 15, 2003).
  /// What flips least on the held-out tokens is kept, the given router included.
  RouterRefitResult fit() const;

private:
  /// What is kept of a token.
  struct Decision {
    bool isRouted = false;
    int32_t cluster = 0, second = 0; ///< The nearest and the next centroid.
    float margin = 0;                ///< log max(softmax) - log threshold
    float gap = 0;                   ///< |x - c_second|^2 - |x - c_cluster|^2
  };
  std::vector<Decision> decide(const float *rows, int64_t count, const Router &router) const;
  RouterFlips countFlips(const Router &router, int64_t first, int64_t last) const;
  void fitRouting(Router &router) const;
  void fitCentroids(Router &router) const;

  int64_t trained() const { return kept - kept / 5; }

  Router original;
  RouterRefitOptions options;
  unsigned threads;
  std::mt19937_64 random;
  int64_t tokens = 0, kept = 0;
  std::vector<double> second;  ///< sum x' x'^T, [width, width]
  std::vector<double> targets; ///< sum (W x) x'^T, [classes, width]
  std::vector<double> shifts;  ///< sum of x' - x by cluster, [clusters, width]
  std::vector<int64_t> counts; ///< [clusters]
  std::vector<float> inputs;   ///< x' of the kept tokens, [kept, width]
  std::vector<Decision> decisions;
};

} // namespace gem::quant

#endif // GEM_PASSES_QUANTIZATION_ROUTERREFIT_H
