// gem-eval: scores compiled models in every domain, and what compression cost each.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessHtml.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/RunMain.h"
#include "tools/common/StatusExit.h"
#include "tools/common/Terminal.h"
#include "tools/gem-eval/Evaluate.h"
#include "tools/gem-eval/Options.h"
#include "tools/gem-eval/Sweep.h"
#include <string_view>
#include <unistd.h>

using namespace gem;
using namespace gem::eval;

namespace {

int fail(const std::string &message, int code = tools::kExitFailed) {
  tools::Error(kTool, message);
  return code;
}

int end(const absl::Status &status) {
  return fail(std::string(status.message()), tools::ExitCodeOf(status));
}

int run(const Options &options) {
  // Known before the work: a place that cannot be written to.
  std::string error;
  tools::OutputFile json, html;
  if (!options.json.empty() && !json.Open(options.json, &error))
    return fail(error);
  if (!options.html.empty() && !html.Open(options.html, &error))
    return fail(error);
  absl::StatusOr<BrittlenessReport> report = evaluate(options);
  if (!report.ok())
    return end(report.status());
  if (json.is_open() && !json.Write(renderBrittlenessJson(*report), &error))
    return fail(error);
  if (html.is_open() && !html.Write(renderBrittlenessHtml(*report), &error))
    return fail(error);
  for (tools::OutputFile *file : {&json, &html})
    if (file->is_open() && !file->Commit(&error))
      return fail(error);
  // What goes to standard output goes alone.
  if (options.json == "-" || options.html == "-")
    return tools::kExitOk;
  BrittlenessTextOptions style;
  style.width = tools::IsTerminal(STDOUT_FILENO) ? tools::TerminalWidth(STDOUT_FILENO) : 80;
  style.color = tools::UseColor(STDOUT_FILENO, options.common.color);
  style.isVerbose = options.common.verbose;
  style.isBrief = options.common.quiet;
  if (!tools::WriteToStdout(renderBrittlenessText(*report, style), &error))
    return fail(error);
  return tools::kExitOk;
}

} // namespace

int main(int argc, char **argv) {
  return tools::RunMain(kTool, [&]() -> int {
    if (argc > 1 && std::string_view(argv[1]) == "sweep")
      return sweepMain(argc - 1, argv + 1);
    Options options;
    if (std::optional<int> code = readOptions(argc, argv, options))
      return *code;
    return run(options);
  });
}
