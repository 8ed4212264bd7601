// Fuzz target: a safetensors file, or an index of such files.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <string>

#include "test/fuzz/CheckpointUse.h"
#include "test/fuzz/FuzzTarget.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A header whose length is wrong is found at once: so a file that begins with the
  // header gets its length. What follows the last brace is data.
  if (size > 0 && data[0] == '{') {
    gem::fuzz::UseCheckpoint(data, size);  // as an index
    std::string file(8, '\0');
    const uint8_t* end = data + size;
    while (end != data && end[-1] != '}') --end;
    for (int i = 0; i < 8; ++i) {
      file[static_cast<size_t>(i)] = static_cast<char>((end - data) >> (8 * i));
    }
    file.append(reinterpret_cast<const char*>(data), size);
    gem::fuzz::UseCheckpoint(reinterpret_cast<const uint8_t*>(file.data()), file.size());
    return 0;
  }
  gem::fuzz::UseCheckpoint(data, size);
  return 0;
}
