// Tests gradients: each op, and the example model, against central differences.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Gradient/Gradient.h"
#include "compiler/Pipeline/Compiler.h"
#include "compiler/Quantization/Candidate.h"
#include "mlir/Parser/Parser.h"
#include "test/compiler/gradient/ReferenceModel.h"
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace gem;
using namespace mlir;
using ::gem::testing::Matrix;
using ::gem::testing::ReferenceModel;
using ::testing::HasSubstr;

namespace {

/// A function of `body`, whose last op makes %y of 8 channels; %y[`row`] is classified.
/// `tokens`: "?" or a number. Weights get random values.
std::string makeText(const std::string &body, const std::string &tokens = "?", int row = 0) {
  std::string encoding = tokens == "?" ? ", #gem.dims<n>>" : ">";
  std::string text = R"mlir(
!x = tensor<TOKENSx8xf32ENCODING
!row = tensor<1x8xf32>
!w = tensor<8x8xf32>
!b = tensor<8xf32>
!classes = tensor<TOKENSx3xf32ENCODING
!flags = tensor<TOKENSxi1ENCODING
!clusters = tensor<TOKENSxi32ENCODING
gem.symbol @n min(1) max(12)
gem.weight @table dense<1.0> : tensor<20x8xf32>
gem.weight @positions dense<1.0> : tensor<12x8xf32>
gem.weight @types dense<1.0> : tensor<2x8xf32>
gem.weight @wa dense<1.0> : !w
gem.weight @wb dense<1.0> : !w
gem.weight @wc dense<1.0> : !w
gem.weight @ba dense<1.0> : !b
gem.weight @bb dense<1.0> : !b
gem.weight @router dense<1.0> : tensor<3x8xf32>
gem.weight @centroids dense<1.0> : tensor<4x8xf32>
gem.weight @classifier dense<1.0> : tensor<5x8xf32>
gem.weight @bias dense<1.0> : tensor<5xf32>
func.func @main(%ids: tensor<TOKENSxi32ENCODING {gem.name = "ids", gem.role = #gem.role<token_ids>}COUNT)
    -> (tensor<5xf32> {gem.name = "logits", gem.role = #gem.role<logits>}) {
  %table = gem.get_weight @table : tensor<20x8xf32>
  %positions = gem.get_weight @positions : tensor<12x8xf32>
  %types = gem.get_weight @types : tensor<2x8xf32>
  %wa = gem.get_weight @wa : !w
  %wb = gem.get_weight @wb : !w
  %wc = gem.get_weight @wc : !w
  %ba = gem.get_weight @ba : !b
  %bb = gem.get_weight @bb : !b
  %router = gem.get_weight @router : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<4x8xf32>
  %classifier = gem.get_weight @classifier : tensor<5x8xf32>
  %bias = gem.get_weight @bias : tensor<5xf32>
  %x = gem.embedding %ids, %table : (tensor<TOKENSxi32ENCODING, tensor<20x8xf32>) -> !x
BODY
  %out = gem.select %y[ROW] : !x -> !row
  %logits = gem.classify %out, %classifier, %bias
      : (!row, tensor<5x8xf32>, tensor<5xf32>) -> tensor<5xf32>
  return %logits : tensor<5xf32>
}
)mlir";
  auto replace = [&](const std::string &what, const std::string &with) {
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at))
      text.replace(at, what.size(), with);
  };
  replace("BODY", body);
  replace("TOKENS", tokens);
  replace("ENCODING", encoding);
  replace("ROW", std::to_string(row));
  replace("COUNT", tokens == "?" ? ""
                                 : ", %count: tensor<1xi32> {gem.name = \"count\", gem.role = "
                                   "#gem.role<token_count>}");
  return text;
}

class GradientTest : public ::testing::Test {
protected:
  GradientTest() { context.loadDialect<GemDialect, func::FuncDialect>(); }

  /// Parses and gives weights random values. The table's rows are far apart, for the router.
  func::FuncOp parse(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    std::mt19937 generator(5);
    for (auto weight : module->getOps<WeightOp>()) {
      float deviation = weight.getSymName() == "table" ? 1.5f : 0.6f;
      std::normal_distribution<float> normal(0, deviation);
      std::vector<float> values(weight.getValue().getNumElements());
      for (float &value : values)
        value = normal(generator);
      auto type = cast<RankedTensorType>(weight.getValue().getType());
      weight.setValueAttr(
          makeF32Resource(&context, type.getShape(), weight.getSymName(), std::move(values)));
    }
    return *module->getOps<func::FuncOp>().begin();
  }

