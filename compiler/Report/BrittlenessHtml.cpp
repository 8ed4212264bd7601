// What compression cost every domain, as a page for a browser.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessHtml.h"
#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/Figures.h"
#include "compiler/Report/HtmlParts.h"
#include "compiler/Report/HtmlStyle.h"

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

/// Of several models, in turn. They stay apart by lightness too, and by number.
std::string colorOfModel(size_t model) {
  static constexpr const char *kColors[] = {"c1", "c3", "c2", "c4", "c5", "c0", "c6"};
  return kColors[model % std::size(kColors)];
}

/// A column of a table of domains. Left out where no domain has it.
struct DomainColumn {
  const char *title, *explanation;
  std::function<std::string(const DomainScores &, const DomainScores *baseline)> html;
};

std::string withRange(const std::string &value, const std::optional<Interval> &interval) {
  if (value.empty() || !has(interval))
    return value;
  return absl::StrCat(value, " <small>", range(interval), "</small>");
}

class PageWriter {
public:
  explicit PageWriter(const BrittlenessReport &report) : report(report) {
    std::set<std::string> names;
    for (const DomainScores &domain : report.baseline.domains)
      names.insert(domain.domain);
    for (const ModelScores &model : report.models)
      for (const DomainScores &domain : model.domains)
        names.insert(domain.domain);
    domains.assign(names.begin(), names.end());
  }

  std::string write() {
    std::string lead = absl::StrCat(formatPlural(report.texts, "text"),
                                    report.data.empty() ? "" : " of ", escapeHtml(report.data));
    if (!report.baseline.name.empty())
      absl::StrAppend(&lead, " &middot; against ", escapeHtml(report.baseline.name));
    std::string title = report.models.size() == 1
                            ? absl::StrCat("What compression cost ", report.models[0].name)
                            : "What compression cost, by domain";
    put(headOfPage(title, lead, kEvaluationStyle));
    sections();
    std::string foot = "gem-eval";
    if (!report.dataHash.empty())
      absl::StrAppend(&foot, " on texts with the hash ", report.dataHash);
    put(footOfPage(foot));
    return std::move(out);
  }

  std::string writeSections() {
    put("<section>\n<h2>What compression cost, on ", formatPlural(report.texts, "text"),
        report.data.empty() ? "" : " of ", escapeHtml(report.data), "</h2>\n</section>\n");
    sections();
    return std::move(out);
  }

private:
  void sections() {
    if (std::string headline = headlineOf(report); !headline.empty())
      put("<p class=\"headline\">", absl::StrReplaceAll(escapeHtml(headline), {{" %", "&nbsp;%"}}),
          "</p>\n");
    if (report.models.size() == 1)
      cards(report.models[0]);
    else
      sideBySide();
    scores();
    transfer();
    againstSize();
    for (size_t i = 0; i < report.models.size(); ++i)
      table(i);
    for (size_t i = 0; i < report.routeChanges.size() && i < report.models.size(); ++i)
      routes(i);
    confusion();
    put(htmlOfDefinitions(report.score, report.resamples, report.seed));
  }

  template <typename... T> void put(const T &...pieces) { absl::StrAppend(&out, pieces...); }

  /// "compressed", or "1 int8.gemb" of several.
  std::string labelOf(size_t model) const {
    const std::string &name = report.models[model].name;
    return report.models.size() > 1 ? absl::StrCat(model + 1, " ", name) : name;
  }

  std::string summaryOf(const TransferSummary &summary) const {
    std::string text = absl::StrCat("lowest ", number(summary.minimum));
    if (has(summary.minimumInterval))
      absl::StrAppend(&text, " (", range(summary.minimumInterval), ")");
    return absl::StrCat(text, " in ", nameOfDomain(summary.minimumDomain));
  }

