// Filling a gem_error_t.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Status.h"

#include <cstring>

namespace gem {

unsigned Utf8SequenceLength(const char* text, size_t size) {
  if (size == 0) return 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text);
  const unsigned char lead = bytes[0];
  if (lead < 0x80) return 1;
  unsigned length = 0;
  // The range of the second byte excludes overlong forms and surrogates.
  unsigned char low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  }
  if (length == 0 || length > size || bytes[1] < low || bytes[1] > high) return 0;
  for (unsigned i = 2; i < length; ++i) {
    if (bytes[i] < 0x80 || bytes[i] > 0xBF) return 0;
  }
  return length;
}

gem_status_t FailPackedV(gem_error_t* error, gem_status_t status, const char* packed,
                         va_list arguments) {
  if (error == nullptr) return status;
  error->status = status;
  char* message = error->message;
  FormatPacked(message, sizeof(error->message), packed, arguments);
  // A message that was cut may end within a sequence, so this comes last.
  const size_t size = strlen(message);
  size_t out = 0;
  for (size_t in = 0; in < size;) {
    const unsigned length = Utf8SequenceLength(message + in, size - in);
    if (length == 0 || (length == 1 && (message[in] < 0x20 || message[in] == 0x7F))) {
      message[out++] = length == 0 ? '?' : ' ';
      ++in;
      continue;
    }
    memmove(message + out, message + in, length);
    out += length;
    in += length;
  }
  message[out] = '\0';
  return status;
}

gem_status_t FailPacked(gem_error_t* error, gem_status_t status, const char* packed, ...) {
  va_list arguments;
  va_start(arguments, packed);
  FailPackedV(error, status, packed, arguments);
  va_end(arguments);
  return status;
}

gem_status_t Succeed(gem_error_t* error) {
  if (error != nullptr) {
    error->status = GEM_STATUS_OK;
    error->message[0] = '\0';
  }
  return GEM_STATUS_OK;
}

}  // namespace gem
