// Ending cleanly when a signal says so.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_SIGNALS_H
#define GEM_TOOLS_COMMON_SIGNALS_H

#include <string>
#include <utility>

namespace gem::tools {

// Makes SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGPIPE remove the temporary files
// registered below and then end the process as they would have without a handler
// (so that a shell sees 130 after Ctrl-C and stops its loop). To be called first
// in main. A signal that was ignored stays ignored.
void InstallSignalHandlers();

// A file to be removed should a signal end the process. The object must not
// outlive the need: its end, or Release(), forgets the file without removing it.
class RemoveOnSignal {
 public:
  RemoveOnSignal() = default;
  explicit RemoveOnSignal(const std::string& path);
  ~RemoveOnSignal() { Release(); }
  RemoveOnSignal(const RemoveOnSignal&) = delete;
  RemoveOnSignal& operator=(const RemoveOnSignal&) = delete;
  RemoveOnSignal(RemoveOnSignal&& other) noexcept : path_(std::exchange(other.path_, nullptr)) {}
  RemoveOnSignal& operator=(RemoveOnSignal&& other) noexcept;

  void Release();

  struct Path;  // what the signal handler knows of it

 private:
  Path* path_ = nullptr;
};

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_SIGNALS_H
