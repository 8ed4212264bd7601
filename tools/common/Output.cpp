// Writing results: standard output, and files that are whole or not there.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Output.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tools/common/Format.h"

namespace gem::tools {
namespace {

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes the rename itself durable. A file system that cannot sync a directory
// does not make the file less complete.
void SyncDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

bool WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    // Linux writes at most 2 GiB a call.
    const ssize_t written = write(fd, data.data(), std::min<size_t>(data.size(), 1u << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool WriteToStdout(std::string_view data, std::string* error) {
  if (WriteAll(STDOUT_FILENO, data)) return true;
  *error = Format("cannot write to standard output: %s", std::strerror(errno));
  return false;
}

bool OutputFile::Fail(const std::string& what, int error_number, std::string* error) {
  *error = "cannot write '" + path_ + "': " + what;
  if (error_number != 0) *error += std::string(" (") + std::strerror(error_number) + ")";
  Discard();
  return false;
}

bool OutputFile::Open(const std::string& path, std::string* error, Readers readers) {
  Discard();
  path_ = path;
  written_ = 0;
  if (path.empty()) return Fail("the name is empty", 0, error);
  if (path == "-") {
    path_ = "standard output";
    fd_ = dup(STDOUT_FILENO);
    if (fd_ < 0) return Fail("it is closed", errno, error);
    return true;
  }

  // Through a symbolic link, the file it points to is replaced, not the link.
  target_ = path;
  if (char* real = realpath(path.c_str(), nullptr)) {
    target_ = real;
    std::free(real);
  }
  directory_ = DirectoryOf(target_);

  struct stat existing = {};
  const bool exists = stat(target_.c_str(), &existing) == 0;
  if (exists && S_ISDIR(existing.st_mode)) {
    return Fail("it is a directory; expected the name of a file", 0, error);
  }
  if (exists && !S_ISREG(existing.st_mode)) {
    fd_ = open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) return Fail("it does not let itself be opened", errno, error);
    return true;
  }
  if (!exists && target_.back() == '/') {
    return Fail("expected the name of a file, not of a directory", 0, error);
  }

  struct stat directory = {};
  if (stat(directory_.c_str(), &directory) != 0) {
    if (errno == ENOENT) {
      return Fail("the directory '" + directory_ + "' does not exist; create it first", 0, error);
    }
    return Fail("its directory '" + directory_ + "' cannot be reached", errno, error);
  }
  if (!S_ISDIR(directory.st_mode)) return Fail("'" + directory_ + "' is no directory", 0, error);
  if (exists && access(target_.c_str(), W_OK) != 0) {
    return Fail("the file that is there may not be replaced", errno, error);
  }

  static std::atomic<unsigned> counter;
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ =
        Format("%s/.gem-%ld-%u.tmp", directory_.c_str(), static_cast<long>(getpid()), counter++);
    cleanup_ = RemoveOnSignal(temporary_);
    fd_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
               readers == Readers::kOwner ? 0600 : 0666);
    if (fd_ >= 0 || errno != EEXIST) break;
  }
  if (fd_ < 0) {
    const int error_number = errno;
    temporary_.clear();
    return Fail("its directory '" + directory_ + "' takes no new files", error_number, error);
  }
  if (exists) {
    (void)fchmod(fd_, existing.st_mode & (readers == Readers::kOwner ? 0700 : 07777));
  }
  return true;
}

bool OutputFile::Write(std::string_view data, std::string* error) {
  if (WriteAll(fd_, data)) {
    written_ += data.size();
    return true;
  }
  const int error_number = errno;
  return Fail("writing failed after " + FormatBytes(written_), error_number, error);
}

bool OutputFile::WriteAt(uint64_t offset, std::string_view data, std::string* error) {
  while (!data.empty()) {
    const ssize_t count = pwrite(fd_, data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error_number = errno;
      return Fail("writing failed after " + FormatBytes(written_), error_number, error);
    }
    offset += static_cast<uint64_t>(count);
    written_ += static_cast<uint64_t>(count);
    data.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

bool OutputFile::Commit(std::string* error) {
  if (temporary_.empty()) {
    const int fd = std::exchange(fd_, -1);
    if (close(fd) != 0 && errno != EINTR) return Fail("writing failed", errno, error);
    return true;
  }
  if (fsync(fd_) != 0) return Fail("writing failed", errno, error);
  if (close(std::exchange(fd_, -1)) != 0) return Fail("writing failed", errno, error);
  if (rename(temporary_.c_str(), target_.c_str()) != 0) {
    return Fail("it could not be put in its place", errno, error);
  }
  temporary_.clear();
  cleanup_.Release();
  SyncDirectory(directory_);
  return true;
}

void OutputFile::Discard() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (!temporary_.empty()) unlink(temporary_.c_str());
  temporary_.clear();
  cleanup_.Release();
}

bool WriteFile(const std::string& path, std::string_view data, std::string* error) {
  OutputFile file;
  return file.Open(path, error) && file.Write(data, error) && file.Commit(error);
}

}  // namespace gem::tools
