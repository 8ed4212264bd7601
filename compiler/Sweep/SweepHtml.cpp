// The page of a sweep: the curve of compression against brittleness.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/Figures.h"
#include "compiler/Report/HtmlParts.h"
#include "compiler/Report/HtmlStyle.h"
#include "compiler/Sweep/SweepReport.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace gem {

using namespace gem::report;

namespace {

/// What a figure of figuresOf is called in a sentence.
std::string titleOf(const std::string &figure) {
  if (figure == "bits_per_weight")
    return "bits a weight";
  if (figure == "macs_kept")
    return "share of the work kept";
  if (figure == "dsi.max")
    return "largest DSI";
  if (figure == "gg")
    return "GG";
  if (figure == "cdtr.mean")
    return "mean CDTR";
  if (figure == "cdtr.min")
    return "lowest CDTR";
  return figure;
}

class PageWriter {
public:
  explicit PageWriter(const SweepReport &report) : report(report) {}

  std::string write() {
    std::string lead = absl::StrCat(formatPlural(report.entries.size(), "recipe"), " on ",
                                    formatPlural(report.texts, "text"),
                                    report.data.empty() ? "" : " of ", escapeHtml(report.data));
    put(headOfPage(absl::StrCat("Compression and brittleness of ", nameOfModel()), lead,
                   kEvaluationStyle));
    if (std::string headline = headlineOf(report); !headline.empty())
      put("<p class=\"headline\">", absl::StrReplaceAll(escapeHtml(headline), {{" %", "&nbsp;%"}}),
          "</p>\n");
    curves();
    table();
    correlations();
    domains();
    failures();
    put(htmlOfDefinitions(report.score, report.resamples, report.seed));
    std::string foot = "gem-eval sweep";
    if (!report.dataHash.empty())
      absl::StrAppend(&foot, " on texts with the hash ", report.dataHash);
    put(footOfPage(foot));
    return std::move(out);
  }

private:
  template <typename... T> void put(const T &...pieces) { absl::StrAppend(&out, pieces...); }

  /// The last part of the path.
  std::string nameOfModel() const {
    std::string path = report.model;
    while (path.size() > 1 && path.back() == '/')
      path.pop_back();
    return path.substr(path.find_last_of('/') + 1);
  }

  /// By how much work it keeps, so that sparsities stay apart.
  std::string colorOf(const ModelScores &scores) const {
    static constexpr const char *kColors[] = {"c1", "c3", "c2", "c4", "c5", "c0", "c6"};
    std::set<double, std::greater<>> shares = {1.0};
    for (const SweepEntry &entry : report.entries)
      if (entry.scores && has(entry.scores->macsKept))
        shares.insert(sparsityOf(*entry.scores));
    size_t index = std::distance(shares.begin(), shares.find(sparsityOf(scores)));
    return kColors[std::min(index, std::size(kColors) - 1)];
  }
  /// The share of the work kept, to 5 %: recipes of one aim have one colour.
  static double sparsityOf(const ModelScores &scores) {
    return has(scores.macsKept) ? std::round(*scores.macsKept * 20) / 20 : 1.0;
  }

  bool hasPruned() const {
    return std::any_of(report.entries.begin(), report.entries.end(), [](const SweepEntry &entry) {
      return entry.scores && has(entry.scores->macsKept);
    });
  }

  struct Measure {
    const char *title;
    std::function<Figure(const ModelScores &)> value;
    std::function<std::optional<Interval>(const ModelScores &)> interval;
    std::optional<double> reference;
    bool showsFront;
  };

