// Writes the bundles of the test of selective runtimes, and what one of them gives.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   write-selective-bundles DIR
//
// DIR/int8.gemb and DIR/int4.gemb are one layer with weights of these formats, and
// DIR/int8.bits the outputs of the first, run with gem::runtime on the tokens 1, 2, 3.
// DIR/other.gemb is the model of the first for another device, with weights of the second.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "test/runtime/BundleBuilder.h"
#include "test/runtime/QuantizedWeights.h"
#include "test/runtime/TestSupport.h"

namespace gem::test {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::Layout;
using schema::Role;

Bytes OneLayer(const char* name, QuantizedFormat format, const char* device = "test") {
  constexpr uint32_t kHeads = 2, kHeadDim = 20, kWidth = kHeads * kHeadDim, kIds = 30;
  Random random(3);
  BundleBuilder b;
  b.format_minor = 1;
  b.bundle().model->name = name;
  b.bundle().variants[0]->device = device;
  const schema::Dim n = Symbol(b.AddSymbol("n", 1, 8));
  const auto f32 = [&] { return b.AddBuffer(ElementType::F32, {n, Constant(kWidth)}); };
  const auto matrix = [&](const char* weight) {
    return Const(
        QuantizedWeight(format, kWidth, kWidth, random).AddTo(b, weight, Layout::PANEL_16));
  };
  const auto vector = [&](const char* vector_name) {
    return Const(b.AddConstant(vector_name, {kWidth}, random.Vector(kWidth, 0.5f, 1.0f)));
  };
  const uint32_t ids = b.AddBuffer(ElementType::I32, {n});
  const uint32_t x = f32(), q = f32(), k = f32(), v = f32(), mixed = f32();
  const uint32_t xq = b.AddBuffer(ElementType::U8, {n, Constant(TokenBytes(kWidth))});
  b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kIds - 1);
  b.AddCommand(
      Kernel::EMBEDDING,
      {Buf(ids),
       Const(QuantizedWeight(format, kIds, kWidth, random).AddTo(b, "table", Layout::ROW_MAJOR))},
      {Buf(x)}, schema::EmbeddingParamsT{});
  schema::LayerNormQuantizedParamsT norm;
  norm.epsilon = 1e-5f;
  b.AddCommand(Kernel::LAYER_NORM_QUANTIZED, {Buf(x), vector("gamma"), vector("beta")},
               {Buf(x), Buf(xq)}, norm);
  for (const uint32_t to : {q, k, v}) {
    const std::string weight = "w" + std::to_string(to);
    b.AddCommand(Kernel::LINEAR_QUANTIZED, {Buf(xq), matrix(weight.c_str()), None(), None()},
                 {Buf(to)}, schema::LinearQuantizedParamsT{});
  }
  schema::AttentionParamsT attention;
  attention.num_heads = kHeads;
  attention.head_dim = kHeadDim;
  attention.scale = 0.2f;
  b.AddCommand(Kernel::ATTENTION, {Buf(q), Buf(k), Buf(v), None()}, {Buf(mixed)}, attention);
  b.AddOutput("mixed", mixed, Role::NONE);
  return b.Build();
}

void Write(const std::string& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush()) << path;
}

void WriteAll(const std::string& folder) {
  const Bytes int8 = OneLayer("tiny-int8", {ElementType::I8, schema::Scales::ROW});
  Write(folder + "/int8.gemb", int8);
  Write(folder + "/int4.gemb",
        OneLayer("tiny-int4", {ElementType::I4, schema::Scales::TWO_LEVEL, 32}));
  Write(folder + "/other.gemb",
        OneLayer("tiny-int8", {ElementType::I4, schema::Scales::TWO_LEVEL, 32}, "other"));
  const AlignedBytes aligned(int8);
  const BundlePtr bundle = OpenBundle(aligned);
  const SessionPtr session = CreateSession(bundle.get(), 1, nullptr);
  const int32_t tokens[] = {1, 2, 3};
  gem_error_t error;
  ASSERT_EQ(gem_session_run_tokens(session.get(), tokens, 3, &error), GEM_STATUS_OK)
      << error.message;
  Write(folder + "/int8.bits", OutputBytes(session.get(), 0));
}

}  // namespace
}  // namespace gem::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: write-selective-bundles DIR\n");
    return 2;
  }
  gem::test::WriteAll(argv[1]);
  return testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 1 : 0;
}
