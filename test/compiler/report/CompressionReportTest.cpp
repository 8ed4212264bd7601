// Tests what the compile report says of pruning, of brittleness and of gates.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/CompileReport.h"
#include "compiler/Report/Figures.h"
#include "test/compiler/report/HtmlChecks.h"
#include "test/compiler/report/SampleBrittleness.h"
#include "test/compiler/report/SampleReports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <sstream>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A pruned and quantized model that was evaluated. The figures are made up.
CompileReport compressedSample() {
  CompileReport report = quantizedSample();
  report.brittleness = brittlenessSample(1);
  PruningReport &pruning = report.pruning.emplace();
  pruning.tokens = 64;
  pruning.macsBefore = 34'300'000;
  pruning.macsAfter = 17'100'000;
  pruning.target = 0.45;
  pruning.importance = "hessian";
  pruning.validation = "calibration.jsonl";
  pruning.floor = 0.98;
  pruning.stoppedBy = "kernel";
  pruning.stoppedRatio = 0.984;
  pruning.stoppedInterval = {0.971, 0.996};
  pruning.spaces = {
      {"encoder.layer.0.attention.output.dense", "heads", 2, 1, 8'000'000, 4'000'000},
      {"encoder.layer.0.attention.output.dense", "head_channels", 64, 48, 0, 0},
      {"encoder.layer.0.output.dense", "channels", 512, 200, 8'000'000, 3'125'000},
      {"encoder.layer.1.attention.output.dense", "block", 1, 0, 8'000'000, 0},
      {"scar.out", "scar_heads", 2, 2, 5'000'000, 5'000'000},
  };
  pruning.domains = {{"games", 40, 0.951, 0.993, {0.984, 1.001}},
                     {"kernel", 31, std::nullopt, 0.986, {0.981, 0.992}}};
  pruning.layers = {{"encoder.layer.0.output.dense", 0.12, 0.034}};
  pruning.vocabulary = VocabularyReport{"corpus.jsonl", 5000, 8192, 6000, 0.021, 0.0004};
  report.gates = {{"cdtr.mean < 0.9", {{"cdtr.mean", 0.97}}, false, ""},
                  {"bytes > 1e6", {{"bytes", 1.7e6}}, true, "--fail-if 'bytes > 1e6' holds"}};
  return report;
}

TEST(CompressionTextTest, FitsEightyColumns) {
  CompileReport longNames = compressedSample();
  longNames.pruning->spaces[0].name = std::string(90, 'y');
  longNames.pruning->domains[0].domain = std::string(60, 'x');
  longNames.brittleness->models[0].domains[0].domain = std::string(60, 'z');
  longNames.brittleness->data = std::string(90, 'd');
  longNames.gates[0].condition = "a < 1 and " + std::string(60, 'b') + " < 2 and c < 3";
  for (const CompileReport &report : {compressedSample(), longNames}) {
    std::istringstream lines(renderReport(report, ReportKind::Text));
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(report::displayWidth(line), 80u) << line;
  }
}

TEST(CompressionTextTest, HasItsTables) {
  std::string text = renderReport(compressedSample(), ReportKind::Text, /*verbose=*/false);
  EXPECT_THAT(text, HasSubstr("  Pruned     49.9 % of 34.3 M multiply-accumulates at 64 tokens "
                              "are left, 45.0 %\n"));
  EXPECT_THAT(text, HasSubstr("  The floor of kernel ended it: with more removed, 0.984 "
                              "(0.971–0.996) of its\n"));
  EXPECT_THAT(text, HasSubstr("2.1 % are split otherwise"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "layer.0.attention.output.dense    heads                    2 → 1        50.0 %\n"));
  EXPECT_THAT(text, HasSubstr("channels a head        64 → 48             -\n"));
  EXPECT_THAT(text, HasSubstr("games                          40               0.951     "
                              "0.993 (0.984–1.001)\n"));
  EXPECT_THAT(text, HasSubstr("\nAgainst f32 on 1,040 texts of data/test.jsonl\n"));
  EXPECT_THAT(text, HasSubstr("* not in the calibration data"));
  EXPECT_THAT(text, HasSubstr("  CDTR       mean 0."));
  EXPECT_THAT(text, HasSubstr("\nGates\n  passed  cdtr.mean < 0.9\n  FAILED  bytes > 1e6\n"));
  // Those that it was not calibrated for stand last.
  EXPECT_LT(text.find("  work  "), text.find("  german *"));
  // Said once: on texts that the compression did not see.
  EXPECT_THAT(text, Not(HasSubstr("\nAgainst f32\n")));
  EXPECT_THAT(
      renderReport(compressedSample(), ReportKind::Text),
      HasSubstr("encoder.layer.0.output.dense                              0.1200      0.0340"));
}

