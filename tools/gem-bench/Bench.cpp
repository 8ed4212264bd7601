// Measures bundles: configurations in turns, memory in processes of its own.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Bench.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <thread>

#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Progress.h"
#include "tools/gem-bench/Machine.h"
#include "tools/gem-bench/RealTime.h"
#include "tools/gem-bench/Session.h"
#include "tools/gem-bench/Statistics.h"

namespace gem::bench {
namespace {

using tools::Format;
using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A turn of one configuration: long enough that caches and threads are warm, short
// enough that a busy second hits every configuration alike.
constexpr double kTurnSeconds = 0.05;

// --- one configuration ------------------------------------------------------------

// The operations of the last profiled run, with their times as one more sample.
class OperationTimes {
 public:
  void Add(const gem_session_t* session) {
    gem_command_profile_t profile = {};
    profile.struct_size = sizeof(profile);
    for (uint32_t i = 0; gem_session_command_profile(session, i, &profile) == GEM_STATUS_OK; ++i) {
      if (i == operations_.size()) {
        operations_.push_back({profile.kernel != nullptr ? profile.kernel : "",
                               profile.name != nullptr ? profile.name : "",
                               profile.format != nullptr ? profile.format : "", 0, profile.macs,
                               profile.weight_bytes});
        samples_.emplace_back();
      }
      if (profile.runs != 0) {
        samples_[i].push_back(static_cast<double>(profile.nanoseconds) /
                              static_cast<double>(profile.runs) * 1e-9);
      }
    }
  }

  std::vector<Operation> Medians() const {
    std::vector<Operation> operations = operations_;
    for (size_t i = 0; i < operations.size(); ++i) {
      operations[i].seconds = Quantile(samples_[i], 0.5);
    }
    return operations;
  }

 private:
  std::vector<Operation> operations_;
  std::vector<std::vector<double>> samples_;
};

// A configuration while it is measured.
struct Job {
  Configuration* configuration;
  const std::string* path;
  gem_session_t* session;
  std::vector<int32_t> ids;
  OperationTimes times;
  double measured = 0;  // seconds of all timed runs

