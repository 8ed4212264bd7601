// The smallest bundles that have everything: one kernel each, and one with all that
// is not a kernel.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/MicroBundles.h"

#include <memory>
#include <utility>

#include "test/runtime/QuantizedWeights.h"
#include "test/runtime/TokenizerSupport.h"

namespace gem::test {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::Layout;
using schema::Operand;
using schema::Role;

constexpr uint32_t kWidth = 4, kHeads = 2, kMostTokens = 3, kRows = 5;

// Adds what commands use. Tokens are n in [1, kMostTokens].
class Micro {
 public:
  explicit Micro(uint16_t format_minor = 1) : random_(3) { b.format_minor = format_minor; }

  BundleBuilder b;

  schema::Dim n() {
    if (b.program().symbols.empty()) b.AddSymbol("n", 1, kMostTokens);
    return Symbol(0);
  }
  uint32_t Tokens(ElementType type, uint32_t width = 0) {
    std::vector<schema::Dim> shape = {n()};
    if (width != 0) shape.push_back(Constant(width));
    return b.AddBuffer(type, shape);
  }
  // Inputs.
  Operand Values(const char* name, uint32_t width = kWidth) {
    const uint32_t buffer = Tokens(ElementType::F32, width);
    b.AddInput(name, buffer, Role::NONE);
    return Buf(buffer);
  }
  Operand Ids(uint32_t rows) {
    const uint32_t buffer = Tokens(ElementType::I32);
    b.AddInput("ids", buffer, Role::TOKEN_IDS, 0, static_cast<int32_t>(rows) - 1);
    return Buf(buffer);
  }
  // An output of a command; not yet one of the entry.
  Operand Result(uint32_t width = kWidth) { return Buf(Tokens(ElementType::F32, width)); }
  Operand Floats(const char* name, std::vector<uint32_t> shape, Layout layout = Layout::ROW_MAJOR) {
    size_t count = 1;
    for (const uint32_t extent : shape) count *= extent;
    return Const(b.AddConstant(name, std::move(shape), random_.Vector(count), layout));
  }
  Operand Quantized(const QuantizedFormat& format, uint32_t rows, uint32_t width, Layout layout) {
    const QuantizedWeight weight(format, rows, width, random_);
    return Const(weight.AddTo(b, "w" + std::to_string(b.program().constants.size()), layout));
  }
  template <typename Params>
  NamedBundle Finish(Kernel kernel, std::vector<Operand> inputs, std::vector<Operand> outputs,
                     Params params, const std::string& suffix = "") {
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind() == schema::OperandKind::NONE) continue;
      b.AddOutput("y" + std::to_string(i), outputs[i].index(), Role::NONE);
    }
    b.AddCommand(kernel, std::move(inputs), std::move(outputs), std::move(params), "here");
    std::string name = schema::EnumNameKernel(kernel);
    if (!suffix.empty()) name += "-" + suffix;
    // A segment has at least one byte.
    if (b.program().constants.empty()) Floats("unused", {1});
    return {name, b.Build()};
  }

 private:
  Random random_;
};

NamedBundle Embedding() {
  Micro m(0);
  const Operand ids = m.Ids(kRows);
  const Operand table = m.Floats("table", {kRows, kWidth});
  return m.Finish(Kernel::EMBEDDING, {ids, table}, {m.Result()}, schema::EmbeddingParamsT{});
}

NamedBundle EmbeddingOf(const QuantizedFormat& format) {
  Micro m;
  const Operand ids = m.Ids(kRows);
  const Operand table = m.Quantized(format, kRows, 40, Layout::ROW_MAJOR);
  return m.Finish(Kernel::EMBEDDING, {ids, table}, {m.Result(40)}, schema::EmbeddingParamsT{},
                  NameOf(format));
}

// Tables of three formats, and a map.
NamedBundle EmbeddingBlocks() {
  Micro m;
  const Operand ids = m.Ids(4);
  Random random(9);
  const Operand table0 = m.Floats("table0", {2, kWidth});
  const Operand table1 =
      m.Quantized({ElementType::I8, schema::Scales::ROW}, 3, kWidth, Layout::ROW_MAJOR);
  const Operand table2 =
      Const(AddHalves(m.b, "table2", {2, kWidth}, DrawHalves(random, 2 * kWidth)));
  const uint16_t map[4] = {6, 0, 3, 5};
  const auto* bytes = reinterpret_cast<const uint8_t*>(map);
  const Operand entries =
      Const(m.b.AddConstant("map", ElementType::U16, {4}, Bytes(bytes, bytes + sizeof(map))));
  return m.Finish(Kernel::EMBEDDING_BLOCKS, {ids, table0, table1, table2, None(), entries},
                  {m.Result()}, schema::EmbeddingBlocksParamsT{});
}

NamedBundle AddPosition() {
  Micro m(0);
  const Operand x = m.Values("x");
  const Operand table = m.Floats("table", {kRows, kWidth});
  return m.Finish(Kernel::ADD_POSITION, {x, table}, {m.Result()}, schema::AddPositionParamsT{});
}

