// Opens checkpoints: named tensors in memory-mapped files.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens safetensors files (one or sharded with an index) and the zip files that
// torch.save writes, and presents both as named, typed, strided views into
// memory-mapped files. Nothing here knows what a model is: see ModelSource.h.
//
// Files are mapped read-only and must not be truncated or rewritten while a
// tensor of theirs is alive.
#ifndef GEM_COMPILER_CHECKPOINT_CHECKPOINT_H
#define GEM_COMPILER_CHECKPOINT_CHECKPOINT_H

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gem::checkpoint {

/// Element types that a checkpoint may hold.
enum class DType { F32, F16, BF16, F64, I64, I32, I16, I8, U8, Bool };

/// Bytes of one element.
size_t byteSize(DType dtype);
/// "f32", "bf16", "i64", "bool", ...
const char *toString(DType dtype);

/// A named, strided view into memory that `owner` keeps alive; it may outlive
/// the Checkpoint it came from.
struct Tensor {
  std::string name;
  DType dtype = DType::F32;
  /// Outermost dimension first; empty for a scalar. Never negative; the product
  /// with byteSize(dtype) fits in int64_t.
  std::vector<int64_t> shape;
  /// In elements, as long as `shape`, never negative. Zero strides (expanded
  /// tensors) are legal.
  std::vector<int64_t> strides;
  /// The first element. Not necessarily aligned for the element type (a
  /// safetensors file aligns nothing): read through memcpy, or materialize().
  /// Not null, but not to be read, for a tensor without elements.
  const char *data = nullptr;
  /// Readable bytes from `data` to the end of the storage that the view lies
  /// in; at least what shape and strides reach. For a contiguous tensor of a
  /// safetensors file, exactly its size.
  size_t storageBytes = 0;
  /// The file it came from, as given by the user plus the file's name.
  std::string file;
  /// Keeps `data` mapped or allocated.
  std::shared_ptr<const void> owner;
  /// True when `data` lies in a file mapping, whose pages can be dropped
  /// (madvise) and come back unchanged.
  bool fileBacked = false;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t numElements() const;
  /// Bytes of the elements, row-major without gaps.
  size_t byteLength() const;
  /// Row-major without gaps (dimensions of size 1 may have any stride).
  bool isContiguous() const;
  /// True when `data` is a multiple of the element size.
  bool isAligned() const;
};

/// "f32[8192,128]"
std::string describe(const Tensor &tensor);
/// "[8192,128]"
std::string describeShape(const std::vector<int64_t> &shape);

/// A contiguous tensor with the same elements whose data is aligned to the
/// element size: the tensor itself when it is that already, else a copy. Copies
/// of more than 64 MiB live in a mapping of an unlinked temporary file (in
/// TMPDIR, else /tmp), so that the kernel may evict them. Fails when that file
/// cannot be written.
absl::StatusOr<Tensor> materialize(const Tensor &tensor);

/// Writes elements [firstElement, firstElement + count) in row-major order,
/// widened exactly, to `out`. Refused for types that f32 cannot hold exactly
/// (f64, i64, i32) and for a range outside the tensor.
absl::Status readAsF32(const Tensor &tensor, int64_t firstElement, int64_t count, float *out);

/// Copies elements [firstElement, firstElement + count) in row-major order to
/// `out`, which has room for count * byteSize(dtype) bytes. The range must lie
/// inside the tensor.
void readRaw(const Tensor &tensor, int64_t firstElement, int64_t count, char *out);

/// Tells the kernel that the tensor's pages are not needed for now; reading it
/// again is correct, and reads the file again. Does nothing unless fileBacked.
void dropPages(const Tensor &tensor);

class Checkpoint {
public:
  /// "safetensors" or "torch".
  const std::string &format() const { return formatName; }
  /// Every file that was read, in the order of reading.
  const std::vector<std::string> &files() const { return fileNames; }
  /// The folder that holds them; "." when the path had none.
  const std::string &directory() const { return folder; }
  /// What was chosen among several possibilities, and other things a user wants
  /// to know ("model.safetensors was chosen among ..."), one sentence each.
  const std::vector<std::string> &info() const { return infoLines; }
  /// In the order of their names (bytewise), which are unique.
  const std::vector<Tensor> &tensors() const { return all; }
  /// Null when there is none of this name.
  const Tensor *find(const std::string &name) const;

private:
  friend class CheckpointBuilder;
  std::string formatName;
  std::string folder;
  std::vector<std::string> fileNames;
  std::vector<std::string> infoLines;
  std::vector<Tensor> all;
};

/// Opens a file, or the checkpoint in a folder. The format is recognised by
/// content, never by name:
///  * a safetensors file, or an index ("weight_map") with its shards;
///  * a zip that torch.save wrote (1.6 or later): its pickle is interpreted
///    with an allow-list (see Pickle.h) and every entry's CRC-32 is checked.
///    Of a training checkpoint, the state dict under `model_state_dict`,
///    `state_dict` or `model` is taken;
///  * a folder that holds exactly one of these; among several,
///    model.safetensors, then model.safetensors.index.json, then
///    pytorch_model.bin is taken, and info() says so.
/// Anything else is an error that says in words what the file is.
absl::StatusOr<std::shared_ptr<Checkpoint>> openCheckpoint(const std::string &path);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_CHECKPOINT_H
