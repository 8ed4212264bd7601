// What gem-compile was asked to do.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-compile/Options.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "passes/Quantization/WeightQuantizer.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

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

/// "6MB", "1.5 MiB", "400000": bytes.
static std::optional<uint64_t> parseSize(std::string text) {
  size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (const std::exception &) {
    return std::nullopt;
  }
  std::string unit = text.substr(end);
  unit.erase(std::remove(unit.begin(), unit.end(), ' '), unit.end());
  const std::map<std::string, double> units = {
      {"", 1},     {"B", 1},      {"kB", 1e3},      {"KB", 1e3},        {"MB", 1e6},
      {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
  auto found = units.find(unit);
  if (found == units.end() || !(number > 0) || number * found->second > 1e15)
    return std::nullopt;
  return static_cast<uint64_t>(number * found->second);
}

/// "50ms", "1.5s": seconds.
static std::optional<double> parseDuration(const std::string &text) {
  size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (const std::exception &) {
    return std::nullopt;
  }
  std::string unit = text.substr(end);
  double scale = unit == "s" ? 1 : unit == "ms" ? 1e-3 : unit == "us" ? 1e-6 : 0;
  if (!(number > 0) || scale == 0)
    return std::nullopt;
  return number * scale;
}

static bool readBudgets(Options &options) {
  if (!options.maxSize.empty() && !(options.quantization.maxBytes = parseSize(options.maxSize))) {
    tools::Error(kTool, "--max-size: expected a size such as 6MB or 1.5MiB, but got '" +
                            options.maxSize + "'");
    return false;
  }
  if (!options.maxLatency.empty() &&
      !(options.quantization.maxSeconds = parseDuration(options.maxLatency))) {
    tools::Error(kTool, "--max-latency: expected a time such as 50ms or 1.5s, but got '" +
                            options.maxLatency + "'");
    return false;
  }
  return true;
}

/// Whether the options of quantization go together.
static bool checkQuantization(const Options &options) {
  const QuantizerOptions &quantizer = options.quantization;
  auto refuse = [](const std::string &message) {
    tools::Error(kTool, message);
    return false;
  };
  bool isHybrid = quantizer.quantize == "hybrid";
  if (!isHybrid && !quant::Format::parse(quantizer.quantize))
    return refuse("--quantize: expected hybrid or a format such as f32, f16, int8, int4, int4g64 "
                  "or int3, but got '" +
                  quantizer.quantize + "'");
  if (!quantizer.recipe.empty() && quantizer.quantize != "f32")
    return refuse("--recipe says the formats; leave out --quantize " + quantizer.quantize);
  const char *budget = quantizer.maxBytes     ? "--max-size"
                       : quantizer.maxBits    ? "--max-bits"
                       : quantizer.maxSeconds ? "--max-latency"
                                              : nullptr;
  if (budget && !isHybrid)
    return refuse(std::string(budget) + " is a budget for --quantize hybrid, but got --quantize " +
                  quantizer.quantize);
  if (isHybrid && !budget)
    return refuse("--quantize hybrid needs a budget: --max-size, --max-bits or --max-latency");
  bool hasTexts = !options.calibration.empty();
  if (isHybrid && !hasTexts)
    return refuse("--quantize hybrid measures what each format costs on texts: give them with "
                  "--calibrate FILE.jsonl");
  if (quantizer.algorithm == "gptq" && !hasTexts && quantizer.statistics.empty())
    return refuse("--algorithm gptq needs to know the inputs of the weights: give texts with "
                  "--calibrate FILE.jsonl, or --statistics FILE");
  if (!quantizer.saveStatistics.empty() && !hasTexts)
    return refuse("--save-statistics keeps what calibration learned: give texts with --calibrate "
                  "FILE.jsonl");
  return true;
}

static void addQuantizationOptions(CLI::App &app, Options &options) {
  QuantizerOptions &quantizer = options.quantization;
  const char *group = "Quantization";
  app.add_option("--quantize", quantizer.quantize,
                 "format of the weights: f32 (default), f16, int8, int4, int3, or int4g64, "
                 "int4g32f16, ... (groups of 64; f16 group scales); or hybrid: a format for each "
                 "weight, chosen by what it costs on the calibration texts")
      ->type_name("FORMAT")
      ->group(group);
  app.add_option("--algorithm", quantizer.algorithm,
                 "how codes are chosen: rtn (round to nearest), gptq (default with texts)")
      ->check(CLI::IsMember(quant::quantizerNames()))
      ->type_name("NAME")
      ->group(group);
  app.add_option("--max-size", options.maxSize, "hybrid: bytes of the bundle at most, e.g. 6MB")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--max-bits", quantizer.maxBits,
                 "hybrid: bits of weights at most, per parameter of the source")
      ->check(CLI::Range(0.5, 64.0))
      ->type_name("BITS")
      ->group(group);
  app.add_option("--max-latency", options.maxLatency,
                 "hybrid: modelled time of a run on the device at most, e.g. 50ms")
      ->type_name("TIME")
      ->group(group);
  app.add_option("--evaluate", quantizer.evaluation,
                 "texts on which to compare with the f32 model (default: those of --calibrate)")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--measure-every-format", quantizer.measureEveryFormat,
               "hybrid: run every weight in every format, instead of in one whose loss is scaled "
               "to the others by their output error; slower, and noisier")
      ->group(group);
  app.add_option("--max-route-flips", quantizer.maxRouteFlips,
                 "fail when a larger share of tokens is routed otherwise than in f32, e.g. 0.02")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE")
      ->group(group);
  app.add_option("--save-statistics", quantizer.saveStatistics,
                 "keep what calibration learned, for --statistics")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--statistics", quantizer.statistics,
                 "what an earlier calibration learned, instead of calibrating again")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--recipe", quantizer.recipe, "take the formats from a recipe")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--save-recipe", quantizer.saveRecipe,
                 "write the formats that were chosen, to be read, edited and repeated")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--equalize", quantizer.equalize,
               "scale the channels of attention's values so that they quantize alike; the factors "
               "are folded into the weights around")
      ->group(group);
  app.add_flag("!--no-router-fit", quantizer.refitRouter,
               "do not fit the router again to the quantized encoder")
      ->group(group);
  app.add_flag("!--no-bias-correction", quantizer.biasCorrection,
               "do not let biases take up the mean error of their weights")
      ->group(group);
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
                    "gem-compile gem.pth --calibrate texts.jsonl --device raspberry-pi-4 -o "
                    "pi4.gemb",
                    "gem-compile gem --quantize hybrid --max-size 6MB --calibrate texts.jsonl "
                    "--evaluate held-out.jsonl -o gem.gemb"}},
      &options.common);
  std::vector<std::string> settings;
  options.threads = std::max(1u, std::thread::hardware_concurrency());

  app.add_option("MODEL", options.model,
                 "a folder or file: GEM .pth or safetensors, BERT safetensors, or .mlir in the gem "
                 "dialect; recognised by content")
      ->group("Input");
  app.add_option("--calibrate", options.calibration,
                 "JSON lines, each with a \"text\" (and maybe a \"domain\"): fits the router's "
                 "centroids when the checkpoint has none")
      ->type_name("FILE")
      ->group("Input");

  app.add_option("-o,--output", options.output, "where to write; - is standard output")
      ->type_name("OUT")
      ->group("Output");
  app.add_flag("--dry-run", options.dryRun,
               "write no bundle: print its size, its modelled latency and the formats")
      ->group("Output");
  app.add_option("--report", options.report,
                 "also write the report; .json, .html, .md or .txt by the name")
      ->type_name("FILE")
      ->group("Output");
  app.add_option("--emit", options.emit,
                 "bundle (default), or the module before it: gem as imported, gemrt as planned")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Emit>{{"gem", Emit::Gem},
                                                                      {"gemrt", Emit::GemRT},
                                                                      {"bundle", Emit::Bundle}},
                                          CLI::ignore_case))
      ->type_name("gem|gemrt|bundle")
      ->group("Output");

  app.add_option("--device", options.device, "what it is for (default host); see --list-devices")
      ->type_name("NAME")
      ->group("Compilation");
  app.add_flag("--list-devices", options.listDevices, "list the devices and exit")
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
      ->check(CLI::Range(1u, 256u))
      ->type_name("N")
      ->group("Advanced");
  app.add_option("--seed", options.seed, "seed of the centroids' fit (default 0)")
      ->type_name("N")
      ->group("Advanced");
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
  if (options.output.empty() && !options.dryRun) {
    if (options.emit == Emit::Bundle) {
      tools::Error(kTool, "no output given: say where to write with -o OUT");
      return tools::kExitUsage;
    }
    options.output = "-";
  }
  if (!readOverrides(settings, options) || !readBudgets(options) || !checkQuantization(options))
    return tools::kExitUsage;
  return std::nullopt;
}
