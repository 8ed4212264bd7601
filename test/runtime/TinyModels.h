// Small programs that use every kernel, and what they compute in plain loops.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_TINYMODELS_H
#define GEM_TEST_RUNTIME_TINYMODELS_H

#include <cstdint>
#include <vector>

#include "test/runtime/BundleBuilder.h"

namespace gem::test {

// A GEM of one encoder layer over n in [1, kMaxTokens] tokens: embedding,
// positions, layer norm, self-attention, a feed-forward layer, the router, SCAR,
// the classifier. Extents are no multiples of 16, so kernels meet their tails.
struct TinyGem {
  static constexpr uint32_t kVocabulary = 37;
  static constexpr uint32_t kMaxTokens = 9;
  static constexpr uint32_t kHidden = 24;
  static constexpr uint32_t kHeads = 3;
  static constexpr uint32_t kHeadDim = 8;
  static constexpr uint32_t kInner = 40;
  static constexpr uint32_t kClasses = 5;
  static constexpr uint32_t kClusters = 7;
  static constexpr float kThreshold = 0.45f;

  // Commands, by index.
  enum : size_t {
    kEmbedding,
    kAddPosition,
    kLayerNorm,
    kQuery,
    kKey,
    kValue,
    kAttention,
    kProjection,
    kUp,
    kDown,
    kRoute,
    kScarQuery,
    kScarKey,
    kScarValue,
    kScar,
    kAdd,
    kSelect,
    kTanh,
    kClassify,
  };

  explicit TinyGem(bool padded = false, uint64_t seed = 1);

  BundleBuilder builder;

  struct Result {
    std::vector<double> hidden;  // [n, kHidden], the encoder's
    std::vector<double> logits;  // [kClasses]
    std::vector<uint8_t> routed;
    std::vector<int32_t> cluster;
  };
  // In double precision. `count`: the tokens that attention sees.
  Result Reference(const std::vector<int32_t>& ids, uint32_t count) const;

  // Some ids; the same for the same arguments.
  static std::vector<int32_t> Ids(uint32_t count, uint64_t seed = 7);

 private:
  struct Matrix {
    uint32_t rows, columns;
    std::vector<float> values;
  };
  enum Linear { kQ, kK, kV, kO, kUpW, kDownW, kScarQ, kScarK, kScarV, kClass, kLinearCount };

  std::vector<double> Apply(Linear linear, const std::vector<double>& x) const;

  Matrix embedding_, position_, gamma_, beta_, router_, centroids_;
  Matrix weights_[kLinearCount];
  Matrix biases_[kLinearCount];  // empty for kScarV, which has none
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_TINYMODELS_H
