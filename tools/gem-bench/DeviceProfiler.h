// Measures this machine for a device profile.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the compiler's latency model knows of a device (targets/devices/device_profile.proto)
// is measured as the model uses it: kernels run in sessions (ProbeBundle.h), on weights in the
// core's own cache, in the largest cache and in memory. docs/devices.md tells what is made of
// each figure.
#ifndef GEM_TOOLS_GEM_BENCH_DEVICEPROFILER_H
#define GEM_TOOLS_GEM_BENCH_DEVICEPROFILER_H

#include <cstdint>
#include <string>
#include <vector>

#include "tools/gem-bench/Bench.h"

namespace gem::bench {

// Multiply-accumulates in a cycle of one core.
struct MeasuredRate {
  std::string format, kernel;  // kernel "": any
  uint32_t tokens = 0;
  double own = 0, cache = 0, memory = 0;  // by where weights are; 0: not measured
};

// What a kernel costs beside its products; 0: not measured.
struct MeasuredKernel {
  std::string kernel, format;
  double operations_per_cycle = 0, cycles_per_output = 0, cycles_per_unit = 0;
};

struct MeasuredDevice {
  std::string processor;  // "AMD EPYC"
  std::string isa;        // "x86-64-v4"
  std::string cpu;        // the kernels that were measured: "avx512vnni"
  std::vector<std::string> features;
  uint32_t processors = 1;
  uint32_t threads = 1;  // of the sessions that were measured with several
  double clock_hz = 0;
  uint64_t l1_bytes = 0, l2_bytes = 0, l3_bytes = 0;
  uint64_t memory_available = 0;
  double memory_bandwidth_core = 0, memory_bandwidth = 0;  // bytes a second
  double cache_bytes_per_cycle = 0;
  double operations_per_cycle = 0;
  double per_call_seconds = 0, fork_join_seconds = 0;
  std::vector<MeasuredRate> rates;
  std::vector<MeasuredKernel> kernels;
};

// Measures the kernels options.cpu names, or the best there are. False, with what is wrong.
bool MeasureDevice(const Options& options, MeasuredDevice* device, Failure* failure);

// The profile as text, for gem-compile --device.
std::string DeviceProfileText(const MeasuredDevice& device, const std::string& name);

// A name of a device out of a file's: "build/My board.textproto" makes "my-board".
std::string DeviceNameOf(const std::string& path);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_DEVICEPROFILER_H
