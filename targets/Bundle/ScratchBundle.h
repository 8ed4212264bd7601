// A bundle in a temporary file, mapped: to be run while compiling.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_BUNDLE_SCRATCHBUNDLE_H
#define GEM_TARGETS_BUNDLE_SCRATCHBUNDLE_H

#include "targets/Bundle/BundleWriter.h"
#include "llvm/Support/FileSystem.h"
#include <memory>

namespace gem {

/// Takes no memory for the weights: what is read of them are pages of a file that nobody else
/// sees and that is gone with this.
class ScratchBundle final : public BundleSink {
public:
  ScratchBundle() = default;
  ScratchBundle(const ScratchBundle &) = delete;
  ScratchBundle &operator=(const ScratchBundle &) = delete;
  ~ScratchBundle() override;

  absl::Status write(uint64_t offset, llvm::ArrayRef<char> data) override;
  /// Ends the writing and maps the file.
  absl::Status seal();
  /// All bytes, aligned to a page; after seal().
  llvm::ArrayRef<char> data() const;

private:
  int descriptor = -1;
  uint64_t size = 0;
  std::unique_ptr<llvm::sys::fs::mapped_file_region> mapping;
};

} // namespace gem

#endif // GEM_TARGETS_BUNDLE_SCRATCHBUNDLE_H
