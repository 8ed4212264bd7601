// A small program that uses every kernel and constant format of format 1.1.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_TINYQUANTIZED_H
#define GEM_TEST_RUNTIME_TINYQUANTIZED_H

#include <cstdint>
#include <vector>

#include "test/runtime/BundleBuilder.h"

namespace gem::test {

// One encoder layer over n in [1, kMaxTokens] tokens, and the router. Widths are no
// multiples of 16 and have a partial group, so kernels meet their tails.
struct TinyQuantized {
  static constexpr uint32_t kVocabulary = 37;
  static constexpr uint32_t kMaxTokens = 9;
  static constexpr uint32_t kHeads = 3;
  static constexpr uint32_t kHeadDim = 24;
  static constexpr uint32_t kHidden = kHeads * kHeadDim;
  static constexpr uint32_t kInner = 100;
  static constexpr uint32_t kClasses = 5;
  static constexpr uint32_t kClusters = 7;
  // Rows of the embedding's four tables.
  static constexpr uint32_t kTableRows[] = {5, 8, 10, 7};

  // Commands, by index.
  enum : size_t {
    kEmbedding,  // int4g32 + int3g64f16 + int2 + f16, with a map
    kAddPosition,  // int8
    kNorm,
    kQuery,  // int8
    kKey,    // int4g32
    kValue,  // int4g64f16
    kMix,    // attention, or a sum of q and v
    kQuantizeMixed,
    kProjection,  // int3g128, residual in place
    kNormOnlyQuantized,
    kUp,  // int2g32, GELU
    kQuantizeInner,
    kDown,   // int4, residual
    kRoute,  // f16
    kSelect,
    kPool,  // f16 LINEAR, TANH
    kQuantizePooled,
    kClassify,  // int3, y of rank 1
  };

  // Without attention it uses only what is exact by its definition, but for norms
  // and activations.
  explicit TinyQuantized(bool attention = true, uint64_t seed = 1);

  BundleBuilder builder;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_TINYQUANTIZED_H
