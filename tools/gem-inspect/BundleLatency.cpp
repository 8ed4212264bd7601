// How long a bundle takes on a device, by the compiler's model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Bundle/BundleReader.h"
#include "targets/Cpu/LatencyModel.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"
#include "tools/gem-inspect/Inspect.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using namespace gem;
using namespace gem::inspect;
using Json = nlohmann::ordered_json;
using Align = tools::Table::Align;

namespace {

const char *boundName(LatencyBound bound) {
  switch (bound) {
  case LatencyBound::Compute:
    return "compute";
  case LatencyBound::Bandwidth:
    return "bandwidth";
  case LatencyBound::Overhead:
    break;
  }
  return "overhead";
}

/// Calls of a kernel on weights of a format.
struct KernelTime {
  std::string name, format;
  int64_t calls = 0;
  double seconds = 0;
};

/// Those that take longest first.
std::vector<KernelTime> byKernel(const ModelledLatency &latency) {
  std::vector<KernelTime> kernels;
  for (const ModelledCall &call : latency.calls) {
    std::string format = call.cost.macs > 0 ? call.cost.format : "";
    auto same = [&](const KernelTime &kernel) {
      return kernel.name == call.kernel && kernel.format == format;
    };
    auto found = std::find_if(kernels.begin(), kernels.end(), same);
    if (found == kernels.end())
      found = kernels.insert(kernels.end(), {call.kernel, format});
    ++found->calls;
    found->seconds += call.time.seconds();
  }
  std::stable_sort(kernels.begin(), kernels.end(),
                   [](const KernelTime &a, const KernelTime &b) { return a.seconds > b.seconds; });
  return kernels;
}

Json describe(const ModelledLatency &latency) {
  Json calls = Json::array();
  for (const ModelledCall &call : latency.calls)
    calls.push_back({{"kernel", call.kernel},
                     {"name", call.name},
                     {"format", call.cost.format},
                     {"seconds", call.time.seconds()},
                     {"compute_seconds", call.time.computeSeconds},
                     {"memory_seconds", call.time.memorySeconds},
                     {"overhead_seconds", call.time.overheadSeconds},
                     {"bound", boundName(call.time.bound())}});
  return {{"tokens", latency.tokens},
          {"threads", latency.threads},
          {"seconds", latency.seconds},
          {"assumptions", latency.assumptions},
          {"calls", std::move(calls)}};
}

void write(Page &page, const ModelledLatency &latency, bool detailed) {
  page.heading(tools::FormatPlural(latency.tokens, "token") + ", " +
               tools::FormatPlural(latency.threads, "thread") + ": " +
               tools::FormatDuration(latency.seconds));
  page.fact("assumed", latency.assumptions);
  tools::Table rows({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  auto add = [&](const std::string &kernel, const std::string &format, const std::string &calls,
                 double seconds, const std::string &rest) {
    rows.AddRow({kernel, format, calls, tools::FormatDuration(seconds),
                 tools::FormatPercent(seconds / latency.seconds), rest});
  };
  rows.AddRow({page.dim("kernel"), page.dim("weights"), page.dim(detailed ? "bound" : "calls"),
               page.dim("time"), page.dim("share"), detailed ? page.dim("name") : ""});
  if (detailed)
    for (const ModelledCall &call : latency.calls)
      add(call.kernel, call.cost.macs > 0 ? call.cost.format : "", boundName(call.time.bound()),
          call.time.seconds(), call.name);
  else
    for (const KernelTime &kernel : byKernel(latency))
      add(kernel.name, kernel.format, std::to_string(kernel.calls), kernel.seconds, "");
  std::string text = rows.ToString(2);
  page.line(text.substr(0, text.find_last_not_of('\n') + 1));
}

} // namespace

int gem::inspect::inspectLatency(const Options &options) {
  absl::StatusOr<DeviceProfile> device = findDevice(options.latency);
  if (!device.ok())
    return report(device.status());
  auto file = BundleFile::open(options.path);
  if (!file.ok())
    return report(file.status());
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, rt::GemRTDialect>();
  auto module = readBundle(*file, context);
  if (!module.ok())
    return report(module.status());

  std::vector<int64_t> tokens = options.tokens, threads = options.threads;
  if (tokens.empty())
    tokens = {0}; // as many as it takes
  if (threads.empty())
    threads = {0}; // as many as the device's sessions have
  // The variant for the device, or else the first; of it the first entry, as a session has by
  // default.
  auto programs = llvm::to_vector((*module)->getOps<rt::ProgramOp>());
  auto isForDevice = [&](rt::ProgramOp program) { return program.getDevice() == device->name; };
  auto program = llvm::find_if(programs, isForDevice);
  if (program == programs.end())
    program = programs.begin(); // there is at least one
  std::string variant = program->getDevice().str();
  Page page(options.color);
  page.title(options.path, "the variant for " + tools::Printable(variant) + ", modelled on " +
                               device->name +
                               (device->description.empty() ? "" : ", " + device->description));
  Json json = tools::MakeJsonDocument();
  json["kind"] = "latency";
  json["path"] = options.path;
  json["device"] = device->name;
  json["variant"] = variant;
  Json &runs = json["runs"] = Json::array();
  for (auto entry : program->getOps<rt::EntryOp>()) {
    for (int64_t count : tokens)
      for (int64_t cores : threads) {
        absl::StatusOr<ModelledLatency> latency = modelLatency(entry, *device, count, cores);
        if (!latency.ok())
          return report(latency.status());
        if (cores > 0 && latency->threads != cores)
          return report(absl::InvalidArgumentError(
              "--threads: expected at most " + std::to_string(latency->threads) + ", as " +
              device->name + " has cores, but got " + std::to_string(cores)));
        if (count > 0 && latency->tokens != count)
          return report(absl::InvalidArgumentError(
              options.path + ": --tokens: expected a number that the program takes, such as " +
              std::to_string(latency->tokens) + ", but got " + std::to_string(count)));
        runs.push_back(describe(*latency));
        write(page, *latency, options.common.verbose);
      }
    break;
  }
  return print(options.json ? tools::DumpJson(json) : page.str(), tools::kExitOk);
}
