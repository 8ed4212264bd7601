// Sections of the report's page about formats, quality and time.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/HtmlSections.h"
#include "compiler/Report/Figures.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <cmath>

namespace gem::report {

namespace {

std::string colorOfFormat(const std::string &format) { return absl::StrCat("f", colorOf(format)); }

} // namespace

std::string htmlOfFormats(const CompileReport &report) {
  std::vector<FormatTotal> totals = totalsByFormat(report);
  if (totals.size() < 2)
    return "";
  std::string out = "<section>\n<h2>Size by format</h2>\n";
  if (const auto &allocation = report.allocation) {
    std::string text;
    if (allocation->budgetBytes)
      absl::StrAppend(&text, formatBytes(allocation->usedBytes), " of a budget of ",
                      formatBytes(allocation->budgetBytes), ". ");
    if (allocation->budgetSeconds > 0)
      absl::StrAppend(&text, formatSeconds(allocation->usedSeconds), " of a budget of ",
                      formatSeconds(allocation->budgetSeconds), ". ");
    if (allocation->worstLoss)
      absl::StrAppend(&text, "The choice is predicted to cost a KL of ",
                      formatNats(allocation->worstLoss), " in the worst domain",
                      allocation->worstDomain.empty() ? "" : ", ", allocation->worstDomain,
                      allocation->meanLoss
                          ? absl::StrCat(", and ", formatNats(allocation->meanLoss), " in the mean")
                          : "",
                      ". ");
    if (allocation->gap)
      absl::StrAppend(&text, "No other choice could lower that by more than ",
                      formatPercent(*allocation->gap), ".");
    if (!text.empty())
      absl::StrAppend(&out, "<p class=\"soft\">", escapeHtml(text), "</p>\n");
  }
  Stack stack("Shares of the weights by format");
  double largest = 0;
  for (const FormatTotal &total : totals) {
    largest = std::max(largest, total.share);
    stack.add(total.share, colorOfFormat(total.format),
              absl::StrCat(total.format, ": ", formatBytes(total.bytes)));
  }
  absl::StrAppend(&out, stack.finish(), kHeadOfTable, column("Format", ""), column("", "bar"),
                  column("Bytes", "num"), column("Share", "num share"),
                  column("Bits a weight", "num"), column("Tensors", "num share"),
                  "</tr></thead>\n<tbody>\n");
  for (const FormatTotal &total : totals)
    absl::StrAppend(
        &out, "<tr><th scope=\"row\">",
        dotted(colorOfFormat(total.format), escapeHtml(total.format)), "</th><td class=\"bar\">",
        barOf(largest > 0 ? total.share / largest : 0, colorOfFormat(total.format),
              formatBytes(total.bytes)),
        "</td><td class=\"num\">", formatBytes(total.bytes), "</td><td class=\"num soft share\">",
        escapeHtml(formatPercent(total.share)), "</td><td class=\"num\">",
        formatFixed(total.bitsPerValue(), 2), "</td><td class=\"num soft share\">",
        formatCount(total.tensors), "</td></tr>\n");
  return out + "</tbody>\n</table>\n</section>\n";
}

std::string htmlOfDomains(const CompileReport &report) {
  // The same and more is known on texts that the compression did not see.
  if (!report.evaluation || report.brittleness)
    return "";
  const EvaluationReport &evaluation = *report.evaluation;
  std::vector<const DomainReport *> rows = rowsOf(evaluation);
  double mostChanged = 0, largest = 0;
  bool hasFigures = false, hasAccuracy = false;
  for (const DomainReport *row : rows) {
    hasFigures |= row->agreement || row->divergence;
    hasAccuracy |= row->accuracy.has_value();
    mostChanged = std::max(mostChanged, 1 - row->agreement.value_or(1));
    largest = std::max(largest, row->divergence.value_or(0));
  }
  if (!hasFigures)
    return "";
  std::string out = absl::StrCat(
      "<section>\n<h2>What the compression changed, by domain</h2>\n<p class=\"soft\">The "
      "compressed model beside the f32 model on ",
      formatPlural(evaluation.overall.texts, "text"),
      evaluation.source.empty() ? "" : absl::StrCat(" of ", escapeHtml(evaluation.source)),
      evaluation.isCalibration ? ", which it was calibrated on, so that they are a little too good"
                               : "",
      ". Shorter bars are better.</p>\n<table class=\"bars twin\">\n<thead><tr>",
      column("Domain", ""), column("Texts", "num share"), column("Other answers", "bar"),
      column("", "num"), column("KL divergence", "bar"), column("", "num"),
      hasAccuracy ? column("Accuracy, f32 &rarr; now", "num share") : "",
      "</tr></thead>\n<tbody>\n");
  for (const DomainReport *row : rows) {
    bool isAll = row == &evaluation.overall;
    std::string name = nameOf(evaluation, *row);
    auto cell = [&](const std::optional<double> &value, double most, const char *color,
                    const std::string &text) {
      return absl::StrCat(
          "<td class=\"bar\">",
          value ? barOf(most > 0 ? *value / most : 0, isAll ? "accent" : color, name + ": " + text)
                : "",
          "</td><td class=\"num\">", escapeHtml(text), "</td>");
    };
    std::optional<double> changed;
    if (row->agreement)
      changed = 1 - *row->agreement;
    absl::StrAppend(&out, "<tr", isAll ? " class=\"all\"" : "", "><th scope=\"row\">",
                    escapeHtml(name), "</th><td class=\"num soft share\">", formatCount(row->texts),
                    "</td>", cell(changed, mostChanged, "c1", formatPercent(changed)),
                    cell(row->divergence, largest, "c4", formatNats(row->divergence)));
    if (hasAccuracy)
      absl::StrAppend(&out, "<td class=\"num soft share\">",
                      escapeHtml(absl::StrCat(formatPercent(row->accuracyF32), " → ",
                                              formatPercent(row->accuracy))),
                      "</td>");
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</section>\n";
}

std::string htmlOfFlips(const CompileReport &report) {
  if (!report.evaluation || !report.evaluation->overall.flips)
    return "";
  const EvaluationReport &evaluation = *report.evaluation;
  struct Kind {
    const char *name, *explanation;
    double FlipsReport::*which;
  };
  static constexpr Kind kKinds[] = {{"Routed or not", "of tokens", &FlipsReport::routed},
                                    {"Cluster", "of tokens", &FlipsReport::cluster},
                                    {"Mask", "of pairs of tokens", &FlipsReport::mask}};
  bool hasBefore = evaluation.overall.flipsBefore.has_value();
  double most = 0;
  for (const DomainReport *row : rowsOf(evaluation))
    for (const auto *flips : {&row->flipsBefore, &row->flips})
      for (const Kind &kind : kKinds)
        if (*flips)
          most = std::max(most, **flips.*kind.which);
  std::string out = absl::StrCat("<section>\n<h2>Routing decisions that differ from ",
                                 report.pruning ? "the pruned model's" : "f32", "</h2>\n");
  if (hasBefore)
    out += "<p class=\"soft\">Quantizing the encoder moves what the router sees, so the router and "
           "its centroids were fitted again: the ring is before, the dot after.</p>\n";
  out += "<div class=\"panels\">\n";
  for (const Kind &kind : kKinds) {
    absl::StrAppend(&out, "<figure class=\"panel\">\n<figcaption><b>", kind.name, "</b> ",
                    kind.explanation, "</figcaption>\n<table class=\"bars\">\n<tbody>\n");
    for (const DomainReport *row : rowsOf(evaluation)) {
      if (!row->flips)
        continue;
      double after = *row->flips.*kind.which;
      double before = row->flipsBefore ? *row->flipsBefore.*kind.which : after;
      // Room for a dot at either end.
      auto place = [&](double value) {
        return percentOf(0.03 + 0.94 * (most > 0 ? value / most : 0));
      };
      absl::StrAppend(&out, "<tr", row == &evaluation.overall ? " class=\"all\"" : "",
                      "><th scope=\"row\">", escapeHtml(nameOf(evaluation, *row)),
                      "</th><td class=\"bar\"><svg class=\"chart\" width=\"100%\" height=\"16\" "
                      "role=\"img\"><line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"8\" y2=\"8\"/>");
      if (row->flipsBefore)
        absl::StrAppend(&out, "<line class=\"span\" x1=\"", place(after), "\" x2=\"", place(before),
                        "\" y1=\"8\" y2=\"8\"/><circle class=\"ring\" cx=\"", place(before),
                        "\" cy=\"8\" r=\"4.5\"/>");
      absl::StrAppend(&out, "<circle cx=\"", place(after), "\" cy=\"8\" r=\"5\"/><title>",
                      escapeHtml(row->flipsBefore ? absl::StrCat(formatPercent(before), " before, ",
                                                                 formatPercent(after), " after")
                                                  : formatPercent(after)),
                      "</title></svg></td><td class=\"num\">");
      if (row->flipsBefore)
        absl::StrAppend(&out, "<span class=\"soft\">", escapeHtml(formatPercent(before)),
                        " &rarr;</span> ");
      absl::StrAppend(&out, escapeHtml(formatPercent(after)), "</td></tr>\n");
    }
    out += "</tbody>\n</table>\n</figure>\n";
  }
  return out + "</div>\n</section>\n";
}

std::string htmlOfLatency(const CompileReport &report) {
  if (!report.latency || report.latency->calls.empty())
    return "";
  const LatencyReport &latency = *report.latency;
  auto share = [&](double seconds) { return latency.seconds > 0 ? seconds / latency.seconds : 0; };
  std::vector<KernelTotal> totals = totalsByKernel(latency);
  auto colorOfKernel = [&](const CallLatency &call) {
    for (size_t i = 0; i < totals.size(); ++i)
      if (totals[i].kernel == call.kernel && totals[i].format == call.format)
        return absl::StrCat("k", std::min<size_t>(i, 7));
    return std::string("k7");
  };
  std::string out =
      absl::StrCat("<section>\n<h2>Where the time goes</h2>\n<p class=\"soft\">",
                   formatSeconds(latency.seconds), " for ", formatPlural(latency.tokens, "token"),
                   " on ", formatPlural(latency.threads, "thread"),
                   ", modelled, not measured. Every call in order, as wide as its time:</p>\n");
  Stack stack("Calls in order by their modelled time");
  for (const CallLatency &call : latency.calls)
    stack.add(share(call.seconds), colorOfKernel(call),
              absl::StrCat(call.name.empty() ? call.kernel : call.name, ": ",
                           formatSeconds(call.seconds), ", bound by ", keyOf(call.binds)));
  absl::StrAppend(&out, stack.finish(), kHeadOfTable, column("Kernel and weights", ""),
                  column("", "bar"), column("Time", "num"), column("Share", "num share"),
                  column("Calls", "num share"), "</tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < totals.size(); ++i) {
    const KernelTotal &total = totals[i];
    std::string color = absl::StrCat("k", std::min<size_t>(i, 7));
    std::string label = escapeHtml(total.kernel);
    if (!total.format.empty())
      absl::StrAppend(&label, " <span class=\"soft\">", escapeHtml(total.format), "</span>");
    absl::StrAppend(&out, "<tr><th scope=\"row\">", dotted(color, label), "</th><td class=\"bar\">",
                    barOf(totals.front().seconds > 0 ? total.seconds / totals.front().seconds : 0,
                          color, formatSeconds(total.seconds)),
                    "</td><td class=\"num\">", formatSeconds(total.seconds),
                    "</td><td class=\"num soft share\">",
                    escapeHtml(formatPercent(share(total.seconds))),
                    "</td><td class=\"num soft share\">", formatCount(total.calls), "</td></tr>\n");
  }
  out += "</tbody>\n</table>\n";

  constexpr size_t kCalls = 10;
  std::vector<const CallLatency *> slowest = slowestCalls(latency, kCalls);
  absl::StrAppend(&out, "<h3>The longest calls</h3>\n", kHeadOfTable, column("Call", ""),
                  column("", "bar"), column("Time", "num"), column("Bound by", "share"),
                  "</tr></thead>\n<tbody>\n");
  for (const CallLatency *call : slowest)
    absl::StrAppend(
        &out, "<tr><th scope=\"row\" class=\"name\">",
        breakable(call->name.empty() ? call->kernel : call->name), "</th><td class=\"bar\">",
        barOf(slowest.front()->seconds > 0 ? call->seconds / slowest.front()->seconds : 0,
              colorOfKernel(*call), call->kernel),
        "</td><td class=\"num\">", formatSeconds(call->seconds), "</td><td class=\"soft share\">",
        keyOf(call->binds), "</td></tr>\n");
  out += "</tbody>\n</table>\n";

  if (latency.points.size() > 1) {
    double longest = 0;
    for (const LatencyReport::Point &point : latency.points)
      longest = std::max(longest, point.seconds);
    absl::StrAppend(&out, "<h3>At other lengths</h3>\n<table class=\"bars\">\n<tbody>\n");
    for (const LatencyReport::Point &point : latency.points)
      absl::StrAppend(
          &out, "<tr><th scope=\"row\">", formatPlural(point.tokens, "token"),
          "</th><td class=\"bar\">",
          barOf(longest > 0 ? point.seconds / longest : 0, "accent", formatSeconds(point.seconds)),
          "</td><td class=\"num\">", formatSeconds(point.seconds), "</td></tr>\n");
    out += "</tbody>\n</table>\n";
  }
  if (!latency.assumptions.empty())
    absl::StrAppend(&out, "<p class=\"soft note\">Assumes ", escapeHtml(latency.assumptions),
                    ".</p>\n");
  return out + "</section>\n";
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

namespace {

struct TensorColumns {
  bool hasSnr = false, hasLoss = false;
  int64_t largest = 1;
};

/// Without its unit, which the column's title has.
std::string decibels(const std::optional<double> &value) {
  return value && std::isfinite(*value) ? absl::StrFormat("%.1f", *value) : "";
}

std::string rowOfTensor(const TensorReport &tensor, const TensorColumns &columns) {
  std::string format = escapeHtml(tensor.format);
  if (!tensor.sourceType.empty() && tensor.sourceType != tensor.format)
    format = absl::StrCat(escapeHtml(tensor.sourceType), " &rarr; ", format);
  std::string details = format;
  for (const std::string &detail : {tensor.algorithm, tensor.layout})
    if (!detail.empty())
      absl::StrAppend(&details, ", ", escapeHtml(detail));
  std::string out = absl::StrCat(
      "<tr><td class=\"name\">",
      dotted(colorOfFormat(tensor.format),
             absl::StrCat(breakable(tensor.name), "<small>", details, "</small>")),
      "</td><td class=\"num wide\">", escapeHtml(formatShape(tensor.shape)),
      "</td><td class=\"wide\"><span title=\"", escapeHtml(tensor.layout), "\">", format, "</span>",
      tensor.algorithm.empty()
          ? ""
          : absl::StrCat(" <span class=\"soft\">", escapeHtml(tensor.algorithm), "</span>"),
      "</td><td class=\"bar\">",
      barOf(static_cast<double>(tensor.bytes) / static_cast<double>(columns.largest),
            colorOfFormat(tensor.format), formatCount(tensor.bytes) + " B"),
      "</td><td class=\"num\">", formatBytes(tensor.bytes), "</td>");
  if (columns.hasSnr) {
    std::string title = absl::StrCat("of the weights ", formatDecibels(tensor.snr),
                                     ", of the layer's outputs ", formatDecibels(tensor.outputSnr));
    absl::StrAppend(&out, "<td class=\"num\" title=\"", escapeHtml(title), "\">",
                    decibels(tensor.snr), "</td>", "<td class=\"num wide\">",
                    decibels(tensor.outputSnr), "</td>");
  }
  if (columns.hasLoss)
    absl::StrAppend(&out, "<td class=\"num wide\" title=\"", escapeHtml(tensor.predictedDomain),
                    "\">", tensor.predictedLoss ? escapeHtml(formatNats(tensor.predictedLoss)) : "",
                    "</td>");
  return out + "</tr>\n";
}

} // namespace

std::string htmlOfTensors(const CompileReport &report) {
  if (report.tensors.empty())
    return "";
  TensorColumns columns;
  std::string matrices, vectors;
  int64_t count = 0, bytes = 0;
  for (const TensorReport &tensor : report.tensors) {
    columns.hasSnr |= tensor.snr.has_value();
    columns.hasLoss |= tensor.predictedLoss.has_value();
    columns.largest = std::max(columns.largest, tensor.bytes);
  }
  for (const TensorReport &tensor : report.tensors) {
    if (tensor.shape.size() > 1) {
      matrices += rowOfTensor(tensor, columns);
      continue;
    }
    vectors += rowOfTensor(tensor, columns);
    ++count;
    bytes += tensor.bytes;
  }
  std::string head =
      absl::StrCat("<table class=\"table tensors\">\n<thead><tr>", column("Name", ""),
                   column("Shape", "num wide"), column("Format", "wide"), column("", "bar"),
                   column("Bytes", "num"));
  if (columns.hasSnr)
    absl::StrAppend(&head, column("SNR, dB", "num"), column("of outputs", "num wide"));
  if (columns.hasLoss)
    absl::StrAppend(&head, column("Loss", "num wide"));
  absl::StrAppend(&head, "</tr></thead>\n<tbody>\n");
  std::string out = absl::StrCat(
      "<section>\n<h2>Tensors</h2>\n<p class=\"soft\">",
      formatPlural(report.tensors.size(), "tensor"), ", in the order of the file.",
      columns.hasSnr ? " SNR: of the stored values against the checkpoint's, and of what the layer "
                       "computes from the calibration texts."
                     : "",
      columns.hasLoss ? " Loss: the KL divergence that the format is predicted to cost in the "
                        "domain it costs most."
                      : "",
      "</p>\n");
  if (!matrices.empty())
    absl::StrAppend(&out, head, matrices, "</tbody>\n</table>\n");
  if (!vectors.empty())
    absl::StrAppend(&out, "<details", matrices.empty() ? " open" : "",
                    ">\n<summary>Biases, norms and other vectors: ", formatPlural(count, "tensor"),
                    ", ", formatBytes(bytes), "</summary>\n", head, vectors,
                    "</tbody>\n</table>\n</details>\n");
  return out + "</section>\n";
}

} // namespace gem::report
