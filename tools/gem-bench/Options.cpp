// What gem-bench was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Options.h"

#include <CLI/CLI.hpp>

#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Threads.h"

namespace gem::bench {

std::optional<int> ReadOptions(int argc, const char* const* argv, Options* options) {
  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kTool,
       .summary = "measures how fast compiled models run, and where the time goes",
       .usage = "[options] BUNDLE...",
       .examples = {"gem-bench model.gemb --tokens 16,128,512 --threads 1,2",
                    "gem-bench int8.gemb int4.gemb --per-op --json=results.json",
                    "gem-bench --profile-device -o board.textproto"}},
      &options->common);

  app.add_option("BUNDLE", options->bundles,
                 "compiled models (.gemb); several are measured in turns, so that a busy machine "
                 "slows all of them alike")
      ->group("Input");
  auto* tokens = app.add_option("--tokens", options->tokens,
                                "numbers of tokens, with random ids (default 128, or the most the "
                                "model takes)");
  tokens->delimiter(',')
      ->check(CLI::Range(1u, 1u << 20))
      ->allow_extra_args(false)
      ->type_name("N,...")
      ->group("Input");
  auto* text = app.add_option("--text", options->text, "a text to run instead of random ids");
  text->type_name("TEXT")->excludes(tokens)->group("Input");

  auto* runs = app.add_option("--runs", options->runs,
                              "timed runs of each configuration, or rounds of --profile-device");
  runs->check(CLI::Range(1u, 1000000u))->type_name("N")->group("Measuring");
  auto* seconds = app.add_option("--seconds", options->seconds,
                                 "instead: how long to measure each configuration (default 1)");
  seconds->check(CLI::Range(0.001, 3600.0))->excludes(runs)->type_name("S")->group("Measuring");
  auto* warmup =
      app.add_option("--warmup", options->warmup, "runs before that are not timed (default 2)");
  warmup->check(CLI::Range(0u, 1000u))->type_name("N")->group("Measuring");
  app.add_flag("--realtime", options->real_time,
               "measure in short bursts of real-time priority, where the system permits it")
      ->group("Measuring");
  auto* threads = app.add_option("--threads", options->threads,
                                 "numbers of threads (default 1; with --load 1,2)");
  threads->delimiter(',')
      ->check(CLI::Range(1u, tools::kMaxThreads))
      ->allow_extra_args(false)
      ->type_name("N,...")
      ->group("Measuring");
  app.add_option("--cpu", options->cpu,
                 "the kernels to use: scalar, avx2, avx512, avx512vnni, neon, dotprod, i8mm")
      ->type_name("NAME")
      ->group("Measuring");

  app.add_flag("--per-op", options->per_op, "also a line for every operation of the program")
      ->group("Output");
  app.add_flag("--peaks", options->peaks_only, "measure only what the machine could do at most")
      ->group("Output");
  auto* load = app.add_flag("--load", options->load,
                            "measure only how long opening takes, in every mode and with every "
                            "check of hashes; --threads then hash, --runs open again");
  load->excludes(tokens)->excludes(text)->group("Output");
  app.add_flag("--profile-device", options->profile_device,
               "measure this machine for gem-compile --device, in well under a minute")
      ->group("Output");
  auto* output = app.add_option("-o,--output", options->output,
                                "where --profile-device writes: FILE.textproto, whose name "
                                "becomes the device's (default: standard output)")
                     ->type_name("FILE")
                     ->group("Output");
  app.add_flag("--json{-}", options->json,
               "write JSON, every operation included; --json=FILE to a file")
      ->group("Output");

  auto* passes = app.add_option("--passes", options->passes,
                                "run this often and print nothing: for counting instructions "
                                "under an emulator");
  passes->check(CLI::Range(1u, 1000u))->type_name("N")->group("Advanced");

  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return code;

  if (options->load && threads->count() == 0) options->threads = {1, 2};

  const auto wrong = [](const std::string& message) -> std::optional<int> {
    tools::Error(kTool, message + " (see gem-bench --help)");
    return tools::kExitUsage;
  };
  if (options->profile_device && options->peaks_only) {
    return wrong("--profile-device and --peaks do not go together");
  }
  if (options->profile_device && (!options->json.empty() || options->per_op)) {
    return wrong("--profile-device writes a device profile; --json and --per-op do not go with it");
  }
  if (options->profile_device) {
    for (const CLI::Option* other : {load, passes, tokens, text, threads, seconds, warmup}) {
      if (other->count() == 0) continue;
      return wrong("--profile-device measures kernels of its own, on one thread and on all; " +
                   other->get_name() + " does not go with it");
    }
  }
  if (options->profile_device && options->output != "-" &&
      !options->output.ends_with(".textproto")) {
    return wrong(
        "-o: expected FILE.textproto, which is how --device tells a file from a name, but got '" +
        options->output + "'");
  }
  if (!options->profile_device && output->count() != 0) {
    return wrong("-o says where --profile-device writes; expected it with that option");
  }
  if (options->profile_device && !options->bundles.empty()) {
    return wrong("--profile-device measures the machine alone; expected no bundle, but got '" +
                 options->bundles.front() + "'");
  }
  if (options->bundles.empty() && !options->peaks_only && !options->profile_device) {
    return wrong("expected a bundle, but got none");
  }
  if (options->peaks_only && !options->bundles.empty()) {
    return wrong("--peaks measures the machine alone; expected no bundle, but got '" +
                 options->bundles.front() + "'");
  }
  if (options->load && (options->peaks_only || options->passes != 0 || options->per_op)) {
    return wrong("--load runs nothing; expected neither --peaks nor --per-op nor --passes");
  }
  return std::nullopt;
}

}  // namespace gem::bench
