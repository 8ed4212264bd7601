// Tests conditions on figures: what they mean, what is refused, and that nothing crashes them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::map<std::string, double> kFigures = {
    {"cdtr.mean", 0.97},  {"cdtr.min", 0.9}, {"kl.max", 0.02},
    {"bytes", 1500000.0}, {"gg", -0.01},     {"cdtr.multilingual-de", 0.8},
    {"cdtr.it's", 0.5},   {"cdtr.3d", 0.25}, {"accuracy", 0.75},
    {"not", 1.0},
};

/// "true", "false", why it cannot be said, or the first line of what is wrong.
std::string judge(const std::string &text) {
  auto condition = Condition::parse(text);
  if (!condition.ok())
    return std::string(condition.status().message());
  Verdict verdict = condition->evaluate(kFigures);
  return !verdict.holds ? verdict.reason : *verdict.holds ? "true" : "false";
}

TEST(Condition, Compares) {
  EXPECT_EQ(judge("cdtr.mean < 0.98"), "true");
  EXPECT_EQ(judge("cdtr.mean < 0.97"), "false");
  EXPECT_EQ(judge("cdtr.mean <= 0.97"), "true");
  EXPECT_EQ(judge("cdtr.mean > 0.97"), "false");
  EXPECT_EQ(judge("cdtr.mean >= .97"), "true");
  EXPECT_EQ(judge("cdtr.mean == 9.7e-1"), "true");
  EXPECT_EQ(judge("cdtr.mean != 0.97"), "false");
  EXPECT_EQ(judge("0.98>cdtr.mean"), "true");
  EXPECT_EQ(judge("\tcdtr.mean<97%\n"), "false");
  EXPECT_EQ(judge("cdtr.mean <= 97 %"), "true");
  EXPECT_EQ(judge("bytes > 1.4e6"), "true");
}

TEST(Condition, JoinsAndNegates) {
  EXPECT_EQ(judge("accuracy < 1 and gg > 0"), "false");
  EXPECT_EQ(judge("accuracy < 1 && gg < 0"), "true");
  EXPECT_EQ(judge("accuracy > 1 or gg < 0"), "true");
  EXPECT_EQ(judge("accuracy > 1 || gg > 0"), "false");
  // `and` before `or`, `not` before both but after comparisons.
  EXPECT_EQ(judge("1 < 2 or 1 < 2 and 2 < 1"), "true");
  EXPECT_EQ(judge("(1 < 2 or 1 < 2) and 2 < 1"), "false");
  EXPECT_EQ(judge("not accuracy > 1 and 1 < 2"), "true");
  EXPECT_EQ(judge("not (accuracy < 1 and 1 < 2)"), "false");
  EXPECT_EQ(judge("!!accuracy < 1"), "true");
}

TEST(Condition, Calculates) {
  EXPECT_EQ(judge("1 + 2 * 3 == 7"), "true");
  EXPECT_EQ(judge("(1 + 2) * 3 == 9"), "true");
  EXPECT_EQ(judge("10 - 4 - 3 == 3"), "true");
  EXPECT_EQ(judge("16 / 4 / 2 == 2"), "true");
  EXPECT_EQ(judge("-2 * -3 == +6"), "true");
  EXPECT_EQ(judge("- - 2 == 2"), "true");
  EXPECT_EQ(judge("cdtr.mean - cdtr.min > 0.05"), "true");
  EXPECT_EQ(judge("bytes > 2 * 1e6"), "false");
}

TEST(Condition, NamesOfDomainsMayBeOdd) {
  EXPECT_EQ(judge("cdtr.\"multilingual-de\" < 0.81"), "true");
  EXPECT_EQ(judge("'cdtr.multilingual-de' < 0.79"), "false");
  EXPECT_EQ(judge("cdtr.\"it's\" == 0.5"), "true");
  EXPECT_EQ(judge("cdtr.'it\\'s' == 0.5"), "true");
  EXPECT_EQ(judge("cdtr.3d == 0.25"), "true");
  EXPECT_EQ(judge("\"not\" == 1"), "true");
  for (const char *name : {"cdtr.mean", "cdtr.multilingual-de", "cdtr.it's", "cdtr.3d", "not", "a",
                           "kl.\"\\", "kl.", "kl.a.b-c.d", "3d", "", "kl.日本", "or"}) {
    auto condition = Condition::parse(spellFigure(name) + " < 1");
    ASSERT_TRUE(condition.ok()) << condition.status();
    EXPECT_THAT(condition->getFigures(), ElementsAre(name));
  }
  EXPECT_EQ(spellFigure("cdtr.unseen.min"), "cdtr.unseen.min");
  EXPECT_EQ(spellFigure("cdtr.multilingual-de"), "cdtr.\"multilingual-de\"");
}

