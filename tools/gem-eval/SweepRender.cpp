// A sweep as a table, and as JSON.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessWords.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"
#include "tools/gem-eval/Sweep.h"
#include <cmath>
#include <nlohmann/json.hpp>

using namespace gem;
using namespace gem::eval;
using report::has;
using report::number;

using Json = nlohmann::ordered_json;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Whether a column has something in any row of models.
template <typename Has> static bool anyOf(const SweepReport &report, Has has) {
  for (const SweepEntry &entry : report.entries)
    if (entry.scores && has(*entry.scores))
      return true;
  return false;
}

static std::string titleOf(const std::string &figure) {
  return figure == "bits_per_weight" ? "bits a weight"
         : figure == "macs_kept"     ? "work kept"
                                     : figure;
}

std::string eval::renderSweepText(const SweepReport &report, bool color) {
  bool hasPruned = anyOf(report, [](const ModelScores &m) { return has(m.macsKept); });
  bool hasUnseen = anyOf(report, [](const ModelScores &m) { return m.transferUnseen.has_value(); });
  bool hasGap = has(report.baseline.generalizationGap);
  std::vector<std::string> head = {"", "recipe", "bits", "size"};
  if (hasPruned)
    head.push_back("work");
  for (const char *name : {"score", "mean", "CDTR min", "95 %"})
    head.push_back(name);
  if (hasUnseen)
    head.push_back("unseen");
  head.push_back("DSI");
  if (hasGap)
    head.push_back("GG");
  head.push_back("worst domain");
  std::vector<tools::Table::Align> align(head.size(), tools::Table::Align::kRight);
  align[0] = align[1] = align.back() = tools::Table::Align::kLeft;
  tools::Table table(align);
  for (std::string &cell : head)
    cell = cell.empty() ? cell : tools::Paint(color, tools::kBold, cell);
  table.AddRow(head);
  auto add = [&](const std::string &mark, const std::string &name, const ModelScores &scores) {
    std::vector<std::string> row = {mark, name, number(scores.bitsPerWeight, 2),
                                    tools::FormatBytes(static_cast<uint64_t>(scores.bytes))};
    if (hasPruned)
      row.push_back(tools::FormatPercent(scores.macsKept.value_or(1)));
    row.push_back(number(scores.overall.score));
    const auto &transfer = scores.transfer;
    row.push_back(transfer ? number(transfer->mean) : "");
    row.push_back(transfer ? number(transfer->minimum) : "");
    row.push_back(transfer && has(transfer->minimumInterval)
                      ? number(transfer->minimumInterval->low) + "–" +
                            number(transfer->minimumInterval->high)
                      : "");
    if (hasUnseen)
      row.push_back(scores.transferUnseen ? number(scores.transferUnseen->minimum) : "");
    row.push_back(number(scores.specializationIndex));
    if (hasGap)
      row.push_back(number(scores.generalizationGap));
    row.push_back(transfer
                      ? tools::Shorten(tools::Printable(nameOfDomain(transfer->minimumDomain)), 24)
                      : "");
    table.AddRow(std::move(row));
  };
  add("", report.baseline.name, report.baseline);
  for (const SweepEntry &entry : report.entries)
    if (entry.scores)
      add(entry.isOnFront ? tools::Paint(color, tools::kGreen, "*") : "", entry.recipe,
          *entry.scores);
  std::string out = table.ToString();
  out += "\n* on the Pareto front: no other recipe has both fewer bits and a higher lowest CDTR\n";
  for (const SweepEntry &entry : report.entries)
    if (!entry.failure.empty())
      out += "failed: " + entry.recipe + ": " + tools::Printable(entry.failure) + "\n";

  bool hasCorrelation = false;
  for (const Correlation &correlation : report.correlations)
    hasCorrelation |= correlation.pearson.has_value();
  if (!report.correlations.empty() && !hasCorrelation) {
    out += "\nno correlation with compression: " + report.correlations[0].problem + "\n";
  } else if (hasCorrelation) {
    out += "\n" + tools::Paint(color, tools::kBold, "Correlation with compression, over recipes") +
           "\n";
    tools::Table correlations({tools::Table::Align::kLeft, tools::Table::Align::kLeft,
                               tools::Table::Align::kRight, tools::Table::Align::kLeft,
                               tools::Table::Align::kRight, tools::Table::Align::kLeft});
    correlations.AddRow({"", "", "Pearson", "95 %", "Spearman", "95 %"});
    auto range = [](const std::optional<Interval> &interval) {
      return has(interval) ? number(interval->low, 2) + "–" + number(interval->high, 2) : "";
    };
    for (const Correlation &correlation : report.correlations)
      if (correlation.pearson)
        correlations.AddRow({titleOf(correlation.compression), correlation.figure,
                             number(correlation.pearson, 2), range(correlation.pearsonInterval),
                             number(correlation.spearman, 2), range(correlation.spearmanInterval)});
      else
        correlations.AddRow(
            {titleOf(correlation.compression), correlation.figure, "-", correlation.problem});
    out += correlations.ToString();
  }
  if (std::string headline = headlineOf(report); !headline.empty())
    out += "\n" + tools::Printable(headline) + "\n";
  return out;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static Json orNull(const std::optional<double> &value) {
  return has(value) ? Json(*value) : Json();
}
static Json orNull(const std::optional<Interval> &interval) {
  return has(interval) ? Json{interval->low, interval->high} : Json();
}

static Json figuresJson(const ModelScores &scores) {
  Json figures = Json::object();
  for (const auto &[name, value] : figuresOf(scores))
    figures[name] = value;
  return figures;
}

std::string eval::renderSweepJson(const SweepReport &report) {
  Json document = tools::MakeJsonDocument();
  document["model"] = report.model;
  document["data"] = report.data;
  document["data_hash"] = report.dataHash;
  document["calibration"] = report.calibration.empty() ? Json() : Json(report.calibration);
  document["score"] = keyOf(report.score);
  document["texts"] = report.texts;
  document["resamples"] = report.resamples;
  document["seed"] = report.seed;
  document["baseline"] = figuresJson(report.baseline);
  Json &recipes = document["recipes"] = Json::array();
  for (const SweepEntry &entry : report.entries) {
    Json recipe;
    recipe["recipe"] = entry.recipe;
    recipe["failure"] = entry.failure.empty() ? Json() : Json(entry.failure);
    recipe["pareto"] = entry.isOnFront;
    recipe["cached"] = entry.isCached;
    recipe["sweep_seconds"] = entry.seconds;
    recipe["cdtr_min_domain"] = entry.scores && entry.scores->transfer
                                    ? Json(entry.scores->transfer->minimumDomain)
                                    : Json();
    recipe["figures"] = entry.scores ? figuresJson(*entry.scores) : Json();
    recipes.push_back(std::move(recipe));
  }
  Json &correlations = document["correlations"] = Json::array();
  for (const Correlation &correlation : report.correlations)
    correlations.push_back(
        {{"compression", correlation.compression},
         {"figure", correlation.figure},
         {"points", correlation.points},
         {"pearson", orNull(correlation.pearson)},
         {"pearson_interval", orNull(correlation.pearsonInterval)},
         {"spearman", orNull(correlation.spearman)},
         {"spearman_interval", orNull(correlation.spearmanInterval)},
         {"problem", correlation.problem.empty() ? Json() : Json(correlation.problem)}});
  return tools::DumpJson(document);
}
