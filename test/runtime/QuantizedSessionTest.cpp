// Sessions of quantized programs: bits against plain integer loops, profiles.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/kernels/Kernels.h"
#include "test/runtime/AllocationCounter.h"
#include "test/runtime/QuantizedWeights.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::Layout;
using schema::Role;
using schema::Scales;
using ::testing::HasSubstr;

std::vector<const char*> RunnableKernels() {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  std::vector<const char*> names;
  for (size_t i = 0; i < count; ++i) {
    if (all[i]->supported()) names.push_back(all[i]->name);
  }
  return names;
}

void SetTokens(gem_session_t* session, const std::vector<int32_t>& ids) {
  const auto count = static_cast<uint32_t>(ids.size());
  gem_error_t error;
  ASSERT_EQ(gem_session_set_input(session, 0, ids.data(), &count, 1, &error), GEM_STATUS_OK)
      << error.message;
}

Bytes MustRun(gem_session_t* session, const std::vector<int32_t>& ids) {
  gem_error_t error;
  EXPECT_EQ(gem_session_run_tokens(session, ids.data(), static_cast<uint32_t>(ids.size()), &error),
            GEM_STATUS_OK)
      << error.message;
  return AllOutputs(session);
}

Bytes BytesOf(const std::vector<float>& values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  return Bytes(bytes, bytes + values.size() * sizeof(float));
}

schema::QuantizeTokensParamsT Quantize() { return {}; }
schema::LinearQuantizedParamsT Linear() { return {}; }

// --- bits --------------------------------------------------------------------

// Embedding by blocks, two quantized layers with a residual: everything in it is
// exact by definition.
class ChainTest : public testing::TestWithParam<QuantizedFormat> {};

INSTANTIATE_TEST_SUITE_P(Formats, ChainTest, testing::ValuesIn(AllQuantizedFormats()),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(ChainTest, EqualsPlainLoopsBitForBit) {
  constexpr uint32_t kWidth = 200, kInner = 83, kRowsA = 11, kRowsB = 6, kIds = 40, kTokens = 7;
  Random random(17);
  const QuantizedWeight a(GetParam(), kRowsA, kWidth, random);
  const QuantizedWeight c(GetParam(), kRowsB, kWidth, random);
  const QuantizedWeight up(GetParam(), kInner, kWidth, random);
  const QuantizedWeight down(GetParam(), kWidth, kInner, random);
  const std::vector<float> bias = random.Vector(kInner, 3.0f);
  std::vector<uint32_t> rows(kIds);
  Bytes map(2 * kIds);
  for (uint32_t i = 0; i < kIds; ++i) {
    rows[i] = random.Below(kRowsA + kRowsB);
    map[2 * i] = static_cast<uint8_t>(rows[i]);
  }

  BundleBuilder b;
  b.format_minor = 1;
  const schema::Dim n = Symbol(b.AddSymbol("n", 1, kTokens));
  const uint32_t ids = b.AddBuffer(ElementType::I32, {n});
  const uint32_t x = b.AddBuffer(ElementType::F32, {n, Constant(kWidth)});
  const uint32_t xq = b.AddBuffer(ElementType::U8, {n, Constant(TokenBytes(kWidth))});
  const uint32_t h = b.AddBuffer(ElementType::F32, {n, Constant(kInner)});
  const uint32_t hq = b.AddBuffer(ElementType::U8, {n, Constant(TokenBytes(kInner))});
  b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kIds - 1);
  b.AddCommand(Kernel::EMBEDDING_BLOCKS,
               {Buf(ids), Const(a.AddTo(b, "a", Layout::ROW_MAJOR)),
                Const(c.AddTo(b, "c", Layout::ROW_MAJOR)), None(), None(),
                Const(b.AddConstant("map", ElementType::U16, {kIds}, map))},
               {Buf(x)}, schema::EmbeddingBlocksParamsT{});
  b.AddCommand(Kernel::QUANTIZE_TOKENS, {Buf(x)}, {Buf(xq)}, Quantize());
  b.AddCommand(Kernel::LINEAR_QUANTIZED,
               {Buf(xq), Const(up.AddTo(b, "up", Layout::PANEL_16)),
                Const(b.AddConstant("bias", {kInner}, bias)), None()},
               {Buf(h)}, Linear());
  b.AddCommand(Kernel::QUANTIZE_TOKENS, {Buf(h)}, {Buf(hq)}, Quantize());
  b.AddCommand(Kernel::LINEAR_QUANTIZED,
               {Buf(hq), Const(down.AddTo(b, "down", Layout::PANEL_16)), None(), Buf(x)}, {Buf(x)},
               Linear());
  b.AddOutput("x", x, Role::NONE);
  b.AddOutput("xq", xq, Role::NONE);
  b.AddOutput("h", h, Role::NONE);
  b.AddOutput("hq", hq, Role::NONE);
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);

  for (const uint32_t tokens : {kTokens, 1u, 4u}) {
    std::vector<int32_t> input(tokens);
    for (int32_t& id : input) id = static_cast<int32_t>(random.Below(kIds));
    std::vector<float> embedded;
    for (const int32_t id : input) {
      const uint32_t row = rows[static_cast<size_t>(id)];
      for (uint32_t k = 0; k < kWidth; ++k) {
        embedded.push_back(row < kRowsA ? a.Value(row, k) : c.Value(row - kRowsA, k));
      }
    }
    const std::vector<float> inner = up.Linear(embedded, bias, {});
    const std::vector<float> result = down.Linear(inner, {}, embedded);
    const Bytes expected[] = {BytesOf(result), QuantizedTokenBytes(embedded, kWidth),
                              BytesOf(inner), QuantizedTokenBytes(inner, kInner)};
    for (const char* kernels : RunnableKernels()) {
      for (const uint32_t threads : {1u, 2u, 5u}) {
        const SessionPtr session = CreateSession(bundle.get(), threads, kernels);
        MustRun(session.get(), input);
        for (uint32_t i = 0; i < 4; ++i) {
          EXPECT_EQ(OutputBytes(session.get(), i), expected[i])
              << "output " << i << ", " << tokens << " tokens, " << kernels << ", " << threads;
        }
      }
    }
  }
}