  void cards(const ModelScores &model) {
    const DomainScores &all = model.overall, &before = report.baseline.overall;
    auto was = [](const std::string &value) { return value.empty() ? "" : "before: " + value; };
    auto bounds = [](const std::optional<Interval> &interval) {
      return has(interval) ? "95 %: " + range(interval) : "";
    };
    auto joined = [](const std::string &first, const std::string &second) {
      return first.empty() || second.empty() ? first + second : first + ", " + second;
    };
    put("<dl class=\"cards\">\n");
    std::string score = nameOf(report.score);
    score[0] = static_cast<char>(std::toupper(score[0]));
    put(cardOf(score, number(all.score), was(number(before.score))));
    if (const auto &summary = model.transfer) {
      put(cardOf("CDTR, mean", number(summary->mean), bounds(summary->meanInterval)));
      put(cardOf("CDTR, lowest", number(summary->minimum),
                 joined(nameOfDomain(summary->minimumDomain), bounds(summary->minimumInterval))));
    }
    if (const auto &summary = model.transferUnseen)
      put(cardOf("CDTR, unseen", number(summary->mean), summaryOf(*summary)));
    put(cardOf("DSI, largest", number(model.specializationIndex),
               joined(nameOfDomain(model.specializationDomain),
                      was(number(report.baseline.specializationIndex)))));
    put(cardOf("GG", number(model.generalizationGap),
               joined(bounds(model.gapInterval), was(number(report.baseline.generalizationGap)))));
    put(cardOf("Agreement", percent(all.agreement), "of texts with the same answer"));
    put(cardOf("KL divergence", nats(all.divergence), "nats from the baseline"));
    if (const auto &flips = all.flips)
      put(cardOf("Routing flips", percent(flips->routed),
                 absl::StrCat("of tokens; cluster ", percent(flips->cluster), ", mask ",
                              percent(flips->mask))));
    if (model.bytes > 0)
      put(cardOf("File", formatBytes(model.bytes),
                 report.baseline.bytes > 0 ? was(formatBytes(report.baseline.bytes)) : ""));
    put(cardOf("Bits a weight", number(model.bitsPerWeight, 2),
               was(number(report.baseline.bitsPerWeight, 2))));
    put(cardOf("Work kept", percent(model.macsKept), "of the multiply-accumulates"));
    if (has(model.seconds))
      put(cardOf("Time of a text", formatSeconds(*model.seconds),
                 has(report.baseline.seconds)
                     ? was(formatSeconds(*report.baseline.seconds)) + ", measured"
                     : "median, measured"));
    if (model.memoryBytes > 0)
      put(cardOf("Memory", formatBytes(model.memoryBytes),
                 report.baseline.memoryBytes > 0 ? was(formatBytes(report.baseline.memoryBytes))
                                                 : "weights, arena and session"));
    put("</dl>\n");
  }

  /// A table that is wider than a phone: it scrolls by itself.
  void beginScroll(const std::string &label) {
    put("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", escapeHtml(label),
        "\">\n");
  }

