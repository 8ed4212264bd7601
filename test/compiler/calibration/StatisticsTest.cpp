// Tests collecting input statistics and keeping them in a file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/GramKernel.h"
#include "compiler/Calibration/StatisticsCollector.h"
#include "compiler/Calibration/StatisticsFile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

namespace gem::quant {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The rows of a few texts of two domains.
struct Sample {
  int64_t width;
  std::vector<std::pair<std::string, std::vector<float>>> texts;
  std::map<std::string, int64_t> rows;

  Sample(int64_t width, int64_t totalRows, unsigned seed = 1) : width(width) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.25f, 1.0f);
    for (int64_t left = totalRows; left > 0;) {
      int64_t count = std::min<int64_t>(left, 1 + random() % 40);
      std::string domain = random() % 4 ? "common" : "rare";
      std::vector<float> data(count * width);
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = normal(random) * (1 + i % 5) * (domain == "rare" ? 3 : 1);
      texts.emplace_back(domain, std::move(data));
      rows[domain] += count;
      left -= count;
    }
  }

  absl::StatusOr<InputStatistics> collect(unsigned threads, bool gram = true) const {
    StatisticsCollector collector(
        {.name = "value", .width = width, .rows = rows, .gram = gram, .threads = threads});
    for (const auto &[domain, data] : texts)
      collector.add(data.data(), data.size() / width, domain);
    return collector.finish();
  }
};

TEST(StatisticsCollector, AgreesWithTheDefinitionInDouble) {
  for (int64_t width : {1, 5, 32, 67}) {
    Sample sample(width, 1300);
    auto result = sample.collect(1);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->width, width);
    EXPECT_EQ(result->tokens, 1300);
    ASSERT_EQ(result->domains.size(), 2u);

    std::vector<double> gram(width * width);
    for (const DomainStatistics &domain : result->domains) {
      std::vector<double> sums(width), squares(width);
      std::vector<float> minimum(width, INFINITY), maximum(width, -INFINITY);
      double rows = sample.rows.at(domain.domain);
      EXPECT_EQ(domain.tokens, sample.rows.at(domain.domain));
      for (const auto &[name, data] : sample.texts) {
        if (name != domain.domain)
          continue;
        for (size_t row = 0; row < data.size(); row += width)
          for (int64_t i = 0; i < width; ++i) {
            double value = data[row + i];
            sums[i] += value;
            squares[i] += value * value;
            minimum[i] = std::min(minimum[i], data[row + i]);
            maximum[i] = std::max(maximum[i], data[row + i]);
            for (int64_t j = 0; j < width; ++j)
              gram[i * width + j] += value * data[row + j] / rows / 2;
          }
      }
      for (int64_t i = 0; i < width; ++i) {
        EXPECT_NEAR(domain.mean[i], sums[i] / rows, 1e-6);
        EXPECT_NEAR(domain.squares[i], squares[i] / rows, squares[i] / rows * 1e-6);
      }
      EXPECT_EQ(domain.minimum, minimum);
      EXPECT_EQ(domain.maximum, maximum);
    }
    for (int64_t i = 0; i < width; ++i)
      for (int64_t j = 0; j < width; ++j) {
        double scale = std::sqrt(gram[i * width + i] * gram[j * width + j]);
        EXPECT_NEAR(result->gram[i * width + j], gram[i * width + j], scale * 2e-6);
        EXPECT_EQ(result->gram[i * width + j], result->gram[j * width + i]);
      }
  }
}

TEST(StatisticsCollector, GivesTheSameBitsForAnyNumberOfThreads) {
  Sample sample(320, 1100);
  auto one = sample.collect(1), three = sample.collect(3);
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(0, std::memcmp(one->gram.data(), three->gram.data(), one->gram.size() * sizeof(float)));
}

TEST(StatisticsCollector, CanLeaveTheGramMatrixOut) {
  Sample sample(9, 50);
  auto with = sample.collect(1), without = sample.collect(1, /*gram=*/false);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_TRUE(without->gram.empty());
  EXPECT_EQ(with->domains[1].squares, without->domains[1].squares);
}

