// BLAKE3-256: the hash that protects the parts of a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plain hash mode of the specification (O'Connor, Aumasson, Neves,
// Wilcox-O'Hearn: BLAKE3, one function, fast everywhere, 2020), 32 bytes of
// output. Nothing here allocates or fails; any address may be hashed. Functions
// need up to 24 KiB of stack.
#ifndef GEM_RUNTIME_CORE_BLAKE3_H
#define GEM_RUNTIME_CORE_BLAKE3_H

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/Blake3Lanes.h"

namespace gem {

inline constexpr size_t kBlake3HashSize = 32;

// Writes the hash of `size` bytes at `data`, which may be null when `size` is 0.
void Blake3(const void* data, size_t size, uint8_t out[kBlake3HashSize]);

// The hash of input that comes in pieces. May be copied.
class Blake3Hasher {
 public:
  Blake3Hasher() = default;
  void Update(const void* data, size_t size);
  // The hash of all input so far; more may follow.
  void Finish(uint8_t out[kBlake3HashSize]) const;

 private:
  friend void Blake3LeafValue(const void*, size_t, uint64_t, uint8_t*);

  void Push(const uint8_t* value, size_t chunks);
  void FinishNode(bool root, uint8_t* out) const;

  uint64_t first_chunk_ = 0;  // the number of the chunk that this starts with
  uint64_t chunks_ = 0;       // those hashed so far
  size_t depth_ = 0;
  size_t buffered_ = 0;
  uint8_t stack_[54][kBlake3HashSize];  // of subtrees, their sizes falling
  uint8_t buffer_[kBlake3ChunkSize];    // a chunk that may be the last one
};

// Hashing in parts, by several threads or at several times: the chaining values
// of leaves of 1 MiB (the last one shorter), and from these the hash of the
// whole, which is that of Blake3(). For data of more than one leaf; a single
// leaf is hashed by Blake3().
inline constexpr size_t kBlake3LeafSize = size_t{1} << 20;

// Writes the chaining value of the leaf `leaf_index`, whose `size` bytes, 1 to
// kBlake3LeafSize, lie at `data`.
void Blake3LeafValue(const void* data, size_t size, uint64_t leaf_index,
                     uint8_t out[kBlake3HashSize]);

// Writes the hash of the whole from the values of its `count` leaves, at least
// 2, in order. Overwrites `values`.
void Blake3MergeLeaves(uint8_t (*values)[kBlake3HashSize], size_t count,
                       uint8_t out[kBlake3HashSize]);

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_BLAKE3_H
