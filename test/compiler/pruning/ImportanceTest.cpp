// Tests importance against plain f64 loops, and that it tells what can go.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/Importance.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Pipeline/Compiler.h"
#include "compiler/Pruning/RouterRisk.h"
#include "compiler/Pruning/TokenReach.h"
#include "compiler/Quantization/Candidate.h"
#include "compiler/Quantization/ModelStatistics.h"
#include "mlir/Parser/Parser.h"
#include "test/compiler/gradient/ReferenceModel.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

using namespace gem;
using namespace mlir;
using ::gem::testing::Matrix;
using ::gem::testing::ReferenceModel;
using prune::ChannelSpace;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

const char *const kTexts[] = {
    R"({"text": "fonts for Haskell", "domain": "desktop", "label": 33})",
    R"({"text": "kernel network module for a server", "domain": "network", "label": 25})",
    R"({"text": "music player", "domain": "desktop", "label": 27})",
    R"({"text": "mail server written in Perl", "domain": "network", "label": 6})",
    R"({"text": "the editor", "domain": "desktop", "label": 35})",
};

class ImportanceTest : public ::testing::Test {
protected:
  void SetUp() override {
    CompileOptions options;
    options.model = fs::path(std::getenv("GEM_SOURCE_DIR")) / "examples/gem-tiny";
    options.sequence = 64;
    options.producer = "test";
    compiler = std::make_unique<Compiler>(options);
    absl::Status status = compiler->import();
    ASSERT_TRUE(status.ok()) << status;
    module = compiler->getModule();
    function = *module.getOps<func::FuncOp>().begin();
    spaces = prune::findChannelSpaces(module);
    // Heads and inner channels of two layers, heads of SCAR.
    ASSERT_EQ(spaces.size(), 5u);
    setTexts({std::begin(kTexts), std::end(kTexts)});
  }

  void setTexts(const std::vector<std::string> &lines) {
    path = fs::path(::testing::TempDir()) / "texts.jsonl";
    std::ofstream file(path);
    for (const std::string &line : lines)
      file << line << "\n";
    file.close();
    texts = *readTextFile(path);
    tokens = *tokenizeTexts(*std::make_unique<TextTokenizer>(*openTokenizer(module)), texts);
  }

  absl::StatusOr<std::vector<SpaceImportance>> measure(ImportanceKind kind, bool routerAware = true,
                                                       unsigned threads = 1) {
    ImportanceOptions options;
    options.kind = kind;
    options.texts = path;
    options.routerAware = routerAware;
    options.threads = threads;
    return measureImportance(module, spaces, options);
  }

  std::vector<float> weight(StringRef name) {
    auto op = SymbolTable(module).lookup<WeightOp>(name);
    std::vector<float> values(op.getValue().getNumElements());
    readAsF32(op.getValue(), 0, values.size(), values.data());
    return values;
  }

  /// What the consumer of a space reads.
  Value inputOf(const ChannelSpace &space) {
    Value input;
    function.walk([&](LinearOp op) {
      if (op.getWeight().getDefiningOp<GetWeightOp>().getWeight() == space.consumer)
        input = op.getX();
    });
    return input;
  }

  std::unique_ptr<Compiler> compiler;
  ModuleOp module;
  func::FuncOp function;
  std::vector<ChannelSpace> spaces;
  std::string path;
  std::vector<CalibrationText> texts;
  TokenizedTexts tokens;
};

