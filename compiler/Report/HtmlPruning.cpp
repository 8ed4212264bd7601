// Sections of the report's page about what was removed, and about the gates.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/Figures.h"
#include "compiler/Report/HtmlSections.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>

namespace gem::report {

std::string htmlOfGates(const CompileReport &report) {
  if (report.gates.empty())
    return "";
  std::string out = "<section>\n<h2>Gates</h2>\n<ul>\n";
  for (const GateReport &gate : report.gates)
    absl::StrAppend(&out, "<li>", gate.failed ? "<b>Failed</b>" : "Passed", ": <code>",
                    escapeHtml(gate.condition), "</code>",
                    gate.message.empty() ? ""
                                         : absl::StrCat("<br/><span class=\"soft\">",
                                                        escapeHtml(gate.message), "</span>"),
                    "</li>\n");
  return out + "</ul>\n</section>\n";
}

namespace {

double shareOf(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A pale bar for what was there and a full one for what is left, both shares of the cell.
std::string beforeAndAfter(double before, double after, const char *color,
                           const std::string &title) {
  return absl::StrCat("<svg class=\"chart\" width=\"100%\" height=\"12\" role=\"img\"><rect "
                      "width=\"",
                      percentOf(before), "\" height=\"12\" rx=\"3\" style=\"fill:var(--", color,
                      ");opacity:0.25\"/><rect width=\"", percentOf(after),
                      "\" height=\"12\" rx=\"3\" style=\"fill:var(--", color, ")\"/><title>",
                      escapeHtml(title), "</title></svg>");
}

const char *colorOfSpace(const std::string &kind) {
  return absl::StrContains(kind, "scar")   ? "c4"
         : absl::StrContains(kind, "head") ? "c1"
         : kind == "channels"              ? "c2"
         : kind == "block"                 ? "c3"
                                           : "c0";
}

std::string tableOfSpaces(const std::vector<PrunedSpace> &spaces) {
  int64_t most = 0;
  for (const PrunedSpace &space : spaces)
    most = std::max(most, space.macsBefore);
  std::string out = absl::StrCat(kHeadOfTable, column("Structure", ""), column("", "share"),
                                 column("", "bar"), column("Entries", "num"),
                                 column("Work kept", "num share"), "</tr></thead>\n<tbody>\n");
  for (const PrunedSpace &space : spaces) {
    // What costs no work is drawn by its entries.
    bool hasWork = space.macsBefore > 0;
    double before = hasWork ? shareOf(space.macsBefore, most) : 1;
    double after =
        hasWork ? shareOf(space.macsAfter, most) : shareOf(space.entriesAfter, space.entriesBefore);
    std::string entries =
        absl::StrCat(formatCount(space.entriesBefore), " → ", formatCount(space.entriesAfter));
    absl::StrAppend(
        &out, "<tr><th scope=\"row\" class=\"name\">", breakable(space.name),
        "</th><td class=\"soft share\" style=\"white-space:nowrap;padding-right:1rem\">",
        escapeHtml(nameOfKind(space.kind)), "</td><td class=\"bar\">",
        beforeAndAfter(before, after, colorOfSpace(space.kind),
                       absl::StrCat(space.name, ", ", nameOfKind(space.kind), ": ", entries)),
        "</td><td class=\"num\">", entries, "</td><td class=\"num soft share\">",
        hasWork ? escapeHtml(formatPercent(shareOf(space.macsAfter, space.macsBefore))) : "-",
        "</td></tr>\n");
  }
  return out + "</tbody>\n</table>\n";
}

/// Where every domain is beside its floor: a ring as pruned, a dot refitted, its interval.
std::string tableOfDomains(const PruningReport &pruning) {
  std::vector<double> values = {1};
  if (pruning.floor)
    values.push_back(*pruning.floor);
  bool hasBefore = false;
  for (const PrunedDomain &domain : pruning.domains) {
    values.insert(values.end(), {domain.ratio, domain.interval.low, domain.interval.high});
    hasBefore |= domain.ratioBefore.has_value();
    if (domain.ratioBefore)
      values.push_back(*domain.ratioBefore);
  }
  Scale scale = makeScale(values, 4);
  auto place = [&](double value) { return percentOf(scale.place(value)); };
  std::string out = absl::StrCat(
      "<h3>Likelihood that each domain keeps</h3>\n<p class=\"soft\">Of the uncompressed model's, "
      "on texts of ",
      pruning.validation.empty() ? "the calibration" : escapeHtml(pruning.validation),
      hasBefore
          ? " that nothing was fitted to; the ring is before the remaining layers were fitted "
            "again, the dot after"
          : " that nothing was fitted to",
      ", with its 95 % interval", pruning.floor ? "; the upright line is the floor" : "", ".</p>\n",
      "<table class=\"bars marks\">\n<thead><tr>", column("Domain", ""), column("", "bar"),
      column("Kept", "num"), column("Texts", "num share"), "</tr></thead>\n<tbody>\n");
  for (const PrunedDomain &domain : pruning.domains) {
    std::string name = nameOfDomain(domain.domain);
    std::string text = formatRatio(domain.ratio, domain.interval);
    absl::StrAppend(&out, "<tr><th scope=\"row\">", breakable(name),
                    "</th><td class=\"bar\"><svg class=\"chart\" width=\"100%\" height=\"16\" "
                    "role=\"img\">");
    for (double tick : scale.ticks)
      absl::StrAppend(&out, "<line class=\"grid\" x1=\"", place(tick), "\" x2=\"", place(tick),
                      "\" y1=\"0\" y2=\"100%\"/>");
    if (pruning.floor)
      absl::StrAppend(&out, "<line class=\"base\" x1=\"", place(*pruning.floor), "\" x2=\"",
                      place(*pruning.floor), "\" y1=\"0\" y2=\"100%\"/>");
    absl::StrAppend(&out, "<g style=\"color:var(--c3)\">");
    if (std::isfinite(domain.interval.low) && std::isfinite(domain.interval.high))
      absl::StrAppend(&out, "<line class=\"whisker\" x1=\"", place(domain.interval.low), "\" x2=\"",
                      place(domain.interval.high), "\" y1=\"8\" y2=\"8\"/>");
    if (domain.ratioBefore)
      absl::StrAppend(&out, "<circle style=\"fill:var(--bg);stroke:currentColor\" cx=\"",
                      place(*domain.ratioBefore), "\" cy=\"8\" r=\"4.5\"/>");
    absl::StrAppend(
        &out, "<circle cx=\"", place(domain.ratio), "\" cy=\"8\" r=\"5\"/></g><title>",
        escapeHtml(absl::StrCat(
            name, ": ", text,
            domain.ratioBefore
                ? absl::StrCat(", before the refit ", formatRatio(domain.ratioBefore, std::nullopt))
                : "")),
        "</title></svg></td><td class=\"num\">", text, "</td><td class=\"num soft share\">",
        formatCount(domain.texts), "</td></tr>\n");
  }
  absl::StrAppend(&out, "</tbody>\n<tfoot aria-hidden=\"true\"><tr><th></th><td class=\"bar\"><div "
                        "class=\"ticks\">");
  for (double tick : scale.ticks)
    absl::StrAppend(&out, "<span style=\"left:", place(tick), "\">", scale.format(tick), "</span>");
  return out + "</div></td><td></td><td class=\"share\"></td></tr></tfoot>\n</table>\n";
}

std::string tableOfLayers(const std::vector<PreservedLayer> &layers) {
  double most = 0;
  for (const PreservedLayer &layer : layers)
    if (std::isfinite(layer.errorBefore))
      most = std::max(most, layer.errorBefore);
  std::string out =
      absl::StrCat("<details>\n<summary>Error of ", formatPlural(layers.size(), "layer"),
                   " before and after the refit</summary>\n", kHeadOfTable, column("Layer", ""),
                   column("", "bar"), column("Relative error", "num"), "</tr></thead>\n<tbody>\n");
  for (const PreservedLayer &layer : layers) {
    std::string text =
        absl::StrCat(formatNats(layer.errorBefore), " → ", formatNats(layer.errorAfter));
    absl::StrAppend(&out, "<tr><th scope=\"row\" class=\"name\">", breakable(layer.name),
                    "</th><td class=\"bar\">",
                    beforeAndAfter(most > 0 ? layer.errorBefore / most : 0,
                                   most > 0 ? layer.errorAfter / most : 0, "c6",
                                   layer.name + ": " + text),
                    "</td><td class=\"num\">", escapeHtml(text), "</td></tr>\n");
  }
  return out + "</tbody>\n</table>\n</details>\n";
}

} // namespace

std::string htmlOfPruning(const CompileReport &report) {
  if (!report.pruning)
    return "";
  const PruningReport &pruning = *report.pruning;
  std::string text = keptWork(pruning) + ".";
  if (std::string floor = stoppingFloor(pruning); !floor.empty())
    absl::StrAppend(&text, " ", floor);
  std::string out = absl::StrCat("<section>\n<h2>What was removed</h2>\n<p class=\"soft\">",
                                 escapeHtml(text), "</p>\n");
  if (const auto &rows = pruning.vocabulary)
    absl::StrAppend(&out, "<p class=\"soft\">Of ", formatPlural(rows->texts, "text"), " of ",
                    escapeHtml(rows->corpus), ", ", escapeHtml(formatPercent(rows->resplit)),
                    " are split otherwise without the word pieces that went, and ",
                    escapeHtml(formatPercent(rows->unknown)), " have a new [UNK].</p>\n");
  if (!pruning.spaces.empty())
    out += tableOfSpaces(pruning.spaces);
  if (!pruning.domains.empty())
    out += tableOfDomains(pruning);
  if (!pruning.layers.empty())
    out += tableOfLayers(pruning.layers);
  return out + "</section>\n";
}

} // namespace gem::report
