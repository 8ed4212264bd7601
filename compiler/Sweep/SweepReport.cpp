// What a sweep found: recipes beside the model they compress.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/SweepReport.h"
#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/Figures.h"

#include "absl/strings/str_cat.h"

#include <cmath>

namespace gem {

using namespace gem::report;

void concludeSweep(SweepReport &report) {
  std::vector<Tradeoff> points;
  std::vector<size_t> entries;
  for (size_t i = 0; i < report.entries.size(); ++i) {
    SweepEntry &entry = report.entries[i];
    entry.isOnFront = false;
    if (!entry.scores || !has(entry.scores->bitsPerWeight) || !entry.scores->transfer ||
        !std::isfinite(entry.scores->transfer->minimum))
      continue;
    points.push_back({*entry.scores->bitsPerWeight, entry.scores->transfer->minimum});
    entries.push_back(i);
  }
  std::vector<bool> isOnFront = paretoFront(points);
  for (size_t i = 0; i < entries.size(); ++i)
    report.entries[entries[i]].isOnFront = isOnFront[i];

  report.correlations.clear();
  bool hasPruned = false;
  for (const SweepEntry &entry : report.entries)
    hasPruned |= entry.scores && has(entry.scores->macsKept);
  for (const char *compression : {"bits_per_weight", "macs_kept"}) {
    bool isMacs = compression == std::string("macs_kept");
    if (isMacs && !hasPruned)
      continue;
    for (const char *figure : {"dsi.max", "gg", "cdtr.mean", "cdtr.min"}) {
      std::vector<double> x, y;
      for (const SweepEntry &entry : report.entries) {
        if (!entry.scores)
          continue;
        std::map<std::string, double> figures = figuresOf(*entry.scores);
        // What was not pruned keeps all.
        if (isMacs)
          figures.emplace("macs_kept", 1.0);
        auto first = figures.find(compression), second = figures.find(figure);
        if (first == figures.end() || second == figures.end() || !std::isfinite(first->second) ||
            !std::isfinite(second->second))
          continue;
        x.push_back(first->second);
        y.push_back(second->second);
      }
      if (x.empty()) // as GG is not known where all domains are specialised
        continue;
      Correlation correlation = correlate(x, y);
      correlation.compression = compression;
      correlation.figure = figure;
      report.correlations.push_back(std::move(correlation));
    }
  }
}

std::string headlineOf(const SweepReport &report) {
  // The smallest recipe whose worst domain keeps 98 %, and the one that lost most.
  constexpr double kKept = 0.98;
  const SweepEntry *smallest = nullptr, *worst = nullptr;
  for (const SweepEntry &entry : report.entries) {
    if (!entry.scores || !entry.scores->transfer || !has(entry.scores->bitsPerWeight))
      continue;
    double minimum = entry.scores->transfer->minimum;
    if (!std::isfinite(minimum))
      continue;
    if (minimum >= kKept &&
        (!smallest || *entry.scores->bitsPerWeight < *smallest->scores->bitsPerWeight))
      smallest = &entry;
    if (!worst || minimum < worst->scores->transfer->minimum)
      worst = &entry;
  }
  if (!worst)
    return "";
  auto describe = [](const SweepEntry &entry) {
    const TransferSummary &transfer = *entry.scores->transfer;
    std::string text = absl::StrCat(formatPercent(transfer.minimum), " of the score in ",
                                    nameOfDomain(transfer.minimumDomain));
    if (has(transfer.minimumInterval))
      absl::StrAppend(&text, " (95 % interval ", formatPercent(transfer.minimumInterval->low),
                      " to ", formatPercent(transfer.minimumInterval->high), ")");
    return text;
  };
  std::string text =
      smallest ? absl::StrCat(smallest->recipe, ", at ",
                              formatFixed(*smallest->scores->bitsPerWeight, 2),
                              " bits a weight, is the smallest that keeps at least 98 % of the "
                              "score in every domain; its lowest is ",
                              describe(*smallest), ".")
               : std::string("No recipe keeps 98 % of the score in every domain.");
  if (worst != smallest && worst->scores->transfer->minimum < kKept)
    absl::StrAppend(&text, " ", worst->recipe, " loses most: it keeps ", describe(*worst), ".");
  return text;
}

} // namespace gem
