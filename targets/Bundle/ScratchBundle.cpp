// A bundle in a temporary file, mapped: to be run while compiling.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Bundle/ScratchBundle.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>

using namespace gem;
namespace fs = llvm::sys::fs;

static absl::Status toStatus(std::error_code error) {
  return absl::UnavailableError(
      absl::StrCat("a temporary file to run the model from: ", error.message()));
}

ScratchBundle::~ScratchBundle() {
  if (descriptor >= 0)
    ::close(descriptor);
}

absl::Status ScratchBundle::write(uint64_t offset, llvm::ArrayRef<char> data) {
  if (descriptor < 0) {
    llvm::SmallString<128> path;
    if (std::error_code error = fs::createTemporaryFile("gem-model", "gemb", descriptor, path))
      return toStatus(error);
    fs::remove(path);
  }
  size = std::max(size, offset + data.size());
  while (!data.empty()) {
    ssize_t written = ::pwrite(descriptor, data.data(), data.size(), offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return toStatus(std::error_code(written < 0 ? errno : ENOSPC, std::generic_category()));
    data = data.drop_front(written);
    offset += written;
  }
  return absl::OkStatus();
}

absl::Status ScratchBundle::seal() {
  std::error_code error;
  mapping = std::make_unique<fs::mapped_file_region>(
      fs::convertFDToNativeFile(descriptor), fs::mapped_file_region::readonly, size, 0, error);
  return error ? toStatus(error) : absl::OkStatus();
}

llvm::ArrayRef<char> ScratchBundle::data() const {
  return {mapping->const_data(), mapping->size()};
}
