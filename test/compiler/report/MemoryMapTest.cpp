// Tests the map of a process's memory, and what is said of one that is too large.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/MemoryMap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gem {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// 4 MB of weights, an arena of 1 MB that is fullest at call 3.
CompileReport sample() {
  CompileReport report;
  report.device = "board";
  report.quantize = "f32";
  report.parameters = 1'000'000;
  report.sequence = 128;
  report.weightBytes = 4'000'000;
  report.memory.arenaBytes = 1'000'000;
  report.memory.buffers = {{"ids", 0, 512, 0, 1},
                           {"a", 512, 300'000, 1, 3},
                           {"b", 300'512, 500'000, 2, 4},
                           {"c", 800'512, 199'488, 3, 3},
                           {"d", 0, 300'000, 4, 5}};
  return report;
}

TEST(MemoryMapTest, TheArenaIsFullestWhereMostIsAlive) {
  MemoryMap map = makeMemoryMap(sample());
  EXPECT_EQ(map.peakCall, 3);
  EXPECT_EQ(map.peakName, "c");
  EXPECT_EQ(map.peakBytes, 999'488);
  ASSERT_EQ(map.peakBuffers.size(), 3u);
  EXPECT_EQ(map.peakBuffers[0].name, "b");
  EXPECT_EQ(map.peakBuffers[2].name, "c");
}

TEST(MemoryMapTest, WhatIsWrittenInPlaceCountsOnce) {
  CompileReport report = sample();
  // Call 3 writes over `b`, which it reads.
  report.memory.buffers.push_back({"e", 300'512, 500'000, 3, 4});
  MemoryMap map = makeMemoryMap(report);
  EXPECT_EQ(map.peakBytes, 999'488);
  EXPECT_EQ(map.peakBuffers.size(), 3u);
}

TEST(MemoryMapTest, PartsAddUp) {
  CompileReport report = sample();
  MemoryMap map = makeMemoryMap(report);
  EXPECT_FALSE(map.isComplete);
  EXPECT_EQ(map.totalBytes, 5'000'000);
  report.memory.sessionBytes = 20'000;
  report.memory.bundleBytes = 30'000;
  map = makeMemoryMap(report);
  EXPECT_TRUE(map.isComplete);
  EXPECT_EQ(map.totalBytes, 5'050'000);
  EXPECT_EQ(map.parts.size(), 4u); // no tokenizer
  report.memory.tokenizerBytes = 100'000;
  EXPECT_EQ(makeMemoryMap(report).totalBytes, 5'150'000);
}

TEST(MemoryMapTest, TheLimitIsTheLastByteThatFits) {
  CompileReport report = sample();
  EXPECT_TRUE(makeMemoryMap(report).fits()); // no limit is known
  report.deviceMemoryLimit = 5'000'000;
  EXPECT_TRUE(makeMemoryMap(report).fits());
  report.deviceMemoryLimit = 4'999'999;
  EXPECT_FALSE(makeMemoryMap(report).fits());
}

TEST(MemoryMapTest, SaysWhereItGoes) {
  CompileReport report = sample();
  report.deviceMemoryLimit = 4'500'000;
  report.memory.sessionBytes = 20'000;
  report.memory.bundleBytes = 30'000;
  EXPECT_EQ(explainMemory(report),
            "the model does not fit board: expected it to take at most the 4.50 MB that an "
            "application may use there, but it takes 5.05 MB, 550 kB too much\n"
            "  weights     4.00 MB  mapped from the file\n"
            "  arena       1.00 MB  what kernels compute, for at most 128 tokens\n"
            "  session     20.0 kB  the program, made ready to run\n"
            "  bundle      30.0 kB  the verified copy of the program\n"
            "  total       5.05 MB\n"
            "  limit       4.50 MB  what an application may use there\n"
            "  the arena is fullest at call 3, c: 999 kB in 3 buffers\n"
            "      500 kB  b, calls 2 to 4\n"
            "      300 kB  a, calls 1 to 3\n"
            "      199 kB  c, calls 3 to 3\n"
            "  what helps:\n"
            "    texts of fewer tokens: --sequence 57 makes the arena about 450 kB\n"
            "    smaller weights: --quantize int8 takes about 1.00 MB, int4 about 562 kB instead "
            "of 4.00 MB\n"
            "    a budget for them: --quantize hybrid --max-size, or --prune-to; the weights may "
            "take 3.45 MB\n"
            "    a device with more memory, or a memory_limit of its profile that is nearer to "
            "what the application gets\n");
}

TEST(MemoryMapTest, OnlyWhatHelpsIsAdvised) {
  CompileReport report = sample();
  report.deviceMemoryLimit = 3'000'000; // the weights alone are too much
  EXPECT_THAT(explainMemory(report), Not(HasSubstr("fewer tokens")));
  EXPECT_THAT(explainMemory(report), HasSubstr("--quantize int8"));
  report.quantize = "int8";
  EXPECT_THAT(explainMemory(report), Not(HasSubstr("--quantize int8")));
  EXPECT_THAT(explainMemory(report), HasSubstr("--quantize int4"));
  report.deviceMemoryLimit = 900'000; // nor is there room for any weights
  EXPECT_THAT(explainMemory(report), Not(HasSubstr("a budget")));
  EXPECT_THAT(explainMemory(report), HasSubstr("a device with more memory"));
}

} // namespace
} // namespace gem
