// What the readers of the single formats share.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_CHECKPOINT_CHECKPOINTBUILDER_H
#define GEM_COMPILER_CHECKPOINT_CHECKPOINTBUILDER_H

#include "compiler/Checkpoint/Checkpoint.h"
#include "compiler/Checkpoint/FileMapping.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gem::checkpoint {

/// Fills a Checkpoint.
class CheckpointBuilder {
public:
  CheckpointBuilder(std::string format, std::string directory)
      : result(std::make_shared<Checkpoint>()) {
    result->formatName = std::move(format);
    result->folder = std::move(directory);
  }
  void addFile(std::string path) { result->fileNames.push_back(std::move(path)); }
  void addInfo(std::string line) { result->infoLines.push_back(std::move(line)); }
  void addTensor(Tensor tensor) { result->all.push_back(std::move(tensor)); }
  /// Sorts the tensors; their names must be unique.
  std::shared_ptr<Checkpoint> finish();

private:
  std::shared_ptr<Checkpoint> result;
};

/// Bytes of a tensor, or nothing when a dimension is negative or the product
/// does not fit in int64_t. Zero when a dimension is zero, unless the product of
/// the others does not fit.
std::optional<int64_t> checkedByteLength(DType dtype, const std::vector<int64_t> &shape);

/// Strides of a contiguous tensor. The shape must have passed checkedByteLength.
std::vector<int64_t> contiguousStrides(const std::vector<int64_t> &shape);

/// Adds the tensors of one safetensors file.
absl::StatusOr<std::vector<Tensor>> readSafetensors(std::shared_ptr<FileMapping> file);

/// True for JSON of the form {"weight_map": ...}; false also for broken JSON.
bool isSafetensorsIndex(std::string_view bytes);

/// Reads an index and the shards beside it.
absl::Status readShardedSafetensors(std::shared_ptr<FileMapping> index,
                                    const std::string &directory, CheckpointBuilder &builder);

/// The shard file names that an index mentions, sorted, without repetition.
absl::StatusOr<std::vector<std::string>> shardNames(const FileMapping &index);

/// Reads a zip file that torch.save wrote.
absl::Status readTorch(std::shared_ptr<FileMapping> file, CheckpointBuilder &builder);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_CHECKPOINTBUILDER_H
