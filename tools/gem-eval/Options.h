// What gem-eval was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_EVAL_OPTIONS_H
#define GEM_TOOLS_GEM_EVAL_OPTIONS_H

#include "compiler/Evaluation/BrittlenessMeasures.h"
#include "tools/common/CommandLine.h"
#include <optional>
#include <string>
#include <vector>

namespace gem::eval {

inline constexpr const char *kTool = "gem-eval";

struct Options {
  tools::CommonOptions common;
  std::vector<std::string> bundles;
  std::string data, baseline, calibration;
  BrittlenessOptions measures;
  std::string json, html; ///< A file, "-" for standard output, empty for none.
  unsigned threads = 1;
};

/// A value is the exit code to end with at once.
std::optional<int> readOptions(int argc, const char *const *argv, Options &options);

} // namespace gem::eval

#endif // GEM_TOOLS_GEM_EVAL_OPTIONS_H
