// Bundles to edit, in memory.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_TARGETS_EDIT_EDITSUPPORT_H
#define GEM_TEST_TARGETS_EDIT_EDITSUPPORT_H

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "targets/Bundle/Edit/BundleLayout.h"
#include "test/runtime/BundleBuilder.h"
#include "test/runtime/TinyModels.h"

namespace gem::test {

// A bundle and the source that reads it.
struct EditFile {
  explicit EditFile(Bytes content, const std::string& name = "file")
      : bytes(std::move(content)), aligned(bytes) {
    edit::Problem problem;
    source = edit::BundleSource::OpenMemory(name, {aligned.data(), aligned.size()}, &problem);
    EXPECT_NE(source, nullptr) << problem.message;
  }
  Bytes bytes;
  AlignedBytes aligned;
  std::unique_ptr<edit::BundleSource> source;
};

inline edit::ByteSink AppendTo(Bytes* bytes) {
  return [bytes](std::string_view data, edit::Problem*) {
    bytes->insert(bytes->end(), data.begin(), data.end());
    return true;
  };
}

// The file of `contents`, which must be one that the runtime opens.
inline Bytes Written(edit::Contents& contents) {
  Bytes bytes;
  edit::Problem problem;
  EXPECT_TRUE(WriteBundle(contents, AppendTo(&bytes), nullptr, &problem)) << problem.message;
  return bytes;
}

// A tiny model for `device`, its weights those of `seed`, as a compiler would write it.
inline Bytes MakeBundle(const std::string& device, uint64_t seed = 1,
                        const std::function<void(schema::BundleT&)>& change = nullptr) {
  TinyGem model(/*padded=*/false, seed);
  EditFile built(model.builder.Build());
  edit::Contents contents = ContentsOf(*built.source);
  schema::BundleT& bundle = contents.bundle;
  bundle.variants[0]->device = device;
  // Nothing but what a test itself adds.
  bundle.variants[0]->cpu_kernels.clear();
  bundle.provenance.clear();
  bundle.model->labels.clear();
  bundle.text.reset();
  bundle.segments.resize(1);
  contents.origins.resize(1);
  if (change) change(bundle);
  return Written(contents);
}

}  // namespace gem::test

#endif  // GEM_TEST_TARGETS_EDIT_EDITSUPPORT_H