// Rows longer than what integers sum exactly, shared by threads.
TEST(LongRowTest, EqualsPlainLoopsBitForBit) {
  constexpr uint32_t kWidth = 8192 + 8192 + 97, kOutputs = 50, kTokens = 3;
  for (const QuantizedFormat& format : {QuantizedFormat{ElementType::I8, Scales::ROW},
                                        QuantizedFormat{ElementType::I4, Scales::TWO_LEVEL, 64},
                                        QuantizedFormat{ElementType::I3, Scales::F16_GROUP, 128}}) {
    Random random(5);
    const QuantizedWeight w(format, kOutputs, kWidth, random);
    const std::vector<float> values = random.Vector(size_t{kTokens} * kWidth, 2.0f);
    BundleBuilder b;
    b.format_minor = 1;
    const uint32_t x = b.AddBuffer(ElementType::F32, {Constant(kTokens), Constant(kWidth)});
    const uint32_t xq =
        b.AddBuffer(ElementType::U8, {Constant(kTokens), Constant(TokenBytes(kWidth))});
    const uint32_t y = b.AddBuffer(ElementType::F32, {Constant(kTokens), Constant(kOutputs)});
    b.AddInput("x", x, Role::NONE);
    b.AddOutput("y", y, Role::NONE);
    b.AddCommand(Kernel::QUANTIZE_TOKENS, {Buf(x)}, {Buf(xq)}, Quantize());
    b.AddCommand(Kernel::LINEAR_QUANTIZED,
                 {Buf(xq), Const(w.AddTo(b, "w", Layout::PANEL_16)), None(), None()}, {Buf(y)},
                 Linear());
    const AlignedBytes bytes(b.Build());
    const BundlePtr bundle = OpenBundle(bytes);
    const Bytes expected = BytesOf(w.Linear(values, {}, {}));
    for (const char* kernels : RunnableKernels()) {
      for (const uint32_t threads : {1u, 3u}) {
        const SessionPtr session = CreateSession(bundle.get(), threads, kernels);
        const uint32_t dims[] = {kTokens, kWidth};
        gem_error_t error;
        ASSERT_EQ(gem_session_set_input(session.get(), 0, values.data(), dims, 2, &error),
                  GEM_STATUS_OK);
        ASSERT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK) << error.message;
        EXPECT_EQ(OutputBytes(session.get(), 0), expected)
            << NameOf(format) << ", " << kernels << ", " << threads;
      }
    }
  }
}

