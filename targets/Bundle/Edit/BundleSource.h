// An open bundle whose parts go into another file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TARGETS_BUNDLE_EDIT_BUNDLESOURCE_H
#define GEM_TARGETS_BUNDLE_EDIT_BUNDLESOURCE_H

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"
#include "targets/Bundle/Edit/Problem.h"

namespace gem::edit {

// Where bytes go, in order. False, with the problem, ends the work.
using ByteSink = std::function<bool(std::string_view data, Problem* problem)>;
// Called now and then with the bytes done and the bytes in all.
using ProgressCallback = std::function<void(uint64_t done, uint64_t total)>;

// A piece at a time goes through memory, however large a file is.
inline constexpr size_t kPieceSize = size_t{1} << 20;

// A bundle that the runtime's loader accepted. Its preamble and program are copies;
// everything else is read when it is asked for, so whoever needs it as it was
// must compare its hash. Memory does not grow with the weights.
class BundleSource {
 public:
  // Null, with the problem, when the runtime refuses the file.
  static std::unique_ptr<BundleSource> Open(const std::string& path, Problem* problem);
  // The same of bytes that stay where they are, aligned to 64. `name` is for messages.
  static std::unique_ptr<BundleSource> OpenMemory(std::string name, std::span<const uint8_t> bytes,
                                                  Problem* problem);
  ~BundleSource();
  BundleSource(const BundleSource&) = delete;
  BundleSource& operator=(const BundleSource&) = delete;

  const std::string& name() const { return name_; }
  uint64_t size() const { return size_; }
  const Preamble& preamble() const { return preamble_; }
  // The first kPreambleSize bytes.
  std::span<const uint8_t> preamble_bytes() const { return preamble_bytes_; }
  std::span<const uint8_t> program() const { return program_; }
  const schema::Bundle& root() const { return *schema::GetBundle(program_.data()); }

  // Reads bytes of the file, which must be that long.
  bool Read(uint64_t offset, void* out, size_t size, Problem* problem) const;
  // Hands [offset, offset + length) on in pieces.
  bool ReadPieces(uint64_t offset, uint64_t length, const ByteSink& sink, Problem* problem) const;

 private:
  BundleSource() = default;
  bool Adopt(std::span<const uint8_t> bytes, Problem* problem);

  std::string name_;
  uint64_t size_ = 0;
  int file_ = -1;                   // or, without one:
  const uint8_t* memory_ = nullptr;
  Preamble preamble_;
  uint8_t preamble_bytes_[kPreambleSize] = {};
  std::vector<uint8_t> program_;
};

// That the bytes of a segment of the file that messages call `file` have the hash that it
// states; else the problem.
bool CheckSegmentHash(const std::string& file, std::string_view segment,
                      std::span<const uint8_t> stated, std::span<const uint8_t> hash,
                      Problem* problem);

// "0123456789abcdef": enough of a hash to compare by eye.
std::string ShortHash(std::span<const uint8_t> hash);

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_BUNDLESOURCE_H
