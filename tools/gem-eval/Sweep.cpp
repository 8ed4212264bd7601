// gem-eval sweep: several compressions of one model, side by side.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-eval/Sweep.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "compiler/Sweep/Sweep.h"
#include "compiler/Sweep/SweepCache.h"
#include "tools/common/CommandLine.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Progress.h"
#include "tools/common/StatusExit.h"
#include "tools/common/Terminal.h"
#include "tools/common/Threads.h"
#include "tools/gem-eval/Options.h"
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <unistd.h>

using namespace gem;
using namespace gem::eval;

namespace {

constexpr const char *kSweep = "gem-eval sweep";

struct Settings {
  tools::CommonOptions common;
  SweepOptions sweep;
  std::string recipes = kDefaultRecipes, score, json, html, bundles;
};

int fail(const std::string &message, int code = tools::kExitFailed) {
  // A compiler's message may have further lines.
  tools::Error(kTool, message.substr(0, message.find('\n')));
  return code;
}

int end(const absl::Status &status) {
  return fail(std::string(status.message()), tools::ExitCodeOf(status));
}

/// $XDG_CACHE_HOME/gem, or ~/.cache/gem; empty where neither is known.
std::string defaultCache() {
  if (const char *cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/')
    return std::string(cache) + "/gem";
  if (const char *home = std::getenv("HOME"); home && *home)
    return std::string(home) + "/.cache/gem";
  return "";
}

std::optional<int> readSettings(int argc, const char *const *argv, Settings &settings) {
  SweepOptions &sweep = settings.sweep;
  BrittlenessOptions &measures = sweep.measures;
  sweep.threads = tools::DefaultThreads();
  sweep.cache = defaultCache();
  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kSweep,
       .summary = "compiles compressions of a model and shows which make it brittle",
       .usage = "[options] MODEL --data FILE",
       .examples = {"gem-eval sweep gem-tiny --data test.jsonl --calibrate calibration.jsonl \\\n"
                    "      --html sweep.html",
                    "gem-eval sweep gem-tiny --data test.jsonl --calibrate calibration.jsonl \\\n"
                    "      --recipes int8,int4,hybrid@4.5+prune0.5"}},
      &settings.common);
  app.add_option("MODEL", sweep.model, "the model, as gem-compile takes it")->group("Input");
  app.add_option("--data", sweep.data,
                 "texts with labels, as JSON lines, that are in none of the other files")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--calibrate", sweep.calibration, "texts that recipes are calibrated on")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--validate", sweep.validation,
                 "texts that pruning is judged on (default: a part of the calibration texts)")
      ->type_name("FILE")
      ->group("Input");
  app.add_option("--recipes", settings.recipes,
                 "compressions between commas, each FORMAT[+pruneSHARE][+rtn|+gptq][+equalize]; "
                 "FORMAT is a format of gem-compile --quantize, or hybrid@BITS a weight; SHARE of "
                 "the work may stay (default: int8, int4, int3 and hybrid@4.5, each whole, with "
                 "+prune0.75 and with +prune0.5)")
      ->type_name("LIST")
      ->group("Compression");
  app.add_option("--device", sweep.device, "what it is for (default host); see gem-compile")
      ->type_name("NAME")
      ->group("Compression");
  app.add_option("--sequence", sweep.sequence,
                 "tokens of a text at most (default: the model's positions)")
      ->check(CLI::Range(int64_t(2), int64_t(1) << 20))
      ->type_name("N")
      ->group("Compression");
  app.add_option("--score", settings.score, "P_d: accuracy (default), macro-f1, or likelihood")
      ->check(CLI::IsMember({"accuracy", "macro-f1", "likelihood"}))
      ->type_name("KIND")
      ->group("Measures");
  app.add_option("--specialised", measures.specialised,
                 "the domains that the model is for, instead of the calibration data's")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A,B")
      ->group("Measures");
  app.add_option("--min-texts", measures.minimumTexts,
                 "labelled texts that every domain must have (default " +
                     std::to_string(kMinimumTexts) + ")")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N")
      ->group("Measures");
  app.add_option("--resamples", measures.resamples, "of the bootstrap (default 1000)")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N")
      ->group("Measures");
  app.add_option("--html", settings.html, "write a page with the curves")
      ->type_name("FILE")
      ->group("Output");
  app.add_flag("--json{-}", settings.json,
               "write JSON, alone to standard output; --json=FILE to a file")
      ->group("Output");
  app.add_option("--keep-bundles", settings.bundles,
                 "keep the bundles in this folder, as RECIPE.gemb; compiles also what is cached")
      ->type_name("DIR")
      ->group("Output");
  app.add_option("--cache", sweep.cache,
                 "where figures are kept, so that a sweep continues and repeats nothing (default: "
                 "$XDG_CACHE_HOME/gem or ~/.cache/gem)")
      ->type_name("DIR")
      ->group("Running");
  app.add_option("--threads", sweep.threads,
                 "threads (default: all processors); results do not depend on it")
      ->check(CLI::Range(1u, tools::kMaxThreads))
      ->type_name("N")
      ->group("Running");
  if (std::optional<int> code = tools::ParseCommandLine(app, argc, argv))
    return code;

  auto wrong = [](const std::string &message) -> std::optional<int> {
    tools::Error(kTool, message + " (see gem-eval sweep --help)");
    return tools::kExitUsage;
  };
  if (sweep.model.empty())
    return wrong("expected a model, but got none");
  if (sweep.data.empty())
    return wrong("expected texts to evaluate on: --data FILE");
  if (sweep.cache.empty())
    return wrong("no folder to keep figures in: neither XDG_CACHE_HOME nor HOME is set; give one "
                 "with --cache DIR");
  if (settings.json == "-" && settings.html == "-")
    return wrong("--json and --html cannot both go to standard output");
  absl::StatusOr<std::vector<SweepRecipe>> recipes = parseRecipes(settings.recipes);
  if (!recipes.ok())
    return wrong("--recipes: " + std::string(recipes.status().message()));
  sweep.recipes = *std::move(recipes);
  measures.score = settings.score == "macro-f1"     ? ScoreKind::MacroF1
                   : settings.score == "likelihood" ? ScoreKind::Likelihood
                                                    : ScoreKind::Accuracy;
  return std::nullopt;
}

