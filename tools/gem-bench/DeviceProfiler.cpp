// Measures this machine for a device profile.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/DeviceProfiler.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>

#include "dialects/GemRT/KernelCost.h"
#include "tools/common/Progress.h"
#include "tools/gem-bench/Machine.h"
#include "tools/gem-bench/ProbeBundle.h"
#include "tools/gem-bench/RealTime.h"
#include "tools/gem-bench/Statistics.h"

namespace gem::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kMostTokens = 512;
// Of caches that are larger than any device's, no more is filled, so that it does not take
// minutes; and weights that a cache surely does not hold.
constexpr uint64_t kLargestCache = uint64_t{128} << 20, kLeastFar = uint64_t{8} << 20;
constexpr uint32_t kRounds = 4;  // unless --runs says otherwise
constexpr double kQuiet = 0.25;
// Of linears: every number of tokens at which one is measured.
constexpr uint32_t kLinearTokens[] = {1, 4, 8, 16, 32, 64, 128};
// With more, weights that are far away take as much longer as with these: they are brought
// near once, whatever is done with them then.
constexpr uint32_t kMostFarTokens = 64;
// Of attention.
constexpr uint32_t kAttentionTokens[] = {16, 32, 64, 128, 512};
// Of what costs the same for each token; and where sharing the work between
// threads takes a good part of the time.
constexpr uint32_t kTokens = 64, kFewTokens = 8;

// Shapes that are measured, of 16-row panels: where weights take most of the time, where
// outputs do, and as small models have them.
struct Shape {
  uint32_t outputs, inputs;
  double Macs(uint32_t tokens) const { return double(tokens) * outputs * inputs; }
  double Outputs(uint32_t tokens) const { return double(tokens) * outputs; }
};
constexpr Shape kDeep = {256, 768}, kNarrow = {256, 64}, kSmall = {128, 128};
constexpr Shape kLayer = {768, 768};  // of those that a cache or memory holds
constexpr uint32_t kWide = 768, kThin = 128;
constexpr uint32_t kHeads = 4, kWideHead = 64, kThinHead = 16;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One program at one number of tokens on some threads, run now and then.
class Setting {
 public:
  // `profiled`: times commands too, not only whole runs.
  Setting(const Probe* probe, gem_session_t* session, uint32_t tokens, bool profiled)
      : probe_(probe), session_(session), tokens_(tokens), profiled_(profiled) {}

  // Some milliseconds of runs, and a sample of what they took.
  bool Sample(Failure* failure) {
    constexpr double kSeconds = 0.02;
    if (!probe_->SetTokens(session_, tokens_, failure)) return false;
    gem_session_profile(session_, 0);
    if (!Run(failure)) return false;  // brings what is read into the caches that hold it
    const Clock::time_point start = Clock::now();
    std::vector<double> runs;
    std::vector<std::vector<double>> commands;
    do {
      const Clock::time_point begin = Clock::now();
      if (!Run(failure)) return false;
      runs.push_back(SecondsSince(begin));
      if (!profiled_) continue;
      gem_session_profile(session_, 1);
      if (!Run(failure)) return false;
      gem_command_profile_t profile = {};
      profile.struct_size = sizeof(profile);
      for (uint32_t i = 0; gem_session_command_profile(session_, i, &profile) == GEM_STATUS_OK;
           ++i) {
        if (i == commands.size()) commands.emplace_back();
        commands[i].push_back(static_cast<double>(profile.nanoseconds) * 1e-9);
      }
      gem_session_profile(session_, 0);
    } while (SecondsSince(start) < kSeconds);
    runs_.push_back(Quantile(runs, 0.5));
    commands_.resize(commands.size());
    for (size_t i = 0; i < commands.size(); ++i) {
      commands_[i].push_back(Quantile(commands[i], 0.5));
    }
    return true;
  }

  uint32_t tokens() const { return tokens_; }
  // Seconds of a run, and of a command in it: the lower quartile of the samples, since a
  // profile is of a machine that does nothing else.
  double Whole() const { return Quantile(runs_, kQuiet); }
  double Of(uint32_t command) const { return Quantile(commands_[command], kQuiet); }

 private:
  bool Run(Failure* failure) {
    gem_error_t error;
    if (gem_session_run(session_, &error) == GEM_STATUS_OK) return true;
    *failure = {1, std::string("the program to be timed: ") + error.message};
    return false;
  }

  const Probe* probe_;
  gem_session_t* session_;
  uint32_t tokens_;
  bool profiled_;
  std::vector<double> runs_;
  std::vector<std::vector<double>> commands_;
};

