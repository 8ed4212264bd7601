// A small program that uses every kernel and constant format of format 1.1.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/TinyQuantized.h"

#include <string>

#include "test/runtime/QuantizedWeights.h"

namespace gem::test {

using schema::ElementType;
using schema::Kernel;
using schema::Layout;
using schema::Role;
using schema::Scales;

TinyQuantized::TinyQuantized(bool attention, uint64_t seed) {
  Random random(seed);
  BundleBuilder& b = builder;
  b.format_minor = 1;
  b.bundle().model->name = "tiny-quantized";

  // --- constants
  auto weight = [&](const char* name, QuantizedFormat format, uint32_t rows, uint32_t width,
                    Layout layout) {
    return QuantizedWeight(format, rows, width, random).AddTo(b, name, layout);
  };
  auto matrix = [&](const char* name, QuantizedFormat format, uint32_t rows, uint32_t width) {
    return weight(name, format, rows, width, Layout::PANEL_16);
  };
  auto vector = [&](const char* name, uint32_t size, float scale, float offset = 0) {
    return b.AddConstant(name, {size}, random.Vector(size, scale, offset));
  };
  auto halves = [&](const char* name, uint32_t rows, uint32_t width, Layout layout) {
    return AddHalves(b, name, {rows, width}, DrawHalves(random, size_t{rows} * width), layout);
  };
  const uint32_t tables[] = {weight("embedding.0", {ElementType::I4, Scales::TWO_LEVEL, 32},
                                    kTableRows[0], kHidden, Layout::ROW_MAJOR),
                             weight("embedding.1", {ElementType::I3, Scales::F16_GROUP, 64},
                                    kTableRows[1], kHidden, Layout::ROW_MAJOR),
                             weight("embedding.2", {ElementType::I2, Scales::ROW}, kTableRows[2],
                                    kHidden, Layout::ROW_MAJOR),
                             halves("embedding.3", kTableRows[3], kHidden, Layout::ROW_MAJOR)};
  Bytes map(kVocabulary * 2);
  for (uint32_t i = 0; i < kVocabulary; ++i) map[2 * i] = static_cast<uint8_t>(random.Below(30));
  const uint32_t map_constant =
      b.AddConstant("embedding.map", ElementType::U16, {kVocabulary}, map);
  const uint32_t position = weight("position", {ElementType::I8, Scales::ROW}, kMaxTokens + 2,
                                   kHidden, Layout::ROW_MAJOR);
  const uint32_t gamma = vector("gamma", kHidden, 0.5f, 1.0f);
  const uint32_t beta = vector("beta", kHidden, 0.25f);
  const uint32_t query = matrix("q.weight", {ElementType::I8, Scales::ROW}, kHidden, kHidden);
  const uint32_t key =
      matrix("k.weight", {ElementType::I4, Scales::TWO_LEVEL, 32}, kHidden, kHidden);
  const uint32_t value =
      matrix("v.weight", {ElementType::I4, Scales::F16_GROUP, 64}, kHidden, kHidden);
  const uint32_t projection =
      matrix("projection.weight", {ElementType::I3, Scales::TWO_LEVEL, 128}, kHidden, kHidden);
  const uint32_t up =
      matrix("up.weight", {ElementType::I2, Scales::TWO_LEVEL, 32}, kInner, kHidden);
  const uint32_t down = matrix("down.weight", {ElementType::I4, Scales::ROW}, kHidden, kInner);
  const uint32_t bias = vector("bias", kHidden, 0.2f);
  const uint32_t inner_bias = vector("up.bias", kInner, 0.2f);
  const uint32_t router = halves("router.w_r", kClasses, kHidden, Layout::ROW_MAJOR);
  const uint32_t centroids = halves("router.centroids", kClusters, kHidden, Layout::ROW_MAJOR);
  const uint32_t pooler = halves("pooler.weight", kHidden, kHidden, Layout::PANEL_16);
  const uint32_t classifier =
      matrix("classifier.weight", {ElementType::I3, Scales::ROW}, kClasses, kHidden);

  // --- buffers
  const schema::Dim n = Symbol(b.AddSymbol("n", 1, kMaxTokens));
  auto f32 = [&](schema::Dim rows, uint32_t width) {
    return b.AddBuffer(ElementType::F32, {rows, Constant(width)});
  };
  auto quantized = [&](schema::Dim rows, uint32_t width) {
    return b.AddBuffer(ElementType::U8, {rows, Constant(TokenBytes(width))});
  };
  const uint32_t ids = b.AddBuffer(ElementType::I32, {n});
  const uint32_t x = f32(n, kHidden), xq = quantized(n, kHidden);
  const uint32_t q = f32(n, kHidden), k = f32(n, kHidden), v = f32(n, kHidden);
  const uint32_t mixed = f32(n, kHidden), mixed_q = quantized(n, kHidden);
  const uint32_t inner = f32(n, kInner), inner_q = quantized(n, kInner);
  const uint32_t routed = b.AddBuffer(ElementType::U8, {n});
  const uint32_t cluster = b.AddBuffer(ElementType::I32, {n});
  const uint32_t row = f32(Constant(1), kHidden), pooled = f32(Constant(1), kHidden);
  const uint32_t pooled_q = quantized(Constant(1), kHidden);
  const uint32_t logits = b.AddBuffer(ElementType::F32, {Constant(kClasses)});
  b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kVocabulary - 1);

