// Tests that figures come back from the cache as they were, and only those.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/SweepCache.h"
#include "test/compiler/report/SampleBrittleness.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SweepCacheTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "/sweep-cache";
    std::filesystem::remove_all(folder);
  }

  SweepCache open() {
    absl::StatusOr<SweepCache> cache =
        SweepCache::open(folder, [this](const std::string &note) { notes.push_back(note); });
    EXPECT_TRUE(cache.ok()) << cache.status().message();
    return *std::move(cache);
  }

  static std::string read(const std::string &path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  static void write(const std::string &path, const std::string &text) {
    std::ofstream(path) << text;
  }
  static void replace(std::string &text, const std::string &from, const std::string &to) {
    size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
  }

  std::string folder;
  std::vector<std::string> notes;
  const SweepKey key = {{"recipe", "int8"}, {"model", "blake3:00"}};
};

TEST_F(SweepCacheTest, FiguresComeBackToTheBit) {
  ModelScores scores = brittlenessSample(3).models[2];
  open().store(key, {scores, 1.0 / 3, "blake3:77"}).IgnoreError();
  std::optional<CachedScores> found = open().find(key);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->seconds, 1.0 / 3);
  EXPECT_EQ(found->fileHash, "blake3:77");
  const ModelScores &back = found->scores;
  EXPECT_EQ(figuresOf(back), figuresOf(scores));
  EXPECT_EQ(back.transfer->minimumDomain, scores.transfer->minimumDomain);
  EXPECT_EQ(back.transferUnseen->meanInterval->low, scores.transferUnseen->meanInterval->low);
  EXPECT_EQ(back.specializationDomain, scores.specializationDomain);
  EXPECT_EQ(back.gapInterval->high, scores.gapInterval->high);
  ASSERT_EQ(back.domains.size(), scores.domains.size());
  for (size_t i = 0; i < back.domains.size(); ++i) {
    EXPECT_EQ(back.domains[i].domain, scores.domains[i].domain);
    EXPECT_EQ(back.domains[i].texts, scores.domains[i].texts);
    EXPECT_EQ(back.domains[i].isUnseen, scores.domains[i].isUnseen);
    EXPECT_EQ(back.domains[i].isSpecialised, scores.domains[i].isSpecialised);
    EXPECT_EQ(back.domains[i].scoreInterval->low, scores.domains[i].scoreInterval->low);
    EXPECT_EQ(back.domains[i].flips->mask, scores.domains[i].flips->mask);
  }
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(SweepCacheTest, WhatIsNotKnownStaysSo) {
  ModelScores scores;
  scores.seconds = INFINITY;
  scores.bytes = 7;
  ASSERT_TRUE(open().store(key, {scores, 0, ""}).ok());
  std::optional<CachedScores> found = open().find(key);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->scores.bytes, 7);
  EXPECT_FALSE(found->scores.seconds || found->scores.transfer || found->scores.overall.score);
}

TEST_F(SweepCacheTest, AnotherKeyHasNoEntry) {
  ASSERT_TRUE(open().store(key, {}).ok());
  for (const SweepKey &other :
       {SweepKey{{"recipe", "int8"}, {"model", "blake3:01"}}, SweepKey{{"recipe", "int8"}},
        SweepKey{{"recip", "eint8"}, {"model", "blake3:00"}}})
    EXPECT_FALSE(open().find(other));
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(SweepCacheTest, NamesAndValuesDoNotRunTogether) {
  EXPECT_NE(hashOfKey({{"a", "bc"}}), hashOfKey({{"ab", "c"}}));
  EXPECT_NE(hashOfKey({{"a", "1:b"}}), hashOfKey({{"a", ""}, {"b", ""}}));
  EXPECT_EQ(hashOfKey(key).size(), 32u);
}

TEST_F(SweepCacheTest, ADamagedEntryIsNotedAndNotTaken) {
  SweepCache cache = open();
  ASSERT_TRUE(cache.store(key, {brittlenessSample(1).models[0], 2, ""}).ok());
  std::string path = cache.pathOf(key, "json");
  const std::string whole = read(path);
  std::string changed = whole, renamed = whole;
  replace(changed, "\"gg\": 0.", "\"gg\": 1.");
  replace(renamed, "\"recipe\": \"int8\"", "\"recipe\": \"int4\"");
  for (const auto &[text, why] :
       std::map<std::string, std::string>{{whole.substr(0, whole.size() / 2), "not JSON"},
                                          {"", "not JSON"},
                                          {"[]", "no figures"},
                                          {"{\"key\": 1, \"scores\": []}", "no figures"},
                                          {changed, "its checksum differs"},
                                          {renamed, "of another key"}}) {
    write(path, text);
    notes.clear();
    EXPECT_FALSE(cache.find(key)) << why;
    EXPECT_THAT(notes, ElementsAre(HasSubstr(why)));
  }
  // Storing again mends it.
  ASSERT_TRUE(cache.store(key, {brittlenessSample(1).models[0], 2, ""}).ok());
  EXPECT_EQ(read(path), whole);
}

TEST_F(SweepCacheTest, EntriesAreWholeOrNotThere) {
  SweepCache cache = open();
  ASSERT_TRUE(cache.store(key, {}).ok());
  size_t files = 0;
  for (const auto &file : std::filesystem::directory_iterator(folder)) {
    ++files;
    EXPECT_EQ(file.path().extension(), ".json");
  }
  EXPECT_EQ(files, 1u);
}

TEST_F(SweepCacheTest, WhatAnEndedProcessLeftIsRemoved) {
  open();
  // Process 1 is there; no process has the largest number.
  std::string old = folder + "/00.json.2147483646-0.tmp", running = folder + "/00.json.1-0.tmp";
  write(old, "x");
  write(running, "x");
  write(folder + "/note.tmp", "x");
  open();
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(running));
  EXPECT_TRUE(std::filesystem::exists(folder + "/note.tmp"));
}

TEST_F(SweepCacheTest, AFolderThatCannotBeMadeIsNamed) {
  write(testing::TempDir() + "/file", "x");
  absl::StatusOr<SweepCache> cache = SweepCache::open(testing::TempDir() + "/file/cache", nullptr);
  ASSERT_FALSE(cache.ok());
  EXPECT_THAT(std::string(cache.status().message()), HasSubstr("--cache DIR"));
}

TEST_F(SweepCacheTest, HashesOfFiles) {
  open();
  write(folder + "/a", "1");
  write(folder + "/b", "22");
  EXPECT_NE(*hashOfFiles({folder + "/a", folder + "/b"}),
            *hashOfFiles({folder + "/b", folder + "/a"}));
  EXPECT_EQ(hashOfFiles({folder + "/c"}).status().code(), absl::StatusCode::kNotFound);
}

} // namespace
} // namespace gem
