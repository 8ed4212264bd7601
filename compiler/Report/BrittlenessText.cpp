// The report of an evaluation for a terminal.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessReport.h"
#include "compiler/Report/Figures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <cmath>

namespace gem {

using namespace gem::report;

namespace {

/// Select Graphic Rendition parameters (ECMA-48).
constexpr char kBold[] = "1", kDim[] = "2", kRed[] = "31", kYellow[] = "33";
/// A CDTR below this stands out.
constexpr double kFairTransfer = 0.98;

struct Cell {
  Cell(std::string text = "-", const char *style = nullptr) : text(std::move(text)), style(style) {}
  std::string text;
  const char *style;
};

struct Column {
  std::string title;
  std::vector<Cell> cells;
  /// Columns of a lower rank go first when the table is too wide; 0 stays.
  int rank = 0;
};

std::string fixed(double value) { return formatFixed(value, 3); }
std::string fixed(const std::optional<double> &value) { return value ? fixed(*value) : "-"; }

/// "0.812 0.757–0.862"; "0.812" without an interval.
std::string withInterval(const std::optional<double> &value,
                         const std::optional<Interval> &interval) {
  if (!value || !interval)
    return fixed(value);
  return absl::StrCat(fixed(*value), " ", fixed(interval->low), "–", fixed(interval->high));
}

class TextPage {
public:
  TextPage(const BrittlenessReport &report, const BrittlenessTextOptions &options)
      : report(report), options(options), width(std::max<size_t>(options.width, 80)) {
    for (const ModelScores *model : modelsWithBaseline())
      hasScores |= model->overall.score.has_value();
  }

  std::string make() {
    title();
    if (!options.isBrief)
      for (size_t i = 0; i < report.models.size(); ++i)
        model(i);
    if (options.isBrief || modelsWithBaseline().size() > 1)
      overview();
    if (options.isVerbose)
      definitions();
    return std::move(out);
  }

private:
  std::string paint(const char *style, const std::string &text) const {
    return options.color && style ? absl::StrCat("\033[", style, "m", text, "\033[0m") : text;
  }

  std::vector<const ModelScores *> modelsWithBaseline() const {
    std::vector<const ModelScores *> models;
    if (report.hasBaseline())
      models.push_back(&report.baseline);
    for (const ModelScores &each : report.models)
      models.push_back(&each);
    return models;
  }

  /// `text` broken at spaces into lines that start at column `indent`, where the first line
  /// already is.
  void wrapped(const std::string &text, size_t indent) {
    size_t column = indent;
    bool isFirst = true;
    for (absl::string_view word : absl::StrSplit(text, ' ')) {
      size_t columns = displayWidth({word.data(), word.size()});
      if (!isFirst && column + 1 + columns > width) {
        absl::StrAppend(&out, "\n", std::string(indent, ' '));
        column = indent;
        isFirst = true;
      }
      absl::StrAppend(&out, isFirst ? "" : " ", word);
      column += columns + (isFirst ? 0 : 1);
      isFirst = false;
    }
    out += '\n';
  }

