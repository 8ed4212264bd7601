// What the pages are written with: escaped text, bars, scales and plots.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/HtmlParts.h"
#include "compiler/Report/Figures.h"
#include "compiler/Report/HtmlStyle.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

#include <algorithm>
#include <cmath>

namespace gem::report {

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string escapeHtml(std::string_view text) {
  std::string out;
  for (char c : printable(text)) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    case '\'':
      out += "&#39;";
      break;
    default:
      out += c;
    }
  }
  return out;
}

std::string percentOf(double share) {
  // A NaN too becomes a bound.
  return absl::StrFormat("%.3f%%", 100 * (share > 0 ? std::min(share, 1.0) : 0.0));
}

std::string breakable(const std::string &name) {
  return absl::StrReplaceAll(escapeHtml(name), {{".", ".<wbr>"}, {"_", "_<wbr>"}});
}

std::string headOfPage(const std::string &title, const std::string &leadHtml, const char *style) {
  std::string escaped = escapeHtml(title);
  return absl::StrCat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
                      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>", escaped,
                      "</title>\n<style>", kHtmlStyle, style,
                      "</style>\n</head>\n<body>\n<header>\n<h1>", escaped, "</h1>\n",
                      "<div class=\"lead\">", leadHtml, "</div>\n</header>\n");
}

std::string footOfPage(const std::string &producer) {
  return absl::StrCat("<footer>", escapeHtml(producer), "</footer>\n</body>\n</html>\n");
}

std::string cardOf(const std::string &name, const std::string &value,
                   const std::string &explanation) {
  if (value.empty())
    return "";
  return absl::StrCat("<div class=\"card\"><dt>", escapeHtml(name), "</dt><dd>", escapeHtml(value),
                      "</dd><dd>", escapeHtml(explanation), "</dd></div>\n");
}

//===----------------------------------------------------------------------===//
// Bars
//===----------------------------------------------------------------------===//

static absl::string_view viewOf(std::string_view text) { return {text.data(), text.size()}; }

std::string barOf(double share, std::string_view color, const std::string &title) {
  return absl::StrCat("<svg class=\"chart\" width=\"100%\" height=\"12\" role=\"img\"><rect "
                      "class=\"track\" width=\"100%\" height=\"12\" rx=\"3\"/><rect width=\"",
                      percentOf(share), "\" height=\"12\" rx=\"3\" style=\"fill:var(--",
                      viewOf(color), ")\"/><title>", escapeHtml(title), "</title></svg>");
}

std::string dotted(std::string_view color, const std::string &html) {
  return absl::StrCat("<div class=\"key\"><span class=\"dot\" style=\"background:var(--",
                      viewOf(color), ")\"></span><span>", html, "</span></div>");
}

std::string column(const char *html, const char *kind) {
  return absl::StrCat("<th scope=\"col\" class=\"", kind, "\">", html, "</th>");
}

Stack::Stack(const std::string &label)
    : out(absl::StrCat("<svg class=\"chart whole\" width=\"100%\" height=\"28\" role=\"img\" "
                       "aria-label=\"",
                       escapeHtml(label), "\">")) {}

void Stack::add(double share, const std::string &color, const std::string &title) {
  absl::StrAppend(&out, "<rect x=\"", percentOf(at), "\" width=\"", percentOf(share),
                  "\" height=\"28\" style=\"fill:var(--", color, ")\"><title>", escapeHtml(title),
                  "</title></rect>");
  at += share;
}

std::string Stack::finish() const { return out + "</svg>\n"; }

//===----------------------------------------------------------------------===//
// Plots
//===----------------------------------------------------------------------===//

double Scale::place(double value) const {
  double share = (value - low) / (high - low);
  return share > 0 ? std::min(share, 1.0) : 0;
}

std::string Scale::format(double tick) const {
  return absl::StrFormat("%.*f", digits, tick == 0 ? 0.0 : tick); // no -0
}

Scale makeScale(const std::vector<double> &values, int ticks) {
  double low = INFINITY, high = -INFINITY;
  for (double value : values) {
    if (!std::isfinite(value))
      continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (!(low <= high))
    low = 0, high = 1;
  // One value alone, or values that differ by noise, do not fill the page.
  double least = std::max(std::abs(high), std::abs(low)) * 1e-3;
  if (high - low < std::max(least, 1e-9)) {
    double around = std::max(least, 1e-3);
    low -= around;
    high += around;
  }
  double rough = (high - low) / std::max(ticks - 1, 1);
  double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double factor : {1.0, 2.0, 2.5, 5.0})
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  Scale scale;
  int64_t first = static_cast<int64_t>(std::floor(low / step + 1e-9));
  int64_t last = static_cast<int64_t>(std::ceil(high / step - 1e-9));
  last = std::max(last, first + 1);
  for (int64_t i = first; i <= last; ++i)
    scale.ticks.push_back(static_cast<double>(i) * step);
  scale.low = scale.ticks.front();
  scale.high = scale.ticks.back();
  scale.digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  if (std::abs(step * std::pow(10, scale.digits) - std::round(step * std::pow(10, scale.digits))) >
      1e-6)
    ++scale.digits; // steps of 2.5
  return scale;
}

