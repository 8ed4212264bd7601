// Tests which kernels a bundle says its device runs best.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Cpu/CpuTarget.h"
#include "targets/devices/DeviceProfile.h"

#include <gtest/gtest.h>

namespace gem {
namespace {

DeviceProfile deviceWith(const std::vector<std::vector<std::string>> &clusters) {
  DeviceProfile device;
  device.name = "board";
  for (const std::vector<std::string> &features : clusters)
    device.clusters.emplace_back().features = features;
  return device;
}

TEST(CpuKernelsOf, BuiltInDevices) {
  const std::pair<const char *, const char *> expected[] = {
      {"raspberry-pi-4", "neon"}, {"pixel-6", "dotprod"}, {"iphone-13", "i8mm"}, {"host", ""}};
  for (const auto &[name, kernels] : expected) {
    absl::StatusOr<DeviceProfile> device = findDevice(name);
    ASSERT_TRUE(device.ok()) << device.status();
    EXPECT_EQ(cpuKernelsOf(*device), kernels) << name;
  }
}

TEST(CpuKernelsOf, EveryCoreMustRunThem) {
  EXPECT_EQ(cpuKernelsOf(deviceWith({{"neon", "dotprod", "i8mm"}, {"neon", "dotprod"}})),
            "dotprod");
  EXPECT_EQ(cpuKernelsOf(deviceWith({{"neon", "dotprod"}, {"neon"}})), "neon");
  EXPECT_EQ(cpuKernelsOf(deviceWith({{"avx2", "avx512", "avx512vnni"}})), "avx512vnni");
  EXPECT_EQ(cpuKernelsOf(deviceWith({{"avx2", "avx512"}, {"avx2"}})), "avx2");
}

TEST(CpuKernelsOf, NothingIsSaidWhereNothingIsKnown) {
  EXPECT_EQ(cpuKernelsOf(deviceWith({})), "");
  EXPECT_EQ(cpuKernelsOf(deviceWith({{}})), "");
  DeviceProfile here = deviceWith({{"avx2"}});
  here.isa = "host";
  EXPECT_EQ(cpuKernelsOf(here), "");
}

} // namespace
} // namespace gem
