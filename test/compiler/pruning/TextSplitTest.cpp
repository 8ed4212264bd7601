// Tests of holding texts back.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/TextSplit.h"
#include "compiler/Calibration/TextFile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace gem {
namespace {

std::string writeTexts() {
  std::string path = ::testing::TempDir() + "texts.jsonl";
  std::ofstream file(path);
  for (int i = 0; i < 40; ++i)
    file << R"({"text": "text )" << i << R"(", "domain": ")" << (i % 5 ? "a" : "b") << "\"}\n"
         << (i % 7 ? "" : "\n"); // blank lines do not count
  return path;
}

std::map<std::string, std::set<std::string>> read(const std::string &path) {
  auto texts = readTextFile(path);
  EXPECT_TRUE(texts.ok()) << texts.status();
  std::map<std::string, std::set<std::string>> result;
  for (const CalibrationText &text : *texts)
    result[text.domain].insert(text.text);
  return result;
}

TEST(TextSplitTest, HoldsBackAQuarterOfEveryDomain) {
  std::string path = writeTexts();
  auto split = TextSplit::splitFile(path, 0);
  ASSERT_TRUE(split.ok()) << split.status();
  auto fit = read(split->getFit()), judge = read(split->getJudge());
  EXPECT_EQ(fit["a"].size(), 24u);
  EXPECT_EQ(judge["a"].size(), 8u);
  EXPECT_EQ(fit["b"].size(), 6u);
  EXPECT_EQ(judge["b"].size(), 2u);
  auto all = read(path);
  for (const std::string domain : {"a", "b"}) {
    std::set<std::string> both = fit[domain];
    both.insert(judge[domain].begin(), judge[domain].end());
    EXPECT_EQ(both, all[domain]);
  }
}

TEST(TextSplitTest, SeedDecides) {
  std::string path = writeTexts();
  auto one = TextSplit::splitFile(path, 1), again = TextSplit::splitFile(path, 1),
       other = TextSplit::splitFile(path, 2);
  ASSERT_TRUE(one.ok() && again.ok() && other.ok());
  EXPECT_EQ(read(one->getJudge()), read(again->getJudge()));
  EXPECT_NE(read(one->getJudge()), read(other->getJudge()));
}

TEST(TextSplitTest, RemovesItsFiles) {
  std::string fit, judge;
  {
    auto split = TextSplit::splitFile(writeTexts(), 0);
    ASSERT_TRUE(split.ok());
    TextSplit copy = *split;
    fit = copy.getFit();
    judge = copy.getJudge();
    EXPECT_TRUE(std::filesystem::exists(fit));
  }
  EXPECT_FALSE(std::filesystem::exists(fit));
  EXPECT_FALSE(std::filesystem::exists(judge));
}

TEST(TextSplitTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_FALSE(TextSplit::splitFile(::testing::TempDir() + "none.jsonl", 0).ok());
}

TEST(TextSplitTest, NeedsEnoughTextsOfADomain) {
  std::string path = ::testing::TempDir() + "few.jsonl";
  std::string line = R"({"text": "text", "domain": "a"})";
  std::ofstream(path) << line << "\n"
                      << line << "\n"
                      << line << "\n"
                      << R"({"text": "text", "domain": "b"})" << "\n";
  auto split = TextSplit::splitFile(path, 0);
  EXPECT_EQ(split.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(split.status().message(),
            "'" + path +
                "': expected at least 4 texts of a domain, of which some can be held back for "
                "--keep-domain, but got 3; add texts, or give others with --validate");
  std::ofstream(path, std::ios::app) << line << "\n";
  split = TextSplit::splitFile(path, 0);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(read(split->getJudge())["a"].size(), 1u);
}

} // namespace
} // namespace gem
