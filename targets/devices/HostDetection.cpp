// What can be read of the machine that this runs on. On Linux; elsewhere, and where the
// system does not say, the profile's own figures stay.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/devices/DeviceProfile.h"
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

using namespace gem;

namespace {

struct Extension {
  const char *name;
  bool found;
  /// A core's multiply-accumulates a cycle in f32, int8 and int4, and other operations: on
  /// x86 what gem-bench --profile-device measured on a Zen 4 core, on ARM modelled as for the
  /// built-in devices with the same extension. 0: no change.
  double f32, int8, int4, operations;
};

std::vector<Extension> findExtensions() {
#if defined(__x86_64__)
  bool hasAvx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool hasAvx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl");
  return {{"avx2", hasAvx2, 15, 19, 29, 16},
          {"avx512", hasAvx512, 16, 23, 42, 26},
          {"avx512vnni", hasAvx512 && __builtin_cpu_supports("avx512vnni"), 16, 63, 55, 26}};
#elif defined(__aarch64__) && defined(__linux__)
  unsigned long capabilities = getauxval(AT_HWCAP), more = getauxval(AT_HWCAP2);
  constexpr unsigned long kFp16 = 1 << 10, kDotprod = 1 << 20, kI8mm = 1 << 13;
  return {{"neon", true, 7, 14, 10, 6},
          {"fp16", (capabilities & kFp16) != 0, 0, 0, 0, 0},
          {"dotprod", (capabilities & kDotprod) != 0, 7, 30, 16, 6},
          {"i8mm", (more & kI8mm) != 0, 7, 40, 18, 6}};
#elif defined(__aarch64__)
  return {{"neon", true, 14, 28, 20, 12}, {"dotprod", true, 14, 60, 26, 12}};
#else
  return {};
#endif
}

void detectFeatures(DeviceCluster &cluster) {
  std::vector<Extension> extensions = findExtensions();
  if (extensions.empty())
    return;
  cluster.features.clear();
  for (const Extension &extension : extensions) {
    if (!extension.found)
      continue;
    cluster.features.push_back(extension.name);
    if (extension.f32 == 0)
      continue;
    cluster.operationsPerCycle = extension.operations;
    // On x86 conversions hide behind the products; on ARM they take their time.
#if defined(__x86_64__)
    constexpr double kHalves = 0.97, kFewBits = 1;
#else
    constexpr double kHalves = 0.8, kFewBits = 0.85;
#endif
    const std::map<std::string, double> rates = {{"f32", extension.f32},
                                                 {"f16", extension.f32 * kHalves},
                                                 {"int8", extension.int8},
                                                 {"int4", extension.int4},
                                                 {"int3", extension.int4 * kFewBits},
                                                 {"int2", extension.int4 * kFewBits}};
    for (DeviceRate &rate : cluster.rates)
      if (auto found = rates.find(rate.format); found != rates.end())
        rate.macsPerCycle = found->second;
  }
}

std::string readLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// "32K", "1024K", "16M" in bytes; 0 for anything else.
int64_t parseSize(const std::string &text) {
  char *end = nullptr;
  int64_t size = std::strtoll(text.c_str(), &end, 10);
  if (size <= 0)
    return 0;
  return *end == 'K' ? size << 10 : *end == 'M' ? size << 20 : size;
}

void detectCaches(DeviceProfile &device, DeviceCluster &cluster) {
  bool isFound = false;
  for (int index = 0; index < 8; ++index) {
    std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    std::string type = readLine(folder + "type");
    int64_t size = parseSize(readLine(folder + "size"));
    if (size == 0 || type == "Instruction")
      continue;
    std::string level = readLine(folder + "level");
    if (level == "1")
      cluster.l1Bytes = size;
    else if (level == "2")
      cluster.l2Bytes = size;
    if (!isFound)
      device.l3Bytes = 0; // what the machine does not list it does not have
    isFound = true;
    if (level == "3")
      device.l3Bytes = size;
  }
}

void detectClock(DeviceCluster &cluster) {
  double kilohertz = std::strtod(
      readLine("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").c_str(), nullptr);
  double hertz = kilohertz * 1e3;
  if (hertz == 0) {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
      if (line.rfind("cpu MHz", 0) == 0 && line.find(':') != std::string::npos) {
        hertz = std::strtod(line.c_str() + line.find(':') + 1, nullptr) * 1e6;
        break;
      }
  }
  if (hertz >= 1e8 && hertz <= 1e10)
    cluster.clockHz = hertz;
}

} // namespace

void gem::detectHost(DeviceProfile &device) {
  DeviceCluster &cluster = device.clusters.front();
  if (unsigned cores = std::thread::hardware_concurrency()) {
    cluster.count = cores;
    device.threads = std::min(cores, 256u); // the most that the runtime takes
  }
  detectFeatures(cluster);
  detectCaches(device, cluster);
  detectClock(cluster);
}
