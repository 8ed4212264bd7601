// Updates: what turns one bundle into another, without what both have.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// docs/updates.md is the byte table of a patch and the reasons for it. A patch says which
// stretches of the old file make the new one, in order, and has the bytes of the others.
#ifndef GEM_TARGETS_BUNDLE_EDIT_PATCH_H
#define GEM_TARGETS_BUNDLE_EDIT_PATCH_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "targets/Bundle/Edit/BundleSource.h"

namespace gem::edit {

inline constexpr uint8_t kPatchMagic[8] = {0x89, 'G', 'E', 'P', '\r', '\n', 0x1a, '\n'};
inline constexpr uint16_t kPatchMajor = 1;
inline constexpr uint16_t kPatchMinor = 0;
inline constexpr size_t kPatchHeaderSize = 176;
inline constexpr size_t kPatchRecordSize = 56;
// A reader keeps them in memory.
inline constexpr uint32_t kMaxPatchRecords = 1u << 20;

using Hash = std::array<uint8_t, kHashSize>;

// A stretch of the new file.
struct PatchRecord {
  enum class Kind : uint8_t { kCopy = 1, kData = 2 };
  Kind kind = Kind::kData;
  uint64_t old_offset = 0;  // of a copy; else 0
  uint64_t length = 0;
  Hash hash{};
};

struct Patch {
  uint64_t patch_size = 0, old_size = 0, new_size = 0;
  Hash old_preamble{}, new_preamble{}, new_file{};  // BLAKE3 of each
  std::vector<PatchRecord> records;

  uint64_t data_size() const;
};

// What a patch from `from` to `to` holds.
bool MakePatch(const BundleSource& from, const BundleSource& to, const ProgressCallback& progress,
               Patch* patch, Problem* problem);

// Writes the file of a patch that MakePatch made to `to`.
bool WritePatch(const Patch& patch, const BundleSource& to, const ByteSink& sink, Problem* problem);

// A patch file that somebody sent: everything it says is checked before it is used.
class PatchFile {
 public:
  ~PatchFile();
  PatchFile() = default;
  PatchFile(const PatchFile&) = delete;
  PatchFile& operator=(const PatchFile&) = delete;

  bool Open(const std::string& path, Problem* problem);
  const Patch& patch() const { return patch_; }

  // Whether `old` is the file that this is a patch of.
  bool CheckOld(const BundleSource& old, Problem* problem) const;
  // Writes the new file. Every stretch is compared with its hash, and the whole with
  // its; so what is wrong is known at the end, and the output must not be used before.
  bool Apply(const BundleSource& old, const ByteSink& sink, const ProgressCallback& progress,
             Problem* problem) const;

 private:
  bool ReadHeader(const uint8_t* header, Hash* table_hash, uint32_t* count, Problem* problem);
  bool ReadRecords(uint32_t count, const Hash& table_hash, Problem* problem);
  bool Read(uint64_t offset, void* out, size_t size, Problem* problem) const;

  std::string path_;
  int file_ = -1;
  uint64_t size_ = 0;
  Patch patch_;
};

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_PATCH_H