  static SmallVector<Value> layersOf(func::FuncOp function) {
    SmallVector<Value> wanted;
    for (Operation &op : function.front())
      if (!isa<GetWeightOp, ClassifyOp>(op) && op.getNumResults() > 0)
        wanted.push_back(op.getResult(0));
    return wanted;
  }

  /// Checks the values and the gradients of every layer, with a loss that is linear in the
  /// logits. `every`: of the elements, one in so many.
  void expectGradients(func::FuncOp function, std::vector<int32_t> ids, int64_t padded = 0,
                       int64_t every = 1) {
    SmallVector<Value> wanted = layersOf(function);
    auto differentiator = Differentiator::create(function, wanted);
    ASSERT_TRUE(differentiator.ok()) << differentiator.status();
    ReferenceModel reference(function);
    std::vector<int32_t> all = ids;
    all.resize(std::max<size_t>(padded, ids.size()));
    int64_t count = static_cast<int64_t>(ids.size());
    std::vector<double> logits = reference.run(all, count);
    std::vector<float> seeds;
    for (size_t c = 0; c < logits.size(); ++c)
      seeds.push_back(0.5f - 0.3f * static_cast<float>(c % 5));
    auto result = (*differentiator)->run(ids, [&](auto given, auto seed) {
      ASSERT_EQ(given.size(), logits.size());
      for (size_t c = 0; c < logits.size(); ++c) {
        EXPECT_NEAR(given[c], logits[c], 1e-4);
        seed[c] = seeds[c];
      }
    });
    ASSERT_TRUE(result.ok()) << result.status();
    auto lossAt = [&](Value value, int64_t index, double delta) {
      std::vector<double> changed = reference.run(all, count, {value, index, delta});
      double loss = 0;
      for (size_t c = 0; c < changed.size(); ++c)
        loss += seeds[c] * changed[c];
      return loss;
    };
    for (auto [v, got] : llvm::enumerate(*result)) {
      std::string name = wanted[v].getDefiningOp()->getName().getStringRef().str();
      reference.run(all, count);
      Matrix expected = reference.value(wanted[v]);
      ASSERT_EQ(got.rows, expected.rows) << name;
      ASSERT_EQ(got.width, expected.width) << name;
      ASSERT_EQ(got.gradient.size(), expected.data.size()) << name;
      double largest = 0, error = 0;
      for (size_t i = 0; i < expected.data.size(); ++i)
        ASSERT_NEAR(got.value[i], expected.data[i], 2e-5) << name << " element " << i;
      for (size_t i = v % every; i < expected.data.size(); i += every) {
        const double step = 1e-4;
        double slope = (lossAt(wanted[v], i, step) - lossAt(wanted[v], i, -step)) / (2 * step);
        largest = std::max(largest, std::abs(slope));
        error = std::max(error, std::abs(slope - got.gradient[i]));
      }
      // f32 sums of some hundred terms.
      EXPECT_LE(error, 3e-5 * largest + 1e-6) << name << ", gradients up to " << largest;
    }
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
};

const char *const kMix = R"mlir(
  %y = gem.attention %z, %z, %z heads(2) head_dim(4) scale(0.3) : (!x, !x, !x) -> !x)mlir";

std::string mixed(const std::string &body) { return makeText(body + kMix); }

const std::vector<int32_t> kIds{3, 17, 0, 9, 4};

TEST_F(GradientTest, AddPositionAndAddRow) {
  expectGradients(parse(mixed(R"mlir(
  %a = gem.add_position %x, %positions : !x, tensor<12x8xf32>
  %z = gem.add_row %a, %types[1] : !x, tensor<2x8xf32>)mlir")),
                  kIds);
}

TEST_F(GradientTest, AddOfAValueToItself) {
  expectGradients(parse(mixed("%a = gem.add %x, %x : !x\n %z = gem.add %x, %a : !x")), kIds);
}

TEST_F(GradientTest, Gelu) { expectGradients(parse(mixed("%z = gem.gelu %x : !x")), kIds); }

TEST_F(GradientTest, Tanh) { expectGradients(parse(mixed("%z = gem.tanh %x : !x")), kIds); }

TEST_F(GradientTest, LayerNorm) {
  expectGradients(parse(mixed("%z = gem.layer_norm %x, %ba, %bb epsilon(0.01) : !x, !b, !b")),
                  kIds);
}

TEST_F(GradientTest, LinearWithAllThatMayBeFused) {
  expectGradients(parse(mixed(R"mlir(
  %a = gem.linear %x, %wa : (!x, !w) -> !x
  %b = gem.linear %a, %wb, %ba activation(gelu) : (!x, !w, !b) -> !x
  %c = gem.linear %b, %wc residual %a activation(tanh) : (!x, !w, !x) -> !x
  %z = gem.linear %c, %wa, %bb residual %x : (!x, !w, !b, !x) -> !x)mlir")),
                  kIds);
}

TEST_F(GradientTest, AttentionOfDifferentQueriesKeysAndValues) {
  expectGradients(parse(makeText(R"mlir(
  %q = gem.linear %x, %wa : (!x, !w) -> !x
  %k = gem.linear %x, %wb : (!x, !w) -> !x
  %v = gem.linear %x, %wc : (!x, !w) -> !x
  %y = gem.attention %q, %k, %v heads(4) head_dim(2) scale(0.7) : (!x, !x, !x) -> !x)mlir",
                                 "?", 3)),
                  kIds);
}

TEST_F(GradientTest, AttentionOverWhatIsNoPadding) {
  expectGradients(parse(makeText(R"mlir(
  %k = gem.linear %x, %wb : (!x, !w) -> !x
  %y = gem.attention %x, %k, %x count %count heads(2) head_dim(4) scale(0.7)
      : (!x, !x, !x, tensor<1xi32>) -> !x)mlir",
                                 "9")),
                  kIds, /*padded=*/9);
}

TEST_F(GradientTest, ScarAttentionByEveryPredicate) {
  for (std::string predicate : {"either", "same_cluster", "same_route"})
    for (std::string causal : {"", " causal"})
      for (int row : {0, 3}) {
        func::FuncOp function = parse(makeText(R"mlir(
  %probs, %routed, %cluster = gem.route_tokens %x, %router, %centroids
      clusters(4) threshold(0.75)
      : (!x, tensor<3x8xf32>, tensor<4x8xf32>) -> (!classes, !flags, !clusters)
  %k = gem.linear %x, %wb : (!x, !w) -> !x
  %v = gem.linear %x, %wc : (!x, !w) -> !x
  %y = gem.scar_attention %x, %k, %v, %routed, %cluster
      heads(2) head_dim(4) scale(0.4) predicate()mlir" +
                                                   predicate + ")" + causal + R"mlir(
      : (!x, !x, !x, !flags, !clusters) -> !x)mlir",
                                               "?", row));
        std::vector<int32_t> ids{3, 17, 0, 9, 4, 11, 5};
        expectGradients(function, ids);
        // The tokens differ in both decisions, else the predicates would be one.
        ReferenceModel reference(function);
        reference.run(ids, ids.size());
        std::set<bool> routes;
        std::set<int64_t> clusters;
        for (auto [route, cluster] : reference.routing) {
          routes.insert(route);
          clusters.insert(cluster);
        }
        EXPECT_EQ(routes.size(), 2u);
        EXPECT_GT(clusters.size(), 1u);
      }
}

