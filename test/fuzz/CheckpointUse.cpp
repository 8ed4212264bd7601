// Opens a checkpoint as the compiler does, and reads all that it says is there.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/CheckpointUse.h"

#include <algorithm>
#include <string>
#include <vector>

#include "compiler/Checkpoint/Checkpoint.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "test/fuzz/FuzzTarget.h"

namespace gem::fuzz {
namespace {

// An error's text is shown on a terminal, whatever the file's names are.
void CheckMessage(const absl::Status& status) {
  FUZZ_CHECK(!status.message().empty(), "a message");
  for (const char c : status.message()) {
    FUZZ_CHECK(c == '\n' || static_cast<unsigned char>(c) >= 0x20, std::string(status.message()));
  }
}

void Use(const checkpoint::Tensor& tensor) {
  constexpr int64_t kMost = 4096;
  const int64_t count = tensor.numElements();
  FUZZ_CHECK(tensor.shape.size() == tensor.strides.size(), describe(tensor));
  FUZZ_CHECK(count >= 0 && tensor.byteLength() / byteSize(tensor.dtype) == size_t(count),
             describe(tensor));
  const int64_t part = std::min(count, kMost);
  std::vector<float> values(static_cast<size_t>(part));
  std::vector<char> bytes(static_cast<size_t>(part) * byteSize(tensor.dtype));
  // The start and the end.
  for (const int64_t first : {int64_t{0}, count - part}) {
    readRaw(tensor, first, part, bytes.data());
    readAsF32(tensor, first, part, values.data()).IgnoreError();
  }
  FUZZ_CHECK(!readAsF32(tensor, count, 1, values.data()).ok(), describe(tensor));
  if (count > (1 << 16)) return;
  absl::StatusOr<checkpoint::Tensor> copy = materialize(tensor);
  FUZZ_CHECK(copy.ok() && copy->isContiguous() && copy->isAligned(), describe(tensor));
}

}  // namespace

void UseCheckpoint(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  const auto opened = checkpoint::openCheckpoint(file.path());
  if (!opened.ok()) {
    CheckMessage(opened.status());
    return;
  }
  size_t used = 0;
  for (const checkpoint::Tensor& tensor : (*opened)->tensors()) {
    if (used++ < 64) Use(tensor);
  }
  checkpoint::LoadOptions options;
  options.overrides = {{"num_attention_heads", "1"},
                       {"threshold", "0.5"},
                       {"num_clusters", "2"},
                       {"tokenizer", "none"}};
  const auto model = checkpoint::loadModelSource(file.path(), options);
  if (!model.ok()) {
    CheckMessage(model.status());
    return;
  }
  checkFinite(*model).IgnoreError();
}

}  // namespace gem::fuzz
