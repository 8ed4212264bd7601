// What the terminal can show, and text that is safe to show on it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace gem::tools {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Decodes the character at text[i], moves i past it; U+FFFD for each maximal
// subpart of an ill-formed sequence.
char32_t Next(std::string_view text, size_t& i) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(i++);
  if (lead < 0x80) return lead;
  int more = 0;
  unsigned char low = 0x80, high = 0xBF;
  char32_t value = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
    value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    value = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    value = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return kReplacement;
  }
  for (; more > 0; --more) {
    if (i == text.size() || byte(i) < low || byte(i) > high) return kReplacement;
    value = value << 6 | (byte(i++) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return value;
}

bool InRanges(char32_t character, const char32_t (*ranges)[2], size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (character >= ranges[i][0] && character <= ranges[i][1]) return true;
  }
  return false;
}

// Characters that move the cursor, or reorder or hide what follows.
bool IsObeyed(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE007F);
}

// The common blocks of combining marks and invisible characters.
constexpr char32_t kZeroWidth[][2] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},  {0x064B, 0x065F}, {0x0900, 0x0902},
    {0x093C, 0x093C}, {0x0941, 0x0948}, {0x0E31, 0x0E31},  {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200D},  {0x20D0, 0x20FF}, {0x3099, 0x309A},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
// East Asian Wide and Fullwidth (UAX #11), and emoji.
constexpr char32_t kDoubleWidth[][2] = {{0x1100, 0x115F},   {0x231A, 0x231B},   {0x2E80, 0x303E},
                                        {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
                                        {0xA000, 0xA4CF},   {0xA960, 0xA97C},   {0xAC00, 0xD7A3},
                                        {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                                        {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
                                        {0x1F900, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD}};

size_t CharacterWidth(char32_t c) {
  if (c < 0x300) return 1;
  if (InRanges(c, kZeroWidth, std::size(kZeroWidth))) return 0;
  return InRanges(c, kDoubleWidth, std::size(kDoubleWidth)) ? 2 : 1;
}

}  // namespace

bool IsTerminal(int fd) { return isatty(fd) == 1; }

int TerminalWidth(int fd) {
  winsize size = {};
  int columns = 0;
  if (ioctl(fd, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  if (columns == 0) {
    if (const char* text = std::getenv("COLUMNS")) columns = std::atoi(text);
  }
  return columns <= 0 ? 80 : std::max(columns, 20);
}

bool UseColor(int fd, ColorMode mode) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return IsTerminal(fd) && term != nullptr && std::strcmp(term, "dumb") != 0;
}

std::string Paint(bool color, std::string_view style, std::string_view text) {
  if (!color || style.empty()) return std::string(text);
  std::string out = "\033[";
  out.append(style).append("m").append(text).append("\033[0m");
  return out;
}

std::string Printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t character = Next(text, i);
    if (character == '\t' || character == '\n' || character == '\r') {
      out += ' ';
    } else if (character == kReplacement || IsObeyed(character)) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text, begin, i - begin);
    }
  }
  return out;
}

std::string ReplaceIllFormedUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (Next(text, i) == kReplacement) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text, begin, i - begin);
    }
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) width += CharacterWidth(Next(text, i));
  return width;
}

std::string Shorten(std::string_view text, size_t width) {
  size_t columns = 0, cut = 0;
  for (size_t i = 0; i < text.size();) {
    columns += CharacterWidth(Next(text, i));
    if (columns > width) {
      return width == 0 ? std::string() : std::string(text.substr(0, cut)) + "…";
    }
    // The ellipsis takes a column of its own.
    if (columns < width) cut = i;
  }
  return std::string(text);
}

}  // namespace gem::tools
