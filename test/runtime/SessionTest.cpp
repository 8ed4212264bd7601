// Sessions: results, inputs, threads, kernels, cancelling.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "runtime/core/FloatingPoint.h"
#include "runtime/kernels/Kernels.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"

namespace gem::test {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::Role;
using ::testing::AnyOf;
using ::testing::HasSubstr;

// Names of the kernels that this CPU runs.
std::vector<const char*> RunnableKernels() {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  std::vector<const char*> names;
  for (size_t i = 0; i < count; ++i) {
    if (all[i]->supported()) names.push_back(all[i]->name);
  }
  return names;
}

gem_status_t RunTokens(gem_session_t* session, const std::vector<int32_t>& ids,
                       gem_error_t* error) {
  return gem_session_run_tokens(session, ids.data(), static_cast<uint32_t>(ids.size()), error);
}

Bytes MustRun(gem_session_t* session, const std::vector<int32_t>& ids) {
  gem_error_t error;
  EXPECT_EQ(RunTokens(session, ids, &error), GEM_STATUS_OK) << error.message;
  return AllOutputs(session);
}

void ExpectNear(const std::vector<float>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 2e-5) << i;
}

// --- results -----------------------------------------------------------------

TEST(ResultTest, EqualsPlainLoopsAtEverySize) {
  const TinyGem gem;
  TinyGem built;
  const AlignedBytes bytes(built.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  bool saw_routed = false, saw_unrouted = false;
  // Down as well as up, so that a smaller run follows a larger one.
  for (const uint32_t n : {1u, 9u, 4u, 5u, 2u, 8u, 3u, 7u, 6u, 1u}) {
    SCOPED_TRACE(n);
    const std::vector<int32_t> ids = TinyGem::Ids(n, n);
    MustRun(session.get(), ids);
    const TinyGem::Result expected = gem.Reference(ids, n);
    ExpectNear(OutputByRole<float>(session.get(), GEM_ROLE_LOGITS), expected.logits);
    ExpectNear(OutputByRole<float>(session.get(), GEM_ROLE_HIDDEN_STATES), expected.hidden);
    EXPECT_EQ(OutputByRole<uint8_t>(session.get(), GEM_ROLE_ROUTED), expected.routed);
    EXPECT_EQ(OutputByRole<int32_t>(session.get(), GEM_ROLE_CLUSTER), expected.cluster);
    for (const uint8_t routed : expected.routed) (routed ? saw_routed : saw_unrouted) = true;
  }
  // Otherwise SCAR would have met one group only.
  EXPECT_TRUE(saw_routed);
  EXPECT_TRUE(saw_unrouted);
}

TEST(ResultTest, PaddedProgramsPadAndCount) {
  TinyGem gem(/*padded=*/true);
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  for (const uint32_t count : {2u, 9u, 1u}) {
    std::vector<int32_t> ids = TinyGem::Ids(count);
    MustRun(session.get(), ids);
    ids.resize(TinyGem::kMaxTokens, 3);
    const TinyGem::Result expected = gem.Reference(ids, count);
    ExpectNear(OutputByRole<float>(session.get(), GEM_ROLE_LOGITS), expected.logits);
    EXPECT_EQ(OutputByRole<int32_t>(session.get(), GEM_ROLE_CLUSTER), expected.cluster);
  }
}

TEST(ResultTest, SameBitsForEveryThreadCountAndKernels) {
  TinyGem gem;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  for (uint32_t n = 1; n <= TinyGem::kMaxTokens; ++n) {
    const std::vector<int32_t> ids = TinyGem::Ids(n, 100 + n);
    const SessionPtr reference = CreateSession(bundle.get(), 1, "scalar");
    const Bytes expected = MustRun(reference.get(), ids);
    for (const char* kernels : RunnableKernels()) {
      for (const uint32_t threads : {1u, 2u, 4u}) {
        const SessionPtr session = CreateSession(bundle.get(), threads, kernels);
        EXPECT_EQ(MustRun(session.get(), ids), expected) << kernels << ", " << threads;
      }
    }
  }
}

// Commands that are large enough to be shared by threads.
struct Wide {
  static constexpr uint32_t kRows = 24, kWidth = 200, kOutputs = 333;
  explicit Wide(size_t layers = 1) {
    Random random(3);
    const uint32_t w = builder.AddConstant(
        "w", {kOutputs, kWidth}, random.Vector(kOutputs * kWidth, 0.1f), schema::Layout::PANEL_16);
    const uint32_t n = builder.AddSymbol("n", 1, kRows);
    const uint32_t x = builder.AddBuffer(ElementType::F32, {Symbol(n), Constant(kWidth)});
    const uint32_t y = builder.AddBuffer(ElementType::F32, {Symbol(n), Constant(kOutputs)});
    builder.AddInput("x", x, Role::NONE);
    builder.AddOutput("y", y, Role::NONE);
    for (size_t i = 0; i < layers; ++i) {
      builder.AddCommand(Kernel::LINEAR, {Buf(x), Const(w), None(), None()}, {Buf(y)},
                         schema::LinearParamsT{}, "layer " + std::to_string(i));
    }
  }
  BundleBuilder builder;
};

TEST(ResultTest, SharedCommandsGiveTheSameBits) {
  Wide wide;
  const AlignedBytes bytes(wide.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const std::vector<float> x = Random(9).Vector(Wide::kRows * Wide::kWidth);
  Bytes expected;
  for (const char* kernels : RunnableKernels()) {
    for (const uint32_t threads : {1u, 2u, 3u, 4u, 7u}) {
      const SessionPtr session = CreateSession(bundle.get(), threads, kernels);
      for (int repeat = 0; repeat < 20; ++repeat) {
        const uint32_t dims[] = {Wide::kRows, Wide::kWidth};
        gem_error_t error;
        ASSERT_EQ(gem_session_set_input(session.get(), 0, x.data(), dims, 2, &error), GEM_STATUS_OK)
            << error.message;
        ASSERT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK) << error.message;
        const Bytes actual = AllOutputs(session.get());
        if (expected.empty()) expected = actual;
        ASSERT_EQ(actual, expected) << kernels << ", " << threads;
      }
    }
  }
}

// A run reads its inputs anew, though commands may overwrite them in the arena.
TEST(ResultTest, RunsCanBeRepeated) {
  BundleBuilder b;
  const uint32_t n = b.AddSymbol("n", 1, 4);
  const uint32_t x = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(3)});
  b.AddInput("x", x, Role::NONE);
  b.AddOutput("y", x, Role::NONE);
  b.AddCommand(Kernel::ADD, {Buf(x), Buf(x)}, {Buf(x)}, schema::AddParamsT{});
  b.bundle().segments.clear();  // a bundle without any
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  const float values[] = {1, 2, 3, 4, 5, 6};
  const uint32_t dims[] = {2, 3};
  gem_error_t error;
  ASSERT_EQ(gem_session_set_input(session.get(), 0, values, dims, 2, &error), GEM_STATUS_OK);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK);
    const Bytes output = OutputBytes(session.get(), 0);
    ASSERT_EQ(output.size(), sizeof(values));
    for (int j = 0; j < 6; ++j) {
      EXPECT_EQ(reinterpret_cast<const float*>(output.data())[j], 2 * values[j]);
    }
  }
}

