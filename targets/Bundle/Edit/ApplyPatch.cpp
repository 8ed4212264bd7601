// Reads patches, and makes new bundles from old ones.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/core/Blake3.h"
#include "targets/Bundle/Edit/Patch.h"

namespace gem::edit {
namespace {

std::string Number(uint64_t value) { return std::to_string(value); }

Hash LoadHash(const uint8_t* bytes) {
  Hash hash;
  std::copy_n(bytes, kHashSize, hash.begin());
  return hash;
}

}  // namespace

PatchFile::~PatchFile() {
  if (file_ >= 0) close(file_);
}

bool PatchFile::Read(uint64_t offset, void* out, size_t size, Problem* problem) const {
  auto* to = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t count = pread(file_, to, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(problem, path_ + ": cannot be read: " + std::strerror(errno));
    if (count == 0) return Refuse(problem, path_ + ": the file was cut while it was read");
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return true;
}

bool PatchFile::Open(const std::string& path, Problem* problem) {
  path_ = path;
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) return Refuse(problem, path + ": cannot open: " + std::strerror(errno));
  struct stat info = {};
  if (fstat(file_, &info) != 0 || !S_ISREG(info.st_mode)) {
    return Refuse(problem, path + ": expected a regular file");
  }
  size_ = static_cast<uint64_t>(info.st_size);
  if (size_ < kPatchHeaderSize) {
    return Refuse(problem, path + ": expected a patch, of at least " + Number(kPatchHeaderSize) +
                               " bytes, but got " + Number(size_));
  }
  uint8_t header[kPatchHeaderSize];
  Hash table_hash;
  uint32_t count = 0;
  return Read(0, header, sizeof(header), problem) &&
         ReadHeader(header, &table_hash, &count, problem) &&
         ReadRecords(count, table_hash, problem);
}

bool PatchFile::ReadHeader(const uint8_t* header, Hash* table_hash, uint32_t* count,
                           Problem* problem) {
  if (!std::equal(std::begin(kPatchMagic), std::end(kPatchMagic), header)) {
    return Refuse(problem, path_ +
                               ": expected a patch, as gem-bundle diff writes it, but its "
                               "first bytes are others");
  }
  const uint64_t major = LoadLittleEndian(header + 8, 2), minor = LoadLittleEndian(header + 10, 2);
  if (major != kPatchMajor || minor > kPatchMinor) {
    return Refuse(problem, path_ + ": version: expected " + Number(kPatchMajor) + "." +
                               Number(kPatchMinor) + " or older of the same number, but got " +
                               Number(major) + "." + Number(minor) +
                               "; use a newer gem-bundle, or make the patch again");
  }
  const uint64_t header_size = LoadLittleEndian(header + 12, 4);
  if (header_size != kPatchHeaderSize) {
    return Refuse(problem, path_ + ": header size: expected " + Number(kPatchHeaderSize) +
                               ", but got " + Number(header_size));
  }
  patch_.patch_size = LoadLittleEndian(header + 16, 8);
  if (patch_.patch_size != size_) {
    return Refuse(problem, path_ + ": size: expected the " + Number(patch_.patch_size) +
                               " bytes that it says, but got " + Number(size_) +
                               "; the file was cut or appended to");
  }
  patch_.old_size = LoadLittleEndian(header + 24, 8);
  patch_.new_size = LoadLittleEndian(header + 32, 8);
  *count = static_cast<uint32_t>(LoadLittleEndian(header + 40, 4));
  const uint64_t limit =
      std::min<uint64_t>(kMaxPatchRecords, (size_ - kPatchHeaderSize) / kPatchRecordSize);
  if (*count < 1 || *count > limit) {
    return Refuse(problem, path_ + ": records: expected 1 to " + Number(limit) + ", but got " +
                               Number(*count));
  }
  if (LoadLittleEndian(header + 44, 4) != 0) {
    return Refuse(problem, path_ + ": reserved bytes 44 to 47: expected 0");
  }
  // So that a small file cannot fill a disk.
  if (patch_.new_size > patch_.old_size && patch_.new_size - patch_.old_size > patch_.patch_size) {
    return Refuse(problem, path_ +
                               ": new size: expected at most what the old file and the patch "
                               "have together, but got " +
                               Number(patch_.new_size));
  }
  patch_.old_preamble = LoadHash(header + 48);
  patch_.new_preamble = LoadHash(header + 80);
  patch_.new_file = LoadHash(header + 112);
  *table_hash = LoadHash(header + 144);
  return true;
}

bool PatchFile::ReadRecords(uint32_t count, const Hash& table_hash, Problem* problem) {
  std::vector<uint8_t> table(size_t{count} * kPatchRecordSize);
  if (!Read(kPatchHeaderSize, table.data(), table.size(), problem)) return false;
  Hash hash;
  Blake3(table.data(), table.size(), hash.data());
  if (hash != table_hash) {
    return Refuse(problem, path_ + ": records: expected the hash " + ShortHash(table_hash) +
                               "..., but they have " + ShortHash(hash) +
                               "...; the file is damaged");
  }
  uint64_t made = 0, data = 0;
  const uint64_t data_limit = size_ - kPatchHeaderSize - table.size();
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t* at = table.data() + size_t{i} * kPatchRecordSize;
    const std::string where = path_ + ": record " + Number(i);
    PatchRecord record;
    record.kind = static_cast<PatchRecord::Kind>(at[0]);
    record.old_offset = LoadLittleEndian(at + 8, 8);
    record.length = LoadLittleEndian(at + 16, 8);
    record.hash = LoadHash(at + 24);
    const bool is_copy = record.kind == PatchRecord::Kind::kCopy;
    if (!is_copy && record.kind != PatchRecord::Kind::kData) {
      return Refuse(problem,
                    where + ": kind: expected 1 (copy) or 2 (data), but got " + Number(at[0]));
    }
    if (LoadLittleEndian(at + 1, 7) != 0 || (!is_copy && record.old_offset != 0)) {
      return Refuse(problem, where + ": reserved bytes: expected 0");
    }
    if (record.length < 1 || record.length > patch_.new_size - made) {
      return Refuse(problem,
                    where + ": length: expected 1 to the " + Number(patch_.new_size - made) +
                        " bytes that the new file has left, but got " + Number(record.length));
    }
    if (is_copy && (record.old_offset > patch_.old_size ||
                    record.length > patch_.old_size - record.old_offset)) {
      return Refuse(problem, where + ": expected a stretch of the old file's " +
                                 Number(patch_.old_size) + " bytes, but got offset " +
                                 Number(record.old_offset) + " and length " +
                                 Number(record.length));
    }
    if (!is_copy && record.length > data_limit - data) {
      return Refuse(problem, where + ": length: expected at most the " + Number(data_limit - data) +
                                 " bytes of data that the patch has left, but got " +
                                 Number(record.length));
    }
    made += record.length;
    data += is_copy ? 0 : record.length;
    patch_.records.push_back(record);
  }
  if (made != patch_.new_size || data != data_limit) {
    return Refuse(problem, path_ + ": records: expected them to make the new file's " +
                               Number(patch_.new_size) + " bytes with all " + Number(data_limit) +
                               " bytes of data, but they make " + Number(made) + " with " +
                               Number(data));
  }
  return true;
}

