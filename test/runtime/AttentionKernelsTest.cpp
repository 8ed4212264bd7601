// Tests of attention, dense and over the pairs that SCAR permits, of every ISA:
// against plain loops in double, and all ISAs, splits, slices and host architectures
// against one another.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernels/ScarPlan.h"
#include "test/runtime/KernelsTesting.h"

// The functions inside the kernels, as the scalar ISA has them.
#define GEM_ISA attention_kernels_test
#define GEM_ISA_SCALAR
#include "runtime/kernels/Math.h"
#undef GEM_ISA_SCALAR

namespace gem {
namespace {

constexpr double kU = 0x1p-24;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// One head of a query after another; scar says which keys, none: all.
struct AttentionCase {
  AttentionCase(uint32_t queries, uint32_t keys, uint32_t heads, uint32_t head_dim, uint32_t seed,
                float scale)
      : queries(queries), keys(keys), heads(heads), head_dim(head_dim), scale(scale) {
    Random random(seed);
    const size_t width = size_t{heads} * head_dim;
    q = random.Floats(queries * width, 2);
    k = random.Floats(keys * width, 2);
    v = random.Floats(keys * width);
  }
  // One token in `one_in` is routed; tokens are in random ones of `clusters`.
  AttentionCase& Route(ScarPredicate new_predicate, bool new_causal, uint32_t clusters,
                       uint32_t seed, uint32_t one_in = 3, uint32_t new_first_query = 0) {
    scar = true;
    predicate = new_predicate;
    causal = new_causal;
    first_query = new_first_query;
    Random random(seed);
    routed.resize(keys);
    cluster.resize(keys);
    for (uint8_t& value : routed) value = random.Below(one_in) == 0;
    // Numbers that differ in every byte.
    for (int32_t& value : cluster)
      value = static_cast<int32_t>(random.Below(clusters) * 0x8030401u);
    return *this;
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(q.size());
    const AttentionArgs args = {q.data(), k.data(), v.data(), y.data(), queries,
                                keys,     heads,    head_dim, scale};
    Output<uint8_t> workspace(scar ? ScarWorkspaceSize(queries, keys) : 0);
    const ScarAttentionArgs scar_args = {args,      routed.data(), cluster.data(),  first_query,
                                         predicate, causal,        workspace.data()};
    if (scar) PlanScarAttention(scar_args);
    Split(heads * queries, parts, [&](uint32_t begin, uint32_t end) {
      if (scar) {
        kernels.scar_attention(scar_args, begin, end);
      } else {
        kernels.attention(args, begin, end);
      }
    });
    y.CheckCanary();
    workspace.CheckCanary();
    return y.bytes();
  }
  bool Permitted(size_t i, size_t j) const {
    if (!scar) return true;
    i += first_query;
    if (causal && j > i) return false;
    const bool same_cluster = cluster[i] == cluster[j];
    const bool same_route = routed[i] == routed[j];
    if (predicate == ScarPredicate::kSameCluster) return same_cluster;
    if (predicate == ScarPredicate::kSameRoute) return same_route;
    return same_cluster || same_route;
  }
  void Check(const std::string& bytes) const {
    const float* y = reinterpret_cast<const float*>(bytes.data());
    const size_t width = size_t{heads} * head_dim;
    std::vector<double> score(keys);
    for (size_t h = 0; h < heads; ++h) {
      for (size_t i = 0; i < queries; ++i) {
        const float* const qi = q.data() + i * width + h * head_dim;
        double largest = -std::numeric_limits<double>::infinity(), score_bound = 0;
        for (size_t j = 0; j < keys; ++j) {
          if (!Permitted(i, j)) continue;
          double sum = 0, magnitude = 0;
          for (size_t d = 0; d < head_dim; ++d) {
            const double product = static_cast<double>(qi[d]) * k[j * width + h * head_dim + d];
            sum += product;
            magnitude += std::fabs(product);
          }
          score[j] = sum * scale;
          largest = std::max(largest, score[j]);
          score_bound = std::max(score_bound, magnitude * scale);
        }
        score_bound *= (head_dim + 8) * kU;
        double total = 0, largest_value = 0;
        std::vector<double> expected(head_dim);
        for (size_t j = 0; j < keys; ++j) {
          if (!Permitted(i, j)) continue;
          const double weight = std::exp(score[j] - largest);
          total += weight;
          for (size_t d = 0; d < head_dim; ++d) {
            const double value = v[j * width + h * head_dim + d];
            expected[d] += weight * value;
            largest_value = std::max(largest_value, std::fabs(value));
          }
        }
        // Weights are off by a factor of e^(3 score_bound), sums by keys kU.
        const double bound = (6 * score_bound + (keys + 16) * kU) * largest_value;
        for (size_t d = 0; d < head_dim; ++d) {
          ASSERT_LE(std::fabs(y[i * width + h * head_dim + d] - expected[d] / total), bound)
              << "head " << h << " query " << i << " element " << d << " of " << queries << "x"
              << keys << "x" << heads << "x" << head_dim;
        }
      }
    }
  }
  // The bytes of query row i in what Run returned.
  std::string Row(const std::string& bytes, size_t i) const {
    const size_t size = size_t{heads} * head_dim * sizeof(float);
    return bytes.substr(i * size, size);
  }
  uint32_t queries, keys, heads, head_dim, first_query = 0;
  float scale;
  bool scar = false, causal = false;
  ScarPredicate predicate = ScarPredicate::kEither;
  std::vector<float> q, k, v;
  std::vector<uint8_t> routed;
  std::vector<int32_t> cluster;
};

constexpr ScarPredicate kPredicates[] = {ScarPredicate::kEither, ScarPredicate::kSameCluster,
                                         ScarPredicate::kSameRoute};

template <class Visit>
void ForEachCase(Visit visit) {
  uint32_t seed = 1;
  for (const uint32_t head_dim : {1u, 7u, 16u, 26u, 32u, 64u, 80u, 312u}) {
    for (const uint32_t keys : {1u, 15u, 63u, 64u, 65u, 130u, 200u}) {
      if (head_dim * keys > 64 * 130) continue;  // emulated CPUs are slow
      SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << ", keys " << keys);
      const uint32_t heads = head_dim > 26 ? 1 : 1 + seed % 3, queries = 1 + seed % 71;
      const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
      visit(AttentionCase(queries, keys, heads, head_dim, ++seed, scale));
      // Two predicates of the three, one of them causal; few clusters, and as many as
      // leave most of their own.
      for (const bool causal : {false, true}) {
        ++seed;
        const uint32_t clusters = seed % 5 == 0 ? 1 : seed % 5 == 1 ? 1000 : 2 + seed % 7;
        visit(AttentionCase(keys, keys, heads, head_dim, seed, scale)
                  .Route(kPredicates[seed % 3], causal, clusters, seed, 1 + seed % 4));
      }
      // Queries that are not the first tokens.
      ++seed;
      const uint32_t last = std::min(keys, 1 + seed % 9);
      visit(AttentionCase(last, keys, heads, head_dim, seed, scale)
                .Route(kPredicates[seed % 3], seed % 2 == 0, 6, seed, 3, keys - last));
    }
  }
}

class AttentionKernelsTest : public testing::TestWithParam<const CpuKernels*> {
 protected:
  const CpuKernels& kernels() const { return *GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Isa, AttentionKernelsTest, testing::ValuesIn(SupportedKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST_P(AttentionKernelsTest, AgreesWithPlainLoops) {
  ForEachCase([&](const AttentionCase& test) {
    if (!testing::Test::HasFatalFailure()) test.Check(test.Run(kernels()));
  });
}

TEST_P(AttentionKernelsTest, GivesTheBitsOfScalarForAnySplit) {
  const CpuKernels& scalar = *FindCpuKernels("scalar");
  ForEachCase([&](const AttentionCase& test) {
    const std::string expected = test.Run(scalar);
    for (const uint32_t parts : {1u, 3u, 1000u}) {
      EXPECT_TRUE(test.Run(kernels(), parts) == expected) << parts << " parts";
    }
  });
}

// Every number of queries that a tile can have, and of keys beside a whole block.
TEST_P(AttentionKernelsTest, AgreesForEveryTile) {
  for (uint32_t queries = 1; queries <= 17; ++queries) {
    const AttentionCase test(queries, 60 + queries, 1, 33, queries, 0.3f);
    ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
  }
}

// Scores of up to some thousands: weights of 0 and 1, maxima that change late.
TEST_P(AttentionKernelsTest, TakesLargeScores) {
  for (const float scale : {100.0f, 1e30f}) {
    AttentionCase test(9, 200, 2, 64, 3, scale);
    const std::string dense = test.Run(kernels());
    if (scale < 1e30f) {
      ASSERT_NO_FATAL_FAILURE(test.Check(dense));
    }
    EXPECT_EQ(dense, test.Run(*FindCpuKernels("scalar")));
    test = AttentionCase(200, 200, 2, 64, 3, scale).Route(ScarPredicate::kEither, false, 5, 1);
    const std::string scar = test.Run(kernels());
    if (scale < 1e30f) test.Check(scar);
    EXPECT_EQ(scar, test.Run(*FindCpuKernels("scalar")));
  }
}

// Equal scores weigh the same: the result is the mean of the permitted values.
TEST_P(AttentionKernelsTest, TakesEqualScores) {
  for (const bool scar : {false, true}) {
    AttentionCase test(130, 130, 1, 24, 8, 1);
    if (scar) test.Route(ScarPredicate::kEither, true, 4, 8);
    std::fill(test.q.begin(), test.q.end(), 0.0f);
    test.Check(test.Run(kernels()));
  }
}

TEST_P(AttentionKernelsTest, TakesTheWidestHead) {
  AttentionCase test(5, 70, 1, kMaxHeadDim, 4, 0.03f);
  ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
  test.Route(ScarPredicate::kEither, false, 3, 4, 2, 30);
  test.Check(test.Run(kernels()));
}

// All routed, none routed, one cluster, each token its own: with every predicate.
TEST_P(AttentionKernelsTest, TakesEveryKindOfMask) {
  uint32_t seed = 20;
  for (const ScarPredicate predicate : kPredicates) {
    for (const bool causal : {false, true}) {
      for (const uint32_t one_in : {1u, 2u, 1000000u}) {
        for (const uint32_t clusters : {1u, 40u, 1000000u}) {
          SCOPED_TRACE(testing::Message()
                       << "predicate " << static_cast<int>(predicate) << ", causal " << causal
                       << ", one in " << one_in << " routed, clusters " << clusters);
          AttentionCase test(150, 150, 1, 20, ++seed, 0.25f);
          test.Route(predicate, causal, clusters, seed, one_in);
          ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
        }
      }
    }
  }
}

// A query that is alone in its cluster and route returns its own value, whatever the
// others are.
TEST_P(AttentionKernelsTest, ForbiddenPairsWeighNothing) {
  AttentionCase test(130, 130, 1, 40, 5, 1);
  test.Route(ScarPredicate::kEither, false, 1, 5, 1000000);
  test.routed[100] = 1;
  test.cluster[100] = 2;
  for (size_t d = 0; d < 40; ++d) test.k[7 * 40 + d] = 1e18f * test.q[100 * 40 + d];
  EXPECT_EQ(test.Row(test.Run(kernels()), 100),
            std::string(reinterpret_cast<const char*>(&test.v[100 * 40]), 40 * sizeof(float)));
}

// Keys and values that are not finite reach only the queries that may attend to them.
TEST_P(AttentionKernelsTest, ForbiddenKeysMayBeAnything) {
  uint32_t seed = 100;
  for (const float bad : {kNan, kInf, -kInf}) {
    for (const ScarPredicate predicate : kPredicates) {
      for (const bool causal : {false, true}) {
        for (const uint32_t clusters : {3u, 60u}) {
          ++seed;
          AttentionCase test(140, 140, 2, 20, seed, 0.3f);
          test.Route(predicate, causal, clusters, seed, 2);
          const std::string before = test.Run(kernels());
          const size_t key = seed * 31 % 140;
          for (size_t d = 0; d < 40; ++d) test.k[key * 40 + d] = test.v[key * 40 + d] = bad;
          const std::string after = test.Run(kernels());
          for (size_t i = 0; i < 140; ++i) {
            if (test.Permitted(i, key)) {
              float value;
              std::memcpy(&value, test.Row(after, i).data(), sizeof value);
              EXPECT_FALSE(std::isfinite(value)) << "query " << i << ", key " << key;
            } else {
              EXPECT_EQ(test.Row(after, i), test.Row(before, i)) << "query " << i;
            }
          }
        }
      }
    }
  }
}

// NaN and infinities anywhere: no crash, canaries intact.
TEST_P(AttentionKernelsTest, TakesNonFiniteInputs) {
  for (const float bad : {kNan, kInf, -kInf}) {
    AttentionCase test(70, 70, 2, 20, 15, 1);
    test.k[3] = test.q[5] = test.v[1] = bad;
    test.Run(kernels());
    test.Route(ScarPredicate::kEither, false, 4, 15);
    test.Run(kernels());
  }
}

// Over a mask that permits everything, scar_attention is attention, bit by bit.
TEST_P(AttentionKernelsTest, ScarOfOneRouteIsAttention) {
  AttentionCase test(70, 70, 2, 26, 6, 0.2f);
  const std::string dense = test.Run(kernels());
  // Clusters change the order in which keys are added.
  test.Route(ScarPredicate::kEither, false, 1, 6, 1);
  EXPECT_EQ(test.Run(kernels()), dense);
  test.Route(ScarPredicate::kSameRoute, false, 9, 6, 1000000);
  EXPECT_EQ(test.Run(kernels()), dense);
  test.Route(ScarPredicate::kSameCluster, false, 1, 6);
  EXPECT_EQ(test.Run(kernels()), dense);
}

// A query's bits do not depend on which others are computed.
TEST_P(AttentionKernelsTest, SlicesGiveTheSameBits) {
  uint32_t seed = 40;
  for (const ScarPredicate predicate : kPredicates) {
    for (const bool causal : {false, true}) {
      ++seed;
      AttentionCase all(150, 150, 2, 20, seed, 0.25f);
      all.Route(predicate, causal, 12, seed, 2);
      const std::string expected = all.Run(kernels());
      for (const auto& [first, count] : {std::pair{0u, 1u}, {149u, 1u}, {60u, 30u}}) {
        AttentionCase slice = all;
        slice.first_query = first;
        slice.queries = count;
        slice.q.assign(all.q.begin() + first * 40, all.q.begin() + (first + count) * 40);
        const std::string bytes = slice.Run(kernels());
        for (uint32_t i = 0; i < count; ++i) {
          EXPECT_EQ(slice.Row(bytes, i), all.Row(expected, first + i)) << first + i;
        }
      }
    }
  }
}

// The bits of fixed inputs, the same constants on every architecture.
TEST_P(AttentionKernelsTest, GivesTheGoldenBits) {
  const float scale = 0.176776695f;
  const auto hash = [&](auto... cases) {
    uint64_t value = Fnv(nullptr, 0);
    ((value = Fnv(cases.Run(kernels()).data(), cases.Run(kernels()).size(), value)), ...);
    return value;
  };
  EXPECT_EQ(hash(AttentionCase(70, 70, 4, 32, 9, scale), AttentionCase(1, 200, 2, 26, 10, scale)),
            0xdd913d6503b61131u);
  EXPECT_EQ(hash(AttentionCase(200, 200, 1, 32, 11, scale).Route(kPredicates[0], false, 50, 11),
                 AttentionCase(3, 200, 2, 26, 12, scale).Route(kPredicates[1], false, 4, 12, 3, 99),
                 AttentionCase(90, 90, 2, 26, 13, scale).Route(kPredicates[2], false, 4, 13)),
            0x8ddf0be1e16a294au);
  EXPECT_EQ(hash(AttentionCase(200, 200, 1, 32, 14, scale).Route(kPredicates[0], true, 9, 14),
                 AttentionCase(90, 90, 2, 26, 15, scale).Route(kPredicates[1], true, 4, 15),
                 AttentionCase(90, 90, 2, 26, 16, scale).Route(kPredicates[2], true, 4, 16)),
            0x3f53361007b5d87bu);
}

// The exp of softmax leaves out what no weight needs.
TEST(ExpOfNegative, HasTheBitsOfExp) {
  using namespace attention_kernels_test;
  Random random(3);
  std::vector<float> values = {-0.0f,      0.0f, -0x1p-149f, -87.3365402f,
                               -87.33655f, -88,  -kInf,      -1e30f};
  for (int i = 0; i < 200000; ++i) values.push_back(-std::fabs(random.Float(i % 2 == 0 ? 90 : 2)));
  for (const float x : values) {
    float expected[16], actual[16];
    Store(expected, Exp(Splat(x)));
    Store(actual, ExpOfNegative(Splat(x)));
    ASSERT_EQ(std::memcmp(expected, actual, sizeof expected), 0) << std::hexfloat << x;
  }
  float nan[16];
  Store(nan, ExpOfNegative(Splat(kNan)));
  EXPECT_TRUE(std::isnan(nan[0]));
}

}  // namespace
}  // namespace gem
