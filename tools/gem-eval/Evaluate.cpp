// Evaluates bundles on a file of texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-eval/Evaluate.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextOverlap.h"
#include "compiler/Evaluation/Brittleness.h"
#include "tools/common/Messages.h"
#include "tools/common/Progress.h"
#include "tools/common/Terminal.h"
#include <algorithm>
#include <map>
#include <set>

using namespace gem;
using namespace gem::eval;

namespace {

/// The status with the file that it is about, unless it names that.
absl::Status about(const std::string &path, const absl::Status &status) {
  if (status.ok() || absl::StrContains(status.message(), path))
    return status;
  return absl::Status(status.code(), absl::StrCat("'", path, "': ", status.message()));
}

absl::StatusOr<std::unique_ptr<BundleRunner>> open(const std::string &path, unsigned threads) {
  BundleRunner::Options options;
  options.threads = threads;
  // A session a thread, so that the time of a text is that of one thread.
  options.smallSessionBytes = uint64_t(1) << 30;
  auto runner = BundleRunner::open(path, options);
  if (!runner.ok())
    return about(path, runner.status());
  return runner;
}

absl::StatusOr<BrittlenessEvaluator> readData(const Options &options) {
  absl::StatusOr<TextFileInfo> info = scanTextFile(options.data);
  if (!info.ok())
    return info.status();
  absl::StatusOr<std::vector<CalibrationText>> texts = readTextFile(options.data);
  if (!texts.ok())
    return texts.status();
  EvaluationData data{options.data, info->hash, *std::move(texts)};
  BrittlenessOptions measures = options.measures;
  if (!options.calibration.empty()) {
    absl::StatusOr<std::vector<CalibrationText>> seen = readTextFile(options.calibration);
    if (!seen.ok())
      return seen.status();
    if (absl::Status status =
            checkHeldOut({options.data, "--data"}, {options.calibration, "--calibration"});
        !status.ok())
      return status;
    measures.calibrationDomains = domainsOf(*seen);
  }
  return BrittlenessEvaluator::create(std::move(data), std::move(measures));
}

/// The names of files; their paths where two files have one name.
std::vector<std::string> namesOf(const std::vector<std::string> &paths) {
  std::map<std::string, std::set<std::string>> pathsOf;
  std::vector<std::string> names;
  for (const std::string &path : paths)
    pathsOf[names.emplace_back(path.substr(path.find_last_of('/') + 1))].insert(path);
  for (size_t i = 0; i < paths.size(); ++i)
    if (pathsOf[names[i]].size() > 1)
      names[i] = paths[i];
  return names;
}

} // namespace

absl::StatusOr<BrittlenessReport> eval::evaluate(const Options &options) {
  absl::StatusOr<BrittlenessEvaluator> evaluator = readData(options);
  if (!evaluator.ok())
    return evaluator.status();

  if (!evaluator->hasLabels() && options.baseline.empty())
    return absl::FailedPreconditionError(
        absl::StrCat("'", options.data,
                     "' has no text with a \"label\", which scores need, and "
                     "without --against BUNDLE there is nothing else to measure"));
  // The baseline first, where there is one.
  std::vector<std::string> paths = options.bundles;
  if (!options.baseline.empty())
    paths.insert(paths.begin(), options.baseline);
  // A file that is not there is known before the others have run.
  for (const std::string &path : paths)
    if (auto runner = open(path, 1); !runner.ok())
      return runner.status();

  std::vector<std::string> names = namesOf(paths);
  size_t numTexts = evaluator->getData().texts.size();
  tools::Progress bar("running", numTexts * paths.size(), !options.common.quiet);
  for (size_t i = 0; i < paths.size(); ++i) {
    auto runner = open(paths[i], options.threads);
    if (!runner.ok())
      return runner.status();
    absl::StatusOr<ModelScores> facts = describeBundle(paths[i], **runner);
    if (!facts.ok())
      return facts.status();
    facts->name = names[i];
    bar.SetLabel("running " + tools::Shorten(tools::Printable(names[i]), 30));
    auto progress = [&](size_t done, size_t) { bar.Update(i * numTexts + done); };
    bool isBaseline = i == 0 && !options.baseline.empty();
    absl::Status status = isBaseline ? evaluator->setBaseline(**runner, *facts, progress)
                                     : evaluator->addModel(**runner, *facts, progress);
    if (!status.ok())
      return about(paths[i], status);
  }
  bar.Finish();
  if (!evaluator->hasLabels() && !options.common.quiet)
    tools::Note(kTool, "no text has a \"label\", which scores, DSI, GG and CDTR need; there are "
                       "agreement, KL and flips");
  BrittlenessReport report = evaluator->getReport();
  const std::vector<DomainScores> &domains = report.models.front().domains;
  if (!options.common.quiet && std::none_of(domains.begin(), domains.end(), [](const auto &domain) {
        return domain.isSpecialised;
      }))
    tools::Note(kTool, "no domain of '" + options.data + "' is in '" + options.calibration +
                           "': all are unseen, and there is no CDTR of S and no GG");
  return report;
}
