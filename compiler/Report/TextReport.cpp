// The report for people: at a terminal, and as Markdown.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/Figures.h"

#include "absl/strings/str_cat.h"
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
    if (verbose) {
      parts();
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
    size_t shape = 5, format = 6;
    for (const TensorReport &tensor : report.tensors) {
      shape = std::max(shape, displayWidth(compactShape(tensor)));
      format = std::max(format, displayWidth(formatOf(tensor)));
    }
    constexpr size_t kBytes = 8;
    size_t others = 2 + 2 + shape + 2 + format + 1 + kBytes;
    size_t name = others + 12 < kWidth ? kWidth - others : 12;
    auto row = [&](const std::string &first, const std::string &second, const std::string &third,
                   const std::string &last) {
      return absl::StrCat("  ", pad(first, name), "  ", pad(second, shape, true), "  ",
                          pad(third, format), " ", pad(last, kBytes, true));
    };
    absl::StrAppend(&out, paint(kDim, row("name", "shape", "format", "bytes")), "\n");
    for (const TensorReport &tensor : report.tensors)
      absl::StrAppend(&out,
                      row(shortenMiddle(printable(tensor.name), name), compactShape(tensor),
                          formatOf(tensor), formatBytes(tensor.bytes)),
                      "\n");
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
  if (verbose && !report.tensors.empty()) {
    absl::StrAppend(&out, "\n## Tensors\n\n| name | shape | source | format | layout | bytes |\n"
                          "| --- | ---: | --- | --- | --- | ---: |\n");
    for (const TensorReport &tensor : report.tensors)
      absl::StrAppend(&out, "| ", escaped(tensor.name), " | ", formatShape(tensor.shape), " | ",
                      escaped(tensor.sourceType), " | ", escaped(tensor.format), " | ",
                      escaped(tensor.layout), " | ", formatCount(tensor.bytes), " |\n");
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
