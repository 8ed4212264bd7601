// Real-time priority for the threads of this process.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/RealTime.h"

#include <sched.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tools/common/Messages.h"
#include "tools/gem-bench/Options.h"

namespace gem::bench {

bool SetRealTime(bool on, std::string* error) {
  sched_param parameter = {};
  parameter.sched_priority = on ? 1 : 0;
  std::error_code failed;
  bool any = false;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", failed)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    // A thread that ended meanwhile needs no priority.
    if (sched_setscheduler(thread, on ? SCHED_FIFO : SCHED_OTHER, &parameter) != 0 &&
        errno != ESRCH) {
      if (error != nullptr) {
        *error = std::string("the system refuses real-time priority: ") + std::strerror(errno);
      }
      if (any && on) (void)SetRealTime(false, nullptr);
      return false;
    }
    any = true;
  }
  if (!any && error != nullptr) *error = "there is no list of threads in /proc";
  return any;
}

void Bursts::Begin() {
  if (!wanted_) return;
  std::string error;
  if (SetRealTime(true, &error)) return;
  tools::Warning(kTool, "--realtime: " + error + "; measuring at normal priority");
  wanted_ = false;
}

void Bursts::End() {
  if (!wanted_) return;
  (void)SetRealTime(false, nullptr);
  // Whatever waited meanwhile gets its turn now rather than in the next burst.
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace gem::bench