// LAYER_NORM_QUANTIZED is LAYER_NORM and then QUANTIZE_TOKENS, with y and without.
TEST(NormTest, QuantizedNormIsTheTwoKernels) {
  constexpr uint32_t kWidth = 72, kTokens = 5;
  Random random(3);
  BundleBuilder b;
  b.format_minor = 1;
  auto f32 = [&] { return b.AddBuffer(ElementType::F32, {Constant(kTokens), Constant(kWidth)}); };
  auto u8 = [&] {
    return b.AddBuffer(ElementType::U8, {Constant(kTokens), Constant(TokenBytes(kWidth))});
  };
  const uint32_t x = f32(), y = f32(), z = f32(), yq = u8(), zq = u8(), alone = u8();
  const schema::Operand gamma = Const(b.AddConstant("gamma", {kWidth}, random.Vector(kWidth)));
  const schema::Operand beta = Const(b.AddConstant("beta", {kWidth}, random.Vector(kWidth)));
  schema::LayerNormParamsT plain;
  plain.epsilon = 1e-5f;
  schema::LayerNormQuantizedParamsT quantized;
  quantized.epsilon = 1e-5f;
  b.AddInput("x", x, Role::NONE);
  b.AddCommand(Kernel::LAYER_NORM, {Buf(x), gamma, beta}, {Buf(y)}, plain);
  b.AddCommand(Kernel::QUANTIZE_TOKENS, {Buf(y)}, {Buf(yq)}, Quantize());
  b.AddCommand(Kernel::LAYER_NORM_QUANTIZED, {Buf(x), gamma, beta}, {Buf(z), Buf(zq)}, quantized);
  b.AddCommand(Kernel::LAYER_NORM_QUANTIZED, {Buf(x), gamma, beta}, {None(), Buf(alone)},
               quantized);
  uint32_t index = 0;
  for (const uint32_t buffer : {y, z, yq, zq, alone}) {
    b.AddOutput(std::to_string(index++), buffer, Role::NONE);
  }
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  for (const char* kernels : RunnableKernels()) {
    const SessionPtr session = CreateSession(bundle.get(), 1, kernels);
    const std::vector<float> values = random.Vector(kTokens * kWidth);
    const uint32_t dims[] = {kTokens, kWidth};
    gem_error_t error;
    ASSERT_EQ(gem_session_set_input(session.get(), 0, values.data(), dims, 2, &error),
              GEM_STATUS_OK);
    ASSERT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK) << error.message;
    EXPECT_EQ(OutputBytes(session.get(), 0), OutputBytes(session.get(), 1));
    EXPECT_EQ(OutputBytes(session.get(), 2), OutputBytes(session.get(), 3));
    EXPECT_EQ(OutputBytes(session.get(), 2), OutputBytes(session.get(), 4));
  }
}

