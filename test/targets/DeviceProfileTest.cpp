// Tests the device profiles: those built in, and what is said of one that is wrong.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/devices/DeviceProfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace gem {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const char kProfile[] = R"(name: "board"
description: "a board"
isa: "armv8.2-a"
memory_limit: 1000
clusters {
  name: "big"
  count: 2
  clock_hz: 2e9
  features: ["neon", "dotprod"]
  rates { format: "f32" macs_per_cycle: 8 }
  rates { format: "f16" macs_per_cycle: 6 }
  rates { format: "int8" macs_per_cycle: 32 }
  rates { format: "int4" macs_per_cycle: 16 }
  rates { format: "int4g128" macs_per_cycle: 20 }
  rates { format: "int3" macs_per_cycle: 12 }
  rates { format: "int2" macs_per_cycle: 12 }
  rates { format: "f32" macs_per_cycle: 2 kernel: "attention" }
  operations_per_cycle: 4
  cache_bytes_per_cycle: 8
}
memory_bandwidth_core: 4e9
memory_bandwidth: 6e9
threads: 2
)";

/// kProfile with `from`, which is there, replaced.
std::string with(const std::string &from, const std::string &to) {
  std::string text = kProfile;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string errorOf(const std::string &text) {
  absl::StatusOr<DeviceProfile> device = parseDeviceProfile(text, "'board.textproto'");
  EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(device.status().message());
}

TEST(DeviceProfileTest, BuiltInProfilesAreValid) {
  std::vector<std::string> names;
  for (const DeviceProfile &device : listDevices()) {
    names.push_back(device.name);
    EXPECT_FALSE(device.sources.empty()) << device.name;
    EXPECT_GT(device.clusters.front().macsPerSecond("linear_quantized", "int8"), 1e9);
    for (const std::string &source : device.sources)
      EXPECT_THAT(source, HasSubstr(": ")) << "a source says of which figure it is";
  }
  // Of a profile that is not valid listDevices() says nothing.
  EXPECT_THAT(names, ElementsAre("host", "raspberry-pi-4", "raspberry-pi-5", "pixel-6", "iphone-13",
                                 "generic-armv8.0", "generic-armv8.2", "generic-x86-64-v3"));
  for (const std::string &name : names)
    EXPECT_TRUE(findDevice(name).ok());
}

TEST(DeviceProfileTest, RaspberryPi4) {
  absl::StatusOr<DeviceProfile> device = findDevice("raspberry-pi-4");
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->numCores(), 4);
  EXPECT_EQ(device->threads, 4);
  EXPECT_EQ(device->memoryLimit, 1'000'000'000);
  EXPECT_THAT(device->clusters.front().features, ElementsAre("neon"));
  // A Cortex-A72 multiplies 8 int8 values a cycle at most.
  EXPECT_LE(device->clusters.front().macsPerSecond("linear_quantized", "int8"), 8 * 1.5e9);
}

TEST(DeviceProfileTest, EveryFigureHasASource) {
  for (const DeviceProfile &device : listDevices()) {
    std::string sources;
    for (const std::string &source : device.sources)
      sources += source + "\n";
    for (const char *field : {"rates", "operations_per_cycle", "cache_bytes_per_cycle",
                              "memory_bandwidth", "per_call_seconds", "fork_join_seconds"})
      EXPECT_THAT(sources, ::testing::HasSubstr(field)) << device.name;
    if (device.name != "host") {
      EXPECT_THAT(sources, ::testing::HasSubstr("memory_limit")) << device.name;
      EXPECT_THAT(sources, ::testing::ContainsRegex("clusters|clock_hz")) << device.name;
    }
  }
}

TEST(DeviceProfileTest, TheHostIsThisMachine) {
  absl::StatusOr<DeviceProfile> device = findDevice("host");
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->isa, "host");
  EXPECT_GE(device->numCores(), 1);
  EXPECT_EQ(device->threads, device->numCores());
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni")) {
    EXPECT_THAT(device->clusters.front().features, Contains("avx512vnni"));
  }
#endif
}

TEST(DeviceProfileTest, ReadsAFile) {
  std::string path = ::testing::TempDir() + "board.textproto";
  std::ofstream(path) << kProfile;
  absl::StatusOr<DeviceProfile> device = findDevice(path);
  std::remove(path.c_str());
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->name, "board");
  EXPECT_EQ(device->memoryBandwidth, 6e9);
  EXPECT_EQ(device->clusters.front().clockHz, 2e9);
}

