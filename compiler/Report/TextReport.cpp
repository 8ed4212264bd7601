// The report for people: at a terminal, and as Markdown.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/Figures.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <cmath>

namespace gem {

using namespace gem::report;

static constexpr size_t kWidth = 80;

namespace {

/// Select Graphic Rendition parameters (ECMA-48).
constexpr char kBold[] = "1", kDim[] = "2", kCyan[] = "36";

class TextWriter {
public:
  TextWriter(const CompileReport &report, bool color) : report(report), color(color) {}

  std::string write(bool verbose) {
    title();
    facts();
    formats();
    pruning(verbose);
    brittleness();
    gates();
    domains();
    if (verbose || !report.brittleness)
      flips();
    if (verbose) {
      parts();
      latency();
      tensors();
      dropped();
      notes();
      stages();
    }
    return std::move(out);
  }

private:
  std::string paint(const char *style, const std::string &text) const {
    return color ? absl::StrCat("\033[", style, "m", text, "\033[0m") : text;
  }
  static std::string pad(std::string text, size_t width, bool right = false) {
    size_t columns = displayWidth(text);
    std::string space(width > columns ? width - columns : 0, ' ');
    return right ? space + text : text + space;
  }
  void heading(const std::string &text) { absl::StrAppend(&out, "\n", paint(kBold, text), "\n"); }

  void title() {
    std::string what =
        absl::StrCat(printable(report.modelName), " (", printable(report.architecture), ") for ",
                     printable(report.device));
    absl::StrAppend(&out, paint(kBold, what));
    size_t used = displayWidth(what) + displayWidth(report.producer);
    absl::StrAppend(&out, used + 2 <= kWidth ? std::string(kWidth - used, ' ') : "\n",
                    paint(kDim, printable(report.producer)), "\n");
  }

  /// `text` broken at spaces into lines that start at column `indent`, where the first
  /// line already is. A word that is wider than a line, a path, stays whole.
  void wrapped(const std::string &text, size_t indent) {
    size_t column = indent;
    bool isFirst = true;
    for (absl::string_view word : absl::StrSplit(text, ' ')) {
      size_t width = displayWidth({word.data(), word.size()});
      if (!isFirst && column + 1 + width > kWidth) {
        absl::StrAppend(&out, "\n", std::string(indent, ' '));
        column = indent;
        isFirst = true;
      }
      absl::StrAppend(&out, isFirst ? "" : " ", word);
      column += width + (isFirst ? 0 : 1);
      isFirst = false;
    }
    out += '\n';
  }

  void facts() {
    constexpr size_t kColumn = 13;
    for (const Fact &fact : factsOf(report)) {
      absl::StrAppend(&out, "  ", paint(kDim, pad(fact.name, kColumn - 2)));
      wrapped(printable(fact.value), kColumn);
    }
  }

  /// A line of cells as wide as `widths`, two spaces apart; negative widths go right.
  static std::string row(const std::vector<std::string> &cells, const std::vector<int> &widths) {
    std::string line = "  ";
    for (size_t i = 0; i < cells.size(); ++i)
      absl::StrAppend(&line, i ? "  " : "", pad(cells[i], std::abs(widths[i]), widths[i] < 0));
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
  }
  void header(const std::vector<std::string> &cells, const std::vector<int> &widths) {
    std::string line = row(cells, widths);
    line.pop_back();
    absl::StrAppend(&out, paint(kDim, line), "\n");
  }
  static std::string cut(const std::string &text, int width) {
    return shortenMiddle(printable(text), std::abs(width));
  }

