// Gates: conditions on an evaluation that fail a build.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Gate.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/Figures.h"
#include <algorithm>
#include <cmath>

using namespace gem;

/// Scores with every figure that can be known.
static DomainScores fullScores(const std::string &domain, bool hasLabels) {
  DomainScores scores;
  scores.domain = domain;
  scores.agreement = scores.divergence = 0;
  scores.flips.emplace();
  if (!hasLabels)
    return scores;
  scores.accuracy = scores.macroF1 = scores.meanLoss = scores.calibrationError = 0;
  scores.score = scores.transferRatio = scores.specializationIndex = 0;
  scores.scoreInterval = scores.transferInterval = Interval();
  return scores;
}

std::vector<std::string> gem::possibleFigures(const std::vector<std::string> &domains,
                                              bool hasLabels) {
  ModelScores model;
  model.bytes = model.memoryBytes = 1;
  model.bitsPerWeight = model.macsKept = 0;
  model.overall = fullScores("", hasLabels);
  for (const std::string &domain : domains)
    model.domains.push_back(fullScores(domain, hasLabels));
  if (hasLabels) {
    model.specializationIndex = model.generalizationGap = 0;
    model.gapInterval.emplace();
    TransferSummary transfer;
    transfer.meanInterval = transfer.minimumInterval = Interval();
    model.transfer = model.transferUnseen = transfer;
  }
  std::vector<std::string> names;
  for (const auto &[name, value] : figuresOf(model))
    names.push_back(name);
  return names;
}

absl::Status gem::checkConditions(const std::vector<Condition> &conditions,
                                  const std::vector<std::string> &domains, bool hasLabels,
                                  const std::string &data) {
  if (conditions.empty())
    return absl::OkStatus();
  std::vector<std::string> known = possibleFigures(domains, true);
  std::vector<std::string> unlabelled = possibleFigures(domains, false);
  for (const Condition &condition : conditions) {
    if (absl::Status status = condition.checkFigures(known); !status.ok())
      return status;
    for (const std::string &figure : condition.getFigures())
      if (!hasLabels && !std::binary_search(unlabelled.begin(), unlabelled.end(), figure))
        return absl::FailedPreconditionError(
            absl::StrCat("--fail-if '", report::printable(condition.getText()),
                         "': ", report::printable(spellFigure(figure)),
                         " compares answers with labels, but no text of '", data,
                         "' has a \"label\"; add labels, or judge by kl or agreement"));
  }
  return absl::OkStatus();
}

/// Why an evaluation may lack a figure; empty when there is nothing to say.
static std::string reasonOf(const std::string &figure) {
  if (absl::StartsWith(figure, "cdtr.unseen."))
    return "no domain is absent from the calibration data, or there is none";
  if (absl::StartsWith(figure, "cdtr."))
    return "the uncompressed model scores 0 there, or there are too few texts for an interval";
  if (figure == "gg" || absl::StartsWith(figure, "gg."))
    return "it compares the domains of the calibration data with others, and there are none";
  if (absl::StartsWith(figure, "dsi."))
    return "it needs two domains that the model scores above 0 in";
  if (absl::StartsWith(figure, "flips."))
    return "the model has no router, or reads no text as the uncompressed one does";
  if (figure == "macs_kept")
    return "nothing was pruned";
  return "";
}

static std::string valueOf(double value) {
  if (std::abs(value) >= 1000 && std::abs(value) < 1e15 && value == std::floor(value))
    return report::formatCount(static_cast<int64_t>(value));
  return absl::StrFormat("%.4g", value);
}

/// The domain that kept least, as words; empty when that is not known.
static std::string worstDomain(const ModelScores &model) {
  const DomainScores *worst = nullptr, *farthest = nullptr;
  for (const DomainScores &domain : model.domains) {
    if (domain.transferRatio && (!worst || *domain.transferRatio < *worst->transferRatio))
      worst = &domain;
    if (domain.divergence && (!farthest || *domain.divergence > *farthest->divergence))
      farthest = &domain;
  }
  if (worst) {
    std::string interval = report::range(worst->transferInterval);
    return absl::StrCat("the worst domain is ", report::printable(nameOfDomain(worst->domain)),
                        ", CDTR ", report::number(worst->transferRatio),
                        interval.empty() ? "" : absl::StrCat(" (", interval, ")"));
  }
  if (farthest)
    return absl::StrCat("the worst domain is ", report::printable(nameOfDomain(farthest->domain)),
                        ", KL ", report::formatNats(farthest->divergence));
  return "";
}

GateReport gem::judgeGate(const Condition &condition, const BrittlenessReport &evaluation) {
  const ModelScores &model = evaluation.models.front();
  std::map<std::string, double> figures = figuresOf(model);
  GateReport gate;
  gate.condition = condition.getText();
  std::vector<std::string> shown;
  for (const std::string &name : condition.getFigures()) {
    auto found = figures.find(name);
    if (found == figures.end())
      continue;
    gate.figures.insert(*found);
    std::string text =
        absl::StrCat(report::printable(spellFigure(name)), " = ", valueOf(found->second));
    auto low = figures.find(name + ".low"), high = figures.find(name + ".high");
    if (low != figures.end() && high != figures.end())
      absl::StrAppend(&text, " (", valueOf(low->second), " to ", valueOf(high->second), ")");
    shown.push_back(text);
  }
  Verdict verdict = condition.evaluate(figures);
  gate.failed = verdict.holds.value_or(true);
  if (!gate.failed)
    return gate;
  gate.message = absl::StrCat("--fail-if '", report::printable(gate.condition), "' ");
  if (verdict.holds) {
    absl::StrAppend(&gate.message, "holds");
  } else {
    absl::StrAppend(&gate.message, "cannot be judged: ", verdict.reason);
    if (verdict.unknown.size() == 1)
      if (std::string reason = reasonOf(verdict.unknown.front()); !reason.empty())
        absl::StrAppend(&gate.message, " (", reason, ")");
  }
  if (!shown.empty())
    absl::StrAppend(&gate.message, verdict.holds ? ": " : "; ", absl::StrJoin(shown, ", "));
  if (std::string worst = worstDomain(model); !worst.empty())
    absl::StrAppend(&gate.message, "; ", worst);
  return gate;
}
