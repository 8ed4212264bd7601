// Whether the bytes of segments have the hashes that the program says.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/SegmentHashes.h"

#include <cstring>

#include "runtime/core/Blake3.h"
#include "runtime/core/Status.h"
#include "runtime/core/ThreadPool.h"
#include "runtime/loader/HashText.h"

namespace gem {
namespace {

struct Value {
  uint8_t bytes[kBlake3HashSize];
};

}  // namespace

// What the threads share.
struct SegmentHashes::Job {
  const SegmentHashes* hashes;
  const Leaf* leaves;
  Value* values;

  static void Run(void* context, uint32_t begin, uint32_t end) {
    const Job& job = *static_cast<Job*>(context);
    for (uint32_t i = begin; i < end; ++i) {
      const Leaf& leaf = job.leaves[i];
      const std::span<const uint8_t> data = job.hashes->BytesOf(leaf.segment);
      if (data.size() <= kBlake3LeafSize) {
        Blake3(data.data(), data.size(), job.values[i].bytes);
        continue;
      }
      const size_t first = leaf.number * kBlake3LeafSize, left = data.size() - first;
      Blake3LeafValue(data.data() + first, left < kBlake3LeafSize ? left : kBlake3LeafSize,
                      leaf.number, job.values[i].bytes);
    }
  }
};

bool SegmentHashes::Initialize(const unpacked::Bundle& bundle, std::span<const uint8_t> file,
                               gem_status_t mismatch, uint32_t threads, Memory* memory) {
  bundle_ = &bundle;
  file_ = file;
  mismatch_ = mismatch;
  threads_ = threads;
  allocator_ = &memory->allocator();
  return states_.Allocate(memory, bundle.segments.size());
}

std::span<const uint8_t> SegmentHashes::BytesOf(uint32_t segment) const {
  const unpacked::Segment& data = bundle_->segments[segment];
  return file_.subspan(data.offset, data.length);
}

uint32_t SegmentHashes::LeavesOf(uint32_t segment) const {
  // A segment is not empty, and no address space has 2^52 bytes.
  return static_cast<uint32_t>((BytesOf(segment).size() - 1) / kBlake3LeafSize) + 1;
}

gem_status_t SegmentHashes::CheckConstants(const unpacked::Program& program,
                                           gem_error_t* error) const {
  Memory scratch(*allocator_);
  Array<uint8_t> wanted;
  if (!wanted.Allocate(&scratch, states_.size())) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for checking %zu segments"_msg,
                states_.size());
  }
  for (const unpacked::Constant& constant : program.constants) wanted[constant.segment] = 1;
  return Check(0, static_cast<uint32_t>(states_.size()), wanted.data(), error);
}

template <typename Predicate>
gem_status_t SegmentHashes::HashLeaves(uint32_t begin, uint32_t end, size_t count,
                                       const Predicate& is_left, gem_error_t* error) const {
  Memory scratch(*allocator_);
  Array<Leaf> leaves;
  Array<Value> values;
  if (!leaves.Allocate(&scratch, count) || !values.Allocate(&scratch, count)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for checking %zu MiB of segments"_msg,
                count);
  }
  // Another thread may have checked some since they were counted: then there are fewer.
  uint32_t units = 0;
  for (uint32_t i = begin; i < end; ++i) {
    if (!is_left(i)) continue;
    const uint32_t segment_leaves = LeavesOf(i);
    for (uint32_t leaf = 0; leaf < segment_leaves; ++leaf) leaves[units++] = {i, leaf};
  }
  ThreadPool pool;
  const gem_status_t status = pool.Start(&scratch, threads_ < units ? threads_ : units, error);
  if (status != GEM_STATUS_OK) return status;
  Job job = {this, leaves.data(), values.data()};
  pool.Run(Job::Run, &job, units);
  for (uint32_t i = 0; i < units;) {
    const uint32_t segment = leaves[i].segment, segment_leaves = LeavesOf(segment);
    uint8_t* hash = values[i].bytes;
    if (segment_leaves > 1) {
      Blake3MergeLeaves(&values[i].bytes, segment_leaves, hash);
    }
    i += segment_leaves;
    const auto* expected = bundle_->segments[segment].hash->data();
    uint8_t unchecked = kUnchecked;
    if (memcmp(hash, expected, kBlake3HashSize) != 0) {
      states_[segment].store(kBad, std::memory_order_release);
    } else {
      // Not over a kBad: once bad, always bad.
      states_[segment].compare_exchange_strong(unchecked, kGood, std::memory_order_acq_rel);
    }
  }
  return GEM_STATUS_OK;
}

gem_status_t SegmentHashes::Check(uint32_t begin, uint32_t end, const uint8_t* wanted,
                                  gem_error_t* error) const {
  const auto is_wanted = [&](uint32_t i) { return wanted == nullptr || wanted[i] != 0; };
  const auto is_left = [&](uint32_t i) {
    return is_wanted(i) && states_[i].load(std::memory_order_acquire) == kUnchecked;
  };
  size_t count = 0;
  for (uint32_t i = begin; i < end; ++i) count += is_left(i) ? LeavesOf(i) : 0;
  if (count != 0) {
    const gem_status_t status = HashLeaves(begin, end, count, is_left, error);
    if (status != GEM_STATUS_OK) return status;
  }
  for (uint32_t i = begin; i < end; ++i) {
    if (!is_wanted(i) || states_[i].load(std::memory_order_acquire) != kBad) continue;
    const unpacked::Segment& segment = bundle_->segments[i];
    return Fail(error, mismatch_,
                "segment %u ('%.48s'): hash: expected %s..., but its bytes have another; the file "
                "is damaged or was altered"_msg,
                i, segment.name->c_str(), HashText(segment.hash->data()).text);
  }
  return GEM_STATUS_OK;
}

}  // namespace gem
