// How gem-bench shows what it measured: tables and JSON.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Report.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"

namespace gem::bench {
namespace {

using tools::Format;
using tools::Table;
using Json = nlohmann::ordered_json;

// Operations that are shown as one: those of a kernel, or of a weight format.
struct Group {
  std::string name;
  uint64_t operations = 0;
  double seconds = 0;
  uint64_t macs = 0, weight_bytes = 0;
  double peak_macs = 0;  // a second; 0: unknown
};

// What an operation's multiply-accumulates are made of.
double PeakOf(const Operation& operation, const Peaks& peaks) {
  return operation.kernel == "LINEAR_QUANTIZED" ? peaks.int8_macs : peaks.f32_macs;
}

// By the longest time.
std::vector<Group> GroupBy(const Configuration& configuration, const Peaks& peaks,
                           const std::function<std::string(const Operation&)>& key) {
  std::vector<Group> groups;
  for (const Operation& operation : configuration.operations) {
    const std::string name = key(operation);
    if (name.empty()) continue;
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& group) { return group.name == name; });
    if (found == groups.end()) {
      groups.push_back({name, 0, 0, 0, 0, PeakOf(operation, peaks)});
      found = groups.end() - 1;
    }
    ++found->operations;
    found->seconds += operation.seconds;
    found->macs += operation.macs;
    found->weight_bytes += operation.weight_bytes;
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.seconds > b.seconds; });
  return groups;
}

std::string KernelOf(const Operation& operation) { return operation.kernel; }

// Of the weights that operations compute with; a table of embeddings is looked up.
std::string FormatOf(const Operation& operation) {
  return operation.macs != 0 ? operation.format : "";
}

Peaks PeaksOf(const Results& results, uint32_t threads) {
  const auto found = results.peaks.find(threads);
  return found != results.peaks.end() ? found->second : Peaks();
}

// "85 %", or nothing when there is nothing to compare with.
std::string ShareText(double value, double whole) {
  return whole > 0 ? Format("%.0f %%", value / whole * 100) : "";
}

std::string Rate(double per_second) {
  return Format("%.*f", per_second < 1e11 ? 1 : 0, per_second * 1e-9);
}

std::string FileName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

class TextPage {
 public:
  TextPage(const Options& options, const Results& results)
      : options_(options),
        results_(results),
        color_(tools::UseColor(STDOUT_FILENO, options.common.color)) {}

  std::string Make() {
    Machine();
    if (results_.configurations.empty()) return std::move(out_);
    Overview();
    if (!options_.common.quiet) {
      for (const Configuration& configuration : results_.configurations) Breakdown(configuration);
    }
    return std::move(out_);
  }

 private:
  static constexpr auto kLeft = Table::Align::kLeft;
  static constexpr auto kRight = Table::Align::kRight;

  std::string Dim(const std::string& text) { return tools::Paint(color_, tools::kDim, text); }
  std::string Bold(const std::string& text) { return tools::Paint(color_, tools::kBold, text); }

  void Machine() {
    out_ += Bold("Machine") +
            Format(": %s, %s; kernels %s%s\n", tools::Printable(results_.processor).c_str(),
                   tools::FormatPlural(results_.processors, "processor").c_str(),
                   results_.isa.c_str(), results_.real_time ? "; real-time bursts" : "");
    Table table({kLeft, kRight, kRight, kRight});
    table.AddRow({Dim("peaks"), Dim("int8 GMAC/s"), Dim("f32 GMAC/s"), Dim("read GB/s")});
    for (const auto& [threads, peaks] : results_.peaks) {
      table.AddRow({tools::FormatPlural(threads, "thread"),
                    peaks.int8_macs > 0 ? Rate(peaks.int8_macs) : "-",
                    peaks.f32_macs > 0 ? Rate(peaks.f32_macs) : "-", Rate(peaks.read_bytes)});
    }
    out_ += table.ToString(2);
    if (!results_.int8_instruction.empty()) {
      out_ += "  " +
              Dim("of " + results_.int8_instruction + " and " + results_.f32_instruction +
                  " on registers, and of reading 256 MiB") +
              "\n";
    }
  }

  void Overview() {
    out_ += "\n";
    Table table({kLeft, kRight, kRight, kRight, kRight, kRight, kRight, kRight, kRight, kRight});
    std::vector<std::string> titles = {"bundle", "size",   "tokens", "threads", "median",
                                       "lowest", "spread", "runs",   "GMAC/s",  "peak memory"};
    for (std::string& title : titles) title = Dim(title);
    table.AddRow(titles);
    for (const Configuration& c : results_.configurations) {
      const Model& model = results_.models[c.model];
      const double median = c.Median();
      std::string memory = "?";
      if (c.cost.peak_bytes != 0) {
        memory = tools::FormatBytes(c.cost.peak_bytes);
      }
      table.AddRow({tools::Shorten(tools::Printable(FileName(model.path)), 30),
                    tools::FormatBytes(model.file_size), std::to_string(c.tokens),
                    std::to_string(c.threads), Bold(tools::FormatDuration(median)),
                    tools::FormatDuration(c.Lowest()),
                    Format("%.1f %%", (c.Quartile(3) - c.Quartile(1)) / median * 100),
                    tools::FormatCount(c.seconds.size()),
                    Rate(static_cast<double>(c.Macs()) / median), memory});
    }
    out_ += table.ToString();
    out_ += Dim("spread: between the quartiles, of the median; peak memory: of a process that "
                "loads the bundle and runs it") +
            "\n";
  }