  std::string plotOf(const Measure &measure) const {
    Plot plot;
    plot.xTitle = "bits a weight";
    plot.yTitle = measure.title;
    plot.reference = measure.reference;
    plot.joinsMarked = measure.showsFront;
    auto add = [&](const std::string &name, const std::string &label, const ModelScores &scores) {
      Figure value = measure.value(scores);
      if (!has(value) || !has(scores.bitsPerWeight))
        return;
      PlotPoint point;
      point.x = *scores.bitsPerWeight;
      point.y = *value;
      std::optional<Interval> interval = measure.interval(scores);
      point.title = absl::StrCat(name, ": ", number(scores.bitsPerWeight, 2), " bits, ",
                                 measure.title, " ", number(value));
      if (has(interval)) {
        point.range = {interval->low, interval->high};
        absl::StrAppend(&point.title, " (", range(interval), ")");
      }
      point.label = label;
      point.color = colorOf(scores);
      absl::StrAppend(&plot.description, plot.description.empty() ? "" : "; ", point.title);
      plot.points.push_back(std::move(point));
    };
    for (size_t i = 0; i < report.entries.size(); ++i) {
      const SweepEntry &entry = report.entries[i];
      if (!entry.scores)
        continue;
      size_t before = plot.points.size();
      add(entry.recipe, absl::StrCat(i + 1), *entry.scores);
      if (plot.points.size() > before)
        plot.points.back().isMarked = measure.showsFront && entry.isOnFront;
    }
    return htmlOfPlot(plot);
  }

  void curves() {
    auto transfer = [](double TransferSummary::*which) {
      return [which](const ModelScores &scores) -> Figure {
        return scores.transfer ? Figure(*scores.transfer.*which) : std::nullopt;
      };
    };
    auto transferInterval = [](std::optional<Interval> TransferSummary::*which) {
      return [which](const ModelScores &scores) -> std::optional<Interval> {
        return scores.transfer ? *scores.transfer.*which : std::nullopt;
      };
    };
    auto none = [](const ModelScores &) { return std::optional<Interval>(); };
    const Measure measures[] = {
        {"lowest CDTR", transfer(&TransferSummary::minimum),
         transferInterval(&TransferSummary::minimumInterval), 1.0, true},
        {"mean CDTR", transfer(&TransferSummary::mean),
         transferInterval(&TransferSummary::meanInterval), 1.0, false},
        {"GG", [](const ModelScores &scores) { return scores.generalizationGap; },
         [](const ModelScores &scores) { return scores.gapInterval; },
         report.baseline.generalizationGap, false},
        {"largest DSI", [](const ModelScores &scores) { return scores.specializationIndex; }, none,
         report.baseline.specializationIndex, false},
    };
    std::string plots[std::size(measures)];
    for (size_t i = 0; i < std::size(measures); ++i)
      plots[i] = plotOf(measures[i]);
    if (plots[0].empty() && plots[2].empty() && plots[3].empty())
      return;
    put("<section>\n<h2>Compression against brittleness</h2>\n<p class=\"soft\">Each number is a "
        "recipe, the upright line its 95 % interval. Ringed and joined is the Pareto front: no "
        "other recipe has both fewer bits and a higher lowest CDTR. The dashed line is the f32 "
        "model.",
        hasPruned() ? " Recipes of one colour keep the same share of the work.</p>\n" : "</p>\n");
    legend();
    put("<div class=\"plots\">\n");
    for (const std::string &plot : plots)
      put(plot);
    put("</div>\n</section>\n");
  }

  void legend() {
    put("<ul class=\"numbered\">");
    for (size_t i = 0; i < report.entries.size(); ++i)
      if (report.entries[i].scores)
        put("<li>", nameInColor(i), "</li>");
    put("</ul>\n");
  }

  std::string nameInColor(size_t index) const {
    const SweepEntry &entry = report.entries[index];
    return absl::StrCat("<b style=\"color:var(--",
                        entry.scores ? colorOf(*entry.scores) : std::string("soft"), ")\">",
                        index + 1, "</b> ",
                        absl::StrReplaceAll(escapeHtml(entry.recipe), {{"+", "<wbr>+"}}));
  }

