// Changes FlatBuffers by their schema, so that most changes get past the first check.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_FUZZ_TREEMUTATOR_H
#define GEM_TEST_FUZZ_TREEMUTATOR_H

#include "test/runtime/SchemaTree.h"

// libFuzzer's own mutations.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace gem::fuzz {

// Makes one to three changes of tables that are drawn.
void MutateTree(const test::TreeSchema& schema, test::TreeTable& root, test::Random& random);

// Copies `bytes` over the input when they fit; 0 when they do not.
size_t Replace(uint8_t* data, size_t max_size, const test::Bytes& bytes);

}  // namespace gem::fuzz

#endif  // GEM_TEST_FUZZ_TREEMUTATOR_H