  void Breakdown(const Configuration& c) {
    const Peaks peaks = PeaksOf(results_, c.threads);
    double sum = 0;
    for (const Operation& operation : c.operations) sum += operation.seconds;
    if (sum <= 0) return;
    out_ += "\n" + Bold(tools::Printable(FileName(results_.models[c.model].path))) +
            Format(", %s, %s: %s in operations\n", tools::FormatPlural(c.tokens, "token").c_str(),
                   tools::FormatPlural(c.threads, "thread").c_str(),
                   tools::FormatDuration(sum).c_str());
    Groups("kernel", GroupBy(c, peaks, KernelOf), sum, peaks);
    const std::vector<Group> formats = GroupBy(c, peaks, FormatOf);
    if (!formats.empty()) Groups("weights", formats, sum, peaks);
    if (!options_.per_op) return;
    std::vector<Group> operations;
    for (const Operation& operation : c.operations) {
      std::string name = operation.kernel;
      if (!operation.format.empty()) name += " " + operation.format;
      if (!operation.name.empty()) name += " " + tools::Printable(operation.name);
      operations.push_back({name, 1, operation.seconds, operation.macs, operation.weight_bytes,
                            PeakOf(operation, peaks)});
    }
    Groups("operation", operations, sum, peaks);
  }

  void Groups(const std::string& title, const std::vector<Group>& groups, double sum,
              const Peaks& peaks) {
    Table table({kLeft, kRight, kRight, kRight, kRight, kRight, kRight, kRight});
    std::vector<std::string> titles = {title,    "calls",   "time", "share",
                                       "GMAC/s", "of peak", "GB/s", "of reading"};
    for (std::string& each : titles) each = Dim(each);
    table.AddRow(titles);
    for (const Group& group : groups) {
      const double macs = static_cast<double>(group.macs) / group.seconds;
      const double bytes = static_cast<double>(group.weight_bytes) / group.seconds;
      const bool computes = group.macs != 0 && group.seconds > 0;
      const bool reads = group.weight_bytes != 0 && group.seconds > 0;
      table.AddRow({group.name, std::to_string(group.operations),
                    tools::FormatDuration(group.seconds), tools::FormatPercent(group.seconds / sum),
                    computes ? Rate(macs) : "", computes ? ShareText(macs, group.peak_macs) : "",
                    reads ? Rate(bytes) : "", reads ? ShareText(bytes, peaks.read_bytes) : ""});
    }
    out_ += table.ToString(2);
  }

  const Options& options_;
  const Results& results_;
  bool color_;
  std::string out_;
};

// --- JSON -------------------------------------------------------------------------

Json JsonOfGroups(const std::vector<Group>& groups, const char* key) {
  Json array = Json::array();
  for (const Group& group : groups) {
    array.push_back({{key, group.name},
                     {"operations", group.operations},
                     {"seconds", group.seconds},
                     {"macs", group.macs},
                     {"weight_bytes", group.weight_bytes}});
  }
  return array;
}

Json JsonOf(const Results& results, const Configuration& c) {
  const Peaks peaks = PeaksOf(results, c.threads);
  Json operations = Json::array();
  for (const Operation& operation : c.operations) {
    operations.push_back({{"kernel", operation.kernel},
                          {"name", operation.name},
                          {"format", operation.format},
                          {"seconds", operation.seconds},
                          {"macs", operation.macs},
                          {"weight_bytes", operation.weight_bytes}});
  }
  Json memory = nullptr;
  if (c.cost.peak_bytes != 0) memory = c.cost.peak_bytes;
  return {{"bundle", c.model},
          {"tokens", c.tokens},
          {"threads", c.threads},
          {"runs", c.seconds.size()},
          {"median_seconds", c.Median()},
          {"lowest_seconds", c.Lowest()},
          {"quartile_seconds", {c.Quartile(1), c.Quartile(3)}},
          {"macs", c.Macs()},
          {"session_bytes", c.session_bytes},
          {"peak_memory_bytes", memory},
          {"load_seconds", c.cost.load_seconds},
          {"first_run_seconds", c.cost.first_run_seconds},
          {"by_kernel", JsonOfGroups(GroupBy(c, peaks, KernelOf), "kernel")},
          {"by_format", JsonOfGroups(GroupBy(c, peaks, FormatOf), "format")},
          {"operations", operations}};
}

}  // namespace

std::string TextReport(const Options& options, const Results& results) {
  return TextPage(options, results).Make();
}

std::string JsonReport(const Results& results) {
  Json document = tools::MakeJsonDocument();
  document["machine"] = {{"processor", results.processor},
                         {"processors", results.processors},
                         {"isa", results.isa},
                         {"real_time", results.real_time},
                         {"int8_instruction", results.int8_instruction},
                         {"f32_instruction", results.f32_instruction}};
  Json peaks = Json::array();
  for (const auto& [threads, peak] : results.peaks) {
    peaks.push_back({{"threads", threads},
                     {"int8_macs_per_second", peak.int8_macs},
                     {"f32_macs_per_second", peak.f32_macs},
                     {"read_bytes_per_second", peak.read_bytes}});
  }
  document["peaks"] = std::move(peaks);
  if (results.configurations.empty()) return tools::DumpJson(document);
  Json bundles = Json::array();
  for (const Model& model : results.models) {
    bundles.push_back({{"path", model.path},
                       {"model", model.name},
                       {"architecture", model.architecture},
                       {"device", model.device},
                       {"parameters", model.parameters},
                       {"file_size", model.file_size},
                       {"cpu", model.cpu},
                       {"cpu_reason", model.cpu_reason}});
  }
  document["bundles"] = std::move(bundles);
  Json configurations = Json::array();
  for (const Configuration& configuration : results.configurations) {
    configurations.push_back(JsonOf(results, configuration));
  }
  document["configurations"] = std::move(configurations);
  return tools::DumpJson(document);
}

}  // namespace gem::bench
