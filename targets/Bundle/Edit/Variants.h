// Several variants of one model in one bundle, and each again alone.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Variants share what is equal: segments by their hash, and facts about the model. What
// the format has once a file and yet may differ from variant to variant is told apart by
// its name: of a variant for "pi", the provenance "quantize@pi", the producer as the
// provenance "producer@pi", and the segment "weights@pi". So a variant that is taken
// out of a merged bundle gives the bytes it had before.
#ifndef GEM_TARGETS_BUNDLE_EDIT_VARIANTS_H
#define GEM_TARGETS_BUNDLE_EDIT_VARIANTS_H

#include <string>
#include <vector>

#include "targets/Bundle/Edit/BundleLayout.h"

namespace gem::edit {

// The bundle with variant `index` alone and the segments it needs.
Contents TakeVariant(const Contents& contents, size_t index);

// All variants of `sources`, in order, in one bundle. Refuses, naming the field, bundles
// that are not of the same model, labels and tokenizer, and two variants for one device.
// Signatures of the sources are not kept: they are of other bytes.
bool MergeBundles(const std::vector<const BundleSource*>& sources, Contents* merged,
                  Problem* problem);

}  // namespace gem::edit

#endif  // GEM_TARGETS_BUNDLE_EDIT_VARIANTS_H
