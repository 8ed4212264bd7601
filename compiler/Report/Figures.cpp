// Numbers as people read them, and the parts of a model that figures are summed by.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/Figures.h"
#include "compiler/Report/BrittlenessWords.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace gem::report {

static constexpr char kReplacement[] = "\xEF\xBF\xBD"; // U+FFFD
static constexpr char kEllipsis[] = "…";

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Three significant digits of a value below 1000.
static std::string threeDigits(double value) {
  return absl::StrFormat("%.*f", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value);
}

/// `count` in the largest of `units`, each 1000 times the one before it, that leaves at
/// least one digit before the point.
template <size_t N>
static std::string scale(int64_t count, const char *const (&units)[N], const char *none) {
  if (count < 1000)
    return absl::StrCat(std::max<int64_t>(count, 0), none);
  double value = static_cast<double>(count) / 1000;
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < N; ++unit) // rounding must not give "1000 kB"
    value /= 1000;
  return absl::StrCat(threeDigits(value), " ", units[unit]);
}

std::string formatCount(int64_t count) {
  std::string digits = absl::StrCat(count);
  size_t first = count < 0 ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string formatBytes(int64_t bytes) {
  static constexpr const char *kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  return scale(bytes, kUnits, " B");
}

std::string formatMagnitude(int64_t count) {
  static constexpr const char *kUnits[] = {"k", "M", "G", "T", "P", "E"};
  return scale(count, kUnits, "");
}

std::string formatPercent(double share) {
  if (!std::isfinite(share))
    return "-";
  if (share == 0 || share == 1)
    return share == 0 ? "0 %" : "100 %";
  if (share > 0 && share < 0.0005)
    return "<0.1 %";
  if (share < 1 && share >= 0.9995)
    return ">99.9 %";
  return absl::StrFormat("%.1f %%", share * 100);
}

std::string formatFixed(double value, int digits) {
  return std::isfinite(value) ? absl::StrFormat("%.*f", digits, value) : "-";
}

std::string formatSeconds(double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds))
    return "-";
  if (seconds >= 119.5) {
    int64_t whole = std::llround(seconds);
    return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  }
  if (seconds >= 0.9995)
    return absl::StrCat(threeDigits(seconds), " s");
  if (seconds >= 0.9995e-3)
    return absl::StrCat(threeDigits(seconds * 1e3), " ms");
  return absl::StrFormat("%.0f µs", seconds * 1e6);
}

std::string formatDecibels(const std::optional<double> &value) {
  return value && std::isfinite(*value) ? absl::StrFormat("%.1f dB", *value) : "-";
}

std::string formatNats(const std::optional<double> &value) {
  if (!value || !std::isfinite(*value))
    return "-";
  if (*value > 0 && *value < 0.00005)
    return "<0.0001";
  return absl::StrFormat("%.4f", *value);
}

std::string formatPercent(const std::optional<double> &share) {
  return share ? formatPercent(*share) : "-";
}

std::string formatShape(const std::vector<int64_t> &shape) {
  return shape.empty() ? "scalar" : absl::StrJoin(shape, " × ");
}

std::string formatPlural(int64_t count, std::string_view noun) {
  return absl::StrCat(formatCount(count), " ", absl::string_view(noun.data(), noun.size()),
                      count == 1 ? "" : "s");
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static bool isContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

size_t displayWidth(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return !isContinuation(c); });
}

std::string shortenMiddle(std::string_view text, size_t width) {
  size_t columns = displayWidth(text);
  if (columns <= width || width == 0)
    return std::string(columns <= width ? text : "");
  size_t head = (width - 1) / 2, tail = width - 1 - head;
  size_t begin = 0, end = text.size();
  for (size_t taken = 0; begin < text.size(); ++begin)
    if (!isContinuation(text[begin]) && taken++ == head)
      break;
  for (size_t taken = 0; end > 0 && taken < tail;)
    if (!isContinuation(text[--end]))
      ++taken;
  return std::string(text.substr(0, begin)) + kEllipsis + std::string(text.substr(end));
}

