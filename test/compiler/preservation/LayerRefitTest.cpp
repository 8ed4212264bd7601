// Tests knowledge preservation on the model that comes with the sources.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Preservation/LayerRefit.h"
#include "compiler/Calibration/RuntimeActivationSource.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "compiler/Import/ImportModel.h"
#include "compiler/Preservation/LayerGraph.h"
#include "compiler/Quantization/Candidate.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "passes/Quantization/InputStatistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <numeric>

using namespace gem;
using namespace mlir;
using ::testing::HasSubstr;

namespace {

/// Texts of two domains that share few words.
std::vector<CalibrationText> makeTexts(int64_t count, unsigned seed = 1) {
  const std::vector<std::vector<std::string>> words = {
      {"compiler", "library", "for", "the", "python", "and", "haskell", "language", "bindings",
       "parser", "of", "modules", "runtime", "a", "java", "documentation", "development", "files"},
      {"audio", "player", "with", "the", "video", "game", "editor", "of", "images", "a", "window",
       "desktop", "fonts", "music", "in", "screen", "graphical", "tool"}};
  std::vector<CalibrationText> texts;
  unsigned state = seed * 2654435761u + 12345u;
  auto next = [&](size_t bound) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
  };
  for (int64_t i = 0; i < count; ++i) {
    CalibrationText &text = texts.emplace_back();
    text.domain = i % 2 ? "media" : "languages";
    for (size_t word = 4 + next(12); word-- > 0;)
      text.text += words[i % 2][next(words[i % 2].size())] + " ";
  }
  return texts;
}

std::string writeTexts(const std::vector<CalibrationText> &texts, const std::string &name) {
  std::string path = testing::TempDir() + "/" + name;
  std::ofstream out(path);
  for (const CalibrationText &text : texts)
    out << R"({"text": ")" << text.text << R"(", "domain": ")" << text.domain << "\"}\n";
  return path;
}

WeightOp weightOf(ModuleOp module, const std::string &name) {
  auto weight = module.lookupSymbol<WeightOp>(name);
  EXPECT_TRUE(weight) << name;
  return weight;
}

std::vector<float> valuesOf(ModuleOp module, const std::string &name) {
  return preserve::readWeight(weightOf(module, name));
}

/// Keeps some rows (dimension 0) or columns (1) of a weight.
void cut(ModuleOp module, const std::string &name, size_t dimension,
         const std::vector<int64_t> &kept) {
  WeightOp weight = weightOf(module, name);
  std::vector<float> values = preserve::readWeight(weight), left;
  std::vector<int64_t> shape = weight.getWeightType().getShape().vec();
  const int64_t rows = shape[0], columns = shape.size() > 1 ? shape[1] : 1;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      if (llvm::is_contained(kept, dimension == 0 ? row : column))
        left.push_back(values[row * columns + column]);
  shape[dimension] = static_cast<int64_t>(kept.size());
  weight.setValueAttr(makeF32Resource(module.getContext(), shape, name, std::move(left)));
  module.walk([&](GetWeightOp get) {
    if (get.getWeight() == name)
      get.getResult().setType(weight.getWeightType());
  });
}

class LayerRefit : public testing::Test {
protected:
  void SetUp() override {
    context.loadDialect<GemDialect, func::FuncDialect>();
    auto loaded = checkpoint::loadModelSource(
        std::string(std::getenv("GEM_SOURCE_DIR")) + "/examples/gem-tiny", {});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    source = *std::move(loaded);
    import(/*pad=*/false);
    texts = makeTexts(32);
    options.texts = writeTexts(texts, "texts.jsonl");
  }

  void import(bool pad) {
    ImportOptions importOptions;
    importOptions.name = "gem-tiny";
    importOptions.sequence = 24;
    importOptions.pad = pad;
    auto imported = importModel(context, source, importOptions);
    ASSERT_TRUE(imported.ok()) << imported.status();
    original = *std::move(imported);
  }