TEST(CompressionTextTest, WithoutLabelsThereAreNoScores) {
  CompileReport report = compressedSample();
  for (ModelScores *model : {&report.brittleness->baseline, &report.brittleness->models[0]}) {
    model->transfer.reset();
    model->transferUnseen.reset();
    model->specializationIndex.reset();
    model->generalizationGap.reset();
    auto strip = [](DomainScores &domain) {
      domain.accuracy.reset();
      domain.score.reset();
      domain.transferRatio.reset();
    };
    strip(model->overall);
    for (DomainScores &domain : model->domains)
      strip(domain);
  }
  std::string text = renderReport(report, ReportKind::Text, /*verbose=*/false);
  EXPECT_THAT(text, HasSubstr("no text has a label, so there are no accuracy, CDTR, DSI and GG"));
  EXPECT_THAT(text, Not(HasSubstr("CDTR (95 %)")));
  EXPECT_THAT(text, HasSubstr("KL   flips\n"));
}

TEST(CompressionTextTest, CalibrationTextsAreSaidToBe) {
  CompileReport report = quantizedSample();
  report.evaluation->isCalibration = true;
  EXPECT_THAT(renderReport(report, ReportKind::Text),
              HasSubstr("\nAgainst f32, on the texts of the calibration\n"));
  EXPECT_THAT(renderReport(report, ReportKind::Markdown),
              HasSubstr("\n## Against f32, on the texts of the calibration\n"));
  EXPECT_THAT(renderReport(report, ReportKind::Html), HasSubstr("which it was calibrated on"));
  auto root = nlohmann::json::parse(renderReport(report, ReportKind::Json));
  EXPECT_EQ(root["evaluation"]["is_calibration"], true);
}

TEST(CompressionMarkdownTest, HasItsTables) {
  std::string text = renderReport(compressedSample(), ReportKind::Markdown);
  EXPECT_THAT(text, HasSubstr("| encoder.layer.0.output.dense | FFN channels | 512 | 200 |"));
  EXPECT_THAT(text, HasSubstr("| games | 40 | 0.951 | 0.993 (0.984–1.001) |\n"));
  EXPECT_THAT(text, HasSubstr("## What each domain kept"));
  EXPECT_THAT(text, HasSubstr("* `cdtr.mean`: 0.9"));
  EXPECT_THAT(text, HasSubstr("| bytes \\> 1e6 | **failed**: "));
}

TEST(CompressionJsonTest, HasEveryFigure) {
  CompileReport report = compressedSample();
  auto root = nlohmann::ordered_json::parse(renderReport(report, ReportKind::Json));
  auto pruning = root["pruning"];
  EXPECT_EQ(pruning["tokens"], 64);
  EXPECT_DOUBLE_EQ(pruning["kept"], 17.1 / 34.3);
  EXPECT_EQ(pruning["stopped_by"]["domain"], "kernel");
  EXPECT_EQ(pruning["spaces"].size(), 5u);
  EXPECT_EQ(pruning["spaces"][3]["kind"], "block");
  EXPECT_EQ(pruning["spaces"][3]["entries"], 0);
  EXPECT_TRUE(pruning["domains"][1]["ratio_before_refit"].is_null());
  EXPECT_EQ(pruning["domains"][1]["ratio_interval"][0], 0.981);
  EXPECT_EQ(pruning["vocabulary"]["pieces"], 6000);
  EXPECT_EQ(root["gates"][1]["figures"]["bytes"], 1.7e6);
  EXPECT_EQ(root["gates"][0]["failed"], false);
  // The figures are those of gates.
  for (const auto &[name, value] : figuresOf(report.brittleness->models[0]))
    EXPECT_EQ(root["brittleness"]["models"][0]["figures"][name], value) << name;
  auto plain = nlohmann::ordered_json::parse(renderReport(sample(), ReportKind::Json));
  EXPECT_TRUE(plain["pruning"].is_null());
  EXPECT_TRUE(plain["brittleness"].is_null());
  EXPECT_EQ(plain["gates"].size(), 0u);
}

