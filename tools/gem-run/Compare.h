// Two bundles on the same input: where their results first differ.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_COMPARE_H
#define GEM_TOOLS_GEM_RUN_COMPARE_H

#include "tools/gem-run/Input.h"
#include "tools/gem-run/Options.h"

namespace gem::run {

// Runs both of options.bundles on every item and compares every output, bit by
// bit, from the model's start to its end. Returns the exit code: 0
// when all bits are the same, 1 when some differ.
int Compare(const Options& options, Input* input);

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_COMPARE_H
