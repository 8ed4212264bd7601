// Telling an observer what happens.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_OBSERVER_H
#define GEM_RUNTIME_CORE_OBSERVER_H

#include <cstdint>

#include "gem/gem.h"
#include "runtime/core/Message.h"

namespace gem {

// Of the monotonic clock that gem_event_t documents.
uint64_t Nanoseconds();

// Checks that an observer of the caller has its function. Null is allowed.
gem_status_t CheckObserver(const gem_observer_t* observer, gem_error_t* error);

// A copy of a caller's observer. Without one nothing looks at the clock.
class Observer {
 public:
  Observer() = default;
  explicit Observer(const gem_observer_t* observer) {
    if (observer != nullptr) observer_ = *observer;
  }

  bool exists() const { return observer_.event != nullptr; }
  // The time, if anybody wants to know.
  uint64_t Now() const { return exists() ? Nanoseconds() : 0; }

  void Command(uint64_t begin, uint64_t end, gem_status_t status, uint32_t command,
               const char* kernel, const char* name, const char* format) const;
  // These end now.
  void Run(uint64_t begin, gem_status_t status, const char* entry) const;
  // The text becomes one line of valid UTF-8, as those of errors do.
  template <FixedString kText, typename... Args>
  [[gnu::always_inline]] void Message(uint64_t begin, gem::Message<kText> text,
                                      Args... args) const {
    messages::CallPacked(
        text,
        [=, this](auto... values)
            __attribute__((always_inline)) { MessagePacked(begin, values...); },
        args...);
  }
  // Opening or creating has failed.
  void Failure(uint64_t begin, const gem_error_t& error) const;

 private:
  void MessagePacked(uint64_t begin, const char* packed, ...) const;
  void Tell(gem_event_kind_t kind, uint64_t begin, uint64_t end, gem_status_t status,
            const char* text, uint32_t command, const char* kernel, const char* name,
            const char* format) const;

  gem_observer_t observer_ = {};
};

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_OBSERVER_H
