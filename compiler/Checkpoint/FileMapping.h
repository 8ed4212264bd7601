// Read-only memory mapping of a file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_CHECKPOINT_FILEMAPPING_H
#define GEM_COMPILER_CHECKPOINT_FILEMAPPING_H

#include "absl/status/statusor.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace gem::checkpoint {

/// A regular file's bytes. Pages are read when they are touched, and the kernel
/// may drop them again at any time.
class FileMapping {
public:
  static absl::StatusOr<std::shared_ptr<FileMapping>> open(const std::string &path);
  ~FileMapping();
  FileMapping(const FileMapping &) = delete;
  FileMapping &operator=(const FileMapping &) = delete;

  const std::string &path() const { return filePath; }
  /// Never null, also for an empty file.
  const char *data() const { return base; }
  size_t size() const { return length; }
  std::string_view bytes() const { return {base, length}; }

private:
  FileMapping() = default;
  std::string filePath;
  const char *base = "";
  size_t length = 0;
};

/// Tells the kernel that the pages wholly inside [data, data + size), which must
/// lie in a file mapping, are not needed for now.
void dropMappedPages(const void *data, size_t size);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_FILEMAPPING_H
