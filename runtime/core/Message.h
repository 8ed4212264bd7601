// Messages that are packed at compile time: the texts of refusals are much of what a small
// runtime weighs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `"rank: expected %u, but got %u"_msg` is a type that has the text in its name. Whoever
// takes one checks its conversions against the arguments and passes on the packed text:
// phrases that many messages have become single bytes of 0x80 and more.
#ifndef GEM_RUNTIME_CORE_MESSAGE_H
#define GEM_RUNTIME_CORE_MESSAGE_H

#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace gem {

// A string literal as a template parameter.
template <size_t kSize>
struct FixedString {
  constexpr FixedString(const char (&literal)[kSize]) {  // NOLINT: implicit, for _msg
    for (size_t i = 0; i < kSize; ++i) text[i] = literal[i];
  }
  constexpr std::string_view view() const { return {text, kSize - 1}; }

  char text[kSize];
};

// A format as printf has it, of ASCII. Which conversions there may be, and of which
// arguments: `ParseConversion` and `IsConvertible`.
template <FixedString kText>
struct Message {};

template <FixedString kText>
constexpr Message<kText> operator""_msg() {
  return {};
}

// As vsnprintf, of a packed text.
void FormatPacked(char* out, size_t size, const char* packed, va_list arguments);

// The rest is of use to those that take messages, with `CallPacked` at the end.
namespace messages {

// What is coded as a byte: 0x80 is the first. A phrase may contain shorter ones. Each costs
// its packed bytes and one more, once; every use of it saves what it has beyond one byte.
inline constexpr std::string_view kPhrases[] = {
    " (",
    ", ",
    "'%.48s'",
    "%02x ",
    "1 (",
    ": ",
    "a ",
    "after",
    "an ",
    " and ",
    "another",
    "arena",
    ", as input '%.48s' of entry '%.48s' takes, but got %u",
    "at ",
    " at byte ",
    "at least",
    "at position %zu",
    "buffer",
    "buffers",
    "bundle",
    ", but ",
    ", but got ",
    ", but got %u",
    ", but got NULL",
    ", but nothing writes buffer %u",
    "byte",
    " bytes",
    "cannot ",
    "command",
    "constant",
    "CPU driver",
    "%d",
    "element_type: expected 1 (F32)",
    "entries",
    "entry",
    "entry '%.48s'",
    ": expected ",
    ": expected %s",
    ": expected 0",
    ": expected at least ",
    ": expected at most",
    "extent",
    "file",
    " for ",
    "format version",
    "GEM_LOAD_COPY",
    " has",
    " have",
    " in ",
    "input",
    "input %u ('%.48s'): extent %u: expected %u",
    " is ",
    " it",
    "its ",
    "kernels",
    "kind",
    "layout",
    "length",
    "less than",
    "%llu",
    "%llu bytes",
    "maximum",
    "minimum",
    " multiple of ",
    "no memory for",
    "no memory for ",
    "none",
    " of",
    " of ",
    "offset",
    "one",
    "options",
    " or ",
    "output",
    "padding before",
    "preamble",
    "program",
    "quantized ",
    " queries (up to %u)",
    "role",
    "runtime",
    " %s",
    "%s",
    "%s: ",
    "'s ",
    "%s %u (%s): ",
    "segment",
    "segments",
    "session",
    ": shape: expected ",
    "share",
    "signature",
    ", since ",
    " size: expected ",
    "submission %u",
    "symbol",
    "text: ",
    "text: maximum_tokens",
    "text: tokenizer_segment: expected ",
    " that ",
    " the ",
    "the ",
    " the %u ",
    "; the file is damaged or was altered",
    "this ",
    " to",
    "TOKEN_IDS",
    "tokens",
    " %u",
    " %u ",
    " %u (%s)",
    " %u ('%.48s')",
    " %u to be ",
    " %u, but got %u",
    "; use a newer runtime",
    "value",
    "variants",
    "was ",
    " was built for %.160s",
    "which",
    " with ",
    " with key %s...",
    " within the ",
    "%zu",
};
inline constexpr size_t kPhraseCount = std::size(kPhrases);
static_assert(kPhraseCount <= 0x80, "a phrase is coded as a byte from 0x80 to 0xFF");

// Of a message that is unpacked, with the zero at its end.
inline constexpr size_t kMaxSize = 256;

// --- packing -----------------------------------------------------------------

constexpr bool IsAscii(std::string_view text) {
  for (const char character : text) {
    if (character < 0x20 || character > 0x7E) return false;
  }
  return true;
}

// The phrases by their first character, in lists: to look at all of them everywhere would
// take a compiler long.
struct PhraseLists {
  static constexpr uint8_t kEnd = 0xFF;
  uint8_t first[0x80];
  uint8_t next[kPhraseCount];
};
inline constexpr PhraseLists kPhraseLists = [] {
  PhraseLists lists = {};
  for (uint8_t& first : lists.first) first = PhraseLists::kEnd;
  for (size_t i = 0; i < kPhraseCount; ++i) {
    uint8_t& first = lists.first[static_cast<size_t>(kPhrases[i][0])];
    lists.next[i] = first;
    first = static_cast<uint8_t>(i);
  }
  return lists;
}();

struct PackedText {
  char text[kMaxSize] = {};
  size_t size = 0;  // with the zero at the end
};

// The shortest coding of `text` by phrases of less than `limit` characters.
constexpr PackedText Pack(std::string_view text, size_t limit = kMaxSize) {
  // From the end: of what begins at a character, the bytes and the phrase to begin with.
  size_t bytes[kMaxSize] = {};
  uint8_t choices[kMaxSize] = {};
  for (size_t i = text.size(); i-- > 0;) {
    bytes[i] = bytes[i + 1] + 1;
    choices[i] = PhraseLists::kEnd;
    const std::string_view rest = text.substr(i);
    for (uint8_t p = kPhraseLists.first[static_cast<size_t>(text[i])]; p != PhraseLists::kEnd;
         p = kPhraseLists.next[p]) {
      const std::string_view phrase = kPhrases[p];
      if (phrase.size() >= limit || !rest.starts_with(phrase)) continue;
      if (bytes[i + phrase.size()] + 1 >= bytes[i]) continue;
      bytes[i] = bytes[i + phrase.size()] + 1;
      choices[i] = p;
    }
  }
  PackedText packed;
  for (size_t i = 0; i < text.size();) {
    const uint8_t choice = choices[i];
    const bool plain = choice == PhraseLists::kEnd;
    packed.text[packed.size++] = plain ? text[i] : static_cast<char>(0x80 + choice);
    i += plain ? 1 : kPhrases[choice].size();
  }
  ++packed.size;
  return packed;
}

template <FixedString kText>
consteval auto PackExactly() {
  static_assert(sizeof(kText.text) <= kMaxSize, "a message must fit what it is unpacked into");
  static_assert(IsAscii(kText.view()), "a message must be of ASCII without control characters");
  constexpr PackedText packed = Pack(kText.view());
  std::array<char, packed.size> exact = {};
  for (size_t i = 0; i < packed.size; ++i) exact[i] = packed.text[i];
  return exact;
}

// One for all uses of a text. Compilers like to align arrays: that would cost more.
template <FixedString kText>
alignas(1) inline constexpr auto kPacked = PackExactly<kText>();

// Writes the text and returns its end, where the caller writes a zero.
char* Unpack(const char* packed, char* out);

// --- arguments ---------------------------------------------------------------

enum class Conversion : uint8_t {
  kNone,  // not one that messages have
  kInt,
  kUnsigned,
  kLongLong,
  kUnsignedLongLong,
  kSize,
  kPtrdiff,
  kCharacter,
  kDouble,
  kString,
  kPointer,
};

// The conversion that ends with `letter` and has `length` before it.
constexpr Conversion ParseConversion(std::string_view length, char letter) {
  constexpr struct {
    std::string_view length, letters;
    Conversion conversion;
  } kConversions[] = {
      {"", "di", Conversion::kInt},       {"ll", "di", Conversion::kLongLong},
      {"", "uxX", Conversion::kUnsigned}, {"ll", "uxX", Conversion::kUnsignedLongLong},
      {"t", "di", Conversion::kPtrdiff},  {"z", "uxX", Conversion::kSize},
      {"", "c", Conversion::kCharacter},  {"", "eEfFgG", Conversion::kDouble},
      {"", "s", Conversion::kString},     {"", "p", Conversion::kPointer},
  };
  for (const auto& candidate : kConversions) {
    if (candidate.length == length && candidate.letters.find(letter) != std::string_view::npos) {
      return candidate.conversion;
    }
  }
  return Conversion::kNone;
}

struct Conversions {
  Conversion of[kMaxSize] = {};  // each takes at least two characters
  size_t count = 0;
};

// Of each argument; a '*' for a width or precision takes one too.
constexpr Conversions ParseConversions(std::string_view text) {
  Conversions conversions;
  const auto skip = [&](size_t at, std::string_view characters) {
    while (at < text.size() && characters.find(text[at]) != std::string_view::npos) {
      if (text[at++] == '*') conversions.of[conversions.count++] = Conversion::kInt;
    }
    return at;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (text.substr(i, 2) == "%%") {
      ++i;
      continue;
    }
    const size_t length = skip(i + 1, "-+ #0123456789.*");
    i = skip(length, "hljztL");
    conversions.of[conversions.count++] =
        i < text.size() ? ParseConversion(text.substr(length, i - length), text[i])
                        : Conversion::kNone;
  }
  return conversions;
}

template <FixedString kText>
inline constexpr Conversions kConversions = ParseConversions(kText.view());

// Integers are what counts: not truth values and characters, of which a message should say
// something else. An enumeration counts as the integers it is stored as.
template <typename T>
constexpr bool IsInteger(bool is_signed, size_t size) {
  if constexpr (std::is_enum_v<T>) {
    return IsInteger<std::underlying_type_t<T>>(is_signed, size);
  } else {
    return std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char> &&
           std::is_signed_v<T> == is_signed && sizeof(T) <= size;
  }
}

template <typename T>
constexpr bool IsConvertible(Conversion conversion) {
  switch (conversion) {
    case Conversion::kNone:
      return false;
    case Conversion::kInt:
      // An enumeration of C is stored as its compiler likes, and has small values.
      return IsInteger<T>(true, sizeof(int)) || IsInteger<T>(false, sizeof(int) - 1) ||
             (std::is_enum_v<T> && std::is_convertible_v<T, int> && sizeof(T) <= sizeof(int));
    case Conversion::kUnsigned:
      return IsInteger<T>(false, sizeof(unsigned));
    case Conversion::kLongLong:
      return IsInteger<T>(true, sizeof(long long));
    case Conversion::kUnsignedLongLong:
      return IsInteger<T>(false, sizeof(unsigned long long));
    case Conversion::kSize:
      return IsInteger<T>(false, sizeof(size_t));
    case Conversion::kPtrdiff:
      return IsInteger<T>(true, sizeof(ptrdiff_t));
    case Conversion::kCharacter:
      return std::is_same_v<T, char>;
    case Conversion::kDouble:
      return std::is_same_v<T, float> || std::is_same_v<T, double>;
    case Conversion::kString:
      return std::is_same_v<T, const char*> || std::is_same_v<T, char*>;
    case Conversion::kPointer:
      return std::is_pointer_v<T>;
  }
  return false;
}

// Whether a message agrees with its arguments in their number and types.
template <FixedString kText, typename... Args>
constexpr bool Accepts() {
  size_t i = 0;
  return kConversions<kText>.count == sizeof...(Args) &&
         (... && IsConvertible<Args>(kConversions<kText>.of[i++]));
}

// The argument as vsnprintf takes it.
template <Conversion kConversion, typename T>
[[gnu::always_inline]] constexpr auto Convert(T value) {
  if constexpr (kConversion == Conversion::kInt) {
    return static_cast<int>(value);
  } else if constexpr (kConversion == Conversion::kUnsigned) {
    return static_cast<unsigned>(value);
  } else if constexpr (kConversion == Conversion::kLongLong) {
    return static_cast<long long>(value);
  } else if constexpr (kConversion == Conversion::kUnsignedLongLong) {
    return static_cast<unsigned long long>(value);
  } else if constexpr (kConversion == Conversion::kSize) {
    return static_cast<size_t>(value);
  } else if constexpr (kConversion == Conversion::kPtrdiff) {
    return static_cast<ptrdiff_t>(value);
  } else if constexpr (kConversion == Conversion::kDouble) {
    return static_cast<double>(value);
  } else if constexpr (kConversion == Conversion::kPointer) {
    return static_cast<const void*>(value);
  } else {
    return value;
  }
}

template <FixedString kText, typename Function, size_t... kIndices, typename... Args>
[[gnu::always_inline]] inline auto CallConverted(const Function& function,
                                                 std::index_sequence<kIndices...>, Args... args) {
  return function(kPacked<kText>.data(), Convert<kConversions<kText>.of[kIndices]>(args)...);
}

// Calls `function`, which should be inlined and pass all to one with C's variable arguments,
// with the packed text and the arguments as the text's conversions want them.
template <FixedString kText, typename Function, typename... Args>
[[gnu::always_inline]] inline auto CallPacked(Message<kText>, const Function& function,
                                              Args... args) {
  static_assert(Accepts<kText, Args...>(),
                "the conversions of a message must agree with its arguments");
  return CallConverted<kText>(function, std::index_sequence_for<Args...>(), args...);
}

}  // namespace messages
}  // namespace gem

#endif  // GEM_RUNTIME_CORE_MESSAGE_H
