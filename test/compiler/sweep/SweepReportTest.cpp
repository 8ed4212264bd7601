// Tests what a sweep concludes, and its page.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/SweepReport.h"
#include "test/compiler/report/HtmlChecks.h"
#include "test/compiler/report/SampleBrittleness.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gem {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

SweepReport sweepSample(size_t recipes) {
  SweepReport report;
  report.model = "gem-tiny";
  report.data = "test.jsonl";
  report.texts = 1040;
  BrittlenessReport sample = brittlenessSample(recipes);
  report.baseline = sample.baseline;
  report.baseline.name = "f32";
  for (size_t i = 0; i < recipes; ++i) {
    SweepEntry &entry = report.entries.emplace_back();
    entry.recipe = "recipe" + std::to_string(i);
    entry.scores = sample.models[i];
    entry.scores->macsKept.reset();
    entry.scores->bitsPerWeight = 8.0 - static_cast<double>(i);
  }
  concludeSweep(report);
  return report;
}

std::vector<std::string> frontOf(const SweepReport &report) {
  std::vector<std::string> names;
  for (const SweepEntry &entry : report.entries)
    if (entry.isOnFront)
      names.push_back(entry.recipe);
  return names;
}

TEST(SweepReportTest, TheFrontIsOfBitsAndTheLowestRatio) {
  SweepReport report = sweepSample(3);
  report.entries[0].scores->transfer->minimum = 0.90;
  report.entries[1].scores->transfer->minimum = 0.95; // fewer bits and better than the first
  report.entries[2].scores->transfer->minimum = 0.70;
  concludeSweep(report);
  EXPECT_THAT(frontOf(report), ElementsAre("recipe1", "recipe2"));
}

TEST(SweepReportTest, CorrelationsAreOfTheRecipesThatHaveTheFigures) {
  SweepReport report = sweepSample(7);
  report.entries[6].scores.reset();
  report.entries[6].failure = "no";
  concludeSweep(report);
  ASSERT_EQ(report.correlations.size(), 4u); // nothing was pruned
  for (const Correlation &correlation : report.correlations) {
    EXPECT_EQ(correlation.compression, "bits_per_weight");
    EXPECT_EQ(correlation.points, 6);
  }
  // The sample loses more with every model, and so with fewer bits.
  EXPECT_EQ(report.correlations[2].figure, "cdtr.mean");
  EXPECT_NEAR(*report.correlations[2].spearman, 1, 1e-12);
}

TEST(SweepReportTest, WhatIsNotPrunedKeepsAllItsWork) {
  SweepReport report = sweepSample(6);
  report.entries[5].scores->macsKept = 0.5;
  concludeSweep(report);
  ASSERT_EQ(report.correlations.size(), 8u);
  EXPECT_EQ(report.correlations[4].compression, "macs_kept");
  EXPECT_EQ(report.correlations[4].points, 6);
}

TEST(SweepReportTest, AFigureThatNoRecipeHasIsNotCorrelated) {
  SweepReport report = sweepSample(6);
  for (SweepEntry &entry : report.entries)
    entry.scores->generalizationGap.reset();
  concludeSweep(report);
  ASSERT_EQ(report.correlations.size(), 3u);
  for (const Correlation &correlation : report.correlations)
    EXPECT_NE(correlation.figure, "gg");
}

TEST(SweepReportTest, FewRecipesSaySo) {
  SweepReport report = sweepSample(3);
  EXPECT_EQ(report.correlations[0].problem, "too few points: 3, expected at least 5");
}