// f16 weights compute what the same numbers in f32 compute.
TEST(HalfTest, WeightsEqualTheirFloats) {
  constexpr uint32_t kWidth = 24, kRows = 19;
  Random random(8);
  const std::vector<uint16_t> halves = DrawHalves(random, kWidth * kRows);
  std::vector<float> floats;
  for (const uint16_t half : halves) floats.push_back(FromHalf(half));
  Bytes results[2];
  for (const bool half : {false, true}) {
    BundleBuilder b;
    b.format_minor = half ? 1 : 0;
    auto add = [&](const char* name, Layout layout) {
      return Const(half ? AddHalves(b, name, {kRows, kWidth}, halves, layout)
                        : b.AddConstant(name, {kRows, kWidth}, floats, layout));
    };
    const uint32_t n = b.AddSymbol("n", 1, 9);
    const uint32_t ids = b.AddBuffer(ElementType::I32, {Symbol(n)});
    const uint32_t x = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(kWidth)});
    const uint32_t y = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(kRows)});
    const uint32_t probs = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(kRows)});
    const uint32_t routed = b.AddBuffer(ElementType::U8, {Symbol(n)});
    const uint32_t cluster = b.AddBuffer(ElementType::I32, {Symbol(n)});
    b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kRows - 1);
    b.AddCommand(Kernel::EMBEDDING, {Buf(ids), add("t", Layout::ROW_MAJOR)}, {Buf(x)},
                 schema::EmbeddingParamsT{});
    b.AddCommand(Kernel::ADD_POSITION, {Buf(x), add("p", Layout::ROW_MAJOR)}, {Buf(x)},
                 schema::AddPositionParamsT{});
    b.AddCommand(Kernel::LINEAR, {Buf(x), add("w", Layout::PANEL_16), None(), None()}, {Buf(y)},
                 schema::LinearParamsT{});
    schema::RouteTokensParamsT route;
    route.threshold = 0.2f;
    b.AddCommand(Kernel::ROUTE_TOKENS,
                 {Buf(x), add("r", Layout::ROW_MAJOR), add("c", Layout::ROW_MAJOR)},
                 {Buf(probs), Buf(routed), Buf(cluster)}, route);
    for (const uint32_t buffer : {x, y, probs, routed, cluster}) {
      b.AddOutput(std::to_string(buffer), buffer, Role::NONE);
    }
    const AlignedBytes bytes(b.Build());
    const BundlePtr bundle = OpenBundle(bytes);
    for (const char* kernels : RunnableKernels()) {
      const SessionPtr session = CreateSession(bundle.get(), 2, kernels);
      const Bytes result = MustRun(session.get(), {3, 0, 18, 7, 7, 1});
      if (results[half].empty()) results[half] = result;
      EXPECT_EQ(result, results[half]) << kernels;
    }
  }
  EXPECT_EQ(results[0], results[1]);
}

// A table of EMBEDDING and ADD_POSITION in every format.
TEST(TableTest, EqualsPlainLoopsBitForBit) {
  constexpr uint32_t kWidth = 104, kRows = 13;
  for (const QuantizedFormat& format : AllQuantizedFormats()) {
    Random random(12);
    const QuantizedWeight table(format, kRows, kWidth, random);
    BundleBuilder b;
    b.format_minor = 1;
    const uint32_t n = b.AddSymbol("n", 1, 5);
    const uint32_t ids = b.AddBuffer(ElementType::I32, {Symbol(n)});
    const uint32_t x = b.AddBuffer(ElementType::F32, {Symbol(n), Constant(kWidth)});
    b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kRows - 1);
    const schema::Operand w = Const(table.AddTo(b, "w", Layout::ROW_MAJOR));
    b.AddCommand(Kernel::EMBEDDING, {Buf(ids), w}, {Buf(x)}, schema::EmbeddingParamsT{});
    b.AddCommand(Kernel::ADD_POSITION, {Buf(x), w}, {Buf(x)}, schema::AddPositionParamsT{});
    b.AddOutput("x", x, Role::NONE);
    const AlignedBytes bytes(b.Build());
    const BundlePtr bundle = OpenBundle(bytes);
    const std::vector<int32_t> input = {12, 0, 5, 5, 1};
    std::vector<float> expected;
    for (uint32_t i = 0; i < input.size(); ++i) {
      for (uint32_t k = 0; k < kWidth; ++k) {
        expected.push_back(table.Value(static_cast<uint32_t>(input[i]), k) + table.Value(i, k));
      }
    }
    for (const char* kernels : RunnableKernels()) {
      const SessionPtr session = CreateSession(bundle.get(), 1, kernels);
      EXPECT_EQ(MustRun(session.get(), input), BytesOf(expected)) << NameOf(format) << kernels;
    }
  }
}