NamedBundle Add() {
  Micro m(0);
  const Operand x = m.Values("x"), z = m.Values("z");
  return m.Finish(Kernel::ADD, {x, z}, {m.Result()}, schema::AddParamsT{});
}

NamedBundle Linear() {
  Micro m(0);
  const Operand x = m.Values("x"), residual = m.Values("residual", kRows);
  const Operand w = m.Floats("w", {kRows, kWidth}, Layout::PANEL_16);
  const Operand bias = m.Floats("bias", {kRows});
  schema::LinearParamsT params;
  params.activation = schema::Activation::GELU;
  return m.Finish(Kernel::LINEAR, {x, w, bias, residual}, {m.Result(kRows)}, params);
}

// One row, whose result has rank 1.
NamedBundle LinearOfOneRow() {
  Micro m(0);
  const uint32_t x = m.b.AddBuffer(ElementType::F32, {Constant(1), Constant(kWidth)});
  m.b.AddInput("x", x, Role::NONE);
  const Operand w = m.Floats("w", {kRows, kWidth}, Layout::PANEL_16);
  const Operand y = Buf(m.b.AddBuffer(ElementType::F32, {Constant(kRows)}));
  return m.Finish(Kernel::LINEAR, {Buf(x), w, None(), None()}, {y}, schema::LinearParamsT{},
                  "rank1");
}

NamedBundle LinearQuantized(const QuantizedFormat& format) {
  constexpr uint32_t kDepth = 40;
  Micro m;
  // Any bytes are codes, sums and a scale.
  const uint32_t x = m.Tokens(ElementType::U8, TokenBytes(kDepth));
  m.b.AddInput("x", x, Role::NONE);
  const Operand w = m.Quantized(format, kRows, kDepth, Layout::PANEL_16);
  const Operand bias = m.Floats("bias", {kRows});
  schema::LinearQuantizedParamsT params;
  params.activation = schema::Activation::TANH;
  return m.Finish(Kernel::LINEAR_QUANTIZED, {Buf(x), w, bias, None()}, {m.Result(kRows)}, params,
                  NameOf(format));
}

NamedBundle QuantizeTokens() {
  Micro m;
  const Operand x = m.Values("x");
  const Operand y = Buf(m.Tokens(ElementType::U8, TokenBytes(kWidth)));
  return m.Finish(Kernel::QUANTIZE_TOKENS, {x}, {y}, schema::QuantizeTokensParamsT{});
}

NamedBundle LayerNorm() {
  Micro m(0);
  const Operand x = m.Values("x");
  const Operand gamma = m.Floats("gamma", {kWidth}), beta = m.Floats("beta", {kWidth});
  schema::LayerNormParamsT params;
  params.epsilon = 1e-5f;
  return m.Finish(Kernel::LAYER_NORM, {x, gamma, beta}, {m.Result()}, params);
}

NamedBundle LayerNormQuantized() {
  Micro m;
  const Operand x = m.Values("x");
  const Operand gamma = m.Floats("gamma", {kWidth}), beta = m.Floats("beta", {kWidth});
  const Operand y = m.Result();
  const Operand quantized = Buf(m.Tokens(ElementType::U8, TokenBytes(kWidth)));
  schema::LayerNormQuantizedParamsT params;
  params.epsilon = 1e-5f;
  return m.Finish(Kernel::LAYER_NORM_QUANTIZED, {x, gamma, beta}, {y, quantized}, params);
}

NamedBundle Activation() {
  Micro m(0);
  const Operand x = m.Values("x");
  schema::ActivationParamsT params;
  params.activation = schema::Activation::TANH;
  return m.Finish(Kernel::ACTIVATION, {x}, {m.Result()}, params);
}

NamedBundle Attention() {
  Micro m(0);
  const Operand q = m.Values("q"), k = m.Values("k"), v = m.Values("v");
  const uint32_t count = m.b.AddBuffer(ElementType::I32, {Constant(1)});
  m.b.AddInput("count", count, Role::NONE, 1, kMostTokens);
  schema::AttentionParamsT params;
  params.num_heads = kHeads;
  params.head_dim = kWidth / kHeads;
  params.scale = 0.5f;
  return m.Finish(Kernel::ATTENTION, {q, k, v, Buf(count)}, {m.Result()}, params);
}

NamedBundle ScarAttention() {
  Micro m;
  const Operand q = m.Values("q"), k = m.Values("k"), v = m.Values("v");
  const uint32_t routed = m.Tokens(ElementType::U8), cluster = m.Tokens(ElementType::I32);
  m.b.AddInput("routed", routed, Role::NONE);
  m.b.AddInput("cluster", cluster, Role::NONE, -2147483647 - 1, 2147483647);
  schema::ScarAttentionParamsT params;
  params.num_heads = kHeads;
  params.head_dim = kWidth / kHeads;
  params.scale = 0.5f;
  params.predicate = schema::ScarPredicate::SAME_CLUSTER;
  params.causal = true;
  return m.Finish(Kernel::SCAR_ATTENTION, {q, k, v, Buf(routed), Buf(cluster)}, {m.Result()},
                  params);
}

