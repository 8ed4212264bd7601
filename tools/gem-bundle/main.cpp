// gem-bundle: merges, updates, signs and checks bundles.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <CLI/CLI.hpp>

#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/RunMain.h"
#include "tools/gem-bundle/Commands.h"

namespace gem::bundle {
namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(int argc, const char* const* argv);
};

constexpr Command kCommands[] = {
    {"merge", "put variants of one model, for several devices, into one file", RunMerge},
    {"split", "take a bundle's variants apart again", RunSplit},
    {"diff", "write what changed between two bundles as a patch", RunDiff},
    {"apply", "make the new bundle of the old one and a patch", RunApply},
    {"kernels", "list the CPU kernels that bundles call, or write a runtime's registry",
     RunKernels},
#ifdef GEM_SIGNATURE
    {"keygen", "make a pair of keys", RunKeygen},
    {"sign", "sign a bundle", RunSign},
#endif
    {"verify", "check a bundle, its hashes and its signature", RunVerify},
};

int Main(int argc, const char* const* argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (first == command.name) return command.run(argc - 1, argv + 1);
    names.emplace_back(command.name);
  }
  if (!first.empty() && first[0] != '-') {
    const std::string nearest = tools::Nearest(first, names);
    tools::Error(kTool, "unknown command '" + std::string(first) + "'" +
                            (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") +
                            " (see gem-bundle --help)");
    return tools::kExitUsage;
  }
  // Without a command there is nothing to do but to tell about them.
  CLI::App app;
  tools::CommonOptions common;
  tools::SetUpCommandLine(app,
                          {.name = kTool,
                           .summary = "merges, updates, signs and checks bundles",
                           .usage = "COMMAND [options]",
                           .examples = {"gem-bundle merge pi4.gemb pixel6.gemb -o all.gemb",
                                        "gem-bundle merge --help"}},
                          &common);
  // The help lists options, and shows an operand by its name alone.
  std::vector<std::string> unused(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    app.add_option(names[i], unused[i], kCommands[i].summary)->group("Commands");
  }
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return *code;
  tools::Error(kTool, "no command given (see gem-bundle --help)");
  return tools::kExitUsage;
}

}  // namespace

void SetUp(CLI::App& app, const std::string& command, const std::string& summary,
           const std::string& usage, std::vector<std::string> examples,
           tools::CommonOptions* common) {
  tools::SetUpCommandLine(app,
                          {.name = std::string(kTool) + " " + command,
                           .summary = summary,
                           .usage = usage,
                           .examples = std::move(examples)},
                          common);
}

int End(const edit::Problem& problem) {
  tools::Error(kTool, problem.message);
  return problem.kind == edit::Problem::Kind::kRefused ? tools::kExitRefused : tools::kExitFailed;
}

int Wrong(const std::string& command, const std::string& message) {
  const std::string name = std::string(kTool) + " " + command;
  tools::Error(name, message + " (see " + name + " --help)");
  return tools::kExitUsage;
}

// In hexadecimal digits, as the runtime's refusals and gem-inspect have it.
std::string KeyName(const tools::PublicKey& key) {
  std::string name = "ed25519 ";
  for (const uint8_t byte : key) name += tools::Format("%02x", byte);
  return name;
}

int Print(const std::string& text) {
  std::string error;
  if (tools::WriteToStdout(text, &error)) return tools::kExitOk;
  tools::Error(kTool, error);
  return tools::kExitFailed;
}

}  // namespace gem::bundle

int main(int argc, char** argv) {
  return gem::tools::RunMain(gem::bundle::kTool, [&] { return gem::bundle::Main(argc, argv); });
}
