// The commands of gem-bundle, and what they have in common.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A command is one file. It makes a CLI::App with SetUp(), so that it has the
// options, the help and the errors of every tool, and is listed in kCommands of
// main.cpp.
#ifndef GEM_TOOLS_GEM_BUNDLE_COMMANDS_H
#define GEM_TOOLS_GEM_BUNDLE_COMMANDS_H

#include <string>
#include <vector>

#include "targets/Bundle/Edit/Problem.h"
#include "tools/common/CommandLine.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/KeyFile.h"

namespace gem::bundle {

inline constexpr char kTool[] = "gem-bundle";

// Each gets its own name as argv[0] and returns the exit code.
int RunApply(int argc, const char* const* argv);
int RunDiff(int argc, const char* const* argv);
int RunKernels(int argc, const char* const* argv);
int RunMerge(int argc, const char* const* argv);
int RunSplit(int argc, const char* const* argv);
int RunVerify(int argc, const char* const* argv);
#ifdef GEM_SIGNATURE
int RunKeygen(int argc, const char* const* argv);
int RunSign(int argc, const char* const* argv);
#endif

// Gives `app` the name "gem-bundle COMMAND" and the common options. `usage` is what
// follows the command; `examples` are whole command lines.
void SetUp(CLI::App& app, const std::string& command, const std::string& summary,
           const std::string& usage, std::vector<std::string> examples,
           tools::CommonOptions* common);

// Prints the error and gives the exit code: kExitRefused or kExitFailed.
int End(const edit::Problem& problem);
// A wrong command line; gives kExitUsage.
int Wrong(const std::string& command, const std::string& message);
// "ed25519 52e29ecf...", all 64 digits, as messages call a key.
std::string KeyName(const tools::PublicKey& key);
// Prints `text` to standard output; gives kExitOk, or says why it could not.
int Print(const std::string& text);

}  // namespace gem::bundle

#endif  // GEM_TOOLS_GEM_BUNDLE_COMMANDS_H