TEST_F(ImportanceTest, MagnitudeSumsTheSquaresOfWhatGoes) {
  auto result = measure(ImportanceKind::Magnitude);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->size(), spaces.size());
  for (auto [space, importance] : llvm::zip(spaces, *result)) {
    ASSERT_EQ(importance.size(), 1u);
    const std::vector<double> &got = importance.at("");
    ASSERT_EQ(got.size(), static_cast<size_t>(space.count));
    std::vector<float> consumer = weight(space.consumer);
    std::vector<std::vector<float>> producers, biases;
    for (const std::string &name : space.producers)
      producers.push_back(weight(name));
    for (const std::string &name : space.producerBiases)
      biases.push_back(weight(name));
    for (int64_t e = 0; e < space.count; e += std::max<int64_t>(1, space.count / 7)) {
      double expected = 0;
      for (int64_t c = e * space.width; c < (e + 1) * space.width; ++c) {
        for (const std::vector<float> &values : producers)
          for (int64_t i = 0; i < space.inputWidth; ++i)
            expected += std::pow(values[c * space.inputWidth + i], 2.0);
        for (const std::vector<float> &values : biases)
          expected += std::pow(values[c], 2.0);
        for (int64_t n = 0; n < space.outputWidth; ++n)
          expected += std::pow(consumer[n * space.count * space.width + c], 2.0);
      }
      EXPECT_NEAR(got[e], expected, 1e-9 * expected) << space.name << " " << e;
    }
  }
}

// Each token's |W a|^2, weighed as Importance.h defines it.
TEST_F(ImportanceTest, ActivationIsThePowerThatGoesMissing) {
  using Decision = std::pair<bool, int64_t>;
  ReferenceModel reference(function);
  std::vector<std::vector<Decision>> routing;
  std::vector<std::vector<Matrix>> inputs; // By text and space.
  for (size_t t = 0; t < tokens.size(); ++t) {
    reference.routing.clear();
    reference.run(tokens.text(t), tokens.text(t).size());
    routing.push_back(reference.routing);
    inputs.emplace_back();
    for (const ChannelSpace &space : spaces)
      inputs.back().push_back(reference.value(inputOf(space)));
  }
  auto attends = [](Decision a, Decision b) { return a.first == b.first || a.second == b.second; };
  std::map<std::string, std::map<Decision, std::pair<double, double>>> counts;
  int64_t unattended = 0;
  for (size_t t = 0; t < texts.size(); ++t)
    for (Decision decision : routing[t]) {
      auto &[count, attended] = counts[texts[t].domain][decision];
      ++count;
      attended += attends(routing[t][0], decision);
      unattended += !attends(routing[t][0], decision);
    }
  ASSERT_GT(unattended, 0) << "the texts do not show what the router does";

  for (bool routerAware : {true, false}) {
    auto result = measure(ImportanceKind::Activation, routerAware);
    ASSERT_TRUE(result.ok()) << result.status();
    for (auto [s, space] : llvm::enumerate(spaces)) {
      ASSERT_EQ((*result)[s].size(), 2u);
      std::vector<float> consumer = weight(space.consumer);
      int64_t channels = space.count * space.width;
      for (const auto &[domain, got] : (*result)[s]) {
        ASSERT_EQ(got.size(), static_cast<size_t>(space.count));
        for (int64_t e = 0; e < space.count; e += std::max<int64_t>(1, space.count / 7)) {
          double power = 0, total = 0;
          for (size_t t = 0; t < texts.size(); ++t) {
            if (texts[t].domain != domain)
              continue;
            for (size_t j = 0; j < tokens.text(t).size(); ++j) {
              auto [count, attended] = counts[domain][routing[t][j]];
              double weightOfToken = !routerAware ? 1 : (attended + 1) / (count + 1);
              if (space.kind == ChannelSpace::Kind::ScarHeads)
                weightOfToken = j == 0;
              else if (StringRef(space.name).starts_with("encoder.layer.1") && routerAware)
                weightOfToken = attends(routing[t][0], routing[t][j]);
              total += weightOfToken;
              for (int64_t n = 0; n < space.outputWidth; ++n) {
                double y = 0;
                for (int64_t c = e * space.width; c < (e + 1) * space.width; ++c)
                  y += consumer[n * channels + c] * inputs[t][s].at(j, c);
                power += weightOfToken * y * y;
              }
            }
          }
          // The runtime's values are f32.
          EXPECT_NEAR(got[e], power / total, 1e-4 * power / total) << space.name << " " << e;
        }
      }
    }
  }
}

