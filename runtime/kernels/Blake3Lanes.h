// BLAKE3 of several inputs side by side, one in each lane of a vector.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of runtime/core/Blake3.h that is compiled once per ISA. Chaining
// values are 32 bytes.
#ifndef GEM_RUNTIME_KERNELS_BLAKE3LANES_H
#define GEM_RUNTIME_KERNELS_BLAKE3LANES_H

#include <stddef.h>
#include <stdint.h>

namespace gem {

inline constexpr size_t kBlake3BlockSize = 64;
inline constexpr size_t kBlake3ChunkSize = 1024;

// Sections 2.1 to 2.4 of the specification (O'Connor, Aumasson, Neves,
// Wilcox-O'Hearn: BLAKE3, one function, fast everywhere, 2020).
inline constexpr uint32_t kBlake3Iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
enum Blake3Flags : uint32_t {
  kBlake3ChunkStart = 1,
  kBlake3ChunkEnd = 2,
  kBlake3Parent = 4,
  kBlake3Root = 8,
};

struct Blake3Lanes {
  size_t lanes;  // inputs hashed in the time of one

  // The chaining values of `count` (1 to `lanes`) whole chunks that follow one
  // another, the first of which is chunk number `first_chunk`.
  void (*chunks)(const uint8_t* input, size_t count, uint64_t first_chunk, uint8_t* out);

  // The chaining values of `count` (1 to `lanes`) parents of pairs of chaining
  // values that follow one another. `out` may be `input`.
  void (*parents)(const uint8_t* input, size_t count, uint8_t* out);
};

}  // namespace gem

#endif  // GEM_RUNTIME_KERNELS_BLAKE3LANES_H
