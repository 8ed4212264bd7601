// gem-inspect: explains a checkpoint or a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Checkpoint/ModelSource.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/RunMain.h"
#include "tools/common/StatusExit.h"
#include "tools/common/Terminal.h"
#include "tools/gem-inspect/Inspect.h"
#include <CLI/CLI.hpp>
#include <sstream>
#include <unistd.h>

using namespace gem;
using namespace gem::inspect;

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

std::vector<std::string> gem::inspect::problemsOf(const absl::Status &status) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(status.message())};
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
  // The first line of several is a headline: "MODEL (3 problems):".
  if (lines.size() > 1 && lines.front().ends_with(":"))
    lines.erase(lines.begin());
  return lines;
}

int gem::inspect::report(const absl::Status &status) {
  std::istringstream stream{std::string(status.message())};
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(" "))
      (void)tools::WriteAll(STDERR_FILENO, line + "\n");
    else
      tools::Error(kTool, line);
  }
  return tools::ExitCodeOf(status);
}

int gem::inspect::print(const std::string &text, int code) {
  std::string error;
  if (tools::WriteToStdout(text, &error))
    return code;
  tools::Error(kTool, error);
  return tools::kExitFailed;
}

std::string Page::strong(const std::string &text) const {
  return tools::Paint(color, tools::kBold, text);
}

std::string Page::dim(const std::string &text) const {
  return tools::Paint(color, tools::kDim, text);
}

void Page::title(const std::string &what, const std::string &rest) {
  out += strong(what) + ": " + rest + "\n";
}

void Page::heading(const std::string &text) {
  out += (out.empty() ? "" : "\n") + strong(text) + "\n";
}

void Page::fact(const std::string &name, const std::string &value) {
  constexpr size_t kColumn = 26;
  const size_t width = std::max(tools::TerminalWidth(STDOUT_FILENO), 60);
  std::string label = "  " + name;
  size_t labelWidth = tools::DisplayWidth(label);
  out += dim(label) + std::string(labelWidth < kColumn ? kColumn - labelWidth : 1, ' ');
  size_t column = std::max(kColumn, labelWidth + 1);
  bool isFirst = true;
  std::istringstream words(tools::Printable(value));
  for (std::string word; words >> word; isFirst = false) {
    size_t wordWidth = tools::DisplayWidth(word);
    if (!isFirst && column + 1 + wordWidth > width) {
      out += "\n" + std::string(kColumn, ' ');
      column = kColumn;
      isFirst = true;
    }
    out += (isFirst ? "" : " ") + word;
    column += wordWidth + (isFirst ? 0 : 1);
  }
  out += "\n";
}

