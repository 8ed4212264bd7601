// What gem-bench was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_OPTIONS_H
#define GEM_TOOLS_GEM_BENCH_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/common/CommandLine.h"

namespace gem::bench {

inline constexpr char kTool[] = "gem-bench";

struct Options {
  tools::CommonOptions common;
  std::vector<std::string> bundles;

  std::vector<uint32_t> tokens;  // empty: 128, or the most that a bundle takes
  std::optional<std::string> text;
  std::vector<uint32_t> threads = {1};
  std::string cpu;  // empty: the runtime chooses

  uint32_t runs = 0;  // timed runs of each configuration; 0: by time
  double seconds = 1;
  uint32_t warmup = 2;
  bool real_time = false;
  uint32_t passes = 0;  // not 0: only run, without measuring

  std::string json;  // a file, "-" for standard output, empty for none
  bool per_op = false;
  bool peaks_only = false;
  bool load = false;  // measure opening instead of running
  bool profile_device = false;
  std::string output = "-";  // of the profile
};

// Reads the command line. Without a value in the result, go on; else end with
// that exit code.
std::optional<int> ReadOptions(int argc, const char* const* argv, Options* options);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_OPTIONS_H
