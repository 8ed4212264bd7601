// The bytes of a bundle: mapped, copied or the caller's.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_FILEDATA_H
#define GEM_RUNTIME_LOADER_FILEDATA_H

#include <cstdint>
#include <span>

#include "runtime/core/Memory.h"

namespace gem {

// Owns what it holds; at least 64-byte aligned.
//
// Pages, measured on 110 MB of weights that two threads read (Linux 6.18, ext4, EPYC):
// mapped 32 GB/s, since the page cache has large folios; MADV_HUGEPAGE, MADV_WILLNEED
// and MAP_POPULATE change nothing but when pages are touched, so a map gets no advice.
// A copy on 4 KiB pages 26 to 28 GB/s; on huge pages, which copies ask for, 32 to 33
// (one thread 18 to 22, and 29 to 30).
class FileData {
 public:
  FileData() = default;
  FileData(const FileData&) = delete;
  FileData& operator=(const FileData&) = delete;
  ~FileData();

  // Maps or reads the file at `path`.
  gem_status_t Open(const char* path, gem_load_mode_t mode, Memory* memory, gem_error_t* error);
  // Refers to, or copies, `data`.
  gem_status_t OpenMemory(const void* data, size_t size, gem_load_mode_t mode, Memory* memory,
                          gem_error_t* error);

  std::span<const uint8_t> bytes() const { return {data_, size_}; }

  // Fails when the file that is mapped has become shorter: reading what it lost would
  // raise SIGBUS. One system call for a mapped file, nothing for others.
  gem_status_t CheckLength(gem_error_t* error) const;

 private:
  gem_status_t Read(int file, const char* path, size_t size, Memory* memory, gem_error_t* error);

  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  bool is_mapped_ = false;
  int file_ = -1;  // that is mapped
  Array<uint8_t> copy_;
};

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_FILEDATA_H
