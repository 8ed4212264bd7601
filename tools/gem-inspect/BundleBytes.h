// The parts of a bundle file, to the last byte, and their hashes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TOOLS_GEM_INSPECT_BUNDLEBYTES_H
#define GEM_TOOLS_GEM_INSPECT_BUNDLEBYTES_H

#include "targets/Bundle/BundleReader.h"
#include <string>
#include <vector>

namespace gem::inspect {

/// A stretch of the file, or of a segment.
struct BytePart {
  uint64_t offset = 0; ///< From the start of the file.
  uint64_t length = 0;
  /// "preamble", "program", "segment", "signature", "padding"; inside a segment "constant",
  /// "tokenizer", "padding", and "unused" for bytes that no constant claims.
  std::string kind;
  std::string name;            ///< Of a segment or constant.
  bool isZero = true;          ///< Of padding and unused bytes: whether all are zero.
  std::vector<BytePart> parts; ///< Of a segment.
};

/// The parts in order. They follow each other without a gap or an overlap, at both levels:
/// their lengths add up to the file's size, and those of a segment to its length. Constants
/// of several variants that share bytes are one part, named after all of them.
std::vector<BytePart> listParts(const BundleFile &file);

/// The sum of the parts' lengths.
uint64_t totalLength(const std::vector<BytePart> &parts);

/// 64 hexadecimal digits.
std::string hexOf(llvm::ArrayRef<uint8_t> hash);

/// A hash that the file states, and the one its bytes have.
struct HashCheck {
  std::string what; ///< "program", or a segment's name.
  std::string stated, computed;
  bool matches() const { return stated == computed; }
};

/// Hashes program and segments.
std::vector<HashCheck> checkHashes(const BundleFile &file);

} // namespace gem::inspect

#endif // GEM_TOOLS_GEM_INSPECT_BUNDLEBYTES_H
