// The report as one page that needs nothing else: no script, font, or picture from
// elsewhere.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessHtml.h"
#include "compiler/Report/Figures.h"
#include "compiler/Report/HtmlSections.h"
#include "compiler/Report/HtmlStyle.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include <algorithm>

namespace gem {

using namespace gem::report;

namespace {

/// A row of a bar chart.
struct Bar {
  std::string name;
  int color; // --c0 ...
  int64_t value;
};

class PageWriter {
public:
  explicit PageWriter(const CompileReport &report) : report(report) {}

  std::string write() {
    head();
    cards();
    facts();
    put(htmlOfGates(report), htmlOfPruning(report));
    if (report.brittleness)
      put(htmlOfBrittleness(*report.brittleness));
    put(htmlOfFormats(report), htmlOfDomains(report), htmlOfFlips(report), htmlOfLatency(report));
    bytes();
    work();
    memoryMap();
    put(htmlOfTensors(report));
    dropped();
    notes();
    stages();
    put(footOfPage(report.producer));
    return std::move(out);
  }

private:
  template <typename... T> void put(const T &...pieces) { absl::StrAppend(&out, pieces...); }

  void head() {
    std::string lead = absl::StrCat(
        escapeHtml(report.architecture), " &middot; ", escapeHtml(report.quantize), " &middot; ",
        report.padded ? "padded to " : "at most ", formatPlural(report.sequence, "token"));
    put(headOfPage(absl::StrCat(report.modelName, " for ", report.device), lead,
                   report.brittleness || report.pruning ? kEvaluationStyle : ""));
  }

  void card(const char *name, const std::string &value, const std::string &explanation) {
    put(cardOf(name, value, explanation));
  }

  void cards() {
    put("<dl class=\"cards\">\n");
    if (report.fileBytes)
      card("File", formatBytes(report.fileBytes),
           absl::StrCat(formatFixed(report.bitsPerWeight(), 2), " bits per parameter"));
    if (const auto &evaluation = report.evaluation; evaluation && !report.brittleness) {
      const DomainReport &all = evaluation->overall;
      if (all.agreement)
        card(
            "Agreement", formatPercent(all.agreement),
            absl::StrCat("KL ", formatNats(all.divergence), ", ", formatPlural(all.texts, "text")));
    }
    if (report.latency)
      card("Latency", formatSeconds(report.latency->seconds),
           absl::StrCat("modelled, ", formatPlural(report.latency->tokens, "token"), ", ",
                        formatPlural(report.latency->threads, "thread")));
    const MemoryReport &memory = report.memory;
    if (memory.sessionBytes)
      card("Peak memory", formatBytes(peakBytes(report)),
           absl::StrCat("arena ", formatBytes(memory.arenaBytes), ", ",
                        formatFixed(memory.ratio(), 2), " × the lower bound"));
    else
      card("Arena", formatBytes(memory.arenaBytes),
           absl::StrCat(formatFixed(memory.ratio(), 2), " × the lower bound"));
    card("Work", formatMagnitude(report.macs.total()),
         absl::StrCat("multiply-accumulates at ", formatPlural(report.sequence, "token")));
    if (!report.evaluation || !report.latency) // else a row is full
      card("Parameters", formatMagnitude(report.parameters),
           absl::StrCat(formatPlural(report.numLayers, "layer"), ", hidden size ",
                        report.hiddenSize));
    if (report.deviceMemoryLimit) {
      double share = static_cast<double>(report.fileBytes + memory.arenaBytes) /
                     static_cast<double>(report.deviceMemoryLimit);
      card("Of the device", formatPercent(share),
           absl::StrCat("of ", formatBytes(report.deviceMemoryLimit), " for file and arena"));
    }
    put("</dl>\n");
  }

  void facts() {
    put("<h2>In short</h2>\n<dl class=\"facts\">\n");
    for (const Fact &fact : factsOf(report))
      put("<dt>", fact.name, "</dt><dd>", escapeHtml(fact.value), "</dd>\n");
    put("</dl>\n");
  }

  /// One bar that shows the whole, and a row for each part.
  void barChart(const std::vector<Bar> &bars, const std::string &label,
                std::string (*format)(int64_t)) {
    int64_t total = 0, largest = 1;
    for (const Bar &bar : bars) {
      total += bar.value;
      largest = std::max(largest, bar.value);
    }
    if (total == 0)
      return;
    put("<div class=\"stack\" role=\"img\" aria-label=\"", escapeHtml(label), "\">");
    for (const Bar &bar : bars)
      put("<i style=\"width:", percentOf(static_cast<double>(bar.value) / total),
          ";background:var(--c", bar.color, ")\" title=\"", escapeHtml(bar.name), ": ",
          format(bar.value), "\"></i>");
    put("</div>\n<table class=\"bars\">\n<tbody>\n");
    for (const Bar &bar : bars)
      put("<tr><th scope=\"row\"><div class=\"key\"><span class=\"dot\" style=\"background:var(--c",
          bar.color, ")\"></span><span>", escapeHtml(bar.name),
          "</span></div></th><td class=\"bar\"><i style=\"width:",
          percentOf(static_cast<double>(bar.value) / largest), ";background:var(--c", bar.color,
          ")\"></i></td><td class=\"num\">", format(bar.value),
          "</td><td class=\"num soft share\">",
          escapeHtml(formatPercent(static_cast<double>(bar.value) / total)), "</td></tr>\n");
    put("</tbody>\n<tfoot><tr><th scope=\"row\">Together</th><td></td><td class=\"num\">",
        format(total), "</td><td class=\"num share\"></td></tr></tfoot>\n</table>\n");
  }

