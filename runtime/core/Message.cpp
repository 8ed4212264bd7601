// Unpacking messages.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Message.h"

#include <cstdio>

namespace gem {
namespace messages {
namespace {

// The phrases, each with those in it that are shorter as bytes, and a zero at its end.
constexpr size_t kDictionarySize = [] {
  size_t size = 0;
  for (const std::string_view phrase : kPhrases) size += Pack(phrase, phrase.size()).size;
  return size;
}();
alignas(1) constexpr auto kDictionary = [] {
  std::array<char, kDictionarySize> dictionary = {};
  size_t size = 0;
  for (const std::string_view phrase : kPhrases) {
    const PackedText packed = Pack(phrase, phrase.size());
    for (size_t i = 0; i < packed.size; ++i) dictionary[size++] = packed.text[i];
  }
  return dictionary;
}();

}  // namespace

// Recursion ends, since phrases have shorter ones only.
char* Unpack(const char* packed, char* out) {
  for (; *packed != '\0'; ++packed) {
    const auto byte = static_cast<unsigned char>(*packed);
    if (byte < 0x80) {
      *out++ = *packed;
      continue;
    }
    const char* phrase = kDictionary.data();
    for (unsigned i = 0x80; i < byte; ++i) {
      while (*phrase++ != '\0') {
      }
    }
    out = Unpack(phrase, out);
  }
  return out;
}

}  // namespace messages

void FormatPacked(char* out, size_t size, const char* packed, va_list arguments) {
  char format[messages::kMaxSize];  // as was checked when the text was packed
  *messages::Unpack(packed, format) = '\0';
  if (vsnprintf(out, size, format, arguments) < 0) out[0] = '\0';
}

}  // namespace gem
