// What the fuzz targets share.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A target is a file with LLVMFuzzerTestOneInput: it gives bytes that anybody may have
// written to a reader, and uses what the reader made of them as its callers would.
// Refusing is right; crashing, hanging, and taking memory out of proportion are not,
// and what must hold for whatever was accepted is checked with FUZZ_CHECK.
#ifndef GEM_TEST_FUZZ_FUZZTARGET_H
#define GEM_TEST_FUZZ_FUZZTARGET_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

// libFuzzer's interface (https://llvm.org/docs/LibFuzzer.html).
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Ends the process when `condition` is false; `message` is a std::string.
#define FUZZ_CHECK(condition, message)                                            \
  do {                                                                            \
    if (!(condition)) {                                                           \
      fprintf(stderr, "%s:%d: expected %s: %s\n", __FILE__, __LINE__, #condition, \
              std::string(message).c_str());                                      \
      abort();                                                                    \
    }                                                                             \
  } while (false)

namespace gem::fuzz {

// A file with these bytes that exists only in memory, for readers that take a path.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  const std::string& path() const { return path_; }

 private:
  int file_;
  std::string path_;
};

}  // namespace gem::fuzz

#endif  // GEM_TEST_FUZZ_FUZZTARGET_H
