// A bundle that a command writes: whole and opened by the runtime, or not there.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_BUNDLE_BUNDLEOUTPUT_H
#define GEM_TOOLS_GEM_BUNDLE_BUNDLEOUTPUT_H

#include <string>

#include "targets/Bundle/Edit/BundleLayout.h"
#include "tools/common/Output.h"

namespace gem::bundle {

class BundleOutput {
 public:
  // Before the work: whether `path` can be written to. It must be a file, since what is
  // written is looked at before it takes the place of what is there.
  bool Open(const std::string& path, edit::Problem* problem);
  // Where the parts of a file go, in order.
  edit::ByteSink Sink();
  // That the runtime opens what was written, with `options`.
  bool Check(const gem_bundle_options_t& options, edit::Problem* problem);
  bool Check(gem_hash_check_t hashes, edit::Problem* problem);
  // Puts it in its place.
  bool Commit(edit::Problem* problem);

  // Writes and checks `contents`, with a bar when `progress`.
  bool Write(edit::Contents& contents, bool progress, edit::Problem* problem);

  const std::string& path() const { return path_; }
  uint64_t written() const { return file_.written(); }

 private:
  std::string path_;
  tools::OutputFile file_;
};

}  // namespace gem::bundle

#endif  // GEM_TOOLS_GEM_BUNDLE_BUNDLEOUTPUT_H