/// The derivatives of the logits by a gate on an entry.
std::vector<double> gateDerivatives(ReferenceModel &reference, std::span<const int32_t> ids,
                                    Value input, const ChannelSpace &space, int64_t entry) {
  const double step = 1e-4;
  std::vector<double> up =
      reference.run(ids, ids.size(), {input, entry * space.width, step, space.width});
  std::vector<double> down =
      reference.run(ids, ids.size(), {input, entry * space.width, -step, space.width});
  for (size_t c = 0; c < up.size(); ++c)
    up[c] = (up[c] - down[c]) / (2 * step);
  return up;
}

std::vector<double> softmax(std::vector<double> logits) {
  double sum = 0;
  for (double &logit : logits)
    sum += logit = std::exp(logit);
  for (double &logit : logits)
    logit /= sum;
  return logits;
}

TEST_F(ImportanceTest, FisherIsTheMeanSquaredDerivativeByTheGate) {
  auto result = measure(ImportanceKind::Fisher, /*routerAware=*/false);
  ASSERT_TRUE(result.ok()) << result.status();
  ReferenceModel reference(function);
  for (auto [s, space] : llvm::enumerate(spaces))
    for (int64_t e : {int64_t{0}, space.count - 1}) {
      std::map<std::string, std::pair<double, int>> sums;
      for (size_t t = 0; t < texts.size(); ++t) {
        std::span<const int32_t> ids = tokens.text(t);
        reference.routing.clear();
        std::vector<double> p = softmax(reference.run(ids, ids.size()));
        std::vector<double> slope = gateDerivatives(reference, ids, inputOf(space), space, e);
        double derivative = -slope[*texts[t].label];
        for (size_t c = 0; c < p.size(); ++c)
          derivative += p[c] * slope[c];
        sums[texts[t].domain].first += derivative * derivative;
        ++sums[texts[t].domain].second;
      }
      for (auto &[domain, sum] : sums) {
        double expected = sum.first / sum.second;
        EXPECT_NEAR((*result)[s].at(domain)[e], expected, 1e-3 * expected + 1e-12)
            << space.name << " " << e;
      }
    }
}

TEST_F(ImportanceTest, FisherWithoutLabelsIsTheExpectationOverTheModelsClasses) {
  // The same text again and again: the estimates' mean is close to the expectation.
  constexpr int kTimes = 96;
  setTexts(std::vector<std::string>(kTimes, R"({"text": "a mail server or an editor"})"));
  auto result = measure(ImportanceKind::Fisher, /*routerAware=*/false);
  ASSERT_TRUE(result.ok()) << result.status();
  ReferenceModel reference(function);
  std::span<const int32_t> ids = tokens.text(0);
  std::vector<double> p = softmax(reference.run(ids, ids.size()));
  for (size_t s : {0, 1, 4}) {
    std::vector<double> slope = gateDerivatives(reference, ids, inputOf(spaces[s]), spaces[s], 1);
    double mean = 0, expected = 0;
    for (size_t c = 0; c < p.size(); ++c)
      mean += p[c] * slope[c];
    for (size_t c = 0; c < p.size(); ++c)
      expected += p[c] * (slope[c] - mean) * (slope[c] - mean);
    // 192 draws, each with a deviation of at most sqrt(2) of the mean: three deviations.
    EXPECT_NEAR((*result)[s].at("")[1], expected, 3 * std::sqrt(2.0 / 192) * expected);
  }
}

/// The margins of every token's two decisions as RouterRisk.h defines them, the clusters' first.
struct Margins {
  std::vector<double> values;
  std::vector<int64_t> cluster, other; ///< Nearest and second nearest.
};

