// Fuzz target: a bundle whose preamble is right, opened and run.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loader compares the program's hash before it reads the program, so nothing but
// that comparison would ever run: the preamble is made to fit what follows it. What
// the loader does with preambles is the target bundle-raw.
#include <algorithm>

#include "runtime/schema/Preamble.h"
#include "test/fuzz/FuzzTarget.h"
#include "test/runtime/BundleBuilder.h"
#include "test/runtime/BundleRunner.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gem;
  if (size <= kPreambleSize) return 0;
  test::Bytes file(data, data + size);
  Preamble preamble;
  preamble.format_major = 1;
  preamble.format_minor = static_cast<uint16_t>(data[kOffsetFormatMinor] % (GEM_FORMAT_MINOR + 1));
  preamble.file_size = size;
  preamble.program_size = static_cast<uint32_t>(
      std::min<uint64_t>(LoadLittleEndian(data + kOffsetProgramSize, 4), size - kPreambleSize));
  EncodePreamble(preamble, file.data());
  test::Rehash(file);
  test::RunOptions options;
  options.operation_limit = 2'000'000;
  // Segments need not be what their hashes say: all of their bytes are to be met.
  options.check_hashes = false;
  test::RunBundle(file, options);
  return 0;
}