// Programs, and the settings that they are measured in.
class Laboratory {
 public:
  Laboratory(std::string cpu, uint32_t threads) : cpu_(std::move(cpu)), threads_(threads) {}

  // The index by which settings name the program.
  std::optional<size_t> Add(ProbeProgram program, Failure* failure) {
    std::unique_ptr<Probe> probe = Probe::Make(std::move(program), failure);
    if (probe == nullptr) return std::nullopt;
    SessionPointer one = probe->CreateSession(1, cpu_, failure);
    if (one == nullptr) return std::nullopt;
    SessionPointer all;
    if (threads_ > 1 && (all = probe->CreateSession(threads_, cpu_, failure)) == nullptr) {
      return std::nullopt;
    }
    probes_.push_back({std::move(probe), std::move(one), std::move(all)});
    return probes_.size() - 1;
  }

  // The index of a setting; `shared`: on all threads, where there are several.
  size_t AddSetting(size_t probe, uint32_t tokens, bool profiled, bool shared = false) {
    const Bench& bench = probes_[probe];
    gem_session_t* session = shared && bench.all != nullptr ? bench.all.get() : bench.one.get();
    settings_.emplace_back(bench.probe.get(), session, tokens, profiled);
    return settings_.size() - 1;
  }

  // In turns, so that a busy second hits all of them alike.
  bool Measure(uint32_t rounds, Bursts* bursts, tools::Progress* progress, Failure* failure) {
    for (uint32_t round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < settings_.size(); ++i) {
        bursts->Begin();
        const bool sampled = settings_[i].Sample(failure);
        bursts->End();
        if (!sampled) return false;
        progress->Update((round * settings_.size() + i) * 1000 / (rounds * settings_.size()));
      }
    }
    return true;
  }

  const Setting& operator[](size_t index) const { return settings_[index]; }

 private:
  struct Bench {
    std::unique_ptr<Probe> probe;
    SessionPointer one, all;  // all: null with one thread
  };
  std::string cpu_;
  uint32_t threads_;
  std::vector<Bench> probes_;
  std::vector<Setting> settings_;
};

// Layers of a format that fill `bytes`, each with weights of its own.
ProbeProgram LayersOf(const ProbeFormat& format, uint64_t bytes, uint32_t* layers) {
  ProbeProgram program(kLinearTokens[std::size(kLinearTokens) - 1]);
  *layers = static_cast<uint32_t>(std::max<uint64_t>(
      1, bytes / ProbeProgram::WeightBytes(format, kLayer.outputs, kLayer.inputs)));
  for (uint32_t i = 0; i < *layers; ++i) {
    program.Linear(format, kLayer.outputs, kLayer.inputs, schema::Activation::NONE,
                   /*fresh=*/true);
  }
  return program;
}

// A kernel that takes a token after the other, at two widths.
struct TokenKernel {
  const char* kernel;
  const char* format;  // of its table; "" without
  int64_t operations;  // that the model counts for an element
  uint32_t wide, thin;  // commands
};

// What is measured: the commands of the program whose weights stay in the core's cache.
struct Commands {
  struct OfFormat {
    uint32_t deep, narrow, small;
  };
  std::vector<OfFormat> linears;
  std::vector<TokenKernel> tokens;
  struct Pair {
    const char* kernel;
    uint32_t wide, thin;
  };
  std::vector<Pair> attention;
  uint32_t wide_router = 0, thin_router = 0, gelu = 0;
};
constexpr uint32_t kWideClasses = 77, kWideClusters = 256, kThinClasses = 8, kThinClusters = 32;