/// Bytes of the well-formed character that `text` starts with (RFC 3629), or 0.
static size_t characterLength(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = at(0);
  if (first < 0x80)
    return 1;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || length > text.size())
    return 0;
  for (size_t i = 1; i < length; ++i)
    if (!isContinuation(text[i]))
      return 0;
  bool tooLong = (first == 0xE0 && at(1) < 0xA0) || (first == 0xF0 && at(1) < 0x90);
  bool noScalar = (first == 0xED && at(1) >= 0xA0) || (first == 0xF4 && at(1) >= 0x90);
  return tooLong || noScalar ? 0 : length;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t length = characterLength(text.substr(i));
    unsigned char first = text[i];
    bool isControl =
        first < 0x20 || first == 0x7F ||
        (first == 0xC2 && length == 2 && static_cast<unsigned char>(text[i + 1]) < 0xA0);
    if (length == 0 || isControl)
      out += kReplacement;
    else
      out.append(text, i, length);
    i += std::max<size_t>(length, 1);
  }
  return out;
}

//===----------------------------------------------------------------------===//
// Parts of a model
//===----------------------------------------------------------------------===//

Part partOf(std::string_view text) {
  absl::string_view name(text.data(), text.size());
  if (absl::StartsWith(name, "embeddings."))
    return Part::Embeddings;
  if (absl::StartsWith(name, "encoder."))
    return absl::StrContains(name, ".attention.") ? Part::Attention : Part::FeedForward;
  if (absl::StartsWith(name, "router"))
    return Part::Router;
  if (absl::StartsWith(name, "scar"))
    return Part::Scar;
  if (absl::StartsWith(name, "classifier") || absl::StartsWith(name, "pooler"))
    return Part::Head;
  return Part::Other;
}

static constexpr std::pair<const char *, const char *> kParts[kNumParts] = {
    {"embeddings", "Embeddings"},
    {"encoder_attention", "Encoder attention"},
    {"encoder_feed_forward", "Encoder feed-forward"},
    {"router", "Router"},
    {"scar", "SCAR"},
    {"head", "Head"},
    {"other", "Other"}};

const char *keyOf(Part part) { return kParts[static_cast<size_t>(part)].first; }
const char *nameOf(Part part) { return kParts[static_cast<size_t>(part)].second; }

std::array<int64_t, kNumParts> bytesByPart(const CompileReport &report) {
  std::array<int64_t, kNumParts> sums{};
  for (const TensorReport &tensor : report.tensors)
    sums[static_cast<size_t>(partOf(tensor.name))] += tensor.bytes;
  return sums;
}

std::vector<FormatTotal> totalsByFormat(const CompileReport &report) {
  std::vector<FormatTotal> totals;
  int64_t all = 0;
  for (const TensorReport &tensor : report.tensors) {
    auto found = std::find_if(totals.begin(), totals.end(), [&](const FormatTotal &total) {
      return total.format == tensor.format;
    });
    if (found == totals.end()) {
      totals.emplace_back().format = tensor.format;
      found = totals.end() - 1;
    }
    int64_t values = 1;
    for (int64_t extent : tensor.shape)
      values *= extent;
    ++found->tensors;
    found->values += values;
    found->bytes += tensor.bytes;
    all += tensor.bytes;
  }
  for (FormatTotal &total : totals)
    total.share = all ? static_cast<double>(total.bytes) / static_cast<double>(all) : 0;
  std::stable_sort(totals.begin(), totals.end(),
                   [](const FormatTotal &a, const FormatTotal &b) { return a.bytes > b.bytes; });
  return totals;
}

size_t colorOf(std::string_view text) {
  absl::string_view format(text.data(), text.size());
  static constexpr const char *kFamilies[] = {"f32", "f16", "int8", "int4", "int3", "int2"};
  for (size_t i = 0; i < std::size(kFamilies); ++i)
    if (absl::StartsWith(format, kFamilies[i]))
      return i;
  return format == "bf16" ? 1 : kNumFormatColors - 1;
}

int64_t weightBytes(const CompileReport &report) {
  if (report.weightBytes)
    return report.weightBytes;
  int64_t bytes = 0;
  for (const TensorReport &tensor : report.tensors)
    bytes += tensor.bytes;
  return bytes;
}