  /// A copy that has only every `step`-th inner channel of the first feed-forward network.
  OwningOpRef<ModuleOp> prune(int64_t step) {
    OwningOpRef<ModuleOp> pruned(cast<ModuleOp>(original->clone()));
    const std::string layer = "encoder.layer.0.";
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < 512; i += step)
      kept.push_back(i);
    cut(*pruned, layer + "intermediate.dense.weight", 0, kept);
    cut(*pruned, layer + "intermediate.dense.bias", 0, kept);
    cut(*pruned, layer + "output.dense.weight", 1, kept);
    pruned->walk([&](Operation *op) {
      if (auto linear = dyn_cast<LinearOp>(op)) {
        auto type = cast<RankedTensorType>(linear.getResult().getType());
        auto weight = cast<RankedTensorType>(linear.getWeight().getType());
        linear.getResult().setType(RankedTensorType::get(
            {type.getDimSize(0), weight.getDimSize(0)}, type.getElementType(), type.getEncoding()));
      } else if (auto gelu = dyn_cast<GeluOp>(op)) {
        gelu.getResult().setType(gelu.getX().getType());
      }
    });
    return pruned;
  }

  /// The divergence from the original, by domain and of all.
  std::vector<double> divergence(ModuleOp module) {
    if (!baseline) {
      auto built = Candidate::build(*original, {}, nullptr);
      EXPECT_TRUE(built.ok()) << built.status();
      auto encoded = (*built)->getRunner().tokenize(makeTexts(60, 7));
      EXPECT_TRUE(encoded.ok()) << encoded.status();
      tokenized = *std::move(encoded);
      auto computed = Baseline::compute((*built)->getRunner(), tokenized);
      EXPECT_TRUE(computed.ok()) << computed.status();
      baseline = *std::move(computed);
    }
    auto candidate = Candidate::build(module, {}, nullptr);
    EXPECT_TRUE(candidate.ok()) << candidate.status();
    auto result = compare((*candidate)->getRunner(), *baseline, tokenized);
    EXPECT_TRUE(result.ok()) << result.status();
    std::vector<double> figures;
    for (const ComparisonFigures &domain : result->domains)
      figures.push_back(domain.meanDivergence());
    figures.push_back(result->all.meanDivergence());
    return figures;
  }

  /// The rows of values of one module on the texts, one after the other.
  std::vector<std::vector<float>> capture(ArrayRef<Value> values) {
    std::vector<std::vector<float>> rows(values.size());
    RuntimeActivationSource runs({options.texts, 0, 1, {}});
    auto result = runs.forEachText(values, [&](ArrayRef<ActivationRows> of, StringRef domain) {
      for (auto [all, some] : llvm::zip(rows, of))
        all.insert(all.end(), some.data.begin(), some.data.end());
      for (int64_t row = 0; row < of[0].numRows; ++row)
        rowDomains.push_back(domain.str());
      return success();
    });
    EXPECT_TRUE(succeeded(result));
    return rows;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  checkpoint::ModelSource source;
  OwningOpRef<ModuleOp> original;
  std::vector<CalibrationText> texts;
  PreservationOptions options;
  std::vector<std::string> rowDomains; ///< Of what capture() gave.
  TokenizedTexts tokenized;
  std::optional<Baseline> baseline;
};

LinearOp layerOf(ModuleOp module, StringRef weight) {
  LinearOp found;
  module.walk([&](LinearOp op) {
    if (op.getWeight().getDefiningOp<GetWeightOp>().getWeight() == weight)
      found = op;
  });
  return found;
}

TEST_F(LayerRefit, LeavesAnUncompressedModelAsItIs) {
  OwningOpRef<ModuleOp> copy(cast<ModuleOp>(original->clone()));
  std::vector<RefittedLayer> layers;
  absl::Status status = preserveKnowledge(*original, *copy, options, &layers);
  ASSERT_TRUE(status.ok()) << status;
  // Two layers of six, SCAR's four and the classifier.
  EXPECT_EQ(layers.size(), 17u);
  for (const RefittedLayer &layer : layers) {
    EXPECT_EQ(layer.errorBefore, 0) << layer.weight;
    EXPECT_EQ(layer.errorAfter, 0) << layer.weight;
  }
  for (auto weight : original->getOps<WeightOp>())
    EXPECT_EQ(weight.getValue(), weightOf(*copy, weight.getSymName().str()).getValue())
        << weight.getSymName().str();
}

