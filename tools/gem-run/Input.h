// The texts to run, one after the other.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_INPUT_H
#define GEM_TOOLS_GEM_RUN_INPUT_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tools/gem-run/Options.h"

namespace gem::run {

// The right answer, when the input knows it: a class's index or its name.
using ExpectedLabel = std::variant<std::monostate, int64_t, std::string>;

struct Item {
  std::optional<std::string> text;
  std::vector<int32_t> ids;  // when there is no text
  std::string json;          // the whole input object on one line, or ""
  ExpectedLabel label;
  std::string where;  // for messages: "texts.jsonl:3", or ""
};

// Hands out one item at a time; memory is bounded by the longest line.
class Input {
 public:
  virtual ~Input() = default;

  // False at the end, and when something is wrong: `*error` then says what, and
  // where.
  virtual bool Next(Item* item, std::string* error) = 0;
};

// The input that `options` names. Null, with a message, when it cannot be opened.
std::unique_ptr<Input> OpenInput(const Options& options, std::string* error);

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_INPUT_H
