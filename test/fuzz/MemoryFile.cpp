// A file that exists only in memory.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <sys/mman.h>
#include <unistd.h>

#include "test/fuzz/FuzzTarget.h"

namespace gem::fuzz {

MemoryFile::MemoryFile(const uint8_t* data, size_t size)
    : file_(memfd_create("input", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(file_)) {
  FUZZ_CHECK(file_ >= 0, "memfd_create");
  for (size_t done = 0; done < size;) {
    const ssize_t written = write(file_, data + done, size - done);
    FUZZ_CHECK(written > 0, path_);
    done += static_cast<size_t>(written);
  }
}

MemoryFile::~MemoryFile() { close(file_); }

}  // namespace gem::fuzz
