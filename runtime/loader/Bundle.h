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
#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem {

// The bytes of a bundle, of which `program` is verified. Immutable, so any
// number of threads may use it.
class Bundle {
 public:
  explicit Bundle(const gem_allocator_t& allocator) : memory_(allocator) {}

  // Opens and verifies; `bytes()` of the result are checked against `check`.
  gem_status_t Open(const char* path, gem_load_mode_t mode, gem_hash_check_t check,
                    gem_error_t* error);
  gem_status_t OpenMemory(const void* data, size_t size, gem_load_mode_t mode,
                          gem_hash_check_t check, gem_error_t* error);

  const schema::Bundle& root() const { return *root_; }
  const Preamble& preamble() const { return preamble_; }
  // The whole file.
  std::span<const uint8_t> bytes() const { return file_.bytes(); }
  std::span<const uint8_t> segment(uint32_t index) const;
  // Of the segment that root().text() names; empty when there is no text.
  std::span<const uint8_t> tokenizer_segment() const;

  // Fails when the file was cut since it was opened.
  gem_status_t CheckLength(gem_error_t* error) const { return file_.CheckLength(error); }
  // Whether the segment's bytes have the hash that the program says.
  bool SegmentHashMatches(uint32_t index) const;

  const gem_allocator_t& allocator() const { return memory_.allocator(); }

 private:
  gem_status_t Verify(gem_hash_check_t check, gem_error_t* error);
  gem_status_t ReadPreamble(gem_error_t* error);
  gem_status_t VerifyPadding(gem_error_t* error) const;

  Memory memory_;
  FileData file_;
  Preamble preamble_;
  Array<uint8_t> program_;  // a private copy: nobody can change what was verified
  const schema::Bundle* root_ = nullptr;
};

}  // namespace gem

// What the C API hands out.
struct gem_bundle_t : gem::Bundle {
  using gem::Bundle::Bundle;
};

#endif  // GEM_RUNTIME_LOADER_BUNDLE_H