int64_t peakBytes(const CompileReport &report) {
  const MemoryReport &memory = report.memory;
  return weightBytes(report) + memory.arenaBytes + memory.sessionBytes + memory.bundleBytes +
         memory.tokenizerBytes;
}

std::vector<const CallLatency *> slowestCalls(const LatencyReport &latency, size_t count) {
  std::vector<const CallLatency *> calls;
  for (const CallLatency &call : latency.calls)
    calls.push_back(&call);
  std::stable_sort(calls.begin(), calls.end(), [](const CallLatency *a, const CallLatency *b) {
    return a->seconds > b->seconds;
  });
  calls.resize(std::min(calls.size(), count));
  return calls;
}

std::vector<KernelTotal> totalsByKernel(const LatencyReport &latency) {
  std::vector<KernelTotal> totals;
  for (const CallLatency &call : latency.calls) {
    auto found = std::find_if(totals.begin(), totals.end(), [&](const KernelTotal &total) {
      return total.kernel == call.kernel && total.format == call.format;
    });
    if (found == totals.end()) {
      totals.push_back({call.kernel, call.format});
      found = totals.end() - 1;
    }
    ++found->calls;
    found->seconds += call.seconds;
  }
  std::stable_sort(totals.begin(), totals.end(), [](const KernelTotal &a, const KernelTotal &b) {
    return a.seconds > b.seconds;
  });
  return totals;
}

std::string labelOf(const KernelTotal &total) {
  return total.format.empty() ? total.kernel : absl::StrCat(total.kernel, ", ", total.format);
}

const char *keyOf(Binds binds) {
  switch (binds) {
  case Binds::Compute:
    return "compute";
  case Binds::Bandwidth:
    return "bandwidth";
  case Binds::Overhead:
    break;
  }
  return "overhead";
}

std::vector<const DomainReport *> rowsOf(const EvaluationReport &evaluation) {
  std::vector<const DomainReport *> rows{&evaluation.overall};
  if (evaluation.domains.size() > 1)
    for (const DomainReport &domain : evaluation.domains)
      rows.push_back(&domain);
  return rows;
}

std::string nameOf(const EvaluationReport &evaluation, const DomainReport &row) {
  if (&row == &evaluation.overall)
    return "all texts";
  return row.domain.empty() ? "no domain" : row.domain;
}

int64_t otherBytes(const CompileReport &report) {
  return std::max<int64_t>(report.fileBytes - report.weightBytes - report.tokenizerBytes, 0);
}

