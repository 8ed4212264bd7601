// Texts that two files have in common.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/TextOverlap.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <array>
#include <cstring>
#include <unordered_map>

using namespace gem;

namespace {

using Hash = std::array<uint64_t, 2>;
struct FirstHalf {
  size_t operator()(const Hash &hash) const { return hash[0]; }
};

/// Lower case, words one space apart.
std::string normalized(const std::string &text) {
  std::string out;
  bool isSpace = false;
  for (char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      isSpace = !out.empty();
      continue;
    }
    if (isSpace)
      out += ' ';
    isSpace = false;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

/// 128 bits: two different texts that share them are not found by chance.
Hash hashOf(const std::string &text) {
  auto bytes = llvm::BLAKE3::hash<16>(llvm::arrayRefFromStringRef(normalized(text)));
  Hash hash;
  std::memcpy(hash.data(), bytes.data(), sizeof(hash));
  return hash;
}

/// The beginning of a text on one line.
std::string quoted(const std::string &text) {
  constexpr size_t kMost = 60; // bytes
  std::string out = normalized(text);
  if (out.size() <= kMost)
    return absl::StrCat("\"", out, "\"");
  size_t end = kMost;
  while (end > 0 && (out[end] & 0xC0) == 0x80) // within a character
    --end;
  return absl::StrCat("\"", out.substr(0, end), "…\"");
}

} // namespace

absl::StatusOr<TextOverlap> gem::findOverlap(const std::string &first, const std::string &second) {
  std::unordered_map<Hash, int64_t, FirstHalf> lineOf;
  absl::Status status = forEachTextOf(second, [&](const CalibrationText &text) {
    lineOf.emplace(hashOf(text.text), text.line);
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  TextOverlap overlap;
  status = forEachTextOf(first, [&](const CalibrationText &text) {
    ++overlap.texts;
    auto found = lineOf.find(hashOf(text.text));
    if (found == lineOf.end())
      return absl::OkStatus();
    if (overlap.shared++ == 0) {
      overlap.firstText = text.text;
      overlap.firstLine = text.line;
      overlap.secondLine = found->second;
    }
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  return overlap;
}

absl::Status gem::checkHeldOut(const GivenTexts &evaluation, const GivenTexts &seen) {
  absl::StatusOr<TextOverlap> overlap = findOverlap(evaluation.path, seen.path);
  if (!overlap.ok() || !overlap->shared)
    return overlap.status();
  return absl::FailedPreconditionError(absl::StrCat(
      evaluation.option, " judges on texts that the compression never saw, but ", overlap->shared,
      " of ", overlap->texts, " texts of '", evaluation.path, "' are in '", seen.path, "' of ",
      seen.option, " too, first line ", overlap->firstLine, ", its line ", overlap->secondLine,
      ": ", quoted(overlap->firstText), "; hold them back from one of the two"));
}