TEST(QuantizedModelTest, SameBitsForEveryThreadCountAndKernels) {
  TinyQuantized model;
  const AlignedBytes bytes(model.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  bool saw_routed = false, saw_unrouted = false;
  for (const uint32_t n : {9u, 1u, 4u}) {
    const std::vector<int32_t> ids = TinyGem::Ids(n, 100 + n);
    const SessionPtr reference = CreateSession(bundle.get(), 1, "scalar");
    const Bytes expected = MustRun(reference.get(), ids);
    for (const uint8_t routed : OutputByRole<uint8_t>(reference.get(), GEM_ROLE_ROUTED)) {
      (routed ? saw_routed : saw_unrouted) = true;
    }
    for (const float logit : OutputByRole<float>(reference.get(), GEM_ROLE_LOGITS)) {
      EXPECT_TRUE(std::isfinite(logit));
    }
    for (const char* kernels : RunnableKernels()) {
      for (const uint32_t threads : {1u, 2u, 5u}) {
        const SessionPtr session = CreateSession(bundle.get(), threads, kernels);
        EXPECT_EQ(MustRun(session.get(), ids), expected) << kernels << ", " << threads;
      }
    }
  }
  EXPECT_TRUE(saw_routed);
  EXPECT_TRUE(saw_unrouted);
}

// A causal query sees what it sees in a text that ends with it.
TEST(CausalTest, LaterTokensDoNotMatter) {
  constexpr uint32_t kTokens = 7, kWidth = 8;
  BundleBuilder b;
  b.format_minor = 1;
  const schema::Dim n = Symbol(b.AddSymbol("n", 1, kTokens));
  auto f32 = [&] { return b.AddBuffer(ElementType::F32, {n, Constant(kWidth)}); };
  const uint32_t q = f32(), k = f32(), v = f32(), causal = f32(), whole = f32();
  const uint32_t routed = b.AddBuffer(ElementType::U8, {n});
  const uint32_t cluster = b.AddBuffer(ElementType::I32, {n});
  b.AddInput("q", q, Role::NONE);
  b.AddInput("k", k, Role::NONE);
  b.AddInput("v", v, Role::NONE);
  b.AddInput("routed", routed, Role::NONE);
  b.AddInput("cluster", cluster, Role::NONE, 0, 9);
  schema::ScarAttentionParamsT scar;
  scar.num_heads = 2;
  scar.head_dim = 4;
  scar.scale = 0.5f;
  const std::vector<schema::Operand> inputs = {Buf(q), Buf(k), Buf(v), Buf(routed), Buf(cluster)};
  b.AddCommand(Kernel::SCAR_ATTENTION, inputs, {Buf(whole)}, scar);
  scar.causal = true;
  b.AddCommand(Kernel::SCAR_ATTENTION, inputs, {Buf(causal)}, scar);
  b.AddOutput("causal", causal, Role::NONE);
  b.AddOutput("whole", whole, Role::NONE);
  b.bundle().segments.clear();
  const AlignedBytes bytes(b.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const uint8_t routed_values[kTokens] = {1, 0, 0, 1, 1, 0, 1};
  const int32_t cluster_values[kTokens] = {4, 4, 2, 2, 5, 2, 4};
  std::vector<float> values[3];
  for (uint64_t i = 0; i < 3; ++i) values[i] = Random(i + 1).Vector(kTokens * kWidth);
  for (const char* kernels : RunnableKernels()) {
    const SessionPtr session = CreateSession(bundle.get(), 1, kernels);
    auto run = [&](uint32_t tokens, uint32_t output) {
      const uint32_t dims[] = {tokens, kWidth};
      gem_error_t error;
      gem_status_t status = GEM_STATUS_OK;
      for (uint32_t i = 0; i < 3 && status == GEM_STATUS_OK; ++i) {
        status = gem_session_set_input(session.get(), i, values[i].data(), dims, 2, &error);
      }
      gem_session_set_input(session.get(), 3, routed_values, dims, 1, &error);
      gem_session_set_input(session.get(), 4, cluster_values, dims, 1, &error);
      if (status == GEM_STATUS_OK) status = gem_session_run(session.get(), &error);
      EXPECT_EQ(status, GEM_STATUS_OK) << error.message;
      const Bytes result = OutputBytes(session.get(), output);
      std::vector<float> floats(result.size() / sizeof(float));
      memcpy(floats.data(), result.data(), result.size());
      return floats;
    };
    const std::vector<float> all = run(kTokens, 0);
    for (uint32_t tokens = 1; tokens <= kTokens; ++tokens) {
      const std::vector<float> prefix = run(tokens, 1);
      for (uint32_t i = (tokens - 1) * kWidth; i < tokens * kWidth; ++i) {
        EXPECT_NEAR(all[i], prefix[i], 1e-6) << kernels << ", token " << tokens - 1;
      }
    }
  }
}

// --- values that only a run knows --------------------------------------------

TEST(EmbeddingBlocksTest, IdsAreCheckedWhenItRuns) {
  for (const bool with_map : {true, false}) {
    TinyQuantized model;
    schema::BindingT& input = *model.builder.entry().inputs[0];
    input.role = Role::NONE;
    input.minimum = -5;
    input.maximum = 1000;
    if (!with_map) model.builder.command(TinyQuantized::kEmbedding).inputs[5] = None();
    const int32_t end = with_map ? 37 : 30;  // entries of the map, or rows of the tables
    const AlignedBytes bytes(model.builder.Build());
    const BundlePtr bundle = OpenBundle(bytes);
    const SessionPtr session = CreateSession(bundle.get());
    gem_error_t error;
    SetTokens(session.get(), {0, end - 1});
    EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OK) << error.message;
    for (const int32_t bad : {-1, end, 1000}) {
      SetTokens(session.get(), {0, end - 1, bad});
      EXPECT_EQ(gem_session_run(session.get(), &error), GEM_STATUS_OUT_OF_RANGE);
      EXPECT_EQ(std::string(error.message),
                "command 0 (EMBEDDING_BLOCKS embedding): input 0 (ids): expected 0 to " +
                    std::to_string(end - 1) + " at position 2, but got " + std::to_string(bad));
    }
  }
}

// A session reads its own copy of the map, and looks at it again.
TEST(EmbeddingBlocksTest, ChangesOfTheMapDoNotReachASession) {
  TinyQuantized model;
  AlignedBytes bytes(model.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get(), TinyGem::Ids(9));
  const schema::ConstantT& map = *model.builder.program().constants[4];
  ASSERT_EQ(map.name, "embedding.map");
  memset(bytes.data() + model.builder.bundle().segments[0]->offset + map.offset, 0xFF, map.length);
  EXPECT_EQ(MustRun(session.get(), TinyGem::Ids(9)), expected);
  gem_session_t* other = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_session_create(bundle.get(), nullptr, &other, &error), GEM_STATUS_CORRUPT);
  EXPECT_THAT(error.message, HasSubstr("expected an embedding's map as it was"));
  EXPECT_EQ(other, nullptr);
}

