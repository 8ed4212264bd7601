// Whether the bytes of segments have the hashes that the program says.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_SEGMENTHASHES_H
#define GEM_RUNTIME_LOADER_SEGMENTHASHES_H

#include <atomic>
#include <cstdint>
#include <span>

#include "runtime/core/Memory.h"
#include "runtime/loader/Unpacked.h"

namespace gem {

// Checks each segment once and remembers what came of it; any number of threads may
// ask at a time (two that ask for the same segment both hash it).
class SegmentHashes {
 public:
  // For the segments of `bundle`, whose places in `file` must be verified before any is
  // checked. `mismatch` is the status of other bytes than the program says. `threads`
  // hash, the caller's included. False when there is no memory.
  [[nodiscard]] bool Initialize(const unpacked::Bundle& bundle, std::span<const uint8_t> file,
                                gem_status_t mismatch, uint32_t threads, Memory* memory);

  // Each returns OK when all of these have their hashes.
  gem_status_t Check(uint32_t segment, gem_error_t* error) const {
    return Check(segment, segment + 1, nullptr, error);
  }
  gem_status_t CheckAll(gem_error_t* error) const {
    return Check(0, static_cast<uint32_t>(states_.size()), nullptr, error);
  }
  // Those that hold the program's constants.
  gem_status_t CheckConstants(const unpacked::Program& program, gem_error_t* error) const;

 private:
  enum State : uint8_t { kUnchecked = 0, kGood = 1, kBad = 2 };
  // What a thread hashes at a time: a leaf of the tree of a segment's hash.
  struct Leaf {
    uint32_t segment;
    uint32_t number;  // in the segment
  };
  struct Job;

  // Of [begin, end) those where `wanted`, unless it is null, is not 0.
  gem_status_t Check(uint32_t begin, uint32_t end, const uint8_t* wanted, gem_error_t* error) const;
  // Hashes those of [begin, end) that are left, `count` leaves at most.
  template <typename Predicate>
  gem_status_t HashLeaves(uint32_t begin, uint32_t end, size_t count, const Predicate& is_left,
                          gem_error_t* error) const;
  std::span<const uint8_t> BytesOf(uint32_t segment) const;
  uint32_t LeavesOf(uint32_t segment) const;

  const unpacked::Bundle* bundle_ = nullptr;
  std::span<const uint8_t> file_;
  gem_status_t mismatch_ = GEM_STATUS_CORRUPT;
  uint32_t threads_ = 1;
  const gem_allocator_t* allocator_ = nullptr;
  mutable Array<std::atomic<uint8_t>> states_;  // a State for each segment
};

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_SEGMENTHASHES_H
