// Which CPU kernels bundles call, and the source that links a runtime with just those.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TARGETS_BUNDLE_KERNELS_KERNELREGISTRY_H
#define GEM_TARGETS_BUNDLE_KERNELS_KERNELREGISTRY_H

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem::bundle {

// The ISAs that kernels are compiled for, on any architecture: "avx2", "neon", ...
std::vector<std::string> AllKernelIsas();

// The kernels that some bundles call, as gem/kernel_registry.h names them.
class KernelSelection {
 public:
  // Adds what all variants of a bundle call. The runtime accepted it.
  void Add(const schema::Bundle& bundle);

  // The members of CpuKernels, in their order: "table_int8", "linear_int4_group", ...
  std::vector<std::string> Slots() const;

  // "gem-tiny (raspberry-pi-4), other (pixel-6)": the models and the devices they were
  // compiled for, each once, sorted. ASCII, and no quotes or backslashes.
  std::string BuiltFor() const;

  // The registry of these kernels for the ISAs named, or for every ISA of the architecture
  // that it is compiled for when none is. The same for the same selection and names, in
  // whatever order they came.
  std::string RegistrySource(std::span<const std::string> isas) const;

 private:
  std::set<std::string> slots_;
  std::set<std::string> names_;
};

}  // namespace gem::bundle

#endif  // GEM_TARGETS_BUNDLE_KERNELS_KERNELREGISTRY_H