// --- profiles ----------------------------------------------------------------

std::vector<gem_command_profile_t> Profiles(const gem_session_t* session) {
  std::vector<gem_command_profile_t> profiles;
  gem_command_profile_t profile;
  profile.struct_size = sizeof(profile);
  for (uint32_t i = 0; gem_session_command_profile(session, i, &profile) == GEM_STATUS_OK; ++i) {
    profiles.push_back(profile);
  }
  return profiles;
}

TEST(ProfileTest, CountsRunsAndWork) {
  using Model = TinyQuantized;
  TinyQuantized model;
  const AlignedBytes bytes(model.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get(), 2);
  MustRun(session.get(), TinyGem::Ids(9));
  std::vector<gem_command_profile_t> profiles = Profiles(session.get());
  ASSERT_EQ(profiles.size(), model.builder.entry().submissions[0]->commands.size());
  for (const gem_command_profile_t& profile : profiles) {
    EXPECT_EQ(profile.runs, 0u) << "off by default";
    EXPECT_EQ(profile.nanoseconds, 0u);
  }
  EXPECT_STREQ(profiles[Model::kQuery].kernel, "LINEAR_QUANTIZED");
  EXPECT_STREQ(profiles[Model::kQuery].name, "q");
  EXPECT_STREQ(profiles[Model::kQuantizeMixed].name, "");
  const std::map<size_t, std::string> formats = {{Model::kEmbedding, "int4g32+int3g64f16+int2+f16"},
                                                 {Model::kAddPosition, "int8"},
                                                 {Model::kNorm, "f32"},
                                                 {Model::kQuery, "int8"},
                                                 {Model::kKey, "int4g32"},
                                                 {Model::kValue, "int4g64f16"},
                                                 {Model::kMix, ""},
                                                 {Model::kQuantizeMixed, ""},
                                                 {Model::kProjection, "int3g128"},
                                                 {Model::kUp, "int2g32"},
                                                 {Model::kDown, "int4"},
                                                 {Model::kRoute, "f16"},
                                                 {Model::kPool, "f16"},
                                                 {Model::kClassify, "int3"}};
  for (const auto& [command, format] : formats) EXPECT_EQ(profiles[command].format, format);

  gem_session_profile(session.get(), 1);
  const Bytes expected = MustRun(session.get(), TinyGem::Ids(9));
  std::vector<int32_t> ids = TinyGem::Ids(4);
  MustRun(session.get(), ids);
  profiles = Profiles(session.get());
  uint64_t nanoseconds = 0;
  for (const gem_command_profile_t& profile : profiles) {
    EXPECT_EQ(profile.runs, 2u);
    nanoseconds += profile.nanoseconds;
  }
  EXPECT_GT(nanoseconds, 0u);
  constexpr uint64_t n = 4, h = Model::kHidden;
  EXPECT_EQ(profiles[Model::kQuery].macs, n * h * h);
  EXPECT_EQ(profiles[Model::kUp].macs, n * Model::kInner * h);
  EXPECT_EQ(profiles[Model::kPool].macs, h * h);
  EXPECT_EQ(profiles[Model::kMix].macs, 2 * Model::kHeads * n * n * Model::kHeadDim);
  EXPECT_EQ(profiles[Model::kRoute].macs, (Model::kClasses + Model::kClusters) * h * n);
  EXPECT_EQ(profiles[Model::kNorm].macs, 0u);
  EXPECT_EQ(profiles[Model::kNorm].weight_bytes, 2 * h * 4);
  EXPECT_EQ(profiles[Model::kMix].weight_bytes, 0u);
  // Five panels of 16 rows x 3 blocks of 512 bytes, after scales and row sums; bias.
  EXPECT_EQ(profiles[Model::kQuery].weight_bytes, 5 * (128 + 3 * 512) + h * 4);
  // A bf16 scale and three blocks of 32 bytes a row.
  EXPECT_EQ(profiles[Model::kAddPosition].weight_bytes, n * (2 + 96));
  // Of the rows that the ids stand for.
  uint64_t row_bytes = 0;
  const Bytes& weights = model.builder.segment_data(0);
  const schema::ConstantT& map = *model.builder.program().constants[4];
  ASSERT_EQ(map.name, "embedding.map");
  for (const int32_t id : ids) {
    const uint32_t row = weights[map.offset + 2 * static_cast<size_t>(id)];
    row_bytes += 2;                                        // the map's entry
    row_bytes += row < 5    ? 2 + 3 + 3 * 16               // bf16, ratios, int4
                 : row < 13 ? 2 * 2 + 3 * 12               // f16 scales, int3
                 : row < 23 ? 2 + 3 * 8                    // bf16, int2
                            : 2 * uint64_t{Model::kHidden};  // f16
  }
  EXPECT_EQ(profiles[Model::kEmbedding].weight_bytes, row_bytes);

  gem_session_profile(session.get(), 0);
  EXPECT_EQ(MustRun(session.get(), TinyGem::Ids(9)), expected);
  EXPECT_EQ(Profiles(session.get())[0].runs, 2u) << "kept when it is switched off";
  gem_session_profile(session.get(), 1);
  for (const gem_command_profile_t& profile : Profiles(session.get())) {
    EXPECT_EQ(profile.runs, 0u);
    EXPECT_EQ(profile.nanoseconds, 0u);
    EXPECT_EQ(profile.macs, 0u);
  }
}