  /// Lines of cells, two spaces apart, all but the first column to the right. What does not
  /// fit is left out by its rank; then the first column is cut.
  void table(std::vector<Column> columns) {
    auto widthOf = [](const Column &column) {
      size_t most = displayWidth(column.title);
      for (const Cell &cell : column.cells)
        most = std::max(most, displayWidth(cell.text));
      return most;
    };
    auto widthOfOthers = [&] {
      size_t sum = 0;
      for (size_t i = 1; i < columns.size(); ++i)
        sum += 2 + widthOf(columns[i]);
      return sum;
    };
    while (widthOfOthers() + widthOf(columns[0]) > width) {
      size_t least = 0;
      for (size_t i = 1; i < columns.size(); ++i)
        if (columns[i].rank && (!least || columns[i].rank < columns[least].rank))
          least = i;
      if (!least)
        break;
      columns.erase(columns.begin() + least);
    }
    size_t others = widthOfOthers();
    size_t first = std::min(widthOf(columns[0]), width > others + 4 ? width - others : 4);
    auto pad = [](size_t columns, size_t to) {
      return std::string(to - std::min(to, columns), ' ');
    };
    auto line = [&](auto cellOf) {
      Cell name = cellOf(columns[0]);
      name.text = shortenMiddle(name.text, first);
      std::string text = paint(name.style, name.text) + pad(displayWidth(name.text), first);
      for (size_t i = 1; i < columns.size(); ++i) {
        Cell cell = cellOf(columns[i]);
        absl::StrAppend(&text, "  ", pad(displayWidth(cell.text), widthOf(columns[i])),
                        paint(cell.style, cell.text));
      }
      absl::StrAppend(&out, text, "\n");
    };
    line([](const Column &column) { return Cell(column.title, kDim); });
    for (size_t row = 0; row < columns[0].cells.size(); ++row)
      line([&](const Column &column) { return column.cells[row]; });
  }

  void title() {
    std::string text =
        absl::StrCat(formatPlural(report.texts, "text"), " of ", printable(report.data));
    if (report.hasBaseline())
      absl::StrAppend(&text, ", against ", printable(report.baseline.name));
    wrapped(text, 0);
  }

  static std::vector<const DomainScores *> rowsOf(const ModelScores &model) {
    std::vector<const DomainScores *> rows;
    if (model.domains.size() > 1)
      for (const DomainScores &domain : model.domains)
        rows.push_back(&domain);
    rows.push_back(&model.overall);
    return rows;
  }

  template <typename CellOf>
  static Column column(const ModelScores &model, const char *title, CellOf cellOf, int rank = 0) {
    Column result{title, {}, rank};
    for (const DomainScores *row : rowsOf(model))
      result.cells.push_back(cellOf(*row));
    return result;
  }

  /// Red is a loss that the texts are enough to tell from chance.
  static const char *styleOf(double transfer, const std::optional<Interval> &interval) {
    return interval && interval->high < 1 ? kRed : transfer < kFairTransfer ? kYellow : nullptr;
  }

  Column names(const ModelScores &model) const {
    return column(model, "domain", [&](const DomainScores &row) {
      if (&row == &model.overall)
        return Cell("all texts", kBold);
      return Cell(absl::StrCat(printable(nameOfDomain(row.domain)), row.isUnseen ? " *" : ""));
    });
  }

  void model(size_t index) {
    const ModelScores &model = report.models[index];
    absl::StrAppend(&out, "\n", paint(kBold, printable(model.name)), "\n");
    domains(model);
    out += "\n";
    summary(model);
    if (options.isVerbose) {
      details(model);
      if (index < report.routeChanges.size())
        routeChanges(report.routeChanges[index]);
    }
    size_t at = index + (report.hasBaseline() ? 1 : 0);
    if (at < report.confusion.size())
      confusion(report.confusion[at]);
  }

  void domains(const ModelScores &model) {
    std::vector<Column> columns{names(model)};
    columns.push_back(column(
        model, "texts", [](const DomainScores &row) { return Cell(absl::StrCat(row.texts)); }));
    if (hasScores)
      columns.push_back(column(model, nameOf(report.score), [](const DomainScores &row) {
        return Cell(withInterval(row.score, row.scoreInterval));
      }));
    if (model.overall.agreement) {
      if (hasScores)
        columns.push_back(column(model, "CDTR", [](const DomainScores &row) {
          return Cell(withInterval(row.transferRatio, row.transferInterval),
                      row.transferRatio ? styleOf(*row.transferRatio, row.transferInterval)
                                        : nullptr);
        }));
      columns.push_back(column(model, "agree", [](const DomainScores &row) {
        return Cell(formatPercent(row.agreement));
      }));
      columns.push_back(column(
          model, "KL", [](const DomainScores &row) { return Cell(formatNats(row.divergence)); }));
      if (model.overall.flips)
        columns.push_back(column(model, "flips", [](const DomainScores &row) {
          return Cell(row.flips ? formatPercent(row.flips->mask) : "-");
        }));
    } else if (hasScores) {
      if (report.score != ScoreKind::Accuracy)
        columns.push_back(column(model, "accuracy", accuracyOf, 1));
      if (report.score != ScoreKind::MacroF1)
        columns.push_back(column(model, "macro-F1", macroF1Of, 2));
      columns.push_back(column(model, "loss", lossOf, 3));
      columns.push_back(column(model, "ECE", calibrationErrorOf, 4));
      columns.push_back(column(model, "DSI", specializationOf));
    }
    table(std::move(columns));
    if (std::any_of(model.domains.begin(), model.domains.end(),
                    [](const DomainScores &domain) { return domain.isUnseen; }))
      absl::StrAppend(&out, paint(kDim, "* absent from the calibration data"), "\n");
  }

