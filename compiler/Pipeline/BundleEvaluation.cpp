// The bundle that a compilation makes, against the uncompressed model it came from.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/BundleEvaluation.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/StatisticsFile.h"
#include "compiler/Calibration/TextOverlap.h"
#include "compiler/Quantization/Candidate.h"
#include <set>

using namespace mlir;
using namespace gem;

absl::StatusOr<std::unique_ptr<BundleEvaluation>>
BundleEvaluation::create(BundleEvaluationOptions options) {
  std::unique_ptr<BundleEvaluation> evaluation(new BundleEvaluation(std::move(options)));
  if (absl::Status status = evaluation->start(); !status.ok())
    return status;
  return evaluation;
}

/// The domains that the model is calibrated for; none when that is not known.
static absl::StatusOr<std::optional<std::vector<std::string>>>
calibrationDomains(const BundleEvaluationOptions &options, const std::string &dataHash) {
  std::set<std::string> domains;
  if (!options.calibration.empty()) {
    absl::Status status = forEachTextOf(options.calibration, [&](const CalibrationText &text) {
      domains.insert(text.domain);
      return absl::OkStatus();
    });
    if (!status.ok())
      return status;
  } else if (!options.statistics.empty()) {
    auto statistics = quant::StatisticsFile::open(options.statistics);
    if (!statistics.ok())
      return statistics.status();
    if ((*statistics)->getInfo().calibrationHash == dataHash)
      return absl::FailedPreconditionError(absl::StrCat(
          "--evaluate judges on texts that the compression never saw, but '", options.statistics,
          "' of --statistics was made from the texts of '", options.texts, "'"));
    for (const auto &[domain, counts] : (*statistics)->tokenCounts())
      domains.insert(domain);
  }
  if (domains.empty())
    return std::optional<std::vector<std::string>>();
  return std::optional(std::vector<std::string>(domains.begin(), domains.end()));
}

absl::Status BundleEvaluation::start() {
  for (const auto &[option, path] : options.seen)
    if (!path.empty())
      if (absl::Status status = checkHeldOut({options.texts, "--evaluate"}, {path, option});
          !status.ok())
        return status;
  absl::StatusOr<TextFileInfo> info = scanTextFile(options.texts);
  if (!info.ok())
    return info.status();
  absl::StatusOr<std::vector<CalibrationText>> texts = readTextFile(options.texts);
  if (!texts.ok())
    return texts.status();
  auto domains = calibrationDomains(options, info->hash);
  if (!domains.ok())
    return domains.status();
  BrittlenessOptions brittleness;
  brittleness.minimumTexts = options.minimumTexts;
  brittleness.calibrationDomains = *std::move(domains);
  std::vector<std::string> dataDomains = domainsOf(*texts);
  auto created = BrittlenessEvaluator::create({options.texts, info->hash, *std::move(texts)},
                                              std::move(brittleness));
  if (!created.ok())
    return created.status();
  evaluator = std::make_unique<BrittlenessEvaluator>(*std::move(created));
  return checkConditions(options.failIf, dataDomains, evaluator->hasLabels(), options.texts);
}

EvaluationProgress BundleEvaluation::progressOf(const std::string &stage) const {
  if (!options.progress)
    return nullptr;
  return [this, stage](size_t done, size_t total) { options.progress(stage, done, total); };
}

absl::StatusOr<BrittlenessReport> BundleEvaluation::run(ArrayRef<char> bundle, ModelScores facts,
                                                        int64_t parameters) {
  QuantizeStep uncompressed;
  uncompressed.threads = options.threads;
  auto candidate = Candidate::build(*original, uncompressed, nullptr);
  if (!candidate.ok())
    return candidate.status();
  ModelScores f32;
  f32.name = "f32";
  f32.bytes = (*candidate)->getBytes();
  auto bitsOf = [&](uint64_t bytes) {
    return parameters ? std::optional(8.0 * static_cast<double>(bytes) / parameters) : std::nullopt;
  };
  f32.bitsPerWeight = bitsOf((*candidate)->getWeightBytes());
  auto sessionOf = [](const BundleRunner &runner) {
    return static_cast<int64_t>(runner.getSessionInfo().session_bytes);
  };
  f32.memoryBytes = (*candidate)->getWeightBytes() + sessionOf((*candidate)->getRunner());
  if (absl::Status status = evaluator->setBaseline((*candidate)->getRunner(), std::move(f32),
                                                   progressOf("evaluating the f32 model"));
      !status.ok())
    return status;
  candidate->reset();

  BundleRunner::Options runnerOptions;
  runnerOptions.threads = options.threads;
  auto runner = BundleRunner::openMemory({bundle.data(), bundle.size()}, runnerOptions);
  if (!runner.ok())
    return runner.status();
  facts.memoryBytes += sessionOf(**runner);
  if (absl::Status status =
          evaluator->addModel(**runner, std::move(facts), progressOf("evaluating the bundle"));
      !status.ok())
    return status;
  BrittlenessReport report = evaluator->getReport();
  // Measured here, while other texts ran: nothing about the device. Latency is modelled.
  report.baseline.seconds.reset();
  report.models.front().seconds.reset();
  return report;
}

std::vector<GateReport> BundleEvaluation::judge(const BrittlenessReport &report) const {
  std::vector<GateReport> gates;
  for (const Condition &condition : options.failIf)
    gates.push_back(judgeGate(condition, report));
  return gates;
}
