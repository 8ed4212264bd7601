// Messages: that what is packed at compile time reads as printf would have written it, and
// which arguments a text takes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Message.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "runtime/core/Status.h"

namespace gem {
namespace {

std::string Unpack(const char* packed) {
  char out[messages::kMaxSize];
  return std::string(out, messages::Unpack(packed, out));
}

template <FixedString kText, typename... Args>
std::string MessageOf(Message<kText> message, Args... args) {
  gem_error_t error;
  EXPECT_EQ(Fail(&error, GEM_STATUS_CORRUPT, message, args...), GEM_STATUS_CORRUPT);
  EXPECT_EQ(error.status, GEM_STATUS_CORRUPT);
  return error.message;
}

// --- packing -----------------------------------------------------------------

TEST(MessageTest, EveryPhraseIsOneByteThatUnpacksToIt) {
  for (size_t i = 0; i < messages::kPhraseCount; ++i) {
    const std::string_view phrase = messages::kPhrases[i];
    SCOPED_TRACE(phrase);
    const messages::PackedText packed = messages::Pack(phrase);
    ASSERT_EQ(packed.size, 2u);
    EXPECT_EQ(static_cast<unsigned char>(packed.text[0]), 0x80 + i);
    EXPECT_EQ(packed.text[1], '\0');
    EXPECT_EQ(Unpack(packed.text), phrase);
  }
}

TEST(MessageTest, PhrasesUnpackBesideEachOtherAndBetweenOtherText) {
  for (const std::string_view first : messages::kPhrases) {
    for (const std::string_view second : messages::kPhrases) {
      std::string text("~");
      text.append(first).append(second).append("~").append(first);
      const messages::PackedText packed = messages::Pack(text);
      // At most a byte for each phrase.
      EXPECT_LE(packed.size, 6u) << text;
      EXPECT_EQ(Unpack(packed.text), text);
    }
  }
}

TEST(MessageTest, PhrasesAreDistinctAndOfAscii) {
  for (size_t i = 0; i < messages::kPhraseCount; ++i) {
    EXPECT_TRUE(messages::IsAscii(messages::kPhrases[i])) << messages::kPhrases[i];
    // One of a character, or none, saves nothing.
    EXPECT_GE(messages::kPhrases[i].size(), 2u) << messages::kPhrases[i];
    for (size_t j = 0; j < i; ++j) EXPECT_NE(messages::kPhrases[i], messages::kPhrases[j]);
  }
}

TEST(MessageTest, PacksToExactlyWhatItTakes) {
  EXPECT_EQ(messages::kPacked<"#~">.size(), 3u);
  EXPECT_EQ(std::string(messages::kPacked<"#~">.data()), "#~");
  EXPECT_EQ(messages::kPacked<"">.size(), 1u);
  EXPECT_EQ(messages::kPacked<": expected ">.size(), 2u);
  EXPECT_EQ(messages::kPacked<"#: expected ~">.size(), 4u);
}

TEST(MessageTest, PacksAsShortAsPossible) {
  // The longest phrase first would not always be it; no split into two takes less.
  constexpr std::string_view kText = "buffer %u: offset: expected its %llu bytes within the arena";
  const size_t size = messages::Pack(kText).size;
  EXPECT_LT(size, kText.size() / 2);
  for (size_t i = 1; i < kText.size(); ++i) {
    EXPECT_LE(size,
              messages::Pack(kText.substr(0, i)).size - 1 + messages::Pack(kText.substr(i)).size);
  }
}

// --- formatting --------------------------------------------------------------

TEST(MessageTest, FormatsEveryConversion) {
  EXPECT_EQ(MessageOf("%d %i"_msg, -1, 2), "-1 2");
  EXPECT_EQ(MessageOf("%u %x %X"_msg, 4294967295u, 0xabu, 0xabu), "4294967295 ab AB");
  EXPECT_EQ(MessageOf("%lld %lli"_msg, INT64_MIN, int64_t{-1}), "-9223372036854775808 -1");
  EXPECT_EQ(MessageOf("%llu %llx"_msg, UINT64_MAX, uint64_t{255}), "18446744073709551615 ff");
  EXPECT_EQ(MessageOf("%zu %zx"_msg, size_t{17}, size_t{17}), "17 11");
  EXPECT_EQ(MessageOf("%td"_msg, ptrdiff_t{-17}), "-17");
  EXPECT_EQ(MessageOf("%c%c"_msg, 'a', 'b'), "ab");
  EXPECT_EQ(MessageOf("%.10g %f %.1e"_msg, 0.1, 0.5f, 1234.0), "0.1 0.500000 1.2e+03");
  EXPECT_EQ(
      MessageOf("'%s' '%.3s' '%5s' '%-5s' '%.*s'"_msg, "abcdef", "abcdef", "ab", "ab", 2, "abcdef"),
      "'abcdef' 'abc' '   ab' 'ab   ' 'ab'");
  EXPECT_EQ(MessageOf("%02x%02x"_msg, uint8_t{0x4d}, uint8_t{1}), "4d01");
  EXPECT_EQ(MessageOf("100%% of %u%%"_msg, 3u), "100% of 3%");
  int place;
  char expected[32];
  snprintf(expected, sizeof(expected), "at %p", static_cast<void*>(&place));
  EXPECT_EQ(MessageOf("at %p"_msg, &place), expected);
}

enum class Small : uint8_t { kThree = 3 };
enum class Large : uint64_t { kMany = uint64_t{1} << 40 };

TEST(MessageTest, WidensWhatAConversionTakesMoreOf) {
  EXPECT_EQ(MessageOf("%llu %llu %llu"_msg, uint8_t{1}, uint16_t{2}, 3u), "1 2 3");
  EXPECT_EQ(MessageOf("%llu %llu"_msg, Small::kThree, Large::kMany), "3 1099511627776");
  EXPECT_EQ(MessageOf("%u %u"_msg, Small::kThree, uint16_t{65535}), "3 65535");
  EXPECT_EQ(MessageOf("%lld %lld"_msg, int8_t{-1}, -2), "-1 -2");
  EXPECT_EQ(MessageOf("%zu"_msg, 4294967295u), "4294967295");
  EXPECT_EQ(MessageOf("%d %d"_msg, int16_t{-3}, uint8_t{200}), "-3 200");
  EXPECT_EQ(MessageOf("%d"_msg, GEM_STATUS_CORRUPT), std::to_string(GEM_STATUS_CORRUPT));
}

TEST(MessageTest, FormatsManyArgumentsInTheirOrder) {
  EXPECT_EQ(MessageOf("%u %s %llu %d %.1f %u %s %llu %d %.1f %u %s"_msg, 1u, "b", uint64_t{3}, 4,
                      5.0, 6u, "g", uint64_t{8}, 9, 10.0, 11u, "l"),
            "1 b 3 4 5.0 6 g 8 9 10.0 11 l");
}

TEST(MessageTest, ReadsAsItWasWritten) {
  EXPECT_EQ(MessageOf("no phrase"_msg), "no phrase");
  EXPECT_EQ(MessageOf(""_msg), "");
  EXPECT_EQ(MessageOf("input %u ('%.48s'): extent %u: expected %u to %u, but got %u"_msg, 1u,
                      "token_ids", 0u, 2u, 128u, 129u),
            "input 1 ('token_ids'): extent 0: expected 2 to 128, but got 129");
  EXPECT_EQ(MessageOf("two "
                      "literals: "
                      "%s"_msg,
                      "one text"),
            "two literals: one text");
}

TEST(MessageTest, ArgumentsAreNotUnpacked) {
  // Bytes of an argument that would be phrases in a text; UTF-8 stays as it is.
  EXPECT_EQ(MessageOf("'%s'"_msg,
                      "Gr\xc3\xbc\xc3\x9f"
                      "e \xe2\x82\xac"),
            "'Gr\xc3\xbc\xc3\x9f"
            "e \xe2\x82\xac'");
  EXPECT_EQ(MessageOf("'%s'"_msg, "\x80\xff%s"), "'??%s'");
}

TEST(MessageTest, LongMessagesAreCut) {
  const std::string name(4 * sizeof(gem_error_t), 'n');
  EXPECT_EQ(MessageOf("name: '%s'"_msg, name.c_str()),
            ("name: '" + name).substr(0, sizeof(gem_error_t::message) - 1));
}

TEST(MessageTest, TheLongestTextFits) {
  constexpr FixedString kLongest = [] {
    char text[messages::kMaxSize];
    for (char& character : text) character = '#';
    text[messages::kMaxSize - 1] = '\0';
    return FixedString(text);
  }();
  EXPECT_EQ(messages::kPacked<kLongest>.size(), messages::kMaxSize);
  EXPECT_EQ(Unpack(messages::kPacked<kLongest>.data()), std::string(messages::kMaxSize - 1, '#'));
}

TEST(MessageTest, NobodyNeedsToWantTheMessage) {
  EXPECT_EQ(Fail(nullptr, GEM_STATUS_IO, "%s: cannot open: %s"_msg, "a", "b"), GEM_STATUS_IO);
}

// --- what a text takes --------------------------------------------------------

using messages::Accepts;

enum class Signed : int8_t {};

// The number of arguments.
static_assert(Accepts<"no conversion">());
static_assert(!Accepts<"no conversion", int>());
static_assert(!Accepts<"%u">());
static_assert(!Accepts<"%u", unsigned, unsigned>());
static_assert(Accepts<"100%%">());
static_assert(!Accepts<"100%%", unsigned>());
static_assert(Accepts<"%.*s", int, const char*>());
static_assert(!Accepts<"%.*s", const char*>());
static_assert(!Accepts<"%.*s", size_t, const char*>());
static_assert(Accepts<"%*u", int, unsigned>());
// Signed and unsigned, and how wide.
static_assert(!Accepts<"%u", int>() && !Accepts<"%d", unsigned>());
static_assert(!Accepts<"%u", uint64_t>() && !Accepts<"%d", int64_t>());
static_assert(!Accepts<"%llu", int64_t>() && !Accepts<"%lld", uint64_t>());
static_assert(Accepts<"%llu", unsigned long>() && Accepts<"%llu", unsigned long long>());
static_assert(Accepts<"%zu", unsigned long>() == (sizeof(long) <= sizeof(size_t)));
static_assert(!Accepts<"%zu", int>() && !Accepts<"%td", size_t>());
static_assert(!Accepts<"%u", bool>() && !Accepts<"%d", bool>());
static_assert(!Accepts<"%u", char>() && !Accepts<"%d", char>());
// Enumerations.
static_assert(Accepts<"%u", Small>() && Accepts<"%llu", Small>());
static_assert(!Accepts<"%u", Large>() && Accepts<"%llu", Large>());
static_assert(Accepts<"%d", Signed>() && !Accepts<"%u", Signed>());
static_assert(Accepts<"%d", gem_status_t>());
// Others.
static_assert(Accepts<"%s", char*>() && Accepts<"%s", const char*>());
static_assert(!Accepts<"%s", const uint8_t*>() && !Accepts<"%s", std::string>());
static_assert(!Accepts<"%s", std::nullptr_t>() && !Accepts<"%s", unsigned>());
static_assert(Accepts<"%p", const void*>() && Accepts<"%p", const int*>());
static_assert(!Accepts<"%p", uintptr_t>());
static_assert(Accepts<"%g", double>() && Accepts<"%g", float>());
static_assert(!Accepts<"%g", int>() && !Accepts<"%g", long double>());
static_assert(Accepts<"%c", char>() && !Accepts<"%c", int>());
// What printf knows and messages do not have.
static_assert(!Accepts<"%n", int*>());
static_assert(!Accepts<"%ld", long>() && !Accepts<"%lu", unsigned long>());
static_assert(!Accepts<"%hhu", unsigned char>());
static_assert(!Accepts<"%", int>() && !Accepts<"%5", int>() && !Accepts<"%y", int>());
static_assert(!Accepts<"%Lf", long double>());

// Texts that cannot be packed.
static_assert(!messages::IsAscii("\xc3\xbc"));
static_assert(!messages::IsAscii("two\nlines"));
static_assert(messages::IsAscii("one line ~"));

}  // namespace
}  // namespace gem
