// The bytes of a bundle for its contents: the one layout that the format has.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// docs/artifact-format.md fixes where everything lies. What a FlatBuffer leaves open,
// the order of its tables, is fixed here: whoever writes a bundle packs its program
// with PackProgram(), so equal contents are equal bytes.
#ifndef GEM_TARGETS_BUNDLE_EDIT_BUNDLELAYOUT_H
#define GEM_TARGETS_BUNDLE_EDIT_BUNDLELAYOUT_H

#include <cstdint>
#include <vector>

#include "targets/Bundle/Edit/BundleSource.h"

namespace gem::edit {

// The FlatBuffer of `bundle`. Its size does not depend on offsets and hashes of
// segments, as long as no offset is 0.
std::vector<uint8_t> PackProgram(const schema::BundleT& bundle);

// The lowest minor version of the format that has all that `bundle` uses. (A signature
// takes kSignatureMinor besides.)
uint16_t RequiredMinor(const schema::BundleT& bundle);
inline constexpr uint16_t kSignatureMinor = 2;

// Sets every segment's offset, as it must be behind a program of `program_size` bytes.
// Returns where the last part ends.
uint64_t PlaceSegments(schema::BundleT& bundle, size_t program_size);

// A bundle that is being put together: what it says, and where the bytes of its
// segments lie, `origins[i]` those of segment i.
struct Contents {
  struct Origin {
    const BundleSource* source = nullptr;
    uint64_t offset = 0;
  };
  schema::BundleT bundle;
  std::vector<Origin> origins;
};

// What `source` holds; it must outlive the result. A signature is no part of it.
Contents ContentsOf(const BundleSource& source);

// Writes `contents` to `sink`, in order, and sets its segments' offsets. Every segment
// must have the hash it states: a damaged source is refused, after some of it was
// written.
bool WriteBundle(Contents& contents, const ByteSink& sink, const ProgressCallback& progress,
                 Problem* problem);

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_BUNDLELAYOUT_H
