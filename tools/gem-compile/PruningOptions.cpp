// What gem-compile was asked to do: pruning.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/PruningOptions.h"
#include "tools/common/Messages.h"
#include "tools/gem-compile/OptionGroups.h"
#include <CLI/CLI.hpp>
#include <set>

using namespace gem;
using namespace gem::compile;

void gem::compile::addPruningOptions(CLI::App &app, Options &options) {
  PruningOptions &pruning = options.pruning;
  const char *group = "Pruning";
  app.add_option("--prune-to", pruning.keptMacs,
                 "remove heads, channels and layers until this share of the multiply-accumulates "
                 "of encoder, router and SCAR is left, e.g. 0.5")
      ->type_name("SHARE")
      ->group(group);
  app.add_option("--keep-domain", pruning.keepDomain,
                 "stop before a domain falls below this share of its uncompressed likelihood, e.g. "
                 "0.98; with it, --max-size and --max-latency prune too")
      ->type_name("SHARE")
      ->group(group);
  app.add_option("--validate", pruning.validation,
                 "labelled texts to judge that on (default: a part of those of --calibrate, held "
                 "back)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--vocabulary-corpus", pruning.vocabularyCorpus,
                 "drop the word pieces that these texts, JSON lines, do not need; for size only")
      ->type_name("FILE")
      ->group(group);
}

void gem::compile::addAdvancedPruningOptions(CLI::App &app, Options &options) {
  PruningOptions &pruning = options.pruning;
  const char *group = "Advanced: pruning";
  app.add_option("--vocabulary", pruning.vocabulary,
                 "keep at most this many word pieces, those most frequent in the corpus")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 31))
      ->type_name("N")
      ->group(group);
  app.add_option("--clusters", pruning.clusters,
                 "merge clusters of the router until this many are left; permits more pairs")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20))
      ->type_name("N")
      ->group(group);
  app.add_option("--classes", pruning.classes, "keep these classes alone; commas between")
      ->delimiter(',')
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("LABELS")
      ->group(group);
  app.add_option("--importance", pruning.importance,
                 "what tells which structures matter: hessian (default), activation, fisher (by "
                 "labels) or magnitude (without texts)")
      ->check(CLI::IsMember({"hessian", "activation", "fisher", "magnitude"}))
      ->type_name("NAME")
      ->group(group);
  app.add_flag("!--router-blind", pruning.routerAware,
               "importance does not look at what the router makes of tokens")
      ->group(group);
  app.add_flag("!--domain-blind", pruning.domainAware,
               "importance of all texts together, not of each domain")
      ->group(group);
}

bool gem::compile::checkPruning(Options &options) {
  PruningOptions &pruning = options.pruning;
  auto refuse = [](const std::string &message) {
    tools::Error(kTool, message);
    return false;
  };
  auto isShare = [](const std::optional<double> &value) {
    return !value || (*value > 0 && *value <= 1);
  };
  if (!isShare(pruning.keptMacs))
    return refuse("--prune-to: expected a share of the multiply-accumulates above 0 and at most 1, "
                  "such as 0.5, but got " +
                  CLI::detail::to_string(*pruning.keptMacs));
  if (!isShare(pruning.keepDomain))
    return refuse("--keep-domain: expected a share of the uncompressed likelihood above 0 and at "
                  "most 1, such as 0.98, but got " +
                  CLI::detail::to_string(*pruning.keepDomain));
  const QuantizerOptions &quantizer = options.quantization;
  pruning.preserve = quantizer.preserve.value_or(true);
  if (pruning.keepDomain) {
    pruning.maxBytes = quantizer.maxBytes;
    pruning.maxSeconds = quantizer.maxSeconds;
    if (!pruning.keptMacs && !pruning.maxBytes && !pruning.maxSeconds)
      return refuse("--keep-domain says where pruning stops: say what it is for with --prune-to, "
                    "--max-size or --max-latency");
  }
  if (!pruning.isSearchWanted()) {
    const char *option = !pruning.validation.empty()       ? "--validate"
                         : pruning.importance != "hessian" ? "--importance"
                         : !pruning.routerAware            ? "--router-blind"
                         : !pruning.domainAware            ? "--domain-blind"
                                                           : nullptr;
    if (option)
      return refuse(std::string(option) +
                    " is about pruning: give --prune-to too, or --keep-domain "
                    "with a budget");
    bool quantizes = quantizer.quantize != "f32" || !quantizer.recipe.empty();
    if (quantizer.preserve && !quantizes)
      return refuse(std::string(*quantizer.preserve ? "--preservation" : "--no-preservation") +
                    " is about pruning and quantization: give --prune-to, --quantize or --recipe "
                    "too");
    if (quantizer.preserve.value_or(false) && options.calibration.empty())
      return refuse("--preservation fits layers on texts: give them with --calibrate FILE.jsonl");
  }
  if (pruning.vocabulary && pruning.vocabularyCorpus.empty())
    return refuse("--vocabulary needs texts that tell which word pieces matter: give them with "
                  "--vocabulary-corpus FILE.jsonl (calibration texts are too few)");
  if (pruning.needsTexts() && options.calibration.empty()) {
    const char *option = pruning.keptMacs     ? "--prune-to"
                         : pruning.keepDomain ? "--keep-domain"
                                              : "--clusters";
    bool canDoWithout = pruning.keptMacs && !pruning.keepDomain && !pruning.clusters;
    return refuse(std::string(option) +
                  " measures on texts what can go: give them with --calibrate FILE.jsonl" +
                  (canDoWithout ? " (without: --importance magnitude --no-preservation)" : ""));
  }
  std::set<std::string> seen;
  for (const std::string &label : pruning.classes)
    if (label.empty() || !seen.insert(label).second)
      return refuse(label.empty() ? "--classes: expected labels with commas between, but got an "
                                    "empty one"
                                  : "--classes: '" + label + "' is given twice");
  pruning.sequence = options.sequence;
  pruning.seed = options.seed;
  return true;
}