TEST(ResultTest, SelectRowOfALaterRow) {
  BundleBuilder b;
  const uint32_t x = b.AddBuffer(ElementType::F32, {Constant(4), Constant(3)});
  const uint32_t y = b.AddBuffer(ElementType::F32, {Constant(1), Constant(3)});
  b.AddInput("x", x, Role::NONE);
  b.AddOutput("y", y, Role::CLS);
  schema::SelectRowParamsT params;
  params.row = 2;
  b.AddCommand(Kernel::SELECT_ROW, {Buf(x)}, {Buf(y)}, params);
  b.bundle().segments.clear();
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  const std::vector<float> values = Random(4).Vector(12);
  const uint32_t dims[] = {4, 3};
  gem_error_t error;
  ASSERT_EQ(gem_session_set_input(session.get(), 0, values.data(), dims, 2, &error), GEM_STATUS_OK);
  ASSERT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK);
  EXPECT_EQ(OutputByRole<float>(session.get(), GEM_ROLE_CLS),
            std::vector<float>(values.begin() + 6, values.begin() + 9));
}

// Query rows that start in the middle: the compiler slices SCAR to what is read.
TEST(ResultTest, SlicedScarIsARowOfTheWhole) {
  constexpr uint32_t kTokens = 6, kWidth = 8, kFirst = 3;
  BundleBuilder b;
  auto f32 = [&](uint32_t rows) {
    return b.AddBuffer(ElementType::F32, {Constant(rows), Constant(kWidth)});
  };
  const uint32_t q = f32(kTokens), sliced_q = f32(1), k = f32(kTokens), v = f32(kTokens);
  const uint32_t routed = b.AddBuffer(ElementType::U8, {Constant(kTokens)});
  const uint32_t cluster = b.AddBuffer(ElementType::I32, {Constant(kTokens)});
  const uint32_t whole = f32(kTokens), sliced = f32(1), row = f32(1);
  b.AddInput("q", q, Role::NONE);
  b.AddInput("k", k, Role::NONE);
  b.AddInput("v", v, Role::NONE);
  b.AddInput("routed", routed, Role::NONE);
  b.AddInput("cluster", cluster, Role::NONE, 0, 9);
  b.AddOutput("row", row, Role::NONE);
  b.AddOutput("sliced", sliced, Role::NONE);
  schema::SelectRowParamsT select;
  select.row = kFirst;
  b.AddCommand(Kernel::SELECT_ROW, {Buf(q)}, {Buf(sliced_q)}, select);
  schema::ScarAttentionParamsT scar;
  scar.num_heads = 2;
  scar.head_dim = 4;
  scar.scale = 0.5f;
  b.AddCommand(Kernel::SCAR_ATTENTION, {Buf(q), Buf(k), Buf(v), Buf(routed), Buf(cluster)},
               {Buf(whole)}, scar);
  scar.first_query = kFirst;
  b.AddCommand(Kernel::SCAR_ATTENTION, {Buf(sliced_q), Buf(k), Buf(v), Buf(routed), Buf(cluster)},
               {Buf(sliced)}, scar);
  b.AddCommand(Kernel::SELECT_ROW, {Buf(whole)}, {Buf(row)}, select);
  b.bundle().segments.clear();
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  gem_error_t error;
  const uint32_t dims[] = {kTokens, kWidth};
  for (uint32_t i = 0; i < 3; ++i) {
    const std::vector<float> values = Random(i).Vector(kTokens * kWidth);
    ASSERT_EQ(gem_session_set_input(session.get(), i, values.data(), dims, 2, &error),
              GEM_STATUS_OK);
  }
  const uint8_t routed_values[kTokens] = {1, 0, 0, 1, 1, 0};
  const int32_t cluster_values[kTokens] = {4, 4, 2, 2, 5, 2};
  ASSERT_EQ(gem_session_set_input(session.get(), 3, routed_values, dims, 1, &error), GEM_STATUS_OK);
  ASSERT_EQ(gem_session_set_input(session.get(), 4, cluster_values, dims, 1, &error),
            GEM_STATUS_OK);
  ASSERT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK) << error.message;
  EXPECT_EQ(OutputBytes(session.get(), 0), OutputBytes(session.get(), 1));
}