  /// Where the weights are all alike, the facts say it.
  void formats() {
    std::vector<FormatTotal> totals = totalsByFormat(report);
    if (totals.size() < 2)
      return;
    heading("Weights by format");
    const std::vector<int> widths = {11, 21, -8, -7, -6, 14};
    header({"format", "", "bytes", "share", "bits", "tensors"}, widths);
    for (const FormatTotal &total : totals) {
      std::string line =
          row({cut(total.format, 11), "\1", formatBytes(total.bytes), formatPercent(total.share),
               formatFixed(total.bitsPerValue(), 2), formatCount(total.tensors)},
              widths);
      // Painted after it was padded: a colour has no width.
      size_t at = line.find('\1');
      line.replace(at, 21, paint(kCyan, bar(total.share, 21)));
      out += line;
    }
  }

  void pruning(bool verbose) {
    if (!report.pruning)
      return;
    const PruningReport &pruning = *report.pruning;
    heading("Pruning");
    auto sentence = [&](const std::string &text) {
      out += "  ";
      wrapped(printable(text), 2);
    };
    sentence(keptWork(pruning) + ".");
    if (std::string floor = stoppingFloor(pruning); !floor.empty())
      sentence(floor);
    if (const auto &rows = pruning.vocabulary)
      sentence(absl::StrCat("Of ", formatPlural(rows->texts, "text"), " of ", rows->corpus, ", ",
                            formatPercent(rows->resplit), " are split otherwise and ",
                            formatPercent(rows->unknown), " have a new [UNK]."));
    if (!pruning.spaces.empty()) {
      out += "\n";
      const std::vector<int> widths = {32, 15, -13, -12};
      header({"removed from", "", "entries", "work kept"}, widths);
      for (const PrunedSpace &space : pruning.spaces)
        out += row(
            {cut(space.name.substr(absl::StartsWith(space.name, "encoder.layer.") ? 8 : 0), 32),
             nameOfKind(space.kind),
             absl::StrCat(formatCount(space.entriesBefore), " → ", formatCount(space.entriesAfter)),
             space.macsBefore ? formatPercent(static_cast<double>(space.macsAfter) /
                                              static_cast<double>(space.macsBefore))
                              : "-"},
            widths);
    }
    if (!pruning.domains.empty()) {
      out += "\n";
      const std::vector<int> widths = {24, -7, -18, -22};
      header({"likelihood kept", "texts", "before the refit", "after (95 %)"}, widths);
      for (const PrunedDomain &domain : pruning.domains)
        out += row({cut(nameOfDomain(domain.domain), 24), formatCount(domain.texts),
                    formatRatio(domain.ratioBefore, std::nullopt),
                    formatRatio(domain.ratio, domain.interval)},
                   widths);
    }
    if (verbose && !pruning.layers.empty()) {
      out += "\n";
      const std::vector<int> widths = {52, -10, -10};
      header({"relative error of the layer's output", "before", "refitted"}, widths);
      for (const PreservedLayer &layer : pruning.layers)
        out +=
            row({cut(layer.name, 52), formatNats(layer.errorBefore), formatNats(layer.errorAfter)},
                widths);
    }
  }

