// What every tool's main function does around its work.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_RUNMAIN_H
#define GEM_TOOLS_COMMON_RUNMAIN_H

#include <exception>
#include <new>
#include <string_view>

#include "tools/common/ExitCodes.h"
#include "tools/common/Messages.h"
#include "tools/common/Signals.h"

namespace gem::tools {

// The exit code of `work()`. An exception that it lets go is an error in words, and
// files that were begun are removed on its way: nothing would be unwound for one that
// nobody catches.
template <typename Work>
int RunMain(std::string_view tool, Work work) {
  InstallSignalHandlers();
  try {
    return work();
  } catch (const std::bad_alloc&) {
    Error(tool, "out of memory");
  } catch (const std::exception& exception) {
    Error(tool, exception.what());
  }
  return kExitFailed;
}

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_RUNMAIN_H