  void bytes() {
    auto sums = bytesByPart(report);
    std::vector<Bar> bars;
    int64_t tensors = 0;
    for (size_t i = 0; i < sums.size(); ++i) {
      tensors += sums[i];
      if (sums[i])
        bars.push_back({nameOf(static_cast<Part>(i)), static_cast<int>(i), sums[i]});
    }
    if (report.fileBytes) {
      if (report.tokenizerBytes)
        bars.push_back({"Tokenizer", 7, report.tokenizerBytes});
      // With the padding between tensors, so that the rows add up to the file.
      int64_t rest = report.fileBytes - report.tokenizerBytes - tensors;
      if (rest > 0)
        bars.push_back({"Program and padding", 8, rest});
    }
    if (bars.empty())
      return;
    put("<section>\n<h2>Where the bytes are</h2>\n");
    barChart(bars, "Shares of the file", formatBytes);
    put("</section>\n");
  }

  void work() {
    static constexpr Part kColors[] = {Part::Attention, Part::Router, Part::Scar, Part::Head};
    std::vector<Bar> bars;
    auto shares = macsShares(report);
    for (size_t i = 0; i < shares.size(); ++i)
      if (shares[i].macs)
        bars.push_back({shares[i].name, static_cast<int>(kColors[i]), shares[i].macs});
    if (bars.empty())
      return;
    put("<section>\n<h2>Where the work is</h2>\n<p class=\"soft\">Multiply-accumulates of the "
        "whole model at ",
        formatPlural(report.sequence, "token"),
        ", products of attention included, before rows that nobody reads are left out.</p>\n");
    barChart(bars, "Shares of the work", formatMagnitude);
    put("</section>\n");
  }

  /// A buffer's name without what its colour says.
  static std::string shortName(const std::string &name) {
    static constexpr char kPrefix[] = "encoder.layer.";
    bool hasPrefix = name.compare(0, sizeof(kPrefix) - 1, kPrefix) == 0;
    return hasPrefix ? name.substr(sizeof(kPrefix) - 1) : name;
  }
  static std::string labelOf(const std::string &name) { return breakable(shortName(name)); }

  /// Whether a label fits a box of these shares of the map, as wide and high as it is on a
  /// desk, when it is broken at dots and underscores. Lengths in pixels.
  static bool labelFits(const std::string &name, double width, double height) {
    constexpr double kMapWidth = 880, kMapHeight = 352, kCharacter = 6.6, kLine = 15, kMargin = 10;
    double room = width * kMapWidth - kMargin, used = 0;
    int lines = 1;
    for (absl::string_view piece : absl::StrSplit(shortName(name), absl::ByAnyChar("._"))) {
      double length = (piece.size() + 1) * kCharacter;
      if (length > room)
        return false;
      if (used + length > room) {
        ++lines;
        used = 0;
      }
      used += length;
    }
    return lines * kLine <= height * kMapHeight;
  }

