// How results look: to people, to line tools, as JSON.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_PRINTER_H
#define GEM_TOOLS_GEM_RUN_PRINTER_H

#include <cstdint>
#include <string>

#include "tools/gem-run/Model.h"

namespace gem::run {

// Turns results into text; each call's string is one complete record.
class Printer {
 public:
  Printer(const Model& model, const Options& options);

  std::string Print(const Item& item, const Result& result);

  // What the inputs' labels say about the answers; "" when there were none.
  std::string Summary() const;

 private:
  std::string PrintHuman(const Item& item, const Result& result);
  std::string PrintTabs(const Item& item, const Result& result) const;
  std::string PrintJson(const Item& item, const Result& result) const;
  std::string TokenLines(const Result& result) const;
  void Score(const Item& item, const Result& result);

  const Model& model_;
  const Options& options_;
  bool color_;
  size_t width_;
  bool first_ = true;
  uint64_t labelled_ = 0, correct_ = 0, unknown_ = 0;
  std::string first_unknown_;
};

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_PRINTER_H