// --- values that only a run knows --------------------------------------------

// A count that no binding bounds: here the router's clusters, of which one is
// selected by giving the program a single token.
BundleBuilder CountFromData(uint32_t clusters) {
  BundleBuilder b;
  const uint32_t x = b.AddBuffer(ElementType::F32, {Constant(1), Constant(1)});
  const uint32_t routed = b.AddBuffer(ElementType::U8, {Constant(1)});
  const uint32_t cluster = b.AddBuffer(ElementType::I32, {Constant(1)});
  const uint32_t k = b.AddBuffer(ElementType::F32, {Constant(3), Constant(1)});
  const uint32_t y = b.AddBuffer(ElementType::F32, {Constant(1), Constant(1)});
  std::vector<float> centroids(clusters);
  for (uint32_t i = 0; i < clusters; ++i) centroids[i] = static_cast<float>(i);
  const uint32_t w = b.AddConstant("w", {1, 1}, {1});
  const uint32_t c = b.AddConstant("c", {clusters, 1}, centroids);
  b.AddInput("x", x, Role::NONE);
  b.AddInput("k", k, Role::NONE);
  b.AddOutput("y", y, Role::NONE);
  b.AddCommand(Kernel::ROUTE_TOKENS, {Buf(x), Const(w), Const(c)},
               {None(), Buf(routed), Buf(cluster)}, schema::RouteTokensParamsT{});
  schema::AttentionParamsT attention;
  attention.num_heads = 1;
  attention.head_dim = 1;
  attention.scale = 1;
  b.AddCommand(Kernel::ATTENTION, {Buf(x), Buf(k), Buf(k), Buf(cluster)}, {Buf(y)}, attention,
               "hostile");
  return b;
}

