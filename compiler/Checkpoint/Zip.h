// Reads the directory of a zip file whose entries are stored uncompressed.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_CHECKPOINT_ZIP_H
#define GEM_COMPILER_CHECKPOINT_ZIP_H

#include "compiler/Checkpoint/FileMapping.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gem::checkpoint {

struct ZipEntry {
  std::string name;
  uint64_t offset = 0; // of the data, from the start of the file
  uint64_t size = 0;   // in the file
  uint32_t crc32 = 0;
  uint16_t method = 0; // 0: stored

  std::string_view bytes(const FileMapping &file) const {
    return file.bytes().substr(offset, size);
  }
};

/// The entries (folders left out) in the order of the central directory. Every
/// entry lies wholly inside the file and overlaps no other; names are unique.
/// Zip64 is understood; encrypted and multi-volume files are refused. Follows
/// PKWARE's APPNOTE 6.3. Neither compression methods nor CRCs are checked here.
absl::StatusOr<std::vector<ZipEntry>> readZipDirectory(const FileMapping &file);

/// Refuses compressed entries. Reads every entry once to compare its CRC-32 and
/// drops the pages again, so that the check costs no resident memory. Reports all
/// that differ.
absl::Status checkZipEntries(const FileMapping &file, const std::vector<ZipEntry> &entries);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_ZIP_H