TEST(StatisticsCollector, RefusesOtherRowsThanPromisedAndWhatIsNotFinite) {
  const float row[] = {1, 2};
  StatisticsCollector few({.name = "ffn", .width = 2, .rows = {{"a", 2}}});
  few.add(row, 1, "a");
  EXPECT_EQ(std::string(few.finish().status().message()),
            "statistics of 'ffn': expected 2 rows of the domain 'a', but got 1");

  StatisticsCollector other({.name = "ffn", .width = 2, .rows = {{"a", 1}}});
  other.add(row, 1, "a");
  other.add(row, 1, "b");
  EXPECT_EQ(std::string(other.finish().status().message()),
            "statistics of 'ffn': expected 0 rows of the domain 'b', but got 1");

  const float odd[] = {1, std::numeric_limits<float>::quiet_NaN()};
  StatisticsCollector broken({.name = "ffn", .width = 2, .rows = {{"a", 1}}});
  broken.add(odd, 1, "a");
  EXPECT_THAT(std::string(broken.finish().status().message()),
              HasSubstr("column 1 in the domain 'a' is not finite"));
}

TEST(GramKernel, EveryInstructionSetGivesTheSameBits) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  constexpr int64_t kRows = 77;
  alignas(64) static float left[kRows * kGramTile], right[kRows * kGramTile];
  for (int64_t i = 0; i < kRows * kGramTile; ++i) {
    left[i] = normal(random);
    right[i] = normal(random);
  }
  constexpr int64_t kStride = kGramTile + 3;
  std::vector<double> expected(kGramTile * kStride);
  for (int64_t i = 0; i < kGramTile; ++i)
    for (int64_t j = 0; j < kGramTile; ++j) {
      float sum = 0;
      for (int64_t r = 0; r < kRows; ++r)
        sum = std::fma(left[r * kGramTile + i], right[r * kGramTile + j], sum);
      expected[i * kStride + j] = sum;
    }
  std::vector<GramTileFunction> functions = {gramTile_generic, findGramTile()};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    functions.push_back(gramTile_avx2);
#endif
  for (GramTileFunction function : functions) {
    std::vector<double> out(kGramTile * kStride);
    function(left, right, kRows, out.data(), kStride);
    EXPECT_EQ(out, expected);
  }
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

class StatisticsFileTest : public ::testing::Test {
protected:
  std::string path = ::testing::TempDir() + "/" +
                     ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".stats";
  Sample small{5, 40}, large{67, 90, 2};

  void write() {
    auto writer = StatisticsWriter::create(path, {"blake3:model", "blake3:texts", 64, 7});
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->add({"q", "k", "v"}, *small.collect(1)).ok());
    ASSERT_TRUE((*writer)->add({"out"}, *large.collect(1)).ok());
    ASSERT_TRUE((*writer)->add({"ranges"}, *large.collect(1, /*gram=*/false)).ok());
    ASSERT_TRUE((*writer)->setTokenCounts({{"a", {4, 0, 9}}, {"b", {1, 2, 3}}}).ok());
    ASSERT_TRUE((*writer)->finish().ok());
  }

  std::string read() {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string errorOf(const std::string &content) {
    std::ofstream(path, std::ios::binary) << content;
    auto file = StatisticsFile::open(path);
    return file.ok() ? "none" : std::string(file.status().message());
  }
};

void expectSame(const InputStatistics &a, const InputStatistics &b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.gram, b.gram);
  ASSERT_EQ(a.domains.size(), b.domains.size());
  for (size_t i = 0; i < a.domains.size(); ++i) {
    EXPECT_EQ(a.domains[i].domain, b.domains[i].domain);
    EXPECT_EQ(a.domains[i].tokens, b.domains[i].tokens);
    EXPECT_EQ(a.domains[i].mean, b.domains[i].mean);
    EXPECT_EQ(a.domains[i].squares, b.domains[i].squares);
    EXPECT_EQ(a.domains[i].minimum, b.domains[i].minimum);
    EXPECT_EQ(a.domains[i].maximum, b.domains[i].maximum);
  }
}