  /// Every domain of the bundle beside the uncompressed model's, and the measures.
  void brittleness() {
    if (!report.brittleness || report.brittleness->models.empty())
      return;
    const BrittlenessReport &figures = *report.brittleness;
    const ModelScores &now = figures.models.front(), &before = figures.baseline;
    heading(absl::StrCat("Against f32 on ", formatPlural(figures.texts, "text"), " of ",
                         shortenMiddle(printable(figures.data), 40)));
    bool hasScores = now.overall.accuracy.has_value();
    std::vector<int> widths = {hasScores ? 15 : 40, -5};
    std::vector<std::string> titles = {"domain", "texts"};
    if (hasScores) {
      widths.insert(widths.end(), {-17, -19});
      titles.insert(titles.end(), {"accuracy", "CDTR (95 %)"});
    }
    widths.insert(widths.end(), {-6, -6});
    titles.insert(titles.end(), {"KL", "flips"});
    header(titles, widths);
    std::vector<const DomainScores *> rows;
    for (bool isUnseen : {false, true})
      for (const DomainScores &domain : now.domains)
        if (domain.isUnseen == isUnseen)
          rows.push_back(&domain);
    if (rows.size() > 1)
      rows.push_back(&now.overall);
    for (const DomainScores *domain : rows) {
      bool isAll = domain == &now.overall;
      std::string name = isAll ? "all texts" : cut(nameOfDomain(domain->domain), widths[0] - 2);
      if (!isAll && domain->isUnseen)
        name += " *";
      std::vector<std::string> cells = {name, formatCount(domain->texts)};
      const DomainScores *source = isAll ? &before.overall : find(before, domain->domain);
      if (hasScores) {
        cells.push_back(absl::StrCat(source ? formatPercent(source->accuracy) : "-", " → ",
                                     formatPercent(domain->accuracy)));
        cells.push_back(formatRatio(domain->transferRatio, domain->transferInterval));
      }
      cells.push_back(formatNats(domain->divergence));
      cells.push_back(domain->flips ? formatPercent(domain->flips->routed) : "-");
      out += row(cells, widths);
    }
    summaryOf(now, before);
    if (std::any_of(now.domains.begin(), now.domains.end(),
                    [](const DomainScores &domain) { return domain.isUnseen; }))
      absl::StrAppend(&out, "  ", paint(kDim, "* not in the calibration data"), "\n");
  }

  void summaryOf(const ModelScores &now, const ModelScores &before) {
    constexpr size_t kColumn = 13;
    out += "\n";
    auto line = [&](const char *name, const std::string &text) {
      absl::StrAppend(&out, "  ", paint(kDim, pad(name, kColumn - 2)));
      wrapped(printable(text), kColumn);
    };
    auto transfer = [&](const char *name, const std::optional<TransferSummary> &summary) {
      if (summary)
        line(name,
             absl::StrCat("mean ", formatRatio(summary->mean, summary->meanInterval), ", lowest ",
                          formatRatio(summary->minimum, summary->minimumInterval), " in ",
                          nameOfDomain(summary->minimumDomain)));
    };
    transfer("CDTR", now.transfer);
    transfer("  unseen", now.transferUnseen);
    if (now.specializationIndex)
      line("DSI",
           absl::StrCat("largest ", formatFixed(*now.specializationIndex, 3), " in ",
                        nameOfDomain(now.specializationDomain),
                        before.specializationIndex
                            ? absl::StrCat(", f32 ", formatFixed(*before.specializationIndex, 3))
                            : ""));
    if (now.generalizationGap)
      line("GG",
           absl::StrCat(formatRatio(now.generalizationGap, now.gapInterval),
                        before.generalizationGap
                            ? absl::StrCat(", f32 ", formatFixed(*before.generalizationGap, 3))
                            : ""));
    if (!now.overall.accuracy)
      line("no scores", "no text has a label, so there are no accuracy, CDTR, DSI and GG");
  }

  void gates() {
    if (report.gates.empty())
      return;
    heading("Gates");
    for (const GateReport &gate : report.gates) {
      absl::StrAppend(&out, "  ", gate.failed ? paint(kBold, "FAILED") : "passed", "  ");
      wrapped(printable(gate.condition), 10);
    }
  }

  void domains() {
    if (!report.evaluation || !report.evaluation->overall.agreement || report.brittleness)
      return;
    const EvaluationReport &evaluation = *report.evaluation;
    heading(evaluation.isCalibration ? "Against f32, on the texts of the calibration"
                                     : "Against f32");
    const std::vector<int> widths = {21, -7, -9, -7, -12, -12};
    header({"domain", "texts", "agree", "KL", "accuracy f32", "accuracy"}, widths);
    for (const DomainReport *domain : rowsOf(evaluation))
      out += row({cut(nameOf(evaluation, *domain), 21), formatCount(domain->texts),
                  formatPercent(domain->agreement), formatNats(domain->divergence),
                  formatPercent(domain->accuracyF32), formatPercent(domain->accuracy)},
                 widths);
  }

