// Tests ridge regression from sums against normal equations in double.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Preservation/Regression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace gem::preserve {
namespace {

/// Rows of inputs that depend on each other and lie far from zero, with errors of two layers
/// that are linear in them, and noise.
struct Sample {
  int64_t width;
  std::vector<int64_t> outputs;
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<std::vector<float>>> errors; ///< By row and layer.
  std::vector<double> weights;

  Sample(int64_t width, std::vector<int64_t> outputs, int64_t rows, unsigned seed = 1)
      : width(width), outputs(std::move(outputs)) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<float> x(width);
      float common = normal(random);
      for (int64_t i = 0; i < width; ++i)
        x[i] = 3 + 0.5f * common + normal(random) * static_cast<float>(1 + i % 4);
      auto &rowErrors = errors.emplace_back();
      for (size_t t = 0; t < this->outputs.size(); ++t) {
        auto &error = rowErrors.emplace_back(this->outputs[t]);
        for (size_t o = 0; o < error.size(); ++o) {
          error[o] = 0.3f + 0.1f * normal(random);
          for (int64_t i = 0; i < width; ++i)
            error[o] += x[i] * std::sin(static_cast<float>(i * 7 + o * 3 + t)) * 0.2f;
        }
      }
      inputs.push_back(std::move(x));
      weights.push_back(r % 3 ? 0.002 : 0.005);
    }
  }

  Moments moments(unsigned threads) const {
    MomentSums sums(width, outputs, threads);
    for (size_t r = 0; r < inputs.size(); ++r) {
      std::vector<const float *> rowErrors;
      for (const auto &error : errors[r])
        rowErrors.push_back(error.data());
      sums.add(inputs[r].data(), rowErrors, weights[r]);
    }
    return sums.finish();
  }
};

/// The unknowns of an equation, by elimination with pivots.
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    size_t pivot = i;
    for (size_t r = i; r < n; ++r)
      if (std::abs(a[r][i]) > std::abs(a[pivot][i]))
        pivot = r;
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (size_t r = i + 1; r < n; ++r) {
      const double factor = a[r][i] / a[i][i];
      for (size_t c = i; c < n; ++c)
        a[r][c] -= factor * a[i][c];
      b[r] -= factor * b[i];
    }
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t c = i + 1; c < n; ++c)
      b[i] -= a[i][c] * b[c];
    b[i] /= a[i][i];
  }
  return b;
}

/// Weights and, last, bias of an output: the normal equations over [x, 1] as they stand, where
/// the ridge spares the bias.
std::vector<double> oracle(const Sample &sample, size_t target, int64_t output, bool hasBias,
                           double ridge) {
  const size_t n = sample.width + (hasBias ? 1 : 0);
  double total = 0;
  std::vector<double> mean(sample.width);
  for (size_t r = 0; r < sample.inputs.size(); ++r) {
    total += sample.weights[r];
    for (int64_t i = 0; i < sample.width; ++i)
      mean[i] += sample.weights[r] * sample.inputs[r][i];
  }
  std::vector<std::vector<double>> gram(n, std::vector<double>(n));
  std::vector<double> right(n);
  double trace = 0;
  for (size_t r = 0; r < sample.inputs.size(); ++r) {
    std::vector<double> x(sample.inputs[r].begin(), sample.inputs[r].end());
    for (int64_t i = 0; i < sample.width; ++i) {
      const double centred = x[i] - (hasBias ? mean[i] / total : 0);
      trace += sample.weights[r] / total * centred * centred;
    }
    x.resize(n, 1);
    for (size_t i = 0; i < n; ++i) {
      right[i] += sample.weights[r] / total * x[i] * sample.errors[r][target][output];
      for (size_t j = 0; j < n; ++j)
        gram[i][j] += sample.weights[r] / total * x[i] * x[j];
    }
  }
  for (int64_t i = 0; i < sample.width; ++i)
    gram[i][i] += ridge * trace / static_cast<double>(sample.width);
  return solve(gram, right);
}

TEST(Regression, SolvesTheNormalEquations) {
  for (double ridge : {1e-3, 1e-1}) {
    Sample sample(37, {5, 40}, 1300);
    Moments moments = sample.moments(2);
    std::vector<bool> hasBias{true, false};
    std::vector<Correction> corrections = solveRidge(moments, {{true, ridge}, {false, ridge}}, 2);
    ASSERT_EQ(corrections.size(), 2u);
    EXPECT_TRUE(corrections[1].bias.empty());
    for (size_t t = 0; t < 2; ++t)
      for (int64_t o = 0; o < sample.outputs[t]; ++o) {
        std::vector<double> expected = oracle(sample, t, o, hasBias[t], ridge);
        // Products are summed in f32 over 512 rows.
        for (int64_t i = 0; i < sample.width; ++i)
          ASSERT_NEAR(corrections[t].weights[o * sample.width + i], expected[i], 2e-5)
              << "target " << t << ", output " << o << ", input " << i;
        if (hasBias[t]) {
          ASSERT_NEAR(corrections[t].bias[o], expected[sample.width], 2e-4);
        }
      }
  }
}

