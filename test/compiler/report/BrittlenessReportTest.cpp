// Tests the figures of an evaluation by name, and its report as JSON and for a terminal.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessReport.h"
#include "compiler/Report/Figures.h"
#include "test/compiler/report/SampleBrittleness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <set>
#include <sstream>

namespace gem {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// One domain of each name, whose figures are told apart by their values.
ModelScores modelOf(const std::vector<std::string> &names) {
  ModelScores model;
  model.name = "model";
  double value = 0.1;
  for (const std::string &name : names) {
    DomainScores domain;
    domain.domain = name;
    domain.score = domain.accuracy = value;
    domain.divergence = value / 10;
    domain.transferRatio = value + 0.5;
    domain.transferInterval = Interval{value + 0.4, value + 0.6};
    domain.specializationIndex = -value;
    model.domains.push_back(domain);
    value += 0.1;
  }
  return model;
}

TEST(FiguresOfTest, NamesWhatIsKnown) {
  ModelScores model = modelOf({"", "net"});
  EXPECT_THAT(figuresOf(ModelScores()), ::testing::IsEmpty());
  model.overall.accuracy = 0.7;
  model.overall.meanLoss = kNaN;
  model.overall.flips = FlipsReport{0.1, 0.2, 0.3};
  model.transfer = TransferSummary{0.9, 0.8, Interval{0.85, 0.95}, std::nullopt, "net"};
  model.generalizationGap = -0.25;
  model.gapInterval = Interval{-0.5, 0};
  model.bytes = 1000;
  const std::map<std::string, double> want = {{"accuracy", 0.7},
                                              {"accuracy.net", 0.2},
                                              {"bytes", 1000},
                                              {"cdtr.mean", 0.9},
                                              {"cdtr.mean.high", .95},
                                              {"cdtr.mean.low", 0.85},
                                              {"cdtr.min", 0.8},
                                              {"cdtr.net", 0.7},
                                              {"cdtr.net.high", 0.8},
                                              {"cdtr.net.low", 0.6},
                                              {"dsi.net", -0.2},
                                              {"flips.cluster", 0.2},
                                              {"flips.mask", 0.3},
                                              {"flips.routed", 0.1},
                                              {"gg", -0.25},
                                              {"gg.high", 0},
                                              {"gg.low", -0.5},
                                              {"kl.max", 0.02},
                                              {"kl.net", 0.02},
                                              {"score.net", 0.2},
                                              {"score.no_domain", .1},
                                              {"accuracy.no_domain", .1},
                                              {"kl.no_domain", .01},
                                              {"cdtr.no_domain", 0.6},
                                              {"dsi.no_domain", -0.1},
                                              {"cdtr.no_domain.low", 0.5},
                                              {"cdtr.no_domain.high", 0.7}};
  std::map<std::string, double> got = figuresOf(model);
  for (const auto &[name, value] : want) {
    ASSERT_TRUE(got.count(name)) << name;
    EXPECT_NEAR(got[name], value, 1e-12) << name;
  }
  EXPECT_EQ(got.size(), want.size());
}

TEST(FiguresOfTest, ADomainIsNeverTakenForASummary) {
  ModelScores model = modelOf({"max", "mean", "min", "min.x", "minimum", "unseen"});
  std::map<std::string, double> got = figuresOf(model);
  EXPECT_TRUE(got.count("cdtr.minimum"));
  for (const char *name : {"cdtr.mean", "cdtr.min", "cdtr.min.x", "dsi.max", "cdtr.unseen"})
    EXPECT_FALSE(got.count(name)) << name;
  model.transfer = TransferSummary{0.9, 0.8, {}, {}, "min"};
  EXPECT_EQ(figuresOf(model)["cdtr.min"], 0.8);
  // The worst domain counts whatever its name.
  EXPECT_NEAR(got["kl.max"], 0.06, 1e-12);
}

TEST(BrittlenessJsonTest, HasEveryModelAndFigure) {
  BrittlenessReport report = brittlenessSample(2);
  report.confusion = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}, {{9, 0}, {1, 2}}};
  json document = json::parse(renderBrittlenessJson(report));
  EXPECT_EQ(document["schema_version"], 1);
  EXPECT_EQ(document["kind"], "brittleness_report");
  EXPECT_EQ(document["data"]["path"], report.data);
  EXPECT_EQ(document["data"]["texts"], report.texts);
  EXPECT_EQ(document["score"], "accuracy");
  EXPECT_EQ(document["bootstrap"]["resamples"], report.resamples);
  ASSERT_EQ(document["models"].size(), 2u);
  EXPECT_EQ(document["baseline"]["confusion"], json(report.confusion[0]));
  EXPECT_EQ(document["models"][1]["confusion"], json(report.confusion[2]));
  EXPECT_TRUE(document["baseline"]["domains"][0]["cdtr"].is_null());
  for (size_t i = 0; i < 2; ++i) {
    const json &model = document["models"][i];
    EXPECT_EQ(model["figures"], json(figuresOf(report.models[i])));
    ASSERT_EQ(model["domains"].size(), report.models[i].domains.size());
    const DomainScores &domain = report.models[i].domains[0];
    EXPECT_EQ(model["domains"][0]["domain"], domain.domain);
    EXPECT_EQ(model["domains"][0]["cdtr"], *domain.transferRatio);
    EXPECT_EQ(model["domains"][0]["cdtr_interval"][1], domain.transferInterval->high);
    EXPECT_EQ(model["domains"][0]["specialised"], domain.isSpecialised);
  }
  for (const MeasureDefinition &measure : measureDefinitions())
    EXPECT_EQ(document["definitions"][measure.key], measure.definition);
}

