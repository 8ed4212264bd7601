// What gem-run was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_OPTIONS_H
#define GEM_TOOLS_GEM_RUN_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/common/CommandLine.h"

namespace gem::run {

inline constexpr char kTool[] = "gem-run";

enum class OutputFormat { kHuman, kTabs, kJson };

struct Options {
  tools::CommonOptions common;
  std::vector<std::string> bundles;  // one, or two with `compare`

  std::vector<std::string> texts;
  std::string input_file;  // JSON lines; "-" is standard input
  std::vector<std::string> ids;

  OutputFormat format = OutputFormat::kTabs;
  bool hidden_states = false;
  bool compare = false;
  std::string label_file;
  std::string trace;  // a file; empty: none

  uint32_t threads = 1;
  std::string cpu;      // empty: the runtime chooses
  std::string variant;  // a device or an index; empty: the runtime chooses
  std::string key_file;  // empty: signatures are not looked at
  bool check_hashes = false;
};

// Reads the command line. Without a value in the result, go on; else end with
// that exit code.
std::optional<int> ReadOptions(int argc, const char* const* argv, Options* options);

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_OPTIONS_H
