// Writes a measured machine as a device profile.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Protobuf's text format by hand: gem-bench needs only the runtime. A test reads it back
// with the compiler's parser.
#include <algorithm>
#include <cmath>

#include "tools/common/CommandLine.h"
#include "tools/common/Format.h"
#include "tools/gem-bench/DeviceProfiler.h"

namespace gem::bench {
namespace {

using tools::Format;

// Four significant digits, and no exponent where none is needed.
std::string Number(double value) {
  if (value == 0) return "0";
  const double magnitude = std::floor(std::log10(std::abs(value)));
  if (magnitude >= 6 || magnitude < -4) return Format("%.4g", value);
  const int decimals = std::max(0, 3 - static_cast<int>(magnitude));
  std::string text = Format("%.*f", decimals, value);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

// As a string of the text format.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
  }
  return quoted + "\"";
}

class Writer {
 public:
  void Line(const std::string& text) { out_ += std::string(indent_, ' ') + text + "\n"; }
  void Field(const char* name, const std::string& value) { Line(std::string(name) + ": " + value); }
  void Field(const char* name, double value) { Field(name, Number(value)); }
  void Bytes(const char* name, uint64_t value) { Field(name, std::to_string(value)); }
  void Open(const char* name) {
    Line(std::string(name) + " {");
    indent_ += 2;
  }
  void Close() {
    indent_ -= 2;
    Line("}");
  }
  std::string& text() { return out_; }

 private:
  std::string out_;
  size_t indent_ = 0;
};

// " name: 1.5", or nothing for what was not measured.
std::string Optional(const char* name, double value) {
  return value > 0 ? std::string(" ") + name + ": " + Number(value) : "";
}

std::string Named(const char* name, const std::string& value) {
  return value.empty() ? "" : std::string(" ") + name + ": " + Quoted(value);
}

}  // namespace

std::string DeviceNameOf(const std::string& path) {
  std::string stem = path.substr(path.find_last_of('/') + 1);
  stem = stem.substr(0, stem.find('.'));
  std::string name;
  for (const char c : stem) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool known = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (known || upper) {
      name += static_cast<char>(upper ? c - 'A' + 'a' : c);
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, 64);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "measured" : name;
}

std::string DeviceProfileText(const MeasuredDevice& device, const std::string& name) {
  Writer w;
  w.Line("# proto-file: targets/devices/device_profile.proto");
  w.Line("# proto-message: gem.devices.DeviceProfile");
  w.Line("");
  w.Field("name", Quoted(name));
  w.Field("description", Quoted(device.processor + ", measured with the kernels " + device.cpu));
  w.Field("isa", Quoted(device.isa));
  w.Bytes("memory_limit", device.memory_available);
  w.Open("clusters");
  w.Field("name", Quoted(device.processor));
  w.Field("count", std::to_string(device.processors));
  w.Field("clock_hz", device.clock_hz);
  std::string features;
  for (const std::string& feature : device.features) {
    features += (features.empty() ? "" : ", ") + Quoted(feature);
  }
  w.Field("features", "[" + features + "]");
  for (const MeasuredRate& rate : device.rates) {
    std::string line = "rates { format: " + Quoted(rate.format) + Named("kernel", rate.kernel);
    if (rate.tokens != 0) line += " tokens: " + std::to_string(rate.tokens);
    w.Line(line + Optional("macs_per_cycle", rate.own) +
           Optional("cache_macs_per_cycle", rate.cache) +
           Optional("memory_macs_per_cycle", rate.memory) + " }");
  }
  for (const MeasuredKernel& kernel : device.kernels) {
    w.Line("kernels { kernel: " + Quoted(kernel.kernel) + Named("format", kernel.format) +
           Optional("operations_per_cycle", kernel.operations_per_cycle) +
           Optional("cycles_per_output", kernel.cycles_per_output) +
           Optional("cycles_per_unit", kernel.cycles_per_unit) + " }");
  }
  w.Field("operations_per_cycle", device.operations_per_cycle);
  w.Bytes("l1_bytes", device.l1_bytes);
  w.Bytes("l2_bytes", device.l2_bytes);
  w.Field("cache_bytes_per_cycle", device.cache_bytes_per_cycle);
  w.Close();
  w.Field("memory_bandwidth_core", device.memory_bandwidth_core);
  w.Field("memory_bandwidth", device.memory_bandwidth);
  w.Bytes("l3_bytes", device.l3_bytes);
  w.Field("per_call_seconds", device.per_call_seconds);
  w.Field("fork_join_seconds", device.fork_join_seconds);
  w.Field("threads", std::to_string(device.threads));
  const std::string measured = "measured by gem-bench " + std::string(tools::Version());
  w.Field("sources", Quoted("clock_hz, rates, kernels, operations_per_cycle, "
                            "cache_bytes_per_cycle, memory_bandwidth_core, memory_bandwidth, "
                            "per_call_seconds, fork_join_seconds: " +
                            measured));
  w.Field("sources", Quoted("count, features, l1_bytes, l2_bytes, l3_bytes, threads: as the "
                            "system told gem-bench; cores that differ count as one kind, that of "
                            "the core it ran on"));
  w.Field("sources", Quoted("memory_limit: what the system said was available then"));
  return w.text();
}

}  // namespace gem::bench
