// Mutations of bundles: of what the program says, and of bytes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <optional>

#include "test/fuzz/TreeMutator.h"
#include "test/runtime/BundleTree.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace gem::test;
  static const TreeSchema schema(GEM_BUNDLE_BFBS);
  Random random(seed);
  if (random.Below(4) != 0) {
    if (std::optional<BundleTree> tree = BundleTree::Read(schema, {data, size})) {
      gem::fuzz::MutateTree(schema, tree->root(), random);
      const size_t written = gem::fuzz::Replace(data, max_size, tree->Write());
      if (written != 0) return written;
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
