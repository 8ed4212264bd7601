// Tests the latency model against figures worked out by hand.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/LatencyModel.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gem {
namespace {

using namespace mlir;
using ::testing::HasSubstr;

/// Two fast cores and two slow ones: 16 and 8 GMAC/s in f32, 8 and 4 G operations/s.
DeviceProfile board() {
  DeviceProfile device;
  device.name = "board";
  DeviceCluster big;
  big.name = "big";
  big.count = 2;
  big.clockHz = 2e9;
  big.rates = {{"f32", "", 8}, {"int8", "", 32}, {"int4", "", 16}};
  big.operationsPerCycle = 4;
  big.l2Bytes = 100'000;
  big.cacheBytesPerCycle = 8;
  DeviceCluster little = big;
  little.name = "little";
  little.clockHz = 1e9;
  device.clusters = {big, little};
  device.memoryBandwidthCore = 4e9;
  device.memoryBandwidth = 6e9;
  device.perCallSeconds = 1e-6;
  device.forkJoinSeconds = 5e-6;
  device.threads = 2;
  return device;
}

/// Of 1000 operations, 16000 multiply-accumulates, 4000 bytes of weights and 1600 others.
rt::KernelCost sampleCost() {
  rt::KernelCost cost;
  cost.macs = 16'000;
  cost.operations = 1'000;
  cost.weightBytes = 4'000;
  cost.activationBytes = 1'600;
  cost.units = 12;
  return cost;
}

TEST(LatencyModelTest, OneThread) {
  CallTime time = *LatencyModel(board(), 1).time("linear", sampleCost());
  EXPECT_DOUBLE_EQ(time.computeSeconds, 1e-6 + 0.125e-6);
  EXPECT_DOUBLE_EQ(time.memorySeconds, 1e-6 + 0.1e-6); // the cache gives 16 GB/s
  EXPECT_DOUBLE_EQ(time.overheadSeconds, 1e-6);
  EXPECT_DOUBLE_EQ(time.seconds(), 2.125e-6);
  EXPECT_EQ(time.bound(), LatencyBound::Compute);
}

TEST(LatencyModelTest, TwoThreadsShareTheWorkAndTheMemory) {
  CallTime time = *LatencyModel(board(), 0).time("linear", sampleCost());
  EXPECT_DOUBLE_EQ(time.computeSeconds, 1.125e-6 / 2);
  EXPECT_DOUBLE_EQ(time.memorySeconds, 4'000 / 6e9 + 1'600 / 32e9);
  EXPECT_DOUBLE_EQ(time.overheadSeconds, 6e-6);
  EXPECT_EQ(time.bound(), LatencyBound::Overhead);
}

TEST(LatencyModelTest, TheSlowestCoreDecides) {
  CallTime time = *LatencyModel(board(), 3).time("linear", sampleCost());
  EXPECT_DOUBLE_EQ(time.computeSeconds, 2 * 1.125e-6 / 3);
  EXPECT_EQ(LatencyModel(board(), 100).getThreads(), 4); // no more threads than cores
}

TEST(LatencyModelTest, SharesAreOfWholeUnits) {
  rt::KernelCost cost = sampleCost();
  cost.units = 3;
  CallTime three = *LatencyModel(board(), 2).time("linear", cost);
  EXPECT_DOUBLE_EQ(three.computeSeconds, 1.125e-6 * 2 / 3);
  cost.units = 1; // nobody to share with
  CallTime one = *LatencyModel(board(), 2).time("linear", cost);
  EXPECT_DOUBLE_EQ(one.computeSeconds, 1.125e-6);
  EXPECT_DOUBLE_EQ(one.overheadSeconds, 1e-6);
}

TEST(LatencyModelTest, TheFormatHasItsRate) {
  rt::KernelCost cost = sampleCost();
  cost.operations = 0;
  cost.format = "int4g32";
  EXPECT_DOUBLE_EQ(LatencyModel(board(), 1).time("linear_quantized", cost)->computeSeconds, 0.5e-6);
  cost.format = "int3";
  absl::StatusOr<CallTime> time = LatencyModel(board(), 1).time("linear_quantized", cost);
  EXPECT_EQ(time.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(time.status().message(),
            "device 'board' has no rate for int3 on big: add one to its profile");
}

TEST(LatencyModelTest, WhatTheCacheHolds) {
  rt::KernelCost cost = sampleCost();
  auto memorySeconds = [&](int64_t residentBytes) {
    return LatencyModel(board(), 1, residentBytes).time("linear", cost)->memorySeconds;
  };
  // The whole program fits in half of the cache: weights come from there.
  EXPECT_DOUBLE_EQ(memorySeconds(50'000), 5'600 / 16e9);
  // It is as large as the cache: half of them do.
  EXPECT_DOUBLE_EQ(memorySeconds(100'000), 2'000 / 4e9 + 2'000 / 16e9 + 1'600 / 16e9);
  EXPECT_DOUBLE_EQ(memorySeconds(150'000), 4'000 / 4e9 + 1'600 / 16e9);
  cost.activationBytes = 200'000; // do not fit
  EXPECT_DOUBLE_EQ(memorySeconds(0), 204'000 / 4e9);
  EXPECT_EQ(LatencyModel(board(), 1).time("linear", cost)->bound(), LatencyBound::Bandwidth);
}

TEST(LatencyModelTest, WeightsThatAreFarAwayAreWaitedFor) {
  DeviceProfile device = board();
  device.l3Bytes = 1'000'000;
  for (DeviceCluster &cluster : device.clusters)
    cluster.rates = {{"f32", "", 8, 0, 4, 2}}; // own cache, largest cache, memory
  rt::KernelCost cost = sampleCost();
  cost.operations = 0;
  auto computeSeconds = [&](int64_t residentBytes) {
    return LatencyModel(device, 1, residentBytes).time("linear", cost)->computeSeconds;
  };
  EXPECT_DOUBLE_EQ(computeSeconds(50'000), 1e-6);
  EXPECT_DOUBLE_EQ(computeSeconds(100'000), 1e-6);
  EXPECT_DOUBLE_EQ(computeSeconds(300'000), 0.5 * 1e-6 + 0.5 * 2e-6);
  EXPECT_DOUBLE_EQ(computeSeconds(500'000), 2e-6);
  EXPECT_DOUBLE_EQ(computeSeconds(1'000'000), 0.5 * 2e-6 + 0.5 * 4e-6);
  EXPECT_DOUBLE_EQ(computeSeconds(2'000'000), 4e-6);
  EXPECT_DOUBLE_EQ(computeSeconds(0), 4e-6);
}

TEST(LatencyModelTest, LittleWorkStaysOnOneThread) {
  rt::KernelCost cost = sampleCost();
  cost.driverOperations = (1 << 15) - 1;
  CallTime time = *LatencyModel(board(), 2).time("linear", cost);
  EXPECT_DOUBLE_EQ(time.computeSeconds, 1.125e-6);
  EXPECT_DOUBLE_EQ(time.overheadSeconds, 1e-6);
  cost.driverOperations = 1 << 15;
  EXPECT_DOUBLE_EQ(LatencyModel(board(), 2).time("linear", cost)->overheadSeconds, 6e-6);
}

TEST(LatencyModelTest, GrainsAreNotDivided) {
  rt::KernelCost cost = sampleCost();
  cost.grain = 4; // of 12 units: three grains
  EXPECT_DOUBLE_EQ(LatencyModel(board(), 2).time("linear", cost)->computeSeconds, 1.125e-6 * 2 / 3);
}

TEST(LatencyModelTest, ManyTokensAreShared) {
  DeviceProfile device = board();
  // With half of the tokens a weight takes more than half of the time.
  for (DeviceCluster &cluster : device.clusters)
    cluster.rates = {{"f32", "", 8, 0}, {"int8", "", 8, 32}, {"int8", "", 16, 64}};
  rt::KernelCost cost = sampleCost();
  cost.operations = 0;
  cost.format = "int8";
  cost.sharesTokens = true;
  cost.tokens = 64;
  EXPECT_DOUBLE_EQ(LatencyModel(device, 1).time("linear_quantized", cost)->computeSeconds,
                   16'000 / 32e9);
  EXPECT_DOUBLE_EQ(LatencyModel(device, 2).time("linear_quantized", cost)->computeSeconds,
                   16'000 / 16e9 / 2);
  cost.tokens = 63; // too few: outputs are shared
  // 32 tokens at 8 and 64 at 16 a cycle: a weight takes 4 cycles, whatever lies between.
  EXPECT_DOUBLE_EQ(LatencyModel(device, 2).time("linear_quantized", cost)->computeSeconds,
                   16'000 / (63 / 4.0 * 2e9) / 2);
}

TEST(LatencyModelTest, WhatAKernelCostsBesideItsProducts) {
  DeviceProfile device = board();
  device.clusters.front().kernels = {
      {"layer_norm", "", 2, 0, 100}, {"linear", "f32", 0, 3, 0}, {"activation", "", 10, 0, 0}};
  rt::KernelCost cost;
  cost.operations = 1'000;
  cost.units = 12;
  EXPECT_DOUBLE_EQ(LatencyModel(device, 1).time("layer_norm", cost)->computeSeconds,
                   (1'000 / 2.0 + 12 * 100) / 2e9);
  EXPECT_DOUBLE_EQ(LatencyModel(device, 1).time("add", cost)->computeSeconds, 1'000 / 8e9);
  // A linear's operations are the function that it applies.
  cost.macs = 16'000;
  cost.outputs = 160;
  EXPECT_DOUBLE_EQ(LatencyModel(device, 1).time("linear", cost)->computeSeconds,
                   1e-6 + (1'000 / 10.0 + 160 * 3) / 2e9);
}

const char kProgram[] = R"mlir(
gemrt.program @main device("board") {
  gemrt.symbol @n min(2) max(64)
  gemrt.segment @weights kind(weights)
  gemrt.constant @w in @weights at(0) dense<1.0> : tensor<256x128xf32>
      as !gemrt.constant<[256, 128], f32, panel_16>
  gemrt.entry @encode arena(98304) {
    %x = gemrt.alloc at(0) : !gemrt.buffer<[n, 128], f32>
    gemrt.input "x" role(activation) %x : !gemrt.buffer<[n, 128], f32>
    %w = gemrt.get_constant @w : !gemrt.constant<[256, 128], f32, panel_16>
    %none = gemrt.none
    %y = gemrt.alloc at(32768) : !gemrt.buffer<[n, 256], f32>
    %z = gemrt.alloc at(32768) : !gemrt.buffer<[n, 256], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.linear<activation = none> ins(%x, %w, %none, %none) outs(%y) {name = "up"}
          : (!gemrt.buffer<[n, 128], f32>, !gemrt.constant<[256, 128], f32, panel_16>,
             !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 256], f32>)
      gemrt.call #gemrt.attention<heads = 2, head_dim = 128, scale = 0.1 : f32, first_query = 0>
          ins(%y, %y, %y, %none) outs(%z)
          : (!gemrt.buffer<[n, 256], f32>, !gemrt.buffer<[n, 256], f32>,
             !gemrt.buffer<[n, 256], f32>, !gemrt.none) -> (!gemrt.buffer<[n, 256], f32>)
    }
    gemrt.output "z" role(hidden_states) %z : !gemrt.buffer<[n, 256], f32>
  }
}
)mlir";

class ProgramLatencyTest : public ::testing::Test {
protected:
  ProgramLatencyTest() {
    context.loadDialect<GemDialect, rt::GemRTDialect>();
    module = parseSourceString<ModuleOp>(kProgram, &context);
  }
  absl::StatusOr<ModelledLatency> model(int64_t tokens, int64_t threads) {
    rt::EntryOp entry;
    module->walk([&](rt::EntryOp op) { entry = op; });
    return modelLatency(entry, board(), tokens, threads);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(ProgramLatencyTest, EveryCallByHand) {
  ASSERT_TRUE(module);
  absl::StatusOr<ModelledLatency> latency = model(/*tokens=*/0, /*threads=*/1);
  ASSERT_TRUE(latency.ok()) << latency.status();
  EXPECT_EQ(latency->tokens, 64);
  EXPECT_EQ(latency->threads, 1);
  ASSERT_EQ(latency->calls.size(), 2u);
  const ModelledCall &linear = latency->calls[0], &attention = latency->calls[1];
  EXPECT_EQ(linear.name, "up");
  EXPECT_EQ(linear.kernel, "linear");
  // 64 x 256 x 128 products at 16 G/s, 64 x 256 additions at 8 G/s.
  EXPECT_DOUBLE_EQ(linear.time.computeSeconds, 2'097'152 / 16e9 + 16'384 / 8e9);
  EXPECT_DOUBLE_EQ(linear.time.memorySeconds, 131'072 / 4e9 + 98'304 / 16e9);
  EXPECT_EQ(linear.time.bound(), LatencyBound::Compute);
  EXPECT_EQ(attention.kernel, "attention");
  EXPECT_EQ(attention.cost.macs, 2 * 64 * 64 * 256);
  EXPECT_DOUBLE_EQ(latency->seconds, linear.time.seconds() + attention.time.seconds());
}

TEST_F(ProgramLatencyTest, FewTokensAreBoundByTheWeights) {
  absl::StatusOr<ModelledLatency> latency = model(/*tokens=*/1, /*threads=*/1);
  ASSERT_TRUE(latency.ok()) << latency.status();
  EXPECT_EQ(latency->tokens, 2); // as few as the program takes
  const CallTime &linear = latency->calls[0].time;
  // Two tokens touch a 32nd of the arena's 98,304 bytes: a part of the weights stays cached.
  double cached = 1.5 - (131'072 + 3'072) / 100e3;
  EXPECT_DOUBLE_EQ(linear.memorySeconds,
                   131'072 * ((1 - cached) / 4e9 + cached / 16e9) + 3'072 / 16e9);
  EXPECT_EQ(linear.bound(), LatencyBound::Bandwidth);
}

TEST_F(ProgramLatencyTest, MoreTokensTakeLonger) {
  for (int64_t threads : {1, 2, 4}) {
    double last = 0;
    for (int64_t tokens = 2; tokens <= 64; ++tokens) {
      absl::StatusOr<ModelledLatency> latency = model(tokens, threads);
      ASSERT_TRUE(latency.ok()) << latency.status();
      EXPECT_GE(latency->seconds, last) << tokens << " tokens, " << threads << " threads";
      last = latency->seconds;
    }
  }
}

TEST_F(ProgramLatencyTest, SaysWhatItTakesForGranted) {
  EXPECT_EQ(model(0, 3)->assumptions,
            "2 x big at 2.00 GHz and 1 x little at 1.00 GHz, equal shares, no other load or "
            "throttling; weights read from memory once a run (6.0 GB/s, one core 4.0); SCAR over "
            "every pair of tokens");
}

} // namespace
} // namespace gem