  bool Done(const Options& options) const {
    if (options.runs != 0) return configuration->seconds.size() >= options.runs;
    return measured >= options.seconds && configuration->seconds.size() >= 3;
  }
  // 0 to 1000.
  uint64_t Progress(const Options& options) const {
    const double share = options.runs != 0 ? static_cast<double>(configuration->seconds.size()) /
                                                 static_cast<double>(options.runs)
                                           : measured / options.seconds;
    return static_cast<uint64_t>(std::min(share, 1.0) * 1000);
  }
};

// Some timed runs and a profiled one.
bool TakeTurn(const Options& options, Job* job, Failure* failure) {
  const auto run = [&] { return RunOnce(*job->path, job->session, job->ids, failure); };
  const Clock::time_point turn = Clock::now();
  if (!run()) return false;  // wakes the threads and fills the caches
  do {
    const Clock::time_point start = Clock::now();
    if (!run()) return false;
    const double seconds = SecondsSince(start);
    job->configuration->seconds.push_back(seconds);
    job->measured += seconds;
  } while (!job->Done(options) && SecondsSince(turn) < kTurnSeconds);
  gem_session_profile(job->session, 1);
  const bool ran = run();
  if (ran) job->times.Add(job->session);
  gem_session_profile(job->session, 0);
  return ran;
}

// Loads and runs a bundle in a process of its own, whose peak memory nothing else
// has a part in. To be called before this process has threads.
Cost MeasureCost(const std::string& path, uint32_t threads, const std::string& cpu,
                 const std::vector<int32_t>& ids) {
  Cost cost;
  int ends[2];
  if (pipe(ends) != 0) return cost;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    Failure failure;
    const Clock::time_point start = Clock::now();
    const BundlePointer bundle = OpenBundle(path, &failure);
    const SessionPointer session =
        bundle != nullptr ? CreateSession(path, bundle.get(), threads, cpu, &failure) : nullptr;
    cost.load_seconds = SecondsSince(start);
    const Clock::time_point run = Clock::now();
    if (session != nullptr && RunOnce(path, session.get(), ids, &failure)) {
      cost.first_run_seconds = SecondsSince(run);
      if (RunOnce(path, session.get(), ids, &failure)) {
        cost.peak_bytes = ProcBytes("/proc/self/status", "VmHWM");
      }
    }
    const ssize_t written = write(ends[1], &cost, sizeof(cost));
    _exit(written == sizeof(cost) ? 0 : 1);
  }
  close(ends[1]);
  if (child > 0) {
    ssize_t count;
    do {
      count = read(ends[0], &cost, sizeof(cost));
    } while (count < 0 && errno == EINTR);
    if (count != sizeof(cost)) cost = {};
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  return cost;
}

// --- all of them ------------------------------------------------------------------

// What the configurations are made of, in the order in which it may be closed.
struct Plan {
  std::vector<BundlePointer> bundles;
  std::map<std::pair<size_t, uint32_t>, SessionPointer> sessions;  // by model and threads
  std::vector<Job> jobs;
};

// The inputs of one model: its configurations without threads.
bool InputsOf(const Options& options, const std::string& path, gem_bundle_t* bundle,
              gem_session_t* session, std::vector<std::vector<int32_t>>* inputs, Failure* failure) {
  inputs->clear();
  if (options.text) {
    inputs->emplace_back();
    return IdsOfText(path, bundle, *options.text, &inputs->back(), failure);
  }
  const uint32_t most = MostTokens(session);
  std::vector<uint32_t> counts = options.tokens;
  if (counts.empty()) counts = {std::min(128u, most)};
  for (const uint32_t count : counts) {
    if (count > most) {
      *failure = {tools::kExitRefused,
                  Format("'%s': expected at most %u tokens, but got --tokens %u", path.c_str(),
                         most, count)};
      return false;
    }
    inputs->push_back(RandomIds(session, count));
  }
  return true;
}

bool MakePlan(const Options& options, Plan* plan, Results* results, Failure* failure) {
  // Memory first, in child processes: sessions of several threads come after.
  for (size_t m = 0; m < options.bundles.size(); ++m) {
    const std::string& path = options.bundles[m];
    plan->bundles.push_back(OpenBundle(path, failure));
    gem_bundle_t* bundle = plan->bundles.back().get();
    if (bundle == nullptr) return false;
    const SessionPointer session = CreateSession(path, bundle, 1, options.cpu, failure);
    if (session == nullptr) return false;

    gem_bundle_info_t info = {};
    info.struct_size = sizeof(info);
    gem_bundle_info(bundle, &info);
    gem_session_info_t running = {};
    running.struct_size = sizeof(running);
    gem_session_info(session.get(), &running);
    results->models.push_back({path, info.model_name, info.architecture, running.variant_device,
                               info.file_size, info.parameters, running.cpu, running.cpu_reason});

    std::vector<std::vector<int32_t>> inputs;
    if (!InputsOf(options, path, bundle, session.get(), &inputs, failure)) return false;
    for (const std::vector<int32_t>& ids : inputs) {
      for (const uint32_t threads : options.threads) {
        Configuration configuration;
        configuration.model = m;
        configuration.tokens = static_cast<uint32_t>(ids.size());
        configuration.threads = threads;
        configuration.cost = MeasureCost(path, threads, options.cpu, ids);
        results->configurations.push_back(std::move(configuration));
        plan->jobs.push_back({nullptr, nullptr, nullptr, ids, {}});
      }
    }
  }
  for (size_t i = 0; i < plan->jobs.size(); ++i) {
    Configuration& configuration = results->configurations[i];
    const std::string& path = options.bundles[configuration.model];
    SessionPointer& session = plan->sessions[{configuration.model, configuration.threads}];
    if (session == nullptr) {
      session = CreateSession(path, plan->bundles[configuration.model].get(), configuration.threads,
                              options.cpu, failure);
      if (session == nullptr) return false;
    }
    gem_session_info_t info = {};
    info.struct_size = sizeof(info);
    gem_session_info(session.get(), &info);
    configuration.session_bytes = info.session_bytes;
    Job& job = plan->jobs[i];
    job.configuration = &configuration;
    job.path = &path;
    job.session = session.get();
    for (uint32_t run = 0; run < options.warmup; ++run) {
      if (!RunOnce(path, job.session, job.ids, failure)) return false;
    }
  }
  return true;
}

void DescribeMachine(const std::string& isa, const PeakMeter& meter,
                     const std::vector<uint32_t>& threads, Results* results) {
  results->processor = ProcessorName();
  results->processors = std::max(1u, std::thread::hardware_concurrency());
  results->isa = isa;
  results->int8_instruction = meter.int8_instruction();
  results->f32_instruction = meter.f32_instruction();
  for (const uint32_t count : threads) results->peaks[count] = meter.Median(count);
}

bool MeasurePeaksOnly(const Options& options, Results* results, Failure* failure) {
  std::string isa;
  if (!ChooseIsa(options.cpu, &isa, failure)) return false;
  PeakMeter meter(isa);
  Bursts bursts(options.real_time);
  const uint32_t samples = options.runs != 0 ? options.runs : 15;
  tools::Progress progress("measuring", samples, !options.common.quiet);
  for (uint32_t i = 0; i < samples; ++i) {
    progress.Update(i);
    for (const uint32_t threads : options.threads) {
      bursts.Begin();
      meter.Sample(threads);
      bursts.End();
    }
  }
  DescribeMachine(isa, meter, options.threads, results);
  results->real_time = bursts.active();
  return true;
}

}  // namespace

double Configuration::Median() const { return Quantile(seconds, 0.5); }
double Configuration::Lowest() const { return Quantile(seconds, 0); }
double Configuration::Quartile(int which) const { return Quantile(seconds, 0.25 * which); }
uint64_t Configuration::Macs() const {
  uint64_t macs = 0;
  for (const Operation& operation : operations) macs += operation.macs;
  return macs;
}

bool Measure(const Options& options, Results* results, Failure* failure) {
  if (options.peaks_only) return MeasurePeaksOnly(options, results, failure);
  Plan plan;
  if (!MakePlan(options, &plan, results, failure)) return false;

  const std::string isa = results->models.front().cpu;
  PeakMeter meter(isa);
  Bursts bursts(options.real_time);
  tools::Progress progress("measuring", plan.jobs.size() * 1000, !options.common.quiet);
  for (bool working = true; working;) {
    working = false;
    for (Job& job : plan.jobs) {
      if (job.Done(options)) continue;
      working = true;
      bursts.Begin();
      const bool ran = TakeTurn(options, &job, failure);
      bursts.End();
      if (!ran) return false;
      uint64_t done = 0;
      for (const Job& each : plan.jobs) done += each.Progress(options);
      progress.Update(done);
    }
    for (const uint32_t threads :
         std::set<uint32_t>(options.threads.begin(), options.threads.end())) {
      bursts.Begin();
      meter.Sample(threads);
      bursts.End();
    }
  }
  for (Job& job : plan.jobs) job.configuration->operations = job.times.Medians();
  DescribeMachine(isa, meter, options.threads, results);
  results->real_time = bursts.active();
  return true;
}

bool RunPasses(const Options& options, Failure* failure) {
  const std::string& path = options.bundles.front();
  const BundlePointer bundle = OpenBundle(path, failure);
  if (bundle == nullptr) return false;
  const SessionPointer session =
      CreateSession(path, bundle.get(), options.threads.front(), options.cpu, failure);
  if (session == nullptr) return false;
  std::vector<std::vector<int32_t>> inputs;
  if (!InputsOf(options, path, bundle.get(), session.get(), &inputs, failure)) return false;
  for (uint32_t pass = 0; pass < options.passes; ++pass) {
    if (!RunOnce(path, session.get(), inputs.front(), failure)) return false;
  }
  return true;
}

}  // namespace gem::bench