TEST_F(StatisticsFileTest, GivesBackWhatWasWritten) {
  write();
  auto file = StatisticsFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->getInfo().modelHash, "blake3:model");
  EXPECT_EQ((*file)->getInfo().calibrationHash, "blake3:texts");
  EXPECT_EQ((*file)->getInfo().sequence, 64);
  EXPECT_EQ((*file)->getInfo().texts, 7);
  EXPECT_THAT((*file)->weights(), ElementsAre("k", "out", "q", "ranges", "v"));
  EXPECT_EQ((*file)->tokenCounts(), (TokenCounts{{"a", {4, 0, 9}}, {"b", {1, 2, 3}}}));
  expectSame(*(*file)->load("v"), *small.collect(1));
  expectSame(*(*file)->load("out"), *large.collect(1));
  expectSame(*(*file)->load("ranges"), *large.collect(1, false));
  expectSame(*(*file)->loadDomains("out"), *large.collect(1, false));
  EXPECT_EQ((*file)->load("wordless").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(StatisticsFileTest, IsTheSameBytesEveryTime) {
  write();
  std::string first = read();
  write();
  EXPECT_EQ(first, read());
}

TEST_F(StatisticsFileTest, AppearsOnlyWhenFinished) {
  std::filesystem::path folder = ::testing::TempDir() + "/unfinished-statistics";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  {
    auto writer = StatisticsWriter::create(folder / "file", {});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->add({"q"}, *small.collect(1)).ok());
    EXPECT_FALSE(std::filesystem::exists(folder / "file"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  auto status = StatisticsWriter::create(folder / "none" / "file", {}).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write the statistics"));
}

TEST_F(StatisticsFileTest, KnowsWhatItWasMadeFor) {
  write();
  auto file = StatisticsFile::open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->checkMadeFor("blake3:model", 64).ok());
  absl::Status other = (*file)->checkMadeFor("blake3:other", 64);
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()),
              HasSubstr("of another model: expected 'blake3:other', but got 'blake3:model'"));
  EXPECT_THAT(std::string((*file)->checkMadeFor("blake3:model", 32).message()),
              HasSubstr("collected at --sequence 64, but the model is compiled at 32"));
}

/// The bytes of a file with its checksum made right again: FNV-1a over words of 8 bytes.
std::string sealed(std::string bytes) {
  std::string padded = bytes;
  padded.resize((bytes.size() + 7) / 8 * 8);
  uint64_t sum = 0xCBF29CE484222325u;
  for (size_t at = 64; at < padded.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, padded.data() + at, 8);
    sum = (sum ^ word) * 0x100000001B3u;
  }
  std::memcpy(bytes.data() + 40, &sum, 8);
  return bytes;
}

TEST_F(StatisticsFileTest, FindsDamageAnywhere) {
  write();
  std::string good = read();
  EXPECT_EQ(sealed(good), good);
  for (size_t at = 0; at < good.size(); at += at < 128 ? 1 : 37) {
    std::string bad = good;
    bad[at] ^= 4;
    EXPECT_NE(errorOf(bad), "none") << at;
  }
}

TEST_F(StatisticsFileTest, RefusesWhatIsNoStatistics) {
  EXPECT_EQ(StatisticsFile::open(path + "-none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(errorOf(""), HasSubstr("is no file of statistics"));
  EXPECT_THAT(errorOf("{\"text\": \"not statistics\"}"), HasSubstr("is no file of statistics"));
  write();
  std::string good = read();
  EXPECT_THAT(errorOf(good.substr(0, 20)), HasSubstr("less than its header"));
  EXPECT_THAT(errorOf(good.substr(0, good.size() - 1)), HasSubstr("damaged: it has"));
  EXPECT_THAT(errorOf(good + "x"), HasSubstr("damaged: it has"));
  std::string newer = good;
  newer[8] = 9;
  EXPECT_THAT(errorOf(newer), HasSubstr("of version 9, expected 1"));
  std::string far = good;
  far[16 + 6] = 1;
  EXPECT_THAT(errorOf(far), HasSubstr("the index lies outside"));
  std::string unparsed = good;
  unparsed[good.size() - 1] = '[';
  EXPECT_THAT(errorOf(unparsed), HasSubstr("checksum"));
  EXPECT_THAT(errorOf(sealed(unparsed)), HasSubstr("invalid JSON"));
}

TEST_F(StatisticsFileTest, ChecksEveryEntryOfItsIndex) {
  write();
  std::string good = read();
  // Same lengths, so that the header stays right.
  const std::tuple<const char *, const char *, const char *> edits[] = {
      {"\"width\":67", "\"width\":99", "entry 1 of its index"},
      {"\"weights\":[\"out\"]", "\"weights\":[\"q\"  ]", "entry 1 of its index"},
      {"\"gram\":64", "\"gram\":63", "entry 0 of its index"},
      {"\"domain\":\"common\"", "\"domain\":12345678", "entry 0 of its index"},
      {"\"model\"", "\"modem\"", "lacks a member"},
      {"\"ids\":3", "\"ids\":-", "invalid JSON"},
      {"\"ids\":3}", "\"ids\":9}", "its token counts"},
      {"\"values\"", "\"volues\"", "lacks a member"},
  };
  for (auto [from, to, message] : edits) {
    std::string bad = good;
    size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    bad.replace(at, std::strlen(from), to);
    EXPECT_THAT(errorOf(sealed(bad)), HasSubstr(message)) << to;
  }
}

} // namespace
} // namespace gem::quant
