// Bytes in chunks whose borders their contents decide.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A border lies where a hash of the bytes just before it says so. Bytes that moved, as
// weights do behind a tensor whose format changed, so have the same chunks again soon
// behind the change. The hash is the gear hash of Xia et al., "FastCDC: a Fast and
// Efficient Content-Defined Chunking Approach for Data Deduplication" (2016).
#ifndef GEM_TARGETS_BUNDLE_EDIT_CHUNKS_H
#define GEM_TARGETS_BUNDLE_EDIT_CHUNKS_H

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "runtime/core/Blake3.h"

namespace gem::edit {

struct Chunk {
  uint64_t offset = 0, length = 0;
  std::array<uint8_t, kBlake3HashSize> hash{};
};

// How long chunks are: `average` a power of two, a quarter of it at least, four times it
// at most.
struct ChunkSizes {
  uint64_t average;

  // For files of `size` bytes: 4 KiB, or as much more as keeps their number below 2^18.
  static ChunkSizes For(uint64_t size) {
    const uint64_t least = std::bit_ceil((size >> 18) + 1);
    return {least < 4096 ? 4096 : least};
  }
};

// Finds the chunks of what is fed to it. `emit` gets each once it is complete.
template <typename Emit>
class Chunker {
 public:
  Chunker(uint64_t offset, ChunkSizes sizes, Emit emit)
      : sizes_(sizes), emit_(std::move(emit)), begin_(offset) {}

  void Feed(std::string_view data) {
    size_t start = 0;
    for (size_t i = 0; i < data.size(); ++i) {
      gear_ = (gear_ << 1) + kGear[static_cast<uint8_t>(data[i])];
      ++length_;
      if (length_ < sizes_.average / 4) continue;
      // The high bits depend on the most bytes.
      const bool is_border = gear_ >> (64 - std::countr_zero(sizes_.average)) == 0;
      if (!is_border && length_ < sizes_.average * 4) continue;
      hasher_.Update(data.data() + start, i + 1 - start);
      start = i + 1;
      Finish();
    }
    hasher_.Update(data.data() + start, data.size() - start);
  }

  // The last chunk ends where the data does.
  void Finish() {
    if (length_ == 0) return;
    Chunk chunk{begin_, length_, {}};
    hasher_.Finish(chunk.hash.data());
    emit_(chunk);
    begin_ += length_;
    length_ = 0;
    gear_ = 0;
    hasher_ = Blake3Hasher();
  }

 private:
  static constexpr std::array<uint64_t, 256> MakeGear() {
    std::array<uint64_t, 256> gear{};
    uint64_t state = 0;
    for (uint64_t& value : gear) {  // SplitMix64
      uint64_t z = (state += 0x9E3779B97F4A7C15u);
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
      value = z ^ (z >> 31);
    }
    return gear;
  }
  static constexpr std::array<uint64_t, 256> kGear = MakeGear();

  ChunkSizes sizes_;
  Emit emit_;
  uint64_t begin_, length_ = 0, gear_ = 0;
  Blake3Hasher hasher_;
};

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_CHUNKS_H