ProbeProgram KernelsOf(Commands* commands) {
  ProbeProgram program(kMostTokens);
  for (const ProbeFormat& format : kProbeFormats) {
    const auto linear = [&](const Shape& shape) {
      return program.Linear(format, shape.outputs, shape.inputs, schema::Activation::NONE);
    };
    const uint32_t deep = linear(kDeep), narrow = linear(kNarrow), small = linear(kSmall);
    commands->linears.push_back({deep, narrow, small});
  }
  commands->gelu = program.Activation(kWide, schema::Activation::GELU);
  const auto add = [&](const char* kernel, int64_t operations, auto make) {
    const uint32_t wide = make(kWide), thin = make(kThin);
    commands->tokens.push_back({kernel, "", operations, wide, thin});
  };
  add("layer_norm", rt::kNormOperations, [&](uint32_t w) { return program.LayerNorm(w); });
  add("layer_norm_quantized", rt::kNormOperations + rt::kQuantizeOperations,
      [&](uint32_t w) { return program.LayerNormQuantized(w); });
  add("quantize_tokens", rt::kQuantizeOperations,
      [&](uint32_t w) { return program.QuantizeTokens(w); });
  add("add", 1, [&](uint32_t w) { return program.Add(w); });
  for (const ProbeFormat& format : kProbeFormats) {
    add("embedding", 1, [&](uint32_t w) { return program.Embedding(format, w); });
    commands->tokens.back().format = format.name;
    add("add_position", 1, [&](uint32_t w) { return program.AddPosition(format, w); });
    commands->tokens.back().format = format.name;
  }
  const uint32_t wide = program.Attention(kHeads, kWideHead);
  const uint32_t thin = program.Attention(kHeads, kThinHead);
  commands->attention.push_back({"attention", wide, thin});
  commands->thin_router = program.RouteTokens(kThin, kThinClasses, kThinClusters);
  commands->wide_router = program.RouteTokens(kWide, kWideClasses, kWideClusters);
  const uint32_t wide_scar = program.ScarAttention(kHeads, kWideHead);
  const uint32_t thin_scar = program.ScarAttention(kHeads, kThinHead);
  commands->attention.push_back({"scar_attention", wide_scar, thin_scar});
  return program;
}

// Commands that do next to nothing.
constexpr uint32_t kIdleCommands = 256;
ProbeProgram IdleCommands() {
  ProbeProgram program(kTokens);
  for (uint32_t i = 0; i < kIdleCommands; ++i) program.SelectRow(16);
  return program;
}

// Everything that is measured, and the figures made of it.
class Profiler {
 public:
  Profiler(const Options& options, MeasuredDevice* device)
      : device_(device),
        rounds_(options.runs != 0 ? options.runs : kRounds),
        bursts_(options.real_time),
        laboratory_(device->cpu, device->threads),
        progress_("measuring this machine", 1000, !options.common.quiet) {}

  bool Run(Failure* failure) {
    if (!SetUp(failure) || !laboratory_.Measure(rounds_, &bursts_, &progress_, failure))
      return false;
    Calls();
    Bandwidths();
    Linears();
    TokenKernels();
    Attention();
    Router();
    ForkJoin();
    return true;
  }

 private:
  static constexpr size_t kFormats = std::size(kProbeFormats);
  static constexpr size_t kPoints = std::size(kLinearTokens);

  struct Held {  // layers of a format, by where they are held
    uint32_t layers = 0;
    std::vector<size_t> settings;
    size_t shared = 0;  // one token, all threads
  };

  bool SetUp(Failure* failure) {
    std::optional<size_t> probe = laboratory_.Add(KernelsOf(&commands_), failure);
    if (!probe) return false;
    for (const uint32_t tokens : kLinearTokens) {
      own_.push_back(laboratory_.AddSetting(*probe, tokens, /*profiled=*/true));
      if (tokens == kTokens) tokens_ = own_.back();
      if (tokens == kFewTokens) few_ = own_.back();
    }
    for (const uint32_t tokens : kAttentionTokens) {
      attention_.push_back(laboratory_.AddSetting(*probe, tokens, /*profiled=*/true));
    }
    shared_ = laboratory_.AddSetting(*probe, kFewTokens, /*profiled=*/true, /*shared=*/true);
    if (!(probe = laboratory_.Add(IdleCommands(), failure))) return false;
    idle_ = laboratory_.AddSetting(*probe, 1, /*profiled=*/false);

    const uint64_t largest =
        std::min(std::max(device_->l3_bytes, device_->l2_bytes), kLargestCache);
    for (const ProbeFormat& format : kProbeFormats) {
      // Half of the cache, which others use too; and far more than it holds.
      const uint64_t sizes[2] = {largest / 2, std::max(largest * 5 / 2, kLeastFar)};
      for (size_t i = 0; i < 2; ++i) {
        Held& held = (i == 0 ? cache_ : memory_).emplace_back();
        if (!(probe = laboratory_.Add(LayersOf(format, sizes[i], &held.layers), failure))) {
          return false;
        }
        for (const uint32_t tokens : kLinearTokens) {
          if (tokens > kMostFarTokens) break;
          held.settings.push_back(laboratory_.AddSetting(*probe, tokens, /*profiled=*/false));
        }
        held.shared = laboratory_.AddSetting(*probe, 1, /*profiled=*/false, /*shared=*/true);
      }
    }
    return true;
  }

