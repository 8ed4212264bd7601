// Tests reading texts and their labels.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/TextFile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string write(const std::string &content) {
  std::string path = ::testing::TempDir() + "/" +
                     ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".jsonl";
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(TextFile, ReadsTextsDomainsAndLabels) {
  auto texts =
      readTextFile(write("{\"text\": \"a\"}\n"
                         "\n"
                         "{\"text\": \"b\", \"domain\": \"x\", \"label\": 3, \"more\": []}\r\n"
                         "{\"text\": \"\", \"domain\": null, \"label\": null}"));
  ASSERT_TRUE(texts.ok()) << texts.status();
  ASSERT_EQ(texts->size(), 3u);
  EXPECT_EQ((*texts)[0].text, "a");
  EXPECT_EQ((*texts)[0].domain, "");
  EXPECT_EQ((*texts)[0].label, std::nullopt);
  EXPECT_EQ((*texts)[1].text, "b");
  EXPECT_EQ((*texts)[1].domain, "x");
  EXPECT_EQ((*texts)[1].label, 3);
  EXPECT_EQ((*texts)[2].text, "");
  EXPECT_EQ((*texts)[2].label, std::nullopt);
}

TEST(TextFile, NamesFileAndLineOfWhatIsWrong) {
  const std::pair<const char *, const char *> cases[] = {
      {"7", "expected a JSON object with a \"text\", but got number"},
      {"{\"text\"", "but got what is no JSON"},
      {"{}", "expected a string \"text\", but got none"},
      {"{\"text\": 1}", "expected a string \"text\", but got number"},
      {"{\"text\": \"a\", \"domain\": 1}", "expected a string \"domain\", but got number"},
      {"{\"text\": \"a\", \"label\": \"libs\"}",
       "expected an integer \"label\" from 0 to 2147483647, but got string"},
      {"{\"text\": \"a\", \"label\": -1}", "but got -1"},
      {"{\"text\": \"a\", \"label\": 1.5}", "but got 1.5"},
      {"{\"text\": \"a\", \"label\": 2147483648}", "but got 2147483648"},
  };
  for (auto [line, message] : cases) {
    std::string path = write(std::string("{\"text\": \"fine\"}\n") + line + "\n");
    for (const absl::Status &status : {readTextFile(path).status(), scanTextFile(path).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path + ":2: ")) << line;
      EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << line;
    }
  }
}

TEST(TextFile, RefusesAFileWithoutTexts) {
  for (const char *content : {"", "\n \n"}) {
    std::string path = write(content);
    EXPECT_THAT(std::string(readTextFile(path).status().message()), HasSubstr("holds no texts"));
    EXPECT_THAT(std::string(scanTextFile(path).status().message()), HasSubstr(path));
  }
  EXPECT_EQ(readTextFile("no/such/file.jsonl").status().code(), absl::StatusCode::kNotFound);
}

TEST(TextFile, StreamsInOrderAndStopsOnAnError) {
  std::string path = write("{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": \"c\"}\n");
  std::vector<std::string> seen;
  absl::Status status = forEachTextOf(path, [&](const CalibrationText &text) {
    seen.push_back(text.text);
    return text.text == "b" ? absl::AbortedError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(seen, ElementsAre("a", "b"));
}

} // namespace
} // namespace gem
