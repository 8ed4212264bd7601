// Ending cleanly when a signal says so.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>

namespace gem::tools {

struct RemoveOnSignal::Path {
  const std::string text;
  std::atomic<bool> wanted = true;
  Path* next = nullptr;
};

namespace {

// What the handler reads: every path there ever was. A handler on another thread may be
// reading one that is no longer wanted, so none is ever taken out.
std::atomic<RemoveOnSignal::Path*> g_paths;

void OnSignal(int signal) {
  const int saved_errno = errno;
  for (auto* path = g_paths.load(std::memory_order_acquire); path != nullptr; path = path->next) {
    if (path->wanted.load(std::memory_order_acquire)) unlink(path->text.c_str());
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

RemoveOnSignal::RemoveOnSignal(const std::string& path) : path_(new Path{path}) {
  path_->next = g_paths.load(std::memory_order_relaxed);
  while (!g_paths.compare_exchange_weak(path_->next, path_, std::memory_order_acq_rel)) {
  }
}

RemoveOnSignal& RemoveOnSignal::operator=(RemoveOnSignal&& other) noexcept {
  if (this != &other) {
    Release();
    path_ = std::exchange(other.path_, nullptr);
  }
  return *this;
}

void RemoveOnSignal::Release() {
  if (path_ != nullptr) std::exchange(path_, nullptr)->wanted.store(false);
}

}  // namespace gem::tools
