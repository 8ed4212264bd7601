// The bytes of a bundle: mapped, copied or the caller's.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/FileData.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/core/Status.h"
#include "runtime/schema/Preamble.h"

namespace gem {
namespace {

// Closes a file descriptor when it goes.
struct FileCloser {
  int file;
  ~FileCloser() {
    if (file >= 0) close(file);
  }
};

// Asks for huge pages for memory that is not touched yet. A kernel may refuse, and does
// where it has none: then nothing changes.
void AdviseHugePages(uint8_t* data, size_t size) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kHugePage - 1) & ~(kHugePage - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + size) & ~(kHugePage - 1);
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace

FileData::~FileData() {
  if (is_mapped_) munmap(const_cast<uint8_t*>(data_), size_);
  if (file_ >= 0) close(file_);
}

gem_status_t FileData::Open(const char* path, gem_load_mode_t mode, Memory* memory,
                            gem_error_t* error) {
  int file;
  do {
    // O_NONBLOCK: opening a named pipe by mistake must not hang.
    file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (file < 0 && errno == EINTR);
  if (file < 0) {
    const int code = errno;
    return Fail(error, code == ENOENT || code == ENOTDIR ? GEM_STATUS_NOT_FOUND : GEM_STATUS_IO,
                "%s: cannot open: %s"_msg, path, strerror(code));
  }
  FileCloser closer{file};
  struct stat status;
  if (fstat(file, &status) != 0) {
    return Fail(error, GEM_STATUS_IO, "%s: cannot stat: %s"_msg, path, strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return Fail(error, GEM_STATUS_IO, "%s: expected a regular file, but got %s"_msg, path,
                S_ISDIR(status.st_mode) ? "a directory" : "something else");
  }
  if (status.st_size < 0 || static_cast<uint64_t>(status.st_size) > SIZE_MAX) {
    return Fail(error, GEM_STATUS_IO,
                "%s: expected a file that fits the address space, but got "
                "%lld bytes"_msg,
                path, status.st_size);
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return GEM_STATUS_OK;  // what reads it says what is missing
  if (mode == GEM_LOAD_COPY) return Read(file, path, size, memory, error);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (address == MAP_FAILED) {
    return Fail(error, GEM_STATUS_IO, "%s: cannot map: %s"_msg, path, strerror(errno));
  }
  data_ = static_cast<const uint8_t*>(address);
  size_ = size;
  is_mapped_ = true;
  file_ = file;
  closer.file = -1;
  return GEM_STATUS_OK;
}

gem_status_t FileData::CheckLength(gem_error_t* error) const {
  struct stat status;
  // A descriptor that says nothing is no reason to refuse what may well be there.
  if (file_ < 0 || fstat(file_, &status) != 0) return GEM_STATUS_OK;
  if (status.st_size >= 0 && static_cast<uint64_t>(status.st_size) >= size_) return GEM_STATUS_OK;
  return Fail(error, GEM_STATUS_IO,
              "file size: expected the %zu bytes that are mapped, but got %lld: the file was cut "
              "while the bundle was open; put a new file in its place by renaming, or open it with "
              "GEM_LOAD_COPY"_msg,
              size_, status.st_size);
}

gem_status_t FileData::Read(int file, const char* path, size_t size, Memory* memory,
                            gem_error_t* error) {
  if (!copy_.AllocateUninitialized(memory, size, kPageAlignment)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "%s: no memory for a copy of its %zu bytes"_msg,
                path, size);
  }
  AdviseHugePages(copy_.data(), size);
  size_t done = 0;
  while (done < size) {
    // Some systems refuse to read 2 GiB and more at once.
    const size_t wanted = size - done < (size_t{1} << 30) ? size - done : size_t{1} << 30;
    const ssize_t got = read(file, copy_.data() + done, wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Fail(error, GEM_STATUS_IO, "%s: cannot read: %s"_msg, path, strerror(errno));
    }
    if (got == 0) {
      return Fail(error, GEM_STATUS_IO, "%s: expected %zu bytes, but it ended after %zu"_msg, path,
                  size, done);
    }
    done += static_cast<size_t>(got);
  }
  data_ = copy_.data();
  size_ = size;
  return GEM_STATUS_OK;
}

gem_status_t FileData::OpenMemory(const void* data, size_t size, gem_load_mode_t mode,
                                  Memory* memory, gem_error_t* error) {
  if (mode == GEM_LOAD_COPY) {
    if (!copy_.AllocateUninitialized(memory, size, kPageAlignment)) {
      return Fail(error, GEM_STATUS_OUT_OF_MEMORY,
                  "no memory for a copy of the bundle's %zu bytes"_msg, size);
    }
    AdviseHugePages(copy_.data(), size);
    if (size != 0) memcpy(copy_.data(), data, size);
    data_ = copy_.data();
  } else {
    if (reinterpret_cast<uintptr_t>(data) % kSegmentAlignment != 0) {
      return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                  "data: expected a multiple of 64 as its address, but got %p; align it or use "
                  "GEM_LOAD_COPY"_msg,
                  data);
    }
    data_ = static_cast<const uint8_t*>(data);
  }
  size_ = size;
  return GEM_STATUS_OK;
}

}  // namespace gem
