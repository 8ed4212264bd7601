// Messages to the person at the terminal.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Messages.h"

#include <unistd.h>

#include <string>

#include "tools/common/Output.h"
#include "tools/common/Terminal.h"

namespace gem::tools {
namespace {

void Print(std::string_view tool, std::string_view style, std::string_view kind,
           std::string_view message) {
  std::string line(tool);
  line += ": ";
  if (!kind.empty()) {
    line += Paint(UseColor(STDERR_FILENO, ColorMode::kAuto), style, std::string(kind) + ":");
    line += " ";
  }
  line += Printable(message);
  line += "\n";
  // There is nobody left to tell when this fails.
  (void)WriteAll(STDERR_FILENO, line);
}

}  // namespace

void Error(std::string_view tool, std::string_view message) {
  Print(tool, "1;31", "error", message);
}
void Warning(std::string_view tool, std::string_view message) {
  Print(tool, "1;33", "warning", message);
}
void Note(std::string_view tool, std::string_view message) { Print(tool, "", "", message); }

}  // namespace gem::tools