Margins marginsOf(Matrix x, const std::vector<float> &router, const std::vector<float> &centroids,
                  double threshold, const Margins *decided) {
  Margins result;
  std::vector<double> routes;
  for (int64_t j = 0; j < x.rows; ++j) {
    std::vector<std::pair<double, int64_t>> distances;
    for (size_t k = 0; k < centroids.size() / x.width; ++k) {
      double distance = 0;
      for (int64_t i = 0; i < x.width; ++i)
        distance += std::pow(x.at(j, i) - centroids[k * x.width + i], 2);
      distances.push_back({distance, k});
    }
    std::vector<std::pair<double, int64_t>> sorted = distances;
    std::sort(sorted.begin(), sorted.end());
    result.cluster.push_back(decided ? decided->cluster[j] : sorted[0].second);
    result.other.push_back(decided ? decided->other[j] : sorted[1].second);
    result.values.push_back(distances[result.other[j]].first - distances[result.cluster[j]].first);
    std::vector<double> logits(router.size() / x.width);
    for (size_t c = 0; c < logits.size(); ++c)
      for (int64_t i = 0; i < x.width; ++i)
        logits[c] += x.at(j, i) * router[c * x.width + i];
    std::vector<double> p = softmax(logits);
    double largest = *std::max_element(p.begin(), p.end());
    routes.push_back(std::log(largest / (1 - largest)) - std::log(threshold / (1 - threshold)));
  }
  result.values.insert(result.values.end(), routes.begin(), routes.end());
  return result;
}

TEST_F(ImportanceTest, FisherKnowsTheRisksOfTheRoutersDecisions) {
  setTexts(std::vector<std::string>(
      96, R"({"text": "kernel network module for a server", "label": 25})"));
  auto plain = measure(ImportanceKind::Fisher, /*routerAware=*/false);
  auto aware = measure(ImportanceKind::Fisher);
  ASSERT_TRUE(plain.ok() && aware.ok()) << plain.status() << aware.status();
  // What the router adds, over all entries, is a share of the loss.
  double loss = 0, router = 0;
  for (size_t s = 0; s < spaces.size(); ++s)
    for (int64_t e = 0; e < spaces[s].count; ++e) {
      loss += (*plain)[s].at("")[e];
      router += (*aware)[s].at("")[e] - (*plain)[s].at("")[e];
    }
  EXPECT_NEAR(router, 0.3 * loss, 1e-6 * loss);
  // It does not know SCAR's own output, from which no decision comes.
  for (int64_t e : {0, 1})
    EXPECT_EQ((*aware)[4].at("")[e], (*plain)[4].at("")[e]);

  // Each decision's information, from margins by plain loops and central differences.
  ReferenceModel reference(function);
  std::span<const int32_t> ids = tokens.text(0);
  auto route = *function.front().getOps<RouteTokensOp>().begin();
  std::vector<float> w = weight("router.W_r"), centroids = weight("router.centroids");
  double threshold = route.getThreshold().convertToDouble();
  reference.run(ids, ids.size());
  Margins margins = marginsOf(reference.value(route.getX()), w, centroids, threshold, nullptr);
  const auto &routing = reference.routing;
  const size_t n = ids.size();
  std::vector<double> information(2 * n);
  double means[2] = {};
  for (size_t d = 0; d < 2 * n; ++d)
    means[d / n] += std::abs(margins.values[d]) / n;
  for (size_t d = 0; d < 2 * n; ++d) {
    size_t token = d % n;
    auto flipped = routing;
    if (d < n)
      flipped[token].second = margins.other[token];
    else
      flipped[token].first = !flipped[token].first;
    double changed = 0;
    for (size_t i = 1; i < n; ++i) {
      auto attends = [&](const auto &r) {
        return r[0].first == r[i].first || r[0].second == r[i].second;
      };
      changed += attends(routing) != attends(flipped);
    }
    double temperature = 0.25 * means[d / n];
    double p = 1 / (1 + std::exp(std::abs(margins.values[d]) / temperature));
    information[d] = changed / n * p * (1 - p) / (temperature * temperature);
  }
  auto expectedOf = [&](size_t s, int64_t e) {
    const double step = 1e-4;
    std::vector<double> side[2];
    for (int up : {0, 1}) {
      reference.run(ids, ids.size(),
                    {inputOf(spaces[s]), e * spaces[s].width, up ? step : -step, spaces[s].width});
      side[up] = marginsOf(reference.value(route.getX()), w, centroids, threshold, &margins).values;
    }
    double sum = 0;
    for (size_t d = 0; d < 2 * n; ++d)
      sum += information[d] * std::pow((side[1][d] - side[0][d]) / (2 * step), 2);
    return sum;
  };
  auto gotOf = [&](size_t s, int64_t e) { return (*aware)[s].at("")[e] - (*plain)[s].at("")[e]; };
  // The common factor is known from the sum only: entries are compared with the first head.
  double factor = gotOf(0, 0) / expectedOf(0, 0);
  EXPECT_GT(factor, 0);
  for (auto [s, e] : {std::pair<size_t, int64_t>{0, 1}, {1, 5}, {1, 300}, {2, 0}, {3, 17}}) {
    double expected = factor * expectedOf(s, e);
    // Two estimates of 192 draws each.
    EXPECT_NEAR(gotOf(s, e), expected, 3 * std::sqrt(4.0 / 192) * expected) << s << " " << e;
  }
}