  static Cell accuracyOf(const DomainScores &row) { return fixed(row.accuracy); }
  static Cell macroF1Of(const DomainScores &row) { return fixed(row.macroF1); }
  static Cell lossOf(const DomainScores &row) { return fixed(row.meanLoss); }
  static Cell calibrationErrorOf(const DomainScores &row) { return fixed(row.calibrationError); }
  static Cell specializationOf(const DomainScores &row) { return fixed(row.specializationIndex); }

  void fact(const char *name, const std::string &value) {
    constexpr size_t kColumn = 15;
    std::string label = absl::StrCat("  ", name);
    absl::StrAppend(&out, paint(kDim, label), std::string(kColumn - label.size(), ' '));
    wrapped(value, kColumn);
  }

  static std::string bracketed(const std::optional<Interval> &interval) {
    return interval ? absl::StrCat(" [", fixed(interval->low), ", ", fixed(interval->high), "]")
                    : "";
  }

  void transfer(const char *mean, const char *minimum, const TransferSummary &transfer,
                size_t numDomains) {
    fact(mean, absl::StrCat(fixed(transfer.mean), bracketed(transfer.meanInterval), " over ",
                            formatPlural(numDomains, "domain")));
    fact(minimum, absl::StrCat(paint(styleOf(transfer.minimum, transfer.minimumInterval),
                                     fixed(transfer.minimum)),
                               bracketed(transfer.minimumInterval), " in ",
                               printable(nameOfDomain(transfer.minimumDomain))));
  }

  void summary(const ModelScores &model) {
    auto countOf = [&](bool DomainScores::*flag) {
      return std::count_if(
          model.domains.begin(), model.domains.end(),
          [&](const DomainScores &domain) { return domain.*flag && domain.transferRatio; });
    };
    if (model.transfer)
      transfer("CDTR mean", "CDTR minimum", *model.transfer, countOf(&DomainScores::isSpecialised));
    if (model.transferUnseen)
      transfer("unseen mean", "  minimum", *model.transferUnseen, countOf(&DomainScores::isUnseen));
    undefined(model);
    if (model.specializationIndex)
      fact("DSI maximum", absl::StrCat(fixed(*model.specializationIndex), " in ",
                                       printable(nameOfDomain(model.specializationDomain))));
    if (model.generalizationGap)
      fact("GG", absl::StrCat(fixed(*model.generalizationGap), bracketed(model.gapInterval),
                              ", of ", specialised(model), " over the others"));
    if (const auto &flips = model.overall.flips)
      fact("flips", absl::StrCat(formatPercent(flips->routed), " of tokens routed, ",
                                 formatPercent(flips->cluster), " clustered otherwise; ",
                                 formatPercent(flips->mask), " of SCAR's mask"));
    if (model.seconds)
      fact("latency",
           absl::StrCat(formatSeconds(*model.seconds), " a text, median, on one thread here"));
    std::string size = model.bytes ? absl::StrCat("file ", formatBytes(model.bytes)) : "";
    if (model.bitsPerWeight)
      absl::StrAppend(&size, size.empty() ? "" : ", ", formatFixed(*model.bitsPerWeight, 2),
                      " bits/weight");
    if (model.macsKept)
      absl::StrAppend(&size, size.empty() ? "" : ", ", formatPercent(*model.macsKept),
                      " of the MACs kept");
    if (model.memoryBytes)
      absl::StrAppend(&size, size.empty() ? "" : "; ", "memory ", formatBytes(model.memoryBytes),
                      " (weights and session)");
    if (!size.empty())
      fact("size", size);
  }