  void sideBySide() {
    if (report.models.empty())
      return;
    struct Row {
      const ModelScores *model;
      std::string name;
    };
    std::vector<Row> rows = {{&report.baseline, escapeHtml(report.baseline.name)}};
    for (size_t i = 0; i < report.models.size(); ++i)
      rows.push_back({&report.models[i], nameInColor(i)});
    struct Column {
      std::string title;
      std::function<std::string(const ModelScores &)> html;
    };
    auto transferOf = [](const std::optional<TransferSummary> &summary, bool isMinimum) {
      if (!summary)
        return std::string();
      if (!isMinimum)
        return withRange(number(summary->mean), summary->meanInterval);
      return absl::StrCat(withRange(number(summary->minimum), summary->minimumInterval), "<small>",
                          escapeHtml(nameOfDomain(summary->minimumDomain)), "</small>");
    };
    std::vector<Column> columns = {
        {"Score",
         [](const ModelScores &m) {
           return withRange(number(m.overall.score), m.overall.scoreInterval);
         }},
        {"CDTR, mean", [&](const ModelScores &m) { return transferOf(m.transfer, false); }},
        {"CDTR, lowest", [&](const ModelScores &m) { return transferOf(m.transfer, true); }},
        {"Unseen, mean", [&](const ModelScores &m) { return transferOf(m.transferUnseen, false); }},
        {"Unseen, lowest",
         [&](const ModelScores &m) { return transferOf(m.transferUnseen, true); }},
        {"DSI, largest",
         [](const ModelScores &m) {
           std::string value = number(m.specializationIndex);
           return value.empty()
                      ? value
                      : absl::StrCat(value, "<small>",
                                     escapeHtml(nameOfDomain(m.specializationDomain)), "</small>");
         }},
        {"GG",
         [](const ModelScores &m) {
           return withRange(number(m.generalizationGap), m.gapInterval);
         }},
        {"Agreement", [](const ModelScores &m) { return percent(m.overall.agreement); }},
        {"KL", [](const ModelScores &m) { return nats(m.overall.divergence); }},
        {"Flips",
         [](const ModelScores &m) {
           return m.overall.flips ? percent(m.overall.flips->routed) : std::string();
         }},
        {"Size", [](const ModelScores &m) { return m.bytes > 0 ? formatBytes(m.bytes) : ""; }},
        {"Bits a weight", [](const ModelScores &m) { return number(m.bitsPerWeight, 2); }},
        {"Work kept", [](const ModelScores &m) { return percent(m.macsKept); }},
        {"Time",
         [](const ModelScores &m) { return has(m.seconds) ? formatSeconds(*m.seconds) : ""; }},
        {"Memory",
         [](const ModelScores &m) { return m.memoryBytes > 0 ? formatBytes(m.memoryBytes) : ""; }},
    };
    put("<section>\n<h2>The models side by side</h2>\n");
    beginScroll("The models side by side");
    std::vector<std::vector<std::string>> cells;
    std::vector<bool> isUsed(columns.size());
    for (const Row &row : rows) {
      cells.emplace_back();
      for (size_t i = 0; i < columns.size(); ++i) {
        cells.back().push_back(columns[i].html(*row.model));
        isUsed[i] = isUsed[i] || !cells.back().back().empty();
      }
    }
    put("<table class=\"grid-table\">\n<thead><tr><th scope=\"col\">Model</th>");
    for (size_t i = 0; i < columns.size(); ++i)
      if (isUsed[i])
        put("<th scope=\"col\">", columns[i].title, "</th>");
    put("</tr></thead>\n<tbody>\n");
    for (size_t row = 0; row < rows.size(); ++row) {
      put("<tr><th scope=\"row\">", rows[row].name, "</th>");
      for (size_t i = 0; i < columns.size(); ++i)
        if (isUsed[i])
          put("<td>", escapeLessThan(cells[row][i]), "</td>");
      put("</tr>\n");
    }
    put("</tbody>\n</table>\n</div>\n</section>\n");
  }

  /// Figures such as "<0.1 %" beside markup of ours.
  static std::string escapeLessThan(std::string html) {
    if (html.size() > 1 && html[0] == '<' && html[1] >= '0' && html[1] <= '9')
      html.replace(0, 1, "&lt;");
    return html;
  }

  std::string nameInColor(size_t model) const {
    return absl::StrCat("<b style=\"color:var(--", colorOfModel(model), ")\">", model + 1, "</b> ",
                        breakable(report.models[model].name));
  }

  void legend(bool withBaseline) {
    if (report.models.size() < 2 && !withBaseline)
      return;
    put("<ul class=\"numbered\">");
    if (withBaseline)
      put("<li><span class=\"base-key\"></span>", escapeHtml(report.baseline.name),
          " (shaded: its interval)</li>");
    for (size_t i = 0; i < report.models.size(); ++i)
      if (report.models.size() > 1)
        put("<li>", nameInColor(i), "</li>");
      else
        put("<li><span class=\"dot\" style=\"background:var(--", colorOfModel(i), ")\"></span>",
            escapeHtml(report.models[i].name), "</li>");
    put("</ul>\n");
  }

