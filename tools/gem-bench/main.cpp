// gem-bench: measures how fast compiled models run, and where the time goes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <exception>

#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/RunMain.h"
#include "tools/gem-bench/Bench.h"
#include "tools/gem-bench/DeviceProfiler.h"
#include "tools/gem-bench/Load.h"
#include "tools/gem-bench/Options.h"
#include "tools/gem-bench/Report.h"

namespace gem::bench {
namespace {

int End(const Failure& failure) {
  tools::Error(kTool, failure.message);
  return failure.exit_code;
}

int ProfileDevice(const Options& options) {
  Failure failure;
  tools::OutputFile file;
  std::string error;
  if (!file.Open(options.output, &error)) return End({tools::kExitFailed, error});
  MeasuredDevice device;
  if (!MeasureDevice(options, &device, &failure)) return End(failure);
  const std::string name = options.output == "-" ? "measured" : DeviceNameOf(options.output);
  if (!file.Write(DeviceProfileText(device, name), &error) || !file.Commit(&error)) {
    return End({tools::kExitFailed, error});
  }
  return tools::kExitOk;
}

int Main(int argc, const char* const* argv) {
  Options options;
  if (const std::optional<int> code = ReadOptions(argc, argv, &options)) return *code;
  if (options.profile_device) return ProfileDevice(options);
  Failure failure;
  if (options.passes != 0) {
    return RunPasses(options, &failure) ? tools::kExitOk : End(failure);
  }
  // Known now rather than after the measurement.
  tools::OutputFile file;
  std::string error;
  if (!options.json.empty() && !file.Open(options.json, &error)) {
    return End({tools::kExitFailed, error});
  }
  // Both are made only when they are wanted; JSON on standard output is alone there.
  std::string json, text;
  const bool wants_json = !options.json.empty(), wants_text = options.json != "-";
  if (options.load) {
    std::vector<Load> loads;
    if (!MeasureLoads(options, &loads, &failure)) return End(failure);
    if (wants_json) json = JsonOfLoads(loads);
    if (wants_text) text = TextOfLoads(loads);
  } else {
    Results results;
    if (!Measure(options, &results, &failure)) return End(failure);
    if (wants_json) json = JsonReport(results);
    if (wants_text) text = TextReport(options, results);
  }
  if (wants_json && (!file.Write(json, &error) || !file.Commit(&error))) {
    return End({tools::kExitFailed, error});
  }
  if (wants_text && !tools::WriteToStdout(text, &error)) return End({tools::kExitFailed, error});
  return tools::kExitOk;
}

}  // namespace
}  // namespace gem::bench

int main(int argc, char** argv) {
  return gem::tools::RunMain(gem::bench::kTool, [&] { return gem::bench::Main(argc, argv); });
}