  /// What has no ratio, and so is missing from mean and minimum.
  void undefined(const ModelScores &model) {
    if (!model.overall.agreement || !hasScores)
      return;
    std::vector<std::string> names;
    for (const DomainScores &domain : model.domains)
      if (domain.score && !domain.transferRatio)
        names.push_back(printable(nameOfDomain(domain.domain)));
    if (!names.empty())
      fact("undefined", absl::StrCat("the baseline scores 0 in ", absl::StrJoin(names, ", "),
                                     ", which so has no CDTR"));
  }

  static std::string specialised(const ModelScores &model) {
    std::vector<std::string> names;
    for (const DomainScores &domain : model.domains)
      if (domain.isSpecialised)
        names.push_back(printable(nameOfDomain(domain.domain)));
    return absl::StrJoin(names, ", ");
  }

  /// What the first table has no room for.
  void details(const ModelScores &model) {
    std::vector<Column> columns{names(model)};
    if (hasScores) {
      columns.push_back(column(model, "accuracy", accuracyOf));
      columns.push_back(column(model, "macro-F1", macroF1Of));
      columns.push_back(column(model, "loss", lossOf));
      columns.push_back(column(model, "ECE", calibrationErrorOf));
      columns.push_back(column(model, "DSI", specializationOf));
    }
    if (model.overall.flips)
      for (auto [title, flip] : {std::pair("routed", &FlipsReport::routed),
                                 {"cluster", &FlipsReport::cluster},
                                 {"mask", &FlipsReport::mask}})
        columns.push_back(column(model, title, [flip = flip](const DomainScores &row) {
          return Cell(row.flips ? formatPercent((*row.flips).*flip) : "-");
        }));
    if (columns.size() == 1)
      return;
    out += "\n";
    table(std::move(columns));
  }

  void routeChanges(const std::vector<RouteChange> &changes) {
    constexpr size_t kMost = 10;
    if (changes.empty())
      return;
    std::vector<Column> columns = {{"tokens that changed route", {}, 0},
                                   {"changed", {}, 0},
                                   {"of", {}, 0},
                                   {"most in", {}, 0}};
    for (size_t i = 0; i < std::min(kMost, changes.size()); ++i) {
      columns[0].cells.emplace_back(printable(changes[i].token));
      columns[1].cells.emplace_back(formatCount(changes[i].changed));
      columns[2].cells.emplace_back(formatCount(changes[i].occurrences));
      columns[3].cells.emplace_back(printable(nameOfDomain(changes[i].domain)));
    }
    out += "\n";
    table(std::move(columns));
  }

  /// Of many classes only what was mistaken: a matrix of 39 columns fits no terminal.
  void confusion(const std::vector<std::vector<int64_t>> &counts) {
    constexpr size_t kMost = 20;
    struct Mistake {
      size_t label, best;
      int64_t count;
    };
    std::vector<Mistake> mistakes;
    std::vector<int64_t> totals(counts.size());
    for (size_t label = 0; label < counts.size(); ++label)
      for (size_t best = 0; best < counts[label].size(); ++best) {
        totals[label] += counts[label][best];
        if (label != best && counts[label][best])
          mistakes.push_back({label, best, counts[label][best]});
      }
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Mistake &a, const Mistake &b) { return a.count > b.count; });
    auto name = [&](size_t index) {
      return index < report.labels.size() ? printable(report.labels[index]) : absl::StrCat(index);
    };
    std::vector<Column> columns = {
        {"label", {}, 0}, {"mistaken for", {}, 0}, {"texts", {}, 0}, {"of", {}, 0}};
    for (size_t i = 0; i < std::min(kMost, mistakes.size()); ++i) {
      columns[0].cells.emplace_back(name(mistakes[i].label));
      columns[1].cells.emplace_back(name(mistakes[i].best));
      columns[2].cells.emplace_back(formatCount(mistakes[i].count));
      columns[3].cells.emplace_back(formatCount(totals[mistakes[i].label]));
    }
    out += "\n";
    if (mistakes.empty())
      absl::StrAppend(&out, "  no text was mistaken\n");
    else
      table(std::move(columns));
  }