  void flips() {
    if (!report.evaluation || !report.evaluation->overall.flips)
      return;
    const EvaluationReport &evaluation = *report.evaluation;
    // The quantizer's work: it begins with the model as pruned.
    std::string fit = report.pruning ? ", before → after" : ", before → after the router's fit";
    heading(absl::StrCat("Routing decisions that differ from ",
                         report.pruning ? "the pruned model's" : "f32",
                         evaluation.overall.flipsBefore ? fit : ""));
    const std::vector<int> widths = {22, -16, -16, -16};
    header({"domain", "routed", "cluster", "mask"}, widths);
    for (const DomainReport *domain : rowsOf(evaluation)) {
      if (!domain->flips)
        continue;
      auto cell = [&](double FlipsReport::*which) {
        std::string after = formatPercent(*domain->flips.*which);
        return domain->flipsBefore
                   ? absl::StrCat(formatPercent(*domain->flipsBefore.*which), " → ", after)
                   : after;
      };
      out += row({cut(nameOf(evaluation, *domain), 22), cell(&FlipsReport::routed),
                  cell(&FlipsReport::cluster), cell(&FlipsReport::mask)},
                 widths);
    }
  }

  void latency() {
    if (!report.latency || report.latency->calls.empty())
      return;
    const LatencyReport &latency = *report.latency;
    constexpr size_t kCalls = 10;
    heading(absl::StrCat("Modelled latency (", formatSeconds(latency.seconds), ", ",
                         formatPlural(latency.calls.size(), "call"), ")"));
    auto share = [&](double seconds) {
      return formatPercent(latency.seconds > 0 ? seconds / latency.seconds : 0);
    };
    const std::vector<int> widths = {44, -6, -9, -8};
    header({"kernel", "calls", "time", "share"}, widths);
    for (const KernelTotal &total : totalsByKernel(latency))
      out += row({cut(labelOf(total), 44), formatCount(total.calls), formatSeconds(total.seconds),
                  share(total.seconds)},
                 widths);
    const std::vector<int> callWidths = {40, -9, -8, 10};
    out += "\n";
    header({"longest calls", "time", "share", "bound by"}, callWidths);
    for (const CallLatency *call : slowestCalls(latency, kCalls))
      out += row({cut(call->name.empty() ? call->kernel : call->name, 40),
                  formatSeconds(call->seconds), share(call->seconds), keyOf(call->binds)},
                 callWidths);
    if (!latency.points.empty()) {
      out += "\n";
      for (const LatencyReport::Point &point : latency.points)
        out += row({formatPlural(point.tokens, "token"), formatSeconds(point.seconds)}, {-14, -10});
    }
    if (!latency.assumptions.empty()) {
      out += "\n  ";
      wrapped(printable(absl::StrCat("Assumes ", latency.assumptions)), 2);
    }
  }

  void parts() {
    auto sums = bytesByPart(report);
    int64_t total = 0;
    for (int64_t sum : sums)
      total += sum;
    if (total == 0)
      return;
    heading("Weights by part");
    constexpr size_t kBar = 32;
    for (size_t i = 0; i < sums.size(); ++i) {
      if (sums[i] == 0)
        continue;
      double share = static_cast<double>(sums[i]) / total;
      absl::StrAppend(&out, "  ", pad(nameOf(static_cast<Part>(i)), 20), " ",
                      paint(kCyan, bar(share, kBar)), " ", pad(formatBytes(sums[i]), 8, true), " ",
                      pad(formatPercent(share), 8, true), "\n");
    }
  }

  /// Filled to the eighth of a column.
  static std::string bar(double share, size_t width) {
    static constexpr const char *kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    size_t filled = std::lround(share * 8 * width);
    std::string text;
    for (size_t i = 0; i < filled / 8; ++i)
      text += "█";
    return pad(text + kEighths[filled % 8], width);
  }