  // Seconds of a command without what every call costs.
  double Net(const Setting& setting, uint32_t command) const {
    return std::max(setting.Of(command) - device_->per_call_seconds, 1e-9);
  }
  double Cycles(double seconds) const { return seconds * device_->clock_hz; }
  double PerCycle(double count, double seconds) const {
    return seconds > 0 ? count / Cycles(seconds) : 0;
  }

  void Calls() {
    // The first command of the program makes what the others read.
    device_->per_call_seconds = laboratory_[idle_].Whole() / (kIdleCommands + 1);
  }

  double LayerBytes(size_t format, const Held& held) const {
    return static_cast<double>(held.layers) *
           static_cast<double>(
               ProbeProgram::WeightBytes(kProbeFormats[format], kLayer.outputs, kLayer.inputs));
  }

  // Of the format that reads fastest, with one token: nothing else takes time then.
  void Bandwidths() {
    double cache = 0;
    for (size_t f = 0; f < kFormats; ++f) {
      cache =
          std::max(cache, LayerBytes(f, cache_[f]) / laboratory_[cache_[f].settings[0]].Whole());
      const double memory = LayerBytes(f, memory_[f]);
      device_->memory_bandwidth_core = std::max(
          device_->memory_bandwidth_core, memory / laboratory_[memory_[f].settings[0]].Whole());
      device_->memory_bandwidth =
          std::max(device_->memory_bandwidth, memory / laboratory_[memory_[f].shared].Whole());
    }
    device_->memory_bandwidth = std::max(device_->memory_bandwidth, device_->memory_bandwidth_core);
    device_->cache_bytes_per_cycle = cache / device_->clock_hz;
  }

  void Linears() {
    for (size_t f = 0; f < kFormats; ++f) {
      const Commands::OfFormat& of = commands_.linears[f];
      // An output costs what a layer of few inputs takes longer, for each multiply-accumulate.
      const Setting& most = laboratory_[own_[kPoints - 1]];
      const uint32_t tokens = most.tokens();
      const auto seconds = [&](const Shape& shape, uint32_t command) {
        return Net(most, command) / shape.Macs(tokens);
      };
      const auto output_of = [&](const Shape& shape, uint32_t command) {
        return (seconds(shape, command) - seconds(kDeep, of.deep)) /
               (1.0 / shape.inputs - 1.0 / kDeep.inputs);
      };
      const double output =
          std::max(0.0, (output_of(kNarrow, of.narrow) + output_of(kSmall, of.small)) / 2);
      const bool floats = kProbeFormats[f].scales == schema::Scales::NONE;
      device_->kernels.push_back(
          {floats ? "linear" : "linear_quantized", kProbeFormats[f].name, 0, Cycles(output), 0});
      for (size_t p = 0; p < kPoints; ++p) {
        MeasuredRate rate = {kProbeFormats[f].name, "", kLinearTokens[p]};
        const auto macs_per_cycle = [&](const Shape& shape, double net) {
          const double products = net - shape.Outputs(kLinearTokens[p]) * output;
          return PerCycle(shape.Macs(kLinearTokens[p]), std::max(products, net / 2));
        };
        rate.own = macs_per_cycle(kDeep, Net(laboratory_[own_[p]], of.deep));
        // A layer of many, the calls' own costs left out.
        const auto far = [&](const Held& held) {
          const double net =
              laboratory_[held.settings[p]].Whole() / held.layers - device_->per_call_seconds;
          return macs_per_cycle(kLayer, net);
        };
        if (p < cache_[f].settings.size()) {
          rate.cache = std::min(rate.own, far(cache_[f]));
          rate.memory = std::min(rate.cache, far(memory_[f]));
        } else {
          // The cycles that a weight is waited for with the tokens before.
          const MeasuredRate& last = device_->rates.back();
          const auto waiting = [&](double at_last) {
            const double wait = last.tokens / at_last - last.tokens / last.own;
            return rate.tokens / (rate.tokens / rate.own + wait);
          };
          rate.cache = waiting(last.cache);
          rate.memory = waiting(last.memory);
        }
        device_->rates.push_back(rate);
      }
    }
    const Setting& setting = laboratory_[tokens_];
    device_->operations_per_cycle =
        PerCycle(double(rt::kGeluOperations) * kTokens * kWide, Net(setting, commands_.gelu));
  }

