// The part of a command line that every tool has, on CLI11.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CLI11 needs exceptions, MLIR's headers do not mind them: gem_add_tool() in
// tools/CMakeLists.txt compiles a tool's sources with them. This header only
// declares CLI::App, so that it may be included anywhere.
//
//   CLI::App app;
//   gem::tools::CommonOptions common;
//   gem::tools::SetUpCommandLine(app, {.name = "gem-run", .summary = "...", ...}, &common);
//   app.add_option("--text", texts, "a text to classify")->type_name("TEXT")->group("Input");
//   if (auto code = gem::tools::ParseCommandLine(app, argc, argv)) return *code;
//
// Groups are shown in the order in which they come up; a group whose name starts
// with "Advanced" only by --help-all. A description may span lines; --help breaks
// it at the terminal's width.
#ifndef GEM_TOOLS_COMMON_COMMANDLINE_H
#define GEM_TOOLS_COMMON_COMMANDLINE_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/common/Terminal.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gem::tools {

struct ToolInfo {
  std::string name;     // "gem-run"
  std::string summary;  // one sentence, lower case, no full stop
  std::string usage;    // what follows the name: "[options] BUNDLE"
  std::vector<std::string> examples;  // command lines, two of them
};

// What every tool understands.
struct CommonOptions {
  bool quiet = false;   // -q, --quiet: errors and results only
  bool verbose = false; // -v, --verbose
  ColorMode color = ColorMode::kAuto;  // --color auto|always|never
};

// Gives `app` its name, help and the common options. Call it before adding the
// tool's own options.
void SetUpCommandLine(CLI::App& app, const ToolInfo& info, CommonOptions* common);

// Refuses an empty value of `option`, "--key: expected a file, but got an empty name": it
// is what a shell makes of a variable that is not set, and must not pass for no option.
void RefuseEmpty(CLI::Option* option, const std::string& expected);

// Parses. A value is the exit code to end with: 0 after --help or --version, 2
// after a wrong command line, whose error has been printed.
std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv);

// "gem-run 0.1.0 (format 1.2)".
std::string VersionLine(std::string_view tool);

// The project's version, "0.1.0".
std::string_view Version();

// The candidate that `word` was most likely meant to be, or "".
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_COMMANDLINE_H
