// What the system tells of the machine that this runs on.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_MACHINE_H
#define GEM_TOOLS_GEM_BENCH_MACHINE_H

#include <cstdint>
#include <string>

#include "tools/gem-bench/Bench.h"
#include "tools/gem-bench/DeviceProfiler.h"

namespace gem::bench {

// The value of "NAME:   123 kB" in a file of /proc, in bytes; 0 when absent.
uint64_t ProcBytes(const char* path, const std::string& name);

// "AMD EPYC", or "unknown".
std::string ProcessorName();

// The kernels that the runtime would choose, or those asked for.
bool ChooseIsa(const std::string& asked, std::string* isa, Failure* failure);

// Cycles a second of a core that computes, measured.
double MeasureClock();

// Fills in what needs no measuring, and the clock.
void ReadMachine(MeasuredDevice* device);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_MACHINE_H