  // --- commands
  schema::LayerNormQuantizedParamsT norm;
  norm.epsilon = 1e-5f;
  auto linear = [&](const char* name, uint32_t from, uint32_t w, schema::Operand with_bias,
                    schema::Operand residual, uint32_t to,
                    schema::Activation activation = schema::Activation::NONE) {
    schema::LinearQuantizedParamsT params;
    params.activation = activation;
    b.AddCommand(Kernel::LINEAR_QUANTIZED, {Buf(from), Const(w), with_bias, residual}, {Buf(to)},
                 params, name);
  };
  auto quantize = [&](uint32_t from, uint32_t to) {
    b.AddCommand(Kernel::QUANTIZE_TOKENS, {Buf(from)}, {Buf(to)}, schema::QuantizeTokensParamsT{});
  };
  b.AddCommand(Kernel::EMBEDDING_BLOCKS,
               {Buf(ids), Const(tables[0]), Const(tables[1]), Const(tables[2]), Const(tables[3]),
                Const(map_constant)},
               {Buf(x)}, schema::EmbeddingBlocksParamsT{}, "embedding");
  b.AddCommand(Kernel::ADD_POSITION, {Buf(x), Const(position)}, {Buf(x)},
               schema::AddPositionParamsT{});
  b.AddCommand(Kernel::LAYER_NORM_QUANTIZED, {Buf(x), Const(gamma), Const(beta)}, {Buf(x), Buf(xq)},
               norm, "norm");
  linear("q", xq, query, Const(bias), None(), q);
  linear("k", xq, key, Const(bias), None(), k);
  linear("v", xq, value, None(), None(), v);
  if (attention) {
    schema::AttentionParamsT params;
    params.num_heads = kHeads;
    params.head_dim = kHeadDim;
    params.scale = 0.2f;
    b.AddCommand(Kernel::ATTENTION, {Buf(q), Buf(k), Buf(v), None()}, {Buf(mixed)}, params);
  } else {
    b.AddCommand(Kernel::ADD, {Buf(q), Buf(v)}, {Buf(mixed)}, schema::AddParamsT{});
  }
  quantize(mixed, mixed_q);
  linear("projection", mixed_q, projection, Const(bias), Buf(x), x);
  b.AddCommand(Kernel::LAYER_NORM_QUANTIZED, {Buf(x), Const(gamma), Const(beta)}, {None(), Buf(xq)},
               norm);
  linear("up", xq, up, Const(inner_bias), None(), inner, schema::Activation::GELU);
  quantize(inner, inner_q);
  linear("down", inner_q, down, Const(bias), Buf(x), x);
  schema::RouteTokensParamsT route;
  route.threshold = 0.9999f;
  b.AddCommand(Kernel::ROUTE_TOKENS, {Buf(x), Const(router), Const(centroids)},
               {None(), Buf(routed), Buf(cluster)}, route, "router");
  b.AddCommand(Kernel::SELECT_ROW, {Buf(x)}, {Buf(row)}, schema::SelectRowParamsT{});
  schema::LinearParamsT pool;
  pool.activation = schema::Activation::TANH;
  b.AddCommand(Kernel::LINEAR, {Buf(row), Const(pooler), Const(bias), None()}, {Buf(pooled)}, pool,
               "pooler");
  quantize(pooled, pooled_q);
  linear("classifier", pooled_q, classifier, None(), None(), logits);

  b.AddOutput("logits", logits, Role::LOGITS);
  b.AddOutput("routed", routed, Role::ROUTED);
  b.AddOutput("cluster", cluster, Role::CLUSTER);
  b.AddOutput("hidden", x, Role::HIDDEN_STATES);
  b.AddOutput("quantized", inner_q, Role::ACTIVATION);
}

}  // namespace gem::test