std::array<MacsShare, 4> macsShares(const CompileReport &report) {
  const MacsReport &macs = report.macs;
  return {{{"encoder", "Encoder", macs.encoder},
           {"router", "Router", macs.router},
           {"scar", "SCAR", macs.scar},
           {"head", "Head", macs.head}}};
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

std::string nameOfKind(const std::string &kind) {
  static constexpr std::pair<const char *, const char *> kNames[] = {
      {"channels", "FFN channels"}, {"heads", "heads"},       {"head_channels", "channels a head"},
      {"scar_heads", "SCAR heads"}, {"block", "block"},       {"vocabulary", "word pieces"},
      {"positions", "positions"},   {"clusters", "clusters"}, {"classes", "classes"}};
  for (const auto &[key, name] : kNames)
    if (kind == key)
      return name;
  return kind;
}

std::string keptWork(const PruningReport &pruning) {
  std::string text =
      absl::StrCat(formatPercent(pruning.reached()), " of ", formatMagnitude(pruning.macsBefore),
                   " multiply-accumulates at ", formatPlural(pruning.tokens, "token"), " are left");
  if (pruning.target)
    absl::StrAppend(&text, ", ", formatPercent(*pruning.target), " were asked for");
  return text;
}

std::string stoppingFloor(const PruningReport &pruning) {
  if (pruning.stoppedBy.empty())
    return "";
  return absl::StrCat(
      "The floor of ", pruning.stoppedBy, " ended it: with more removed, ",
      formatRatio(pruning.stoppedRatio, pruning.stoppedInterval),
      " of its likelihood would be left",
      pruning.floor ? absl::StrCat(", ", formatFixed(*pruning.floor, 3), " is to be kept") : "",
      ".");
}

std::string formatRatio(const std::optional<double> &ratio,
                        const std::optional<Interval> &interval) {
  if (!ratio || !std::isfinite(*ratio))
    return "-";
  std::string text = formatFixed(*ratio, 3);
  if (interval && std::isfinite(interval->low) && std::isfinite(interval->high))
    absl::StrAppend(&text, " (", formatFixed(interval->low, 3), "–", formatFixed(interval->high, 3),
                    ")");
  return text;
}

std::vector<Fact> factsOf(const CompileReport &report) {
  std::vector<Fact> facts;
  auto add = [&](const char *name, std::string value) { facts.push_back({name, value}); };

  std::string model = absl::StrCat(formatCount(report.parameters), " parameters");
  auto extent = [&](int64_t count, std::string text) {
    if (count)
      absl::StrAppend(&model, ", ", text);
  };
  extent(report.numLayers, formatPlural(report.numLayers, "layer"));
  extent(report.hiddenSize, absl::StrCat("hidden size ", report.hiddenSize));
  extent(report.numHeads, formatPlural(report.numHeads, "head"));
  extent(report.numClasses, absl::StrCat(formatCount(report.numClasses), " classes"));
  extent(report.numClusters, formatPlural(report.numClusters, "cluster"));
  add("Model", model);
  if (!report.modelPath.empty())
    add("Source", absl::StrCat(report.modelPath, " (", report.sourceFormat, ")"));
  std::string device = report.device;
  if (!report.deviceIsa.empty() && report.deviceIsa != report.device)
    absl::StrAppend(&device, ", ", report.deviceIsa);
  if (report.deviceMemoryLimit)
    absl::StrAppend(&device, ", ", formatBytes(report.deviceMemoryLimit), " for an application");
  add("Device", device);
  add("Input", report.padded ? absl::StrCat("padded to ", report.sequence, " tokens")
                             : absl::StrCat("at most ", formatPlural(report.sequence, "token")));
  // What is refused before it is written has no size.
  std::string weights = report.quantize;
  if (report.bitsPerWeight() > 0)
    absl::StrAppend(&weights, ", ", formatFixed(report.bitsPerWeight(), 2),
                    " bits per parameter of the source");
  add("Weights", weights);
  if (report.fileBytes)
    add("File",
        absl::StrCat(formatBytes(report.fileBytes), ": weights ", formatBytes(report.weightBytes),
                     ", tokenizer ", formatBytes(report.tokenizerBytes), ", program ",
                     formatBytes(otherBytes(report))));
  const MemoryReport &memory = report.memory;
  add("Arena", absl::StrCat(formatBytes(memory.arenaBytes), ", ", formatFixed(memory.ratio(), 2),
                            " × the lower bound of ", formatBytes(memory.lowerBoundBytes), ", ",
                            formatPlural(memory.buffers.size(), "buffer"), ", ",
                            formatPlural(memory.numCalls, "call")));
  if (memory.sessionBytes)
    add("Memory",
        absl::StrCat(
            formatBytes(peakBytes(report)), ": weights ", formatBytes(weightBytes(report)),
            ", arena ", formatBytes(memory.arenaBytes), ", session ",
            formatBytes(memory.sessionBytes), ", open bundle ", formatBytes(memory.bundleBytes),
            memory.tokenizerBytes ? absl::StrCat(", tokenizer ", formatBytes(memory.tokenizerBytes))
                                  : ""));
  std::vector<std::string> shares;
  for (const MacsShare &share : macsShares(report))
    if (share.macs)
      shares.push_back(absl::StrCat(
          share.name, " ", formatPercent(static_cast<double>(share.macs) / report.macs.total())));
  add("Work", absl::StrCat(formatMagnitude(report.macs.total()), " multiply-accumulates at ",
                           formatPlural(report.sequence, "token"), shares.empty() ? "" : ": ",
                           absl::StrJoin(shares, ", ")));
  if (report.latency)
    add("Latency", absl::StrCat(formatSeconds(report.latency->seconds), " modelled at ",
                                formatPlural(report.latency->tokens, "token"), " on ",
                                formatPlural(report.latency->threads, "thread")));
  if (const auto &allocation = report.allocation) {
    std::vector<std::string> budget;
    auto used = [&](std::string taken, std::string limit) {
      budget.push_back(absl::StrCat(taken, " of ", limit));
    };
    if (allocation->budgetBytes)
      used(formatBytes(allocation->usedBytes), formatBytes(allocation->budgetBytes));
    if (allocation->budgetSeconds > 0)
      used(formatSeconds(allocation->usedSeconds), formatSeconds(allocation->budgetSeconds));
    if (allocation->gap)
      budget.push_back(
          *allocation->gap > 0
              ? absl::StrCat("within ", formatPercent(*allocation->gap), " of the best choice")
              : "the best choice");
    if (!budget.empty())
      add("Budget", absl::StrJoin(budget, ", "));
    if (allocation->worstLoss)
      add("Predicted",
          absl::StrCat("KL ", formatNats(allocation->worstLoss), " in the worst domain",
                       allocation->worstDomain.empty()
                           ? ""
                           : absl::StrCat(" (", allocation->worstDomain, ")"),
                       allocation->meanLoss
                           ? absl::StrCat(", ", formatNats(allocation->meanLoss), " in the mean")
                           : ""));
  }
  if (report.pruning) {
    std::string pruned = keptWork(*report.pruning);
    if (!report.pruning->stoppedBy.empty())
      absl::StrAppend(&pruned, "; stopped by the floor of ", report.pruning->stoppedBy);
    add("Pruned", pruned);
  }
  if (report.brittleness && !report.brittleness->models.empty()) {
    const ModelScores &now = report.brittleness->models.front();
    std::vector<std::string> figures;
    if (now.overall.accuracy && report.brittleness->baseline.overall.accuracy)
      figures.push_back(absl::StrCat("accuracy ",
                                     formatPercent(report.brittleness->baseline.overall.accuracy),
                                     " → ", formatPercent(now.overall.accuracy)));
    if (now.transfer)
      figures.push_back(absl::StrCat("CDTR ", formatFixed(now.transfer->mean, 3), ", lowest ",
                                     formatFixed(now.transfer->minimum, 3), " in ",
                                     nameOfDomain(now.transfer->minimumDomain)));
    figures.push_back(absl::StrCat("KL ", formatNats(now.overall.divergence), ", ",
                                   formatPlural(report.brittleness->texts, "text")));
    add("Quality", absl::StrJoin(figures, ", "));
  } else if (const auto &evaluation = report.evaluation) {
    const DomainReport &all = evaluation->overall;
    std::vector<std::string> figures;
    if (all.agreement)
      figures.push_back(absl::StrCat(
          formatPercent(all.agreement), " of ", formatPlural(all.texts, "text"),
          evaluation->isCalibration ? " of the calibration" : "", " answered as in f32"));
    if (all.divergence)
      figures.push_back(absl::StrCat("KL ", formatNats(all.divergence)));
    if (all.accuracyF32 && all.accuracy)
      figures.push_back(absl::StrCat("accuracy ", formatPercent(all.accuracyF32), " → ",
                                     formatPercent(all.accuracy)));
    if (!figures.empty())
      add("Quality", absl::StrJoin(figures, ", "));
  }
  if (!report.gates.empty()) {
    int64_t failed = std::count_if(report.gates.begin(), report.gates.end(),
                                   [](const GateReport &gate) { return gate.failed; });
    add("Gates", failed ? absl::StrCat(failed, " of ", report.gates.size(), " failed")
                        : absl::StrCat(report.gates.size(), " passed"));
  }
  if (report.calibrationTexts)
    add("Centroids", absl::StrCat("fitted on ", formatPlural(report.calibrationTexts, "text"), ", ",
                                  formatPlural(report.calibrationTokens, "token")));
  if (!report.dropped.empty()) {
    int64_t bytes = 0;
    for (const DroppedReport &tensor : report.dropped)
      bytes += tensor.bytes;
    add("Dropped",
        absl::StrCat(formatPlural(report.dropped.size(), "tensor"), ", ", formatBytes(bytes)));
  }
  double seconds = 0;
  for (const StageReport &stage : report.stages)
    seconds += stage.seconds;
  if (!report.stages.empty())
    add("Time", formatSeconds(seconds));
  if (!report.outputPath.empty())
    add("Written", report.outputPath);
  return facts;
}

} // namespace gem::report
