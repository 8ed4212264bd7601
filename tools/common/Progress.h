// Progress of work that takes more than a second.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_PROGRESS_H
#define GEM_TOOLS_COMMON_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace gem::tools {

// A bar on standard error. It appears only on a terminal and only once the work
// has taken a second, and is gone without a trace when the work ends.
class Progress {
 public:
  // `total` 0: unknown, so a count instead of a bar. `enabled` false (--quiet):
  // never shown. `fd` is for tests.
  Progress(std::string label, uint64_t total, bool enabled = true, int fd = 2);
  ~Progress() { Finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total. Cheap: draws at most ten times a second.
  void Update(uint64_t done);

  // Another stage's label; keeps the rest.
  void SetLabel(std::string label) { label_ = std::move(label); }

  // Takes the bar away. What is printed next starts on a clean line.
  void Finish();

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(uint64_t done, Clock::time_point now);

  std::string label_;
  uint64_t total_;
  int fd_;
  bool enabled_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_ + std::chrono::seconds(1);
};

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_PROGRESS_H
