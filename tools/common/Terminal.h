// What the terminal can show, and text that is safe to show on it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_TERMINAL_H
#define GEM_TOOLS_COMMON_TERMINAL_H

#include <cstddef>
#include <string>
#include <string_view>

namespace gem::tools {

bool IsTerminal(int fd);

// Columns of the terminal on `fd`: what it says, else $COLUMNS, else 80. At least
// 20.
int TerminalWidth(int fd);

enum class ColorMode { kAuto, kAlways, kNever };

// Whether to colour what goes to `fd`. kAuto: on a terminal that is not "dumb",
// unless NO_COLOR (https://no-color.org) is set and not empty.
bool UseColor(int fd, ColorMode mode);

// Select Graphic Rendition parameters (ECMA-48).
inline constexpr const char* kBold = "1";
inline constexpr const char* kDim = "2";
inline constexpr const char* kUnderline = "4";
inline constexpr const char* kRed = "31";
inline constexpr const char* kGreen = "32";
inline constexpr const char* kYellow = "33";
inline constexpr const char* kCyan = "36";

// `text` in `style` (SGR parameters; several with ";"), plain when `color` is off.
std::string Paint(bool color, std::string_view style, std::string_view text);

// `text` as one line that a terminal only shows and never obeys: white space as
// a space, other control and bidirectional formatting characters and ill-formed
// bytes as U+FFFD.
std::string Printable(std::string_view text);

// `text` with ill-formed UTF-8 as U+FFFD for each maximal subpart.
std::string ReplaceIllFormedUtf8(std::string_view text);

// Columns of `text`, which has no escape sequences: 0 for combining marks, 2 for
// wide East Asian characters and emoji, 1 for others.
size_t DisplayWidth(std::string_view text);

// `text` cut to at most `width` columns, with "…" at its end where it was cut.
std::string Shorten(std::string_view text, size_t width);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_TERMINAL_H
