// How long opening a bundle takes, and what of that is hashing.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_LOAD_H
#define GEM_TOOLS_GEM_BENCH_LOAD_H

#include <cstdint>
#include <string>
#include <vector>

#include "tools/gem-bench/Bench.h"
#include "tools/gem-bench/Options.h"

namespace gem::bench {

// One way of opening a bundle.
struct Opening {
  std::string mode;      // "map", "copy"
  std::string hashes;    // "program", "lazy", "all"
  uint32_t threads = 1;  // that hash
  // The first opening after the system was asked to drop the file from memory, which it
  // need not do.
  double first_seconds = 0;
  std::vector<double> seconds;  // of the openings after it
  // The first session of each of these bundles: lazily, it hashes.
  std::vector<double> session_seconds;
};

struct Load {
  std::string path;
  uint64_t file_size = 0;
  std::vector<Opening> openings;

  // Bytes of the file a second: of what opening with all hashes takes longer than with
  // the program's, from a map. 0 when that was not measured.
  double HashRate(uint32_t threads) const;
};

// Measures every bundle in every way. False, with what is wrong, when one does not open.
bool MeasureLoads(const Options& options, std::vector<Load>* loads, Failure* failure);

std::string TextOfLoads(const std::vector<Load>& loads);
// A document of "schema_version" 1; times are in seconds, rates a second.
std::string JsonOfLoads(const std::vector<Load>& loads);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_LOAD_H
