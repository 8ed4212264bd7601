// A bundle with another signature block; docs/artifact-format.md has its bytes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TARGETS_BUNDLE_EDIT_SIGNATURE_H
#define GEM_TARGETS_BUNDLE_EDIT_SIGNATURE_H

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "targets/Bundle/Edit/BundleSource.h"

namespace gem::edit {

using PublicKey = std::array<uint8_t, GEM_PUBLIC_KEY_SIZE>;
using Signature = std::array<uint8_t, GEM_SIGNATURE_SIZE>;

// What a signature is of: the bundle's preamble, which has the hash of everything else.
std::string SignedMessage(std::span<const uint8_t> preamble);

// The key that `source` says it is signed with; false when it is not signed. That says
// nothing about whether the signature is right.
bool ReadSigner(const BundleSource& source, PublicKey* key, bool* is_signed, Problem* problem);

// Writes `source` with a signature by the owner of `key`, in place of one it may have.
// `sign` makes it of a message. Bytes of segments are copied as they are.
bool WriteSigned(const BundleSource& source, const PublicKey& key,
                 const std::function<Signature(const std::string& message)>& sign,
                 const ByteSink& sink, const ProgressCallback& progress, Problem* problem);

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_SIGNATURE_H
