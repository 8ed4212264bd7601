// How options name what to keep: "NAME=0-15,20;NAME=3".
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PRUNING_ENTRYLIST_H
#define GEM_PASSES_PRUNING_ENTRYLIST_H

#include "absl/status/statusor.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace gem::prune {

struct NamedEntries {
  std::string name;
  std::vector<int64_t> entries;
};

/// Numbers and ranges of them, "0-15,20", as they stand there. InvalidArgument for anything
/// else, and for more than 2^24 of them.
absl::StatusOr<std::vector<int64_t>> parseEntries(llvm::StringRef text);

/// "NAME=0-15,20;NAME=3", each name once.
absl::StatusOr<std::vector<NamedEntries>> parseNamedEntries(llvm::StringRef text);

} // namespace gem::prune

#endif // GEM_PASSES_PRUNING_ENTRYLIST_H
