// What gem-compile was asked to do: quantization and budgets.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/WeightQuantizer.h"
#include "tools/common/Messages.h"
#include "tools/gem-compile/OptionGroups.h"
#include <CLI/CLI.hpp>
#include <algorithm>

using namespace gem;
using namespace gem::compile;

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

bool gem::compile::readBudgets(Options &options) {
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

bool gem::compile::checkQuantization(const Options &options) {
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
  // With a floor, pruning can keep a size or a latency too.
  bool isForPruning = options.pruning.keepDomain && !quantizer.maxBits;
  if (budget && !isHybrid && !isForPruning)
    return refuse(std::string(budget) + " is a budget for --quantize hybrid" +
                  (quantizer.maxBits ? "" : ", or with --keep-domain for pruning") +
                  ", but got --quantize " + quantizer.quantize);
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

void gem::compile::addQuantizationOptions(CLI::App &app, Options &options) {
  QuantizerOptions &quantizer = options.quantization;
  const char *group = "Quantization", *advanced = "Advanced: quantization";
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
  app.add_option("--max-size", options.maxSize,
                 "bytes of the bundle at most, e.g. 6MB; for hybrid, or with --keep-domain")
      ->type_name("SIZE")
      ->group(group);
  app.add_option("--max-bits", quantizer.maxBits,
                 "hybrid: bits of weights at most, per parameter of the source")
      ->check(CLI::Range(0.5, 64.0))
      ->type_name("BITS")
      ->group(group);
  app.add_option("--max-latency", options.maxLatency,
                 "modelled time of a run on the device at most, e.g. 50ms; for hybrid, or with "
                 "--keep-domain")
      ->type_name("TIME")
      ->group(group);
  app.add_flag("--measure-every-format", quantizer.measureEveryFormat,
               "hybrid: run every weight in every format, instead of in one whose loss is scaled "
               "to the others by their output error; slower, and noisier")
      ->group(advanced);
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
      ->group(advanced);
  app.add_flag_function(
         "--preservation,!--no-preservation",
         [&quantizer](int64_t count) { quantizer.preserve = count > 0; },
         "fit each layer to the uncompressed one after pruning, and with texts while quantizing, "
         "on what the compressed layers before it give; without either flag always after pruning, "
         "and while quantizing to one format, up to 50 million parameters (larger models take "
         "minutes), where the texts suffice")
      ->group(advanced);
  app.add_flag("!--no-router-fit", quantizer.refitRouter,
               "do not fit the router again to the quantized encoder")
      ->group(advanced);
  app.add_flag("!--no-bias-correction", quantizer.biasCorrection,
               "do not let biases take up the mean error of their weights")
      ->group(advanced);
}