  void beginScroll(const std::string &label) {
    put("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", escapeHtml(label),
        "\">\n");
  }

  static std::string cell(const std::string &value, const std::optional<Interval> &interval,
                          const std::string &domain = "") {
    std::string html = escapeHtml(value);
    if (!value.empty() && has(interval))
      absl::StrAppend(&html, "<small>", range(interval), "</small>");
    if (!value.empty() && !domain.empty())
      absl::StrAppend(&html, "<small>", escapeHtml(domain), "</small>");
    return absl::StrCat("<td>", html, "</td>");
  }

  void table() {
    bool hasUnseen = false, hasTime = false, isPruned = hasPruned();
    bool hasGap = has(report.baseline.generalizationGap);
    for (const SweepEntry &entry : report.entries) {
      if (!entry.scores)
        continue;
      hasUnseen |= entry.scores->transferUnseen.has_value();
      hasTime |= has(entry.scores->seconds);
    }
    put("<section>\n<h2>The recipes</h2>\n");
    beginScroll("Figures of every recipe");
    put("<table class=\"grid-table\">\n<thead><tr><th scope=\"col\">Recipe</th><th "
        "scope=\"col\">Bits a weight</th><th scope=\"col\">Size</th>",
        isPruned ? "<th scope=\"col\">Work kept</th>" : "", "<th scope=\"col\">",
        "Score</th><th scope=\"col\">CDTR, mean</th><th scope=\"col\">CDTR, lowest</th>",
        hasUnseen ? "<th scope=\"col\">Unseen, lowest</th>" : "",
        "<th scope=\"col\">DSI, largest</th>", hasGap ? "<th scope=\"col\">GG</th>" : "",
        "<th scope=\"col\">KL</th><th scope=\"col\">Flips</th>",
        hasTime ? "<th scope=\"col\">Time of a text</th>" : "", "</tr></thead>\n<tbody>\n");
    auto row = [&](const std::string &nameHtml, const ModelScores &scores) {
      put("<tr><th scope=\"row\">", nameHtml, "</th>", cell(number(scores.bitsPerWeight, 2), {}),
          cell(scores.bytes > 0 ? formatBytes(scores.bytes) : "", {}));
      if (isPruned)
        put(cell(percent(scores.macsKept.value_or(1)), {}));
      put(cell(number(scores.overall.score), scores.overall.scoreInterval));
      auto transfer = [&](const std::optional<TransferSummary> &summary, bool isMinimum) {
        if (!summary)
          put("<td></td>");
        else if (isMinimum)
          put(cell(number(summary->minimum), summary->minimumInterval,
                   nameOfDomain(summary->minimumDomain)));
        else
          put(cell(number(summary->mean), summary->meanInterval));
      };
      transfer(scores.transfer, false);
      transfer(scores.transfer, true);
      if (hasUnseen)
        transfer(scores.transferUnseen, true);
      put(cell(number(scores.specializationIndex), {}, nameOfDomain(scores.specializationDomain)));
      if (hasGap)
        put(cell(number(scores.generalizationGap), scores.gapInterval));
      put(cell(nats(scores.overall.divergence), {}),
          cell(scores.overall.flips ? percent(scores.overall.flips->routed) : "", {}));
      if (hasTime)
        put(cell(has(scores.seconds) ? formatSeconds(*scores.seconds) : "", {}));
      put("</tr>\n");
    };
    row("f32", report.baseline);
    for (size_t i = 0; i < report.entries.size(); ++i) {
      const SweepEntry &entry = report.entries[i];
      if (entry.scores)
        row(absl::StrCat(nameInColor(i),
                         entry.isOnFront ? " <span class=\"tag\">Pareto</span>" : ""),
            *entry.scores);
    }
    put("</tbody>\n</table>\n</div>\n</section>\n");
  }