bool PatchFile::CheckOld(const BundleSource& old, Problem* problem) const {
  Hash hash;
  Blake3(old.preamble_bytes().data(), kPreambleSize, hash.data());
  if (hash == patch_.old_preamble && old.size() == patch_.old_size) return true;
  if (hash == patch_.new_preamble && old.size() == patch_.new_size) {
    return Refuse(problem, old.name() + ": is already what " + path_ + " makes of its predecessor");
  }
  return Refuse(problem, old.name() + ": is not the bundle that " + path_ +
                             " updates: expected one of " + Number(patch_.old_size) +
                             " bytes whose preamble has the hash " +
                             ShortHash(patch_.old_preamble) + "..., but got " + Number(old.size()) +
                             " bytes and " + ShortHash(hash) + "...");
}

bool PatchFile::Apply(const BundleSource& old, const ByteSink& sink,
                      const ProgressCallback& progress, Problem* problem) const {
  if (!CheckOld(old, problem)) return false;
  uint64_t made = 0, data = size_ - patch_.data_size();
  Blake3Hasher whole, preamble;
  std::vector<char> piece;
  for (size_t i = 0; i < patch_.records.size(); ++i) {
    const PatchRecord& record = patch_.records[i];
    const bool is_copy = record.kind == PatchRecord::Kind::kCopy;
    Blake3Hasher hasher;
    const ByteSink take = [&](std::string_view bytes, Problem* failure) {
      hasher.Update(bytes.data(), bytes.size());
      whole.Update(bytes.data(), bytes.size());
      if (made < kPreambleSize) {
        preamble.Update(bytes.data(), std::min<uint64_t>(bytes.size(), kPreambleSize - made));
      }
      made += bytes.size();
      if (progress) progress(made, patch_.new_size);
      return sink(bytes, failure);
    };
    if (is_copy) {
      if (!old.ReadPieces(record.old_offset, record.length, take, problem)) return false;
    } else {
      for (uint64_t left = record.length; left > 0; left -= piece.size(), data += piece.size()) {
        piece.resize(static_cast<size_t>(std::min<uint64_t>(left, kPieceSize)));
        if (!Read(data, piece.data(), piece.size(), problem) ||
            !take({piece.data(), piece.size()}, problem)) {
          return false;
        }
      }
    }
    Hash hash;
    hasher.Finish(hash.data());
    if (hash != record.hash) {
      return Refuse(problem, (is_copy ? old.name() : path_) + ": " + Number(record.length) +
                                 " bytes of record " + Number(i) + ": expected the hash " +
                                 ShortHash(record.hash) + "..., but they have " + ShortHash(hash) +
                                 "...; the file is damaged");
    }
  }
  Hash hash, front;
  whole.Finish(hash.data());
  preamble.Finish(front.data());
  if (front != patch_.new_preamble) {
    return Refuse(problem, path_ + ": the new preamble: expected the hash " +
                               ShortHash(patch_.new_preamble) + "..., but it would have " +
                               ShortHash(front) + "...; the patch is damaged");
  }
  if (hash == patch_.new_file) return true;
  return Refuse(problem, path_ + ": the new file: expected the hash " + ShortHash(patch_.new_file) +
                             "..., but it would have " + ShortHash(hash) +
                             "...; the patch is damaged");
}

}  // namespace gem::edit