TEST(Condition, WhatIsNotKnownIsNotSaid) {
  EXPECT_EQ(judge("macro_f1 < 0.5"), "macro_f1 is not known");
  EXPECT_EQ(judge("1 < 2 or macro_f1 < 0.5 or dsi.max > loss"),
            "macro_f1, dsi.max, loss are not known");
  EXPECT_EQ(judge("bytes / (accuracy - 0.75) > 1"), "it divides by 0 at column 7");
  EXPECT_EQ(judge("bytes * 1e308 * 10 > 1"), "the result at column 7 is too large");
  auto condition = Condition::parse("loss < 1");
  for (double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Verdict verdict = condition->evaluate({{"loss", value}});
    EXPECT_FALSE(verdict.holds);
    EXPECT_THAT(verdict.unknown, ElementsAre("loss"));
  }
}

TEST(Condition, SaysWhatWasExpectedAndWhere) {
  EXPECT_EQ(judge("cdtr.mean < "),
            "--fail-if: expected a figure, a number or '(', but the condition ends\n"
            "  cdtr.mean < \n"
            "              ^");
  EXPECT_EQ(judge(""), "--fail-if: expected a figure, a number or '(', but the condition ends\n"
                       "  \n"
                       "  ^");
  EXPECT_EQ(judge("cdtr.mean"),
            "--fail-if: expected a comparison such as cdtr.mean < 0.98, but got a number\n"
            "  cdtr.mean\n"
            "  ^");
  EXPECT_EQ(judge("0.9 < kl.max < 1"), "--fail-if: expected a number beside '<', but got a "
                                       "comparison; comparisons do not chain: write a < b and b < "
                                       "c\n"
                                       "  0.9 < kl.max < 1\n"
                                       "  ^");
  EXPECT_EQ(judge("cdtr.mean = 1"),
            "--fail-if: expected and, or, an operator or the end, but got '='; equality is ==\n"
            "  cdtr.mean = 1\n"
            "            ^");
  EXPECT_EQ(judge("bytes < 6MB"), "--fail-if: expected a figure, a number or '(', but got '6MB'; a "
                                  "number has no unit but %\n"
                                  "  bytes < 6MB\n"
                                  "          ^");
  EXPECT_EQ(judge("bytes < 1 and kl.max"),
            "--fail-if: expected a comparison beside 'and', but got a number\n"
            "  bytes < 1 and kl.max\n"
            "                ^");
  EXPECT_EQ(judge("kl.\"日本 < 1"), "--fail-if: expected another \" that ends the name\n"
                                    "  kl.\"日本 < 1\n"
                                    "     ^");
  // Columns are characters, not bytes; what a terminal obeys is not shown.
  EXPECT_EQ(judge("kl.\"日本\" < \033 1"),
            "--fail-if: expected a figure, a number or '(', but got '�'; a name with characters "
            "other than letters, digits and _ goes in quotes\n"
            "  kl.\"日本\" < � 1\n"
            "            ^");
  EXPECT_THAT(judge("1 < (2 + 3"), StartsWith("--fail-if: expected ')' for the '(' at column 5, "
                                              "but the condition ends\n"));
  EXPECT_THAT(judge("1 < 2)"), HasSubstr("or the end, but got ')'"));
  EXPECT_THAT(judge("kl. < 2"), HasSubstr("expected a name behind the dot"));
  EXPECT_THAT(judge("kl.max% < 2"), HasSubstr("but got '%'; only a number takes %"));
  EXPECT_THAT(judge("1 < 2 & 2 < 1"), HasSubstr("did you mean &&?"));
  EXPECT_THAT(judge("1 < 1.2.3"), HasSubstr("but got '1.2.3'"));
  EXPECT_THAT(judge("1 < 1e999"), HasSubstr("but got '1e999'"));
  EXPECT_THAT(judge("-(1 < 2) < 1"), HasSubstr("expected a number beside '-', but got a comp"));
  EXPECT_THAT(judge("not 1"), HasSubstr("expected a comparison beside 'not', but got a number"));
  EXPECT_THAT(judge("é < 1"), HasSubstr("but got 'é'; a name with"));
}

TEST(Condition, OfALongOneThePartIsShown) {
  std::string text = "1 < 2";
  for (int i = 0; i < 100; ++i)
    text += " and 1 < 2";
  EXPECT_EQ(judge(text), "true");
  text[504] = '~';
  std::string message = judge(text);
  EXPECT_THAT(message, HasSubstr("(column 505)"));
  // The caret is below what it means.
  size_t end = message.rfind('\n'), begin = message.rfind('\n', end - 1);
  std::string line = message.substr(begin + 1, end - begin - 1), caret = message.substr(end + 1);
  ASSERT_THAT(line, StartsWith("  …"));
  EXPECT_EQ(line[caret.size() - 1 + 2], '~'); // "…" has three bytes
  EXPECT_THAT(judge(std::string(5000, '1') + " < 2"), HasSubstr("at most 4096 characters"));
}

