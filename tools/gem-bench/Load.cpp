// How long opening a bundle takes, and what of that is hashing.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Load.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/gem-bench/Session.h"
#include "tools/gem-bench/Statistics.h"

namespace gem::bench {
namespace {

using tools::Format;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

// Openings of each way, unless --runs says.
constexpr uint32_t kRuns = 15;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Asks the system to forget the file's pages; what it cannot forget, it keeps.
void DropFromMemory(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
#ifdef POSIX_FADV_DONTNEED
  (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
#endif
  close(file);
}

bool OpenOnce(const std::string& path, const gem_bundle_options_t& options, Opening* opening,
              bool first, uint64_t* file_size, Failure* failure) {
  const Clock::time_point start = Clock::now();
  const BundlePointer bundle = OpenBundle(path, failure, &options);
  const double seconds = SecondsSince(start);
  if (bundle == nullptr) return false;
  gem_bundle_info_t info = {};
  info.struct_size = sizeof(info);
  gem_bundle_info(bundle.get(), &info);
  *file_size = info.file_size;
  if (first) {
    opening->first_seconds = seconds;
    return true;
  }
  opening->seconds.push_back(seconds);
  const Clock::time_point creation = Clock::now();
  if (CreateSession(path, bundle.get(), 1, "", failure) == nullptr) return false;
  opening->session_seconds.push_back(SecondsSince(creation));
  return true;
}

constexpr struct {
  const char* name;
  gem_load_mode_t mode;
} kModes[] = {{"map", GEM_LOAD_MAP}, {"copy", GEM_LOAD_COPY}};

constexpr struct {
  const char* name;
  gem_hash_check_t check;
} kChecks[] = {{"program", GEM_HASH_PROGRAM}, {"lazy", GEM_HASH_LAZY}, {"all", GEM_HASH_ALL}};

}  // namespace

double Load::HashRate(uint32_t threads) const {
  double program = 0, all = 0;
  for (const Opening& opening : openings) {
    if (opening.mode != "map" || opening.threads != threads) continue;
    if (opening.hashes == "program") program = Quantile(opening.seconds, 0.5);
    if (opening.hashes == "all") all = Quantile(opening.seconds, 0.5);
  }
  return all > program ? static_cast<double>(file_size) / (all - program) : 0;
}

bool MeasureLoads(const Options& options, std::vector<Load>* loads, Failure* failure) {
  const uint32_t runs = options.runs != 0 ? options.runs : kRuns;
  for (const std::string& path : options.bundles) {
    Load load;
    load.path = path;
    for (const auto& mode : kModes) {
      for (const auto& check : kChecks) {
        for (const uint32_t threads : options.threads) {
          load.openings.push_back({mode.name, check.name, threads, 0, {}, {}});
        }
      }
    }
    // In turns, so that a busy machine slows all of them alike.
    for (uint32_t run = 0; run <= runs; ++run) {
      size_t at = 0;
      for (const auto& mode : kModes) {
        for (const auto& check : kChecks) {
          for (const uint32_t threads : options.threads) {
            gem_bundle_options_t bundle_options;
            gem_bundle_options_init(&bundle_options);
            bundle_options.load_mode = mode.mode;
            bundle_options.hash_check = check.check;
            bundle_options.hash_threads = threads;
            if (run == 0) DropFromMemory(path);
            if (!OpenOnce(path, bundle_options, &load.openings[at++], run == 0, &load.file_size,
                          failure)) {
              return false;
            }
          }
        }
      }
    }
    loads->push_back(std::move(load));
  }
  return true;
}

std::string TextOfLoads(const std::vector<Load>& loads) {
  using Align = tools::Table::Align;
  std::string text;
  for (const Load& load : loads) {
    if (!text.empty()) text += '\n';
    text += Format("%s, %s\n", load.path.c_str(), tools::FormatBytes(load.file_size).c_str());
    tools::Table table(
        {Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
    table.AddRow({"mode", "hashes", "threads", "first", "then", "first session"});
    for (const Opening& opening : load.openings) {
      table.AddRow({opening.mode, opening.hashes, std::to_string(opening.threads),
                    tools::FormatDuration(opening.first_seconds),
                    tools::FormatDuration(Quantile(opening.seconds, 0.5)),
                    tools::FormatDuration(Quantile(opening.session_seconds, 0.5))});
    }
    text += table.ToString(2);
    std::set<uint32_t> seen;
    for (const Opening& opening : load.openings) {
      if (!seen.insert(opening.threads).second) continue;
      const double rate = load.HashRate(opening.threads);
      if (rate == 0) continue;
      text += Format("  hashing on %s: %.2f GB/s\n",
                     tools::FormatPlural(opening.threads, "thread").c_str(), rate * 1e-9);
    }
  }
  return text;
}

std::string JsonOfLoads(const std::vector<Load>& loads) {
  Json document = tools::MakeJsonDocument();
  Json all = Json::array();
  for (const Load& load : loads) {
    Json openings = Json::array();
    for (const Opening& opening : load.openings) {
      const double rate =
          opening.mode == "map" && opening.hashes == "all" ? load.HashRate(opening.threads) : 0;
      openings.push_back({{"mode", opening.mode},
                          {"hashes", opening.hashes},
                          {"threads", opening.threads},
                          {"runs", opening.seconds.size()},
                          {"first_seconds", opening.first_seconds},
                          {"median_seconds", Quantile(opening.seconds, 0.5)},
                          {"lowest_seconds", Quantile(opening.seconds, 0)},
                          {"session_seconds", Quantile(opening.session_seconds, 0.5)},
                          {"hash_bytes_per_second", rate == 0 ? Json() : Json(rate)}});
    }
    all.push_back(
        {{"path", load.path}, {"file_size", load.file_size}, {"openings", std::move(openings)}});
  }
  document["loads"] = std::move(all);
  return tools::DumpJson(document);
}

}  // namespace gem::bench