/// A bar that says which recipe of how many, and what is done with it.
class SweepProgress {
public:
  explicit SweepProgress(bool enabled) : enabled(enabled) {}

  void update(const SweepStage &stage) {
    std::string label = stage.recipe
                            ? tools::Format("recipe %zu of %zu, ", stage.recipe, stage.recipes)
                            : std::string();
    label += stage.name + ": " + stage.stage;
    if (label != current) {
      current = label;
      bar = std::make_unique<tools::Progress>(label, stage.total, enabled);
    }
    bar->Update(stage.done);
  }
  void finish() {
    bar.reset();
    current.clear();
  }

private:
  bool enabled;
  std::string current;
  std::unique_ptr<tools::Progress> bar;
};

/// Copies an open bundle to where it is kept, whole or not at all.
absl::Status keep(const std::string &from, const std::string &to) {
  std::ifstream source(from, std::ios::binary);
  tools::OutputFile target;
  std::string error;
  if (!target.Open(to, &error))
    return absl::UnavailableError(error);
  std::string block(1 << 20, '\0');
  while (source.read(block.data(), static_cast<std::streamsize>(block.size())), source.gcount() > 0)
    if (!target.Write({block.data(), static_cast<size_t>(source.gcount())}, &error))
      return absl::UnavailableError(error);
  if (!target.Commit(&error))
    return absl::UnavailableError(error);
  return absl::OkStatus();
}

int run(Settings &settings) {
  std::string error;
  tools::OutputFile json, html;
  if (!settings.json.empty() && !json.Open(settings.json, &error))
    return fail(error);
  if (!settings.html.empty() && !html.Open(settings.html, &error))
    return fail(error);
  SweepOptions &sweep = settings.sweep;
  if (!settings.bundles.empty()) {
    std::error_code code;
    std::filesystem::create_directories(settings.bundles, code);
    if (code)
      return fail("cannot make the folder '" + settings.bundles + "': " + code.message());
    sweep.keepBundle = [&](const SweepRecipe &recipe, const std::string &path) {
      return keep(path, settings.bundles + "/" + recipe.name() + ".gemb");
    };
  }
  sweep.producer = std::string(kTool) + " " + std::string(tools::Version());
  // Another build may compute other figures under the same version.
  absl::StatusOr<std::string> program = hashOfFiles({"/proc/self/exe"});
  sweep.toolHash = sweep.producer + " " + (program.ok() ? *program : std::string());

  SweepProgress progress(!settings.common.quiet);
  size_t finished = 0, cached = 0;
  sweep.progress = [&](const SweepStage &stage) { progress.update(stage); };
  sweep.note = [&](const std::string &note) {
    progress.finish();
    tools::Warning(kTool, note);
  };
  sweep.finished = [&](const SweepEntry &entry) {
    progress.finish();
    ++finished;
    cached += entry.isCached;
    if (settings.common.quiet || entry.isCached)
      return;
    tools::Note(kTool, tools::Format("[%zu/%zu] ", finished, sweep.recipes.size()) + entry.recipe +
                           (entry.failure.empty() ? ": " + tools::FormatDuration(entry.seconds)
                                                  : " failed: " + entry.failure));
  };
  absl::StatusOr<SweepReport> report = runSweep(sweep);
  progress.finish();
  if (!report.ok())
    return end(report.status());
  if (cached && !settings.common.quiet)
    tools::Note(kTool, tools::Format("%zu of ", cached) +
                           tools::FormatPlural(sweep.recipes.size(), "recipe") +
                           " from the cache " + sweep.cache);
  if (json.is_open() && !json.Write(renderSweepJson(*report), &error))
    return fail(error);
  if (html.is_open() && !html.Write(renderSweepHtml(*report), &error))
    return fail(error);
  for (tools::OutputFile *file : {&json, &html})
    if (file->is_open() && !file->Commit(&error))
      return fail(error);
  // What goes to standard output goes alone.
  bool isAlone = settings.json == "-" || settings.html == "-";
  size_t width = tools::IsTerminal(STDOUT_FILENO)
                     ? static_cast<size_t>(tools::TerminalWidth(STDOUT_FILENO))
                     : std::numeric_limits<size_t>::max();
  bool color = tools::UseColor(STDOUT_FILENO, settings.common.color);
  if (!isAlone && !tools::WriteToStdout(renderSweepText(*report, width, color), &error))
    return fail(error);
  size_t failed = 0;
  for (const SweepEntry &entry : report->entries)
    failed += !entry.failure.empty();
  if (failed)
    return fail(tools::Format("%zu of ", failed) +
                tools::FormatPlural(report->entries.size(), "recipe") + " failed");
  return tools::kExitOk;
}

} // namespace

int eval::sweepMain(int argc, const char *const *argv) {
  Settings settings;
  if (std::optional<int> code = readSettings(argc, argv, settings))
    return *code;
  return run(settings);
}
