// Tests the inner loops of differentiation: every instruction set against plain f64 loops, and
// against each other bit by bit.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Gradient/GradientKernels.h"
#include "compiler/Gradient/Products.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace gem::grad;

namespace {

std::vector<const Kernels *> allKernels() {
  std::vector<const Kernels *> all{&kernels_generic};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    all.push_back(&kernels_avx2);
  if (__builtin_cpu_supports("avx512f"))
    all.push_back(&kernels_avx512);
#endif
  return all;
}

std::vector<float> randomValues(int64_t count, float deviation, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(generator);
  return values;
}

TEST(GradientKernels, ProductsAreChainsOfFmaOnEveryInstructionSet) {
  for (auto [rows, depth] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {8, 64}, {23, 17}})
    for (bool accumulate : {false, true})
      for (bool transposed : {false, true}) {
        std::vector<float> a = randomValues(rows * depth, 1, 1);
        std::vector<float> b = randomValues(depth * 40, 1, 2);
        std::vector<float> start = randomValues(rows * 35, 1, 3);
        int64_t aRow = transposed ? 1 : depth, aColumn = transposed ? rows : 1;
        std::vector<float> expected = start;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < kPanelColumns; ++j) {
            float sum = accumulate ? start[r * 35 + j] : 0;
            for (int64_t k = 0; k < depth; ++k)
              sum = std::fma(a[r * aRow + k * aColumn], b[k * 40 + j], sum);
            expected[r * 35 + j] = sum;
          }
        for (const Kernels *kernels : allKernels()) {
          std::vector<float> c = start;
          kernels->product(a.data(), aRow, aColumn, rows, depth, b.data(), 40, c.data(), 35,
                           accumulate);
          EXPECT_EQ(c, expected) << kernels->name << " " << rows << " x " << depth;
        }
      }
}

TEST(GradientKernels, MultipliesMatricesOfAnyWidth) {
  ProductScratch scratch;
  for (int64_t columns : {1, 31, 32, 70}) {
    const int64_t rows = 5, depth = 9;
    std::vector<float> a = randomValues(rows * depth, 1, 4),
                       b = randomValues(depth * columns, 1, 5);
    std::vector<float> start = randomValues(rows * columns, 1, 6);
    for (bool accumulate : {false, true}) {
      std::vector<float> expected = start, packed = start, plain = start;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j) {
          float sum = accumulate ? start[r * columns + j] : 0;
          for (int64_t k = 0; k < depth; ++k)
            sum = std::fma(a[r * depth + k], b[k * columns + j], sum);
          expected[r * columns + j] = sum;
        }
      multiply({a.data(), depth}, rows, PackedMatrix({b.data(), columns}, depth, columns),
               packed.data(), columns, accumulate, scratch);
      multiply({a.data(), depth}, rows, depth, b.data(), columns, columns, plain.data(), columns,
               accumulate, scratch);
      EXPECT_EQ(packed, expected);
      EXPECT_EQ(plain, expected);
    }
  }
}

/// Checks `apply` against `exact` within `tolerance`, relative to the value or to `least` where
/// that is more, and its bits between instruction sets.
template <typename Apply, typename Exact>
void expectFunction(const std::vector<float> &x, double tolerance, double least, Apply apply,
                    Exact exact) {
  std::vector<float> first;
  for (const Kernels *kernels : allKernels()) {
    std::vector<float> y(x.size());
    apply(*kernels, x.data(), x.size(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      double expected = exact(static_cast<double>(x[i]));
      ASSERT_NEAR(y[i], expected, tolerance * std::max(std::abs(expected), least))
          << kernels->name << " at " << x[i];
    }
    if (first.empty())
      first = y;
    EXPECT_EQ(y, first) << kernels->name;
  }
}

TEST(GradientKernels, ComputeFunctionsWithinAFewUlp) {
  std::vector<float> x{0.0f, -0.0f, 1.0f, -1.0f, 4.0f, -9.0f, 20.0f, -20.0f};
  for (float value : randomValues(1003, 3, 7))
    x.push_back(value);
  // 4 ulp of f32; where 1 + erf(x) cancels, of the terms.
  expectFunction(
      x, 5e-7, 1e-30, [](auto &k, const float *x, int64_t n, float *y) { k.tanh(x, n, y); },
      [](double x) { return std::tanh(x); });
  expectFunction(
      x, 5e-7, 3.0, [](auto &k, const float *x, int64_t n, float *y) { k.gelu(x, n, y); },
      [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); });
  expectFunction(
      x, 5e-7, 1.0,
      [](auto &k, const float *x, int64_t n, float *y) {
        std::vector<float> ones(n, 1.0f);
        k.geluGradient(x, ones.data(), n, y);
      },
      [](double x) {
        return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) +
               x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0));
      });
  expectFunction(
      x, 5e-7, 1e-30,
      [](auto &k, const float *x, int64_t n, float *y) { k.exponential(x, 0.0f, n, y); },
      [](double x) { return std::exp(x); });
  // What softmax gives pairs that are forbidden.
  float forbidden = -3e38f, weight = 1;
  for (const Kernels *kernels : allKernels()) {
    kernels->exponential(&forbidden, 5.0f, 1, &weight);
    EXPECT_EQ(weight, 0.0f);
  }
}

} // namespace
