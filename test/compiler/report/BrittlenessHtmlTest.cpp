// Tests the page about brittleness.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessHtml.h"
#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/HtmlParts.h"
#include "test/compiler/report/HtmlChecks.h"
#include "test/compiler/report/SampleBrittleness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gem {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// How often `text` is in the page.
size_t countOf(const std::string &page, const std::string &text) {
  size_t count = 0;
  for (size_t at = page.find(text); at != std::string::npos; at = page.find(text, at + 1))
    ++count;
  return count;
}

//===----------------------------------------------------------------------===//
// Scales and plots
//===----------------------------------------------------------------------===//

TEST(ScaleTest, EndsAtRoundNumbers) {
  report::Scale scale = report::makeScale({0.713, 0.96}, 4);
  EXPECT_THAT(scale.ticks,
              ElementsAre(testing::DoubleNear(0.7, 1e-12), testing::DoubleNear(0.8, 1e-12),
                          testing::DoubleNear(0.9, 1e-12), testing::DoubleNear(1.0, 1e-12)));
  EXPECT_EQ(scale.format(scale.ticks[0]), "0.7");
  EXPECT_NEAR(scale.place(0.85), 0.5, 1e-12);
  EXPECT_EQ(scale.place(-5), 0);
  EXPECT_EQ(scale.place(5), 1);
}

TEST(ScaleTest, TicksOfQuartersKeepTheirDigits) {
  report::Scale scale = report::makeScale({0, 0.1}, 5);
  ASSERT_EQ(scale.ticks.size(), 5u);
  EXPECT_EQ(scale.format(scale.ticks[1]), "0.025");
}

TEST(ScaleTest, OneValueOrNoneHasAScaleToo) {
  for (const std::vector<double> &values :
       {std::vector<double>{}, {0.0}, {1.0}, {NAN, INFINITY}, {1e9, 1e9}, {-3, -3}}) {
    report::Scale scale = report::makeScale(values);
    EXPECT_LT(scale.low, scale.high);
    EXPECT_GE(scale.ticks.size(), 2u);
    EXPECT_LE(scale.ticks.size(), 9u);
  }
}

TEST(PlotTest, PointsLieWhereTheirValuesAre) {
  report::Plot plot;
  plot.points.resize(2);
  plot.points[0].x = 1, plot.points[0].y = 10;
  plot.points[1].x = 3, plot.points[1].y = 20;
  std::string html = report::htmlOfPlot(plot);
  // The axes end at 1 and 3, and at 10 and 20; y grows upwards.
  EXPECT_THAT(numbers(html, R"re(<circle class="dot" cx="([\d.]+)%" cy="([\d.]+)%")re"),
              ElementsAre(0, 100, 100, 0));
}

TEST(PlotTest, APointThatIsNoNumberIsLeftOut) {
  report::Plot plot;
  plot.points.resize(2);
  plot.points[0].x = NAN;
  plot.points[1].y = INFINITY;
  EXPECT_EQ(report::htmlOfPlot(plot), "");
}

//===----------------------------------------------------------------------===//
// Headline
//===----------------------------------------------------------------------===//

TEST(HeadlineTest, NamesTheDomainThatLostMost) {
  BrittlenessReport report = brittlenessSample(2);
  std::string headline = report::headlineOf(report);
  EXPECT_THAT(headline, StartsWith("tiny-int4.gemb lost most in kernel: "));
  const DomainScores *kernel = report::find(report.models[1], "kernel");
  ASSERT_TRUE(kernel);
  EXPECT_THAT(headline,
              HasSubstr(report::percent(kernel->transferRatio) + " of the accuracy is left"));
  EXPECT_THAT(headline, HasSubstr(" (95 % interval " +
                                  report::percent(kernel->transferInterval->low) + " to "));
}

TEST(HeadlineTest, SaysWhatMayBeChance) {
  BrittlenessReport report = brittlenessSample(1);
  for (DomainScores &domain : report.models[0].domains) {
    domain.transferRatio = 0.99;
    domain.transferInterval = Interval{0.96, 1.01};
  }
  EXPECT_THAT(report::headlineOf(report), HasSubstr("96.0 % to 101.0 %), which may be chance."));
  for (DomainScores &domain : report.models[0].domains)
    domain.transferRatio = 1.004;
  EXPECT_THAT(report::headlineOf(report),
              AllOf(StartsWith("No domain lost accuracy. "), Not(HasSubstr("chance"))));
}