  /// A row for each domain with a dot and an interval for every model.
  void markChart(const std::vector<std::string> &rows,
                 const std::function<Figure(const DomainScores &)> &valueOf,
                 const std::function<std::optional<Interval>(const DomainScores &)> &intervalOf,
                 bool withBaseline, const Figure &reference) {
    constexpr int kLine = 16;
    std::vector<double> values;
    auto collect = [&](const ModelScores &model) {
      for (const std::string &row : rows)
        if (const DomainScores *scores = find(model, row); scores && has(valueOf(*scores))) {
          values.push_back(*valueOf(*scores));
          if (std::optional<Interval> interval = intervalOf(*scores); has(interval)) {
            values.push_back(interval->low);
            values.push_back(interval->high);
          }
        }
    };
    for (const ModelScores &model : report.models)
      collect(model);
    if (withBaseline)
      collect(report.baseline);
    if (reference)
      values.push_back(*reference);
    Scale scale = makeScale(values, 4);
    int height = kLine * static_cast<int>(std::max<size_t>(report.models.size(), 1));
    put("<table class=\"bars marks\">\n<thead><tr>", column("Domain", ""), column("", "bar"),
        withBaseline ? column("before", "num share") : "",
        report.models.empty() ? "" : column(withBaseline ? "now" : "CDTR", "num"),
        "</tr></thead>\n<tbody>\n");
    for (const std::string &row : rows) {
      std::string marks, cells, words, before;
      for (double tick : scale.ticks)
        absl::StrAppend(&marks, "<line class=\"grid\" x1=\"", percentOf(scale.place(tick)),
                        "\" x2=\"", percentOf(scale.place(tick)), "\" y1=\"0\" y2=\"100%\"/>");
      auto say = [&](const std::string &name, double value,
                     const std::optional<Interval> &interval) {
        absl::StrAppend(&words, words.empty() ? "" : "; ", name, " ", number(value));
        if (has(interval))
          absl::StrAppend(&words, " (", range(interval), ")");
      };
      if (reference)
        absl::StrAppend(&marks, "<line class=\"base\" x1=\"", percentOf(scale.place(*reference)),
                        "\" x2=\"", percentOf(scale.place(*reference)),
                        "\" y1=\"0\" y2=\"100%\"/>");
      const DomainScores *baseline = find(report.baseline, row);
      if (withBaseline && baseline && has(valueOf(*baseline))) {
        double value = *valueOf(*baseline);
        std::optional<Interval> interval = intervalOf(*baseline);
        if (has(interval))
          absl::StrAppend(&marks, "<rect class=\"band\" x=\"",
                          percentOf(scale.place(interval->low)), "\" width=\"",
                          percentOf(scale.place(interval->high) - scale.place(interval->low)),
                          "\" height=\"100%\"/>");
        absl::StrAppend(&marks, "<line class=\"base\" x1=\"", percentOf(scale.place(value)),
                        "\" x2=\"", percentOf(scale.place(value)), "\" y1=\"0\" y2=\"100%\"/>");
        say(report.baseline.name, value, interval);
        before = number(value);
      }
      for (size_t i = 0; i < report.models.size(); ++i) {
        const DomainScores *scores = find(report.models[i], row);
        bool isKnown = scores && has(valueOf(*scores));
        absl::StrAppend(&cells, "<span>");
        if (report.models.size() > 1)
          absl::StrAppend(&cells, "<b style=\"color:var(--", colorOfModel(i), ")\">", i + 1,
                          "</b>");
        absl::StrAppend(&cells, isKnown ? number(*valueOf(*scores)) : "&ndash;", "</span>");
        if (!isKnown)
          continue;
        double value = *valueOf(*scores);
        std::optional<Interval> interval = intervalOf(*scores);
        int y = kLine * static_cast<int>(i) + kLine / 2;
        absl::StrAppend(&marks, "<g style=\"color:var(--", colorOfModel(i), ")\">");
        if (has(interval))
          absl::StrAppend(&marks, "<line class=\"whisker\" x1=\"",
                          percentOf(scale.place(interval->low)), "\" x2=\"",
                          percentOf(scale.place(interval->high)), "\" y1=\"", y, "\" y2=\"", y,
                          "\"/>");
        absl::StrAppend(&marks, "<circle cx=\"", percentOf(scale.place(value)), "\" cy=\"", y,
                        "\" r=\"5\"/></g>");
        say(report.models[i].name, value, interval);
      }
      std::string name = nameOfDomain(row);
      put("<tr><th scope=\"row\">", breakable(name), "</th><td class=\"bar\">",
          "<svg class=\"chart\" width=\"100%\" height=\"", height, "\" role=\"img\" aria-label=\"",
          escapeHtml(absl::StrCat(name, ": ", words)), "\"><title>", escapeHtml(words), "</title>",
          marks, "</svg></td>");
      if (withBaseline)
        put("<td class=\"num soft share\">", before, "</td>");
      if (!report.models.empty())
        put("<td class=\"num\">", cells, "</td>");
      put("</tr>\n");
    }
    put("</tbody>\n<tfoot aria-hidden=\"true\"><tr><th></th><td class=\"bar\"><div "
        "class=\"ticks\">");
    for (double tick : scale.ticks)
      put("<span style=\"left:", percentOf(scale.place(tick)), "\">", scale.format(tick),
          "</span>");
    put("</div></td>", withBaseline ? "<td class=\"share\"></td>" : "",
        report.models.empty() ? "" : "<td></td>", "</tr></tfoot>\n</table>\n");
  }