static std::string lineOf(const char *kind, double x1, double y1, double x2, double y2) {
  return absl::StrCat("<line class=\"", kind, "\" x1=\"", percentOf(x1), "\" y1=\"", percentOf(y1),
                      "\" x2=\"", percentOf(x2), "\" y2=\"", percentOf(y2), "\"/>");
}

std::string htmlOfPlot(const Plot &plot) {
  std::vector<double> xs, ys;
  std::vector<const PlotPoint *> points;
  for (const PlotPoint &point : plot.points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y))
      continue;
    points.push_back(&point);
    xs.push_back(point.x);
    ys.push_back(point.y);
    if (point.range) {
      ys.push_back(point.range->first);
      ys.push_back(point.range->second);
    }
  }
  if (points.empty())
    return "";
  if (plot.reference)
    ys.push_back(*plot.reference);
  Scale x = makeScale(xs), y = makeScale(ys);
  std::string out =
      absl::StrCat("<figure class=\"scatter\">\n<div class=\"ytitle\">", escapeHtml(plot.yTitle),
                   "</div>\n<div class=\"area\">\n<div class=\"y\" aria-hidden=\"true\">");
  // The widest gives the column its width, the others lie where they belong.
  std::string widest;
  for (double tick : y.ticks) {
    std::string text = y.format(tick);
    if (text.size() > widest.size())
      widest = text;
    absl::StrAppend(&out, "<span style=\"top:", percentOf(1 - y.place(tick)), "\">", text,
                    "</span>");
  }
  absl::StrAppend(&out, "<b>", widest,
                  "</b></div>\n<svg class=\"plot\" width=\"100%\" height=\"100%\" role=\"img\" "
                  "aria-label=\"",
                  escapeHtml(plot.description), "\">\n");
  for (double tick : x.ticks)
    out += lineOf("grid", x.place(tick), 0, x.place(tick), 1);
  for (double tick : y.ticks)
    out += lineOf("grid", 0, 1 - y.place(tick), 1, 1 - y.place(tick));
  if (plot.reference && std::isfinite(*plot.reference))
    out += lineOf("level", 0, 1 - y.place(*plot.reference), 1, 1 - y.place(*plot.reference));
  if (plot.joinsMarked) {
    std::vector<const PlotPoint *> front;
    for (const PlotPoint *point : points)
      if (point->isMarked)
        front.push_back(point);
    std::stable_sort(front.begin(), front.end(),
                     [](const PlotPoint *a, const PlotPoint *b) { return a->x < b->x; });
    for (size_t i = 1; i < front.size(); ++i)
      out += lineOf("front", x.place(front[i - 1]->x), 1 - y.place(front[i - 1]->y),
                    x.place(front[i]->x), 1 - y.place(front[i]->y));
  }
  out += "\n";
  for (const PlotPoint *point : points) {
    double px = x.place(point->x), py = 1 - y.place(point->y);
    absl::StrAppend(&out, "<g style=\"color:var(--", point->color, ")\"><title>",
                    escapeHtml(point->title), "</title>");
    if (point->range && std::isfinite(point->range->first) && std::isfinite(point->range->second))
      out += lineOf("whisker", px, 1 - y.place(point->range->first), px,
                    1 - y.place(point->range->second));
    bool hasLabel = !point->label.empty();
    absl::StrAppend(&out, "<circle class=\"", point->isRing ? "ring" : "dot", "\" cx=\"",
                    percentOf(px), "\" cy=\"", percentOf(py), "\" r=\"", hasLabel ? 9 : 6, "\"/>");
    if (point->isMarked)
      absl::StrAppend(&out, "<circle class=\"halo\" cx=\"", percentOf(px), "\" cy=\"",
                      percentOf(py), "\" r=\"12.5\"/>");
    if (hasLabel)
      absl::StrAppend(&out, "<text x=\"", percentOf(px), "\" y=\"", percentOf(py), "\" dy=\"4\"",
                      point->isRing ? " class=\"on\"" : "", ">", escapeHtml(point->label),
                      "</text>");
    out += "</g>\n";
  }
  out += "</svg>\n<div class=\"x\" aria-hidden=\"true\">";
  for (double tick : x.ticks)
    absl::StrAppend(&out, "<span style=\"left:", percentOf(x.place(tick)), "\">", x.format(tick),
                    "</span>");
  return absl::StrCat(out, "</div>\n</div>\n<div class=\"xtitle\">", escapeHtml(plot.xTitle),
                      "</div>\n</figure>\n");
}

} // namespace gem::report