TEST(HeadlineTest, DoesNotConcludeFromADomainWithoutInterval) {
  BrittlenessReport report = brittlenessSample(1);
  DomainScores &dining = report.models[0].domains[2];
  dining.transferRatio = 0.2;
  dining.transferInterval.reset();
  EXPECT_THAT(report::headlineOf(report), Not(HasSubstr(dining.domain)));
  for (DomainScores &domain : report.models[0].domains)
    domain.transferInterval.reset();
  EXPECT_THAT(report::headlineOf(report), HasSubstr("are too few for an interval"));
}

TEST(HeadlineTest, WithoutScoresItIsTheDivergence) {
  BrittlenessReport report = brittlenessSample(1);
  for (DomainScores &domain : report.models[0].domains)
    domain.transferRatio.reset();
  report.models[0].domains[1].divergence = 0.5;
  EXPECT_THAT(report::headlineOf(report),
              HasSubstr("differs most from the baseline in credit_cards: KL divergence 0.5000"));
  report.models.clear();
  EXPECT_EQ(report::headlineOf(report), "");
}

TEST(FigureTest, ZeroHasNoSign) {
  EXPECT_EQ(report::number(-0.0001), "0.000");
  EXPECT_EQ(report::number(-0.001), "-0.001");
  EXPECT_EQ(report::number(NAN), "");
  EXPECT_EQ(report::number(std::nullopt), "");
}

//===----------------------------------------------------------------------===//
// The page
//===----------------------------------------------------------------------===//

TEST(BrittlenessHtmlTest, TagsNest) {
  for (size_t models : {0, 1, 2, 3, 5})
    EXPECT_EQ(nestingProblem(renderBrittlenessHtml(brittlenessSample(models))), "") << models;
  EXPECT_EQ(nestingProblem(renderBrittlenessHtml(BrittlenessReport())), "");
}

TEST(BrittlenessHtmlTest, NeedsNothingElse) {
  std::string page = renderBrittlenessHtml(brittlenessSample(3));
  for (const char *forbidden :
       {"http:", "https:", "//", "<script", "<link", "<img", "url(", "@import", "src="})
    EXPECT_THAT(page, Not(HasSubstr(forbidden)));
}

TEST(BrittlenessHtmlTest, EscapesEveryText) {
  const std::string evil = "<script>alert('x')</script>\"&\033";
  BrittlenessReport report = brittlenessSample(2);
  for (std::string *text :
       {&report.data, &report.dataHash, &report.labels[0], &report.baseline.name,
        &report.models[0].name, &report.models[1].name, &report.models[0].specializationDomain,
        &report.models[0].transfer->minimumDomain, &report.models[1].domains[3].domain,
        &report.baseline.domains[0].domain, &report.routeChanges[0][0].token,
        &report.routeChanges[0][0].domain})
    *text = evil;
  for (size_t models : {1, 2}) { // tiles, or a table
    report.models.resize(models);
    std::string page = renderBrittlenessHtml(report);
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("\033")));
    EXPECT_THAT(page, Not(HasSubstr("alert('x')")));
    EXPECT_EQ(nestingProblem(page), "");
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
    report = brittlenessSample(2);
    report.models[0].domains[3].domain = report.models[0].name = evil;
  }
}

TEST(BrittlenessHtmlTest, OneModelHasTilesSeveralATable) {
  std::string one = renderBrittlenessHtml(brittlenessSample(1));
  for (const char *tile :
       {"Accuracy", "CDTR, mean", "CDTR, lowest", "CDTR, unseen", "DSI, largest", "GG", "Agreement",
        "KL divergence", "Routing flips", "File", "Bits a weight", "Time of a text", "Memory"})
    EXPECT_THAT(one, HasSubstr("<dt>" + std::string(tile) + "</dt>"));
  EXPECT_THAT(one, Not(HasSubstr("<h2>The models side by side</h2>")));
  EXPECT_THAT(one, Not(HasSubstr("<h2>Score against size</h2>")));
  std::string two = renderBrittlenessHtml(brittlenessSample(2));
  EXPECT_THAT(two, Not(HasSubstr("<dl class=\"cards\">")));
  EXPECT_THAT(two, HasSubstr("<h2>The models side by side</h2>"));
  // Score, and the lowest ratio.
  EXPECT_EQ(countOf(two, "<figure class=\"scatter\">"), 2u);
}