  /// A row a model.
  void overview() {
    std::vector<const ModelScores *> models = modelsWithBaseline();
    std::vector<Column> columns;
    auto add = [&](const char *title, auto cellOf, int rank = 0) {
      Column column{title, {}, rank};
      bool isKnown = false;
      for (const ModelScores *model : models) {
        column.cells.push_back(cellOf(*model));
        isKnown |= column.cells.back().text != "-";
      }
      if (isKnown || columns.empty())
        columns.push_back(std::move(column));
    };
    add("model", [&](const ModelScores &model) { return Cell(printable(model.name)); });
    add("size", [](const ModelScores &model) {
      return Cell(model.bytes ? formatBytes(model.bytes) : "-");
    });
    add(nameOf(report.score),
        [](const ModelScores &model) { return Cell(fixed(model.overall.score)); });
    add("CDTR", [](const ModelScores &model) {
      return Cell(model.transfer ? fixed(model.transfer->mean) : "-");
    });
    add("min", [](const ModelScores &model) {
      return model.transfer
                 ? Cell(fixed(model.transfer->minimum),
                        styleOf(model.transfer->minimum, model.transfer->minimumInterval))
                 : Cell();
    });
    add("unseen", [](const ModelScores &model) {
      return model.transferUnseen ? Cell(fixed(model.transferUnseen->minimum),
                                         styleOf(model.transferUnseen->minimum,
                                                 model.transferUnseen->minimumInterval))
                                  : Cell();
    });
    add("DSI", [](const ModelScores &model) { return Cell(fixed(model.specializationIndex)); });
    add("GG", [](const ModelScores &model) { return Cell(fixed(model.generalizationGap)); });
    add(
        "agree",
        [](const ModelScores &model) { return Cell(formatPercent(model.overall.agreement)); }, 1);
    add(
        "KL", [](const ModelScores &model) { return Cell(formatNats(model.overall.divergence)); },
        3);
    add(
        "latency",
        [](const ModelScores &model) {
          return Cell(model.seconds ? formatSeconds(*model.seconds) : "-");
        },
        2);
    out += "\n";
    table(std::move(columns));
    if (std::any_of(models.begin(), models.end(),
                    [](const ModelScores *model) { return model->transfer.has_value(); }))
      absl::StrAppend(
          &out, paint(kDim, "CDTR: mean over the domains; min and unseen: minima; DSI: maximum"),
          "\n");
  }

  void definitions() {
    absl::StrAppend(&out, "\n", paint(kBold, "Measures"), "\n");
    for (const MeasureDefinition &measure : measureDefinitions())
      fact(measure.name, measure.definition);
    fact("P_d", absl::StrCat("the score in domain d, here ", nameOf(report.score)));
    if (!report.models.empty())
      fact("S", specialised(report.models.front()));
    if (report.resamples > 0)
      fact("bootstrap",
           absl::StrCat(formatPlural(report.resamples, "resample"), ", seed ", report.seed));
  }

  const BrittlenessReport &report;
  const BrittlenessTextOptions &options;
  size_t width;
  bool hasScores = false;
  std::string out;
};

} // namespace

std::string renderBrittlenessText(const BrittlenessReport &report,
                                  const BrittlenessTextOptions &options) {
  return TextPage(report, options).make();
}

} // namespace gem