TEST_F(GradientTest, AttentionOfOneQueryFurtherOn) {
  std::string text = makeText(R"mlir(
  %probs, %routed, %cluster = gem.route_tokens %x, %router, %centroids
      clusters(4) threshold(0.75)
      : (!x, tensor<3x8xf32>, tensor<4x8xf32>) -> (!classes, !flags, !clusters)
  %q = gem.select %x[2] : !x -> !row
  %s = gem.scar_attention %q, %x, %x, %routed, %cluster
      heads(2) head_dim(4) scale(0.4) predicate(either) causal first_query(2)
      : (!row, !x, !x, !flags, !clusters) -> !row
  %y = gem.attention %s, %x, %x heads(1) head_dim(8) scale(0.4) first_query(2)
      : (!row, !x, !x) -> !row)mlir");
  text.replace(text.find("gem.select %y[0] : !x"), 21, "gem.select %y[0] : !row");
  expectGradients(parse(text), kIds);
}

TEST_F(GradientTest, NothingFlowsThroughTheRoutersDecisions) {
  // %a only decides; %y does not depend on it otherwise.
  func::FuncOp function = parse(makeText(R"mlir(
  %a = gem.linear %x, %wa : (!x, !w) -> !x
  %probs, %routed, %cluster = gem.route_tokens %a, %router, %centroids
      clusters(4) threshold(0.75)
      : (!x, tensor<3x8xf32>, tensor<4x8xf32>) -> (!classes, !flags, !clusters)
  %y = gem.scar_attention %x, %x, %x, %routed, %cluster
      heads(2) head_dim(4) scale(0.4) predicate(either)
      : (!x, !x, !x, !flags, !clusters) -> !x)mlir"));
  expectGradients(function, kIds);
  auto a = *function.front().getOps<LinearOp>().begin();
  auto differentiator = Differentiator::create(function, {a.getResult()});
  ASSERT_TRUE(differentiator.ok());
  auto result = (*differentiator)->run(kIds, [](auto, auto seed) {
    std::fill(seed.begin(), seed.end(), 1.0f);
  });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->front().gradient.size(), 40u);
  EXPECT_THAT(result->front().gradient, ::testing::Each(0.0f));
}

