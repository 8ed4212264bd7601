// Finds what two bundles have in common, and writes patches.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "runtime/core/Blake3.h"
#include "targets/Bundle/Edit/Chunks.h"
#include "targets/Bundle/Edit/Patch.h"

namespace gem::edit {
namespace {

struct HashOfHash {
  size_t operator()(const Hash& hash) const {
    size_t value;
    memcpy(&value, hash.data(), sizeof(value));
    return value;
  }
};

Hash HashOf(std::span<const uint8_t> bytes) {
  Hash hash;
  Blake3(bytes.data(), bytes.size(), hash.data());
  return hash;
}

class PatchMaker {
 public:
  PatchMaker(const BundleSource& from, const BundleSource& to, const ProgressCallback& progress,
             Patch* patch, Problem* problem)
      : from_(from),
        to_(to),
        sizes_(ChunkSizes::For(std::max(from.size(), to.size()))),
        progress_(progress),
        patch_(*patch),
        problem_(problem) {}

  bool Run() {
    patch_ = {};
    patch_.old_size = from_.size();
    patch_.new_size = to_.size();
    patch_.old_preamble = HashOf(from_.preamble_bytes());
    patch_.new_preamble = HashOf(to_.preamble_bytes());
    if (!IndexOld() || !Plan()) return false;
    // A patch never makes more than it was given (a reader refuses one that would); for
    // new bytes that repeat themselves that often, copying is not worth its records.
    if (patch_.records.size() > kMaxPatchRecords ||
        patch_.new_size - std::min(patch_.new_size, patch_.old_size) > PatchSize()) {
      patch_.records = {{PatchRecord::Kind::kData, 0, patch_.new_size, {}}};
    }
    patch_.patch_size = PatchSize();
    return HashRecords();
  }

 private:
  uint64_t PatchSize() const {
    return kPatchHeaderSize + patch_.records.size() * kPatchRecordSize + patch_.data_size();
  }

  void Advance(uint64_t bytes) {
    done_ += bytes;
    // The old file once, the new one twice.
    if (progress_) progress_(done_, from_.size() + 2 * to_.size());
  }

  // Segments that both have are found by the hash they state; what else the old file has,
  // by its chunks.
  bool IndexOld() {
    for (const schema::Segment* segment : *from_.root().segments()) {
      Hash hash;
      std::copy_n(segment->hash()->data(), kHashSize, hash.begin());
      old_segments_.emplace(hash, segment->offset());
    }
    return ForEachChunk(from_, 0, from_.size(), [this](const Chunk& chunk) {
      old_chunks_.emplace(chunk.hash, chunk.offset);
    });
  }

  template <typename Use>
  bool ForEachChunk(const BundleSource& source, uint64_t offset, uint64_t length, const Use& use) {
    Chunker chunker(offset, sizes_, use);
    const ByteSink feed = [&](std::string_view data, Problem*) {
      chunker.Feed(data);
      Advance(data.size());
      return true;
    };
    if (!source.ReadPieces(offset, length, feed, problem_)) return false;
    chunker.Finish();
    return true;
  }

  bool Plan() {
    uint64_t end = 0;
    for (const schema::Segment* segment : *to_.root().segments()) {
      Hash hash;
      std::copy_n(segment->hash()->data(), kHashSize, hash.begin());
      const auto old = old_segments_.find(hash);
      if (old == old_segments_.end()) continue;
      if (!PlanChunks(end, segment->offset())) return false;
      Add({PatchRecord::Kind::kCopy, old->second, segment->length(), {}});
      Advance(segment->length());
      end = segment->offset() + segment->length();
    }
    return PlanChunks(end, to_.size());
  }

  bool PlanChunks(uint64_t begin, uint64_t end) {
    return ForEachChunk(to_, begin, end - begin, [this](const Chunk& chunk) {
      const auto old = old_chunks_.find(chunk.hash);
      if (old != old_chunks_.end()) {
        Add({PatchRecord::Kind::kCopy, old->second, chunk.length, {}});
      } else {
        Add({PatchRecord::Kind::kData, 0, chunk.length, {}});
      }
    });
  }

  // Appends a stretch; one that goes on where the last ended makes that longer.
  void Add(const PatchRecord& record) {
    if (!patch_.records.empty()) {
      PatchRecord& last = patch_.records.back();
      const bool follows = record.kind == PatchRecord::Kind::kData ||
                           last.old_offset + last.length == record.old_offset;
      if (last.kind == record.kind && follows) {
        last.length += record.length;
        return;
      }
    }
    patch_.records.push_back(record);
  }