TEST(Regression, TellsTheErrorThatIsLeft) {
  Sample sample(20, {6}, 700);
  Moments moments = sample.moments(1);
  Correction correction = solveRidge(moments, {{true, 1e-2}}, 1).front();
  double sum = 0, total = 0;
  for (size_t r = 0; r < sample.inputs.size(); ++r) {
    total += sample.weights[r];
    for (int64_t o = 0; o < 6; ++o) {
      double left = correction.bias[o] - sample.errors[r][0][o];
      for (int64_t i = 0; i < 20; ++i)
        left += correction.weights[o * 20 + i] * sample.inputs[r][i];
      sum += sample.weights[r] * left * left;
    }
  }
  EXPECT_NEAR(errorAfter(moments, moments.targets[0], correction, 1), sum / total,
              1e-4 * sum / total);
}

TEST(Regression, IsTheSameForAnyNumberOfThreads) {
  // Wide enough that threads are started.
  Sample sample(200, {70, 33}, 1100);
  Moments one = sample.moments(1), three = sample.moments(3);
  EXPECT_EQ(one.mean, three.mean);
  EXPECT_EQ(one.covariance, three.covariance);
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(one.targets[t].covariance, three.targets[t].covariance);
    EXPECT_EQ(one.targets[t].variance, three.targets[t].variance);
  }
  auto first = solveRidge(one, {{true, 1e-2}, {true, 1e-2}}, 1);
  auto second = solveRidge(one, {{true, 1e-2}, {true, 1e-2}}, 3);
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(first[t].weights, second[t].weights);
    EXPECT_EQ(first[t].bias, second[t].bias);
  }
}

TEST(Regression, StaysFiniteWhereInputsAreFewOrConstant) {
  // Five rows for twenty inputs, without a ridge: the Gram matrix is singular.
  Sample few(20, {4}, 5);
  Moments moments = few.moments(1);
  Correction correction = solveRidge(moments, {{true, 0}}, 1).front();
  for (double value : correction.weights)
    ASSERT_TRUE(std::isfinite(value) && std::abs(value) < 100) << value;
  EXPECT_LT(errorAfter(moments, moments.targets[0], correction, 1), 1e-3);

  // Inputs that are always the same can only give a bias.
  Sample constant(3, {2}, 40);
  for (std::vector<float> &row : constant.inputs)
    row = {1, -2, 3};
  moments = constant.moments(1);
  correction = solveRidge(moments, {{true, 1e-2}}, 1).front();
  EXPECT_EQ(correction.weights, std::vector<double>(6));
  EXPECT_EQ(correction.bias, moments.targets[0].mean);
}

TEST(Regression, KeepsWeightsWhereTheRidgeIsInfinite) {
  Sample sample(12, {3, 3, 3}, 100);
  Moments moments = sample.moments(1);
  const double infinity = std::numeric_limits<double>::infinity();
  auto corrections = solveRidge(moments, {{true, infinity}, {true, 1e-2}, {false, infinity}}, 1);
  EXPECT_EQ(corrections[0].weights, std::vector<double>(36));
  EXPECT_EQ(corrections[0].bias, moments.targets[0].mean);
  EXPECT_NE(corrections[1].weights, std::vector<double>(36));
  EXPECT_EQ(corrections[2].weights, std::vector<double>(36));
  EXPECT_TRUE(corrections[2].bias.empty());
}

TEST(Regression, TransformsInputsAsIfTheyHadBeenSo) {
  Sample sample(24, {7}, 900);
  std::vector<double> factors(24), offsets(24);
  std::vector<float> weights(7 * 24);
  for (size_t i = 0; i < 24; ++i) {
    factors[i] = 1 + 0.1 * std::sin(static_cast<double>(i));
    offsets[i] = 0.2 * std::cos(static_cast<double>(i));
  }
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = std::sin(static_cast<float>(i) * 0.3f);
  Moments moments = sample.moments(1);
  transformInputs(moments, factors, offsets, {weights}, 2);

  Sample changed = sample;
  for (size_t r = 0; r < sample.inputs.size(); ++r) {
    for (size_t i = 0; i < 24; ++i)
      changed.inputs[r][i] = static_cast<float>(factors[i] * sample.inputs[r][i] + offsets[i]);
    for (size_t o = 0; o < 7; ++o)
      for (size_t i = 0; i < 24; ++i)
        changed.errors[r][0][o] -=
            weights[o * 24 + i] * (changed.inputs[r][i] - sample.inputs[r][i]);
  }
  Moments expected = changed.moments(1);
  // Errors are of some 10, sums of f32.
  for (size_t i = 0; i < expected.covariance.size(); ++i)
    ASSERT_NEAR(moments.covariance[i], expected.covariance[i], 1e-4) << i;
  for (size_t i = 0; i < expected.targets[0].covariance.size(); ++i)
    ASSERT_NEAR(moments.targets[0].covariance[i], expected.targets[0].covariance[i], 1e-3) << i;
  for (size_t o = 0; o < 7; ++o) {
    ASSERT_NEAR(moments.targets[0].mean[o], expected.targets[0].mean[o], 1e-4);
    ASSERT_NEAR(moments.targets[0].variance[o], expected.targets[0].variance[o], 1e-3);
  }
}

} // namespace
} // namespace gem::preserve
