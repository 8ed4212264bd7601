// Writing results: standard output, and files that are whole or not there.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_OUTPUT_H
#define GEM_TOOLS_COMMON_OUTPUT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/common/Signals.h"

namespace gem::tools {

// Writes all of `data`. False, with errno set, when the system refuses.
[[nodiscard]] bool WriteAll(int fd, std::string_view data);

// Writes `data` to standard output at once, so that what a reader sees always
// ends with a whole record. On failure `*error` says why.
[[nodiscard]] bool WriteToStdout(std::string_view data, std::string* error);

// An output file that appears under its name complete, or not at all: it is
// written beside its target, synced, and renamed over it. Without Commit() the
// target stays as it was, also when a signal ends the process. "-" is standard
// output; a target that is no regular file (/dev/null, a pipe) is written to
// directly. Functions return false with a message that names the file.
class OutputFile {
 public:
  OutputFile() = default;
  ~OutputFile() { Discard(); }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Who may read a new file: whom the process's mask lets, or its owner only.
  enum class Readers { kEveryone, kOwner };

  // Opens at the start of the work, so that a directory that cannot be written
  // to is known before hours of it. A file that is replaced keeps its permissions; of its owner's
  // only, when the new one is for no others.
  [[nodiscard]] bool Open(const std::string& path, std::string* error,
                          Readers readers = Readers::kEveryone);
  [[nodiscard]] bool Write(std::string_view data, std::string* error);
  // Writes at `offset` from the start, in any order; only when seekable(). What is
  // never written reads as zeros.
  [[nodiscard]] bool WriteAt(uint64_t offset, std::string_view data, std::string* error);
  [[nodiscard]] bool Commit(std::string* error);

  // Forgets everything written (not what went to a pipe).
  void Discard();

  bool is_open() const { return fd_ >= 0; }
  // Whether the output is a file of its own rather than a pipe or a device.
  bool seekable() const { return !temporary_.empty(); }
  // The file that holds what was written until Commit; empty unless seekable().
  const std::string& temporary() const { return temporary_; }
  uint64_t written() const { return written_; }

 private:
  bool Fail(const std::string& what, int error_number, std::string* error);

  std::string path_;  // as the caller gave it
  std::string target_;  // with symbolic links resolved
  std::string directory_;  // of the target
  std::string temporary_;  // empty when writing directly
  RemoveOnSignal cleanup_;
  int fd_ = -1;
  uint64_t written_ = 0;
};

// All of it at once: Open, Write, Commit.
[[nodiscard]] bool WriteFile(const std::string& path, std::string_view data, std::string* error);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_OUTPUT_H
