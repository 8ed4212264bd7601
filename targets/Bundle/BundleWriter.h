// Writes a planned gemrt program as a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_BUNDLE_BUNDLEWRITER_H
#define GEM_TARGETS_BUNDLE_BUNDLEWRITER_H

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "targets/Target.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include <cstdint>
#include <string>

namespace gem {

/// Where a bundle's bytes go. Offsets need not come in order; gaps read as zeros.
class BundleSink {
public:
  virtual ~BundleSink() = default;
  virtual absl::Status write(uint64_t offset, llvm::ArrayRef<char> data) = 0;
};

/// A bundle in memory, 64-byte aligned as the runtime wants it.
class MemoryBundleSink final : public BundleSink {
public:
  absl::Status write(uint64_t offset, llvm::ArrayRef<char> data) override;
  llvm::ArrayRef<char> data() const;

private:
  struct alignas(64) Block {
    char bytes[64];
  };
  std::vector<Block> blocks;
  uint64_t size = 0;
};

/// What was written.
struct BundleSummary {
  uint64_t fileBytes = 0, weightBytes = 0, tokenizerBytes = 0;
  llvm::StringMap<PackedWeight> packed; ///< By the constant's name.
};

struct BundleOptions {
  /// Tool and version, e.g. "gem-compile 0.1.0".
  std::string producer;
  /// That quantize weights; the bytes do not depend on it.
  unsigned threads = 1;
  /// Called now and then with the bytes done and the bytes in all.
  llvm::function_ref<void(uint64_t done, uint64_t total)> progress = nullptr;
};

/// Writes the programs of `module`, all offsets planned, to `sink`. Weights are arranged
/// by `target` a block at a time, so memory does not grow with the model. The bytes depend
/// on the module and the options alone.
absl::StatusOr<BundleSummary> writeBundle(mlir::ModuleOp module, const Target &target,
                                          const BundleOptions &options, BundleSink &sink);

} // namespace gem

#endif // GEM_TARGETS_BUNDLE_BUNDLEWRITER_H
