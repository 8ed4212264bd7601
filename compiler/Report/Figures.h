// Numbers as people read them, and the parts of a model that figures are summed by.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_REPORT_FIGURES_H
#define GEM_COMPILER_REPORT_FIGURES_H

#include "compiler/Report/CompileReport.h"

#include <array>
#include <optional>
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
/// "32.1 dB"; "-" when it is not known.
std::string formatDecibels(const std::optional<double> &value);
/// A divergence, two significant digits: "0.0043", "<0.0001"; "-" when it is not known.
std::string formatNats(const std::optional<double> &value);
/// formatPercent(), or "-".
std::string formatPercent(const std::optional<double> &share);
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

/// The tensors that are stored in one format.
struct FormatTotal {
  std::string format;
  int64_t tensors = 0, values = 0, bytes = 0;
  double share = 0; ///< Of the bytes of all tensors.
  double bitsPerValue() const { return values ? 8.0 * bytes / values : 0; }
};
/// By bytes, the most first.
std::vector<FormatTotal> totalsByFormat(const CompileReport &report);

/// Where a format's colour is in the palette of formats, the finest first: 0 of f32, 2 of
/// int8 whatever its groups, 6 of what is no weight format.
inline constexpr size_t kNumFormatColors = 7;
size_t colorOf(std::string_view format);

/// Weights, arena and session at once: what a process that runs the model holds beside its
/// own code. The tokenizer is not in it.
int64_t peakBytes(const CompileReport &report);

/// The bytes of the weights: of the file when it was written, else of the tensors.
int64_t weightBytes(const CompileReport &report);

/// The calls that take longest, at most `count`, the longest first.
std::vector<const CallLatency *> slowestCalls(const LatencyReport &latency, size_t count);

/// The calls of one kernel and weight format.
struct KernelTotal {
  std::string kernel, format;
  int64_t calls = 0;
  double seconds = 0;
};
/// By time, the longest first.
std::vector<KernelTotal> totalsByKernel(const LatencyReport &latency);

/// "linear_quantized, int4g32"
std::string labelOf(const KernelTotal &total);

/// "compute", "bandwidth", "overhead"
const char *keyOf(Binds binds);

/// The domains, behind every text together where there are several.
std::vector<const DomainReport *> rowsOf(const EvaluationReport &evaluation);
/// "all texts", the domain, or "no domain".
std::string nameOf(const EvaluationReport &evaluation, const DomainReport &row);

/// "FFN channels", "heads", ...: what the entries of a pruned space are (PrunedSpace::kind).
std::string nameOfKind(const std::string &kind);
/// "49.8 % of 34.3 M multiply-accumulates at 64 tokens are left, 50 % were asked for"
std::string keptWork(const PruningReport &pruning);
/// Which floor ended the search, in a sentence; empty when none did.
std::string stoppingFloor(const PruningReport &pruning);
/// "0.973 (0.951–0.994)"; "-" when it is not known.
std::string formatRatio(const std::optional<double> &ratio,
                        const std::optional<Interval> &interval);

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
