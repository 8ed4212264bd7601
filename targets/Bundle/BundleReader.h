// Opens bundles, and turns them back into modules of the gemrt dialect.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TARGETS_BUNDLE_BUNDLEREADER_H
#define GEM_TARGETS_BUNDLE_BUNDLEREADER_H

#include "absl/status/statusor.h"
#include "dialects/GemRT/GemRT.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"
#include "llvm/Support/FileSystem.h"
#include <memory>
#include <string>

namespace gem {

/// A bundle file that the runtime's loader accepted. Segments stay in the mapped file,
/// which must be neither truncated nor rewritten meanwhile; the program is a copy.
class BundleFile {
public:
  /// Fails with the loader's message, which says what was expected and found. Hashes of
  /// segments are not checked.
  static absl::StatusOr<std::shared_ptr<const BundleFile>> open(const std::string &path);

  const schema::Bundle &root() const { return *schema::GetBundle(program.data()); }
  const Preamble &preamble() const { return front; }
  /// The whole file.
  llvm::ArrayRef<char> bytes() const { return {mapping.const_data(), mapping.size()}; }
  llvm::ArrayRef<char> segment(uint32_t index) const;

private:
  BundleFile() = default;
  llvm::sys::fs::mapped_file_region mapping;
  std::vector<uint8_t> program;
  Preamble front;
};

/// What becomes of the bytes in segments.
enum class BundleData {
  /// Resources without data, named after the constants: enough for a listing.
  Elided,
  /// Resources with the bytes. A row-major constant and a tokenizer stay in the mapped
  /// file; a constant in layout panel_16 is brought into row-major order in memory.
  Loaded,
};

/// The bundle as a module: one gemrt.program a variant, as the compiler had it when it
/// wrote the bundle. What a bundle does not say is lost: the element type a weight had in
/// its checkpoint (`value` has the stored one), and locations. In an entry the inputs come
/// first, then buffers and constants in the order of their first use.
///
/// `context` must have the gemrt dialect loaded. The module keeps `file` alive where it
/// refers to its bytes.
absl::StatusOr<mlir::OwningOpRef<mlir::ModuleOp>> readBundle(std::shared_ptr<const BundleFile> file,
                                                             mlir::MLIRContext &context,
                                                             BundleData data = BundleData::Elided);

/// The kernel of `command` with its parameters: the inverse of packKernel.
absl::StatusOr<rt::KernelAttrInterface> unpackKernel(const schema::Command &command,
                                                     mlir::MLIRContext *context);

} // namespace gem

#endif // GEM_TARGETS_BUNDLE_BUNDLEREADER_H
