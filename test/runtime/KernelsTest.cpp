// Tests of the CPU kernels: each kernel of every ISA against plain loops in
// double, and all ISAs, splits and host architectures against one another.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tolerances are forward error bounds with the unit roundoff kU = 2^-24: a sum
// of n terms by fma is off by at most n kU times the sum of their magnitudes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "test/runtime/KernelsTesting.h"

// The functions inside the kernels, as the scalar ISA has them.
#define GEM_ISA kernels_test
#define GEM_ISA_SCALAR
#include "runtime/kernels/Math.h"
#undef GEM_ISA_SCALAR

namespace gem {
namespace {

constexpr double kU = 0x1p-24;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// --- one case of each kernel: inputs, run, check -----------------------------

struct LinearCase {
  LinearCase(uint32_t rows, uint32_t n, uint32_t k, Activation activation, bool bias, bool residual,
             uint32_t seed, float scale = 1)
      : rows(rows), n(n), k(k), activation(activation) {
    Random random(seed);
    x = random.Floats(size_t{rows} * k, scale);
    matrix = random.Floats(size_t{n} * k, 0.25f);
    if (bias) this->bias = random.Floats(n);
    if (residual) this->residual = random.Floats(size_t{rows} * n);
    const size_t panels = (n + 15) / 16;
    storage.assign(panels * 16 * k + 16, 0);
    w = storage.data();
    while (reinterpret_cast<uintptr_t>(w) % 64 != 0) ++w;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < k; ++j) w[(i / 16) * 16 * k + j * 16 + i % 16] = matrix[i * k + j];
    }
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(size_t{rows} * n);
    const LinearArgs args = {x.data(),
                             {w, n, k, WeightType::kF32, format::Scales::kNone, 0},
                             bias.empty() ? nullptr : bias.data(),
                             residual.empty() ? nullptr : residual.data(),
                             y.data(),
                             rows,
                             n,
                             k,
                             activation};
    Split((n + 15) / 16, parts,
          [&](uint32_t begin, uint32_t end) { kernels.linear(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  void Check(const std::string& bytes) const {
    const float* y = reinterpret_cast<const float*>(bytes.data());
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < n; ++j) {
        double sum = bias.empty() ? 0 : bias[j], magnitude = std::fabs(sum);
        for (size_t l = 0; l < k; ++l) {
          const double product = static_cast<double>(x[i * k + l]) * matrix[j * k + l];
          sum += product;
          magnitude += std::fabs(product);
        }
        double bound = (k + 2) * kU * magnitude;
        if (activation == Activation::kTanh) sum = std::tanh(sum);
        if (activation == Activation::kGelu) sum = 0.5 * sum * (1 + std::erf(sum / std::sqrt(2)));
        // The derivatives are at most 1.13.
        if (activation != Activation::kNone) bound = 1.13 * bound + 3 * kU * (magnitude + 1);
        if (!residual.empty()) {
          sum += residual[i * n + j];
          bound += kU * std::fabs(sum);
        }
        ASSERT_LE(std::fabs(y[i * n + j] - sum), bound)
            << "row " << i << " output " << j << " of " << rows << "x" << n << "x" << k;
      }
    }
  }
  uint32_t rows, n, k;
  Activation activation;
  std::vector<float> x, matrix, bias, residual, storage;
  float* w;
};

struct LayerNormCase {
  LayerNormCase(uint32_t rows, uint32_t width, uint32_t seed, float offset = 0) : width(width) {
    Random random(seed);
    x = random.Floats(size_t{rows} * width);
    for (float& value : x) value += offset;
    gamma = random.Floats(width);
    beta = random.Floats(width);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    const uint32_t rows = static_cast<uint32_t>(x.size() / width);
    Output<float> y(x.size());
    const LayerNormArgs args = {x.data(), gamma.data(), beta.data(), y.data(), width, 1e-12f};
    Split(rows, parts, [&](uint32_t begin, uint32_t end) { kernels.layer_norm(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  void Check(const std::string& bytes) const {
    const float* y = reinterpret_cast<const float*>(bytes.data());
    for (size_t row = 0; row < x.size() / width; ++row) {
      double mean = 0, variance = 0, largest = 0;
      for (size_t i = 0; i < width; ++i) mean += x[row * width + i];
      mean /= width;
      for (size_t i = 0; i < width; ++i) {
        const double centred = x[row * width + i] - mean;
        variance += centred * centred / width;
        largest = std::max(largest, std::fabs(static_cast<double>(x[row * width + i])));
      }
      const double deviation = std::sqrt(variance + static_cast<double>(1e-12f));
      for (size_t i = 0; i < width; ++i) {
        const double normal = (x[row * width + i] - mean) / deviation;
        const double expected = normal * gamma[i] + beta[i];
        // The mean is off by up to (width / 16 + 6) kU largest.
        const double bound =
            ((width / 16 + 8) * kU * largest / deviation * (1 + std::fabs(normal)) +
             (width / 16 + 16) * kU * std::fabs(normal)) *
                std::fabs(gamma[i]) +
            kU * std::fabs(expected);
        ASSERT_LE(std::fabs(y[row * width + i] - expected), bound) << row << ", " << i;
      }
    }
  }
  uint32_t width;
  std::vector<float> x, gamma, beta;
};

struct ActivationCase {
  ActivationCase(uint32_t rows, uint32_t width, Activation activation, uint32_t seed)
      : width(width), activation(activation) {
    x = Random(seed).Floats(size_t{rows} * width, 6);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(x.size());
    const ActivationArgs args = {x.data(), y.data(), width, activation};
    Split(static_cast<uint32_t>(x.size() / width), parts,
          [&](uint32_t begin, uint32_t end) { kernels.activation(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  void Check(const std::string& bytes) const {
    const float* y = reinterpret_cast<const float*>(bytes.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double value = x[i];
      double expected = value, bound = 0;
      if (activation == Activation::kGelu) {
        expected = 0.5 * value * (1 + std::erf(value / std::sqrt(2)));
        bound = 1.5 * kU * std::fabs(value);  // 1.355 measured on every 16th input
      } else if (activation == Activation::kTanh) {
        expected = std::tanh(value);
        bound = 2 * 1.3321 * kU * std::fabs(expected);  // an ulp is at most 2 kU of the value
      }
      ASSERT_LE(std::fabs(y[i] - expected), bound) << "at " << value;
    }
  }
  uint32_t width;
  Activation activation;
  std::vector<float> x;
};

struct AddCase {
  AddCase(uint32_t rows, uint32_t width, uint32_t seed) : width(width) {
    Random random(seed);
    x = random.Floats(size_t{rows} * width);
    z = random.Floats(size_t{rows} * width);
  }
  std::string Run(const CpuKernels& kernels, uint32_t parts = 1) const {
    Output<float> y(x.size());
    const AddArgs args = {x.data(), z.data(), y.data(), width};
    Split(static_cast<uint32_t>(x.size() / width), parts,
          [&](uint32_t begin, uint32_t end) { kernels.add(args, begin, end); });
    y.CheckCanary();
    return y.bytes();
  }
  void Check(const std::string& bytes) const {
    const float* y = reinterpret_cast<const float*>(bytes.data());
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], x[i] + z[i]);
  }
  uint32_t width;
  std::vector<float> x, z;
};

constexpr uint32_t kWidths[] = {1, 7, 15, 16, 17, 33, 64, 128, 312};
constexpr uint32_t kTokens[] = {1, 2, 3, 5, 9, 17, 64, 65, 130};
constexpr Activation kActivations[] = {Activation::kNone, Activation::kGelu, Activation::kTanh};

// Calls visit with cases of every kernel, of all widths and numbers of tokens.
template <class Visit>
void ForEachCase(Visit visit) {
  uint32_t seed = 1;
  for (const uint32_t width : kWidths) {
    // Each width with some numbers of tokens, each number with some widths.
    for (size_t i = width % 3; i < std::size(kTokens); i += 3) {
      const uint32_t tokens = kTokens[i];
      SCOPED_TRACE(testing::Message() << "width " << width << ", tokens " << tokens);
      const uint32_t other = kWidths[(i + width) % std::size(kWidths)];
      visit(AddCase(tokens, width, ++seed));
      visit(LayerNormCase(tokens, width, ++seed));
      visit(LayerNormCase(tokens, width, ++seed, 100));
      for (const Activation activation : kActivations) {
        visit(ActivationCase(tokens, width, activation, ++seed));
      }
      ++seed;
      visit(LinearCase(tokens, other, width, kActivations[seed % 3], seed % 2 == 0, seed % 4 < 2,
                       seed));
    }
  }
}

class KernelsTest : public testing::TestWithParam<const CpuKernels*> {
 protected:
  const CpuKernels& kernels() const { return *GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Isa, KernelsTest, testing::ValuesIn(SupportedKernels()),
                         [](const auto& info) { return std::string(info.param->name); });

// --- the table ---------------------------------------------------------------

TEST(CpuKernelTable, EndsWithScalarWhichEveryCpuHas) {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  ASSERT_GE(count, 1u);
  EXPECT_STREQ(all[count - 1]->name, "scalar");
  EXPECT_TRUE(all[count - 1]->supported());
  for (size_t i = 0; i < count; ++i) EXPECT_EQ(FindCpuKernels(all[i]->name), all[i]);
  EXPECT_EQ(FindCpuKernels("none"), nullptr);
}

// --- against the oracle ------------------------------------------------------

TEST_P(KernelsTest, AgreeWithPlainLoops) {
  ForEachCase([&](const auto& test) {
    if (!testing::Test::HasFatalFailure()) test.Check(test.Run(kernels()));
  });
}

// Every number of rows, and of panels, that a tile can have.
TEST_P(KernelsTest, LinearAgreesForEveryTile) {
  for (uint32_t rows = 1; rows <= 17; ++rows) {
    for (const uint32_t panels : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 13u}) {
      const LinearCase test(rows, 16 * panels - rows % 3, 19, Activation::kNone, true, false, rows);
      ASSERT_NO_FATAL_FAILURE(test.Check(test.Run(kernels())));
    }
  }
}

TEST_P(KernelsTest, LinearTakesLargeAndTinyValues) {
  for (const float scale : {1e30f, 1e-30f, 1e-42f}) {
    const LinearCase test(5, 33, 40, Activation::kNone, false, false, 9, scale);
    // Products of subnormals: the relative bound does not hold below 2^-126.
    const std::string bytes = test.Run(kernels());
    if (scale > 1e-40f) test.Check(bytes);
    EXPECT_EQ(bytes, test.Run(*FindCpuKernels("scalar")));
  }
}

TEST_P(KernelsTest, EmbeddingCopiesRowsAndRefusesIds) {
  Random random(10);
  for (const uint32_t width : kWidths) {
    const std::vector<float> table = random.Floats(size_t{50} * width);
    std::vector<int32_t> ids = {0, 49, 7, 7, 23};
    Output<float> y(ids.size() * width);
    const EmbeddingArgs args = {
        ids.data(), {{table.data(), 50, width, WeightType::kF32, format::Scales::kNone, 0}},
        1,          nullptr,
        y.data(),   50,
        width};
    ASSERT_TRUE(kernels().embedding(args, 0, 2));
    ASSERT_TRUE(kernels().embedding(args, 2, 5));
    y.CheckCanary();
    for (size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(std::memcmp(y.data() + i * width, &table[static_cast<size_t>(ids[i]) * width],
                            width * sizeof(float)),
                0);
    }
    for (const int32_t bad :
         {-1, 50, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
      ids[3] = bad;
      const std::string before = y.bytes();
      EXPECT_FALSE(kernels().embedding(args, 3, 5));
      EXPECT_EQ(y.bytes(), before);
      EXPECT_TRUE(kernels().embedding(args, 0, 3));
    }
  }
}

// Outputs that the contract lets overlap an input.
TEST_P(KernelsTest, AllowedOverlapsChangeNothing) {
  const LayerNormCase norm(9, 33, 11);
  std::vector<float> x = norm.x;
  kernels().layer_norm({x.data(), norm.gamma.data(), norm.beta.data(), x.data(), 33, 1e-12f}, 0, 9);
  EXPECT_EQ(std::memcmp(x.data(), norm.Run(kernels()).data(), x.size() * sizeof(float)), 0);

  const ActivationCase gelu(9, 33, Activation::kGelu, 12);
  x = gelu.x;
  kernels().activation({x.data(), x.data(), 33, Activation::kGelu}, 0, 9);
  EXPECT_EQ(std::memcmp(x.data(), gelu.Run(kernels()).data(), x.size() * sizeof(float)), 0);

  const LinearCase linear(9, 33, 20, Activation::kGelu, true, true, 13);
  std::vector<float> y = linear.residual;
  kernels().linear({linear.x.data(),
                    {linear.w, 33, 20, WeightType::kF32, format::Scales::kNone, 0},
                    linear.bias.data(),
                    y.data(),
                    y.data(),
                    9,
                    33,
                    20,
                    Activation::kGelu},
                   0, 3);
  EXPECT_EQ(std::memcmp(y.data(), linear.Run(kernels()).data(), y.size() * sizeof(float)), 0);
}

// NaN and infinities anywhere: no crash, no index out of range, canaries intact.
TEST_P(KernelsTest, NonFiniteInputsAreHarmless) {
  for (const float bad : {kNan, kInf, -kInf}) {
    LinearCase linear(9, 17, 20, Activation::kGelu, true, true, 16);
    linear.x[5] = bad;
    linear.Run(kernels());
    LayerNormCase norm(9, 20, 17);
    norm.x[5] = bad;
    norm.Run(kernels());
  }
}

// --- the same bits -----------------------------------------------------------

TEST_P(KernelsTest, GiveTheBitsOfScalarForAnySplit) {
  const CpuKernels& scalar = *FindCpuKernels("scalar");
  ForEachCase([&](const auto& test) {
    const std::string expected = test.Run(scalar);
    for (const uint32_t parts : {1u, 2u, 3u, 7u, 1000u}) {
      EXPECT_TRUE(test.Run(kernels(), parts) == expected) << parts << " parts";
    }
  });
}

// The bits of fixed inputs, the same constants on every architecture.
TEST_P(KernelsTest, GiveTheGoldenBits) {
  const auto hash = [&](auto... cases) {
    uint64_t value = Fnv(nullptr, 0);
    ((value = Fnv(cases.Run(kernels()).data(), cases.Run(kernels()).size(), value)), ...);
    return value;
  };
  EXPECT_EQ(hash(LinearCase(13, 77, 129, Activation::kNone, true, true, 1),
                 LinearCase(1, 312, 64, Activation::kNone, false, false, 2)),
            0xae50b330ecdbd50eu);
  EXPECT_EQ(hash(LinearCase(13, 77, 129, Activation::kGelu, true, false, 3),
                 LinearCase(3, 39, 128, Activation::kTanh, true, true, 4)),
            0xc8986f86d05b02efu);
  EXPECT_EQ(hash(LayerNormCase(6, 128, 5), LayerNormCase(5, 313, 6, 10)), 0x42805fe45a29284eu);
  EXPECT_EQ(hash(ActivationCase(4, 500, Activation::kGelu, 7)), 0x3974dbe9656dd736u);
  EXPECT_EQ(hash(ActivationCase(4, 500, Activation::kTanh, 8)), 0x260b93e407265666u);
}

// --- fma without fma ---------------------------------------------------------

void CheckFma(float a, float b, float c) {
  const float expected = std::fma(a, b, c);
  const float scalar = kernels_test::SoftFma(a, b, c);
  const float vector = kernels_test::FmaScalar(a, b, c);
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(scalar) && std::isnan(vector)) << a << " " << b << " " << c;
    return;
  }
  ASSERT_EQ(std::memcmp(&scalar, &expected, sizeof expected), 0)
      << std::hexfloat << a << " * " << b << " + " << c << " = " << expected << ", not " << scalar;
  ASSERT_EQ(std::memcmp(&vector, &expected, sizeof expected), 0)
      << std::hexfloat << a << " * " << b << " + " << c << " = " << expected << ", not " << vector;
}

TEST(SoftFma, IsExactForSpecialOperands) {
  std::vector<float> values = {0,
                               1,
                               1.5f,
                               3,
                               0x1p-1f,
                               0x1.fffffep127f,
                               0x1p127f,
                               0x1p-126f,
                               0x1.fffffcp-127f,
                               0x1p-149f,
                               0x1.8p-148f,
                               0x1.000002p0f,
                               0x1.fffffep-1f,
                               0x1p64f,
                               0x1p-64f,
                               0x1.555556p-75f,
                               0x1p23f,
                               0x1.000002p24f,
                               kInf,
                               kNan};
  for (size_t i = 0, count = values.size(); i < count; ++i) values.push_back(-values[i]);
  for (const float a : values) {
    for (const float b : values) {
      for (const float c : values) ASSERT_NO_FATAL_FAILURE(CheckFma(a, b, c));
    }
  }
}

TEST(SoftFma, IsExactForRandomOperands) {
  Random random(18);
  for (int i = 0; i < 300000; ++i) {  // any bits
    ASSERT_NO_FATAL_FAILURE(
        CheckFma(FromBits(random.Bits()), FromBits(random.Bits()), FromBits(random.Bits())));
  }
  for (int i = 0; i < 300000; ++i) {  // exponents so near that the sum cancels or rounds
    const float a = random.Float(1), b = random.Float(1);
    const float c = std::ldexp(random.Float(1), static_cast<int>(random.Below(60)) - 30);
    ASSERT_NO_FATAL_FAILURE(CheckFma(a, b, c));
    ASSERT_NO_FATAL_FAILURE(CheckFma(a, b, -(a * b)));
  }
  for (int i = 0; i < 300000; ++i) {  // results around and below the smallest normal number
    const float a = std::ldexp(random.Float(1), -60 - static_cast<int>(random.Below(20)));
    const float b = std::ldexp(random.Float(1), -60 - static_cast<int>(random.Below(20)));
    ASSERT_NO_FATAL_FAILURE(CheckFma(a, b, FromBits(random.Bits() & 0x80ffffff)));
  }
  for (int i = 0; i < 300000; ++i) {  // just beside the middle between two f32
    const float c = FromBits((random.Bits() & 0x007fffff) | 0x4b800000);  // [2^24, 2^25): ulp 2
    const float tiny = std::ldexp(random.Float(1), -static_cast<int>(random.Below(120)));
    ASSERT_NO_FATAL_FAILURE(CheckFma(1 + std::ldexp(1.0f, -23), 1 - std::ldexp(1.0f, -24), c));
    ASSERT_NO_FATAL_FAILURE(CheckFma(1, i % 2 == 0 ? 1 : 3, c));
    ASSERT_NO_FATAL_FAILURE(CheckFma(tiny, tiny, c + 1));
    ASSERT_NO_FATAL_FAILURE(CheckFma(tiny, 0x1p20f, c));
  }
}

// --- exp, erf, tanh ----------------------------------------------------------

// The largest error of function(x) in ulp of reference(x) over every `stride`-th
// of `count` f32 from the bits `first` on.
struct Worst {
  double ulps = 0;
  float at = 0;
};
template <class Function>
void FindWorst(Function function, double (*reference)(double), uint64_t first, uint64_t count,
               uint32_t stride, Worst* worst) {
  for (uint64_t bits = first; bits < first + count; bits += 16 * uint64_t{stride}) {
    float x[16], y[16];
    for (uint32_t i = 0; i < 16; ++i) x[i] = FromBits(static_cast<uint32_t>(bits + i * stride));
    kernels_test::Store(y, function(kernels_test::Load(x)));
    for (int i = 0; i < 16; ++i) {
      const double expected = reference(x[i]);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(y[i])) << x[i];
      } else if (std::fabs(expected) > std::numeric_limits<float>::max()) {
        ASSERT_EQ(y[i], std::copysign(kInf, expected)) << x[i];
      } else if (std::fabs(expected) > 0x1p-120) {
        const double ulp = std::ldexp(1.0, std::ilogb(expected) - 23);
        const double error = std::fabs(y[i] - expected) / ulp;
        if (error > worst->ulps) *worst = {error, x[i]};
      } else {  // exp gives 0 for subnormal results
        ASSERT_LE(std::fabs(y[i] - expected), 0x1p-126 + 2 * 0x1p-149) << x[i];
      }
    }
  }
}

// `bound` is the largest error over all 2^32 inputs, rounded up, and `worst_at`
// where it is: a sample alone, as every 1021st input here, misses it.
template <class Function>
void CheckUlps(Function function, double (*reference)(double), double bound, float worst_at) {
  Worst worst;
  ASSERT_NO_FATAL_FAILURE(FindWorst(function, reference, 0, uint64_t{1} << 32, 1021, &worst));
  uint32_t bits;
  std::memcpy(&bits, &worst_at, sizeof bits);
  ASSERT_NO_FATAL_FAILURE(FindWorst(function, reference, bits - 2048, 4096, 1, &worst));
  EXPECT_LE(worst.ulps, bound) << "at " << std::hexfloat << worst.at;
  EXPECT_GT(worst.ulps, bound - 0.001)
      << "at " << std::hexfloat << worst.at << ": measure the bound again over all inputs";
}

TEST(Math, ExpIsWithinItsBound) {
  CheckUlps([](auto x) { return kernels_test::Exp(x); }, std::exp, 1.0096, -0x1.df6002p+5f);
}
TEST(Math, ErfIsWithinItsBound) {
  CheckUlps([](auto x) { return kernels_test::Erf(x); }, std::erf, 1.0787, -0x1.0f3608p+0f);
}
TEST(Math, TanhIsWithinItsBound) {
  CheckUlps([](auto x) { return kernels_test::Tanh(x); }, std::tanh, 1.3321, -0x1.43183ap-1f);
}

template <class Function>
void CheckPoints(Function function, std::initializer_list<std::pair<float, float>> points) {
  for (const auto& [x, expected] : points) {
    float y[16];
    kernels_test::Store(y, function(kernels_test::Splat(x)));
    EXPECT_EQ(std::memcmp(&y[0], &expected, sizeof expected), 0)
        << "at " << x << ": " << y[0] << ", not " << expected;
  }
}

TEST(Math, SpecialValues) {
  CheckPoints([](auto x) { return kernels_test::Exp(x); }, {{0, 1},
                                                            {-0.0f, 1},
                                                            {-kInf, 0},
                                                            {-1e30f, 0},
                                                            {-87.34f, 0},
                                                            {kInf, kInf},
                                                            {89, kInf},
                                                            {1e30f, kInf},
                                                            {0x1p-149f, 1}});
  CheckPoints([](auto x) { return kernels_test::Erf(x); },
              {{0, 0}, {-0.0f, -0.0f}, {4, 1}, {-4, -1}, {kInf, 1}, {-kInf, -1}});
  CheckPoints([](auto x) { return kernels_test::Tanh(x); },
              {{0, 0}, {-0.0f, -0.0f}, {10, 1}, {-10, -1}, {kInf, 1}, {-kInf, -1}});
  CheckPoints([](auto x) { return kernels_test::Gelu(x); }, {{0, 0}, {10, 10}, {-10, 0}});
}

}  // namespace
}  // namespace gem