  void memoryMap() {
    const MemoryReport &memory = report.memory;
    if (memory.buffers.empty() || memory.arenaBytes <= 0)
      return;
    int64_t end = memory.numCalls + 1;
    for (const BufferReport &buffer : memory.buffers)
      end = std::max(end, buffer.last + 1);
    double width = static_cast<double>(end), height = static_cast<double>(memory.arenaBytes);
    put("<section>\n<h2>Memory map</h2>\n<p class=\"soft\">Each box is a buffer: as wide as the "
        "calls that it is needed for, as high as its bytes, where it lies in the arena.</p>\n"
        "<figure>\n<div class=\"map\">\n<div class=\"y\"><span>",
        formatBytes(memory.arenaBytes), "</span><span>", formatBytes(memory.arenaBytes / 2),
        "</span><span>0</span></div>\n<div class=\"plot\">\n");
    // Stretched to the page; the labels, which must not be, lie above it.
    put("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"Buffers in the arena over the calls\">\n");
    std::string labels;
    std::array<bool, kNumParts> seen{};
    for (const BufferReport &buffer : memory.buffers) {
      double x = buffer.first / width, w = (buffer.last + 1 - buffer.first) / width;
      double h = buffer.bytes / height, y = 1 - (buffer.offset + buffer.bytes) / height;
      Part part = partOf(buffer.name);
      seen[static_cast<size_t>(part)] = true;
      put(absl::StrFormat("<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" ", 1000 * x,
                          1000 * y, 1000 * w, 1000 * h),
          h < 0.02 ? "class=\"thin\" " : "", "style=\"color:var(--c", static_cast<int>(part),
          ")\"><title>", escapeHtml(buffer.name), ": ", formatBytes(buffer.bytes), " at ",
          formatCount(buffer.offset), ", calls ", buffer.first, " to ", buffer.last,
          "</title></rect>\n");
      // Where the next buffer takes this one's memory over, their boxes overlap.
      double free = std::max<int64_t>(buffer.last - buffer.first, 1) / width;
      if (labelFits(buffer.name, free, h))
        absl::StrAppend(&labels, "<span", free < 0.2 ? " class=\"fine\"" : "",
                        " style=\"left:", percentOf(x), ";top:", percentOf(y),
                        ";width:", percentOf(free), ";height:", percentOf(h), "\">",
                        labelOf(buffer.name), "</span>\n");
    }
    bool hasLine = memory.lowerBoundBytes > 0 && memory.lowerBoundBytes < memory.arenaBytes;
    if (hasLine) {
      std::string y = absl::StrFormat("%.2f", 1000 * (1 - memory.lowerBoundBytes / height));
      put("<line x1=\"0\" x2=\"1000\" y1=\"", y, "\" y2=\"", y,
          "\"><title>Lower bound: ", formatBytes(memory.lowerBoundBytes), "</title></line>\n");
    }
    put("</svg>\n", labels, "</div>\n<div class=\"x\"><span>inputs</span><span>",
        formatPlural(memory.numCalls, "call"), " &rarr;</span></div>\n</div>\n",
        "<div class=\"legend\">");
    for (size_t i = 0; i < seen.size(); ++i)
      if (seen[i])
        put("<span><span class=\"dot\" style=\"background:var(--c", i, ")\"></span>",
            static_cast<Part>(i) == Part::Other ? "Inputs and other" : nameOf(static_cast<Part>(i)),
            "</span>");
    if (hasLine)
      put("<span><span class=\"dash\"></span>Lower bound: the most bytes alive at once</span>");
    put("</div>\n</figure>\n</section>\n");
  }

  /// Tensors with one reason together: a teacher has hundreds.
  void dropped() {
    if (report.dropped.empty())
      return;
    put("<section>\n<h2>What was dropped, and why</h2>\n");
    std::vector<std::string> reasons;
    for (const DroppedReport &tensor : report.dropped)
      if (std::find(reasons.begin(), reasons.end(), tensor.reason) == reasons.end())
        reasons.push_back(tensor.reason);
    for (const std::string &reason : reasons) {
      int64_t bytes = 0, count = 0;
      std::string list;
      for (const DroppedReport &tensor : report.dropped) {
        if (tensor.reason != reason)
          continue;
        ++count;
        bytes += tensor.bytes;
        absl::StrAppend(&list, "<li><span class=\"name\">", breakable(tensor.name),
                        "</span> <span class=\"soft\">", formatBytes(tensor.bytes),
                        "</span></li>\n");
      }
      put("<details", count <= 12 ? " open" : "", ">\n<summary>", escapeHtml(reason), ": ",
          formatPlural(count, "tensor"), ", ", formatBytes(bytes), "</summary>\n<ul>\n", list,
          "</ul>\n</details>\n");
    }
    put("</section>\n");
  }

  void notes() {
    if (report.notes.empty())
      return;
    put("<section>\n<h2>Notes</h2>\n<ul>\n");
    for (const std::string &note : report.notes)
      put("<li>", escapeHtml(note), "</li>\n");
    put("</ul>\n</section>\n");
  }

  void stages() {
    if (report.stages.empty())
      return;
    double longest = 0;
    for (const StageReport &stage : report.stages)
      longest = std::max(longest, stage.seconds);
    put("<section>\n<h2>Where the time went</h2>\n<table class=\"bars\">\n<tbody>\n");
    for (const StageReport &stage : report.stages)
      put("<tr><th scope=\"row\">", escapeHtml(stage.name),
          "</th><td class=\"bar\"><i style=\"width:",
          percentOf(longest > 0 ? stage.seconds / longest : 0),
          ";background:var(--c6)\"></i></td><td class=\"num\">", formatSeconds(stage.seconds),
          "</td></tr>\n");
    put("</tbody>\n</table>\n</section>\n");
  }

  const CompileReport &report;
  std::string out;
};

} // namespace

std::string renderHtml(const CompileReport &report) { return PageWriter(report).write(); }

} // namespace gem
