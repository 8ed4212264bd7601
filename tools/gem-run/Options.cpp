// What gem-run was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Threads.h"

namespace gem::run {

std::optional<int> ReadOptions(int argc, const char* const* argv, Options* options) {
  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kTool,
       .summary = "runs a compiled model on texts",
       .usage = "[options] BUNDLE",
       .examples = {"gem-run model.gemb --text 'plays chess over the network'",
                    "gem-run model.gemb --input texts.jsonl --json > results.jsonl"}},
      &options->common);
  bool json = false;
  std::string format;

  app.add_option("BUNDLE", options->bundles, "the compiled model (.gemb); two with --compare")
      ->expected(1, 2)
      ->group("Input");
  app.add_option("--text", options->texts, "a text; may be given again")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group("Input");
  app.add_option("--input", options->input_file,
                 "JSON lines, each an object with a \"text\" and maybe a \"label\"; - is standard "
                 "input. Without any input option: standard input, one text a line")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--ids", options->ids,
                 "token ids instead of a text: \"2 5 7 3\"; may be given again")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("IDS")
      ->group("Input");

  app.add_flag("--json", json, "one JSON object a line")->group("Output");
  app.add_flag("--hidden-states", options->hidden_states,
               "with --json: also every token's hidden state, of a model that has them")
      ->group("Output");
  app.add_option("--label-file", options->label_file,
                 "names of the classes, one a line or as JSON, instead of the bundle's")
      ->type_name("FILE")
      ->group("Output");
  app.add_flag("--compare", options->compare,
               "run two bundles on the same input, say where they differ first, and end with 1 if "
               "they do")
      ->group("Output");

  app.add_option("--trace", options->trace,
                 "also write when each command of the model ran, and for how long, for Perfetto "
                 "(ui.perfetto.dev) or chrome://tracing")
      ->type_name("FILE")
      ->group("Output");

  app.add_option("--threads", options->threads, "threads that compute (default 1)")
      ->check(CLI::Range(1u, tools::kMaxThreads))
      ->type_name("N")
      ->group("Running");
  app.add_option("--cpu", options->cpu,
                 "the kernels to use: scalar, avx2, avx512, avx512vnni, neon, dotprod, i8mm")
      ->type_name("NAME")
      ->group("Running");

  auto* key = app.add_option("--key", options->key_file,
                             "run only what is signed with this public key: a file of gem-bundle "
                             "keygen; weights are checked before they are used")
                  ->type_name("FILE")
                  ->group("Running");
  tools::RefuseEmpty(key, "a file");
  auto* variant = app.add_option("--variant", options->variant,
                                 "the bundle's variant, by its device or its number from 0 "
                                 "(default: the one that suits this machine)")
                      ->type_name("NAME|N")
                      ->group("Running");
  tools::RefuseEmpty(variant, "a device or a number");

  app.add_option("--format", format,
                 "human, tabs or json; by default human on a terminal and tabs (label, "
                 "probability, text) elsewhere")
      ->check(CLI::IsMember({"human", "tabs", "json"}))
      ->type_name("FORMAT")
      ->group("Advanced");
  app.add_flag("--check-hashes", options->check_hashes, "check every segment's hash before running")
      ->group("Advanced");

  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return code;

  const auto wrong = [](const std::string& message) -> std::optional<int> {
    tools::Error(kTool, message + " (see gem-run --help)");
    return tools::kExitUsage;
  };
  const size_t expected = options->compare ? 2 : 1;
  if (options->bundles.size() != expected) {
    if (options->compare) {
      return wrong("--compare: expected two bundles, but got " +
                   std::to_string(options->bundles.size()));
    }
    return wrong(options->bundles.empty()
                     ? std::string("expected a bundle, but got none")
                     : "expected one bundle, but got two ('" + options->bundles[1] +
                           "' too); give texts with --text, or use --compare");
  }
  if (options->compare && !options->trace.empty()) {
    return wrong("--trace and --compare contradict each other: a trace is of one bundle");
  }
  if (options->trace == "-") {
    return wrong("--trace: expected a file, but got -: the results go to standard output");
  }
  const int sources = (options->texts.empty() ? 0 : 1) + (options->input_file.empty() ? 0 : 1) +
                      (options->ids.empty() ? 0 : 1);
  if (sources > 1) return wrong("expected only one of --text, --input and --ids");
  if (json && !format.empty() && format != "json") {
    return wrong("--json and --format " + format + " contradict each other");
  }
  if (json || format == "json") {
    options->format = OutputFormat::kJson;
  } else if (format == "human" || (format.empty() && tools::IsTerminal(STDOUT_FILENO))) {
    options->format = OutputFormat::kHuman;
  }
  if (options->hidden_states && options->format != OutputFormat::kJson) {
    return wrong("--hidden-states needs --json");
  }
  return std::nullopt;
}

}  // namespace gem::run