TEST(RangeTest, AttentionCountIsCheckedWhenItRuns) {
  BundleBuilder b = CountFromData(6);
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  const uint32_t one[] = {1, 1}, three[] = {3, 1};
  const float keys[] = {0.5f, 1.5f, 2.5f};
  gem_error_t error;
  ASSERT_EQ(gem_session_set_input(session.get(), 1, keys, three, 2, &error), GEM_STATUS_OK);
  for (int count = 0; count < 6; ++count) {
    const float x = static_cast<float>(count);
    ASSERT_EQ(gem_session_set_input(session.get(), 0, &x, one, 2, &error), GEM_STATUS_OK);
    const gem_status_t status = gem_session_run(session.get(), &error);
    if (count >= 1 && count <= 3) {
      EXPECT_EQ(status, GEM_STATUS_OK) << error.message;
      continue;
    }
    EXPECT_EQ(status, GEM_STATUS_OUT_OF_RANGE);
    EXPECT_STREQ(error.message,
                 ("command 1 (ATTENTION hostile): input 3 (count): expected 1 to the 3 tokens, but "
                  "got " +
                  std::to_string(count))
                     .c_str());
    gem_tensor_t tensor;
    ASSERT_EQ(gem_session_output(session.get(), 0, &tensor, &error), GEM_STATUS_OK);
    EXPECT_EQ(tensor.data, nullptr) << "a failed run has no results";
  }
}

TEST(RangeTest, EmbeddingIdsAreCheckedWhenItRuns) {
  TinyGem gem;
  gem.builder.entry().inputs[0]->role = Role::NONE;
  gem.builder.entry().inputs[0]->minimum = -5;
  gem.builder.entry().inputs[0]->maximum = 1000;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  for (const int32_t bad : {-1, 37, 1000}) {
    const int32_t ids[] = {0, 36, bad};
    const uint32_t dims[] = {3};
    gem_error_t error;
    ASSERT_EQ(gem_session_set_input(session.get(), 0, ids, dims, 1, &error), GEM_STATUS_OK);
    EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OUT_OF_RANGE);
    EXPECT_STREQ(error.message,
                 ("command 0 (EMBEDDING embedding): input 0 (ids): expected 0 to 36 at position 2, "
                  "but got " +
                  std::to_string(bad))
                     .c_str());
  }
}

// --- inputs and outputs ------------------------------------------------------

class InputTest : public testing::Test {
 protected:
  TinyGem gem_{/*padded=*/false};
  AlignedBytes bytes_{gem_.builder.Build()};
  BundlePtr bundle_ = OpenBundle(bytes_);
  SessionPtr session_ = CreateSession(bundle_.get());
  gem_error_t error_ = {};
};

