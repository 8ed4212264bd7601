// Where the memory goes that a process needs to run a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/MemoryMap.h"
#include "absl/strings/str_cat.h"
#include "compiler/Report/Figures.h"
#include <algorithm>
#include <utility>

using namespace gem;
using namespace gem::report;

namespace {

/// Enough to see what makes the peak.
constexpr size_t kShownBuffers = 6;

/// The buffers alive at `call`, by offset; of those that share a place, since a call may write
/// over what it reads, the largest.
std::vector<const BufferReport *> aliveAt(const std::vector<BufferReport> &buffers, int64_t call) {
  std::vector<const BufferReport *> alive;
  for (const BufferReport &buffer : buffers)
    if (buffer.first <= call && call <= buffer.last)
      alive.push_back(&buffer);
  std::stable_sort(alive.begin(), alive.end(), [](const BufferReport *a, const BufferReport *b) {
    return std::pair(a->offset, -a->bytes) < std::pair(b->offset, -b->bytes);
  });
  auto end = std::unique(alive.begin(), alive.end(),
                         [](const BufferReport *kept, const BufferReport *buffer) {
                           return buffer->offset < kept->offset + kept->bytes;
                         });
  alive.erase(end, alive.end());
  return alive;
}

void findPeak(const std::vector<BufferReport> &buffers, MemoryMap &map) {
  // The most is alive where something begins to live.
  for (const BufferReport &start : buffers) {
    int64_t bytes = 0;
    for (const BufferReport *buffer : aliveAt(buffers, start.first))
      bytes += buffer->bytes;
    if (bytes > map.peakBytes || (bytes == map.peakBytes && start.first < map.peakCall)) {
      map.peakBytes = bytes;
      map.peakCall = start.first;
      map.peakName = start.name;
    }
  }
  for (const BufferReport *buffer : aliveAt(buffers, map.peakCall))
    map.peakBuffers.push_back(*buffer);
  std::stable_sort(map.peakBuffers.begin(), map.peakBuffers.end(),
                   [](const BufferReport &a, const BufferReport &b) { return a.bytes > b.bytes; });
}

std::string padded(const std::string &text, size_t width) {
  size_t has = displayWidth(text);
  return has < width ? text + std::string(width - has, ' ') : text;
}

std::string alignedRight(const std::string &text, size_t width) {
  size_t has = displayWidth(text);
  return has < width ? std::string(width - has, ' ') + text : text;
}

/// What would make it fit, as far as the figures tell.
std::vector<std::string> adviceFor(const CompileReport &report, const MemoryMap &map) {
  std::vector<std::string> advice;
  int64_t weights = weightBytes(report), arena = report.memory.arenaBytes;
  int64_t rest = map.totalBytes - arena;
  if (rest < map.limitBytes && report.sequence > 1 && arena > 0) {
    // Most buffers grow with the tokens, none faster.
    auto fitting = static_cast<int64_t>(static_cast<double>(report.sequence) *
                                        static_cast<double>(map.limitBytes - rest) /
                                        static_cast<double>(arena));
    if (fitting >= 8)
      advice.push_back(absl::StrCat("texts of fewer tokens: --sequence ", fitting,
                                    " makes the arena about ", formatBytes(map.limitBytes - rest)));
  }
  auto isNarrow = [&](const char *bits) { return report.quantize.rfind(bits, 0) == 0; };
  bool isFloat = report.quantize == "f32" || report.quantize == "f16";
  if (report.parameters > 0 && isFloat)
    advice.push_back(absl::StrCat("smaller weights: --quantize int8 takes about ",
                                  formatBytes(report.parameters), ", int4 about ",
                                  formatBytes(report.parameters * 9 / 16), " instead of ",
                                  formatBytes(weights)));
  else if (report.parameters > 0 && isNarrow("int8"))
    advice.push_back(absl::StrCat("smaller weights: --quantize int4 takes about ",
                                  formatBytes(report.parameters * 9 / 16), " instead of ",
                                  formatBytes(weights)));
  int64_t room = map.limitBytes - (map.totalBytes - weights);
  if (room > 0)
    advice.push_back(absl::StrCat("a budget for them: --quantize hybrid --max-size, or --prune-to; "
                                  "the weights may take ",
                                  formatBytes(room)));
  advice.push_back("a device with more memory, or a memory_limit of its profile that is nearer "
                   "to what the application gets");
  return advice;
}

} // namespace

