// A bundle that a command writes: whole and opened by the runtime, or not there.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bundle/BundleOutput.h"

#include "tools/common/Progress.h"

namespace gem::bundle {

bool BundleOutput::Open(const std::string& path, edit::Problem* problem) {
  path_ = path;
  std::string error;
  if (!file_.Open(path, &error)) return edit::Fail(problem, error);
  if (file_.seekable()) return true;
  file_.Discard();
  return edit::Fail(problem, "cannot write '" + path +
                                 "': expected a file, since a bundle is checked before it is put "
                                 "in its place");
}

edit::ByteSink BundleOutput::Sink() {
  return [this](std::string_view data, edit::Problem* problem) {
    std::string error;
    return file_.Write(data, &error) || edit::Fail(problem, error);
  };
}

bool BundleOutput::Check(gem_hash_check_t hashes, edit::Problem* problem) {
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = hashes;
  return Check(options, problem);
}

bool BundleOutput::Check(const gem_bundle_options_t& options, edit::Problem* problem) {
  gem_error_t error = {};
  gem_bundle_t* bundle = nullptr;
  const gem_status_t status = gem_bundle_open(file_.temporary().c_str(), &options, &bundle, &error);
  gem_bundle_close(bundle);
  if (status == GEM_STATUS_OK) return true;
  return edit::Refuse(problem, "the runtime refuses the bundle that would be written to '" + path_ +
                                   "': " + error.message);
}

bool BundleOutput::Commit(edit::Problem* problem) {
  std::string error;
  return file_.Commit(&error) || edit::Fail(problem, error);
}

bool BundleOutput::Write(edit::Contents& contents, bool progress, edit::Problem* problem) {
  uint64_t total = 0;
  for (const auto& segment : contents.bundle.segments) total += segment->length;
  tools::Progress bar("writing " + path_, total, progress);
  const auto update = [&bar](uint64_t done, uint64_t) { bar.Update(done); };
  // The hashes of segments are compared while they are written.
  return WriteBundle(contents, Sink(), update, problem) && Check(GEM_HASH_PROGRAM, problem);
}

}  // namespace gem::bundle