TEST(DeviceProfileTest, TheMostSpecificRateApplies) {
  absl::StatusOr<DeviceProfile> device = parseDeviceProfile(kProfile, "board");
  ASSERT_TRUE(device.ok()) << device.status();
  const DeviceCluster &cluster = device->clusters.front();
  EXPECT_EQ(cluster.macsPerSecond("linear_quantized", "int4"), 32e9);
  EXPECT_EQ(cluster.macsPerSecond("linear_quantized", "int4g32"), 32e9);
  EXPECT_EQ(cluster.macsPerSecond("linear_quantized", "int4g32f16"), 32e9);
  EXPECT_EQ(cluster.macsPerSecond("linear_quantized", "int4g128"), 40e9);
  EXPECT_EQ(cluster.macsPerSecond("linear", "f32"), 16e9);
  EXPECT_EQ(cluster.macsPerSecond("attention", "f32"), 4e9);
  EXPECT_EQ(cluster.macsPerSecond("attention", "int8"), 64e9);
  EXPECT_EQ(cluster.macsPerSecond("linear", "int9"), 0);
}

TEST(DeviceProfileTest, ARateMayDependOnTheTokensAndOnWhereWeightsAre) {
  DeviceCluster cluster;
  cluster.clockHz = 1;
  // A weight takes 1 cycle with 4 tokens and 2 with 16.
  cluster.rates = {{"int8", "", 8, 16, 4, 2}, {"int8", "", 4, 4}};
  auto rate = [&](int64_t tokens, WeightPlace place) {
    return cluster.macsPerSecond("linear_quantized", "int8", tokens, place);
  };
  EXPECT_DOUBLE_EQ(rate(1, WeightPlace::OwnCache), 4);
  EXPECT_DOUBLE_EQ(rate(4, WeightPlace::OwnCache), 4);
  EXPECT_DOUBLE_EQ(rate(10, WeightPlace::OwnCache), 10 / 1.5);
  EXPECT_DOUBLE_EQ(rate(16, WeightPlace::OwnCache), 8);
  EXPECT_DOUBLE_EQ(rate(100, WeightPlace::OwnCache), 8);
  EXPECT_DOUBLE_EQ(rate(16, WeightPlace::LargestCache), 4);
  EXPECT_DOUBLE_EQ(rate(16, WeightPlace::Memory), 2);
  EXPECT_DOUBLE_EQ(rate(4, WeightPlace::Memory), 4); // as nothing else is said
}

TEST(DeviceProfileTest, WhatIsNotSaidOfAKernelIsTheClusters) {
  DeviceCluster cluster;
  cluster.operationsPerCycle = 4;
  cluster.kernels = {{"embedding", "", 2, 0, 30}, {"embedding", "int4", 1, 0, 0}};
  DeviceKernel table = cluster.kernelFigures("embedding", "int4g32");
  EXPECT_EQ(table.operationsPerCycle, 1);
  EXPECT_EQ(table.cyclesPerUnit, 30);
  EXPECT_EQ(cluster.kernelFigures("embedding", "f32").operationsPerCycle, 2);
  EXPECT_EQ(cluster.kernelFigures("add", "f32").operationsPerCycle, 4);
  EXPECT_EQ(cluster.kernelFigures("linear", "f32").cyclesPerOutput, 0.25);
}

