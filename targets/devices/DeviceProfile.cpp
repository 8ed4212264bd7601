// Reads and checks device profiles, built in and from files.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/devices/DeviceProfile.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "device_profile.pb.h"
#include "runtime/schema/generated/gem_bundle_generated.h"
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <iterator>
#include <sstream>

using namespace gem;

namespace {

struct BuiltinProfile {
  const char *name, *text;
};

const BuiltinProfile kBuiltin[] = {
#include "targets/devices/BuiltinProfiles.inc"
};

const char *const kFeatures[] = {"neon", "dotprod", "fp16", "i8mm", "avx2", "avx512", "avx512vnni"};
const char *const kFormats[] = {"f32", "f16", "int8", "int4", "int3", "int2"};

/// The weight format that `format` is a kind of: "int4" of "int4g32f16".
std::string_view familyOf(std::string_view format) {
  return format.substr(0, format.find_first_of('g'));
}

template <typename Names> bool contains(const Names &names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// Keeps the first complaint of protobuf's parser.
class FirstError final : public google::protobuf::io::ErrorCollector {
public:
  void AddError(int line, int column, const std::string &message) override {
    if (text.empty())
      text = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  std::string text;
};

/// Checks values field by field; keeps the first that is wrong.
class Checker {
public:
  explicit Checker(const std::string &origin) : origin(origin) {}

  void fail(const std::string &field, const std::string &expected, const std::string &found) {
    if (status.ok())
      status = absl::InvalidArgumentError(absl::StrCat(
          "device profile ", origin, ": ", field, ": expected ", expected, ", but got ", found));
  }
  void inRange(const std::string &field, double value, double low, double high, const char *unit) {
    if (!(value >= low && value <= high)) // a NaN too
      fail(field, absl::StrCat(number(low), " to ", number(high), *unit ? " " : "", unit),
           value == 0 ? "0, which is also what a missing field is" : number(value));
  }
  void atMost(const std::string &field, double value, const char *bound, double most) {
    if (value > most)
      fail(field, absl::StrCat("at most ", bound, ", ", number(most)), number(value));
  }
  static std::string number(double value) {
    if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e6)
      return absl::StrCat(static_cast<int64_t>(value));
    return absl::StrCat(value);
  }

  absl::Status status;

private:
  std::string origin;
};

bool isDeviceName(const std::string &name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && !isDeviceFile(name) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

/// The kernels as profiles name them, and the compiler's dialect: "layer_norm".
std::vector<std::string> kernelNames() {
  std::vector<std::string> names;
  for (schema::Kernel kernel : schema::EnumValuesKernel())
    if (kernel != schema::Kernel::INVALID)
      names.push_back(absl::AsciiStrToLower(schema::EnumNameKernel(kernel)));
  return names;
}

void checkKernelName(const std::string &field, const std::string &name, Checker &checker) {
  const std::vector<std::string> names = kernelNames();
  if (!contains(names, name))
    checker.fail(field + ".kernel", absl::StrCat("one of ", absl::StrJoin(names, ", ")),
                 name.empty() ? "none" : absl::StrCat("'", name, "'"));
}

void checkRates(const devices::CoreCluster &cluster, const std::string &at, Checker &checker) {
  std::vector<std::string> seen, named;
  for (int i = 0; i < cluster.rates_size(); ++i) {
    const devices::Rate &rate = cluster.rates(i);
    std::string field = absl::StrCat(at, ".rates[", i, "]");
    if (!contains(kFormats, familyOf(rate.format())))
      checker.fail(field + ".format",
                   absl::StrCat("one of ", absl::StrJoin(kFormats, ", "),
                                ", which may have groups (int4g32)"),
                   absl::StrCat("'", rate.format(), "'"));
    checker.inRange(field + ".macs_per_cycle", rate.macs_per_cycle(), 0.01, 1e5, "");
    checker.inRange(field + ".cache_macs_per_cycle", rate.cache_macs_per_cycle(), 0, 1e5, "");
    checker.inRange(field + ".memory_macs_per_cycle", rate.memory_macs_per_cycle(), 0, 1e5, "");
    // Weights that are further away do not arrive sooner; 0 says nothing.
    bool hasCache = rate.cache_macs_per_cycle() > 0;
    checker.atMost(field + ".cache_macs_per_cycle", rate.cache_macs_per_cycle(), "macs_per_cycle",
                   rate.macs_per_cycle());
    checker.atMost(field + ".memory_macs_per_cycle", rate.memory_macs_per_cycle(),
                   hasCache ? "cache_macs_per_cycle" : "macs_per_cycle",
                   hasCache ? rate.cache_macs_per_cycle() : rate.macs_per_cycle());
    if (!rate.kernel().empty())
      checkKernelName(field, rate.kernel(), checker);
    checker.inRange(field + ".tokens", rate.tokens(), 0, 1e6, "tokens");
    std::string name = absl::StrCat(rate.kernel(), " ", rate.format());
    if (contains(seen, absl::StrCat(name, " 0")) || (rate.tokens() == 0 && contains(named, name)))
      checker.fail(field, "one rate for each kernel and format, or several that each say tokens",
                   absl::StrCat("a second one for '", rate.format(), "'"));
    std::string key = absl::StrCat(name, " ", rate.tokens());
    if (contains(seen, key))
      checker.fail(field + ".tokens", "each number of tokens once for a kernel and format",
                   absl::StrCat(rate.tokens(), " a second time for '", rate.format(), "'"));
    seen.push_back(key);
    named.push_back(name);
  }
  for (const char *format : kFormats)
    if (!contains(named, absl::StrCat(" ", format)))
      checker.fail(at + ".rates",
                   absl::StrCat("a rate for every format (", absl::StrJoin(kFormats, ", "), ")"),
                   absl::StrCat("none for ", format));
}

void checkKernels(const devices::CoreCluster &cluster, const std::string &at, Checker &checker) {
  std::vector<std::string> seen;
  for (int i = 0; i < cluster.kernels_size(); ++i) {
    const devices::KernelFigures &figures = cluster.kernels(i);
    std::string field = absl::StrCat(at, ".kernels[", i, "]");
    checkKernelName(field, figures.kernel(), checker);
    if (!figures.format().empty() && !contains(kFormats, familyOf(figures.format())))
      checker.fail(field + ".format", absl::StrCat("one of ", absl::StrJoin(kFormats, ", ")),
                   absl::StrCat("'", figures.format(), "'"));
    checker.inRange(field + ".operations_per_cycle", figures.operations_per_cycle(), 0, 1e5, "");
    checker.inRange(field + ".cycles_per_output", figures.cycles_per_output(), 0, 1e6, "cycles");
    checker.inRange(field + ".cycles_per_unit", figures.cycles_per_unit(), 0, 1e9, "cycles");
    std::string key = absl::StrCat(figures.kernel(), " ", figures.format());
    if (contains(seen, key))
      checker.fail(field, "each kernel and format once",
                   absl::StrCat("'", figures.kernel(), "' a second time"));
    seen.push_back(key);
  }
}

absl::Status check(const devices::DeviceProfile &profile, const std::string &origin) {
  Checker checker(origin);
  if (!isDeviceName(profile.name()))
    checker.fail("name", "lower-case letters, digits, hyphens and dots, 64 at most",
                 absl::StrCat("'", profile.name(), "'"));
  if (profile.isa().empty())
    checker.fail("isa", "an instruction set such as \"armv8.2-a\"", "none");
  checker.inRange("memory_limit", profile.memory_limit(), 0, 1e15, "bytes");
  if (profile.clusters().empty())
    checker.fail("clusters", "at least one cluster of cores", "none");
  int64_t cores = 0;
  for (int i = 0; i < profile.clusters_size(); ++i) {
    const devices::CoreCluster &cluster = profile.clusters(i);
    std::string at = absl::StrCat("clusters[", i, "]");
    checker.inRange(at + ".count", cluster.count(), 1, 1024, "cores");
    cores += cluster.count();
    checker.inRange(at + ".clock_hz", cluster.clock_hz(), 1e7, 1e10, "hertz");
    for (const std::string &feature : cluster.features())
      if (!contains(kFeatures, feature))
        checker.fail(at + ".features", absl::StrCat("some of ", absl::StrJoin(kFeatures, ", ")),
                     absl::StrCat("'", feature, "'"));
    checkRates(cluster, at, checker);
    checkKernels(cluster, at, checker);
    checker.inRange(at + ".operations_per_cycle", cluster.operations_per_cycle(), 0.01, 1e5, "");
    checker.inRange(at + ".l1_bytes", cluster.l1_bytes(), 0, 1e12, "bytes");
    checker.inRange(at + ".l2_bytes", cluster.l2_bytes(), 0, 1e12, "bytes");
    checker.inRange(at + ".cache_bytes_per_cycle", cluster.cache_bytes_per_cycle(), 0.01, 1e5, "");
  }
  checker.inRange("memory_bandwidth_core", profile.memory_bandwidth_core(), 1e6, 1e14,
                  "bytes a second");
  checker.inRange("memory_bandwidth", profile.memory_bandwidth(), 1e6, 1e14, "bytes a second");
  if (profile.memory_bandwidth() < profile.memory_bandwidth_core())
    checker.fail("memory_bandwidth",
                 absl::StrCat("at least memory_bandwidth_core, ",
                              Checker::number(profile.memory_bandwidth_core())),
                 Checker::number(profile.memory_bandwidth()));
  checker.inRange("l3_bytes", profile.l3_bytes(), 0, 1e12, "bytes");
  checker.inRange("per_call_seconds", profile.per_call_seconds(), 0, 1, "seconds");
  checker.inRange("fork_join_seconds", profile.fork_join_seconds(), 0, 1, "seconds");
  checker.inRange("threads", profile.threads(), 1, static_cast<double>(std::max<int64_t>(cores, 1)),
                  "threads, as there are cores");
  return checker.status;
}

DeviceProfile convert(const devices::DeviceProfile &message) {
  DeviceProfile device;
  device.name = message.name();
  device.description = message.description();
  device.isa = message.isa();
  device.memoryLimit = message.memory_limit();
  for (const devices::CoreCluster &from : message.clusters()) {
    DeviceCluster &cluster = device.clusters.emplace_back();
    cluster.name = from.name();
    cluster.count = from.count();
    cluster.clockHz = from.clock_hz();
    cluster.features.assign(from.features().begin(), from.features().end());
    for (const devices::Rate &rate : from.rates())
      cluster.rates.push_back({rate.format(), rate.kernel(), rate.macs_per_cycle(), rate.tokens(),
                               rate.cache_macs_per_cycle(), rate.memory_macs_per_cycle()});
    for (const devices::KernelFigures &figures : from.kernels())
      cluster.kernels.push_back({figures.kernel(), figures.format(), figures.operations_per_cycle(),
                                 figures.cycles_per_output(), figures.cycles_per_unit()});
    cluster.operationsPerCycle = from.operations_per_cycle();
    cluster.l1Bytes = from.l1_bytes();
    cluster.l2Bytes = from.l2_bytes();
    cluster.cacheBytesPerCycle = from.cache_bytes_per_cycle();
  }
  device.memoryBandwidthCore = message.memory_bandwidth_core();
  device.memoryBandwidth = message.memory_bandwidth();
  device.l3Bytes = message.l3_bytes();
  device.perCallSeconds = message.per_call_seconds();
  device.forkJoinSeconds = message.fork_join_seconds();
  device.threads = message.threads();
  device.sources.assign(message.sources().begin(), message.sources().end());
  return device;
}

absl::StatusOr<DeviceProfile> readBuiltin(const BuiltinProfile &builtin) {
  absl::StatusOr<DeviceProfile> device =
      parseDeviceProfile(builtin.text, absl::StrCat("'", builtin.name, "', which is built in"));
  if (!device.ok())
    return absl::InternalError(device.status().message());
  if (device->name != builtin.name)
    return absl::InternalError(absl::StrCat("the built-in device profile '", builtin.name,
                                            "' calls itself '", device->name, "'"));
  if (device->isa == "host")
    detectHost(*device);
  return device;
}

absl::StatusOr<DeviceProfile> readFile(const std::string &path) {
  auto unreadable = [&](const std::string &why) {
    return absl::NotFoundError(absl::StrCat("device profile '", path, "' cannot be read: ", why));
  };
  // A folder opens, and a pipe need not end.
  std::error_code error;
  std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    return unreadable(
        absl::StrCat("expected a file, but got ",
                     std::filesystem::is_directory(status) ? "a folder" : "a pipe or a device"));
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || (file.peek() != EOF && !(text << file.rdbuf())) || file.bad())
    return unreadable(strerror(errno));
  return parseDeviceProfile(text.str(), absl::StrCat("'", path, "'"));
}

} // namespace

static double rateFrom(const DeviceRate &rate, WeightPlace place) {
  double macs = place == WeightPlace::OwnCache       ? rate.macsPerCycle
                : place == WeightPlace::LargestCache ? rate.cacheMacsPerCycle
                                                     : rate.memoryMacsPerCycle;
  return macs > 0 ? macs : rate.macsPerCycle;
}

/// Multiply-accumulates a cycle by the curve that `points` make; 0 without any.
static double rateOf(std::vector<const DeviceRate *> points, double tokens, WeightPlace place) {
  if (points.empty())
    return 0;
  std::sort(points.begin(), points.end(),
            [](const DeviceRate *a, const DeviceRate *b) { return a->tokens < b->tokens; });
  if (tokens <= static_cast<double>(points.front()->tokens) || points.size() == 1)
    return rateFrom(*points.front(), place);
  for (size_t i = 1; i < points.size(); ++i) {
    if (tokens > static_cast<double>(points[i]->tokens))
      continue;
    // Cycles that a weight takes grow evenly between two points.
    auto low = static_cast<double>(points[i - 1]->tokens);
    auto high = static_cast<double>(points[i]->tokens);
    double atLow = low / rateFrom(*points[i - 1], place),
           atHigh = high / rateFrom(*points[i], place);
    return tokens / (atLow + (atHigh - atLow) * (tokens - low) / (high - low));
  }
  return rateFrom(*points.back(), place);
}

double DeviceCluster::macsPerSecond(std::string_view kernel, std::string_view format,
                                    int64_t tokens, WeightPlace place) const {
  for (std::string_view ofKernel : {kernel, std::string_view()})
    for (std::string_view ofFormat : {format, familyOf(format)}) {
      std::vector<const DeviceRate *> points;
      for (const DeviceRate &rate : rates)
        if (rate.kernel == ofKernel && rate.format == ofFormat)
          points.push_back(&rate);
      if (double rate = rateOf(std::move(points), static_cast<double>(tokens), place))
        return rate * clockHz;
    }
  return 0;
}

DeviceKernel DeviceCluster::kernelFigures(std::string_view kernel, std::string_view format) const {
  DeviceKernel figures{std::string(kernel), std::string(format)};
  auto take = [](double &to, double from) {
    if (to == 0)
      to = from;
  };
  for (std::string_view ofFormat : {format, familyOf(format), std::string_view()})
    for (const DeviceKernel &known : kernels)
      if (known.kernel == kernel && known.format == ofFormat) {
        take(figures.operationsPerCycle, known.operationsPerCycle);
        take(figures.cyclesPerOutput, known.cyclesPerOutput);
        take(figures.cyclesPerUnit, known.cyclesPerUnit);
      }
  take(figures.operationsPerCycle, operationsPerCycle);
  if (figures.operationsPerCycle > 0)
    take(figures.cyclesPerOutput, 1 / figures.operationsPerCycle);
  return figures;
}

int64_t DeviceProfile::numCores() const {
  int64_t cores = 0;
  for (const DeviceCluster &cluster : clusters)
    cores += cluster.count;
  return cores;
}

absl::StatusOr<DeviceProfile> gem::parseDeviceProfile(std::string_view text,
                                                      const std::string &origin) {
  devices::DeviceProfile message;
  google::protobuf::TextFormat::Parser parser;
  FirstError error;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(std::string(text), &message))
    return absl::InvalidArgumentError(
        absl::StrCat("device profile ", origin, ": ", error.text,
                     " (expected a DeviceProfile in protobuf's text format; see "
                     "targets/devices/device_profile.proto and the .textproto files beside it)"));
  if (absl::Status status = check(message, origin); !status.ok())
    return status;
  return convert(message);
}

bool gem::isDeviceFile(std::string_view name) { return name.ends_with(".textproto"); }

absl::StatusOr<DeviceProfile> gem::findDevice(const std::string &name) {
  if (isDeviceFile(name))
    return readFile(name);
  std::vector<std::string> names;
  for (const BuiltinProfile &builtin : kBuiltin) {
    if (name == builtin.name)
      return readBuiltin(builtin);
    names.push_back(builtin.name);
  }
  return absl::NotFoundError(absl::StrCat("unknown device '", name, "'; there are ",
                                          absl::StrJoin(names, ", "),
                                          ", and any profile in a FILE.textproto"));
}

std::vector<DeviceProfile> gem::listDevices() {
  std::vector<DeviceProfile> devices;
  for (const BuiltinProfile &builtin : kBuiltin)
    if (absl::StatusOr<DeviceProfile> device = readBuiltin(builtin); device.ok())
      devices.push_back(*std::move(device));
  return devices;
}
