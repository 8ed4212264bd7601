// The smallest bundles that have everything: one kernel each, and one with all that
// is not a kernel.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_MICROBUNDLES_H
#define GEM_TEST_RUNTIME_MICROBUNDLES_H

#include <string>
#include <vector>

#include "test/runtime/BundleBuilder.h"

namespace gem::test {

struct NamedBundle {
  std::string name;  // "LINEAR_QUANTIZED-int4g32"
  Bytes bytes;
};

// A kernel of quantized weights has one for each format. "everything" has two
// variants and two entries that share segments, a tokenizer, labels and provenance.
std::vector<NamedBundle> MicroBundles();

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_MICROBUNDLES_H
