// Conditions on figures, such as "cdtr.mean < 0.98": what --fail-if takes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Condition.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/str_cat.h"
#include "compiler/Report/Figures.h"
#include <algorithm>
#include <cmath>

namespace gem {

namespace {

constexpr size_t kMaxLength = 4096; // bytes
constexpr int kMaxDepth = 64;       // of parentheses and prefix operators

bool isWordStart(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool isWord(char c) { return absl::ascii_isalnum(c) || c == '_'; }

/// The text as one line of as many columns.
std::string shown(std::string_view text) {
  std::string line(text);
  std::replace_if(line.begin(), line.end(), [](char c) { return absl::ascii_isspace(c); }, ' ');
  return report::printable(line);
}

size_t columnOf(std::string_view text, size_t at) {
  return report::displayWidth(shown(text.substr(0, at)));
}

size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// The name that was most likely meant, or "".
std::string nearestOf(std::string_view name, const std::vector<std::string> &known) {
  std::string nearest;
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  if (name.size() > 200) // the table is quadratic
    return nearest;
  for (const std::string &candidate : known) {
    size_t distance = editDistance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

enum class TokenKind { End, Number, Figure, Symbol, Unknown };

struct Token {
  TokenKind kind = TokenKind::End;
  size_t at = 0;
  std::string text; ///< As written; of a figure its name.
  double number = 0;
};

} // namespace

/// Reads a condition from left to right and writes its steps.
class ConditionParser {
public:
  ConditionParser(Condition &condition) : condition(condition), text(condition.text) {}

  absl::Status parse() {
    if (text.size() > kMaxLength)
      return condition.problemAt(kMaxLength, absl::StrCat("expected at most ", kMaxLength,
                                                          " characters, but got ", text.size()));
    next();
    bool isTruth = false;
    if (!disjunction(isTruth))
      return problem;
    if (token.kind != TokenKind::End) {
      fail(token.at, absl::StrCat("expected and, or, an operator or the end", butGot()));
      return problem;
    }
    if (!isTruth)
      fail(0, "expected a comparison such as cdtr.mean < 0.98, but got a number");
    return problem;
  }

private:
  using Operation = Condition::Operation;

  //===--------------------------------------------------------------------===//
  // Words
  //===--------------------------------------------------------------------===//

  void next() {
    previousEnd = cursor;
    while (cursor < text.size() && absl::ascii_isspace(text[cursor]))
      ++cursor;
    token = Token();
    token.at = cursor;
    if (cursor == text.size()) {
      // Where the missing word should begin.
      token.at = cursor == previousEnd ? cursor : previousEnd + 1;
      return;
    }
    char c = text[cursor];
    bool isFraction = c == '.' && cursor + 1 < text.size() && absl::ascii_isdigit(text[cursor + 1]);
    if (absl::ascii_isdigit(c) || isFraction)
      return readNumber();
    if (isWordStart(c) || c == '"' || c == '\'')
      return readFigure();
    token.kind = TokenKind::Symbol;
    for (std::string_view symbol : {"<=", ">=", "==", "!=", "&&", "||"})
      if (text.substr(cursor).starts_with(symbol))
        return take(2);
    if (std::string_view("<>!+-*/()%").find(c) == std::string_view::npos)
      token.kind = TokenKind::Unknown;
    size_t bytes = 1;
    while (cursor + bytes < text.size() && (text[cursor + bytes] & 0xC0) == 0x80)
      ++bytes;
    take(bytes);
  }

  void take(size_t bytes) {
    token.text = text.substr(cursor, bytes);
    cursor += bytes;
  }

  void readNumber() {
    const char *begin = text.data() + cursor;
    absl::from_chars_result result =
        absl::from_chars(begin, text.data() + text.size(), token.number);
    token.kind = result.ec == std::errc() && std::isfinite(token.number) ? TokenKind::Number
                                                                         : TokenKind::Unknown;
    size_t bytes = std::max<size_t>(result.ptr - begin, 1);
    // "12ms", "1.2.3": no number and not two of them.
    while (cursor + bytes < text.size() &&
           (isWord(text[cursor + bytes]) || text[cursor + bytes] == '.')) {
      token.kind = TokenKind::Unknown;
      ++bytes;
    }
    take(bytes);
  }

  /// Names with dots between. `and`, `or` and `not` are symbols.
  void readFigure() {
    token.kind = TokenKind::Figure;
    std::string name;
    bool isPlain = true;
    while (true) {
      char quote = cursor < text.size() ? text[cursor] : 0;
      size_t begin = cursor;
      if (quote == '"' || quote == '\'') {
        isPlain = false;
        for (++cursor; cursor < text.size() && text[cursor] != quote; ++cursor) {
          if (text[cursor] == '\\' && cursor + 1 < text.size())
            ++cursor;
          name += text[cursor];
        }
        if (cursor == text.size()) {
          fail(begin,
               absl::StrCat("expected another ", std::string(1, quote), " that ends the name"));
          token.kind = TokenKind::Unknown;
          return;
        }
        ++cursor;
      } else {
        while (cursor < text.size() && isWord(text[cursor]))
          name += text[cursor++];
        if (cursor == begin) {
          fail(begin, "expected a name behind the dot; one with characters other than letters, "
                      "digits and _ goes in quotes");
          token.kind = TokenKind::Unknown;
          return;
        }
      }
      if (cursor == text.size() || text[cursor] != '.')
        break;
      name += text[cursor++];
    }
    token.text = name;
    if (isPlain && (name == "and" || name == "or" || name == "not"))
      token.kind = TokenKind::Symbol;
  }

  bool is(std::string_view symbol) const {
    return token.kind == TokenKind::Symbol && token.text == symbol;
  }
  bool accept(std::initializer_list<std::string_view> symbols) {
    for (std::string_view symbol : symbols)
      if (is(symbol)) {
        next();
        return true;
      }
    return false;
  }

  //===--------------------------------------------------------------------===//
  // Problems
  //===--------------------------------------------------------------------===//

  /// The first problem counts: a later one may follow from it.
  bool fail(size_t at, const std::string &message) {
    if (problem.ok())
      problem = condition.problemAt(at, message);
    return false;
  }

  std::string butGot() const {
    if (token.kind == TokenKind::End)
      return ", but the condition ends";
    std::string hint;
    if (token.kind == TokenKind::Unknown && absl::ascii_isdigit(token.text[0]))
      hint = "; a number has no unit but %";
    else if (is("%"))
      hint = "; only a number takes %";
    else if (token.text == "=")
      hint = "; equality is ==";
    else if (token.text == "&" || token.text == "|")
      hint = absl::StrCat("; did you mean ", token.text, token.text, "?");
    else if (token.kind == TokenKind::Unknown)
      hint = "; a name with characters other than letters, digits and _ goes in quotes";
    return absl::StrCat(", but got '", shown(token.text), "'", hint);
  }

  bool wantTruth(bool isTruth, size_t at, const std::string &operation) {
    return isTruth || fail(at, absl::StrCat("expected a comparison beside '", operation,
                                            "', but got a number"));
  }
  bool wantNumber(bool isTruth, size_t at, const std::string &operation) {
    return !isTruth ||
           fail(at, absl::StrCat("expected a number beside '", operation, "', but got a comparison",
                                 isComparison(operation)
                                     ? "; comparisons do not chain: write a < b and b < c"
                                     : ""));
  }
  static bool isComparison(std::string_view symbol) {
    return symbol.find_first_of("<>=") != std::string_view::npos;
  }

  //===--------------------------------------------------------------------===//
  // Grammar
  //===--------------------------------------------------------------------===//

  void emit(Operation operation, size_t at) { condition.steps.push_back({operation, at, 0, 0}); }

  bool disjunction(bool &isTruth) {
    size_t left = token.at;
    if (!conjunction(isTruth))
      return false;
    while (is("or") || is("||")) {
      Token operation = token;
      next();
      size_t right = token.at;
      bool isRightTruth = false;
      if (!wantTruth(isTruth, left, operation.text) || !conjunction(isRightTruth) ||
          !wantTruth(isRightTruth, right, operation.text))
        return false;
      emit(Operation::Or, operation.at);
    }
    return true;
  }

  bool conjunction(bool &isTruth) {
    size_t left = token.at;
    if (!negation(isTruth))
      return false;
    while (is("and") || is("&&")) {
      Token operation = token;
      next();
      size_t right = token.at;
      bool isRightTruth = false;
      if (!wantTruth(isTruth, left, operation.text) || !negation(isRightTruth) ||
          !wantTruth(isRightTruth, right, operation.text))
        return false;
      emit(Operation::And, operation.at);
    }
    return true;
  }

  bool negation(bool &isTruth) {
    if (!is("not") && !is("!"))
      return comparison(isTruth);
    Token operation = token;
    if (!enter())
      return false;
    next();
    size_t right = token.at;
    if (!negation(isTruth) || !wantTruth(isTruth, right, operation.text))
      return false;
    --depth;
    emit(Operation::Not, operation.at);
    return true;
  }

  bool comparison(bool &isTruth) {
    size_t left = token.at;
    if (!sum(isTruth))
      return false;
    static constexpr std::pair<std::string_view, Operation> kComparisons[] = {
        {"<", Operation::Less},          {"<=", Operation::LessEqual}, {">", Operation::Greater},
        {">=", Operation::GreaterEqual}, {"==", Operation::Equal},     {"!=", Operation::NotEqual}};
    while (true) {
      auto found = std::find_if(std::begin(kComparisons), std::end(kComparisons),
                                [&](const auto &entry) { return is(entry.first); });
      if (found == std::end(kComparisons))
        return true;
      Token operation = token;
      if (!wantNumber(isTruth, left, operation.text))
        return false;
      next();
      size_t right = token.at;
      bool isRightTruth = false;
      if (!sum(isRightTruth) || !wantNumber(isRightTruth, right, operation.text))
        return false;
      emit(found->second, operation.at);
      isTruth = true;
    }
  }

  bool sum(bool &isTruth) {
    return chain(isTruth, &ConditionParser::product, "+", Operation::Add, "-", Operation::Subtract);
  }
  bool product(bool &isTruth) {
    return chain(isTruth, &ConditionParser::factor, "*", Operation::Multiply, "/",
                 Operation::Divide);
  }

  bool chain(bool &isTruth, bool (ConditionParser::*part)(bool &), std::string_view first,
             Operation firstOperation, std::string_view second, Operation secondOperation) {
    size_t left = token.at;
    if (!(this->*part)(isTruth))
      return false;
    while (is(first) || is(second)) {
      Token operation = token;
      next();
      size_t right = token.at;
      bool isRightTruth = false;
      if (!wantNumber(isTruth, left, operation.text) || !(this->*part)(isRightTruth) ||
          !wantNumber(isRightTruth, right, operation.text))
        return false;
      emit(operation.text == first ? firstOperation : secondOperation, operation.at);
    }
    return true;
  }

  bool factor(bool &isTruth) {
    isTruth = false;
    Token start = token;
    if (is("-") || is("+")) {
      if (!enter())
        return false;
      next();
      size_t right = token.at;
      if (!factor(isTruth) || !wantNumber(isTruth, right, start.text))
        return false;
      --depth;
      if (start.text == "-")
        emit(Operation::Negate, start.at);
      return true;
    }
    if (is("(")) {
      if (!enter())
        return false;
      next();
      if (!disjunction(isTruth))
        return false;
      if (!is(")"))
        return fail(token.at, absl::StrCat("expected ')' for the '(' at column ",
                                           columnOf(text, start.at) + 1, butGot()));
      --depth;
      next();
      return true;
    }
    if (token.kind == TokenKind::Number) {
      double number = token.number;
      next();
      if (accept({"%"}))
        number /= 100;
      condition.steps.push_back({Operation::Number, start.at, number, 0});
      return true;
    }
    if (token.kind == TokenKind::Figure) {
      addFigure(token);
      next();
      return true;
    }
    return fail(token.at, absl::StrCat("expected a figure, a number or '('", butGot()));
  }

  bool enter() {
    return ++depth <= kMaxDepth ||
           fail(token.at, absl::StrCat("expected at most ", kMaxDepth,
                                       " parentheses and signs inside each other"));
  }

  void addFigure(const Token &figure) {
    auto &names = condition.figures;
    size_t index = std::find(names.begin(), names.end(), figure.text) - names.begin();
    if (index == names.size()) {
      names.push_back(figure.text);
      condition.figurePlaces.push_back(figure.at);
    }
    condition.steps.push_back({Operation::Figure, figure.at, 0, index});
  }

  Condition &condition;
  std::string_view text;
  size_t cursor = 0, previousEnd = 0;
  Token token;
  int depth = 0;
  absl::Status problem;
};

absl::StatusOr<Condition> Condition::parse(std::string_view text, std::string_view option) {
  Condition condition;
  condition.text = std::string(text);
  condition.option = std::string(option);
  if (absl::Status status = ConditionParser(condition).parse(); !status.ok())
    return status;
  return condition;
}

absl::Status Condition::problemAt(size_t at, const std::string &message) const {
  constexpr size_t kWidth = 72;
  std::string line = shown(std::string_view(text).substr(0, kMaxLength));
  size_t column = columnOf(text, at);
  std::string head = absl::StrCat(option, ": ", message);
  // Of a long one, what is around the column; its bytes are single columns or it is short.
  if (report::displayWidth(line) <= kWidth)
    return absl::InvalidArgumentError(
        absl::StrCat(head, "\n  ", line, "\n  ", std::string(column, ' '), "^"));
  std::vector<std::string> characters;
  for (char c : line)
    if ((c & 0xC0) == 0x80 && !characters.empty())
      characters.back() += c;
    else
      characters.emplace_back(1, c);
  size_t begin = column > kWidth / 2 ? column - kWidth / 2 : 0;
  size_t end = std::min(characters.size(), begin + kWidth);
  std::string part = begin ? "…" : "";
  for (size_t i = begin; i < end; ++i)
    part += characters[i];
  return absl::InvalidArgumentError(
      absl::StrCat(head, " (column ", column + 1, ")\n  ", part, end < characters.size() ? "…" : "",
                   "\n  ", std::string(column - begin + (begin ? 1 : 0), ' '), "^"));
}

absl::Status Condition::checkFigures(const std::vector<std::string> &known) const {
  for (size_t i = 0; i < figures.size(); ++i) {
    if (std::find(known.begin(), known.end(), figures[i]) != known.end())
      continue;
    // "kl.multilingual-de" without quotes is a difference.
    std::string nearest, list;
    std::string_view rest = std::string_view(text).substr(figurePlaces[i]);
    for (const std::string &name : known)
      if (name.size() > std::max(figures[i].size(), nearest.size()) && rest.starts_with(name))
        nearest = name;
    if (nearest.empty())
      nearest = nearestOf(figures[i], known);
    for (const std::string &name : known)
      absl::StrAppend(&list, list.empty() ? "" : ", ", shown(spellFigure(name)));
    std::string meant = nearest.empty()
                            ? "; the"
                            : absl::StrCat("; did you mean ", shown(spellFigure(nearest)), "? The");
    return problemAt(figurePlaces[i], absl::StrCat("there is no figure '", shown(figures[i]), "'",
                                                   meant, " figures are ", list));
  }
  return absl::OkStatus();
}

Verdict Condition::evaluate(const std::map<std::string, double> &values) const {
  Verdict verdict;
  std::vector<double> known;
  for (const std::string &figure : figures) {
    auto found = values.find(figure);
    bool isKnown = found != values.end() && std::isfinite(found->second);
    if (!isKnown)
      verdict.unknown.push_back(figure);
    known.push_back(isKnown ? found->second : 0);
  }
  if (!verdict.unknown.empty()) {
    for (const std::string &name : verdict.unknown)
      absl::StrAppend(&verdict.reason, verdict.reason.empty() ? "" : ", ",
                      shown(spellFigure(name)));
    verdict.reason += verdict.unknown.size() == 1 ? " is not known" : " are not known";
    return verdict;
  }
  std::vector<double> stack;
  for (const Step &step : steps) {
    if (step.operation == Operation::Number || step.operation == Operation::Figure) {
      stack.push_back(step.operation == Operation::Number ? step.number : known[step.figure]);
      continue;
    }
    double right = stack.back();
    if (step.operation == Operation::Negate || step.operation == Operation::Not) {
      stack.back() = step.operation == Operation::Negate ? -right : (right == 0 ? 1 : 0);
      continue;
    }
    stack.pop_back();
    double &left = stack.back();
    switch (step.operation) {
    case Operation::Add:
      left += right;
      break;
    case Operation::Subtract:
      left -= right;
      break;
    case Operation::Multiply:
      left *= right;
      break;
    case Operation::Divide:
      if (right == 0) {
        verdict.reason = absl::StrCat("it divides by 0 at column ", columnOf(text, step.at) + 1);
        return verdict;
      }
      left /= right;
      break;
    case Operation::Less:
      left = left < right;
      break;
    case Operation::LessEqual:
      left = left <= right;
      break;
    case Operation::Greater:
      left = left > right;
      break;
    case Operation::GreaterEqual:
      left = left >= right;
      break;
    case Operation::Equal:
      left = left == right;
      break;
    case Operation::NotEqual:
      left = left != right;
      break;
    case Operation::And:
      left = left != 0 && right != 0;
      break;
    default: // Or
      left = left != 0 || right != 0;
    }
    // A NaN compares false with all: it must not pass for "no".
    if (!std::isfinite(left)) {
      verdict.reason =
          absl::StrCat("the result at column ", columnOf(text, step.at) + 1, " is too large");
      return verdict;
    }
  }
  verdict.holds = stack.back() != 0;
  return verdict;
}

std::string spellFigure(std::string_view name) {
  // From the first part with odd characters on, all of it is one name in quotes.
  size_t at = 0;
  while (at < name.size()) {
    size_t end = std::min(name.find('.', at), name.size());
    std::string_view part = name.substr(at, end - at);
    bool isPlain = !part.empty() && std::all_of(part.begin(), part.end(), isWord) &&
                   (at > 0 || isWordStart(part[0]));
    if (!isPlain)
      break;
    at = end + 1;
  }
  bool isKeyword = name == "and" || name == "or" || name == "not";
  if (at > name.size() && !isKeyword)
    return std::string(name);
  if (isKeyword)
    at = 0;
  std::string out(name.substr(0, at));
  out += '"';
  for (char c : name.substr(std::min(at, name.size()))) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + '"';
}

} // namespace gem