  void scores() {
    auto valueOf = [](const DomainScores &scores) { return scores.score; };
    auto intervalOf = [](const DomainScores &scores) { return scores.scoreInterval; };
    std::vector<std::string> rows;
    bool hasBaseline = false;
    for (const std::string &domain : domains) {
      bool isKnown = false;
      const DomainScores *baseline = find(report.baseline, domain);
      if (baseline && has(baseline->score))
        isKnown = hasBaseline = true;
      for (const ModelScores &model : report.models) {
        const DomainScores *scores = find(model, domain);
        isKnown |= scores && has(scores->score);
      }
      if (isKnown)
        rows.push_back(domain);
    }
    if (rows.empty())
      return;
    put("<section>\n<h2>Score by domain</h2>\n<p class=\"soft\">The ", nameOf(report.score),
        " on the texts of each domain. A dot is a model, the line through it its 95 % "
        "interval",
        hasBaseline ? "; the upright line is the baseline.</p>\n" : ".</p>\n");
    legend(hasBaseline);
    markChart(rows, valueOf, intervalOf, hasBaseline, std::nullopt);
    put("</section>\n");
  }

  void transfer() {
    // Those that lost most first, by what the worst model kept.
    std::vector<std::pair<double, std::string>> lowest;
    for (const std::string &domain : domains) {
      Figure least;
      for (const ModelScores &model : report.models) {
        const DomainScores *scores = find(model, domain);
        if (scores && has(scores->transferRatio))
          least = std::min(least.value_or(INFINITY), *scores->transferRatio);
      }
      if (least)
        lowest.push_back({*least, domain});
    }
    if (lowest.empty())
      return;
    std::sort(lowest.begin(), lowest.end());
    std::vector<std::string> rows;
    for (const auto &[ratio, domain] : lowest)
      rows.push_back(domain);
    put("<section>\n<h2>What each domain kept</h2>\n<p class=\"soft\">The score divided by the "
        "baseline's (CDTR), worst first. 1 is nothing lost; an interval that contains 1 may be "
        "chance.</p>\n");
    legend(false);
    markChart(
        rows, [](const DomainScores &scores) { return scores.transferRatio; },
        [](const DomainScores &scores) { return scores.transferInterval; }, false, 1.0);
    put("</section>\n");
  }

  void againstSize() {
    if (report.models.size() < 2)
      return;
    constexpr double kMega = 1e6;
    Plot score, ratio;
    auto describe = [](const std::string &what, const ModelScores &model, double value,
                       const std::optional<Interval> &interval) {
      std::string text =
          absl::StrCat(model.name, ": ", formatBytes(model.bytes), ", ", what, " ", number(value));
      if (has(interval))
        absl::StrAppend(&text, " (", range(interval), ")");
      return text;
    };
    auto add = [&](Plot &plot, const std::string &what, const ModelScores &model, double value,
                   const std::optional<Interval> &interval, const std::string &color,
                   const std::string &label) {
      PlotPoint point;
      point.x = static_cast<double>(model.bytes) / kMega;
      point.y = value;
      if (has(interval))
        point.range = {interval->low, interval->high};
      point.color = color;
      point.label = label;
      point.isRing = label == "f";
      point.title = describe(what, model, value, interval);
      absl::StrAppend(&plot.description, plot.description.empty() ? "" : "; ", point.title);
      plot.points.push_back(std::move(point));
    };
    std::string name = nameOf(report.score);
    if (report.baseline.bytes > 0 && has(report.baseline.overall.score))
      add(score, name, report.baseline, *report.baseline.overall.score,
          report.baseline.overall.scoreInterval, "fg", "f");
    for (size_t i = 0; i < report.models.size(); ++i) {
      const ModelScores &model = report.models[i];
      if (model.bytes <= 0)
        continue;
      if (has(model.overall.score))
        add(score, name, model, *model.overall.score, model.overall.scoreInterval, colorOfModel(i),
            absl::StrCat(i + 1));
      if (model.transfer)
        add(ratio, "lowest CDTR", model, model.transfer->minimum, model.transfer->minimumInterval,
            colorOfModel(i), absl::StrCat(i + 1));
    }
    score.xTitle = ratio.xTitle = "MB of the file";
    score.yTitle = absl::StrCat("the ", name, " on all texts");
    ratio.yTitle = "the lowest CDTR of the specialised domains";
    ratio.reference = 1;
    bool hasBaseline = !score.points.empty() && score.points.front().isRing;
    std::string plots = score.points.size() > 1 ? htmlOfPlot(score) : "";
    if (ratio.points.size() > 1)
      plots += htmlOfPlot(ratio);
    if (plots.empty())
      return;
    put("<section>\n<h2>Score against size</h2>\n<p class=\"soft\">Upright lines are 95 % "
        "intervals",
        hasBaseline
            ? "; the ring f is the baseline, " + escapeHtml(report.baseline.name) + ".</p>\n"
            : ".</p>\n");
    legend(false);
    put(plots, "</section>\n");
  }

