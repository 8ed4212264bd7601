// Kernel attributes as the schema's parameters.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_BUNDLE_KERNELPARAMS_H
#define GEM_TARGETS_BUNDLE_KERNELPARAMS_H

#include "dialects/GemRT/GemRT.h"
#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem {

/// A kernel and its parameters in the schema's terms.
struct PackedKernel {
  schema::Kernel kernel = schema::Kernel::INVALID;
  schema::KernelParams paramsType = schema::KernelParams::NONE;
  flatbuffers::Offset<void> params;
};

/// Writes the parameters of `kernel` to `builder`. Every kernel attribute of the gemrt
/// dialect has a counterpart; kernel INVALID is returned for an attribute of another
/// dialect.
PackedKernel packKernel(rt::KernelAttrInterface kernel, flatbuffers::FlatBufferBuilder &builder);

} // namespace gem

#endif // GEM_TARGETS_BUNDLE_KERNELPARAMS_H
