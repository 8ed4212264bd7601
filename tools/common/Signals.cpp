// Ending cleanly when a signal says so.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace gem::tools {
namespace {

// What the handler reads. A tool has one or two outputs; beyond this many a
// temporary file would stay behind after a signal.
constexpr int kSlots = 16;
struct Path {
  std::string text;
  Path* next = nullptr;
};
std::atomic<Path*> g_paths[kSlots];
// Those that are no longer wanted. A handler on another thread may still be reading
// one, so they are not freed.
std::atomic<Path*> g_retired;

void OnSignal(int signal) {
  const int saved_errno = errno;
  for (std::atomic<Path*>& slot : g_paths) {
    const Path* path = slot.load(std::memory_order_acquire);
    if (path != nullptr) unlink(path->text.c_str());
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
  auto copy = std::make_unique<Path>(Path{path});
  for (int i = 0; i < kSlots; ++i) {
    Path* expected = nullptr;
    if (g_paths[i].compare_exchange_strong(expected, copy.get(), std::memory_order_acq_rel)) {
      copy.release();
      slot_ = i;
      return;
    }
  }
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
  Path* path = g_paths[slot_].exchange(nullptr, std::memory_order_acq_rel);
  slot_ = -1;
  path->next = g_retired.load(std::memory_order_relaxed);
  while (!g_retired.compare_exchange_weak(path->next, path, std::memory_order_acq_rel)) {
  }
}

}  // namespace gem::tools
