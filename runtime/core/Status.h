// Filling a gem_error_t.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_STATUS_H
#define GEM_RUNTIME_CORE_STATUS_H

#include <cstdarg>

#include "gem/gem.h"
#include "runtime/core/Message.h"

namespace gem {

// What `Fail` calls, with the packed text.
gem_status_t FailPacked(gem_error_t* error, gem_status_t status, const char* packed, ...);
gem_status_t FailPackedV(gem_error_t* error, gem_status_t status, const char* packed,
                         va_list arguments);

// Fills `error`, when it is not null, with `status` and a formatted message, and
// returns `status`. The message becomes one line of valid UTF-8 whatever the
// arguments held, since names in it may come from a file nobody trusts.
template <FixedString kText, typename... Args>
[[gnu::always_inline]] inline gem_status_t Fail(gem_error_t* error, gem_status_t status,
                                                Message<kText> message, Args... args) {
  return messages::CallPacked(
      message,
      [=](auto... values)
          __attribute__((always_inline)) { return FailPacked(error, status, values...); },
      args...);
}

// Sets `error`, when it is not null, to OK with an empty message.
gem_status_t Succeed(gem_error_t* error);

// The number of bytes of the UTF-8 sequence at `text`, of which `size` bytes
// are left; 0 when it is not well-formed (RFC 3629: no overlong forms, no
// surrogates, at most U+10FFFF).
unsigned Utf8SequenceLength(const char* text, size_t size);

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_STATUS_H