TEST_F(InputTest, DescribesInputsAndOutputs) {
  gem_tensor_t tensor;
  ASSERT_EQ(gem_session_input(session_.get(), 0, &tensor, &error_), GEM_STATUS_OK);
  EXPECT_STREQ(tensor.name, "ids");
  EXPECT_EQ(tensor.role, GEM_ROLE_TOKEN_IDS);
  EXPECT_EQ(tensor.element_type, GEM_ELEMENT_I32);
  EXPECT_EQ(tensor.rank, 1u);
  EXPECT_EQ(tensor.dims[0], 9u);
  EXPECT_EQ(tensor.data, nullptr);
  EXPECT_EQ(tensor.size, 36u);
  EXPECT_EQ(gem_session_input(session_.get(), 1, &tensor, &error_), GEM_STATUS_NOT_FOUND);
  EXPECT_STREQ(error_.message, "input: expected less than the entry's 1, but got 1");

  ASSERT_EQ(gem_session_output(session_.get(), 3, &tensor, &error_), GEM_STATUS_OK);
  EXPECT_STREQ(tensor.name, "hidden");
  EXPECT_EQ(tensor.rank, 2u);
  EXPECT_EQ(tensor.dims[0], 9u) << "the maximum, before the first run";
  EXPECT_EQ(tensor.dims[1], 24u);
  EXPECT_EQ(tensor.data, nullptr);
  EXPECT_EQ(gem_session_output(session_.get(), 5, &tensor, &error_), GEM_STATUS_NOT_FOUND);
  EXPECT_EQ(gem_session_output_by_role(session_.get(), GEM_ROLE_CLS, &tensor, &error_),
            GEM_STATUS_NOT_FOUND);
  EXPECT_STREQ(error_.message, "entry 'main' has no output with role 7 CLS");
  const auto unknown = static_cast<gem_role_t>(15);
  EXPECT_EQ(gem_session_output_by_role(session_.get(), unknown, &tensor, &error_),
            GEM_STATUS_NOT_FOUND);

  MustRun(session_.get(), TinyGem::Ids(4));
  ASSERT_EQ(gem_session_output(session_.get(), 3, &tensor, &error_), GEM_STATUS_OK);
  EXPECT_EQ(tensor.dims[0], 4u);
  EXPECT_EQ(tensor.size, 4u * 24 * 4);
  EXPECT_NE(tensor.data, nullptr);
}

TEST_F(InputTest, RefusesValuesByPosition) {
  const int32_t ids[] = {1, 2, 37, 4};
  EXPECT_EQ(gem_session_run_tokens(session_.get(), ids, 4, &error_), GEM_STATUS_OUT_OF_RANGE);
  EXPECT_STREQ(error_.message, "input 0 ('ids'): expected 0 to 36 at position 2, but got 37");
  const uint32_t dims[] = {4};
  EXPECT_EQ(gem_session_set_input(session_.get(), 0, ids, dims, 1, &error_),
            GEM_STATUS_OUT_OF_RANGE);
  const int32_t negative[] = {-1};
  EXPECT_EQ(gem_session_run_tokens(session_.get(), negative, 1, &error_), GEM_STATUS_OUT_OF_RANGE);
}

TEST_F(InputTest, RefusesExtents) {
  const std::vector<int32_t> ids(20, 1);
  EXPECT_EQ(gem_session_run_tokens(session_.get(), ids.data(), 0, &error_),
            GEM_STATUS_OUT_OF_RANGE);
  EXPECT_STREQ(error_.message, "count: expected 1 to 9 tokens, but got 0");
  EXPECT_EQ(gem_session_run_tokens(session_.get(), ids.data(), 10, &error_),
            GEM_STATUS_OUT_OF_RANGE);
  const uint32_t ten[] = {10};
  EXPECT_EQ(gem_session_set_input(session_.get(), 0, ids.data(), ten, 1, &error_),
            GEM_STATUS_OUT_OF_RANGE);
  EXPECT_STREQ(error_.message, "input 0 ('ids'): extent 0: expected 1 to 9, but got 10");
  const uint32_t two[] = {2, 2};
  EXPECT_EQ(gem_session_set_input(session_.get(), 0, ids.data(), two, 2, &error_),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "input 0 ('ids'): rank: expected 1, but got 2");
  EXPECT_EQ(gem_session_set_input(session_.get(), 1, ids.data(), two, 1, &error_),
            GEM_STATUS_NOT_FOUND);
}

TEST_F(InputTest, RefusesToRunWithoutInputs) {
  EXPECT_EQ(gem_session_run(session_.get(), &error_), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "input 0 ('ids') has not been set");
}

TEST_F(InputTest, UnalignedInputData) {
  const std::vector<int32_t> ids = TinyGem::Ids(5);
  const Bytes expected = MustRun(session_.get(), ids);
  Bytes shifted(1 + ids.size() * 4);
  memcpy(shifted.data() + 1, ids.data(), ids.size() * 4);
  const uint32_t dims[] = {5};
  ASSERT_EQ(gem_session_set_input(session_.get(), 0, shifted.data() + 1, dims, 1, &error_),
            GEM_STATUS_OK);
  ASSERT_EQ(gem_session_run(session_.get(), &error_), GEM_STATUS_OK);
  EXPECT_EQ(AllOutputs(session_.get()), expected);
}