TEST_F(ImportanceTest, GivesTheSameBitsForAnyNumberOfThreads) {
  for (ImportanceKind kind : {ImportanceKind::Activation, ImportanceKind::Fisher}) {
    auto one = measure(kind), three = measure(kind, true, 3);
    ASSERT_TRUE(one.ok() && three.ok());
    EXPECT_EQ(*one, *three);
  }
}

TEST_F(ImportanceTest, RefusesWhatDoesNotFitTheModel) {
  setTexts({R"({"text": "x", "label": 3})", R"({"text": "y", "label": 39})"});
  EXPECT_THAT(std::string(measure(ImportanceKind::Fisher).status().message()),
              HasSubstr("text 2: expected a label of 0 to 38, the model's classes, but got 39"));
  std::vector<ChannelSpace> before = spaces;
  spaces[1].consumer = "none";
  EXPECT_EQ(measure(ImportanceKind::Magnitude).status().code(), absl::StatusCode::kNotFound);
  spaces = before;
  spaces[1].count -= 1;
  EXPECT_THAT(std::string(measure(ImportanceKind::Activation).status().message()),
              HasSubstr("expected 511, but the module has 512"));
  spaces = before;
  spaces[1].producers[0] = "none";
  EXPECT_THAT(std::string(measure(ImportanceKind::Magnitude).status().message()),
              HasSubstr("no data of the weight 'none'"));
  spaces = before;
  path = "no/such.jsonl";
  for (ImportanceKind kind : {ImportanceKind::Activation, ImportanceKind::Fisher})
    EXPECT_FALSE(measure(kind).ok());
}

TEST_F(ImportanceTest, TokensReachTheLogitsThroughTheirReaders) {
  using Kind = TokenReach::Kind;
  TokenReachAnalysis analysis;
  std::vector<Kind> kinds;
  for (const ChannelSpace &space : spaces)
    kinds.push_back(analysis.reachOf(inputOf(space)).kind);
  EXPECT_THAT(kinds, ::testing::ElementsAre(Kind::All, Kind::All, Kind::Permitted, Kind::Permitted,
                                            Kind::Row));
  EXPECT_EQ(analysis.reachOf(inputOf(spaces[3])).row, 0);
}

