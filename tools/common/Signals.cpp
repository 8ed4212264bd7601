// Ending cleanly when a signal says so.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace gem::tools {
namespace {

// What the handler reads. A tool has one or two outputs; beyond this many a
// temporary file would stay behind after a signal.
constexpr int kSlots = 16;
std::atomic<char*> g_paths[kSlots];

void OnSignal(int signal) {
  const int saved_errno = errno;
  for (std::atomic<char*>& slot : g_paths) {
    const char* path = slot.load(std::memory_order_acquire);
    if (path != nullptr) unlink(path);
  }
  errno = saved_errno;
  // SA_RESETHAND restored the default action; the signal is blocked until this
  // handler returns and then ends the process.
  raise(signal);
}

}  // namespace

void InstallSignalHandlers() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = OnSignal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

RemoveOnSignal::RemoveOnSignal(const std::string& path) {
  char* copy = strdup(path.c_str());
  if (copy == nullptr) return;
  for (int i = 0; i < kSlots; ++i) {
    char* expected = nullptr;
    if (g_paths[i].compare_exchange_strong(expected, copy, std::memory_order_acq_rel)) {
      slot_ = i;
      return;
    }
  }
  std::free(copy);
}

RemoveOnSignal& RemoveOnSignal::operator=(RemoveOnSignal&& other) noexcept {
  if (this != &other) {
    Release();
    slot_ = std::exchange(other.slot_, -1);
  }
  return *this;
}

void RemoveOnSignal::Release() {
  if (slot_ < 0) return;
  // A handler on another thread may still be reading the string: it ends the
  // process, so at worst a few bytes stay unfreed; freeing them would be the risk.
  g_paths[slot_].store(nullptr, std::memory_order_release);
  slot_ = -1;
}

}  // namespace gem::tools
