// The character classes and mappings of BERT's basic tokenizer.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/text/Unicode.h"

#include <utf8proc.h>

namespace gem {
namespace {

utf8proc_category_t Category(char32_t character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

}  // namespace

size_t DecodeUtf8(const char* text, size_t size, char32_t* out_character) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    *out_character = lead;
    return 1;
  }

  // Which second bytes are possible depends on the lead (Unicode, table 3-7):
  // this keeps out overlong forms, surrogates and values past U+10FFFF.
  size_t length;
  unsigned char low = 0x80, high = 0xBF;
  char32_t value;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    value = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    value = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    *out_character = kReplacementCharacter;
    return 1;
  }

  for (size_t i = 1; i < length; ++i) {
    if (i == size || byte(i) < low || byte(i) > high) {
      *out_character = kReplacementCharacter;
      return i;
    }
    value = value << 6 | (byte(i) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  *out_character = value;
  return length;
}

size_t EncodeUtf8(char32_t character, char* out) {
  return static_cast<size_t>(utf8proc_encode_char(static_cast<utf8proc_int32_t>(character),
                                                  reinterpret_cast<utf8proc_uint8_t*>(out)));
}

namespace internal {

bool IsRemovedByCleaning(char32_t character) {
  if (character == kReplacementCharacter) return true;
  switch (Category(character)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      return true;
    default:
      return false;
  }
}

bool IsWhiteSpace(char32_t character) {
  return character == 0x85 || character == 0xA0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200A) || character == 0x2028 ||
         character == 0x2029 || character == 0x202F || character == 0x205F || character == 0x3000;
}

bool IsPunctuation(char32_t character) {
  switch (Category(character)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return true;
    default:
      return false;
  }
}

}  // namespace internal

bool IsCjkIdeograph(char32_t character) {
  if (character < 0x3400) return false;
  // Extension E starts at U+2B920 (not U+2B820) in Hugging Face's fast
  // tokenizers, and so in what models were trained on.
  return (character >= 0x4E00 && character <= 0x9FFF) ||
         (character >= 0x3400 && character <= 0x4DBF) ||
         (character >= 0x20000 && character <= 0x2A6DF) ||
         (character >= 0x2A700 && character <= 0x2B73F) ||
         (character >= 0x2B740 && character <= 0x2B81F) ||
         (character >= 0x2B920 && character <= 0x2CEAF) ||
         (character >= 0xF900 && character <= 0xFAFF) ||
         (character >= 0x2F800 && character <= 0x2FA1F);
}

bool IsNonspacingMark(char32_t character) {
  return character >= 0x300 && Category(character) == UTF8PROC_CATEGORY_MN;
}

uint8_t CombiningClass(char32_t character) {
  if (character < 0x300) return 0;
  return static_cast<uint8_t>(
      utf8proc_get_property(static_cast<utf8proc_int32_t>(character))->combining_class);
}

size_t Decompose(char32_t character, char32_t out[kMaxDecomposition]) {
  if (character < 0xC0) {
    out[0] = character;
    return 1;
  }
  utf8proc_int32_t decomposed[kMaxDecomposition];
  int boundary = 0;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(character), decomposed,
                              kMaxDecomposition, UTF8PROC_DECOMPOSE, &boundary);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(kMaxDecomposition)) {
    out[0] = character;
    return 1;
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) out[i] = static_cast<char32_t>(decomposed[i]);
  return static_cast<size_t>(count);
}

size_t Lowercase(char32_t character, char32_t out[kMaxLowercase]) {
  if (character < 0x80) {
    out[0] = character >= 'A' && character <= 'Z' ? character + ('a' - 'A') : character;
    return 1;
  }
  // The one character whose unconditional mapping has two (SpecialCasing.txt).
  if (character == 0x130) {
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
  }
  out[0] = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
  return 1;
}

}  // namespace gem
