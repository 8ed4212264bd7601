// An open bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_BUNDLE_H
#define GEM_RUNTIME_LOADER_BUNDLE_H

#include <cstdint>
#include <span>

#include "gem/gem.h"
#include "runtime/core/Memory.h"
#include "runtime/loader/FileData.h"
#include "runtime/loader/SegmentHashes.h"
#include "runtime/loader/Unpacked.h"
#include "runtime/schema/Preamble.h"

namespace gem {

// The bytes of a bundle, of which `program` is verified. Immutable but for what is
// known of hashes, so any number of threads may use it.
class Bundle {
 public:
  explicit Bundle(const gem_allocator_t& allocator) : memory_(allocator) {}

  // Opens and verifies. `options` are complete: what an older caller does not have is
  // set, and a key comes with a verifier.
  gem_status_t Open(const char* path, const gem_bundle_options_t& options, gem_error_t* error);
  gem_status_t OpenMemory(const void* data, size_t size, const gem_bundle_options_t& options,
                          gem_error_t* error);

  const unpacked::Bundle& root() const { return *root_; }
  const Preamble& preamble() const { return preamble_; }
  // The whole file.
  std::span<const uint8_t> bytes() const { return file_.bytes(); }
  std::span<const uint8_t> segment(uint32_t index) const;
  // Of the segment that root().text names; empty when there is no text.
  std::span<const uint8_t> tokenizer_segment() const;

  // Fails when the file was cut since it was opened.
  gem_status_t CheckLength(gem_error_t* error) const { return file_.CheckLength(error); }
  // Whether segments that were not checked at opening are checked before they are used.
  bool checks_before_use() const { return checks_before_use_; }
  // Checks the hashes of the segments that hold the constants of `program`, when the
  // options asked for that; else OK.
  gem_status_t CheckSegmentsOf(const unpacked::Program& program, gem_error_t* error) const {
    return checks_before_use_ ? hashes_.CheckConstants(program, error) : GEM_STATUS_OK;
  }
  // Checks the hash of the tokenizer's segment, which there must be.
  gem_status_t CheckTokenizerSegment(gem_error_t* error) const {
    return hashes_.Check(root_->text->tokenizer_segment, error);
  }

  const gem_allocator_t& allocator() const { return memory_.allocator(); }

 private:
  gem_status_t Verify(const gem_bundle_options_t& options, gem_error_t* error);
  gem_status_t ReadPreamble(const uint8_t raw[kPreambleSize], gem_error_t* error);
  gem_status_t VerifySignature(const uint8_t raw[kPreambleSize],
                               const gem_bundle_options_t& options, gem_error_t* error) const;
  gem_status_t VerifyPadding(gem_error_t* error) const;
  // The file without its signature block.
  std::span<const uint8_t> contents() const {
    return bytes().first(bytes().size() -
                         (preamble_.signature == kSignatureNone ? 0 : kSignatureBlockSize));
  }

  Memory memory_;
  FileData file_;
  Preamble preamble_;
  Array<uint8_t> program_;  // a private copy: nobody can change what was verified
  Array<uint8_t> unpacked_;
  const unpacked::Bundle* root_ = nullptr;  // in unpacked_, its strings in program_
  SegmentHashes hashes_;
  bool checks_before_use_ = false;  // segments are checked before they are used
};

}  // namespace gem

// What the C API hands out.
struct gem_bundle_t : gem::Bundle {
  using gem::Bundle::Bundle;
};

#endif  // GEM_RUNTIME_LOADER_BUNDLE_H
