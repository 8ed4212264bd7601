// Numbers, sizes, times and tables as people read them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Format.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "tools/common/Terminal.h"

namespace gem::tools {
namespace {

// Three significant digits of a value below 1000.
std::string ThreeDigits(double value) {
  if (value >= 99.95) return Format("%.0f", value);
  if (value >= 9.995) return Format("%.1f", value);
  return Format("%.2f", value);
}

// Columns of a cell, not counting its SGR sequences.
size_t CellWidth(const std::string& cell) {
  std::string plain;
  for (size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] == '\033') {
      while (i < cell.size() && cell[i] != 'm') ++i;
    } else {
      plain += cell[i];
    }
  }
  return DisplayWidth(plain);
}

}  // namespace

std::string Format(const char* format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, arguments);
  va_end(arguments);
  std::string out(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  if (size > 0) std::vsnprintf(out.data(), out.size() + 1, format, again);
  va_end(again);
  return out;
}

std::string FormatCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  // Rounding must not give "1000 kB".
  while (value >= 999.5 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  return ThreeDigits(value) + " " + units[unit];
}

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0)) return "-";
  if (seconds >= 119.5) {
    const auto whole = static_cast<uint64_t>(std::llround(seconds));
    if (whole >= 2 * 3600) {
      return Format("%llu h %02llu min", static_cast<unsigned long long>(whole / 3600),
                    static_cast<unsigned long long>(whole / 60 % 60));
    }
    return Format("%llu min %02llu s", static_cast<unsigned long long>(whole / 60),
                  static_cast<unsigned long long>(whole % 60));
  }
  if (seconds >= 0.9995) return ThreeDigits(seconds) + " s";
  if (seconds >= 0.9995e-3) return ThreeDigits(seconds * 1e3) + " ms";
  if (seconds >= 0.9995e-6) return ThreeDigits(seconds * 1e6) + " µs";
  return Format("%.0f ns", seconds * 1e9);
}

std::string FormatPercent(double share) {
  if (std::isnan(share)) return "-";
  if (share > 0 && share < 0.0005) return "<0.1 %";
  if (share < 1 && share >= 0.9995) return ">99.9 %";
  return Format("%.1f %%", share * 100);
}

std::string FormatBar(double share, size_t width) {
  const char* const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(share > 0)) return std::string(width, ' ');
  const auto filled =
      static_cast<size_t>(std::lround(std::min(share, 1.0) * 8 * static_cast<double>(width)));
  std::string bar;
  for (size_t i = 0; i < filled / 8; ++i) bar += "█";
  size_t columns = filled / 8;
  if (filled % 8 != 0) {
    bar += eighths[filled % 8];
    ++columns;
  }
  return bar + std::string(width - columns, ' ');
}

std::string FormatPlural(uint64_t count, std::string_view noun) {
  return FormatCount(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string Table::ToString(size_t indent) const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], CellWidth(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      const size_t padding = widths[i] - CellWidth(row[i]);
      const bool right = i < columns_.size() && columns_[i] == Align::kRight;
      if (right) line.append(padding, ' ');
      line += row[i];
      if (i + 1 == row.size()) break;
      if (!right) line.append(padding, ' ');
      line += "  ";
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

}  // namespace gem::tools
