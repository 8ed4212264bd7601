// Conditions on figures, such as "cdtr.mean < 0.98": what --fail-if takes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   condition  := conjunction (("or" | "||") conjunction)*
//   conjunction:= negation (("and" | "&&") negation)*
//   negation   := ("not" | "!") negation | comparison
//   comparison := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
//   sum        := product (("+" | "-") product)*
//   product    := factor (("*" | "/") factor)*
//   factor     := ("-" | "+") factor | number "%"? | figure | "(" condition ")"
//   figure     := part ("." part)*      e.g. cdtr.mean, kl."multilingual-de"
//   part       := letters, digits and "_", or any text in quotes, " or '
//
// 98% is 0.98. A figure begins with a letter or quotes; inside quotes \ takes the next
// character as it is. Numbers and truth values do not mix: a condition is a comparison, or
// several joined.

#ifndef GEM_COMPILER_EVALUATION_CONDITION_H
#define GEM_COMPILER_EVALUATION_CONDITION_H

#include "absl/status/statusor.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gem {

/// Whether a condition holds.
struct Verdict {
  /// Not set when it cannot be said: a figure is not known, or arithmetic has no finite result.
  std::optional<bool> holds;
  std::vector<std::string> unknown; ///< Figures without a value, in order, each once.
  std::string reason;               ///< Why it cannot be said: "the divisor at column 5 is 0".
};

class Condition {
public:
  /// Whatever the text is: InvalidArgument says what was expected, and its second and third
  /// lines show the text with a caret below the column. `option` begins the message.
  static absl::StatusOr<Condition> parse(std::string_view text,
                                         std::string_view option = "--fail-if");

  const std::string &getText() const { return text; }

  /// The figures that it names, unquoted ("kl.multilingual-de"), in order, each once.
  const std::vector<std::string> &getFigures() const { return figures; }

  /// InvalidArgument, with a caret as above, the nearest name and all of `known`, when it names
  /// a figure that is not among them.
  absl::Status checkFigures(const std::vector<std::string> &known) const;

  /// Every figure must have a finite value, used or not: "a < 1 or b < 1" cannot be said
  /// without b.
  Verdict evaluate(const std::map<std::string, double> &figures) const;

private:
  friend class ConditionParser;
  enum class Operation : uint8_t {
    Number,
    Figure,
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    Not,
    And,
    Or,
  };
  /// Of a program for a stack of numbers; truth is 0 or 1. No tree: nothing recurses over what
  /// people write.
  struct Step {
    Operation operation;
    size_t at = 0;     ///< Byte of `text` that it comes from.
    double number = 0; ///< Number
    size_t figure = 0; ///< Figure: index into `figures`
  };

  absl::Status problemAt(size_t at, const std::string &message) const;

  std::string text, option;
  std::vector<std::string> figures;
  std::vector<size_t> figurePlaces; ///< Of each figure's first use in `text`.
  std::vector<Step> steps;
};

/// A figure's name as a condition spells it: with quotes where it needs them.
std::string spellFigure(std::string_view name);

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_CONDITION_H
