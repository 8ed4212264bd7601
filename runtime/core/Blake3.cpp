// BLAKE3-256: the tree over chunks; whole chunks are hashed by Blake3Lanes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Blake3.h"

#include <bit>
#include <cstring>

#include "runtime/kernels/Kernels.h"

namespace gem {
namespace {

static_assert(std::endian::native == std::endian::little, "words are copied as they lie in memory");

// Chunks whose chaining values are on the stack at a time.
constexpr size_t kMaxSubtree = 256;

// --- one block at a time, for what is no whole chunk and for the root --------

inline void Mix(uint32_t* v, int a, int b, int c, int d, uint32_t x, uint32_t y) {
  v[a] = v[a] + v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

// h = the first 8 words of the compression of h with a block of `size` bytes,
// padded with zeros. They are also the first 32 bytes of a root's output.
void Compress(uint32_t h[8], const uint8_t* block, size_t size, uint64_t counter, uint32_t flags) {
  constexpr uint8_t kPermutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
  uint32_t m[16] = {}, v[16];
  std::memcpy(m, block, size);
  for (int i = 0; i < 8; ++i) v[i] = h[i];
  for (int i = 0; i < 4; ++i) v[8 + i] = kBlake3Iv[i];
  v[12] = static_cast<uint32_t>(counter);
  v[13] = static_cast<uint32_t>(counter >> 32);
  v[14] = static_cast<uint32_t>(size);
  v[15] = flags;
  for (int round = 0; round < 7; ++round) {
    Mix(v, 0, 4, 8, 12, m[0], m[1]);
    Mix(v, 1, 5, 9, 13, m[2], m[3]);
    Mix(v, 2, 6, 10, 14, m[4], m[5]);
    Mix(v, 3, 7, 11, 15, m[6], m[7]);
    Mix(v, 0, 5, 10, 15, m[8], m[9]);
    Mix(v, 1, 6, 11, 12, m[10], m[11]);
    Mix(v, 2, 7, 8, 13, m[12], m[13]);
    Mix(v, 3, 4, 9, 14, m[14], m[15]);
    uint32_t permuted[16];
    for (int i = 0; i < 16; ++i) permuted[i] = m[kPermutation[i]];
    std::memcpy(m, permuted, sizeof m);
  }
  for (int i = 0; i < 8; ++i) h[i] = v[i] ^ v[8 + i];
}

void Start(uint32_t h[8]) { std::memcpy(h, kBlake3Iv, sizeof kBlake3Iv); }

// The value of the parent of the two values at `pair`. `out` may be `pair`.
void Parent(const uint8_t* pair, uint32_t root_flag, uint8_t* out) {
  uint32_t h[8];
  Start(h);
  Compress(h, pair, kBlake3BlockSize, 0, kBlake3Parent | root_flag);
  std::memcpy(out, h, sizeof h);
}

// --- many at a time ----------------------------------------------------------

// For a program without lanes that this CPU runs.
void OneChunk(const uint8_t* input, size_t, uint64_t chunk, uint8_t* out) {
  uint32_t h[8];
  Start(h);
  for (size_t at = 0; at < kBlake3ChunkSize; at += kBlake3BlockSize) {
    uint32_t flags = at == 0 ? uint32_t{kBlake3ChunkStart} : 0;
    if (at + kBlake3BlockSize == kBlake3ChunkSize) flags |= kBlake3ChunkEnd;
    Compress(h, input + at, kBlake3BlockSize, chunk, flags);
  }
  std::memcpy(out, h, sizeof h);
}
void OneParent(const uint8_t* input, size_t, uint8_t* out) { Parent(input, 0, out); }
constexpr Blake3Lanes kOneLane = {.lanes = 1, .chunks = OneChunk, .parents = OneParent};

// The best lanes that are linked and that this CPU runs.
const Blake3Lanes& BestLanes() {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  for (size_t i = 0; i < count; ++i) {
    if (all[i]->blake3 != nullptr && all[i]->supported()) return *all[i]->blake3;
  }
  return kOneLane;
}

// Replaces `count` values by those of their parents, the last one staying as it
// is when it has no partner; returns how many there are then. Pairing
// neighbours level by level makes the tree of the specification, whose left
// subtrees are the largest powers of two.
size_t MergePairs(const Blake3Lanes& lanes, uint8_t* values, size_t count) {
  const size_t pairs = count / 2;
  for (size_t i = 0; i < pairs; i += lanes.lanes) {
    const size_t group = pairs - i < lanes.lanes ? pairs - i : lanes.lanes;
    lanes.parents(values + i * kBlake3BlockSize, group, values + i * kBlake3HashSize);
  }
  if (count % 2 != 0) {
    std::memmove(values + pairs * kBlake3HashSize, values + (count - 1) * kBlake3HashSize,
                 kBlake3HashSize);
  }
  return pairs + count % 2;
}

// The value of a subtree of `chunks` whole chunks, a power of two of at most
// kMaxSubtree.
void SubtreeValue(const uint8_t* input, size_t chunks, uint64_t first_chunk, uint8_t* out) {
  const Blake3Lanes& lanes = BestLanes();
  uint8_t values[kMaxSubtree * kBlake3HashSize];
  for (size_t i = 0; i < chunks; i += lanes.lanes) {
    const size_t group = chunks - i < lanes.lanes ? chunks - i : lanes.lanes;
    lanes.chunks(input + i * kBlake3ChunkSize, group, first_chunk + i,
                 values + i * kBlake3HashSize);
  }
  while (chunks > 1) chunks = MergePairs(lanes, values, chunks);
  std::memcpy(out, values, kBlake3HashSize);
}

}  // namespace

// Adds a subtree of `chunks` chunks. More input follows, so no parent made here
// is the root: every left and right subtree of equal size becomes one.
void Blake3Hasher::Push(const uint8_t* value, size_t chunks) {
  std::memcpy(stack_[depth_++], value, kBlake3HashSize);
  chunks_ += chunks;
  for (uint64_t total = chunks_ / chunks; total % 2 == 0; total /= 2) {
    --depth_;
    Parent(stack_[depth_ - 1], 0, stack_[depth_ - 1]);
  }
}

void Blake3Hasher::Update(const void* data, size_t size) {
  const uint8_t* input = static_cast<const uint8_t*>(data);
  uint8_t value[kBlake3HashSize];
  while (size > 0) {
    if (buffered_ == kBlake3ChunkSize) {
      SubtreeValue(buffer_, 1, first_chunk_ + chunks_, value);
      Push(value, 1);
      buffered_ = 0;
    }
    if (buffered_ == 0 && size > kBlake3ChunkSize) {
      // The largest subtree that starts here and is not the end of the input.
      size_t chunks = std::bit_floor((size - 1) / kBlake3ChunkSize);
      if (chunks > kMaxSubtree) chunks = kMaxSubtree;
      while (chunks_ % chunks != 0) chunks /= 2;
      SubtreeValue(input, chunks, first_chunk_ + chunks_, value);
      Push(value, chunks);
      input += chunks * kBlake3ChunkSize;
      size -= chunks * kBlake3ChunkSize;
      continue;
    }
    const size_t room = kBlake3ChunkSize - buffered_;
    const size_t take = size < room ? size : room;
    std::memcpy(buffer_ + buffered_, input, take);
    buffered_ += take;
    input += take;
    size -= take;
  }
}

// The root, or the chaining value of an inner node.
void Blake3Hasher::FinishNode(bool root, uint8_t* out) const {
  const uint32_t root_flag = root ? uint32_t{kBlake3Root} : 0;
  // The last chunk, which may be empty if it is the only one.
  uint32_t h[8];
  Start(h);
  size_t at = 0;
  uint32_t flags = kBlake3ChunkStart;
  for (; buffered_ - at > kBlake3BlockSize; at += kBlake3BlockSize) {
    Compress(h, buffer_ + at, kBlake3BlockSize, first_chunk_ + chunks_, flags);
    flags = 0;
  }
  flags |= kBlake3ChunkEnd;
  if (depth_ == 0) flags |= root_flag;
  Compress(h, buffer_ + at, buffered_ - at, first_chunk_ + chunks_, flags);
  uint8_t pair[kBlake3BlockSize];
  std::memcpy(out, h, sizeof h);
  for (size_t depth = depth_; depth > 0; --depth) {
    std::memcpy(pair, stack_[depth - 1], kBlake3HashSize);
    std::memcpy(pair + kBlake3HashSize, out, kBlake3HashSize);
    Parent(pair, depth == 1 ? root_flag : 0, out);
  }
}

void Blake3Hasher::Finish(uint8_t out[kBlake3HashSize]) const { FinishNode(true, out); }

void Blake3(const void* data, size_t size, uint8_t out[kBlake3HashSize]) {
  Blake3Hasher hasher;
  hasher.Update(data, size);
  hasher.Finish(out);
}

void Blake3LeafValue(const void* data, size_t size, uint64_t leaf_index,
                     uint8_t out[kBlake3HashSize]) {
  Blake3Hasher hasher;
  hasher.first_chunk_ = leaf_index * (kBlake3LeafSize / kBlake3ChunkSize);
  hasher.Update(data, size);
  hasher.FinishNode(false, out);
}

void Blake3MergeLeaves(uint8_t (*values)[kBlake3HashSize], size_t count,
                       uint8_t out[kBlake3HashSize]) {
  const Blake3Lanes& lanes = BestLanes();
  while (count > 2) count = MergePairs(lanes, values[0], count);
  Parent(values[0], kBlake3Root, out);
}

}  // namespace gem
