// How the tools end, in one place.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_EXITCODES_H
#define GEM_TOOLS_COMMON_EXITCODES_H

namespace gem::tools {

// The exit codes of every tool. A signal ends a tool as that signal does, so a
// shell sees 128 + its number: 130 after Ctrl-C, 141 when a pipe's reader left.
enum ExitCode : int {
  kExitOk = 0,
  // The work failed: a file could not be written, memory ran out, a comparison
  // found a difference, a --fail-if gate was not met.
  kExitFailed = 1,
  // The command line is wrong: an unknown flag, a value of the wrong kind.
  kExitUsage = 2,
  // An input was refused: missing, damaged, not what the tool reads.
  kExitRefused = 3,
};

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_EXITCODES_H
