// What gem-compile was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_COMPILE_OPTIONS_H
#define GEM_TOOLS_GEM_COMPILE_OPTIONS_H

#include "tools/common/CommandLine.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/Evaluation/BrittlenessMeasures.h"
#include "compiler/Evaluation/Condition.h"
#include "compiler/Pruning/PruningOptions.h"
#include "compiler/Quantization/ModelQuantizer.h"

namespace gem::compile {

inline constexpr const char *kTool = "gem-compile";

enum class Emit { Gem, GemRT, Bundle };

struct Options {
  tools::CommonOptions common;
  std::string model, output, calibration, report, depfile, name;
  std::vector<std::string> devices; ///< At least one; several: a variant for each.
  QuantizerOptions quantization;
  PruningOptions pruning;
  int64_t minimumTexts = kMinimumTexts;
  std::vector<std::string> conditions; ///< Of --fail-if, as written.
  std::vector<Condition> failIf;       ///< The same, parsed.
  std::string maxSize, maxLatency; ///< "6MB", "50ms"
  bool dryRun = false;
  std::map<std::string, std::string> overrides;
  int64_t sequence = 0;
  bool pad = false;
  bool listDevices = false;
  unsigned threads = 1;
  uint64_t seed = 0;
  Emit emit = Emit::Bundle;
  /// Arguments that start with --mlir-: MLIR's own options.
  std::vector<std::string> mlirArguments;
};

/// Prints an error, a message for each line that is not indented.
void printProblems(const absl::Status &status);

/// A value is the exit code to end with at once.
std::optional<int> readOptions(int argc, const char *const *argv, Options &options);

} // namespace gem::compile

#endif // GEM_TOOLS_GEM_COMPILE_OPTIONS_H
