// Tests of the dynamic token router of every ISA: against plain loops in double, and
// all ISAs, splits and host architectures against one another.
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

#include "test/runtime/KernelsTesting.h"

namespace gem {
namespace {

constexpr double kU = 0x1p-24;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct RouteCase {
  RouteCase(uint32_t tokens, uint32_t width, uint32_t classes, uint32_t clusters, uint32_t seed,
            float scale = 1, bool want_probs = true)
      : tokens(tokens), width(width), classes(classes), clusters(clusters), want_probs(want_probs) {
    Random random(seed);
    x = random.Floats(size_t{tokens} * width, scale);
    w_r = random.Floats(size_t{classes} * width, scale);
    centroids = random.Floats(size_t{clusters} * width, scale);
  }
  // Replaces w_r and centroids by halves of any magnitude, subnormal ones too.
  void DrawHalves(uint32_t seed) {
    Random random(seed);
    for (auto [floats, halves] : {std::pair{&w_r, &half_w_r}, {&centroids, &half_centroids}}) {
      halves->resize(floats->size());
      for (size_t i = 0; i < floats->size(); ++i) {
        const uint32_t exponent = random.Below(3) == 0 ? random.Below(17) : 12 + random.Below(3);
        const uint32_t mantissa = random.Below(1024), sign = random.Below(2);
        (*halves)[i] = static_cast<uint16_t>(sign << 15 | exponent << 10 | mantissa);
        const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                              : std::ldexp(static_cast<float>(1024 + mantissa),
                                                           static_cast<int>(exponent) - 25);
        (*floats)[i] = sign != 0 ? -magnitude : magnitude;
      }
    }
  }
  // probs (if asked for), routed and cluster, one after the other.
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> probs(size_t{tokens} * classes);
    Output<uint8_t> routed(tokens);
    Output<int32_t> cluster(tokens);
    const RouteTokensArgs args = {x.data(),
                                  MakeWeight(w_r, half_w_r, classes),
                                  MakeWeight(centroids, half_centroids, clusters),
                                  want_probs ? probs.data() : nullptr,
                                  routed.data(),
                                  cluster.data(),
                                  width,
                                  classes,
                                  clusters,
                                  threshold};
    Split(tokens, parts,
          [&](uint32_t begin, uint32_t end) { kernels.route_tokens(args, begin, end); });
    probs.CheckCanary();
    routed.CheckCanary();
    cluster.CheckCanary();
    return (want_probs ? probs.bytes() : "") + routed.bytes() + cluster.bytes();
  }
  void Check(const std::string& bytes) const {
    ASSERT_TRUE(want_probs);
    const float* const probs = reinterpret_cast<const float*>(bytes.data());
    const char* const routed = bytes.data() + size_t{tokens} * classes * sizeof(float);
    for (size_t t = 0; t < tokens; ++t) {
      int32_t cluster;
      std::memcpy(&cluster, routed + tokens + t * sizeof cluster, sizeof cluster);
      std::vector<double> logit(classes);
      double bound = 0, largest = -std::numeric_limits<double>::infinity(), total = 0;
      for (size_t c = 0; c < classes; ++c) {
        double magnitude = 0;
        for (size_t i = 0; i < width; ++i) {
          const double product = static_cast<double>(x[t * width + i]) * w_r[c * width + i];
          logit[c] += product;
          magnitude += std::fabs(product);
        }
        bound = std::max(bound, (width / 16 + 6) * kU * magnitude);
        largest = std::max(largest, logit[c]);
      }
      for (double value : logit) total += std::exp(value - largest);
      bound = 4 * bound + (classes / 16 + 16) * kU;
      for (size_t c = 0; c < classes; ++c) {
        const double p = std::exp(logit[c] - largest) / total;
        ASSERT_LE(std::fabs(probs[t * classes + c] - p), bound * p + 0x1p-126) << t << ", " << c;
      }
      if (std::fabs(1 / total - threshold) > bound) {
        ASSERT_EQ(routed[t], 1 / total > threshold) << "token " << t;
      }
      std::vector<double> distance(clusters);
      for (size_t c = 0; c < clusters; ++c) {
        for (size_t i = 0; i < width; ++i) {
          const double difference =
              static_cast<double>(x[t * width + i]) - centroids[c * width + i];
          distance[c] += difference * difference;
        }
      }
      ASSERT_GE(cluster, 0);
      ASSERT_LT(cluster, static_cast<int32_t>(clusters));
      const double nearest = *std::min_element(distance.begin(), distance.end());
      ASSERT_LE(distance[static_cast<size_t>(cluster)], nearest * (1 + (width / 16 + 8) * 4 * kU));
    }
  }
  Weight MakeWeight(const std::vector<float>& floats, const std::vector<uint16_t>& halves,
                    uint32_t rows) const {
    if (halves.empty()) {
      return {floats.data(), rows, width, WeightType::kF32, format::Scales::kNone, 0};
    }
    return {halves.data(), rows, width, WeightType::kF16, format::Scales::kNone, 0};
  }
  uint32_t tokens, width, classes, clusters;
  float threshold = 0.3f;
  bool want_probs;
  std::vector<float> x, w_r, centroids;
  std::vector<uint16_t> half_w_r, half_centroids;  // the same, or empty
};

constexpr uint32_t kWidths[] = {1, 7, 15, 16, 17, 33, 64, 128, 312};
constexpr uint32_t kTokens[] = {1, 2, 3, 5, 9, 17, 64, 65, 130};

template <class Visit>
void ForEachCase(Visit visit) {
  uint32_t seed = 1;
  for (const uint32_t width : kWidths) {
    // Each width with some numbers of tokens, each number with some widths.
    for (size_t i = width % 3; i < std::size(kTokens); i += 3) {
      SCOPED_TRACE(testing::Message() << "width " << width << ", tokens " << kTokens[i]);
      const uint32_t classes = kWidths[(i + width) % std::size(kWidths)];
      RouteCase test(kTokens[i], width, classes, kWidths[i], ++seed, 0.5f);
      visit(test);
      test.DrawHalves(seed);
      visit(test);
    }
  }
}

class RouterKernelsTest : public testing::TestWithParam<const CpuKernels*> {
 protected:
  const CpuKernels& kernels() const { return *GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Isa, RouterKernelsTest, testing::ValuesIn(SupportedKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST_P(RouterKernelsTest, AgreesWithPlainLoops) {
  ForEachCase([&](const RouteCase& test) {
    if (!testing::Test::HasFatalFailure()) test.Check(test.Run(kernels()));
  });
}

TEST_P(RouterKernelsTest, GivesTheBitsOfScalarForAnySplit) {
  const CpuKernels& scalar = *FindCpuKernels("scalar");
  ForEachCase([&](const RouteCase& test) {
    const std::string expected = test.Run(scalar);
    for (const uint32_t parts : {1u, 3u, 1000u}) {
      EXPECT_TRUE(test.Run(kernels(), parts) == expected) << parts << " parts";
    }
  });
}

// Halves are widened exactly: they give the bits of the same floats.
TEST_P(RouterKernelsTest, TakesHalvesAsFloats) {
  ForEachCase([&](RouteCase test) {
    const std::string bytes = test.Run(kernels());
    test.half_w_r.clear();
    const std::string mixed = test.Run(kernels());
    test.half_centroids.clear();
    EXPECT_EQ(bytes, test.Run(kernels()));
    EXPECT_EQ(bytes, mixed);
  });
}

TEST_P(RouterKernelsTest, TakesTheLowestOfEqualCentroids) {
  RouteCase test(20, 33, 3, 70, 7);
  for (size_t i = 0; i < 33; ++i) {
    for (const size_t c : {5, 18, 69}) test.centroids[c * 33 + i] = test.x[4 * 33 + i];
  }
  const std::string bytes = test.Run(kernels());
  int32_t cluster;
  std::memcpy(&cluster, bytes.data() + 20 * 3 * 4 + 20 + 4 * 4, sizeof cluster);
  EXPECT_EQ(cluster, 5);
}

// More classes than the kernel keeps logits of; with and without probs.
TEST_P(RouterKernelsTest, TakesManyClasses) {
  RouteCase test(11, 24, 1000, 3, 8, 1.5f);
  const std::string with = test.Run(kernels());
  ASSERT_NO_FATAL_FAILURE(test.Check(with));
  test.want_probs = false;
  const std::string without = test.Run(kernels());
  EXPECT_EQ(with.substr(with.size() - without.size()), without);
}

TEST_P(RouterKernelsTest, KeepsItsThresholdStrict) {
  RouteCase test(1, 8, 4, 2, 9);
  std::fill(test.w_r.begin(), test.w_r.end(), 0.0f);  // all classes equal: max(p) is 1/4
  test.threshold = 0.25f;
  EXPECT_EQ(test.Run(kernels())[4 * sizeof(float)], 0);
  test.threshold = std::nextafter(0.25f, 0.0f);
  EXPECT_EQ(test.Run(kernels())[4 * sizeof(float)], 1);
}

// NaN and infinities anywhere: no crash, no index out of range, canaries intact.
TEST_P(RouterKernelsTest, TakesNonFiniteInputs) {
  for (const float bad : {kNan, kInf, -kInf}) {
    RouteCase route(9, 20, 5, 40, 14);
    std::fill(route.x.begin(), route.x.end(), bad);
    const std::string bytes = route.Run(kernels());
    for (size_t t = 0; t < 9; ++t) {
      EXPECT_EQ(bytes[9 * 5 * 4 + t], 0) << "no probability is a number";
      int32_t cluster;
      std::memcpy(&cluster, bytes.data() + 9 * 5 * 4 + 9 + t * 4, sizeof cluster);
      EXPECT_EQ(cluster, 0);
    }
  }
}

// The bits of fixed inputs, the same constants on every architecture.
TEST_P(RouterKernelsTest, GivesTheGoldenBits) {
  uint64_t hash = Fnv(nullptr, 0);
  for (const RouteCase& test :
       {RouteCase(17, 128, 39, 64, 13, 0.3f), RouteCase(3, 77, 300, 33, 14, 0.3f)}) {
    const std::string bytes = test.Run(kernels());
    hash = Fnv(bytes.data(), bytes.size(), hash);
  }
  EXPECT_EQ(hash, 0xc2aee4f2a0d19494u);
}

}  // namespace
}  // namespace gem
