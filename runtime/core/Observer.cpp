// Telling an observer what happens.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Observer.h"

#include <cstdarg>
#include <ctime>

#include "runtime/core/Status.h"

namespace gem {

uint64_t Nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

gem_status_t CheckObserver(const gem_observer_t* observer, gem_error_t* error) {
  if (observer == nullptr || observer->event != nullptr) return GEM_STATUS_OK;
  return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
              "observer: expected an event function, but got NULL"_msg);
}

void Observer::Tell(gem_event_kind_t kind, uint64_t begin, uint64_t end, gem_status_t status,
                    const char* text, uint32_t command, const char* kernel, const char* name,
                    const char* format) const {
  if (!exists()) return;
  const gem_event_t event = {.struct_size = sizeof(event),
                             .kind = kind,
                             .status = status,
                             .text = text,
                             .command = command,
                             .kernel = kernel,
                             .name = name,
                             .format = format,
                             .begin_ns = begin,
                             .end_ns = end};
  observer_.event(observer_.self, &event);
}

void Observer::Command(uint64_t begin, uint64_t end, gem_status_t status, uint32_t command,
                       const char* kernel, const char* name, const char* format) const {
  Tell(GEM_EVENT_COMMAND, begin, end, status, "", command, kernel, name, format);
}

void Observer::Run(uint64_t begin, gem_status_t status, const char* entry) const {
  Tell(GEM_EVENT_RUN, begin, Now(), status, "", 0, entry, "", "");
}

void Observer::MessagePacked(uint64_t begin, const char* packed, ...) const {
  if (!exists()) return;
  gem_error_t line;
  va_list arguments;
  va_start(arguments, packed);
  FailPackedV(&line, GEM_STATUS_OK, packed, arguments);
  va_end(arguments);
  Failure(begin, line);
}

void Observer::Failure(uint64_t begin, const gem_error_t& error) const {
  Tell(GEM_EVENT_MESSAGE, begin, Now(), error.status, error.message, 0, "", "", "");
}

}  // namespace gem
