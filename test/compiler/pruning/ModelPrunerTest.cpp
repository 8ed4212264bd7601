// Tests of pruning the example model to a target, and of units and floors on the way.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/ModelPruner.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/Evaluator.h"
#include "compiler/Pipeline/Compiler.h"
#include "compiler/Pruning/Floors.h"
#include "compiler/Pruning/PruningUnits.h"
#include "compiler/Quantization/Candidate.h"
#include "compiler/Quantization/ModelStatistics.h"
#include "targets/Bundle/BundleWriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

namespace gem {
namespace {

using ::testing::HasSubstr;

std::string sourceFile(const std::string &name) {
  return std::string(std::getenv("GEM_SOURCE_DIR")) + "/" + name;
}

/// The example model as imported.
std::unique_ptr<Compiler> import() {
  CompileOptions options;
  options.model = sourceFile("examples/gem-tiny");
  options.sequence = 64;
  auto compiler = std::make_unique<Compiler>(options);
  absl::Status status = compiler->import();
  EXPECT_TRUE(status.ok()) << status;
  return compiler;
}

std::string texts() { return sourceFile("test/e2e/Inputs/calibration.jsonl"); }

std::unique_ptr<Candidate> build(mlir::ModuleOp module) {
  auto candidate = Candidate::build(module, {}, nullptr);
  EXPECT_TRUE(candidate.ok()) << candidate.status();
  return *std::move(candidate);
}

std::vector<std::vector<float>> logitsOf(mlir::ModuleOp module) {
  auto candidate = build(module);
  auto read = readTextFile(texts());
  EXPECT_TRUE(read.ok()) << read.status();
  read->resize(std::min<size_t>(read->size(), 12));
  auto tokenized = candidate->getRunner().tokenize(*read);
  EXPECT_TRUE(tokenized.ok()) << tokenized.status();
  std::vector<std::vector<float>> logits(tokenized->size());
  absl::Status status =
      candidate->getRunner().runAll(*tokenized, [&](size_t text, const TextResult &result) {
        logits[text].assign(result.logits.begin(), result.logits.end());
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  return logits;
}

double distance(const std::vector<std::vector<float>> &a,
                const std::vector<std::vector<float>> &b) {
  double sum = 0, count = 0;
  for (size_t t = 0; t < a.size(); ++t)
    for (size_t c = 0; c < a[t].size(); ++c, ++count)
      sum += (a[t][c] - b[t][c]) * (a[t][c] - b[t][c]);
  return std::sqrt(sum / count);
}

TEST(PruningUnitsTest, FindsEveryPartWithItsSizes) {
  auto compiler = import();
  std::vector<PruningUnit> units = findPruningUnits(compiler->getModule(), 64);
  std::vector<std::string> names;
  for (const PruningUnit &unit : units) {
    names.push_back(unit.space.name);
    EXPECT_EQ(unit.sizes.front().entries, unit.space.count);
    for (size_t i = 1; i < unit.sizes.size(); ++i)
      EXPECT_LE(unit.sizes[i].macs, unit.sizes[i - 1].macs);
    // SCAR has no residual stream around it, so it cannot go.
    EXPECT_EQ(unit.block.has_value(), unit.space.name != "scar.out");
    EXPECT_EQ(unit.sizes.back().entries == 0, unit.block.has_value());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("encoder.layer.0.attention.output.dense",
                                            "encoder.layer.0.output.dense",
                                            "encoder.layer.1.attention.output.dense",
                                            "encoder.layer.1.output.dense", "scar.out"));
  // 2 heads of 64 channels: (4 * 128 + 2 * 64) * 128 a token; and 2 * 128 * 512.
  EXPECT_EQ(units[0].sizes.front().macs, 640 * 128 * 64);
  EXPECT_EQ(units[1].sizes.front().macs, 2 * 128 * 512 * 64);
}

TEST(PruningUnitsTest, SmallerSizesDifferMore) {
  auto compiler = import();
  mlir::ModuleOp module = compiler->getModule();
  CalibrationOptions calibration;
  calibration.texts = texts();
  auto statistics = collectStatistics(module, calibration);
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  auto whole = logitsOf(module);
  for (const PruningUnit &unit : findPruningUnits(module, 64)) {
    auto prepared = PreparedUnit::prepare(module, unit, **statistics, {}, {});
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    // Of all heads or channels, about three quarters, a half and a quarter.
    double last = 0;
    for (double share : {0.75, 0.5, 0.25}) {
      auto size = std::find_if(unit.sizes.begin(), unit.sizes.end(), [&](const UnitSize &size) {
        return static_cast<double>(size.macs) <= share * unit.sizes.front().macs + 1 &&
               (!unit.isAttention() || size.entries == unit.space.count);
      });
      ASSERT_NE(size, unit.sizes.end());
      mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
      absl::Status status = prepared->apply(*copy, *size, true);
      ASSERT_TRUE(status.ok()) << status;
      double now = distance(logitsOf(*copy), whole);
      EXPECT_GT(now, last) << unit.space.name << " " << size->name;
      last = now;
    }
  }
}

TEST(PruningUnitsTest, FittingTheLayerBehindHelps) {
  auto compiler = import();
  mlir::ModuleOp module = compiler->getModule();
  CalibrationOptions calibration;
  calibration.texts = texts();
  auto statistics = collectStatistics(module, calibration);
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  auto whole = logitsOf(module);
  PruningUnit unit = findPruningUnits(module, 64)[1];
  auto prepared = PreparedUnit::prepare(module, unit, **statistics, {}, {});
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  double error[2];
  for (bool fit : {false, true}) {
    mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
    ASSERT_TRUE(prepared->apply(*copy, unit.sizes[unit.sizes.size() - 4], fit).ok());
    error[fit] = distance(logitsOf(*copy), whole);
  }
  EXPECT_LT(error[1], 0.7 * error[0]);
}

class ModelPrunerTest : public ::testing::Test {
protected:
  PrunerOptions options(double share) {
    PrunerOptions options;
    options.wanted.keptMacs = share;
    options.wanted.sequence = 64;
    options.calibration = texts();
    options.threads = 2;
    return options;
  }
};

TEST_F(ModelPrunerTest, KeepsTheTarget) {
  auto compiler = import();
  mlir::ModuleOp module = compiler->getModule();
  auto summary = pruneModel(module, options(0.6));
  ASSERT_TRUE(summary.ok()) << summary.status();
  const PruningReport &report = summary->report;
  EXPECT_EQ(report.macsBefore, 516992 * 64);
  EXPECT_LE(report.reached(), 0.6);
  EXPECT_GT(report.reached(), 0.5);
  EXPECT_EQ(report.macsAfter, prune::countPrunableMacs(module, 64));
  EXPECT_TRUE(report.stoppedBy.empty());
  EXPECT_FALSE(report.layers.empty());
  build(module);
}

TEST_F(ModelPrunerTest, IsTheSameForAnyNumberOfThreads) {
  std::vector<std::vector<float>> logits[2];
  for (unsigned threads : {1u, 2u}) {
    auto compiler = import();
    PrunerOptions with = options(0.5);
    with.threads = threads;
    auto summary = pruneModel(compiler->getModule(), with);
    ASSERT_TRUE(summary.ok()) << summary.status();
    logits[threads - 1] = logitsOf(compiler->getModule());
  }
  EXPECT_EQ(logits[0], logits[1]);
}

TEST_F(ModelPrunerTest, PrunesByMagnitudeWithoutTexts) {
  auto compiler = import();
  PrunerOptions without = options(0.7);
  without.calibration.clear();
  without.wanted.importance = "magnitude";
  without.wanted.preserve = false;
  auto summary = pruneModel(compiler->getModule(), without);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_LE(summary->report.reached(), 0.7);
  build(compiler->getModule());
}

TEST_F(ModelPrunerTest, RefusesWhatCannotBe) {
  auto compiler = import();
  EXPECT_THAT(std::string(pruneModel(compiler->getModule(), options(0.01)).status().message()),
              HasSubstr("cannot be reached"));
  PrunerOptions without = options(0.5);
  without.calibration.clear();
  EXPECT_THAT(std::string(pruneModel(compiler->getModule(), without).status().message()),
              HasSubstr("give them with --calibrate"));
}

TEST(FloorsTest, RefusesTextsThatTellNothing) {
  auto compiler = import();
  auto whole = build(compiler->getModule());
  auto prepare = [&](const std::string &lines) {
    std::string path = ::testing::TempDir() + "judge.jsonl";
    std::ofstream(path) << lines;
    return std::string(Floors::prepare(whole->getRunner(), path, 0.9, 0).status().message());
  };
  EXPECT_THAT(prepare(R"({"text": "a chess game", "domain": "games"})"), HasSubstr("has none"));
  EXPECT_THAT(prepare("{\"text\": \"a chess game\", \"domain\": \"games\", \"label\": 38}\n"
                      "{\"text\": \"another game\", \"domain\": \"games\", \"label\": 38}\n"),
              HasSubstr("'games' has 2 texts to judge on, which tells nothing: at least 8"));
  std::string many;
  for (int i = 0; i < 8; ++i)
    many += "{\"text\": \"a game\", \"label\": 99}\n";
  EXPECT_THAT(prepare(many), HasSubstr("has the label 99, but the model has 39 classes"));
}

TEST(FloorsTest, AModelKeepsAllOfItself) {
  auto compiler = import();
  auto whole = build(compiler->getModule());
  std::string path = ::testing::TempDir() + "judge.jsonl";
  std::ofstream file(path);
  for (int i = 0; i < 20; ++i)
    file << R"({"text": "game number )" << i << R"(", "domain": ")" << (i % 2 ? "a" : "b")
         << R"(", "label": )" << i << "}\n";
  file.close();
  auto floors = Floors::prepare(whole->getRunner(), path, 1.0, 0);
  ASSERT_TRUE(floors.ok()) << floors.status();
  auto domains = floors->judge(whole->getRunner());
  ASSERT_TRUE(domains.ok()) << domains.status();
  ASSERT_EQ(domains->size(), 2u);
  for (const PrunedDomain &domain : *domains) {
    EXPECT_EQ(domain.texts, 10);
    EXPECT_EQ(domain.ratio, 1);
    EXPECT_EQ(domain.interval.low, 1);
    EXPECT_EQ(domain.interval.high, 1);
  }
  EXPECT_EQ(floors->findBroken(*domains), nullptr);
  domains->front().interval.low = 0.99;
  EXPECT_EQ(floors->findBroken(*domains), &domains->front());
}

} // namespace
} // namespace gem
