// What gem-eval was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-eval/Options.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Threads.h"
#include <CLI/CLI.hpp>
#include <map>

using namespace gem;
using namespace gem::eval;

std::optional<int> eval::readOptions(int argc, const char *const *argv, Options &options) {
  options.threads = tools::DefaultThreads();
  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kTool,
       .summary = "scores compiled models in every domain, and what compression cost each",
       .usage = "[options] BUNDLE... --data FILE\n"
                "       gem-eval sweep [options] MODEL --data FILE: see gem-eval sweep --help",
       .examples = {"gem-eval int8.gemb int4.gemb --data test.jsonl --against f32.gemb",
                    "gem-eval int4.gemb --data test.jsonl --against f32.gemb \\\n"
                    "      --calibration calibration.jsonl --html report.html"}},
      &options.common);
  BrittlenessOptions &measures = options.measures;
  std::string score;

  app.add_option("BUNDLE", options.bundles, "compiled models (.gemb); several are compared")
      ->group("Input");
  app.add_option("--data", options.data,
                 "texts as JSON lines: \"text\", and where there are \"domain\" and \"label\", the "
                 "index of the right class")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--against", options.baseline,
                 "the uncompressed model; without it there are scores, but no ratios to it")
      ->type_name("BUNDLE")
      ->group("Input");
  app.add_option("--calibration", options.calibration,
                 "the texts that the models were calibrated on: their domains are what the models "
                 "are for, others are unseen, and none may be in the data")
      ->type_name("FILE")
      ->group("Input");

  auto *scoreOption =
      app.add_option("--score", score,
                     "P_d, what a model is worth in a domain: accuracy (default), macro-f1, or "
                     "likelihood, exp(-mean loss)")
          ->check(CLI::IsMember({"accuracy", "macro-f1", "likelihood"}))
          ->type_name("KIND")
          ->group("Measures");
  app.add_option("--specialised", measures.specialised,
                 "the domains that the models are for, instead of the calibration data's")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A,B")
      ->group("Measures");
  app.add_option("--min-texts", measures.minimumTexts,
                 "labelled texts that every domain must have (default " +
                     std::to_string(kMinimumTexts) + "); fewer say nothing")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N")
      ->group("Measures");
  app.add_option("--resamples", measures.resamples,
                 "of the bootstrap that intervals are from (default 1000); 0: no intervals")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N")
      ->group("Measures");
  app.add_option("--seed", measures.seed, "of the bootstrap (default 1)")
      ->type_name("N")
      ->group("Measures");

  app.add_flag("--confusion", measures.confusion,
               "also which classes were taken for which; the whole matrices with --json")
      ->group("Output");
  app.add_option("--json", options.json, "write the report as JSON; - is standard output")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--html", options.html, "write a page with charts; - is standard output")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--threads", options.threads,
                 "threads that run texts (default: all processors); results do not depend on it")
      ->check(CLI::Range(1u, tools::kMaxThreads))
      ->type_name("N")
      ->group("Running");

  if (std::optional<int> code = tools::ParseCommandLine(app, argc, argv))
    return code;

  auto wrong = [](const std::string &message) -> std::optional<int> {
    tools::Error(kTool, message + " (see gem-eval --help)");
    return tools::kExitUsage;
  };
  if (options.bundles.empty())
    return wrong("expected a bundle, but got none");
  if (options.data.empty())
    return wrong("expected texts to evaluate on: --data FILE");
  if (options.json == "-" && options.html == "-")
    return wrong("expected only one of --json and --html to go to standard output");
  measures.requireScores = scoreOption->count() != 0;
  const std::map<std::string, ScoreKind> kinds = {{"", ScoreKind::Accuracy},
                                                  {"accuracy", ScoreKind::Accuracy},
                                                  {"macro-f1", ScoreKind::MacroF1},
                                                  {"likelihood", ScoreKind::Likelihood}};
  measures.score = kinds.at(score);
  return std::nullopt;
}