  // A token costs the same whatever its width, and each element of it.
  void TokenKernels() {
    const Setting& setting = laboratory_[tokens_];
    for (const TokenKernel& kernel : commands_.tokens) {
      const double wide = Net(setting, kernel.wide) / kTokens;
      const double thin = Net(setting, kernel.thin) / kTokens;
      double element = (wide - thin) / (kWide - kThin);
      double token = thin - element * kThin;
      if (element <= 0 || token < 0) {
        element = wide / kWide;
        token = 0;
      }
      device_->kernels.push_back({kernel.kernel, kernel.format,
                                  PerCycle(static_cast<double>(kernel.operations), element), 0,
                                  Cycles(token)});
    }
  }

  // A pair of a query and a key costs its products and its share of the softmax.
  void Attention() {
    for (const Commands::Pair& pair : commands_.attention) {
      const auto per_pair = [&](const Setting& setting, uint32_t command) {
        return Net(setting, command) / (double(kHeads) * setting.tokens() * setting.tokens());
      };
      const Setting& many = laboratory_[attention_[3]];
      const double wide = per_pair(many, pair.wide), thin = per_pair(many, pair.thin);
      const double mac = std::max((wide - thin) / (2.0 * (kWideHead - kThinHead)), 1e-15);
      const double softmax = std::max(thin - 2.0 * kThinHead * mac, 0.1 * thin);
      device_->kernels.push_back(
          {pair.kernel, "", PerCycle(double(rt::kSoftmaxOperations), softmax), 0, 0});
      for (const size_t index : attention_) {
        const Setting& setting = laboratory_[index];
        const double seconds = per_pair(setting, pair.wide) - softmax;
        device_->rates.push_back({"f32", pair.kernel, setting.tokens(),
                                  PerCycle(2.0 * kWideHead, std::max(seconds, mac * kWideHead)), 0,
                                  0});
      }
    }
  }

  void Router() {
    const Setting& setting = laboratory_[tokens_];
    const double operation = 1 / (device_->operations_per_cycle * device_->clock_hz);
    // Of a token, without the operations that are no products.
    const auto net = [&](uint32_t command, uint32_t width, uint32_t classes, uint32_t clusters) {
      const double operations = double(width) * clusters + double(classes) * rt::kSoftmaxOperations;
      const double seconds = Net(setting, command) / kTokens;
      return std::max(seconds - operations * operation, seconds / 4);
    };
    const double wide = net(commands_.wide_router, kWide, kWideClasses, kWideClusters);
    const double thin = net(commands_.thin_router, kThin, kThinClasses, kThinClusters);
    const double wide_macs = double(kWide) * (kWideClasses + kWideClusters);
    const double thin_macs = double(kThin) * (kThinClasses + kThinClusters);
    const double mac = (wide - thin) / (wide_macs - thin_macs);
    const double token = std::max(thin - thin_macs * mac, 0.0);
    device_->rates.push_back({"f32", "route_tokens", 0, PerCycle(1, mac), 0, 0});
    device_->kernels.push_back({"route_tokens", "", 0, 0, Cycles(token)});
  }

  // What threads take longer than their share of the work: of linears so small that little
  // else tells, whose panels split evenly.
  void ForkJoin() {
    if (device_->threads < 2) return;
    const Setting &one = laboratory_[few_], &all = laboratory_[shared_];
    std::vector<double> extra;
    const auto compare = [&](const Shape& shape, uint32_t command) {
      const uint32_t grains = shape.outputs / 64;  // four panels of 16 outputs
      const uint32_t threads = std::min(device_->threads, grains);
      const double share = std::ceil(double(grains) / threads) / grains;
      extra.push_back(Net(all, command) - Net(one, command) * share);
    };
    for (const Commands::OfFormat& of : commands_.linears) {
      compare(kNarrow, of.narrow);
      compare(kSmall, of.small);
    }
    device_->fork_join_seconds = std::max(Quantile(extra, 0.5), 0.0);
  }

  MeasuredDevice* device_;
  uint32_t rounds_;
  Bursts bursts_;
  Laboratory laboratory_;
  tools::Progress progress_;
  Commands commands_;
  std::vector<size_t> own_, attention_;  // settings, by tokens
  size_t tokens_ = 0, few_ = 0, shared_ = 0, idle_ = 0;
  std::vector<Held> cache_, memory_;  // by format
};

}  // namespace

bool MeasureDevice(const Options& options, MeasuredDevice* device, Failure* failure) {
  if (!ChooseIsa(options.cpu, &device->cpu, failure)) return false;
  ReadMachine(device);
  return Profiler(options, device).Run(failure);
}

}  // namespace gem::bench