  void table(size_t index) {
    const ModelScores &model = report.models[index];
    if (model.domains.empty())
      return;
    auto beside = [](const std::string &now, const std::string &before) {
      if (now.empty() || before.empty())
        return now;
      return absl::StrCat(now, " <small>before: ", before, "</small>");
    };
    const std::vector<DomainColumn> all = {
        {"Texts", "",
         [](const DomainScores &s, const DomainScores *) { return formatCount(s.texts); }},
        {"Score", "with its 95 % interval",
         [](const DomainScores &s, const DomainScores *) {
           return withRange(number(s.score), s.scoreInterval);
         }},
        {"Before", "the baseline's",
         [](const DomainScores &, const DomainScores *b) {
           return b ? withRange(number(b->score), b->scoreInterval) : "";
         }},
        {"CDTR", "score / score of the baseline",
         [](const DomainScores &s, const DomainScores *) {
           return withRange(number(s.transferRatio), s.transferInterval);
         }},
        {"DSI", "",
         [&](const DomainScores &s, const DomainScores *b) {
           return beside(number(s.specializationIndex),
                         b ? number(b->specializationIndex) : std::string());
         }},
        {"Accuracy", "",
         [&](const DomainScores &s, const DomainScores *b) {
           return beside(percent(s.accuracy), b ? percent(b->accuracy) : "");
         }},
        {"Macro-F1", "",
         [&](const DomainScores &s, const DomainScores *b) {
           return beside(number(s.macroF1), b ? number(b->macroF1) : "");
         }},
        {"Loss", "mean -log p(label), nats",
         [&](const DomainScores &s, const DomainScores *b) {
           return beside(number(s.meanLoss), b ? number(b->meanLoss) : "");
         }},
        {"ECE", "expected calibration error",
         [&](const DomainScores &s, const DomainScores *b) {
           return beside(number(s.calibrationError), b ? number(b->calibrationError) : "");
         }},
        {"Agreement", "texts with the same answer as the baseline",
         [](const DomainScores &s, const DomainScores *) {
           return escapeHtml(percent(s.agreement));
         }},
        {"KL", "divergence from the baseline, nats",
         [](const DomainScores &s, const DomainScores *) {
           return escapeHtml(nats(s.divergence));
         }},
        {"Routed flips", "of tokens",
         [](const DomainScores &s, const DomainScores *) {
           return s.flips ? escapeHtml(percent(s.flips->routed)) : "";
         }},
        {"Cluster flips", "of tokens",
         [](const DomainScores &s, const DomainScores *) {
           return s.flips ? escapeHtml(percent(s.flips->cluster)) : "";
         }},
        {"Mask flips", "of pairs of tokens",
         [](const DomainScores &s, const DomainScores *) {
           return s.flips ? escapeHtml(percent(s.flips->mask)) : "";
         }},
    };
    std::vector<const DomainScores *> rows = {&model.overall};
    for (const DomainScores &domain : model.domains)
      rows.push_back(&domain);
    auto before = [&](const DomainScores *row) {
      return row == &model.overall ? &report.baseline.overall : find(report.baseline, row->domain);
    };
    std::vector<const DomainColumn *> columns;
    for (const DomainColumn &column : all)
      for (const DomainScores *row : rows)
        if (!column.html(*row, before(row)).empty()) {
          columns.push_back(&column);
          break;
        }
    put("<section>\n<h2>Every figure", report.models.size() > 1 ? " of " : "",
        report.models.size() > 1 ? escapeHtml(labelOf(index)) : "", "</h2>\n");
    bool isFolded = report.models.size() > 3;
    if (isFolded)
      put("<details>\n<summary>", formatPlural(model.domains.size(), "domain"), "</summary>\n");
    beginScroll("Figures of " + model.name + " by domain");
    put("<table class=\"grid-table\">\n<thead><tr><th scope=\"col\">Domain</th>");
    for (const DomainColumn *column : columns)
      put("<th scope=\"col\"", *column->explanation ? " title=\"" : "", column->explanation,
          *column->explanation ? "\">" : ">", column->title, "</th>");
    put("</tr></thead>\n<tbody>\n");
    for (const DomainScores *row : rows) {
      bool isAll = row == &model.overall;
      put("<tr", isAll ? " class=\"all\"" : "", "><th scope=\"row\">",
          isAll ? "all texts" : breakable(nameOfDomain(row->domain)),
          row->isSpecialised && !isAll ? " <span class=\"tag\">specialised</span>" : "",
          row->isUnseen && !isAll ? " <span class=\"tag\">unseen</span>" : "", "</th>");
      for (const DomainColumn *column : columns)
        put("<td>", column->html(*row, before(row)), "</td>");
      put("</tr>\n");
    }
    put("</tbody>\n</table>\n</div>\n", isFolded ? "</details>\n" : "", "</section>\n");
  }