TEST(TwoInputsTest, ExtentsMustAgree) {
  BundleBuilder b;
  const uint32_t n = b.AddSymbol("n", 1, 4);
  const uint32_t x = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(2)});
  const uint32_t z = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(2)});
  b.AddInput("x", x, Role::NONE);
  b.AddInput("z", z, Role::NONE);
  b.AddOutput("y", x, Role::NONE);
  b.AddCommand(Kernel::ADD, {Buf(x), Buf(z)}, {Buf(x)}, schema::AddParamsT{});
  b.bundle().segments.clear();
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  const float values[8] = {};
  const uint32_t three[] = {3, 2}, four[] = {4, 2}, wrong[] = {3, 1};
  gem_error_t error;
  EXPECT_EQ(gem_session_set_input(session.get(), 0, values, wrong, 2, &error),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 0 ('x'): extent 1: expected 2, but got 1");
  ASSERT_EQ(gem_session_set_input(session.get(), 0, values, three, 2, &error), GEM_STATUS_OK);
  EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "input 1 ('z') has not been set");
  ASSERT_EQ(gem_session_set_input(session.get(), 1, values, four, 2, &error), GEM_STATUS_OK);
  EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message,
               "input 1 ('z'): extent 0: expected 3, to which another extent has bound 'n', but "
               "got 4");
  ASSERT_EQ(gem_session_set_input(session.get(), 0, values, four, 2, &error), GEM_STATUS_OK);
  EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK);
  const int32_t ids[] = {1};
  EXPECT_EQ(gem_session_run_tokens(session.get(), ids, 1, &error), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "entry 'main': expected an input with role TOKEN_IDS, but got none");
}

TEST_F(InputTest, NullArguments) {
  gem_tensor_t tensor;
  const int32_t ids[] = {1};
  const uint32_t dims[] = {1};
  gem_session_t* session = session_.get();
  gem_session_info_t info;
  info.struct_size = sizeof(info);
  for (gem_error_t* error : {&error_, static_cast<gem_error_t*>(nullptr)}) {
    const gem_status_t statuses[] = {
        gem_session_create(nullptr, nullptr, &session, error),
        gem_session_create(bundle_.get(), nullptr, nullptr, error),
        gem_session_input(nullptr, 0, &tensor, error),
        gem_session_input(session_.get(), 0, nullptr, error),
        gem_session_output(nullptr, 0, &tensor, error),
        gem_session_output(session_.get(), 0, nullptr, error),
        gem_session_output_by_role(nullptr, GEM_ROLE_LOGITS, &tensor, error),
        gem_session_output_by_role(session_.get(), GEM_ROLE_LOGITS, nullptr, error),
        gem_session_set_input(nullptr, 0, ids, dims, 1, error),
        gem_session_set_input(session_.get(), 0, nullptr, dims, 1, error),
        gem_session_set_input(session_.get(), 0, ids, nullptr, 1, error),
        gem_session_run(nullptr, error),
        gem_session_run_tokens(nullptr, ids, 1, error),
        gem_session_run_tokens(session_.get(), nullptr, 1, error),
        gem_session_info(nullptr, &info),
        gem_session_info(session_.get(), nullptr),
    };
    for (const gem_status_t status : statuses) EXPECT_EQ(status, GEM_STATUS_INVALID_ARGUMENT);
  }
  EXPECT_EQ(session, nullptr) << "a failed create leaves no session";
  gem_session_cancel(nullptr);
  gem_session_close(nullptr);
  gem_session_options_init(nullptr);
  info.struct_size = 4;
  EXPECT_EQ(gem_session_info(session_.get(), &info), GEM_STATUS_INVALID_ARGUMENT);
  // Success, too, without anywhere to write errors.
  EXPECT_EQ(gem_session_run_tokens(session_.get(), ids, 1, nullptr), GEM_STATUS_OK);
  EXPECT_EQ(gem_session_output(session_.get(), 0, &tensor, nullptr), GEM_STATUS_OK);
}

// --- options -----------------------------------------------------------------

class OptionsTest : public InputTest {
 protected:
  OptionsTest() { gem_session_options_init(&options_); }
  gem_status_t Create() {
    gem_session_t* session = nullptr;
    const gem_status_t status = gem_session_create(bundle_.get(), &options_, &session, &error_);
    created_.reset(session);
    return status;
  }
  gem_session_options_t options_;
  SessionPtr created_;
};

