// The semantic verifier: whether a program may run unchecked.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_VERIFIER_H
#define GEM_RUNTIME_LOADER_VERIFIER_H

#include <cstdint>
#include <span>

#include "runtime/core/Memory.h"
#include "runtime/loader/SegmentHashes.h"
#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem {

// Limits that keep the work of verifying a hostile bundle bounded.
inline constexpr uint32_t kMaxSymbolValue = 1u << 20;
inline constexpr uint32_t kMaxExtent = 0x7FFFFFFF;
inline constexpr uint32_t kMaxSegments = 65536;
inline constexpr uint32_t kMaxConstants = 65536;
inline constexpr uint32_t kMaxBuffers = 8192;
inline constexpr uint32_t kMaxCommands = 8192;
inline constexpr uint64_t kMaxArenaSize = uint64_t{64} << 30;
// Of all maps that the commands of an entry name: a session copies them.
inline constexpr uint64_t kMaxMapEntries = uint64_t{1} << 24;
// Bytes of strings and entries of maps that are looked at, and buffers that are
// compared with what commands write. Tables can share them, so a small file could
// have a verifier look at the same bytes millions of times. Takes less than a second.
inline constexpr uint64_t kMaxVerifierSteps = uint64_t{1} << 28;

// Checks everything in `bundle`, which passed the FlatBuffers verifier, against
// the rules of docs/artifact-format.md for files with this preamble. `file`, without a
// signature block, bounds the segments; of their bytes, only those are read that index
// memory, and with `hashes` only after their segment's hash was checked. `memory` gives
// scratch space, all of which is given back.
gem_status_t VerifyBundle(const unpacked::Bundle& bundle, const Preamble& preamble,
                          std::span<const uint8_t> file, const SegmentHashes* hashes,
                          Memory* memory, gem_error_t* error);

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_VERIFIER_H
