// What sweeps computed, kept in a folder under a hash of all that decides it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_SWEEP_SWEEPCACHE_H
#define GEM_COMPILER_SWEEP_SWEEPCACHE_H

#include "absl/status/statusor.h"
#include "compiler/Report/BrittlenessReport.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gem {

/// What decides the figures of a recipe, by name: hashes of the files, options, the tool.
using SweepKey = std::map<std::string, std::string>;

/// 32 hexadecimal digits: BLAKE3 of the names and values.
std::string hashOfKey(const SweepKey &key);

/// "blake3:..." over the contents of files, in the order given. NotFound when one cannot be
/// read.
absl::StatusOr<std::string> hashOfFiles(const std::vector<std::string> &paths);

/// A recipe's figures, and how long they took.
struct CachedScores {
  ModelScores scores;
  double seconds = 0;
  std::string fileHash; ///< hashOfFiles of the file kept beside; empty when there is none.
};

/// The folder. An entry is a JSON file "HASH.json", written beside and renamed, so that it is
/// whole or not there; several sweeps may use one folder at a time. Names, paths and what is
/// no finite number are not kept.
class SweepCache {
public:
  /// Makes the folder where it is not there, and removes what ended processes left unfinished.
  /// `note` is told of entries that are of no use, one sentence each.
  static absl::StatusOr<SweepCache> open(const std::string &folder,
                                         std::function<void(const std::string &)> note);

  /// Nothing where there is no entry, or a damaged one, which is noted.
  std::optional<CachedScores> find(const SweepKey &key) const;
  absl::Status store(const SweepKey &key, const CachedScores &scores) const;
  /// Keeps a file of another kind, under pathOf.
  absl::Status storeFile(const SweepKey &key, const std::string &extension,
                         llvm::StringRef content) const;

  const std::string &getFolder() const { return folder; }
  /// Where a file of another kind is kept: "FOLDER/HASH.EXTENSION".
  std::string pathOf(const SweepKey &key, const std::string &extension) const;

private:
  std::string folder;
  std::function<void(const std::string &)> note;
};

} // namespace gem

#endif // GEM_COMPILER_SWEEP_SWEEPCACHE_H
