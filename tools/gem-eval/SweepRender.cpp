// A sweep as a table, and as JSON.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessWords.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"
#include "tools/gem-eval/Sweep.h"
#include <algorithm>
#include <cmath>
#include <functional>
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

namespace {

/// A column of the table; of those with the largest `rank` a narrow terminal has none.
struct Column {
  std::string title;
  int rank = 0;
  bool isText = false;
  std::function<std::string(const ModelScores &)> cell;
};

size_t widthOf(const std::vector<std::string> &cells) {
  size_t width = 0;
  for (const std::string &cell : cells)
    width = std::max(width, tools::DisplayWidth(cell));
  return width;
}

} // namespace

/// The table, `width` columns wide at most where leaving columns out can do that.
static std::string tableOf(const SweepReport &report, size_t width, bool color) {
  auto lowest = [](const ModelScores &m) {
    return m.transfer ? number(m.transfer->minimum) : std::string();
  };
  std::vector<Column> columns = {
      {"bits", 0, false, [](const ModelScores &m) { return number(m.bitsPerWeight, 2); }},
      {"size", 2, false,
       [](const ModelScores &m) { return tools::FormatBytes(static_cast<uint64_t>(m.bytes)); }}};
  if (anyOf(report, [](const ModelScores &m) { return has(m.macsKept); }))
    columns.push_back({"work", 0, false, [](const ModelScores &m) {
                         return tools::FormatPercent(m.macsKept.value_or(1));
                       }});
  columns.push_back(
      {"score", 0, false, [](const ModelScores &m) { return number(m.overall.score); }});
  columns.push_back({"mean", 1, false, [](const ModelScores &m) {
                       return m.transfer ? number(m.transfer->mean) : std::string();
                     }});
  columns.push_back({"CDTR min", 0, false, lowest});
  columns.push_back({"95 %", 0, false, [](const ModelScores &m) {
                       return m.transfer && has(m.transfer->minimumInterval)
                                  ? number(m.transfer->minimumInterval->low) + "–" +
                                        number(m.transfer->minimumInterval->high)
                                  : std::string();
                     }});
  if (anyOf(report, [](const ModelScores &m) { return m.transferUnseen.has_value(); }))
    columns.push_back({"unseen", 3, false, [](const ModelScores &m) {
                         return m.transferUnseen ? number(m.transferUnseen->minimum)
                                                 : std::string();
                       }});
  columns.push_back(
      {"DSI", 4, false, [](const ModelScores &m) { return number(m.specializationIndex); }});
  if (has(report.baseline.generalizationGap))
    columns.push_back(
        {"GG", 5, false, [](const ModelScores &m) { return number(m.generalizationGap); }});
  columns.push_back(
      {"worst domain", 6, true, [](const ModelScores &m) {
         return m.transfer
                    ? tools::Shorten(tools::Printable(nameOfDomain(m.transfer->minimumDomain)), 24)
                    : std::string();
       }});

  std::vector<std::string> marks = {"", ""}, names = {"recipe", report.baseline.name};
  std::vector<const ModelScores *> models = {&report.baseline};
  for (const SweepEntry &entry : report.entries)
    if (entry.scores) {
      marks.push_back(entry.isOnFront ? "*" : "");
      names.push_back(entry.recipe);
      models.push_back(&*entry.scores);
    }
  std::vector<std::vector<std::string>> cells; // by column
  for (const Column &column : columns) {
    std::vector<std::string> &cell = cells.emplace_back();
    cell.push_back(column.title);
    for (const ModelScores *model : models)
      cell.push_back(column.cell(*model));
  }
  auto total = [&] {
    size_t sum = 1 + 2 + widthOf(names);
    for (const std::vector<std::string> &cell : cells)
      sum += 2 + widthOf(cell);
    return sum;
  };
  while (total() > width) {
    auto least = std::max_element(columns.begin(), columns.end(),
                                  [](const auto &a, const auto &b) { return a.rank < b.rank; });
    if (least->rank == 0)
      break;
    cells.erase(cells.begin() + (least - columns.begin()));
    columns.erase(least);
  }
  std::vector<tools::Table::Align> align(2, tools::Table::Align::kLeft);
  for (const Column &column : columns)
    align.push_back(column.isText ? tools::Table::Align::kLeft : tools::Table::Align::kRight);
  tools::Table table(align);
  for (size_t i = 0; i < names.size(); ++i) {
    auto paint = [&](const char *style, const std::string &text) {
      return text.empty() ? text : tools::Paint(color, style, text);
    };
    std::vector<std::string> row = {paint(tools::kGreen, marks[i]), names[i]};
    for (const std::vector<std::string> &cell : cells)
      row.push_back(cell[i]);
    if (i == 0)
      for (std::string &cell : row)
        cell = paint(tools::kBold, cell);
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

std::string eval::renderSweepText(const SweepReport &report, size_t width, bool color) {
  std::string out = tableOf(report, width, color);
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