  void routes(size_t index) {
    constexpr size_t kMost = 20;
    const std::vector<RouteChange> &changes = report.routeChanges[index];
    if (changes.empty())
      return;
    size_t count = std::min(changes.size(), kMost);
    int64_t most = 1;
    for (size_t i = 0; i < count; ++i)
      most = std::max(most, changes[i].changed);
    put("<section>\n<h2>Tokens that changed their route",
        report.models.size() > 1 ? ": " + escapeHtml(labelOf(index)) : "",
        "</h2>\n<p class=\"soft\">Tokens whose <i>routed</i> or cluster differs from the "
        "baseline's, the most frequent first",
        changes.size() > kMost
            ? absl::StrCat("; the first ", kMost, " of ", formatCount(changes.size()))
            : "",
        ".</p>\n<table class=\"bars marks routes\">\n<thead><tr>", column("Token", ""),
        column("", "bar"), column("Changed", "num"), column("Of", "num share"),
        column("Domain", "share"), "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < count; ++i) {
      const RouteChange &change = changes[i];
      std::string share =
          change.occurrences > 0
              ? formatPercent(static_cast<double>(change.changed) / change.occurrences)
              : "";
      put("<tr><th scope=\"row\">", escapeHtml(change.token), "</th><td class=\"bar\">",
          barOf(static_cast<double>(change.changed) / most, colorOfModel(index),
                absl::StrCat(change.token, ": ", formatCount(change.changed), " of ",
                             formatCount(change.occurrences))),
          "</td><td class=\"num\">", formatCount(change.changed),
          "</td><td class=\"num soft share\">", formatCount(change.occurrences),
          share.empty() ? "" : " (" + escapeHtml(share) + ")", "</td><td class=\"soft share\">",
          escapeHtml(change.domain), "</td></tr>\n");
    }
    put("</tbody>\n</table>\n</section>\n");
  }

  std::string labelOfClass(size_t index) const {
    return index < report.labels.size() && !report.labels[index].empty()
               ? report.labels[index]
               : absl::StrCat("class ", index);
  }

  void confusion() {
    bool hasAny = false;
    for (const auto &matrix : report.confusion)
      hasAny |= !matrix.empty();
    if (!hasAny)
      return;
    put("<section>\n<h2>Confusion</h2>\n<p class=\"soft\">A row is a label, a column the "
        "model's answer; darker is a larger share of the label's texts, and the framed cells are "
        "right answers.</p>\n");
    for (size_t i = 0; i < report.confusion.size() && i <= report.models.size(); ++i)
      matrix(report.confusion[i], i ? labelOf(i - 1) : report.baseline.name);
    put("</section>\n");
  }