TEST_F(LayerRefit, SolvesTheNormalEquationsOfALayer) {
  OwningOpRef<ModuleOp> pruned = prune(8);
  const std::string name = "encoder.layer.0.output.dense.weight";
  const std::string biasName = "encoder.layer.0.output.dense.bias";
  options.norms = options.inner = options.classifier = false;
  options.domainWeights = {{"media", 3}};
  // What goes into the layer and what is to come out of the sum behind it, before any fit: it
  // is the first layer that differs.
  LinearOp before = layerOf(*original, name), after = layerOf(*pruned, name);
  auto sumOf = [](LinearOp op) { return (*op.getResult().user_begin())->getResult(0); };
  std::vector<float> target = capture(sumOf(before)).front();
  rowDomains.clear();
  auto captured = capture({after.getX(), sumOf(after)});
  std::vector<float> weights = valuesOf(*pruned, name), bias = valuesOf(*pruned, biasName);

  const int64_t width = 64, outputs = 128, n = width + 1;
  const auto rows = static_cast<int64_t>(rowDomains.size());
  ASSERT_EQ(static_cast<int64_t>(captured[0].size()), rows * width);
  std::map<std::string, double> weightOfRow;
  for (const std::string &domain : rowDomains)
    weightOfRow[domain] += 1;
  for (auto &[domain, weight] : weightOfRow)
    weight = (domain == "media" ? 0.75 : 0.25) / weight;
  std::vector<double> mean(width), gram(n * n), right(n * outputs);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < width; ++i)
      mean[i] += weightOfRow[rowDomains[r]] * captured[0][r * width + i];
  double trace = 0;
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<double> x(captured[0].begin() + r * width, captured[0].begin() + (r + 1) * width);
    for (int64_t i = 0; i < width; ++i)
      trace += weightOfRow[rowDomains[r]] * (x[i] - mean[i]) * (x[i] - mean[i]);
    x.push_back(1);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j)
        gram[i * n + j] += weightOfRow[rowDomains[r]] * x[i] * x[j];
      for (int64_t o = 0; o < outputs; ++o)
        right[i * outputs + o] +=
            weightOfRow[rowDomains[r]] * x[i] *
            (static_cast<double>(target[r * outputs + o]) - captured[1][r * outputs + o]);
    }
  }
  for (int64_t i = 0; i < width; ++i)
    gram[i * n + i] += options.ridge * trace / width;
  // Gauss-Jordan; the matrix is positive definite.
  for (int64_t i = 0; i < n; ++i)
    for (int64_t r = 0; r < n; ++r) {
      const double factor = r == i ? 1 - 1 / gram[i * n + i] : gram[r * n + i] / gram[i * n + i];
      for (int64_t c = r == i ? 0 : i; c < n; ++c)
        gram[r * n + c] -= factor * gram[i * n + c];
      for (int64_t o = 0; o < outputs; ++o)
        right[r * outputs + o] -= factor * right[i * outputs + o];
    }

  absl::Status status = preserveKnowledge(*original, *pruned, options);
  ASSERT_TRUE(status.ok()) << status;
  std::vector<float> fitted = valuesOf(*pruned, name), fittedBias = valuesOf(*pruned, biasName);
  double largest = 0;
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < width; ++i) {
      // Products are summed in f32: 1e-7, relative, times the condition of the matrix, which
      // the ridge keeps below some 1,000.
      ASSERT_NEAR(fitted[o * width + i], weights[o * width + i] + right[i * outputs + o], 1e-4);
      largest = std::max(largest, std::abs(right[i * outputs + o]));
    }
    ASSERT_NEAR(fittedBias[o], bias[o] + right[width * outputs + o], 1e-4);
  }
  EXPECT_GT(largest, 0.05); // that there was something to fit
}