NamedBundle RouteTokens() {
  Micro m(0);
  const Operand x = m.Values("x");
  const Operand w = m.Floats("w_r", {3, kWidth}), centroids = m.Floats("centroids", {2, kWidth});
  const Operand probs = m.Result(3);
  const Operand routed = Buf(m.Tokens(ElementType::U8)), cluster = Buf(m.Tokens(ElementType::I32));
  schema::RouteTokensParamsT params;
  params.threshold = 0.4f;
  return m.Finish(Kernel::ROUTE_TOKENS, {x, w, centroids}, {probs, routed, cluster}, params);
}

NamedBundle SelectRow() {
  Micro m(0);
  const Operand x = m.Values("x");
  const Operand y = Buf(m.b.AddBuffer(ElementType::F32, {Constant(1), Constant(kWidth)}));
  return m.Finish(Kernel::SELECT_ROW, {x}, {y}, schema::SelectRowParamsT{});
}

NamedBundle Everything() {
  Micro m(2);
  BundleBuilder& b = m.b;
  // A padded classifier: ids and their count, logits with labels.
  const uint32_t ids = b.AddBuffer(ElementType::I32, {Constant(kMostTokens)});
  const uint32_t count = b.AddBuffer(ElementType::I32, {Constant(1)});
  const uint32_t x = b.AddBuffer(ElementType::F32, {Constant(kMostTokens), Constant(kWidth)});
  const uint32_t mixed = b.AddBuffer(ElementType::F32, {Constant(kMostTokens), Constant(kWidth)});
  const uint32_t row = b.AddBuffer(ElementType::F32, {Constant(1), Constant(kWidth)});
  const uint32_t logits = b.AddBuffer(ElementType::F32, {Constant(2)});
  b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kRows - 1);
  b.AddInput("count", count, Role::TOKEN_COUNT, 1, kMostTokens);
  b.AddOutput("hidden", x, Role::HIDDEN_STATES);
  b.AddOutput("cls", row, Role::CLS);
  b.AddOutput("logits", logits, Role::LOGITS);
  const Operand table = m.Floats("table", {kRows, kWidth});
  const Operand w = m.Floats("w", {2, kWidth}, Layout::PANEL_16);
  schema::AttentionParamsT attention;
  attention.num_heads = kHeads;
  attention.head_dim = kWidth / kHeads;
  attention.scale = 1.0f;
  b.AddCommand(Kernel::EMBEDDING, {Buf(ids), table}, {Buf(x)}, schema::EmbeddingParamsT{}, "words");
  b.AddCommand(Kernel::ATTENTION, {Buf(x), Buf(x), Buf(x), Buf(count)}, {Buf(mixed)}, attention);
  b.AddCommand(Kernel::SELECT_ROW, {Buf(mixed)}, {Buf(row)}, schema::SelectRowParamsT{});
  b.AddCommand(Kernel::LINEAR, {Buf(row), w, None(), None()}, {Buf(logits)},
               schema::LinearParamsT{}, "classifier");
  m.n();  // a symbol that nothing uses
  auto entry = std::make_unique<schema::EntryT>(b.entry());
  entry->name = "second";
  b.program().entries.push_back(std::move(entry));

  const std::string tokenizer =
      Pack(MakeTable({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "word", "##s"}));
  const uint32_t segment = b.AddSegment("tokenizer", schema::SegmentKind::TOKENIZER,
                                        Bytes(tokenizer.begin(), tokenizer.end()));
  schema::BundleT& bundle = b.bundle();
  bundle.text = std::make_unique<schema::TextT>();
  bundle.text->tokenizer_segment = segment;
  bundle.text->padded = true;
  bundle.text->maximum_tokens = kMostTokens;
  bundle.model->labels = {"one", "two"};
  for (const char* key : {"recipe", "source"}) {
    auto pair = std::make_unique<schema::KeyValueT>();
    pair->key = key;
    pair->value = "of it";
    bundle.provenance.push_back(std::move(pair));
  }
  bundle.variants[0]->cpu_kernels = "neon";
  bundle.variants[0]->memory_limit = 1 << 20;
  auto variant = std::make_unique<schema::VariantT>(*bundle.variants[0]);
  variant->device = "another";
  variant->cpu_kernels = "scalar";
  bundle.variants.push_back(std::move(variant));
  return {"everything", b.Build()};
}

}  // namespace

std::vector<NamedBundle> MicroBundles() {
  std::vector<NamedBundle> result;
  for (NamedBundle (*make)() :
       {Embedding, EmbeddingBlocks, AddPosition, Add, Linear, LinearOfOneRow, QuantizeTokens,
        LayerNorm, LayerNormQuantized, Activation, Attention, ScarAttention, RouteTokens, SelectRow,
        Everything}) {
    result.push_back(make());
  }
  for (const QuantizedFormat& format : AllQuantizedFormats()) {
    result.push_back(EmbeddingOf(format));
    result.push_back(LinearQuantized(format));
  }
  return result;
}

}  // namespace gem::test
