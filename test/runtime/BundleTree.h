// A bundle that can be changed anywhere and written again with the right hashes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_BUNDLETREE_H
#define GEM_TEST_RUNTIME_BUNDLETREE_H

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "test/runtime/BundleBuilder.h"
#include "test/runtime/SchemaTree.h"

namespace gem::test {

class BundleTree {
 public:
  // Of a file whose program passes the FlatBuffers verifier and whose segments lie
  // in it; nothing when that is not so. Hashes need not be right.
  static std::optional<BundleTree> Read(const TreeSchema& schema, std::span<const uint8_t> file);

  const TreeTable& root() const { return root_; }
  TreeTable& root() { return root_; }

  // Lays the segments out as the format wants it, hashes them and the program, and
  // writes the file. A segment whose place, length or hash was changed in the tree
  // keeps what it was changed to.
  Bytes Write() const;

 private:
  explicit BundleTree(const TreeSchema& schema) : schema_(&schema) {}

  // What the tree says of a segment.
  struct Facts {
    uint64_t offset, length;
    std::vector<uint8_t> hash;
    bool operator==(const Facts&) const = default;
  };
  static Facts FactsOf(const TreeSchema& schema, const TreeTable& segment);
  // Writes what is right where the tree still says what it said at first.
  uint64_t PlaceSegments(TreeTable& root, uint64_t program_end) const;

  const TreeSchema* schema_;
  TreeTable root_;
  uint16_t format_minor_ = 0;
  // By the segment tables' `origin`.
  std::vector<Bytes> data_;
  std::vector<Facts> facts_;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_BUNDLETREE_H