  // The hashes of records. What is copied was found by the hashes that segments state, so
  // they are compared with the bytes on the way.
  bool HashRecords() {
    Blake3Hasher whole;
    uint64_t offset = 0, place = 0;
    for (PatchRecord& record : patch_.records) {
      Blake3Hasher hasher;
      const ByteSink hash = [&](std::string_view data, Problem*) {
        hasher.Update(data.data(), data.size());
        whole.Update(data.data(), data.size());
        Advance(data.size());
        place += data.size();
        return CheckSegments(place - data.size(), data);
      };
      if (!to_.ReadPieces(offset, record.length, hash, problem_)) return false;
      hasher.Finish(record.hash.data());
      offset += record.length;
    }
    whole.Finish(patch_.new_file.data());
    return true;
  }

  // Takes the new file's bytes from `begin`, in order.
  bool CheckSegments(uint64_t begin, std::string_view data) {
    const auto& segments = *to_.root().segments();
    const uint64_t end = begin + data.size();
    for (; segment_ < segments.size(); ++segment_, segment_hasher_ = {}) {
      const schema::Segment& segment = *segments.Get(segment_);
      const uint64_t segment_end = segment.offset() + segment.length();
      const uint64_t from = std::max(begin, segment.offset()), to = std::min(end, segment_end);
      if (from < to) segment_hasher_.Update(data.data() + (from - begin), to - from);
      if (end < segment_end) break;
      Hash hash;
      segment_hasher_.Finish(hash.data());
      if (!CheckSegmentHash(to_.name(), segment.name()->string_view(),
                            {segment.hash()->data(), segment.hash()->size()}, hash, problem_)) {
        return false;
      }
    }
    return true;
  }

  const BundleSource& from_;
  const BundleSource& to_;
  const ChunkSizes sizes_;
  const ProgressCallback& progress_;
  Patch& patch_;
  Problem* problem_;
  uint64_t done_ = 0;
  flatbuffers::uoffset_t segment_ = 0;  // of the new file, the one that is being hashed
  Blake3Hasher segment_hasher_;
  std::unordered_map<Hash, uint64_t, HashOfHash> old_segments_, old_chunks_;
};

}  // namespace

uint64_t Patch::data_size() const {
  uint64_t size = 0;
  for (const PatchRecord& record : records) {
    if (record.kind == PatchRecord::Kind::kData) size += record.length;
  }
  return size;
}

bool MakePatch(const BundleSource& from, const BundleSource& to, const ProgressCallback& progress,
               Patch* patch, Problem* problem) {
  return PatchMaker(from, to, progress, patch, problem).Run();
}

bool WritePatch(const Patch& patch, const BundleSource& to, const ByteSink& sink,
                Problem* problem) {
  std::vector<uint8_t> front(kPatchHeaderSize + patch.records.size() * kPatchRecordSize);
  uint8_t* at = front.data() + kPatchHeaderSize;
  for (const PatchRecord& record : patch.records) {
    at[0] = static_cast<uint8_t>(record.kind);
    StoreLittleEndian(record.old_offset, 8, at + 8);
    StoreLittleEndian(record.length, 8, at + 16);
    std::copy(record.hash.begin(), record.hash.end(), at + 24);
    at += kPatchRecordSize;
  }
  uint8_t* header = front.data();
  std::copy(std::begin(kPatchMagic), std::end(kPatchMagic), header);
  StoreLittleEndian(kPatchMajor, 2, header + 8);
  StoreLittleEndian(kPatchMinor, 2, header + 10);
  StoreLittleEndian(kPatchHeaderSize, 4, header + 12);
  StoreLittleEndian(patch.patch_size, 8, header + 16);
  StoreLittleEndian(patch.old_size, 8, header + 24);
  StoreLittleEndian(patch.new_size, 8, header + 32);
  StoreLittleEndian(patch.records.size(), 4, header + 40);
  std::copy(patch.old_preamble.begin(), patch.old_preamble.end(), header + 48);
  std::copy(patch.new_preamble.begin(), patch.new_preamble.end(), header + 80);
  std::copy(patch.new_file.begin(), patch.new_file.end(), header + 112);
  Blake3(front.data() + kPatchHeaderSize, front.size() - kPatchHeaderSize, header + 144);
  if (!sink({reinterpret_cast<const char*>(front.data()), front.size()}, problem)) return false;

  uint64_t offset = 0;
  for (const PatchRecord& record : patch.records) {
    if (record.kind == PatchRecord::Kind::kData &&
        !to.ReadPieces(offset, record.length, sink, problem)) {
      return false;
    }
    offset += record.length;
  }
  return true;
}

}  // namespace gem::edit