TEST(BrittlenessJsonTest, WhatIsNotKnownIsNull) {
  BrittlenessReport report;
  report.models.push_back(modelOf({""}));
  report.models[0].domains[0].meanLoss = kNaN;
  report.models[0].domains[0].transferInterval.reset();
  json document = json::parse(renderBrittlenessJson(report));
  EXPECT_TRUE(document["baseline"].is_null());
  const json &domain = document["models"][0]["domains"][0];
  for (const char *key : {"domain", "loss", "macro_f1", "cdtr_interval", "flips"})
    EXPECT_TRUE(domain[key].is_null()) << key;
  EXPECT_TRUE(document["models"][0]["cdtr"].is_null());
  EXPECT_TRUE(document["models"][0]["bytes"].is_null());
}

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

TEST(BrittlenessTextTest, FitsItsWidthWhateverTheNames) {
  BrittlenessReport report = brittlenessSample(3);
  for (ModelScores *model : {&report.baseline, &report.models[0], &report.models[1]}) {
    model->name = "a-model-with-a-name-that-is-quite-long-and-goes-on-" + model->name + ".gemb";
    model->domains[0].domain = "a domain whose name takes more than half of a line of text";
  }
  report.routeChanges = {{{"##token", "net", 1234567, 123456}}};
  for (bool isVerbose : {false, true})
    for (size_t width : {40, 80, 120})
      for (const std::string &line :
           linesOf(renderBrittlenessText(report, {.width = width, .isVerbose = isVerbose}))) {
        EXPECT_LE(report::displayWidth(line), std::max<size_t>(width, 80)) << line;
        EXPECT_FALSE(line.ends_with(" ")) << '"' << line << '"';
      }
}

TEST(BrittlenessTextTest, TerminalsAreNotObeyed) {
  BrittlenessReport report = brittlenessSample(1);
  report.data = "data\x1b[2J.jsonl";
  report.models[0].name = "model\x1b[31m";
  report.models[0].domains[0].domain = "net\x1b]0;title\x07";
  report.routeChanges = {{{"\x9b\xff", "\x1b", 5, 4}}};
  report.labels = {"\x1b[1m", "b"};
  report.confusion = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}};
  std::string text = renderBrittlenessText(report, {.isVerbose = true});
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\x07")));
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
  EXPECT_THAT(renderBrittlenessText(brittlenessSample(1), {.color = true}), HasSubstr("\x1b[1m"));
}

TEST(BrittlenessTextTest, ALossBeyondChanceIsRed) {
  BrittlenessReport report = brittlenessSample(1);
  DomainScores &domain = report.models[0].domains[0];
  domain.transferRatio = 0.9;
  domain.transferInterval = Interval{0.8, 0.99};
  std::string red = "\x1b[31m0.900 0.800–0.990", yellow = "\x1b[33m0.900 0.800–1.010";
  EXPECT_THAT(renderBrittlenessText(report, {.color = true}), HasSubstr(red));
  domain.transferInterval->high = 1.01;
  EXPECT_THAT(renderBrittlenessText(report, {.color = true}), HasSubstr(yellow));
}

} // namespace
} // namespace gem