TEST_F(OptionsTest, AreChecked) {
  options_.struct_size = 0;
  EXPECT_EQ(Create(), GEM_STATUS_INVALID_ARGUMENT);
  gem_session_options_init(&options_);
  for (const uint32_t threads : {0u, 257u, 0xFFFFFFFFu}) {
    options_.thread_count = threads;
    EXPECT_EQ(Create(), GEM_STATUS_INVALID_ARGUMENT);
    EXPECT_THAT(error_.message, HasSubstr("thread_count: expected 1 to 256, but got"));
  }
  gem_session_options_init(&options_);
  options_.variant = 1;
  EXPECT_EQ(Create(), GEM_STATUS_NOT_FOUND);
  EXPECT_STREQ(error_.message, "variant: expected less than the bundle's 1 variants, but got 1");
  gem_session_options_init(&options_);
  options_.entry = "other";
  EXPECT_EQ(Create(), GEM_STATUS_NOT_FOUND);
  EXPECT_STREQ(error_.message, "entry: expected one of the bundle's 1 ('main'), but got 'other'");
  options_.entry = "main";
  EXPECT_EQ(Create(), GEM_STATUS_OK);
  const gem_allocator_t no_release = {nullptr, gem_allocator_t{}.allocate, nullptr};
  options_.allocator = &no_release;
  EXPECT_EQ(Create(), GEM_STATUS_INVALID_ARGUMENT);
}

TEST_F(OptionsTest, KernelsAreChosenInOrder) {
  auto chosen = [&] {
    gem_session_info_t info;
    info.struct_size = sizeof(info);
    EXPECT_EQ(gem_session_info(created_.get(), &info), GEM_STATUS_OK);
    return std::string(info.cpu) + ": " + info.cpu_reason;
  };
  const std::string best = RunnableKernels().front();
  unsetenv("GEM_CPU");
  ASSERT_EQ(Create(), GEM_STATUS_OK);
  EXPECT_EQ(chosen(), best + ": best of this CPU");
  setenv("GEM_CPU", "", 1);
  ASSERT_EQ(Create(), GEM_STATUS_OK);
  EXPECT_EQ(chosen(), best + ": best of this CPU");
  setenv("GEM_CPU", "scalar", 1);
  ASSERT_EQ(Create(), GEM_STATUS_OK);
  EXPECT_EQ(chosen(), "scalar: GEM_CPU");
  options_.cpu = best.c_str();
  ASSERT_EQ(Create(), GEM_STATUS_OK);
  EXPECT_EQ(chosen(), best + ": asked for");
  options_.cpu = nullptr;
  setenv("GEM_CPU", "z80", 1);
  EXPECT_EQ(Create(), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("GEM_CPU: expected one of " + best));
  EXPECT_THAT(error_.message, HasSubstr("scalar, but got 'z80'"));
  unsetenv("GEM_CPU");
  options_.cpu = "z80";
  EXPECT_EQ(Create(), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("cpu: expected one of " + best));
  // Kernels of this build that the CPU lacks, where there are any.
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  for (size_t i = 0; i < count; ++i) {
    if (all[i]->supported()) continue;
    options_.cpu = all[i]->name;
    EXPECT_EQ(Create(), GEM_STATUS_UNSUPPORTED);
    EXPECT_THAT(error_.message, HasSubstr("which this CPU cannot run"));
  }
}

TEST_F(OptionsTest, Info) {
  options_.thread_count = 3;
  ASSERT_EQ(Create(), GEM_STATUS_OK);
  gem_session_info_t info;
  info.struct_size = sizeof(info);
  ASSERT_EQ(gem_session_info(created_.get(), &info), GEM_STATUS_OK);
  EXPECT_EQ(info.thread_count, 3u);
  EXPECT_EQ(info.arena_bytes, gem_.builder.entry().arena_size);
  EXPECT_GT(info.session_bytes, info.arena_bytes);
  EXPECT_EQ(info.input_count, 1u);
  EXPECT_EQ(info.output_count, 5u);
}

// --- threads -----------------------------------------------------------------

