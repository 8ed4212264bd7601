// One bundle with a variant for each of several devices.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_COMPILE_SEVERALDEVICES_H
#define GEM_TOOLS_GEM_COMPILE_SEVERALDEVICES_H

#include "compiler/Pipeline/Compiler.h"
#include "tools/common/Output.h"
#include <string>
#include <vector>

namespace gem::compile {

/// Runs all stages up to the writing of the bundle.
absl::Status compileProgram(Compiler &compiler);

/// What compiling for several devices gave.
struct SeveralDevices {
  std::vector<CompileReport> reports; ///< By device; a failed gate is the last one's.
  std::string recipe;
  std::vector<std::string> inputFiles;
  uint64_t fileBytes = 0;
};

/// Compiles for each of `devices` and writes one bundle to `output`, or nowhere when that is
/// null. What does not depend on the device is done once: without a budget of time all but
/// the figures, else each device is compiled in turn. Aborted when a gate fails.
absl::Status compileForDevices(const CompileOptions &options,
                               const std::vector<std::string> &devices, tools::OutputFile *output,
                               SeveralDevices &result);

/// "report.json" for a device: "report.pixel-6.json".
std::string reportPathFor(const std::string &path, const std::string &device);

} // namespace gem::compile

#endif // GEM_TOOLS_GEM_COMPILE_SEVERALDEVICES_H