TEST(DeviceProfileTest, AnUnknownNameListsThoseThereAre) {
  absl::StatusOr<DeviceProfile> device = findDevice("toaster");
  EXPECT_EQ(device.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(device.status().message(),
            "unknown device 'toaster'; there are host, raspberry-pi-4, raspberry-pi-5, pixel-6, "
            "iphone-13, generic-armv8.0, generic-armv8.2, generic-x86-64-v3, and any profile in a "
            "FILE.textproto");
}

TEST(DeviceProfileTest, AMissingFileIsNamed) {
  absl::StatusOr<DeviceProfile> device = findDevice("no/such.textproto");
  EXPECT_EQ(device.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(device.status().message(),
            "device profile 'no/such.textproto' cannot be read: No such file or directory");
}

TEST(DeviceProfileTest, AFolderIsNoProfile) {
  std::string path = ::testing::TempDir() + "folder.textproto";
  std::filesystem::create_directories(path);
  absl::StatusOr<DeviceProfile> device = findDevice(path);
  std::filesystem::remove(path);
  EXPECT_EQ(device.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(device.status().message(),
            "device profile '" + path + "' cannot be read: expected a file, but got a folder");
}

TEST(DeviceProfileTest, APipeIsNotWaitedFor) {
  std::string path = ::testing::TempDir() + "pipe.textproto";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  absl::StatusOr<DeviceProfile> device = findDevice(path);
  std::filesystem::remove(path);
  EXPECT_THAT(device.status().message(), HasSubstr("expected a file, but got a pipe or a device"));
}

TEST(DeviceProfileTest, SyntaxErrorsSayWhere) {
  EXPECT_THAT(errorOf("name: \"a\"\nspeed: 3\n"),
              StartsWith("device profile 'board.textproto': 2:6: Message type "
                         "\"gem.devices.DeviceProfile\" has no field named \"speed\"."));
  EXPECT_THAT(errorOf("\xff"), StartsWith("device profile 'board.textproto': 1:1: "));
}

/// What is replaced by what, and the message after the profile's name.
struct Refusal {
  const char *from, *to, *message;
};

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, SaysFieldExpectedAndFound) {
  EXPECT_EQ(errorOf(with(GetParam().from, GetParam().to)),
            std::string("device profile 'board.textproto': ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, RefusalTest,
    ::testing::Values(
        Refusal{"name: \"board\"", "name: \"My board\"",
                "name: expected lower-case letters, digits, hyphens and dots, 64 at most, but got "
                "'My board'"},
        Refusal{"name: \"board\"", "name: \"board.textproto\"",
                "name: expected lower-case letters, digits, hyphens and dots, 64 at most, but got "
                "'board.textproto'"},
        Refusal{"isa: \"armv8.2-a\"", "",
                "isa: expected an instruction set such as \"armv8.2-a\", but got none"},
        Refusal{"memory_limit: 1000", "memory_limit: -5",
                "memory_limit: expected 0 to 1e+15 bytes, but got -5"},
        Refusal{"count: 2", "",
                "clusters[0].count: expected 1 to 1024 cores, but got 0, which is also what a "
                "missing field is"},
        Refusal{"clock_hz: 2e9", "clock_hz: 2.0",
                "clusters[0].clock_hz: expected 1e+07 to 1e+10 hertz, but got 2"},
        Refusal{"clock_hz: 2e9", "clock_hz: nan",
                "clusters[0].clock_hz: expected 1e+07 to 1e+10 hertz, but got nan"},
        Refusal{"\"dotprod\"", "\"sve\"",
                "clusters[0].features: expected some of neon, dotprod, fp16, i8mm, avx2, avx512, "
                "avx512vnni, but got 'sve'"},
        Refusal{"format: \"int4\"", "format: \"q4\"",
                "clusters[0].rates[3].format: expected one of f32, f16, int8, int4, int3, int2, "
                "which may have groups (int4g32), but got 'q4'"},
        Refusal{"macs_per_cycle: 32", "macs_per_cycle: -32",
                "clusters[0].rates[2].macs_per_cycle: expected 0.01 to 100000, but got -32"},
        Refusal{"rates { format: \"int3\"", "rates { format: \"int4\"",
                "clusters[0].rates[5]: expected one rate for each kernel and format, or several "
                "that each say tokens, but got a second one for 'int4'"},
        Refusal{"rates { format: \"int3\" macs_per_cycle: 12 }",
                "rates { format: \"int3\" macs_per_cycle: 12 tokens: 8 } "
                "rates { format: \"int3\" macs_per_cycle: 14 tokens: 8 }",
                "clusters[0].rates[6].tokens: expected each number of tokens once for a kernel "
                "and format, but got 8 a second time for 'int3'"},
        Refusal{"macs_per_cycle: 32", "macs_per_cycle: 32 tokens: -1",
                "clusters[0].rates[2].tokens: expected 0 to 1e+06 tokens, but got -1"},
        Refusal{"macs_per_cycle: 32", "macs_per_cycle: 32 cache_macs_per_cycle: -1",
                "clusters[0].rates[2].cache_macs_per_cycle: expected 0 to 100000, but got -1"},
        Refusal{"macs_per_cycle: 32", "macs_per_cycle: 32 memory_macs_per_cycle: nan",
                "clusters[0].rates[2].memory_macs_per_cycle: expected 0 to 100000, but got nan"},
        Refusal{"operations_per_cycle: 4", "operations_per_cycle: 4 kernels { }",
                "clusters[0].kernels[0].kernel: expected one of embedding, add_position, add, "
                "linear, layer_norm, activation, attention, route_tokens, scar_attention, "
                "select_row, quantize_tokens, linear_quantized, layer_norm_quantized, "
                "embedding_blocks, but got none"},
        Refusal{"operations_per_cycle: 4", "operations_per_cycle: 4 kernels { kernel: \"norm\" }",
                "clusters[0].kernels[0].kernel: expected one of embedding, add_position, add, "
                "linear, layer_norm, activation, attention, route_tokens, scar_attention, "
                "select_row, quantize_tokens, linear_quantized, layer_norm_quantized, "
                "embedding_blocks, but got 'norm'"},
        Refusal{"kernel: \"attention\"", "kernel: \"attentoin\"",
                "clusters[0].rates[7].kernel: expected one of embedding, add_position, add, "
                "linear, layer_norm, activation, attention, route_tokens, scar_attention, "
                "select_row, quantize_tokens, linear_quantized, layer_norm_quantized, "
                "embedding_blocks, but got 'attentoin'"},
        Refusal{"macs_per_cycle: 32", "macs_per_cycle: 32 cache_macs_per_cycle: 33",
                "clusters[0].rates[2].cache_macs_per_cycle: expected at most macs_per_cycle, 32, "
                "but got 33"},
        Refusal{"macs_per_cycle: 32", "macs_per_cycle: 32 memory_macs_per_cycle: 33",
                "clusters[0].rates[2].memory_macs_per_cycle: expected at most macs_per_cycle, 32, "
                "but got 33"},
        Refusal{"macs_per_cycle: 32",
                "macs_per_cycle: 32 cache_macs_per_cycle: 20 memory_macs_per_cycle: 20.5",
                "clusters[0].rates[2].memory_macs_per_cycle: expected at most "
                "cache_macs_per_cycle, 20, but got 20.5"},
        Refusal{"operations_per_cycle: 4",
                "operations_per_cycle: 4 kernels { kernel: \"add\" format: \"q4\" }",
                "clusters[0].kernels[0].format: expected one of f32, f16, int8, int4, int3, int2, "
                "but got 'q4'"},
        Refusal{"operations_per_cycle: 4",
                "operations_per_cycle: 4 kernels { kernel: \"add\" cycles_per_unit: -1 }",
                "clusters[0].kernels[0].cycles_per_unit: expected 0 to 1e+09 cycles, but got -1"},
        Refusal{"operations_per_cycle: 4",
                "operations_per_cycle: 4 kernels { kernel: \"add\" } kernels { kernel: \"add\" }",
                "clusters[0].kernels[1]: expected each kernel and format once, but got 'add' a "
                "second time"},
        Refusal{"rates { format: \"int3\" macs_per_cycle: 12 }", "",
                "clusters[0].rates: expected a rate for every format (f32, f16, int8, int4, int3, "
                "int2), but got none for int3"},
        Refusal{"operations_per_cycle: 4", "",
                "clusters[0].operations_per_cycle: expected 0.01 to 100000, but got 0, which is "
                "also what a missing field is"},
        Refusal{"memory_bandwidth: 6e9", "memory_bandwidth: 3e9",
                "memory_bandwidth: expected at least memory_bandwidth_core, 4e+09, but got 3e+09"},
        Refusal{"threads: 2", "threads: 3",
                "threads: expected 1 to 2 threads, as there are cores, but got 3"}));

TEST(DeviceProfileTest, AProfileNeedsCores) {
  std::string text = kProfile;
  size_t begin = text.find("clusters {"), end = text.find("memory_bandwidth_core");
  EXPECT_THAT(errorOf(text.erase(begin, end - begin)),
              HasSubstr("clusters: expected at least one cluster of cores, but got none"));
}

} // namespace
} // namespace gem