TEST_F(LayerRefit, BringsAPrunedModelCloser) {
  OwningOpRef<ModuleOp> pruned = prune(4);
  const double before = divergence(*pruned).back();
  std::vector<RefittedLayer> layers;
  absl::Status status = preserveKnowledge(*original, *pruned, options, &layers);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(divergence(*pruned).back(), 0.5 * before);
  for (const RefittedLayer &layer : layers)
    EXPECT_LE(layer.errorAfter, layer.errorBefore) << layer.weight;
  auto second = llvm::find_if(layers, [](const RefittedLayer &layer) {
    return layer.weight == "encoder.layer.0.output.dense.weight";
  });
  ASSERT_NE(second, layers.end());
  EXPECT_LT(second->errorAfter, 0.5 * second->errorBefore);
  // The rows that are left of the first of the network were recognised.
  EXPECT_TRUE(llvm::any_of(layers, [](const RefittedLayer &layer) {
    return layer.weight == "encoder.layer.0.intermediate.dense.weight";
  }));
  EXPECT_TRUE(succeeded(mlir::verify(*pruned)));
}

TEST_F(LayerRefit, FitsAPaddedModel) {
  import(/*pad=*/true);
  OwningOpRef<ModuleOp> pruned = prune(8);
  const double before = divergence(*pruned).back();
  absl::Status status = preserveKnowledge(*original, *pruned, options);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(divergence(*pruned).back(), 0.5 * before);
}

