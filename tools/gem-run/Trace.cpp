// gem-run --trace: where the time of a run goes, as chrome://tracing and Perfetto show it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Trace.h"

#include <unistd.h>

#include <ctime>

#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/gem-run/Options.h"

namespace gem::run {
namespace {

using tools::AppendJsonString;
using tools::Format;

constexpr size_t kFlushBytes = size_t{1} << 16;

// The kernels' threads work on one command together, so there is one track.
constexpr int kThread = 1;

}  // namespace

uint64_t Trace::Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

bool Trace::Open(const std::string& path, std::string* error) {
  if (!file_.Open(path, error)) return false;
  origin_ = Now();
  buffer_ = R"({"displayTimeUnit":"ns","otherData":{"producer":)";
  AppendJsonString(&buffer_, Format("%s %s", kTool, gem_version()));
  buffer_ += R"(},"traceEvents":[)";
  AddMetadata("process_name", kTool);
  AddMetadata("thread_name", "runs");
  return true;
}

bool Trace::Finish(std::string* error) {
  buffer_ += "\n]}\n";
  Flush();
  if (!error_.empty()) {
    *error = error_;
    return false;
  }
  return file_.Commit(error);
}

void Trace::Flush() {
  // After the first failure the file is gone; Finish says why.
  if (error_.empty()) (void)file_.Write(buffer_, &error_);
  buffer_.clear();
}

void Trace::AddMetadata(const char* what, std::string_view name) {
  buffer_ += Format(R"(%s{"ph":"M","pid":%ld,"tid":%d,"name":"%s","args":{"name":)",
                    has_events_ ? ",\n" : "\n", static_cast<long>(getpid()), kThread, what);
  AppendJsonString(&buffer_, name);
  buffer_ += "}}";
  has_events_ = true;
}

void Trace::BeginEvent(std::string_view name, const char* category, uint64_t begin, uint64_t end) {
  const auto microseconds = [](uint64_t ns) {
    return Format("%llu.%03u", static_cast<unsigned long long>(ns / 1000),
                  static_cast<unsigned>(ns % 1000));
  };
  buffer_ += has_events_ ? ",\n{\"name\":" : "\n{\"name\":";
  AppendJsonString(&buffer_, name);
  buffer_ += Format(R"(,"cat":"%s","ph":"X","pid":%ld,"tid":%d,"ts":%s,"dur":%s,"args":{)",
                    category, static_cast<long>(getpid()), kThread,
                    microseconds(begin - origin_).c_str(), microseconds(end - begin).c_str());
  has_events_ = true;
  has_arguments_ = false;
}

void Trace::Argument(std::string_view key, std::string_view value) {
  if (has_arguments_) buffer_ += ',';
  AppendJsonString(&buffer_, key);
  buffer_ += ':';
  AppendJsonString(&buffer_, value);
  has_arguments_ = true;
}

void Trace::Argument(std::string_view key, uint64_t value) {
  if (has_arguments_) buffer_ += ',';
  AppendJsonString(&buffer_, key);
  buffer_ += Format(":%llu", static_cast<unsigned long long>(value));
  has_arguments_ = true;
}

void Trace::EndEvent() {
  buffer_ += "}}";
  if (buffer_.size() >= kFlushBytes) Flush();
}

void Trace::AddMessage(const char* name, const gem_event_t& event) {
  BeginEvent(name, "open", event.begin_ns, event.end_ns);
  Argument("status", gem_status_name(event.status));
  Argument("message", event.text);
  EndEvent();
}

void Trace::OnOpen(void* self, const gem_event_t* event) {
  static_cast<Trace*>(self)->AddMessage("open bundle", *event);
}

void Trace::OnSession(void* self, const gem_event_t* event) {
  auto* trace = static_cast<Trace*>(self);
  if (event->kind == GEM_EVENT_MESSAGE) return trace->AddMessage("create session", *event);
  if (event->kind != GEM_EVENT_COMMAND && event->kind != GEM_EVENT_RUN) return;
  (event->kind == GEM_EVENT_RUN ? trace->runs_ : trace->commands_)
      .push_back({event->status, event->command, event->kernel, event->name, event->format,
                  event->begin_ns, event->end_ns});
}

void Trace::Tokenized(uint64_t begin, size_t bytes, size_t tokens) {
  BeginEvent("tokenize", "text", begin, Now());
  Argument("bytes", bytes);
  Argument("tokens", tokens);
  EndEvent();
}

void Trace::Ran(const gem_session_t* session, size_t tokens) {
  for (const Span& run : runs_) {
    BeginEvent(std::string("run ") + run.kernel, "run", run.begin, run.end);
    Argument("status", gem_status_name(run.status));
    Argument("tokens", tokens);
    EndEvent();
  }
  for (const Span& command : commands_) {
    std::string name = command.kernel;
    if (command.name[0] != '\0') name += std::string(" ") + command.name;
    BeginEvent(name, "command", command.begin, command.end);
    Argument("command", command.command);
    Argument("kernel", command.kernel);
    if (command.format[0] != '\0') Argument("format", command.format);
    gem_command_profile_t profile;
    profile.struct_size = sizeof(profile);
    if (command.status != GEM_STATUS_OK) {
      Argument("status", gem_status_name(command.status));
    } else if (gem_session_command_profile(session, command.command, &profile) == GEM_STATUS_OK) {
      if (profile.macs != 0) Argument("macs", profile.macs);
      if (profile.weight_bytes != 0) Argument("weight_bytes", profile.weight_bytes);
    }
    EndEvent();
  }
  runs_.clear();
  commands_.clear();
}

}  // namespace gem::run