TEST(TokenReach, FollowsOneRowAndStopsAtDenseAttention) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(R"mlir(
func.func @main(%x: tensor<4x8xf32>, %flags: tensor<4xi1>, %clusters: tensor<4xi32>)
    -> tensor<1x8xf32> {
  %dense = gem.tanh %x : tensor<4x8xf32>
  %a = gem.attention %dense, %dense, %dense heads(1) head_dim(8) scale(1.0)
      : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %keys = gem.gelu %a : tensor<4x8xf32>
  %row = gem.gelu %a : tensor<4x8xf32>
  %unread = gem.gelu %a : tensor<4x8xf32>
  %q = gem.select %row[2] : tensor<4x8xf32> -> tensor<1x8xf32>
  %y = gem.scar_attention %q, %keys, %keys, %flags, %clusters
      heads(1) head_dim(8) scale(1.0) predicate(same_route) first_query(2)
      : (tensor<1x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xi1>, tensor<4xi32>)
        -> tensor<1x8xf32>
  %z = gem.select %y[0] : tensor<1x8xf32> -> tensor<1x8xf32>
  return %z : tensor<1x8xf32>
}
)mlir",
                                                             &context);
  ASSERT_TRUE(module);
  auto function = *module->getOps<func::FuncOp>().begin();
  TokenReachAnalysis analysis;
  std::vector<Value> values;
  for (auto op : function.front().getOps<GeluOp>())
    values.push_back(op.getResult());
  using Kind = TokenReach::Kind;
  EXPECT_EQ(analysis.reachOf(values[0]).kind, Kind::Permitted);
  EXPECT_EQ(analysis.reachOf(values[0]).row, 2);
  EXPECT_EQ(analysis.reachOf(values[1]).kind, Kind::Row);
  EXPECT_EQ(analysis.reachOf(values[1]).row, 2);
  EXPECT_EQ(analysis.reachOf(values[2]).kind, Kind::None);
  Value attention = (*function.front().getOps<AttentionOp>().begin()).getResult();
  EXPECT_EQ(analysis.reachOf(attention).kind, Kind::Permitted);
  Value dense = (*function.front().getOps<TanhOp>().begin()).getResult();
  EXPECT_EQ(analysis.reachOf(dense).kind, Kind::All);
  // Decisions that nothing in the function makes have no margins.
  auto scar = *function.front().getOps<ScarAttentionOp>().begin();
  absl::Status status = RouterRisk::create(scar, 2).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("to be of one gem.route_tokens"));
}

TEST(TokenReach, PermitsByPredicate) {
  for (bool route : {false, true})
    for (int32_t cluster : {3, 4}) {
      EXPECT_EQ(isPermitted(ScarPredicate::Either, true, 3, route, cluster), route || cluster == 3);
      EXPECT_EQ(isPermitted(ScarPredicate::SameRoute, true, 3, route, cluster), route);
      EXPECT_EQ(isPermitted(ScarPredicate::SameCluster, true, 3, route, cluster), cluster == 3);
    }
}

// A tenth of the inner channels: by the least and by the most important.
TEST_F(ImportanceTest, TellsWhatCanGo) {
  const char *shared = std::getenv("GEM_SHARED_DIR");
  fs::path data = shared ? fs::path(shared) / "data/debian/calibration.jsonl" : "";
  if (!shared || !fs::exists(data))
    GTEST_SKIP() << "needs data/debian/calibration.jsonl of the reference data";
  std::ifstream file(data);
  std::vector<std::string> lines(48);
  for (std::string &line : lines)
    std::getline(file, line);
  setTexts(lines);
  auto original = Candidate::build(module, {}, nullptr);
  ASSERT_TRUE(original.ok()) << original.status();
  auto baseline = Baseline::compute((*original)->getRunner(), tokens);
  ASSERT_TRUE(baseline.ok()) << baseline.status();
  const ChannelSpace &space = spaces[3];
  ASSERT_EQ(space.name, "encoder.layer.1.output.dense");
  for (ImportanceKind kind : {ImportanceKind::Activation, ImportanceKind::Fisher}) {
    auto importance = measure(kind);
    ASSERT_TRUE(importance.ok()) << importance.status();
    std::vector<double> score(space.count);
    for (const auto &[domain, values] : (*importance)[3])
      for (int64_t e = 0; e < space.count; ++e)
        score[e] += values[e];
    std::vector<int64_t> order(space.count);
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](int64_t a, int64_t b) { return score[a] < score[b]; });
    double divergence[2];
    for (bool most : {false, true}) {
      int64_t removed = space.count / 10;
      std::vector<int64_t> kept(order.begin() + (most ? 0 : removed),
                                order.end() - (most ? removed : 0));
      llvm::sort(kept);
      OwningOpRef<ModuleOp> copy = module.clone();
      ASSERT_TRUE(prune::keepEntries(*copy, space, kept).ok());
      auto candidate = Candidate::build(*copy, {}, nullptr);
      ASSERT_TRUE(candidate.ok()) << candidate.status();
      auto comparison = compare((*candidate)->getRunner(), *baseline, tokens);
      ASSERT_TRUE(comparison.ok()) << comparison.status();
      divergence[most] = comparison->all.meanDivergence();
    }
    EXPECT_GT(divergence[1], 1.5 * divergence[0]);
  }
}

} // namespace