  void tensors() {
    if (report.tensors.empty())
      return;
    heading(absl::StrCat("Tensors (", formatCount(report.tensors.size()), ")"));
    // Names take what is left; the layouts are in the other kinds of report.
    int shape = 5, format = 6;
    bool hasSnr = false, hasLoss = false;
    for (const TensorReport &tensor : report.tensors) {
      hasSnr |= tensor.snr.has_value();
      hasLoss |= tensor.predictedLoss.has_value();
    }
    // The source's type gives way to the figures of quantization.
    auto nameOf = [&](const TensorReport &tensor) {
      return absl::string_view(tensor.name)
          .substr(hasSnr && absl::StartsWith(tensor.name, "encoder.layer.") ? 8 : 0);
    };
    auto formatOf = [&](const TensorReport &tensor) {
      return hasSnr ? tensor.format : TextWriter::formatOf(tensor);
    };
    for (const TensorReport &tensor : report.tensors) {
      shape = std::max<int>(shape, displayWidth(compactShape(tensor)));
      format = std::max<int>(format, displayWidth(formatOf(tensor)));
    }
    std::vector<int> widths = {0, -shape, format, -8};
    std::vector<std::string> titles = {"name", "shape", "format", "bytes"};
    if (hasSnr) {
      widths.push_back(-7);
      titles.push_back("SNR");
    }
    if (hasLoss) {
      widths.push_back(-7);
      titles.push_back("loss");
    }
    int others = 2;
    for (int width : widths)
      others += std::abs(width) + 2;
    widths[0] = std::max<int>(12, kWidth - others + 2);
    header(titles, widths);
    for (const TensorReport &tensor : report.tensors) {
      std::vector<std::string> cells = {cut(std::string(nameOf(tensor)), widths[0]),
                                        compactShape(tensor), formatOf(tensor),
                                        formatBytes(tensor.bytes)};
      if (hasSnr)
        cells.push_back(formatDecibels(tensor.snr));
      if (hasLoss)
        cells.push_back(formatNats(tensor.predictedLoss));
      out += row(cells, widths);
    }
  }

  /// "8192×128"
  static std::string compactShape(const TensorReport &tensor) {
    return absl::StrReplaceAll(formatShape(tensor.shape), {{" ", ""}});
  }

  /// "f32", or "f16 → f32" when it is stored in another format than it came in.
  static std::string formatOf(const TensorReport &tensor) {
    return tensor.sourceType.empty() || tensor.sourceType == tensor.format
               ? tensor.format
               : absl::StrCat(tensor.sourceType, " → ", tensor.format);
  }

  /// Tensors with one reason together.
  void dropped() {
    if (report.dropped.empty())
      return;
    heading(absl::StrCat("Dropped (", formatCount(report.dropped.size()), ")"));
    std::vector<std::string> reasons;
    for (const DroppedReport &tensor : report.dropped)
      if (std::find(reasons.begin(), reasons.end(), tensor.reason) == reasons.end())
        reasons.push_back(tensor.reason);
    for (const std::string &reason : reasons) {
      absl::StrAppend(&out, "  ");
      wrapped(absl::StrCat(printable(reason), ":"), 2);
      for (const DroppedReport &tensor : report.dropped)
        if (tensor.reason == reason)
          absl::StrAppend(&out, "    ", pad(shortenMiddle(printable(tensor.name), 67), 67), " ",
                          pad(formatBytes(tensor.bytes), 8, true), "\n");
    }
  }

  void notes() {
    if (report.notes.empty())
      return;
    heading("Notes");
    for (const std::string &note : report.notes) {
      out += "  ";
      wrapped(printable(note), 2);
    }
  }

  void stages() {
    if (report.stages.empty())
      return;
    heading("Time");
    for (const StageReport &stage : report.stages)
      absl::StrAppend(&out, "  ", pad(shortenMiddle(printable(stage.name), 67), 67), " ",
                      pad(formatSeconds(stage.seconds), 10, true), "\n");
  }

