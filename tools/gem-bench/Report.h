// How gem-bench shows what it measured: tables and JSON.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_REPORT_H
#define GEM_TOOLS_GEM_BENCH_REPORT_H

#include <string>

#include "tools/gem-bench/Bench.h"

namespace gem::bench {

// Tables for people.
std::string TextReport(const Options& options, const Results& results);

// A document of "schema_version" 1; times are in seconds, rates a second.
std::string JsonReport(const Results& results);

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_REPORT_H
