// What gem-compile was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-compile/Options.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Threads.h"
#include "tools/gem-compile/OptionGroups.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <unistd.h>

using namespace gem;
using namespace gem::compile;

/// "key=value" pairs, each key once and known.
static bool readOverrides(const std::vector<std::string> &settings, Options &options) {
  std::vector<std::string> keys;
  for (const auto &[key, help] : checkpoint::overrideKeys())
    keys.push_back(key);
  for (const std::string &setting : settings) {
    size_t equals = setting.find('=');
    std::string key = setting.substr(0, equals);
    if (equals == std::string::npos || key.empty()) {
      tools::Error(kTool, "--set: expected KEY=VALUE, but got '" + setting + "'");
      return false;
    }
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      std::string nearest = tools::Nearest(key, keys), list;
      for (const std::string &known : keys)
        list += (list.empty() ? "" : ", ") + known;
      tools::Error(kTool, "--set: unknown key '" + key + "'" +
                              (nearest.empty() ? "" : "; did you mean '" + nearest + "'?") +
                              " The keys are " + list);
      return false;
    }
    if (!options.overrides.emplace(key, setting.substr(equals + 1)).second) {
      tools::Error(kTool, "--set: '" + key + "' is given twice");
      return false;
    }
  }
  return true;
}

void gem::compile::printProblems(const absl::Status &status) {
  std::string_view rest(status.message().data(), status.message().size());
  while (!rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string line(rest.substr(0, end));
    // What belongs to a line is indented below it.
    if (line.starts_with(" "))
      (void)tools::WriteAll(STDERR_FILENO, line + "\n");
    else
      tools::Error(kTool, line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

/// Whether two names are of one file, which would keep what is written last. Devices such as
/// /dev/null take both.
static bool isOneFile(const std::string &a, const std::string &b) {
  if (a == "-" || b == "-")
    return a == b;
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error))
    return std::filesystem::is_regular_file(a, error);
  auto whole = [&](const std::string &path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  };
  return !std::filesystem::exists(a, error) && whole(a) == whole(b);
}

/// Each output is a file of its own.
static bool checkOutputs(const Options &options) {
  const std::pair<const char *, const std::string &> outputs[] = {
      {"--output", options.output},
      {"--report", options.report},
      {"--depfile", options.depfile},
      {"--save-recipe", options.quantization.saveRecipe},
      {"--save-statistics", options.quantization.saveStatistics}};
  for (auto second = std::begin(outputs); second != std::end(outputs); ++second)
    for (auto first = std::begin(outputs); first != second; ++first) {
      if (first->second.empty() || second->second.empty() ||
          !isOneFile(first->second, second->second))
        continue;
      tools::Error(kTool, std::string(second->first) + ": expected another file than " +
                              first->first + " writes, but got '" + second->second + "' for both");
      return false;
    }
  return true;
}

std::optional<int> gem::compile::readOptions(int argc, const char *const *argv, Options &options) {
  // MLIR reads its own options with its own library.
  std::vector<const char *> arguments;
  for (int i = 0; i < argc; ++i) {
    if (std::string_view(argv[i]).rfind("--mlir-", 0) == 0)
      options.mlirArguments.push_back(argv[i]);
    else
      arguments.push_back(argv[i]);
  }

  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kTool,
       .summary = "compiles a trained model into a bundle for a device",
       .usage = "[options] MODEL -o OUT",
       .examples = {"gem-compile examples/gem-tiny -o tiny.gemb --sequence 64",
                    "gem-compile gem.pth --calibrate texts.jsonl --device raspberry-pi-4 \\\n"
                    "      -o pi4.gemb",
                    "gem-compile gem --quantize hybrid --max-size 6MB --calibrate texts.jsonl \\\n"
                    "      --evaluate held-out.jsonl -o gem.gemb"}},
      &options.common);
  std::vector<std::string> settings;
  options.threads = tools::DefaultThreads();

  app.add_option("MODEL", options.model,
                 "a folder or file: GEM .pth or safetensors, BERT safetensors, or .mlir in the gem "
                 "dialect; recognised by content")
      ->group("Input");
  app.add_option("--calibrate", options.calibration,
                 "JSON lines, each with a \"text\" (and maybe a \"domain\" and a \"label\"): what "
                 "quantization and pruning measure on, and a router without centroids is fitted to")
      ->type_name("FILE")
      ->group("Input");

  app.add_option("-o,--output", options.output, "where to write; - is standard output")
      ->type_name("OUT")
      ->group("Output");
  app.add_flag("--dry-run", options.dryRun,
               "write no bundle: print its size, its modelled latency and the formats")
      ->group("Output");
  app.add_option("--report", options.report,
                 "also write the report; .json, .html, .md or .txt by the name; - is JSON on "
                 "standard output")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--emit", options.emit,
                 "bundle (default), or the module before it: gem as imported and pruned, gemrt as "
                 "planned")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Emit>{{"gem", Emit::Gem},
                                                                      {"gemrt", Emit::GemRT},
                                                                      {"bundle", Emit::Bundle}},
                                          CLI::ignore_case))
      ->type_name("gem|gemrt|bundle")
      ->group("Output");

  app.add_option("--device", options.devices,
                 "what it is for (default host); see --list-devices. Given again: one bundle with "
                 "a variant for each")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("NAME")
      ->group("Compilation");
  app.add_flag("--list-devices", options.listDevices,
               "list the devices and exit; with -v, where each figure comes from")
      ->group("Compilation");
  app.add_option("--sequence", options.sequence,
                 "tokens of a text at most, [CLS] and [SEP] included (default: the model's "
                 "positions); a longer text is cut")
      ->check(CLI::Range(int64_t(2), int64_t(1) << 20))
      ->type_name("N")
      ->group("Compilation");
  app.add_flag("--pad", options.pad,
               "pad every text to --sequence tokens, as the published trainer does")
      ->group("Compilation");
  addQuantizationOptions(app, options);
  addPruningOptions(app, options);
  addEvaluationOptions(app, options);

  app.add_option("--set", settings,
                 "a hyper-parameter the checkpoint does not tell, e.g. num_attention_heads=12; "
                 "may be given again. Also: threshold, num_clusters, layer_norm_eps, hidden_act, "
                 "do_lower_case, strip_accents, tokenize_chinese_chars, config, labels, tokenizer")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE")
      ->group("Advanced");
  app.add_option("--name", options.name, "the model's name (default: from MODEL)")
      ->type_name("NAME")
      ->group("Advanced");
  app.add_option("--depfile", options.depfile,
                 "write the files that OUT depends on, as a Makefile rule")
      ->type_name("FILE")
      ->group("Advanced");
  app.add_option("--threads", options.threads,
                 "threads that run the calibration texts (default: all); the result does not "
                 "depend on it")
      ->check(CLI::Range(1u, tools::kMaxThreads))
      ->type_name("N")
      ->group("Advanced");
  app.add_option("--seed", options.seed, "seed of the centroids' fit (default 0)")
      ->type_name("N")
      ->group("Advanced");
  addAdvancedPruningOptions(app, options);
  addAdvancedEvaluationOptions(app, options);
  app.add_option("--mlir-...", "MLIR's own options, e.g. --mlir-print-ir-after-all, --mlir-timing")
      ->group("Advanced: debugging");

  if (std::optional<int> code =
          tools::ParseCommandLine(app, static_cast<int>(arguments.size()), arguments.data()))
    return code;
  if (options.listDevices)
    return std::nullopt;
  if (options.model.empty()) {
    tools::Error(kTool, "no MODEL given; see gem-compile --help");
    return tools::kExitUsage;
  }
  if (options.dryRun && (options.emit != Emit::Bundle || !options.depfile.empty())) {
    tools::Error(kTool, "--dry-run writes no bundle: --emit and --depfile do not go with it");
    return tools::kExitUsage;
  }
  if (options.devices.empty())
    options.devices = {"host"};
  if (options.devices.size() > 1 && options.emit != Emit::Bundle) {
    tools::Error(kTool, "--emit writes a module for one device; give --device once");
    return tools::kExitUsage;
  }
  if (options.output.empty() && !options.dryRun) {
    if (options.emit == Emit::Bundle) {
      tools::Error(kTool, "no output given: say where to write with -o OUT");
      return tools::kExitUsage;
    }
    options.output = "-";
  }
  if (options.devices.size() > 1 && options.report == "-") {
    tools::Error(kTool, "--report - is the report for one device; give --device once, or a FILE, "
                        "which becomes one a device");
    return tools::kExitUsage;
  }
  if (options.output == "-" && !options.depfile.empty()) {
    tools::Error(kTool, "--depfile is a rule for a file: it does not go with -o -");
    return tools::kExitUsage;
  }
  if (!checkOutputs(options) || !readOverrides(settings, options) || !readBudgets(options) ||
      !checkQuantization(options) || !checkPruning(options) || !checkEvaluation(options))
    return tools::kExitUsage;
  return std::nullopt;
}
