// What gem-compile was asked to do: evaluation, and what fails the build.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/common/Messages.h"
#include "tools/gem-compile/OptionGroups.h"
#include <CLI/CLI.hpp>

using namespace gem;
using namespace gem::compile;

void gem::compile::addEvaluationOptions(CLI::App &app, Options &options) {
  const char *group = "Evaluation";
  app.add_option("--evaluate", options.quantization.evaluation,
                 "compare with the uncompressed model on these texts, JSON lines, of which the "
                 "compression has seen none")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--fail-if", options.conditions,
                 "write no bundle where this holds of what --evaluate found, e.g. 'cdtr.mean < "
                 "0.98'; may be given again (docs/gates.md)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("CONDITION")
      ->group(group);
}

void gem::compile::addAdvancedEvaluationOptions(CLI::App &app, Options &options) {
  app.add_option("--min-texts", options.minimumTexts,
                 "refuse to conclude from fewer texts of a domain (default " +
                     std::to_string(kMinimumTexts) + ")")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 31))
      ->type_name("N")
      ->group("Advanced: evaluation");
}

bool gem::compile::checkEvaluation(Options &options) {
  auto refuse = [](const std::string &message) {
    tools::Error(kTool, message);
    return false;
  };
  for (const std::string &text : options.conditions) {
    absl::StatusOr<Condition> condition = Condition::parse(text);
    if (!condition.ok()) {
      printProblems(condition.status());
      return false;
    }
    options.failIf.push_back(*std::move(condition));
  }
  if (!options.failIf.empty() && options.quantization.evaluation.empty())
    return refuse("--fail-if judges figures of texts: give them with --evaluate FILE.jsonl");
  if (options.emit == Emit::Gem && !options.quantization.evaluation.empty())
    return refuse("--emit gem ends before there is a program to --evaluate");
  return true;
}