TEST(ProfileTest, AttentionCountsTheTokensItSees) {
  TinyGem gem(/*padded=*/true);
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  gem_session_profile(session.get(), 1);
  MustRun(session.get(), TinyGem::Ids(5));
  const std::vector<gem_command_profile_t> profiles = Profiles(session.get());
  EXPECT_EQ(profiles[TinyGem::kAttention].macs, 2u * 24 * 9 * 5);
  EXPECT_EQ(profiles[TinyGem::kScar].macs, 2u * 24 * 9 * 9);
  EXPECT_STREQ(profiles[TinyGem::kEmbedding].format, "f32");
  EXPECT_EQ(profiles[TinyGem::kEmbedding].weight_bytes, 9u * 24 * 4);
}

TEST(ProfileTest, Arguments) {
  TinyGem gem;
  const AlignedBytes bytes(gem.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  const SessionPtr session = CreateSession(bundle.get());
  gem_command_profile_t profile;
  profile.struct_size = sizeof(profile);
  EXPECT_EQ(gem_session_command_profile(session.get(), 18, &profile), GEM_STATUS_OK);
  EXPECT_EQ(gem_session_command_profile(session.get(), 19, &profile), GEM_STATUS_NOT_FOUND);
  EXPECT_EQ(gem_session_command_profile(nullptr, 0, &profile), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(gem_session_command_profile(session.get(), 0, nullptr), GEM_STATUS_INVALID_ARGUMENT);
  profile.struct_size = 8;
  EXPECT_EQ(gem_session_command_profile(session.get(), 0, &profile), GEM_STATUS_INVALID_ARGUMENT);
  gem_session_profile(nullptr, 1);
}

// --- memory ------------------------------------------------------------------

TEST(QuantizedMemoryTest, RunsTakeNone) {
  TinyQuantized model;
  const AlignedBytes bytes(model.builder.Build());
  CountingAllocator allocator;
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.allocator = allocator.get();
  const BundlePtr bundle = OpenBundle(bytes, &options);
  for (const uint32_t threads : {1u, 2u, 5u}) {
    const SessionPtr session = CreateSession(bundle.get(), threads);
    const std::vector<int32_t> ids = TinyGem::Ids(9);
    const size_t calls = allocator.calls();
    gem_command_profile_t profile;
    profile.struct_size = sizeof(profile);
    gem_error_t error;
    size_t failures = 0;
    const MallocCounter counter;
    for (const int32_t on : {0, 1, 0}) {
      gem_session_profile(session.get(), on);
      for (uint32_t count = 1; count <= ids.size(); ++count) {
        failures += gem_session_run_tokens(session.get(), ids.data(), count, &error) != 0;
        failures += gem_session_command_profile(session.get(), 0, &profile) != 0;
      }
    }
    EXPECT_EQ(counter.count(), 0u) << threads << " threads";
    EXPECT_EQ(allocator.calls(), calls) << threads << " threads";
    EXPECT_EQ(failures, 0u);
  }
}

}  // namespace
}  // namespace gem::test