TEST(BrittlenessHtmlTest, EveryDomainHasADotOfEveryModel) {
  BrittlenessReport report = brittlenessSample(3);
  std::string page = renderBrittlenessHtml(report);
  size_t begin = page.find("<h2>Score by domain</h2>");
  size_t end = page.find("</section>", begin);
  std::string section = page.substr(begin, end - begin);
  EXPECT_EQ(countOf(section, "<circle "), 3 * report.baseline.domains.size());
  EXPECT_EQ(countOf(section, "class=\"whisker\""), 3 * report.baseline.domains.size());
  // Beside the baseline's line and interval, and in words.
  EXPECT_EQ(countOf(section, "class=\"base\""), report.baseline.domains.size());
  EXPECT_EQ(countOf(section, "class=\"band\""), report.baseline.domains.size());
  const DomainScores *kernel = report::find(report.models[2], "kernel");
  EXPECT_THAT(section, HasSubstr("tiny-int3-pruned.gemb " + report::number(kernel->score) + " (" +
                                 report::range(kernel->scoreInterval) + ")"));
}

TEST(BrittlenessHtmlTest, RatiosStandWorstFirst) {
  std::string page = renderBrittlenessHtml(brittlenessSample(1));
  std::string section = page.substr(page.find("<h2>What each domain kept</h2>"));
  section = section.substr(0, section.find("</section>"));
  std::vector<double> ratios = numbers(section, R"re(<td class="num"><span>([\d.]+)</span>)re");
  EXPECT_EQ(ratios.size(), 10u);
  EXPECT_TRUE(std::is_sorted(ratios.begin(), ratios.end()));
}

TEST(BrittlenessHtmlTest, AFigureThatIsNotKnownIsNotThere) {
  BrittlenessReport report = brittlenessSample(1);
  report.routeChanges.clear();
  report.confusion.clear();
  auto clear = [](ModelScores &model) {
    model.bytes = model.memoryBytes = 0;
    model.bitsPerWeight = model.seconds = model.specializationIndex = std::nullopt;
    model.generalizationGap = std::nullopt;
    model.gapInterval.reset();
    model.transfer.reset();
    model.transferUnseen.reset();
    auto clearScores = [](DomainScores &scores) {
      DomainScores left;
      left.domain = scores.domain;
      left.texts = scores.texts;
      left.agreement = scores.agreement;
      scores = left;
    };
    clearScores(model.overall);
    for (DomainScores &domain : model.domains)
      clearScores(domain);
  };
  clear(report.models[0]);
  clear(report.baseline);
  std::string page = renderBrittlenessHtml(report);
  EXPECT_EQ(nestingProblem(page), "");
  EXPECT_EQ(countOf(page, "<div class=\"card\">"), 1u); // agreement
  for (const char *absent :
       {"<h2>Score by domain</h2>", "<h2>What each domain kept</h2>", "<h2>Confusion</h2>",
        "<h2>Tokens that changed", "<th scope=\"col\">DSI", "<th scope=\"col\">Macro-F1"})
    EXPECT_THAT(page, Not(HasSubstr(absent)));
  EXPECT_THAT(page, HasSubstr("Agreement</th>"));
}

TEST(BrittlenessHtmlTest, WhatIsNoNumberIsNotThere) {
  BrittlenessReport report = brittlenessSample(2);
  for (ModelScores &model : report.models) {
    model.specializationIndex = NAN;
    model.seconds = INFINITY;
    model.overall.score = NAN;
    model.gapInterval = Interval{NAN, 1};
    model.transfer->meanInterval = {NAN, NAN};
    for (DomainScores &domain : model.domains) {
      domain.transferRatio = NAN;
      domain.score = -NAN;
      domain.scoreInterval = Interval{0.5, INFINITY};
    }
  }
  for (size_t models : {2, 1}) {
    report.models.resize(models);
    std::string page = renderBrittlenessHtml(report);
    EXPECT_EQ(nestingProblem(page), "");
    EXPECT_FALSE(std::regex_search(page, std::regex("\\b(nan|inf)\\b"))) << models;
  }
}

