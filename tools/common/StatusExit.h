// The exit code that a status ends a tool with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_STATUSEXIT_H
#define GEM_TOOLS_COMMON_STATUSEXIT_H

#include "absl/status/status.h"
#include "tools/common/ExitCodes.h"

namespace gem::tools {

// Of a status that is not OK. A header alone: tools of the runtime are built
// without Abseil.
inline ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
      return kExitRefused;
    default:
      return kExitFailed;
  }
}

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_STATUSEXIT_H