  void correlations() {
    if (report.correlations.empty())
      return;
    put("<section>\n<h2>Does compression make it brittle?</h2>\n<p class=\"soft\">How figures of "
        "the recipes go together: 1 is a rising line, -1 a falling one, 0 none. More bits and "
        "more work kept are less compression. Intervals are 95 %, and take the recipes for "
        "independent draws, which a chosen list is not: read them as a guide.</p>\n");
    beginScroll("Correlations");
    put("<table class=\"grid-table\">\n<thead><tr><th scope=\"col\">Of</th><th "
        "scope=\"col\">with</th><th scope=\"col\">Pearson</th><th "
        "scope=\"col\">Spearman</th><th scope=\"col\">Recipes</th></tr></thead>\n<tbody>\n");
    for (const Correlation &correlation : report.correlations) {
      put("<tr><th scope=\"row\">", escapeHtml(titleOf(correlation.compression)), "</th><td>",
          escapeHtml(titleOf(correlation.figure)), "</td>");
      if (correlation.pearson)
        put(cell(number(correlation.pearson, 2), correlation.pearsonInterval),
            cell(number(correlation.spearman, 2), correlation.spearmanInterval));
      else
        put("<td colspan=\"2\">", escapeHtml(correlation.problem), "</td>");
      put("<td>", correlation.points, "</td></tr>\n");
    }
    put("</tbody>\n</table>\n</div>\n</section>\n");
  }

  /// Recipes by domains, as shades of what was lost.
  void domains() {
    std::set<std::string> names;
    for (const SweepEntry &entry : report.entries)
      if (entry.scores)
        for (const DomainScores &domain : entry.scores->domains)
          if (has(domain.transferRatio))
            names.insert(domain.domain);
    if (names.empty())
      return;
    put("<section>\n<h2>What each domain kept</h2>\n<p class=\"soft\">CDTR of every domain; the "
        "darker, the more was lost. 1 is nothing lost.</p>\n");
    beginScroll("CDTR by recipe and domain");
    put("<table class=\"heat\">\n<thead><tr><td></td>");
    for (const std::string &name : names)
      put("<th scope=\"col\">", escapeHtml(nameOfDomain(name)), "</th>");
    put("</tr></thead>\n<tbody>\n");
    double most = 0.02; // so that noise alone is not dark
    for (const SweepEntry &entry : report.entries)
      if (entry.scores)
        for (const DomainScores &domain : entry.scores->domains)
          if (has(domain.transferRatio))
            most = std::max(most, 1 - *domain.transferRatio);
    for (size_t i = 0; i < report.entries.size(); ++i) {
      const SweepEntry &entry = report.entries[i];
      if (!entry.scores)
        continue;
      put("<tr><th scope=\"row\">", nameInColor(i), "</th>");
      for (const std::string &name : names) {
        const DomainScores *domain = find(*entry.scores, name);
        if (!domain || !has(domain->transferRatio)) {
          put("<td></td>");
          continue;
        }
        double loss = std::clamp((1 - *domain->transferRatio) / most, 0.0, 1.0);
        put("<td", loss > 0.55 ? " class=\"deep\"" : "",
            absl::StrFormat(" style=\"background:rgb(var(--heat) / %.2f)\">", loss),
            number(domain->transferRatio), "</td>");
      }
      put("</tr>\n");
    }
    put("</tbody>\n</table>\n</div>\n</section>\n");
  }

  void failures() {
    std::string list;
    for (const SweepEntry &entry : report.entries)
      if (!entry.failure.empty())
        absl::StrAppend(&list, "<li><b>", escapeHtml(entry.recipe),
                        "</b>: ", escapeHtml(entry.failure), "</li>\n");
    if (!list.empty())
      put("<section>\n<h2>What failed</h2>\n<ul>\n", list, "</ul>\n</section>\n");
  }

  const SweepReport &report;
  std::string out;
};

} // namespace

std::string renderSweepHtml(const SweepReport &report) { return PageWriter(report).write(); }

} // namespace gem