TEST(CompressionHtmlTest, TagsNestAndNothingElseIsNeeded) {
  std::string page = renderReport(compressedSample(), ReportKind::Html);
  EXPECT_EQ(nestingProblem(page), "");
  for (const char *foreign : {"http", "<script", "<img", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(foreign)));
  EXPECT_THAT(page, HasSubstr("<h2>Gates</h2>"));
  EXPECT_THAT(page, HasSubstr("<h2>What was removed</h2>"));
  EXPECT_THAT(page, HasSubstr("on 1,040 texts of data/test.jsonl</h2>"));
  EXPECT_THAT(page, HasSubstr("<h2>What each domain kept</h2>"));
  EXPECT_THAT(page, Not(HasSubstr("What the compression changed, by domain")));
}

TEST(CompressionHtmlTest, EscapesEveryText) {
  CompileReport report = compressedSample();
  const std::string evil = "<b>&\"'</b>";
  PruningReport &pruning = *report.pruning;
  pruning.stoppedBy = pruning.validation = pruning.spaces[0].name = pruning.spaces[0].kind = evil;
  pruning.domains[0].domain = pruning.layers[0].name = pruning.vocabulary->corpus = evil;
  report.gates[0].condition = report.gates[1].message = evil;
  report.brittleness->data = report.brittleness->models[0].name = evil;
  std::string page = renderReport(report, ReportKind::Html);
  EXPECT_EQ(nestingProblem(page), "");
  EXPECT_THAT(page, Not(HasSubstr("<b>&\"")));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"));
}

TEST(CompressionHtmlTest, BarsAreDrawnToTheLargestStructure) {
  std::string page = renderReport(compressedSample(), ReportKind::Html);
  std::vector<double> bars =
      numbers(page.substr(page.find("What was removed"),
                          page.find("Likelihood that each domain") - page.find("What was removed")),
              "<rect width=\"([0-9.]+)%\"");
  // Before and after, of five structures; one without work by its entries.
  EXPECT_THAT(bars, ElementsAre(100, 50, 100, 75, 100, 39.062, 100, 0, 62.5, 62.5));
}

TEST(CompressionHtmlTest, OddFiguresDoNotBreakTheCharts) {
  CompileReport report = compressedSample();
  double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  PruningReport &pruning = *report.pruning;
  pruning.domains[0].ratio = nan;
  pruning.domains[0].interval = {nan, infinity};
  pruning.domains[1].ratioBefore = infinity;
  pruning.layers[0].errorBefore = nan;
  pruning.stoppedRatio = nan;
  pruning.macsBefore = 0;
  pruning.spaces[2].entriesBefore = pruning.spaces[2].macsBefore = 0;
  for (ReportKind kind : {ReportKind::Html, ReportKind::Text, ReportKind::Markdown}) {
    std::string page = renderReport(report, kind);
    EXPECT_THAT(page, Not(HasSubstr("nan")));
    EXPECT_THAT(page, Not(HasSubstr("inf")));
  }
  EXPECT_EQ(nestingProblem(renderReport(report, ReportKind::Html)), "");
  EXPECT_TRUE(nlohmann::json::accept(renderReport(report, ReportKind::Json)));
}

} // namespace
} // namespace gem
