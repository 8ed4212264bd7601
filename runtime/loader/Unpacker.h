// From a bundle's FlatBuffer to plain structs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verifier that flatc generates has a function for every table and takes 8 KB; this
// one has the schema as a table, and unpacks what it has verified.
#ifndef GEM_RUNTIME_LOADER_UNPACKER_H
#define GEM_RUNTIME_LOADER_UNPACKER_H

#include <cstddef>
#include <cstdint>

#include "runtime/core/Memory.h"
#include "runtime/loader/Unpacked.h"

namespace gem {

// Checks that the `size` bytes at `data` are a FlatBuffer of the bundle schema with every
// required field, in bounds and aligned (schema::VerifyBundleBuffer is the reference), and
// unpacks it into memory from `memory`, which `out` then owns. The strings of what comes
// back stay at `data`, which is aligned to 8 bytes.
//
// OK, and `*out_bundle` is set; CORRUPT when it is no such FlatBuffer, or when tables are
// shared so that they would take many times its size; OUT_OF_MEMORY.
gem_status_t Unpack(const uint8_t* data, size_t size, Memory* memory, Array<uint8_t>* out,
                    const unpacked::Bundle** out_bundle, gem_error_t* error);

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_UNPACKER_H
