// What the pages are written with: escaped text, bars, scales and plots.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_HTMLPARTS_H
#define GEM_COMPILER_REPORT_HTMLPARTS_H

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Charts are SVG without a view box: lengths in percent stretch with the page, those in
// pixels do not. Every chart says in words what it shows. Colours are names of the style
// sheet's variables ("c1", "accent"); arguments named `html` are markup already, all others
// are escaped.

namespace gem::report {

/// Text between tags and in quoted attributes.
std::string escapeHtml(std::string_view text);

/// "12.34%", for positions and widths. Always finite.
std::string percentOf(double share);

/// A name, escaped, that a narrow column breaks where its parts end.
std::string breakable(const std::string &name);

/// The page up to where its content begins, header included. `style` comes behind the
/// common style sheet.
std::string headOfPage(const std::string &title, const std::string &leadHtml,
                       const char *style = "");
/// The rest of it.
std::string footOfPage(const std::string &producer);

/// A tile of a list of class "cards". Empty when `value` is.
std::string cardOf(const std::string &name, const std::string &value,
                   const std::string &explanation);

/// A bar from the left, as long as `share` of the cell.
std::string barOf(double share, std::string_view color, const std::string &title);

/// Behind a dot.
std::string dotted(std::string_view color, const std::string &html);

/// The head of a column of class `kind`.
std::string column(const char *html, const char *kind);

/// A bar chart up to its columns.
inline constexpr char kHeadOfTable[] = "<table class=\"bars\">\n<thead><tr>";

/// One bar of several parts.
class Stack {
public:
  explicit Stack(const std::string &label);
  void add(double share, const std::string &color, const std::string &title);
  std::string finish() const;

private:
  std::string out;
  double at = 0;
};

/// An axis that begins and ends at round numbers.
struct Scale {
  double low = 0, high = 1;
  std::vector<double> ticks; ///< Equally spaced, `low` and `high` among them.
  int digits = 0;            ///< Behind the point, that tell the ticks apart.

  /// Where a value is: 0 at `low`, 1 at `high`; a bound when it is outside.
  double place(double value) const;
  std::string format(double tick) const;
};
/// Around the finite ones of some values, with about `ticks` ticks.
Scale makeScale(const std::vector<double> &values, int ticks = 5);

/// A point of a plot.
struct PlotPoint {
  double x = 0, y = 0;
  std::optional<std::pair<double, double>> range; ///< Of y.
  std::string color, label, title;                ///< The label: a few characters.
  bool isRing = false, isMarked = false;          ///< Of the baseline; of a front.
};

/// Points over two axes.
struct Plot {
  std::string description; ///< For who cannot see it.
  std::string xTitle, yTitle;
  std::vector<PlotPoint> points;
  bool joinsMarked = false;        ///< By a line, in the order of x.
  std::optional<double> reference; ///< A level of y to draw a line at.
};
/// Empty when no point is finite.
std::string htmlOfPlot(const Plot &plot);

} // namespace gem::report

#endif // GEM_COMPILER_REPORT_HTMLPARTS_H