TEST(BrittlenessHtmlTest, ManyDomainsWithLongNames) {
  BrittlenessReport report = brittlenessSample(2);
  auto multiply = [](ModelScores &model) {
    DomainScores one = model.domains[0];
    model.domains.clear();
    for (int i = 0; i < 150; ++i) {
      one.domain = std::string(120, 'x') + std::to_string(1000 + i);
      model.domains.push_back(one);
    }
  };
  multiply(report.baseline);
  for (ModelScores &model : report.models)
    multiply(model);
  std::string page = renderBrittlenessHtml(report);
  EXPECT_EQ(nestingProblem(page), "");
  // Two charts, and a table for each model.
  EXPECT_EQ(countOf(page, "<th scope=\"row\">" + std::string(120, 'x') + "1149"), 4u);
}

TEST(BrittlenessHtmlTest, TheMatrixShowsWhatWasCounted) {
  BrittlenessReport report = brittlenessSample(1);
  report.labels = {"yes", "no", "never seen"};
  report.confusion = {{}, {{7, 3, 0}, {0, 5, 0}, {0, 0, 0}}};
  std::string page = renderBrittlenessHtml(report);
  EXPECT_EQ(nestingProblem(page), "");
  EXPECT_THAT(page, HasSubstr("tiny-int8.gemb: 2 classes</summary>"));
  EXPECT_THAT(page, HasSubstr("<li>yes taken for no: 3</li>"));
  EXPECT_THAT(page, Not(HasSubstr("never seen")));
  // Shares of the label's texts: 7/10 and 3/10, on a paper that is never quite white.
  EXPECT_THAT(numbers(page, R"re(var\(--heat\) / ([\d.]+)\)">(\d+)</td>)re"),
              ElementsAre(0.72, 7, 0.36, 3, 1.00, 5));
}

TEST(BrittlenessHtmlTest, AMatrixOfManyClassesKeepsTheWrongOnes) {
  BrittlenessReport report = brittlenessSample(1);
  std::vector<std::vector<int64_t>> counts(150, std::vector<int64_t>(150));
  for (int i = 0; i < 150; ++i)
    counts[i][i] = 10;
  counts[140][141] = 4;
  report.labels.clear();
  report.confusion = {{}, counts};
  std::string page = renderBrittlenessHtml(report);
  EXPECT_THAT(page, HasSubstr("The 60 classes with most wrong answers."));
  EXPECT_THAT(page, HasSubstr("<th scope=\"row\">class 140</th>"));
  EXPECT_THAT(page, HasSubstr("<th scope=\"row\">class 141</th>"));
  EXPECT_EQ(countOf(page, "<th scope=\"row\">class "), 60u);
}

TEST(BrittlenessHtmlTest, TokensAreListedWithTheirCounts) {
  BrittlenessReport report = brittlenessSample(1);
  report.routeChanges[0] = {{"##ing", "kernel", 200, 50}, {"the", "home", 400, 25}};
  std::string page = renderBrittlenessHtml(report);
  std::string section = page.substr(page.find("<h2>Tokens that changed their route"));
  EXPECT_THAT(numbers(section, R"re(<rect width="([\d.]+)%" height="12" rx="3" style)re"),
              ElementsAre(100, 50));
  EXPECT_THAT(section, HasSubstr("200 (25.0 %)"));
}

TEST(BrittlenessHtmlTest, DefinitionsFollowTheScore) {
  BrittlenessReport report = brittlenessSample(1);
  report.score = ScoreKind::Likelihood;
  std::string page = renderBrittlenessHtml(report);
  EXPECT_THAT(page, HasSubstr("exp(&minus;mean loss)"));
  EXPECT_THAT(page, HasSubstr("CDTR_d = P_d(M) / P_d(F)"));
  EXPECT_THAT(page, HasSubstr("2,000 times, seed 0"));
}

} // namespace
} // namespace gem