std::string gem::inspect::formatShape(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string gem::inspect::abbreviate(const std::vector<std::string> &items, bool all) {
  constexpr size_t kShown = 8;
  size_t shown = all || items.size() <= kShown + 1 ? items.size() : kShown;
  std::string text;
  for (size_t i = 0; i < shown; ++i)
    text += (i ? ", " : "") + items[i];
  if (shown < items.size())
    text += ", and " + std::to_string(items.size() - shown) + " more";
  return text;
}

//===----------------------------------------------------------------------===//
// The command line
//===----------------------------------------------------------------------===//

static std::optional<int> readOptions(int argc, const char *const *argv, Options &options) {
  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kTool,
       .summary = "explains a checkpoint, a bundle or a module",
       .usage = "[options] FILE | --diff A B",
       .examples = {"gem-inspect examples/gem-tiny", "gem-inspect tiny.gemb --program",
                    "gem-inspect tiny.gemb --latency raspberry-pi-4 --tokens 16,128",
                    "gem-inspect --diff yesterday.gemb today.gemb"}},
      &options.common);
  std::vector<std::string> settings;
  std::vector<std::string> files;
  bool diff = false;
  app.add_option("FILE", files,
                 "a checkpoint (file or folder), a bundle or a module in the gem dialects; "
                 "recognised by content")
      ->group("Input");
  app.add_flag("--json", options.json, "everything, as one JSON object")->group("Output");
  app.add_flag("--program", options.program, "the program listing in the gemrt dialect")
      ->group("Of a bundle");
  app.add_flag("--bytes", options.bytes, "every byte of the file: they add up to its size")
      ->group("Of a bundle");
  app.add_flag("--hashes", options.hashes, "check the BLAKE3 hashes of program and segments")
      ->group("Of a bundle");
  app.add_flag("--diff", diff,
               "say in words what differs between two bundles, and end with 1 if anything does")
      ->group("Of a bundle");
  app.add_option("--extract", options.extract,
                 "write the bytes of a segment, or of 'program', to --output")
      ->type_name("SEGMENT")
      ->group("Of a bundle");
  app.add_option("-o,--output", options.output, "where --extract writes (default: standard output)")
      ->type_name("OUT")
      ->group("Of a bundle");
  app.add_option("--latency", options.latency,
                 "how long it takes on a device, by the compiler's model; with -v call by call")
      ->type_name("DEVICE")
      ->group("Of a bundle");
  for (auto [name, numbers, text] :
       {std::tuple("--tokens", &options.tokens, "of --latency (default: the most it takes)"),
        std::tuple("--threads", &options.threads, "of --latency (default: as the device has)")})
    app.add_option(name, *numbers, text)
        ->delimiter(',')
        ->check(CLI::Range(1, 1 << 20))
        ->allow_extra_args(false)
        ->type_name("N,...")
        ->group("Of a bundle");
  app.add_option("--set", settings,
                 "a hyper-parameter the checkpoint does not tell, as gem-compile's; may be given "
                 "again")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE")
      ->group("Of a checkpoint");
  app.add_flag("--finite", options.finite, "read every weight: refuse NaN and infinite ones")
      ->group("Of a checkpoint");
  if (std::optional<int> code = tools::ParseCommandLine(app, argc, argv))
    return code;
  auto wrong = [](const std::string &message) {
    tools::Error(kTool, message);
    return tools::kExitUsage;
  };
  if (files.empty())
    return wrong("no FILE given (see gem-inspect --help)");
  if (files.size() != (diff ? 2 : 1))
    return wrong((diff ? "--diff: expected two bundles, but got "
                       : "expected one FILE (or --diff), but got ") +
                 std::to_string(files.size()));
  options.path = files[0];
  if (diff)
    options.other = files[1];
  for (const std::string &setting : settings) {
    size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return wrong("--set: expected KEY=VALUE, but got '" + setting + "'");
    if (!options.overrides.emplace(setting.substr(0, equals), setting.substr(equals + 1)).second)
      return wrong("--set: '" + setting.substr(0, equals) + "' is given twice");
  }
  if (!options.extract.empty() && (options.json || options.program || options.bytes))
    return wrong("--extract goes with none of --json, --program and --bytes");
  if (!options.extract.empty() && options.output == "-" && tools::IsTerminal(STDOUT_FILENO))
    return wrong("a segment is not written to a terminal; give a file with -o OUT");
  if (options.latency.empty() && !(options.tokens.empty() && options.threads.empty()))
    return wrong(std::string(options.tokens.empty() ? "--threads" : "--tokens") +
                 " goes with --latency; name a device with it");
  if (!options.latency.empty() &&
      (options.program || options.bytes || options.hashes || !options.extract.empty()))
    return wrong("--latency goes with none of --program, --bytes, --hashes and --extract");
  if (diff && (!options.latency.empty() || options.program || options.bytes || options.hashes ||
               !options.extract.empty()))
    return wrong("--diff goes with none of --latency, --program, --bytes, --hashes and --extract");
  options.color = tools::UseColor(STDOUT_FILENO, options.common.color);
  return std::nullopt;
}

static int inspectFile(int argc, const char *const *argv) {
  Options options;
  if (std::optional<int> code = readOptions(argc, argv, options))
    return *code;
  if (!options.other.empty())
    return compareBundles(options);
  FileKind kind;
  if (absl::Status status = recognise(options.path, kind); !status.ok())
    return report(status);
  bool asksForBundle = options.program || options.bytes || options.hashes ||
                       !options.extract.empty() || !options.latency.empty();
  if (kind != FileKind::Bundle && asksForBundle) {
    const char *flag = options.program            ? "--program"
                       : options.bytes            ? "--bytes"
                       : options.hashes           ? "--hashes"
                       : !options.latency.empty() ? "--latency"
                                                  : "--extract";
    return report(absl::InvalidArgumentError(options.path + ": is no bundle, so " + flag +
                                             " has no meaning for it"));
  }
  switch (kind) {
  case FileKind::Bundle:
    return options.latency.empty() ? inspectBundle(options) : inspectLatency(options);
  case FileKind::Module:
    return inspectModule(options);
  case FileKind::Checkpoint:
    return inspectCheckpoint(options);
  }
  return tools::kExitFailed;
}

int main(int argc, char **argv) {
  return tools::RunMain(kTool, [&] { return inspectFile(argc, argv); });
}
