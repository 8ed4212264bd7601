// Measures bundles: configurations in turns, memory in processes of its own.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_BENCH_H
#define GEM_TOOLS_GEM_BENCH_BENCH_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/gem-bench/Options.h"
#include "tools/gem-bench/Peaks.h"

namespace gem::bench {

// What went wrong, and how gem-bench ends because of it.
struct Failure {
  int exit_code = 0;
  std::string message;
};

// An operation of the program, in the order of execution.
struct Operation {
  std::string kernel;  // "LINEAR_QUANTIZED"
  std::string name;    // "encoder.layer.0.output"; may be ""
  std::string format;  // of its weights: "int8"; "" without any
  double seconds = 0;  // of a run, the median
  uint64_t macs = 0;
  uint64_t weight_bytes = 0;
};

// What a process that loads a bundle and runs it twice costs.
struct Cost {
  double load_seconds = 0;       // opening, and creating the session
  double first_run_seconds = 0;  // reads the weights for the first time
  uint64_t peak_bytes = 0;       // peak resident memory of the process; 0: unknown
};

struct Model {
  std::string path, name, architecture, device;
  uint64_t file_size = 0, parameters = 0;
  std::string cpu, cpu_reason;  // the kernels in use
};

// A bundle at a number of tokens on a number of threads.
struct Configuration {
  size_t model = 0;  // index into Results::models
  uint32_t tokens = 0, threads = 1;
  uint64_t session_bytes = 0;
  Cost cost;
  std::vector<double> seconds;  // of each timed run
  std::vector<Operation> operations;

  double Median() const;
  double Lowest() const;
  double Quartile(int which) const;  // 1 or 3
  uint64_t Macs() const;
};

struct Results {
  std::string processor;  // "AMD EPYC", or "unknown"
  uint32_t processors = 0;
  std::string isa;
  bool real_time = false;
  std::string int8_instruction, f32_instruction;
  std::map<uint32_t, Peaks> peaks;  // by threads
  std::vector<Model> models;
  std::vector<Configuration> configurations;
};

// Measures what `options` asks for. False, with what is wrong, when a bundle does
// not open or does not run.
bool Measure(const Options& options, Results* results, Failure* failure);

// Only runs the first configuration options.passes times.
bool RunPasses(const Options& options, Failure* failure);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_BENCH_H
