// Opens a checkpoint as the compiler does, and reads all that it says is there.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_FUZZ_CHECKPOINTUSE_H
#define GEM_TEST_FUZZ_CHECKPOINTUSE_H

#include <cstddef>
#include <cstdint>

namespace gem::fuzz {

void UseCheckpoint(const uint8_t* data, size_t size);

}  // namespace gem::fuzz

#endif  // GEM_TEST_FUZZ_CHECKPOINTUSE_H
