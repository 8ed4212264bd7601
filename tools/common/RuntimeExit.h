// The exit code that a status of the runtime ends a tool with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_RUNTIMEEXIT_H
#define GEM_TOOLS_COMMON_RUNTIMEEXIT_H

#include "gem/gem.h"
#include "tools/common/ExitCodes.h"

namespace gem::tools {

// Of a status that is not GEM_STATUS_OK: what the runtime says is about the bundle or what
// it was given, unless it ran out of memory or was told to stop.
inline ExitCode ExitCodeOf(gem_status_t status) {
  switch (status) {
    case GEM_STATUS_OUT_OF_MEMORY:
    case GEM_STATUS_CANCELLED:
      return kExitFailed;
    case GEM_STATUS_INVALID_ARGUMENT:
      return kExitUsage;
    default:
      return kExitRefused;
  }
}

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_RUNTIMEEXIT_H
