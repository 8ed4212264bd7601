// gem-run: runs a compiled model on texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <unistd.h>

#include <memory>

#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/RunMain.h"
#include "tools/common/Terminal.h"
#include "tools/gem-run/Compare.h"
#include "tools/gem-run/Input.h"
#include "tools/gem-run/Model.h"
#include "tools/gem-run/Options.h"
#include "tools/gem-run/Printer.h"
#include "tools/gem-run/Trace.h"

namespace gem::run {
namespace {

int End(const Failure& failure) {
  tools::Error(kTool, failure.message);
  return failure.exit_code;
}

int Run(const Options& options, Input* input, Trace* trace) {
  Failure failure;
  const std::unique_ptr<Model> model = Model::Open(options.bundles[0], options, trace, &failure);
  if (model == nullptr) return End(failure);
  if (options.common.verbose) (void)tools::WriteAll(STDERR_FILENO, model->Describe());

  Printer printer(*model, options);
  std::string error;
  for (Item item; input->Next(&item, &error);) {
    Result result;
    if (!model->Run(item, &result, &failure)) {
      if (!item.where.empty()) failure.message = item.where + ": " + failure.message;
      return End(failure);
    }
    // A whole record at a time: whoever reads along sees each at once, and what
    // Ctrl-C leaves behind ends with a complete one.
    if (!tools::WriteToStdout(printer.Print(item, result), &error)) {
      return End({tools::kExitFailed, error});
    }
  }
  if (!error.empty()) return End({tools::kExitRefused, error});

  // Results are for programs unless they are for people: so is the summary.
  const std::string summary = printer.Summary();
  if (summary.empty() || options.common.quiet) return tools::kExitOk;
  if (options.format == OutputFormat::kHuman) {
    if (!tools::WriteToStdout("\n" + summary, &error)) return End({tools::kExitFailed, error});
  } else if (tools::IsTerminal(STDERR_FILENO)) {
    (void)tools::WriteAll(STDERR_FILENO, summary);
  }
  return tools::kExitOk;
}

int RunTraced(const Options& options, Input* input) {
  if (options.trace.empty()) return Run(options, input, nullptr);
  Trace trace;
  std::string error;
  if (!trace.Open(options.trace, &error)) return End({tools::kExitFailed, error});
  const int code = Run(options, input, &trace);
  if (trace.Finish(&error)) return code;
  const int unwritten = End({tools::kExitFailed, error});
  return code == tools::kExitOk ? unwritten : code;
}

int Main(int argc, const char* const* argv) {
  Options options;
  if (const std::optional<int> code = ReadOptions(argc, argv, &options)) return *code;
  std::string error;
  const std::unique_ptr<Input> input = OpenInput(options, &error);
  if (input == nullptr) return End({tools::kExitRefused, error});
  return options.compare ? Compare(options, input.get()) : RunTraced(options, input.get());
}

}  // namespace
}  // namespace gem::run

int main(int argc, char** argv) {
  return gem::tools::RunMain(gem::run::kTool, [&] { return gem::run::Main(argc, argv); });
}