MemoryMap gem::makeMemoryMap(const CompileReport &report) {
  const MemoryReport &memory = report.memory;
  MemoryMap map;
  map.limitBytes = report.deviceMemoryLimit;
  map.isComplete = memory.sessionBytes > 0;
  map.parts = {{"weights", weightBytes(report), "mapped from the file"},
               {"arena", memory.arenaBytes,
                absl::StrCat("what kernels compute, for ", report.padded ? "exactly " : "at most ",
                             formatPlural(report.sequence, "token"))}};
  if (map.isComplete) {
    map.parts.push_back({"session", memory.sessionBytes, "the program, made ready to run"});
    map.parts.push_back({"bundle", memory.bundleBytes, "the verified copy of the program"});
    if (memory.tokenizerBytes)
      map.parts.push_back({"tokenizer", memory.tokenizerBytes, "with its vocabulary"});
  }
  for (const MemoryPart &part : map.parts)
    map.totalBytes += part.bytes;
  findPeak(memory.buffers, map);
  return map;
}

std::string gem::renderMemoryMap(const MemoryMap &map) {
  std::vector<MemoryPart> rows = map.parts;
  rows.push_back({"total", map.totalBytes,
                  map.isComplete ? "" : "and what the runtime takes besides: some kilobytes"});
  if (map.limitBytes)
    rows.push_back({"limit", map.limitBytes, "what an application may use there"});
  std::string text;
  for (const MemoryPart &row : rows) {
    std::string line =
        absl::StrCat("  ", padded(row.name, 9), "  ", alignedRight(formatBytes(row.bytes), 8));
    text += row.note.empty() ? line + "\n" : absl::StrCat(line, "  ", row.note, "\n");
  }
  if (map.peakBuffers.empty())
    return text;
  absl::StrAppend(&text, "  the arena is fullest ",
                  map.peakCall == 0 ? std::string("when the inputs are set")
                                    : absl::StrCat("at call ", map.peakCall),
                  map.peakName.empty() ? "" : absl::StrCat(", ", printable(map.peakName)), ": ",
                  formatBytes(map.peakBytes), " in ",
                  formatPlural(map.peakBuffers.size(), "buffer"), "\n");
  for (size_t i = 0; i < std::min(map.peakBuffers.size(), kShownBuffers); ++i) {
    const BufferReport &buffer = map.peakBuffers[i];
    absl::StrAppend(&text, "    ", alignedRight(formatBytes(buffer.bytes), 8), "  ",
                    printable(shortenMiddle(buffer.name, 44)), ", calls ", buffer.first, " to ",
                    buffer.last, "\n");
  }
  if (map.peakBuffers.size() > kShownBuffers)
    absl::StrAppend(&text, "    and ", map.peakBuffers.size() - kShownBuffers, " more\n");
  return text;
}

std::string gem::explainMemory(const CompileReport &report) {
  MemoryMap map = makeMemoryMap(report);
  std::string text =
      absl::StrCat("the model does not fit ", report.device, ": expected it to take at most the ",
                   formatBytes(map.limitBytes), " that an application may use there, but it takes ",
                   map.isComplete ? "" : "at least ", formatBytes(map.totalBytes), ", ",
                   formatBytes(map.totalBytes - map.limitBytes), " too much\n",
                   renderMemoryMap(map), "  what helps:\n");
  for (const std::string &line : adviceFor(report, map))
    absl::StrAppend(&text, "    ", line, "\n");
  return text;
}
