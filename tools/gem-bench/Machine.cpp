// What the system tells of the machine that this runs on.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Machine.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "gem/gem.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Threads.h"
#include "tools/gem-bench/Statistics.h"

namespace gem::bench {
namespace {

std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "32K", "1024K", "16M" in bytes; 0 for anything else.
uint64_t ParseSize(const std::string& text) {
  char* end = nullptr;
  const uint64_t size = std::strtoull(text.c_str(), &end, 10);
  return *end == 'K' ? size << 10 : *end == 'M' ? size << 20 : size;
}

void ReadCaches(MeasuredDevice* device) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    if (ReadLine(folder + "type") == "Instruction") continue;
    const uint64_t size = ParseSize(ReadLine(folder + "size"));
    const std::string level = ReadLine(folder + "level");
    if (level == "1") device->l1_bytes = size;
    if (level == "2") device->l2_bytes = size;
    if (level == "3") device->l3_bytes = size;
  }
}

bool Has(const MeasuredDevice& device, const char* feature) {
  return std::find(device.features.begin(), device.features.end(), feature) !=
         device.features.end();
}

}  // namespace

uint64_t ProcBytes(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) {
      return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) * 1024;
    }
  }
  return 0;
}

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t at = line.find(": ");
    if (at != std::string::npos) return line.substr(at + 2);
  }
  return "unknown";
}

bool ChooseIsa(const std::string& asked, std::string* isa, Failure* failure) {
  std::string known;
  const char* name;
  int32_t supported;
  for (uint32_t i = 0; (name = gem_cpu_kernels(i, &supported)) != nullptr; ++i) {
    if (supported == 0) continue;
    if (asked.empty() || asked == name) {
      *isa = name;
      return true;
    }
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  *failure = {tools::kExitUsage, "--cpu: expected one of " + known + ", but got '" + asked + "'"};
  return false;
}

double MeasureClock() {
  using Clock = std::chrono::steady_clock;
  // Additions that wait for one another: one a cycle on every core of interest.
  constexpr long kSteps = 200000, kAdditions = 20;
  std::vector<double> rates;
  for (int sample = 0; sample < 15; ++sample) {
    const Clock::time_point start = Clock::now();
    long steps = kSteps, sum = 0;
#define GEM_REPEAT_20(text)                                                                      \
  text text text text text text text text text text text text text text text text text text text \
      text
#if defined(__x86_64__)
    asm volatile("0:\n" GEM_REPEAT_20("add %0, %1\n") "dec %0\n jnz 0b\n"
                 : "+r"(steps), "+r"(sum)
                 :
                 : "cc");
#elif defined(__aarch64__)
    asm volatile("0:\n" GEM_REPEAT_20("add %1, %1, %0\n") "subs %0, %0, #1\n b.ne 0b\n"
                 : "+r"(steps), "+r"(sum)
                 :
                 : "cc");
#else
    return 1e9;  // a cycle is then a nanosecond, by which all other figures are told too
#endif
#undef GEM_REPEAT_20
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    rates.push_back(kSteps * kAdditions / seconds);
  }
  return Quantile(rates, 0.5);
}

void ReadMachine(MeasuredDevice* device) {
  device->processor = ProcessorName();
  device->processors = std::max(1u, std::thread::hardware_concurrency());
  device->threads = tools::DefaultThreads(device->processors);
  ReadCaches(device);
  const char* name;
  int32_t supported;
  for (uint32_t i = 0; (name = gem_cpu_kernels(i, &supported)) != nullptr; ++i) {
    if (supported != 0 && std::string(name) != "scalar") {
      device->features.insert(device->features.begin(), name);
    }
  }
#if defined(__x86_64__)
  device->isa = Has(*device, "avx512") ? "x86-64-v4"
                : Has(*device, "avx2") ? "x86-64-v3"
                                       : "x86-64";
#elif defined(__aarch64__)
  device->isa = Has(*device, "i8mm")      ? "armv8.6-a"
                : Has(*device, "dotprod") ? "armv8.2-a"
                                          : "armv8.0-a";
#else
  device->isa = "unknown";
#endif
  device->memory_available = ProcBytes("/proc/meminfo", "MemAvailable");
  device->clock_hz = MeasureClock();
}

}  // namespace gem::bench