TEST(Condition, UnknownFiguresGetTheNearestAndAll) {
  auto messageOf = [](const std::string &text) {
    std::vector<std::string> known;
    for (const auto &[name, value] : kFigures)
      if (name != "not" && name != "cdtr.it's")
        known.push_back(name);
    auto condition = Condition::parse(text);
    EXPECT_TRUE(condition.ok()) << condition.status();
    absl::Status status = condition->checkFigures(known);
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(messageOf("cdtr.mean < gg"), "");
  EXPECT_EQ(messageOf("1 < 2 and cdtr.maen < 1"),
            "--fail-if: there is no figure 'cdtr.maen'; did you mean cdtr.mean? The figures are "
            "accuracy, bytes, cdtr.3d, cdtr.mean, cdtr.min, cdtr.\"multilingual-de\", gg, kl.max\n"
            "  1 < 2 and cdtr.maen < 1\n"
            "            ^");
  EXPECT_THAT(messageOf("cdtr.multilingual-de < 1"),
              HasSubstr("'cdtr.multilingual'; did you mean cdtr.\"multilingual-de\"?"));
  EXPECT_THAT(messageOf("zzzzzzzz < 1"), HasSubstr("'zzzzzzzz'; the figures are accuracy"));
}

//===----------------------------------------------------------------------===//
// Random conditions
//===----------------------------------------------------------------------===//

/// Builds a random condition and says what it means by itself.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  std::pair<std::string, bool> truth(int depth) {
    switch (depth > 0 ? pick(5) : 0) {
    case 1: {
      auto [text, value] = truth(depth - 1);
      return {(pick(2) ? "not (" : "!(") + text + ")", !value};
    }
    case 2:
    case 3: {
      auto [left, a] = truth(depth - 1);
      auto [right, b] = truth(depth - 1);
      bool isAnd = pick(2);
      const char *word = isAnd ? (pick(2) ? " and " : "&&") : (pick(2) ? " or " : "||");
      return {"(" + left + ")" + word + "(" + right + ")", isAnd ? a && b : a || b};
    }
    default: {
      auto [left, a] = number(depth);
      auto [right, b] = number(depth);
      switch (pick(6)) {
      case 0:
        return {left + "<" + right, a < b};
      case 1:
        return {left + " <= " + right, a <= b};
      case 2:
        return {left + ">" + right, a > b};
      case 3:
        return {left + " >= " + right, a >= b};
      case 4:
        return {left + "==" + right, a == b};
      default:
        return {left + " != " + right, a != b};
      }
    }
    }
  }

private:
  int pick(int count) { return static_cast<int>(random() % count); }

  std::pair<std::string, double> number(int depth) {
    if (depth <= 0 || pick(3) == 0) {
      if (pick(2))
        return {"gg", -0.01};
      int value = pick(100);
      return pick(2) ? std::pair(std::to_string(value), value + 0.0)
                     : std::pair(std::to_string(value) + "%", value / 100.0);
    }
    auto [left, a] = number(depth - 1);
    auto [right, b] = number(depth - 1);
    switch (pick(4)) {
    case 0:
      return {"(" + left + " + " + right + ")", a + b};
    case 1:
      return {"(" + left + "-(" + right + "))", a - b};
    case 2:
      return {"(" + left + ")*(" + right + ")", a * b};
    default:
      return {"-(" + left + ")", -a};
    }
  }

  std::mt19937 random;
};

TEST(Condition, RandomOnesMeanWhatTheyAreBuiltFrom) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    auto [text, expected] = Generator(seed).truth(4);
    if (text.size() <= 4096)
      ASSERT_EQ(judge(text), expected ? "true" : "false") << text;
  }
}

TEST(Condition, NoTextCrashesIt) {
  std::mt19937 random(7);
  const std::vector<std::string> words = {
      "cdtr.mean", "kl.\"a-b\"", "0.98", "1e3",  "%", "<", "<=", "==", "!=", "!",  "not", "and",
      "or",        "&&",         "||",   "(",    ")", "+", "-",  "*",  "/",  ".",  "\"",  "'",
      "\\",        " ",          "\n",   "\xFF", "é", "=", "&",  "a.", "1.", ".5", "\0x"};
  int refused = 0, judged = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t length = random() % 8; length; --length)
      text += i % 4 ? words[random() % words.size()]
                    : std::string(1, static_cast<char>(random() % 256));
    auto condition = Condition::parse(text);
    if (condition.ok()) {
      ++judged;
      condition->evaluate(kFigures);
      (void)condition->checkFigures({"gg"});
      continue;
    }
    ++refused;
    // Three lines, whatever was in the text.
    std::string message(condition.status().message());
    ASSERT_EQ(std::count(message.begin(), message.end(), '\n'), 2) << text;
    ASSERT_EQ(message.back(), '^') << text;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(judged, 20);
  for (const char *nested : {"(", "-", "!", "not ", "+(", "!("}) {
    std::string text;
    while (text.size() + 8 < 4096)
      text += nested;
    EXPECT_THAT(judge(text), HasSubstr("at most 64 parentheses and signs")) << nested;
  }
  EXPECT_EQ(judge(std::string(64, '(') + "1" + std::string(64, ')') + "<2"), "true");
}

} // namespace
} // namespace gem
