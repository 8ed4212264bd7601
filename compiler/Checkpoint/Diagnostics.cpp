// Collecting problems and printing what hostile files contain.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Diagnostics.h"

#include "absl/strings/str_cat.h"

namespace gem::checkpoint {

/// Length of the valid UTF-8 sequence at the start of `text`, or 0.
static size_t utf8SequenceLength(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 0 || lead > 0xF4 || length > text.size())
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  // Overlong forms, surrogates and code points past U+10FFFF.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F))
    return 0;
  return length;
}

bool isValidUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8SequenceLength(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text, size_t limit) {
  static const char hexDigits[] = "0123456789abcdef";
  std::string result;
  size_t position = 0;
  while (position < text.size() && position < limit) {
    unsigned char byte = static_cast<unsigned char>(text[position]);
    size_t length = utf8SequenceLength(text.substr(position));
    // C1 controls (U+0080..U+009F) can drive a terminal too.
    bool control =
        byte < 0x20 || byte == 0x7F ||
        (length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[position + 1]) < 0xA0);
    if (length == 0 || control) {
      result += "\\x";
      result += hexDigits[byte >> 4];
      result += hexDigits[byte & 15];
      position += 1;
      continue;
    }
    result.append(text.substr(position, length));
    position += length;
  }
  if (position < text.size())
    result += "...";
  return result;
}

std::string quote(std::string_view text, size_t limit) {
  return absl::StrCat("'", printable(text, limit), "'");
}

absl::Status Problems::toStatus(const std::string &headline) const {
  if (total == 0)
    return absl::OkStatus();
  if (total == 1)
    return absl::InvalidArgumentError(absl::StrCat(headline, ": ", lines.front()));
  std::string message = absl::StrCat(headline, " (", total, " problems):");
  for (const std::string &line : lines)
    absl::StrAppend(&message, "\n  ", line);
  if (total > lines.size())
    absl::StrAppend(&message, "\n  and ", total - lines.size(), " more");
  return absl::InvalidArgumentError(message);
}

} // namespace gem::checkpoint
