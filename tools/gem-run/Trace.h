// gem-run --trace: where the time of a run goes, as chrome://tracing and Perfetto show it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_TRACE_H
#define GEM_TOOLS_GEM_RUN_TRACE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gem/gem.h"
#include "tools/common/Output.h"

namespace gem::run {

// Writes the JSON object form of Chrome's trace events: a complete event ("ph": "X",
// microseconds) for opening, creating the session, tokenizing, each run and, within it,
// each command. docs/observability.md describes it. Every run is written as it ends, so
// memory does not grow with the number of texts; the file appears when Finish is called.
class Trace {
 public:
  [[nodiscard]] bool Open(const std::string& path, std::string* error);
  // Also after a failure: what was written is a whole document.
  [[nodiscard]] bool Finish(std::string* error);

  // For the options of the bundle and of the session.
  const gem_observer_t* bundle_observer() const { return &bundle_observer_; }
  const gem_observer_t* session_observer() const { return &session_observer_; }

  // Of CLOCK_MONOTONIC, as the runtime's events are.
  static uint64_t Now();
  // A text of `bytes` bytes was made `tokens` tokens since `begin`.
  void Tokenized(uint64_t begin, size_t bytes, size_t tokens);
  // A run of `tokens` tokens has returned. Its profile says what its commands did.
  void Ran(const gem_session_t* session, size_t tokens);

 private:
  struct Span {
    gem_status_t status;
    uint32_t command;
    const char* kernel;
    const char* name;
    const char* format;
    uint64_t begin, end;
  };

  static void OnOpen(void* self, const gem_event_t* event);
  static void OnSession(void* self, const gem_event_t* event);
  void AddMessage(const char* name, const gem_event_t& event);
  // Begins an event; its arguments and EndEvent follow.
  void BeginEvent(std::string_view name, const char* category, uint64_t begin, uint64_t end);
  void Argument(std::string_view key, std::string_view value);
  void Argument(std::string_view key, uint64_t value);
  void EndEvent();
  void AddMetadata(const char* what, std::string_view name);
  void Flush();

  const gem_observer_t bundle_observer_{this, OnOpen};
  const gem_observer_t session_observer_{this, OnSession};
  tools::OutputFile file_;
  std::string buffer_;
  std::string error_;  // the first of writing
  uint64_t origin_ = 0;
  bool has_events_ = false;
  bool has_arguments_ = false;
  std::vector<Span> commands_;  // of the run that Ran is to be called for
  std::vector<Span> runs_;
};

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_TRACE_H
