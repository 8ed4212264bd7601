// Numbers, sizes, times and tables as people read them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_FORMAT_H
#define GEM_TOOLS_COMMON_FORMAT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gem::tools {

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...);

// "1,234,567".
std::string FormatCount(uint64_t count);

// Decimal units, three significant digits: "999 B", "6.44 MB", "16.0 GB".
std::string FormatBytes(uint64_t bytes);

// Three significant digits: "850 ns", "1.20 ms", "12.3 s", "4 min 05 s".
std::string FormatDuration(double seconds);

// A share of 1 as "12.3 %"; "<0.1 %" and ">99.9 %" rather than a rounded end.
std::string FormatPercent(double share);

// A bar of `width` columns, filled to the eighth of a column.
std::string FormatBar(double share, size_t width);

// "1 text", "2 texts": the plural adds an s.
std::string FormatPlural(uint64_t count, std::string_view noun);

// Rows of cells in aligned columns, two spaces apart. Numbers read better to the
// right, so a column can be. The last column is never padded.
class Table {
 public:
  enum class Align { kLeft, kRight };

  // `columns` may be shorter than the rows: further columns go left.
  explicit Table(std::vector<Align> columns = {}) : columns_(std::move(columns)) {}

  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // Each row as a line behind `indent` spaces. Cells may hold SGR sequences.
  std::string ToString(size_t indent = 0) const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_FORMAT_H
