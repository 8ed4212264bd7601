// The character classes and mappings of BERT's basic tokenizer.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// As Hugging Face's fast BertNormalizer and BertPreTokenizer have them, which
// the reference implementations of trained models use; categories are those of
// utf8proc's Unicode version.
#ifndef GEM_RUNTIME_TEXT_UNICODE_H
#define GEM_RUNTIME_TEXT_UNICODE_H

#include <cstddef>
#include <cstdint>

namespace gem {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// Decodes the character at `text`, of which `size` >= 1 bytes are there, and
// returns how many it takes. Ill-formed UTF-8 gives U+FFFD for each maximal
// subpart of a character (Unicode, section 3.9, "U+FFFD substitution").
size_t DecodeUtf8(const char* text, size_t size, char32_t* out_character);

// Writes the 1 to 4 bytes of a scalar value and returns how many.
size_t EncodeUtf8(char32_t character, char* out);

namespace internal {
bool IsRemovedByCleaning(char32_t character);
bool IsWhiteSpace(char32_t character);
bool IsPunctuation(char32_t character);
}  // namespace internal

// U+0000, U+FFFD and categories Cc, Cf, Cs and Co, except tab, line feed and
// carriage return. Not Cn, whatever is said of BERT: Hugging Face's tables leave it
// out, and so a character that is newer than the tables is treated as it will be
// once they know it.
inline bool IsRemovedByCleaning(char32_t character) {
  if (character >= 0x80) return internal::IsRemovedByCleaning(character);
  return (character < 0x20 && character != '\t' && character != '\n' && character != '\r') ||
         character == 0x7F;
}

// The property White_Space.
inline bool IsWhiteSpace(char32_t character) {
  if (character >= 0x80) return internal::IsWhiteSpace(character);
  return (character >= 0x09 && character <= 0x0D) || character == 0x20;
}

// ASCII's 32 punctuation and symbol characters, and category P*.
inline bool IsPunctuation(char32_t character) {
  if (character >= 0x80) return internal::IsPunctuation(character);
  return (character >= '!' && character <= '/') || (character >= ':' && character <= '@') ||
         (character >= '[' && character <= '`') || (character >= '{' && character <= '~');
}

// The blocks of CJK ideographs that BERT separates (Hugging Face's ranges).
bool IsCjkIdeograph(char32_t character);

// Category Mn.
bool IsNonspacingMark(char32_t character);

// The property Canonical_Combining_Class; 0 for starters.
uint8_t CombiningClass(char32_t character);

// Full canonical decomposition of one character. Four characters is the most
// Unicode has; `out` has room for kMaxDecomposition.
inline constexpr size_t kMaxDecomposition = 8;
size_t Decompose(char32_t character, char32_t out[kMaxDecomposition]);

// Full lower-case mapping without context (a final sigma stays a sigma).
inline constexpr size_t kMaxLowercase = 2;
size_t Lowercase(char32_t character, char32_t out[kMaxLowercase]);

}  // namespace gem

#endif  // GEM_RUNTIME_TEXT_UNICODE_H
