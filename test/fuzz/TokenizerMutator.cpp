// Mutations of tokenizer segments: of what they say, and of bytes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/schema/generated/gem_tokenizer_generated.h"
#include "test/fuzz/TreeMutator.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace gem::test;
  static const TreeSchema schema(GEM_TOKENIZER_BFBS);
  Random random(seed);
  if (random.Below(2) != 0) {
    const Bytes segment(data, data + size);  // aligned
    flatbuffers::Verifier verifier(segment.data(), segment.size());
    if (gem::schema::VerifyTokenizerBuffer(verifier)) {
      TreeTable root = ReadTree(schema, segment.data());
      gem::fuzz::MutateTree(schema, root, random);
      const size_t written = gem::fuzz::Replace(data, max_size, WriteTree(schema, root));
      if (written != 0) return written;
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