TEST_F(LayerRefit, FitsKeptRowsOnlyWhereTheyAreKnown) {
  const std::string name = "encoder.layer.0.intermediate.dense.weight";
  auto isFitted = [&](ModuleOp pruned) {
    std::vector<RefittedLayer> layers;
    absl::Status status = preserveKnowledge(*original, pruned, options, &layers);
    EXPECT_TRUE(status.ok()) << status;
    return llvm::any_of(layers, [&](const RefittedLayer &layer) { return layer.weight == name; });
  };
  auto disturb = [&](ModuleOp pruned) {
    std::vector<float> values = valuesOf(pruned, name);
    values[5] += 1;
    preserve::replaceWeight(weightOf(pruned, name), std::move(values));
  };
  options.texts = writeTexts(makeTexts(6), "few.jsonl");
  OwningOpRef<ModuleOp> unknown = prune(4), told = prune(4);
  disturb(*unknown);
  disturb(*told);
  EXPECT_FALSE(isFitted(*unknown));
  for (int64_t row = 0; row < 512; row += 4)
    options.keptRows[name].push_back(row);
  EXPECT_TRUE(isFitted(*told));
  options.keptRows[name].back() = 512;
  absl::Status status = preserveKnowledge(*original, *told, options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected 128 rows of 0 to 511"));
}

TEST_F(LayerRefit, IsTheSameForAnyNumberOfThreads) {
  OwningOpRef<ModuleOp> one = prune(4), three = prune(4);
  absl::Status status = preserveKnowledge(*original, *one, options);
  ASSERT_TRUE(status.ok()) << status;
  options.threads = 3;
  status = preserveKnowledge(*original, *three, options);
  ASSERT_TRUE(status.ok()) << status;
  int changed = 0;
  for (auto weight : one->getOps<WeightOp>()) {
    std::string name = weight.getSymName().str();
    EXPECT_EQ(preserve::readWeight(weight), valuesOf(*three, name)) << name;
    auto before = original->lookupSymbol<WeightOp>(name);
    changed += weight.getValue() != before.getValue();
  }
  EXPECT_GT(changed, 20);
}

TEST_F(LayerRefit, FavoursTheDomainThatWeighsMore) {
  OwningOpRef<ModuleOp> languages = prune(16), media = prune(16);
  options.domainWeights = {{"languages", 1}, {"media", 0}};
  absl::Status status = preserveKnowledge(*original, *languages, options);
  ASSERT_TRUE(status.ok()) << status;
  options.domainWeights = {{"languages", 0}, {"media", 1}};
  status = preserveKnowledge(*original, *media, options);
  ASSERT_TRUE(status.ok()) << status;
  std::vector<double> first = divergence(*languages), second = divergence(*media);
  EXPECT_LT(first[0], second[0]); // languages
  EXPECT_GT(first[1], second[1]); // media
}

TEST_F(LayerRefit, StaysFiniteWithFewerTokensThanChannels) {
  OwningOpRef<ModuleOp> pruned = prune(4);
  options.texts = writeTexts(makeTexts(2), "two.jsonl");
  options.ridge = 0;
  absl::Status status = preserveKnowledge(*original, *pruned, options);
  ASSERT_TRUE(status.ok()) << status;
  for (auto weight : pruned->getOps<WeightOp>())
    for (float value : preserve::readWeight(weight))
      ASSERT_TRUE(std::isfinite(value)) << weight.getSymName().str();
}

/// Rounds the matrices `names` to int3; the ones that are quantized already stay.
absl::Status quantize(ModuleOp module, const std::vector<std::string> &names,
                      const std::string &algorithm = "rtn",
                      const quant::StatisticsSource *inputs = nullptr) {
  QuantizeStep step;
  const quant::Format int3 = *quant::Format::parse("int3g32");
  for (auto weight : module.getOps<WeightOp>())
    if (preserve::isQuantized(weight))
      step.plan.weights[weight.getSymName()] = int3;
  for (const std::string &name : names) {
    step.plan.weights[name] = int3;
    step.algorithms[name] = algorithm;
  }
  return quantizeModule(module, step, inputs);
}

std::vector<std::string> matricesOf(ModuleOp module) {
  std::vector<std::string> names;
  module.walk([&](Operation *op) {
    if (isa<LinearOp, ClassifyOp>(op))
      names.push_back(op->getOperand(1).getDefiningOp<GetWeightOp>().getWeight().str());
  });
  return names;
}

TEST_F(LayerRefit, LetsLaterLayersMakeUpForQuantization) {
  options.texts = writeTexts(makeTexts(200), "more.jsonl");
  OwningOpRef<ModuleOp> once(cast<ModuleOp>(original->clone()));
  ASSERT_TRUE(quantize(*once, matricesOf(*once)).ok());
  OwningOpRef<ModuleOp> inTurn(cast<ModuleOp>(original->clone()));
  std::vector<std::string> given;
  options.fitted = [&](ModuleOp module, const std::vector<std::string> &names) {
    given.insert(given.end(), names.begin(), names.end());
    return quantize(module, names);
  };
  absl::Status status = preserveKnowledge(*original, *inTurn, options);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(given, matricesOf(*original));
  for (const std::string &name : given)
    EXPECT_TRUE(preserve::isQuantized(weightOf(*inTurn, name))) << name;
  EXPECT_LT(divergence(*inTurn).back(), 0.7 * divergence(*once).back());

  // The encoder's last hidden states too are nearer to the original's.
  auto outputOf = [&](ModuleOp module) {
    RouteTokensOp router;
    module.walk([&](RouteTokensOp op) { router = op; });
    return capture(router.getX()).front();
  };
  auto distance = [&](const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
      sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
  };
  std::vector<float> expected = outputOf(*original);
  EXPECT_LT(distance(outputOf(*inTurn), expected), 0.9 * distance(outputOf(*once), expected));
}

TEST_F(LayerRefit, GivesQuantizersTheInputsOfTheCompressedModel) {
  OwningOpRef<ModuleOp> pruned = prune(2);
  const std::string name = "encoder.layer.1.attention.self.key.weight";
  quant::InputStatistics known;
  options.fittedWithInputs = [&](ModuleOp module, const std::vector<std::string> &names,
                                 const quant::StatisticsSource &inputs) {
    if (llvm::is_contained(names, name))
      known = *inputs.load(name);
    return quantize(module, names, "gptq", &inputs);
  };
  absl::Status status = preserveKnowledge(*original, *pruned, options);
  ASSERT_TRUE(status.ok()) << status;
  // As the finished model has them: later stages changed nothing before this layer.
  std::vector<float> rows = capture(layerOf(*pruned, name).getX()).front();
  ASSERT_EQ(known.width, 128);
  ASSERT_EQ(known.domains.size(), 2u);
  std::map<std::string, double> count;
  for (const std::string &domain : rowDomains)
    count[domain] += 1;
  std::vector<double> gram(128 * 128), mean(128);
  for (size_t r = 0; r < rowDomains.size(); ++r)
    for (int64_t i = 0; i < 128; ++i) {
      if (rowDomains[r] == "media")
        mean[i] += rows[r * 128 + i] / count["media"];
      for (int64_t j = 0; j < 128; ++j)
        gram[i * 128 + j] +=
            rows[r * 128 + i] * static_cast<double>(rows[r * 128 + j]) / (2 * count[rowDomains[r]]);
    }
  EXPECT_EQ(known.domains[1].domain, "media");
  EXPECT_EQ(known.domains[1].tokens, static_cast<int64_t>(count["media"]));
  for (int64_t i = 0; i < 128; ++i) {
    ASSERT_NEAR(known.domains[1].mean[i], mean[i], 1e-4);
    for (int64_t j = 0; j < 128; ++j)
      ASSERT_NEAR(known.gram[i * 128 + j], gram[i * 128 + j], 1e-3);
  }
}

TEST_F(LayerRefit, CorrectsTheBiasOfAQuantizedLayer) {
  OwningOpRef<ModuleOp> compressed(cast<ModuleOp>(original->clone()));
  const std::string layer = "encoder.layer.0.intermediate.dense.";
  ASSERT_TRUE(quantize(*compressed, {layer + "weight"}).ok());
  Attribute codes = weightOf(*compressed, layer + "weight").getValue();
  std::vector<float> bias = valuesOf(*compressed, layer + "bias");
  auto meanError = [&] {
    LinearOp before = layerOf(*original, layer + "weight");
    std::vector<float> expected = capture(before.getResult()).front();
    LinearOp after = layerOf(*compressed, layer + "weight");
    rowDomains.clear();
    std::vector<float> values = capture(after.getResult()).front();
    std::map<std::string, double> count;
    for (const std::string &domain : rowDomains)
      count[domain] += 1;
    std::vector<double> error(512);
    for (size_t i = 0; i < values.size(); ++i)
      error[i % 512] += (values[i] - expected[i]) / (2 * count[rowDomains[i / 512]]);
    double sum = 0;
    for (double value : error)
      sum += std::abs(value);
    return sum / 512;
  };
  const double before = meanError();
  absl::Status status = preserveKnowledge(*original, *compressed, options);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(weightOf(*compressed, layer + "weight").getValue(), codes);
  EXPECT_NE(valuesOf(*compressed, layer + "bias"), bias);
  EXPECT_LT(meanError(), 1e-3 * before + 1e-6);
}

TEST_F(LayerRefit, RefusesOptionsOutOfRange) {
  OwningOpRef<ModuleOp> copy(cast<ModuleOp>(original->clone()));
  auto refusal = [&](const PreservationOptions &wrong) {
    absl::Status status = preserveKnowledge(*original, *copy, wrong);
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  PreservationOptions wrong = options;
  wrong.ridge = -1;
  EXPECT_THAT(refusal(wrong), HasSubstr("ridge: expected 0 to 1e6, but got -1"));
  wrong = options;
  wrong.unreadRows = 1.5;
  EXPECT_THAT(refusal(wrong), HasSubstr("expected 0 to 1, but got 1.5"));
  wrong = options;
  wrong.domainWeights["media"] = std::nan("");
  EXPECT_THAT(refusal(wrong), HasSubstr("weight of domain 'media': expected 0 to 1e6"));
  wrong = options;
  wrong.texts = testing::TempDir() + "/absent.jsonl";
  EXPECT_THAT(refusal(wrong), HasSubstr("absent.jsonl"));
  (*copy->getOps<TokenizerOp>().begin()).erase();
  EXPECT_THAT(refusal(options), HasSubstr("tokenizers, and one has none"));
}

} // namespace
