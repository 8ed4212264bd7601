// Why something that was asked of a bundle could not be done.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TARGETS_BUNDLE_EDIT_PROBLEM_H
#define GEM_TARGETS_BUNDLE_EDIT_PROBLEM_H

#include <string>
#include <string_view>
#include <utility>

#include "gem/gem.h"

namespace gem::edit {

// This folder is built with the runtime alone, so without Abseil: functions return
// false and say here what was found, where, what was expected and what to do.
struct Problem {
  enum class Kind {
    kRefused,  // an input is not what it should be
    kFailed,   // the system did not let the work be done
  };
  Kind kind = Kind::kFailed;
  std::string message;
};

// Both return false, for the caller to return.
inline bool Refuse(Problem* problem, std::string message) {
  *problem = {Problem::Kind::kRefused, std::move(message)};
  return false;
}
inline bool Fail(Problem* problem, std::string message) {
  *problem = {Problem::Kind::kFailed, std::move(message)};
  return false;
}

// What the runtime says of the file at `path`, which it names itself only when it
// could not be read: a folder, say, or what is not for this user, so refused as well.
inline Problem ProblemOf(const std::string& path, const gem_error_t& error) {
  const bool failed = error.status == GEM_STATUS_OUT_OF_MEMORY;
  const std::string_view message = error.message;
  return {failed ? Problem::Kind::kFailed : Problem::Kind::kRefused,
          (message.starts_with(path) ? "" : path + ": ") + std::string(message)};
}

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_PROBLEM_H
