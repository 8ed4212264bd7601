// Real-time priority for the threads of this process.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BENCH_REALTIME_H
#define GEM_TOOLS_GEM_BENCH_REALTIME_H

#include <string>

namespace gem::bench {

// Gives every thread of this process the lowest real-time priority (SCHED_FIFO), or
// the normal one. False when the system does not permit it; `*error`, which may be
// null, then says why.
bool SetRealTime(bool on, std::string* error);

// Bursts of real-time priority, as far as they are wanted and permitted.
class Bursts {
 public:
  explicit Bursts(bool wanted) : wanted_(wanted) {}

  void Begin();
  void End();
  bool active() const { return wanted_; }

 private:
  bool wanted_;
};

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_REALTIME_H