TEST(SweepReportTest, TheHeadlineNamesTheSmallestThatKeepsAndTheWorst) {
  SweepReport report = sweepSample(3);
  report.entries[0].scores->transfer->minimum = 0.999;
  report.entries[1].scores->transfer->minimum = 0.985;
  report.entries[2].scores->transfer->minimum = 0.81;
  EXPECT_THAT(headlineOf(report),
              AllOf(StartsWith("recipe1, at 7.00 bits a weight, is the smallest that keeps"),
                    HasSubstr("its lowest is 98.5 % of the score in "),
                    HasSubstr(" recipe2 loses most: it keeps 81.0 % of the score in ")));
  report.entries[0].scores->transfer->minimum = 0.97;
  report.entries[1].scores->transfer->minimum = 0.97;
  EXPECT_THAT(headlineOf(report), StartsWith("No recipe keeps 98 % of the score"));
  EXPECT_EQ(headlineOf(SweepReport()), "");
}

TEST(SweepHtmlTest, TagsNest) {
  EXPECT_EQ(nestingProblem(renderSweepHtml(sweepSample(12))), "");
  EXPECT_EQ(nestingProblem(renderSweepHtml(sweepSample(1))), "");
  EXPECT_EQ(nestingProblem(renderSweepHtml(SweepReport())), "");
}

TEST(SweepHtmlTest, NeedsNothingElse) {
  std::string page = renderSweepHtml(sweepSample(6));
  for (const char *forbidden : {"http:", "https:", "//", "<script", "<link", "<img", "url("})
    EXPECT_THAT(page, Not(HasSubstr(forbidden)));
}

TEST(SweepHtmlTest, EscapesEveryText) {
  const std::string evil = "<script>alert('x')</script>\"&\033";
  SweepReport report = sweepSample(6);
  for (std::string *text :
       {&report.model, &report.data, &report.dataHash, &report.entries[0].recipe,
        &report.entries[1].failure, &report.entries[2].scores->domains[0].domain,
        &report.entries[2].scores->transfer->minimumDomain,
        &report.entries[2].scores->specializationDomain, &report.correlations[0].figure,
        &report.correlations[1].compression})
    *text = evil;
  report.correlations[2].pearson.reset();
  report.correlations[2].problem = evil;
  std::string page = renderSweepHtml(report);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\033")));
  EXPECT_EQ(nestingProblem(page), "");
}

TEST(SweepHtmlTest, EveryRecipeIsAPointWhereItsFiguresAre) {
  SweepReport report = sweepSample(3);
  for (size_t i = 0; i < 3; ++i)
    report.entries[i].scores->transfer->minimumInterval.reset();
  report.entries[0].scores->transfer->minimum = 1.0; // 8 bits
  report.entries[1].scores->transfer->minimum = 0.9; // 7 bits
  report.entries[2].scores->transfer->minimum = 0.8; // 6 bits
  concludeSweep(report);
  std::string page = renderSweepHtml(report);
  std::string plot = page.substr(page.find("<figure class=\"scatter\">"));
  plot = plot.substr(0, plot.find("</figure>"));
  EXPECT_THAT(numbers(plot, R"re(<circle class="dot" cx="([\d.]+)%" cy="([\d.]+)%")re"),
              ElementsAre(100, 0, 50, 50, 0, 100));
  // All three are on the front, joined by two lines.
  EXPECT_EQ(numbers(plot, R"re(<line class="front" x1="([\d.]+)%)re").size(), 2u);
}

TEST(SweepHtmlTest, FailuresAreListedAndWhatIsNoNumberIsNotThere) {
  SweepReport report = sweepSample(6);
  report.entries[3].scores.reset();
  report.entries[3].failure = "cannot be made so small";
  report.entries[4].scores->transfer->mean = NAN;
  report.entries[4].scores->generalizationGap = INFINITY;
  concludeSweep(report);
  std::string page = renderSweepHtml(report);
  EXPECT_THAT(page, HasSubstr("<li><b>recipe3</b>: cannot be made so small</li>"));
  EXPECT_FALSE(std::regex_search(page, std::regex("\\b(nan|inf)\\b")));
  EXPECT_EQ(nestingProblem(page), "");
}

} // namespace
} // namespace gem
