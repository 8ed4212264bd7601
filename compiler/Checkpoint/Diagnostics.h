// Collecting problems and printing what hostile files contain.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_CHECKPOINT_DIAGNOSTICS_H
#define GEM_COMPILER_CHECKPOINT_DIAGNOSTICS_H

#include "absl/status/status.h"

#include <string>
#include <string_view>
#include <vector>

namespace gem::checkpoint {

/// Text from a file as it may appear in a message: control characters and
/// invalid UTF-8 as \xNN, at most `limit` bytes of it.
std::string printable(std::string_view text, size_t limit = 120);

/// 'text', printable.
std::string quote(std::string_view text, size_t limit = 120);

bool isValidUtf8(std::string_view text);

/// Problems of one checkpoint, to be reported all at once.
class Problems {
public:
  static constexpr size_t kMaxReported = 50;

  void add(std::string line) {
    if (lines.size() < kMaxReported)
      lines.push_back(std::move(line));
    ++total;
  }
  bool empty() const { return total == 0; }
  size_t count() const { return total; }

  /// "HEADLINE: the problem", or "HEADLINE (3 problems):" and a line each.
  absl::Status toStatus(const std::string &headline) const;

private:
  std::vector<std::string> lines;
  size_t total = 0;
};

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_DIAGNOSTICS_H
