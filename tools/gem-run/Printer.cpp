// How results look: to people, to line tools, as JSON.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Printer.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"

namespace gem::run {
namespace {

using tools::Format;

constexpr size_t kTopClasses = 3;
constexpr size_t kBarWidth = 20;
constexpr char kIndent[] = "  ";

// Foreground colours that read on dark and on light (of the 256 colours).
constexpr const char* kClusterColors[] = {"38;5;33", "38;5;208", "38;5;71", "38;5;169",
                                          "38;5;37", "38;5;136", "38;5;99", "38;5;160",
                                          "38;5;66", "38;5;133"};

// The values of a per-token output, without those of padding.
template <typename T>
std::pair<const T*, size_t> PerToken(const gem_tensor_t& tensor, size_t tokens) {
  return {static_cast<const T*>(tensor.data), std::min(tensor.size / sizeof(T), tokens)};
}

std::string JoinIds(const std::vector<int32_t>& ids) {
  std::string out;
  for (const int32_t id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
  return out;
}

// A long text's beginning is enough to show, and a 100 MB line need not be looked
// through.
std::string ShowText(const Item& item, size_t width) {
  if (!item.text) return tools::Shorten(JoinIds(item.ids), width);
  const std::string_view start = std::string_view(*item.text).substr(0, 4 * width + 4);
  return tools::Shorten(tools::Printable(start), width);
}

}  // namespace

Printer::Printer(const Model& model, const Options& options)
    : model_(model),
      options_(options),
      color_(tools::UseColor(STDOUT_FILENO, options.common.color)),
      width_(std::min<size_t>(static_cast<size_t>(tools::TerminalWidth(STDOUT_FILENO)), 100)) {}

std::string Printer::Print(const Item& item, const Result& result) {
  Score(item, result);
  switch (options_.format) {
    case OutputFormat::kHuman:
      return PrintHuman(item, result);
    case OutputFormat::kTabs:
      return PrintTabs(item, result);
    case OutputFormat::kJson:
      return PrintJson(item, result);
  }
  return "";
}

void Printer::Score(const Item& item, const Result& result) {
  if (!result.logits || std::holds_alternative<std::monostate>(item.label)) return;
  const std::optional<uint32_t> expected = model_.ClassOf(item.label);
  if (!expected) {
    if (unknown_++ == 0) {
      const auto* name = std::get_if<std::string>(&item.label);
      first_unknown_ = name != nullptr ? "'" + tools::Shorten(tools::Printable(*name), 40) + "'"
                                       : std::to_string(std::get<int64_t>(item.label));
      first_unknown_ += " at " + item.where;
    }
    return;
  }
  ++labelled_;
  if (*expected == result.label_index) ++correct_;
}

std::string Printer::Summary() const {
  std::string out;
  if (labelled_ != 0) {
    const double share = static_cast<double>(correct_) / static_cast<double>(labelled_);
    out += Format("accuracy %s (%s of %s)\n", tools::FormatPercent(share).c_str(),
                  tools::FormatCount(correct_).c_str(),
                  tools::FormatPlural(labelled_, "text").c_str());
  }
  if (unknown_ != 0) {
    out += Format("%s had a label that the model does not know, first %s\n",
                  tools::FormatPlural(unknown_, "text").c_str(), first_unknown_.c_str());
  }
  return out;
}

// --- people ---------------------------------------------------------------------

std::string Printer::PrintHuman(const Item& item, const Result& result) {
  std::string out = first_ ? "" : "\n";
  first_ = false;
  const std::string text = ShowText(item, width_);
  out += text.empty() ? tools::Paint(color_, tools::kDim, "(empty text)")
                      : tools::Paint(color_, tools::kBold, text);
  out += "\n";

  if (result.logits) {
    std::vector<uint32_t> classes(result.probabilities.size());
    std::iota(classes.begin(), classes.end(), 0u);
    const size_t shown = std::min(kTopClasses, classes.size());
    std::partial_sort(classes.begin(), classes.begin() + static_cast<std::ptrdiff_t>(shown),
                      classes.end(), [&](uint32_t a, uint32_t b) {
                        const double pa = result.probabilities[a], pb = result.probabilities[b];
                        return pa != pb ? pa > pb : a < b;
                      });
    tools::Table table({tools::Table::Align::kLeft, tools::Table::Align::kRight});
    for (size_t i = 0; i < shown; ++i) {
      const double probability = result.probabilities[classes[i]];
      const char* style = i == 0 ? "1;32" : "";
      table.AddRow({tools::Paint(color_, style, model_.LabelOrIndex(classes[i])),
                    tools::FormatPercent(probability),
                    tools::Paint(color_, i == 0 ? tools::kGreen : tools::kDim,
                                 tools::FormatBar(probability, kBarWidth))});
    }
    out += table.ToString(2);
  } else if (result.cls) {
    const auto [values, count] = PerToken<float>(*result.cls, SIZE_MAX);
    out += Format("%s[CLS] vector of %zu values:", kIndent, count);
    for (size_t i = 0; i < std::min<size_t>(count, 6); ++i) {
      out += Format(" %.4g", static_cast<double>(values[i]));
    }
    out += count > 6 ? " …\n" : "\n";
  }

  out += TokenLines(result);
  std::string facts = tools::FormatPlural(result.tokens.size(), "token");
  if (result.routed) {
    const auto [routed, count] = PerToken<uint8_t>(*result.routed, result.tokens.size());
    facts += Format(", %td routed", std::count(routed, routed + count, 1));
  }
  if (result.cluster) {
    const auto [cluster, count] = PerToken<int32_t>(*result.cluster, result.tokens.size());
    std::vector<int32_t> distinct(cluster, cluster + count);
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    facts += ", " + tools::FormatPlural(distinct.size(), "cluster");
  }
  facts += ", " + tools::FormatDuration(result.seconds);
  out += kIndent + tools::Paint(color_, tools::kDim, facts) + "\n";
  if (result.truncated) {
    out += kIndent +
           tools::Paint(color_, tools::kYellow,
                        Format("the text was longer: only its first %zu tokens were read",
                               result.tokens.size())) +
           "\n";
  }
  return out;
}

// The tokens, each with its cluster and whether it was routed: by colour and
// underlining, or as "piece/cluster*" without colour.
std::string Printer::TokenLines(const Result& result) const {
  if (!result.routed || !result.cluster) return "";
  const auto [routed, routed_count] = PerToken<uint8_t>(*result.routed, result.tokens.size());
  const auto [cluster, cluster_count] = PerToken<int32_t>(*result.cluster, result.tokens.size());
  const size_t count = std::min(routed_count, cluster_count);

  // Colours by first use, so that neighbours in a text rarely share one.
  std::map<int32_t, const char*> colors;
  std::vector<int32_t> order;
  for (size_t i = 0; i < count; ++i) {
    if (colors.emplace(cluster[i], kClusterColors[order.size() % std::size(kClusterColors)])
            .second) {
      order.push_back(cluster[i]);
    }
  }

  std::string out;
  size_t column = 0;
  const auto add = [&](const std::string& shown, size_t columns) {
    if (column != 0 && column + 1 + columns > width_) {
      out += "\n";
      column = 0;
    }
    out += column == 0 ? std::string(kIndent) : std::string(" ");
    column += (column == 0 ? 2 : 1) + columns;
    out += shown;
  };
  for (size_t i = 0; i < count; ++i) {
    std::string piece = model_.Piece(result.tokens[i]);
    if (!color_) piece += "/" + std::to_string(cluster[i]) + (routed[i] != 0 ? "*" : "");
    const std::string style = std::string(colors[cluster[i]]) + (routed[i] != 0 ? ";1;4" : "");
    add(tools::Paint(color_, style, piece), tools::DisplayWidth(piece));
  }
  out += "\n";
  column = 0;
  if (!color_) return out + kIndent + "(piece/cluster, * routed)\n";

  add(tools::Paint(true, tools::kDim, "clusters"), 8);
  for (const int32_t id : order) {
    const std::string name = std::to_string(id);
    add(tools::Paint(true, colors[id], name), name.size());
  }
  add(tools::Paint(true, "1;4", "routed"), 6);
  return out + "\n";
}

// --- line tools -------------------------------------------------------------------

std::string Printer::PrintTabs(const Item& item, const Result& result) const {
  std::string out;
  if (result.logits) {
    const char* label = model_.Label(result.label_index);
    out += label != nullptr ? tools::Printable(label) : std::to_string(result.label_index);
    out += Format("\t%.6f\t", result.probabilities[result.label_index]);
  } else if (result.cls) {
    const auto [values, count] = PerToken<float>(*result.cls, SIZE_MAX);
    for (size_t i = 0; i < count; ++i) {
      if (i != 0) out += ' ';
      tools::AppendJsonNumber(&out, values[i]);
    }
    out += '\t';
  }
  out += item.text ? tools::Printable(*item.text) : JoinIds(item.ids);
  return out + "\n";
}

// --- JSON -------------------------------------------------------------------------

std::string Printer::PrintJson(const Item& item, const Result& result) const {
  tools::JsonLine line;
  line.Add("tokens", result.tokens.data(), result.tokens.size());
  line.Add("truncated", result.truncated);
  if (result.logits) {
    const auto [logits, count] = PerToken<float>(*result.logits, SIZE_MAX);
    line.Add("logits", logits, count);
    const char* label = model_.Label(result.label_index);
    if (label != nullptr) {
      line.Add("label", label);
    } else {
      line.AddNull("label");
    }
    line.Add("label_index", result.label_index);
    line.Add("probability", result.probabilities[result.label_index]);
  }
  if (result.routed) {
    const auto [routed, count] = PerToken<uint8_t>(*result.routed, result.tokens.size());
    line.Add("routed", routed, count);
  }
  if (result.cluster) {
    const auto [cluster, count] = PerToken<int32_t>(*result.cluster, result.tokens.size());
    line.Add("cluster", cluster, count);
  }
  if (result.cls) {
    const auto [cls, count] = PerToken<float>(*result.cls, SIZE_MAX);
    line.Add("cls", cls, count);
  }
  if (options_.hidden_states && result.hidden_states) {
    const gem_tensor_t& tensor = *result.hidden_states;
    const size_t columns = tensor.dims[tensor.rank - 1];
    const size_t rows =
        std::min<size_t>(tensor.size / sizeof(float) / columns, result.tokens.size());
    line.Add("hidden_states", static_cast<const float*>(tensor.data), rows, columns);
  }
  line.Add("micros", static_cast<int64_t>(std::llround(result.seconds * 1e6)));
  if (!item.json.empty()) line.AddRaw("input", item.json);
  return std::move(line).Finish();
}

}  // namespace gem::run
