// Messages to the person at the terminal.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_MESSAGES_H
#define GEM_TOOLS_COMMON_MESSAGES_H

#include <string_view>

namespace gem::tools {

// "gem-run: error: MESSAGE", one line on standard error.
void Error(std::string_view tool, std::string_view message);

// "gem-run: warning: MESSAGE", and "gem-run: MESSAGE"; callers honour --quiet.
void Warning(std::string_view tool, std::string_view message);
void Note(std::string_view tool, std::string_view message);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_MESSAGES_H