  const CompileReport &report;
  bool color;
  std::string out;
};

/// Text as it shows in Markdown, whatever its characters mean there.
std::string escaped(const std::string &text) {
  std::string result;
  for (char c : printable(text)) {
    if (absl::string_view("\\`*_{}[]<>()#+!|~&").find(c) != absl::string_view::npos)
      result += '\\';
    result += c;
  }
  return result;
}

std::string markdownOfQuantization(const CompileReport &report) {
  std::string out;
  std::vector<FormatTotal> totals = totalsByFormat(report);
  if (!totals.empty())
    absl::StrAppend(&out, "\n## Weights by format\n\n"
                          "| format | tensors | bytes | share | bits per weight |\n"
                          "| --- | ---: | ---: | ---: | ---: |\n");
  for (const FormatTotal &total : totals)
    absl::StrAppend(&out, "| ", escaped(total.format), " | ", formatCount(total.tensors), " | ",
                    formatBytes(total.bytes), " | ", escaped(formatPercent(total.share)), " | ",
                    formatFixed(total.bitsPerValue(), 2), " |\n");
  if (!report.evaluation)
    return out;
  const EvaluationReport &evaluation = *report.evaluation;
  absl::StrAppend(&out, "\n## Against f32",
                  evaluation.isCalibration ? ", on the texts of the "
                                             "calibration"
                                           : "",
                  "\n\n"
                  "| domain | texts | agreement | KL | accuracy f32 | accuracy |\n"
                  "| --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (const DomainReport *domain : rowsOf(evaluation))
    absl::StrAppend(&out, "| ", escaped(nameOf(evaluation, *domain)), " | ",
                    formatCount(domain->texts), " | ", escaped(formatPercent(domain->agreement)),
                    " | ", escaped(formatNats(domain->divergence)), " | ",
                    escaped(formatPercent(domain->accuracyF32)), " | ",
                    escaped(formatPercent(domain->accuracy)), " |\n");
  if (!evaluation.overall.flips)
    return out;
  absl::StrAppend(&out, "\n## Routing decisions that differ from f32\n\n"
                        "| domain | router | routed | cluster | mask |\n"
                        "| --- | --- | ---: | ---: | ---: |\n");
  for (const DomainReport *domain : rowsOf(evaluation))
    for (auto [which, flips] :
         {std::pair("as it was", &domain->flipsBefore), {"as written", &domain->flips}})
      if (*flips)
        absl::StrAppend(&out, "| ", escaped(nameOf(evaluation, *domain)), " | ", which, " | ",
                        escaped(formatPercent((*flips)->routed)), " | ",
                        escaped(formatPercent((*flips)->cluster)), " | ",
                        escaped(formatPercent((*flips)->mask)), " |\n");
  return out;
}

/// A row of cells; `escaped` where they are not figures.
std::string markdownRow(const std::vector<std::string> &cells) {
  std::string line = "|";
  for (const std::string &cell : cells)
    absl::StrAppend(&line, " ", cell, " |");
  return line + "\n";
}

std::string markdownOfPruning(const PruningReport &pruning) {
  std::string out = absl::StrCat("\n## Pruning\n\n", escaped(keptWork(pruning)), ".");
  if (std::string floor = stoppingFloor(pruning); !floor.empty())
    absl::StrAppend(&out, " ", escaped(floor));
  if (const auto &rows = pruning.vocabulary)
    absl::StrAppend(&out, " Of ", formatPlural(rows->texts, "text"), " of ", escaped(rows->corpus),
                    ", ", formatPercent(rows->resplit), " are split otherwise and ",
                    formatPercent(rows->unknown), " have a new \\[UNK\\].");
  absl::StrAppend(&out, "\n\n| removed from | what | before | after | work kept |\n"
                        "| --- | --- | ---: | ---: | ---: |\n");
  for (const PrunedSpace &space : pruning.spaces)
    out += markdownRow({escaped(space.name), nameOfKind(space.kind),
                        formatCount(space.entriesBefore), formatCount(space.entriesAfter),
                        space.macsBefore
                            ? escaped(formatPercent(static_cast<double>(space.macsAfter) /
                                                    static_cast<double>(space.macsBefore)))
                            : "-"});
  if (!pruning.domains.empty())
    absl::StrAppend(&out, "\n| domain | texts | likelihood kept | after the refit |\n"
                          "| --- | ---: | ---: | ---: |\n");
  for (const PrunedDomain &domain : pruning.domains)
    out += markdownRow({escaped(nameOfDomain(domain.domain)), formatCount(domain.texts),
                        formatRatio(domain.ratioBefore, std::nullopt),
                        formatRatio(domain.ratio, domain.interval)});
  if (!pruning.layers.empty())
    absl::StrAppend(&out, "\n| layer | relative error | refitted |\n| --- | ---: | ---: |\n");
  for (const PreservedLayer &layer : pruning.layers)
    out += markdownRow({escaped(layer.name), escaped(formatNats(layer.errorBefore)),
                        escaped(formatNats(layer.errorAfter))});
  return out;
}

std::string markdownOfBrittleness(const BrittlenessReport &report) {
  if (report.models.empty())
    return "";
  const ModelScores &now = report.models.front();
  std::string out = absl::StrCat("\n## What each domain kept\n\n", escaped(headlineOf(report)),
                                 "\n\n| domain | texts | accuracy f32 | accuracy | CDTR | KL | "
                                 "agreement | routed otherwise |\n"
                                 "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  auto add = [&](const std::string &name, const DomainScores &domain, const DomainScores *before) {
    out += markdownRow({escaped(name), formatCount(domain.texts),
                        escaped(before ? formatPercent(before->accuracy) : "-"),
                        escaped(formatPercent(domain.accuracy)),
                        formatRatio(domain.transferRatio, domain.transferInterval),
                        escaped(formatNats(domain.divergence)),
                        escaped(formatPercent(domain.agreement)),
                        domain.flips ? escaped(formatPercent(domain.flips->routed)) : "-"});
  };
  for (const DomainScores &domain : now.domains)
    add(nameOfDomain(domain.domain) + (domain.isUnseen ? " (unseen)" : ""), domain,
        find(report.baseline, domain.domain));
  add("all texts", now.overall, &report.baseline.overall);
  out += "\n";
  for (const auto &[name, value] : figuresOf(now))
    absl::StrAppend(&out, "* `", printable(name), "`: ", absl::StrFormat("%.6g", value), "\n");
  return out;
}

std::string markdownOfGates(const std::vector<GateReport> &gates) {
  std::string out = "\n## Gates\n\n| condition | |\n| --- | --- |\n";
  for (const GateReport &gate : gates)
    out +=
        markdownRow({escaped(gate.condition),
                     gate.failed ? absl::StrCat("**failed**: ", escaped(gate.message)) : "passed"});
  return out;
}

std::string markdownOfLatency(const LatencyReport &latency) {
  std::string out = absl::StrCat(
      "\n## Modelled latency\n\n", formatSeconds(latency.seconds), " at ",
      formatPlural(latency.tokens, "token"), " on ", formatPlural(latency.threads, "thread"), ".",
      latency.assumptions.empty() ? "" : " Assumes " + escaped(latency.assumptions) + ".",
      "\n\n| call | kernel | format | time | bound by |\n| --- | --- | --- | ---: | --- |\n");
  for (const CallLatency *call : slowestCalls(latency, 20))
    absl::StrAppend(&out, "| ", escaped(call->name), " | ", escaped(call->kernel), " | ",
                    escaped(call->format), " | ", formatSeconds(call->seconds), " | ",
                    keyOf(call->binds), " |\n");
  if (!latency.points.empty()) {
    absl::StrAppend(&out, "\n| tokens | time |\n| ---: | ---: |\n");
    for (const LatencyReport::Point &point : latency.points)
      absl::StrAppend(&out, "| ", formatCount(point.tokens), " | ", formatSeconds(point.seconds),
                      " |\n");
  }
  return out;
}

} // namespace

std::string renderText(const CompileReport &report, bool verbose, bool color) {
  return TextWriter(report, color).write(verbose);
}

std::string renderMarkdown(const CompileReport &report, bool verbose) {
  std::string out = absl::StrCat("# ", escaped(report.modelName), " for ", escaped(report.device),
                                 "\n\n| | |\n| --- | --- |\n");
  for (const Fact &fact : factsOf(report))
    absl::StrAppend(&out, "| ", fact.name, " | ", escaped(fact.value), " |\n");

  auto sums = bytesByPart(report);
  int64_t total = 0;
  for (int64_t sum : sums)
    total += sum;
  if (total) {
    absl::StrAppend(&out, "\n## Weights by part\n\n| part | bytes | share |\n"
                          "| --- | ---: | ---: |\n");
    for (size_t i = 0; i < sums.size(); ++i)
      if (sums[i])
        absl::StrAppend(&out, "| ", nameOf(static_cast<Part>(i)), " | ", formatBytes(sums[i]),
                        " | ", formatPercent(static_cast<double>(sums[i]) / total), " |\n");
  }
  if (report.pruning)
    out += markdownOfPruning(*report.pruning);
  if (report.brittleness)
    out += markdownOfBrittleness(*report.brittleness);
  if (!report.gates.empty())
    out += markdownOfGates(report.gates);
  out += markdownOfQuantization(report);
  if (verbose && report.latency)
    out += markdownOfLatency(*report.latency);
  if (verbose && !report.tensors.empty()) {
    absl::StrAppend(&out, "\n## Tensors\n\n| name | shape | source | format | layout | bytes | "
                          "algorithm | SNR | output SNR | predicted loss |\n"
                          "| --- | ---: | --- | --- | --- | ---: | --- | ---: | ---: | ---: |\n");
    for (const TensorReport &tensor : report.tensors)
      absl::StrAppend(&out, "| ", escaped(tensor.name), " | ", formatShape(tensor.shape), " | ",
                      escaped(tensor.sourceType), " | ", escaped(tensor.format), " | ",
                      escaped(tensor.layout), " | ", formatCount(tensor.bytes), " | ",
                      escaped(tensor.algorithm), " | ", escaped(formatDecibels(tensor.snr)), " | ",
                      escaped(formatDecibels(tensor.outputSnr)), " | ",
                      escaped(formatNats(tensor.predictedLoss)), " |\n");
  }
  if (!report.dropped.empty()) {
    absl::StrAppend(&out, "\n## Dropped\n\n| name | bytes | reason |\n| --- | ---: | --- |\n");
    for (const DroppedReport &tensor : report.dropped)
      absl::StrAppend(&out, "| ", escaped(tensor.name), " | ", formatCount(tensor.bytes), " | ",
                      escaped(tensor.reason), " |\n");
  }
  if (verbose && !report.notes.empty()) {
    absl::StrAppend(&out, "\n## Notes\n\n");
    for (const std::string &note : report.notes)
      absl::StrAppend(&out, "* ", escaped(note), "\n");
  }
  if (verbose && !report.stages.empty()) {
    absl::StrAppend(&out, "\n## Time\n\n| stage | time |\n| --- | ---: |\n");
    for (const StageReport &stage : report.stages)
      absl::StrAppend(&out, "| ", escaped(stage.name), " | ", formatSeconds(stage.seconds), " |\n");
  }
  absl::StrAppend(&out, "\n", escaped(report.producer), "\n");
  return out;
}

} // namespace gem