  void matrix(const std::vector<std::vector<int64_t>> &counts, const std::string &name) {
    constexpr size_t kMost = 60;
    struct Class {
      size_t index;
      int64_t wrong = 0, seen = 0;
    };
    std::vector<Class> classes(counts.size());
    struct Mixup {
      int64_t count;
      size_t label, answer;
    };
    std::vector<Mixup> mixups;
    for (size_t label = 0; label < counts.size(); ++label) {
      classes[label].index = label;
      for (size_t answer = 0; answer < counts[label].size() && answer < counts.size(); ++answer) {
        int64_t count = counts[label][answer];
        classes[label].seen += count;
        classes[answer].seen += count;
        if (label == answer || count == 0)
          continue;
        classes[label].wrong += count;
        classes[answer].wrong += count;
        mixups.push_back({count, label, answer});
      }
    }
    classes.erase(
        std::remove_if(classes.begin(), classes.end(), [](const Class &c) { return c.seen == 0; }),
        classes.end());
    if (classes.empty())
      return;
    size_t seen = classes.size();
    if (seen > kMost) {
      std::stable_sort(classes.begin(), classes.end(),
                       [](const Class &a, const Class &b) { return a.wrong > b.wrong; });
      classes.resize(kMost);
      std::sort(classes.begin(), classes.end(),
                [](const Class &a, const Class &b) { return a.index < b.index; });
    }
    put("<details>\n<summary>", escapeHtml(name), ": ", formatCount(seen),
        seen == 1 ? " class" : " classes", "</summary>\n");
    std::stable_sort(mixups.begin(), mixups.end(),
                     [](const Mixup &a, const Mixup &b) { return a.count > b.count; });
    if (!mixups.empty()) {
      put("<p class=\"soft\">Most often mixed up:</p>\n<ul>\n");
      for (size_t i = 0; i < std::min<size_t>(mixups.size(), 10); ++i)
        put("<li>", escapeHtml(labelOfClass(mixups[i].label)), " taken for ",
            escapeHtml(labelOfClass(mixups[i].answer)), ": ", formatCount(mixups[i].count),
            "</li>\n");
      put("</ul>\n");
    }
    if (seen > kMost)
      put("<p class=\"soft\">The ", kMost, " classes with most wrong answers.</p>\n");
    beginScroll("Confusion of " + name);
    put("<table class=\"heat\">\n<thead><tr><td></td>");
    for (const Class &answer : classes)
      put("<th scope=\"col\">", escapeHtml(labelOfClass(answer.index)), "</th>");
    put("</tr></thead>\n<tbody>\n");
    for (const Class &label : classes) {
      const std::vector<int64_t> &row = counts[label.index];
      int64_t total = 0;
      for (int64_t count : row)
        total += count;
      put("<tr><th scope=\"row\">", escapeHtml(labelOfClass(label.index)), "</th>");
      for (const Class &answer : classes) {
        int64_t count = answer.index < row.size() ? row[answer.index] : 0;
        double share = total > 0 ? static_cast<double>(count) / total : 0;
        std::string kind = answer.index == label.index ? "right" : "";
        if (count == 0)
          absl::StrAppend(&kind, kind.empty() ? "" : " ", "zero");
        else if (share > 0.55)
          absl::StrAppend(&kind, kind.empty() ? "" : " ", "deep");
        put("<td", kind.empty() ? "" : " class=\"" + kind + "\"");
        if (count > 0)
          put(absl::StrFormat(" style=\"background:rgb(var(--heat) / %.2f)\"",
                              0.08 + 0.92 * share));
        put(">", formatCount(count), "</td>");
      }
      put("</tr>\n");
    }
    put("</tbody>\n</table>\n</div>\n</details>\n");
  }

  const BrittlenessReport &report;
  std::vector<std::string> domains;
  std::string out;
};

} // namespace

std::string renderBrittlenessHtml(const BrittlenessReport &report) {
  return PageWriter(report).write();
}

std::string htmlOfBrittleness(const BrittlenessReport &report) {
  return PageWriter(report).writeSections();
}

} // namespace gem
