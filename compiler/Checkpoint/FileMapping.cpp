// Read-only memory mapping of a file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/FileMapping.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gem::checkpoint {

absl::StatusOr<std::shared_ptr<FileMapping>> FileMapping::open(const std::string &path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT)
      return absl::NotFoundError(absl::StrCat(path, ": no such file"));
    return absl::UnavailableError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  struct stat info;
  if (::fstat(descriptor, &info) != 0) {
    int error = errno;
    ::close(descriptor);
    return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(error)));
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is ", S_ISDIR(info.st_mode) ? "a folder" : "a device, pipe or socket",
                     "; expected a regular file"));
  }
  std::shared_ptr<FileMapping> mapping(new FileMapping);
  mapping->filePath = path;
  if (info.st_size > 0) {
    void *address =
        ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      int error = errno;
      ::close(descriptor);
      return absl::UnavailableError(
          absl::StrCat(path, ": cannot be mapped into memory: ", std::strerror(error)));
    }
    mapping->base = static_cast<const char *>(address);
    mapping->length = static_cast<size_t>(info.st_size);
  }
  ::close(descriptor);
  return mapping;
}

FileMapping::~FileMapping() {
  if (length > 0)
    ::munmap(const_cast<char *>(base), length);
}

void dropMappedPages(const void *data, size_t size) {
  uintptr_t pageSize = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  uintptr_t begin = reinterpret_cast<uintptr_t>(data);
  uintptr_t end = (begin + size) & ~(pageSize - 1);
  begin = (begin + pageSize - 1) & ~(pageSize - 1);
  if (begin < end)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

} // namespace gem::checkpoint
