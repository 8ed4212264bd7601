// Whether bytes are a FlatBuffer of the bundle schema.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_STRUCTUREVERIFIER_H
#define GEM_RUNTIME_LOADER_STRUCTUREVERIFIER_H

#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem {

// What schema::VerifyBundleBuffer tells, in a sixth of its code: it goes by a table of the
// schema's fields.
bool VerifyStructure(flatbuffers::Verifier& verifier, const uint8_t* data, size_t size);

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_STRUCTUREVERIFIER_H
