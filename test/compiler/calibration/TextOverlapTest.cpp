// Tests finding texts that two files have in common.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/TextOverlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace gem {
namespace {

using ::testing::HasSubstr;

std::string write(const std::string &name, const std::string &content) {
  std::string path = ::testing::TempDir() + "/" + name + ".jsonl";
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(TextOverlap, CountsAndShowsTheFirst) {
  std::string evaluation = write("evaluation", "{\"text\": \"new\"}\n\n"
                                               "{\"text\": \"b\"}\n{\"text\": \"a\"}\n"
                                               "{\"text\": \"b\", \"domain\": \"other\"}\n");
  std::string seen = write("seen", "{\"text\": \"a\"}\n\n\n{\"text\": \"b\"}\n{\"text\": \"c\"}\n"
                                   "{\"text\": \"b\"}\n");
  auto overlap = findOverlap(evaluation, seen);
  ASSERT_TRUE(overlap.ok()) << overlap.status();
  EXPECT_EQ(overlap->texts, 4);
  EXPECT_EQ(overlap->shared, 3);
  EXPECT_EQ(overlap->firstText, "b");
  EXPECT_EQ(overlap->firstLine, 3);
  EXPECT_EQ(overlap->secondLine, 4);
}

TEST(TextOverlap, SpaceAndCaseDoNotMatter) {
  std::string evaluation = write("evaluation", "{\"text\": \" Play\\n the  SONG \"}\n"
                                               "{\"text\": \"playthe song\"}\n"
                                               "{\"text\": \"Ä\"}\n{\"text\": \"\"}\n");
  std::string seen = write("seen", "{\"text\": \"play the\\tsong\"}\n{\"text\": \"ä\"}\n");
  auto overlap = findOverlap(evaluation, seen);
  ASSERT_TRUE(overlap.ok()) << overlap.status();
  EXPECT_EQ(overlap->shared, 1);
  EXPECT_EQ(overlap->firstLine, 1);
}

TEST(TextOverlap, ALongTextIsQuotedInPart) {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "日本";
  std::string evaluation = write("evaluation", "{\"text\": \"" + text + "\"}\n");
  absl::Status status = checkHeldOut({evaluation, "--evaluate"}, {evaluation, "--calibrate"});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("but 1 of 1 texts of"));
  EXPECT_THAT(message, HasSubstr("first line 1, its line 1: \"" + text.substr(0, 60) + "…\";"));
}

TEST(TextOverlap, TheErrorsOfAFileAreItsOwn) {
  std::string good = write("good", "{\"text\": \"a\"}\n");
  std::string bad = write("bad", "{\"text\": \"a\"}\n{\"txt\": \"a\"}\n");
  EXPECT_THAT(std::string(findOverlap(good, bad).status().message()), HasSubstr("bad.jsonl:2:"));
  EXPECT_THAT(std::string(findOverlap(bad, good).status().message()), HasSubstr("bad.jsonl:2:"));
  EXPECT_EQ(findOverlap(good, good + ".none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(
      checkHeldOut({good, "--data"}, {write("other", "{\"text\": \"b\"}\n"), "--calibration"})
          .ok());
}

} // namespace
} // namespace gem