TEST(ConcurrencyTest, SessionsShareABundle) {
  TinyGem gem;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  std::vector<Bytes> expected;
  for (uint32_t n = 1; n <= 4; ++n) {
    const SessionPtr session = CreateSession(bundle.get());
    expected.push_back(MustRun(session.get(), TinyGem::Ids(n)));
  }
  std::vector<std::thread> threads;
  for (uint32_t n = 1; n <= 4; ++n) {
    threads.emplace_back([&, n] {
      for (int repeat = 0; repeat < 5; ++repeat) {
        const SessionPtr session = CreateSession(bundle.get(), 1 + n % 2);
        for (int run = 0; run < 20; ++run) {
          ASSERT_EQ(MustRun(session.get(), TinyGem::Ids(n)), expected[n - 1]);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CancelTest, BeforeARun) {
  TinyGem gem;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get(), TinyGem::Ids(3));
  gem_session_cancel(session.get());
  gem_error_t error;
  EXPECT_EQ(RunTokens(session.get(), TinyGem::Ids(3), &error), GEM_STATUS_CANCELLED);
  EXPECT_STREQ(error.message, "the run was cancelled");
  gem_tensor_t tensor;
  ASSERT_EQ(gem_session_output(session.get(), 0, &tensor, &error), GEM_STATUS_OK);
  EXPECT_EQ(tensor.data, nullptr);
  EXPECT_EQ(MustRun(session.get(), TinyGem::Ids(3)), expected) << "one run only is cancelled";
}

TEST(CancelTest, DuringARun) {
  Wide wide(8000);  // about 13 GMAC: seconds
  const AlignedBytes bytes(wide.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get(), 1, "scalar");
  const std::vector<float> x = Random(9).Vector(Wide::kRows * Wide::kWidth);
  const uint32_t dims[] = {Wide::kRows, Wide::kWidth};
  gem_error_t error;
  ASSERT_EQ(gem_session_set_input(session.get(), 0, x.data(), dims, 2, &error), GEM_STATUS_OK);
  std::atomic<bool> started{false};
  gem_status_t status = GEM_STATUS_OK;
  std::chrono::steady_clock::time_point end;
  std::thread runner([&] {
    started = true;
    status = gem_session_run(session.get(), &error);
    end = std::chrono::steady_clock::now();
  });
  while (!started) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto cancelled = std::chrono::steady_clock::now();
  gem_session_cancel(session.get());
  runner.join();
  EXPECT_EQ(status, GEM_STATUS_CANCELLED);
  EXPECT_LT(std::chrono::duration<double>(end - cancelled).count(), 0.5);
}

// --- floating point ----------------------------------------------------------

// Rounds up and flushes subnormals, as an application might.
class OddFloatingPoint {
 public:
  OddFloatingPoint() {
    fegetenv(&saved_);
    fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    __asm__ volatile("msr fpcr, %0" : : "r"(value | (1u << 24)));
#endif
  }
  ~OddFloatingPoint() { fesetenv(&saved_); }

 private:
  fenv_t saved_;
};

TEST(FloatingPointTest, TheCallersSettingsDoNotMatterAndStay) {
  TinyGem gem;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  Wide wide;
  const AlignedBytes wide_bytes(wide.builder.Build());
  const BundlePtr wide_bundle = OpenBundle(wide_bytes);
  // Subnormal sums, shared by threads.
  const std::vector<float> x = Random(9).Vector(Wide::kRows * Wide::kWidth, 1e-38f);
  auto run_wide = [&](uint32_t threads) {
    const SessionPtr session = CreateSession(wide_bundle.get(), threads);
    const uint32_t dims[] = {Wide::kRows, Wide::kWidth};
    gem_error_t error;
    EXPECT_EQ(gem_session_set_input(session.get(), 0, x.data(), dims, 2, &error), GEM_STATUS_OK);
    EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK);
    return AllOutputs(session.get());
  };
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get(), TinyGem::Ids(7));
  const Bytes expected_wide = run_wide(1);
  {
    const OddFloatingPoint odd;
    EXPECT_EQ(MustRun(session.get(), TinyGem::Ids(7)), expected);
    EXPECT_EQ(run_wide(1), expected_wide);
    EXPECT_EQ(run_wide(3), expected_wide) << "threads inherit the settings of their creator";
    EXPECT_EQ(fegetround(), FE_UPWARD);
    volatile float subnormal = 1e-39f;
    EXPECT_EQ(subnormal * 0.5f, 0.0f) << "still flushed";
  }
}

}  // namespace
}  // namespace gem::test
