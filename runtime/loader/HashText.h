// Hashes and keys as messages show them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_HASHTEXT_H
#define GEM_RUNTIME_LOADER_HASHTEXT_H

#include <cstdint>

namespace gem {

// "0123456789abcdef", the first 8 bytes: enough to compare by eye.
struct HashText {
  char text[17];
  explicit HashText(const uint8_t* bytes) {
    for (int i = 0; i < 8; ++i) {
      text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
      text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[16] = '\0';
  }
};

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_HASHTEXT_H