TEST_F(GradientTest, ALossMayDependOnALayerDirectly) {
  // A linear loss of %a, which otherwise only decides, and of the logits.
  func::FuncOp function = parse(makeText(R"mlir(
  %a = gem.linear %x, %wa activation(tanh) : (!x, !w) -> !x
  %probs, %routed, %cluster = gem.route_tokens %a, %router, %centroids
      clusters(4) threshold(0.75)
      : (!x, tensor<3x8xf32>, tensor<4x8xf32>) -> (!classes, !flags, !clusters)
  %y = gem.scar_attention %x, %x, %x, %routed, %cluster
      heads(2) head_dim(4) scale(0.4) predicate(either)
      : (!x, !x, !x, !flags, !clusters) -> !x)mlir"));
  Value x = (*function.front().getOps<EmbeddingOp>().begin()).getResult();
  Value a = (*function.front().getOps<LinearOp>().begin()).getResult();
  auto differentiator = Differentiator::create(function, {x}, {a});
  ASSERT_TRUE(differentiator.ok()) << differentiator.status();
  auto factor = [](size_t i) { return 0.1f * static_cast<float>(i % 7) - 0.2f; };
  auto result = (*differentiator)
                    ->run(
                        kIds, [](auto, auto seed) { seed[1] = 1; },
                        [&](size_t index, const ValueGradient &value, std::span<float> seed) {
                          EXPECT_EQ(index, 0u);
                          EXPECT_EQ(value.value.size(), seed.size());
                          for (size_t i = 0; i < seed.size(); ++i)
                            seed[i] += factor(i);
                        });
  ASSERT_TRUE(result.ok()) << result.status();
  ReferenceModel reference(function);
  auto lossAt = [&](int64_t index, double delta) {
    double loss = reference.run(kIds, kIds.size(), {x, index, delta})[1];
    Matrix &layer = reference.value(a);
    for (size_t i = 0; i < layer.data.size(); ++i)
      loss += factor(i) * layer.data[i];
    return loss;
  };
  reference.run(kIds, kIds.size());
  for (size_t i = 0; i < result->front().gradient.size(); ++i)
    EXPECT_NEAR(result->front().gradient[i], (lossAt(i, 1e-4) - lossAt(i, -1e-4)) / 2e-4, 1e-5);
}

TEST_F(GradientTest, ForksGiveTheSameBits) {
  func::FuncOp function = parse(mixed("%z = gem.gelu %x : !x"));
  auto first = Differentiator::create(function, layersOf(function));
  ASSERT_TRUE(first.ok());
  auto second = (*first)->fork();
  auto loss = [](auto logits, auto seed) { std::copy(logits.begin(), logits.end(), seed.begin()); };
  // A longer text before must leave no trace.
  ASSERT_TRUE(second->run(std::vector<int32_t>(12, 1), loss).ok());
  auto a = (*first)->run(kIds, loss), b = second->run(kIds, loss);
  ASSERT_TRUE(a.ok() && b.ok());
  for (auto [x, y] : llvm::zip(*a, *b)) {
    EXPECT_TRUE(std::ranges::equal(x.gradient, y.gradient));
    EXPECT_TRUE(std::ranges::equal(x.value, y.value));
  }
}

//===----------------------------------------------------------------------===//
// What is refused
//===----------------------------------------------------------------------===//

TEST_F(GradientTest, RefusesAnOpWithoutADerivative) {
  std::string text = mixed("%z = func.call @other(%x) : (!x) -> !x");
  text += "func.func private @other(!x) -> !x";
  func::FuncOp function = parse(text);
  absl::Status status = Differentiator::create(function, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'func.call' has no derivative"));
}

TEST_F(GradientTest, RefusesAFunctionWithoutLogits) {
  std::string text = mixed("%z = gem.gelu %x : !x");
  text.replace(text.find("#gem.role<logits>"), 17, "#gem.role<cls>");
  EXPECT_THAT(std::string(Differentiator::create(parse(text), {}).status().message()),
              HasSubstr("got no result of that role"));
}

TEST_F(GradientTest, RefusesValuesThatHaveNoGradient) {
  func::FuncOp function = parse(mixed("%z = gem.gelu %x : !x"));
  Value weight = *function.front().getOps<GetWeightOp>().begin();
  Value logits = (*function.front().getOps<ClassifyOp>().begin()).getLogits();
  for (Value value : {weight, logits, Value(function.getArgument(0))})
    EXPECT_EQ(Differentiator::create(function, {value}).status().code(),
              absl::StatusCode::kInvalidArgument);
}

TEST_F(GradientTest, RefusesWeightsWithoutValues) {
  func::FuncOp function = parse(mixed("%z = gem.linear %x, %wa : (!x, !w) -> !x"));
  auto weight = SymbolTable(*module).lookup<WeightOp>("wa");
  weight.setStored(RankedTensorType::get({8, 8}, Float16Type::get(&context)));
  EXPECT_THAT(std::string(Differentiator::create(function, {}).status().message()),
              HasSubstr("weight 'wa' is stored in another format"));
  weight.removeStoredAttr();
  EXPECT_TRUE(Differentiator::create(function, {}).ok());

  std::string text = mixed(R"mlir(
  %probs, %routed, %cluster = gem.route_tokens %x, %router clusters(4) threshold(0.75)
      : (!x, tensor<3x8xf32>) -> (!classes, !flags, !clusters)
  %z = gem.scar_attention %x, %x, %x, %routed, %cluster
      heads(2) head_dim(4) scale(0.4) predicate(either)
      : (!x, !x, !x, !flags, !clusters) -> !x)mlir");
  EXPECT_THAT(std::string(Differentiator::create(parse(text), {}).status().message()),
              HasSubstr("has no centroids"));
}

TEST_F(GradientTest, RefusesTextsThatDoNotFit) {
  auto differentiator = Differentiator::create(parse(mixed("%z = gem.gelu %x : !x")), {});
  ASSERT_TRUE(differentiator.ok());
  auto messageOf = [&](std::vector<int32_t> ids) {
    return std::string((*differentiator)->run(ids, [](auto, auto) {}).status().message());
  };
  EXPECT_THAT(messageOf({}), HasSubstr("expected 1 to 12 tokens, but got 0"));
  EXPECT_THAT(messageOf(std::vector<int32_t>(13)), HasSubstr("tokens, but got 13"));
  EXPECT_THAT(messageOf({1, 20}), HasSubstr("token 1: expected an id of 0 to 19, but got 20"));
  EXPECT_THAT(messageOf({-1}), HasSubstr("but got -1"));
}

//===----------------------------------------------------------------------===//
// The example model
//===----------------------------------------------------------------------===//

class ExampleGradientTest : public GradientTest {
protected:
  void import(bool pad = false) {
    CompileOptions options;
    options.model = std::filesystem::path(std::getenv("GEM_SOURCE_DIR")) / "examples/gem-tiny";
    options.sequence = 32;
    options.pad = pad;
    options.producer = "test";
    compiler = std::make_unique<Compiler>(options);
    absl::Status status = compiler->import();
    ASSERT_TRUE(status.ok()) << status;
    function = *compiler->getModule().getOps<func::FuncOp>().begin();
    auto candidate = Candidate::build(compiler->getModule(), {}, nullptr);
    ASSERT_TRUE(candidate.ok()) << candidate.status();
    original = *std::move(candidate);
    auto tokenized = original->getRunner().tokenize(
        {{"A library for reading fonts in Haskell", "", {}},
         {"game server with network play and music, written in the Python language", "", {}}});
    ASSERT_TRUE(tokenized.ok());
    texts = *std::move(tokenized);
  }

  /// Cross entropy with class 8.
  static double lossOf(std::span<const float> logits) {
    double sum = 0;
    for (float logit : logits)
      sum += std::exp(static_cast<double>(logit));
    return std::log(sum) - logits[8];
  }
  static void seedOf(std::span<const float> logits, std::span<float> seed) {
    double sum = 0;
    for (float logit : logits)
      sum += std::exp(static_cast<double>(logit));
    for (size_t c = 0; c < logits.size(); ++c)
      seed[c] = static_cast<float>(std::exp(static_cast<double>(logits[c])) / sum - (c == 8));
  }

  std::unique_ptr<Compiler> compiler;
  func::FuncOp function;
  std::unique_ptr<Candidate> original;
  TokenizedTexts texts;
};

TEST_F(ExampleGradientTest, ComputesWhatTheRuntimeDoes) {
  for (bool pad : {false, true}) {
    import(pad);
    auto differentiator = Differentiator::create(function, {});
    ASSERT_TRUE(differentiator.ok()) << differentiator.status();
    for (size_t text = 0; text < texts.size(); ++text) {
      auto expected = original->getRunner().run(texts.text(text));
      ASSERT_TRUE(expected.ok());
      auto result = (*differentiator)->run(texts.text(text), [&](auto logits, auto) {
        ASSERT_EQ(logits.size(), expected->logits.size());
        for (size_t c = 0; c < logits.size(); ++c)
          EXPECT_NEAR(logits[c], expected->logits[c], 1e-4);
      });
      ASSERT_TRUE(result.ok()) << result.status();
    }
  }
}

TEST_F(ExampleGradientTest, DiffersAsAnF64ModelDoes) {
  import();
  std::span<const int32_t> ids = texts.text(0);
  // Some elements of each layer.
  expectGradients(function, std::vector<int32_t>(ids.begin(), ids.end()), 0, /*every=*/1501);
}

// Gates on channels of a linear layer's input, by scaling the weight's columns.
TEST_F(ExampleGradientTest, PredictsWhatScalingAChannelDoesInTheRuntime) {
  import();
  SymbolTable symbols(compiler->getModule());
  struct Gate {
    StringRef weight;
    int64_t first, width;
  };
  const Gate gates[] = {{"encoder.layer.0.output.dense.weight", 77, 1},
                        {"encoder.layer.1.output.dense.weight", 300, 1},
                        {"encoder.layer.0.attention.output.dense.weight", 64, 64},
                        {"scar.out.weight", 0, 64}};
  std::span<const int32_t> ids = texts.text(1);
  for (const Gate &gate : gates) {
    LinearOp consumer;
    function.walk([&](LinearOp op) {
      if (op.getWeight().getDefiningOp<GetWeightOp>().getWeight() == gate.weight)
        consumer = op;
    });
    ASSERT_TRUE(consumer);
    auto differentiator = Differentiator::create(function, {consumer.getX()});
    ASSERT_TRUE(differentiator.ok());
    auto result = (*differentiator)->run(ids, seedOf);
    ASSERT_TRUE(result.ok());
    const ValueGradient &input = result->front();
    double slope = 0;
    for (int64_t r = 0; r < input.rows; ++r)
      for (int64_t i = gate.first; i < gate.first + gate.width; ++i)
        slope += static_cast<double>(input.value[r * input.width + i]) *
                 input.gradient[r * input.width + i];

    auto weight = symbols.lookup<WeightOp>(gate.weight);
    ElementsAttr before = weight.getValue();
    // Large enough that the f32 runtime's noise, 1e-6 of a loss, does not matter.
    const double step = 0.05;
    double loss[2];
    for (int side : {0, 1}) {
      std::vector<float> values(before.getNumElements());
      readAsF32(before, 0, values.size(), values.data());
      for (size_t i = 0; i < values.size(); ++i) {
        int64_t column = static_cast<int64_t>(i) % input.width;
        if (column >= gate.first && column < gate.first + gate.width)
          values[i] *= static_cast<float>(side ? 1 + step : 1 - step);
      }
      weight.setValueAttr(makeF32Resource(weight.getContext(),
                                          cast<RankedTensorType>(before.getType()).getShape(),
                                          "scaled", values));
      auto candidate = Candidate::build(compiler->getModule(), {}, nullptr);
      ASSERT_TRUE(candidate.ok()) << candidate.status();
      auto changed = (*candidate)->getRunner().run(ids);
      ASSERT_TRUE(changed.ok());
      loss[side] = lossOf(changed->logits);
    }
    weight.setValueAttr(before);
    double expected = (loss[1] - loss[0]) / (2 * step);
    EXPECT_NE(expected, 0);
    EXPECT_NEAR(slope, expected, 0.01 * std::abs(expected) + 1e-4) << gate.weight.str();
  }
}

} // namespace
