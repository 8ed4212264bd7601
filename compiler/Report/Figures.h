// Numbers as people read them, and the parts of a model that figures are summed by.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_FIGURES_H
#define GEM_COMPILER_REPORT_FIGURES_H

#include "compiler/Report/CompileReport.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace gem::report {

/// "1,234,567".
std::string formatCount(int64_t count);
/// Decimal units, three significant digits: "999 B", "6.44 MB", "16.0 GB".
std::string formatBytes(int64_t bytes);
/// The same of a number without unit: "999", "45.1 M", "11.2 G".
std::string formatMagnitude(int64_t count);
/// A share of 1: "12.3 %"; "<0.1 %" and ">99.9 %" rather than a rounded end. 0 is
/// "0 %", and 1 "100 %".
std::string formatPercent(double share);
/// "1.02", with two digits after the point.
std::string formatFixed(double value, int digits);
/// "3.21 s", "120 ms", "4 min 05 s".
std::string formatSeconds(double seconds);
/// "8192 × 128"; "scalar" for an empty shape.
std::string formatShape(const std::vector<int64_t> &shape);
/// "1 text", "2 texts".
std::string formatPlural(int64_t count, std::string_view noun);

/// Columns a terminal needs: code points, since names and labels here are not CJK.
size_t displayWidth(std::string_view text);
/// `text` with "…" in its middle when it is wider than `width`: names of tensors are
/// told apart by both of their ends.
std::string shortenMiddle(std::string_view text, size_t width);
/// `text` with control characters, which a terminal obeys, and ill-formed UTF-8 as
/// U+FFFD.
std::string printable(std::string_view text);

/// The part of a model that a tensor, or a call named after one, belongs to.
enum class Part { Embeddings, Attention, FeedForward, Router, Scar, Head, Other };
inline constexpr size_t kNumParts = 7;

Part partOf(std::string_view name);
/// "Embeddings", "Encoder attention", ...
const char *nameOf(Part part);
/// "embeddings", "encoder_attention", ...: stable, for machines.
const char *keyOf(Part part);

/// Bytes of the tensors of each part.
std::array<int64_t, kNumParts> bytesByPart(const CompileReport &report);

/// What of the file is neither weights nor tokenizer: preamble, program and padding.
int64_t otherBytes(const CompileReport &report);

/// One line a fact, for people: {"Input", "at most 64 tokens"}.
struct Fact {
  std::string name, value;
};
std::vector<Fact> factsOf(const CompileReport &report);

/// {"encoder", "Encoder", macs}, in order.
struct MacsShare {
  const char *key, *name;
  int64_t macs;
};
std::array<MacsShare, 4> macsShares(const CompileReport &report);

} // namespace gem::report

namespace gem {
std::string renderText(const CompileReport &report, bool verbose, bool color);
std::string renderMarkdown(const CompileReport &report, bool verbose);
std::string renderJson(const CompileReport &report);
std::string renderHtml(const CompileReport &report);
} // namespace gem

#endif // GEM_COMPILER_REPORT_FIGURES_H
