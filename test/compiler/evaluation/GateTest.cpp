// Tests gates: which figures there may be, and what is said when one fails.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Gate.h"
#include "test/compiler/report/SampleBrittleness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gem {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

Condition parse(const std::string &text) {
  auto condition = Condition::parse(text);
  EXPECT_TRUE(condition.ok()) << condition.status();
  return *condition;
}

std::string checkError(const std::string &text, bool hasLabels) {
  absl::Status status = checkConditions({parse(text)}, {"a", "b-c"}, hasLabels, "texts.jsonl");
  return std::string(status.message());
}

TEST(Gate, EveryFigureOfAnEvaluationIsPossible) {
  BrittlenessReport report = brittlenessSample(1);
  ModelScores model = report.models[0];
  model.seconds.reset();
  model.macsKept = 0.5;
  std::vector<std::string> domains;
  for (const DomainScores &domain : model.domains)
    domains.push_back(domain.domain);
  std::vector<std::string> possible = possibleFigures(domains, true);
  std::vector<std::string> names;
  for (const auto &[name, value] : figuresOf(model))
    names.push_back(name);
  EXPECT_THAT(possible, IsSupersetOf(names));
  EXPECT_THAT(possible, Contains("cdtr.unseen.min.low"));
  // A time that was measured here says nothing about the device.
  EXPECT_THAT(possible, Not(Contains("seconds")));
  std::vector<std::string> unlabelled = possibleFigures(domains, false);
  EXPECT_THAT(possible, IsSupersetOf(unlabelled));
  EXPECT_THAT(unlabelled, IsSupersetOf({"kl", "kl.kernel", "kl.max", "agreement", "bytes"}));
  for (const char *labelled : {"cdtr.mean", "accuracy", "dsi.max", "gg", "loss.kernel"})
    EXPECT_THAT(unlabelled, Not(Contains(labelled)));
}

TEST(Gate, WhatIsWrongIsKnownBeforeTheWork) {
  EXPECT_EQ(checkError("cdtr.mean < 1 and kl.\"b-c\" > 1", true), "");
  EXPECT_EQ(checkError("kl.\"b-c\" > 1 or flips.mask > 0.1", false), "");
  EXPECT_THAT(checkError("cdtr.meen < 1", true), HasSubstr("did you mean cdtr.mean? The figures "
                                                           "are "));
  EXPECT_THAT(checkError("cdtr.c < 1", true), HasSubstr("there is no figure 'cdtr.c'"));
  EXPECT_EQ(checkError("kl > 1 or cdtr.a < 1", false),
            "--fail-if 'kl > 1 or cdtr.a < 1': cdtr.a compares answers with labels, but no text of "
            "'texts.jsonl' has a \"label\"; add labels, or judge by kl or agreement");
}

TEST(Gate, SaysWhyItFailed) {
  BrittlenessReport report = brittlenessSample(1);
  ModelScores &model = report.models[0];
  model.transfer = TransferSummary{0.97125, 0.93, Interval{0.96, 0.98}, std::nullopt, "kernel"};
  for (DomainScores &domain : model.domains)
    domain.transferRatio = domain.domain == "kernel" ? 0.93 : 0.99;
  DomainScores *kernel = nullptr;
  for (DomainScores &domain : model.domains)
    if (domain.domain == "kernel")
      kernel = &domain;
  kernel->transferInterval = Interval{0.9, 0.95};
  model.bytes = 1'460'000;

  GateReport passed = judgeGate(parse("cdtr.mean < 0.97"), report);
  EXPECT_FALSE(passed.failed);
  EXPECT_EQ(passed.message, "");
  EXPECT_EQ(passed.figures, (std::map<std::string, double>{{"cdtr.mean", 0.97125}}));

  GateReport failed = judgeGate(parse("cdtr.mean < 0.98 and bytes > 1e6"), report);
  EXPECT_TRUE(failed.failed);
  EXPECT_EQ(failed.message, "--fail-if 'cdtr.mean < 0.98 and bytes > 1e6' holds: cdtr.mean = "
                            "0.9712 (0.96 to 0.98), bytes = 1,460,000; the worst domain is kernel, "
                            "CDTR 0.930 (0.900 to 0.950)");

  // Without a value it fails too, whatever the rest says.
  model.generalizationGap.reset();
  GateReport unknown = judgeGate(parse("gg > 0.1 and bytes > 1e9"), report);
  EXPECT_TRUE(unknown.failed);
  EXPECT_THAT(unknown.message,
              HasSubstr("cannot be judged: gg is not known (it compares the domains of the "
                        "calibration data with others, and there are none); bytes = 1,460,000; "
                        "the worst"));
  EXPECT_THAT(judgeGate(parse("bytes / (kl - kl) > 1"), report).message,
              HasSubstr("cannot be judged: it divides by 0 at column 7; bytes = "));
}

TEST(Gate, WithoutScoresTheWorstDomainIsThatOfTheDivergence) {
  BrittlenessReport report = brittlenessSample(1);
  for (DomainScores &domain : report.models[0].domains) {
    domain.transferRatio.reset();
    domain.divergence = domain.domain == "german" ? 0.25 : 0.125;
  }
  EXPECT_THAT(judgeGate(parse("kl.max > 0.1"), report).message,
              HasSubstr("; the worst domain is german, KL 0.25"));
}

} // namespace
} // namespace gem
