// Interprets the few pickle opcodes that torch.save needs, and no others.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pickle is a program for a stack machine, and Python's interpreter lets it
// call anything. This one knows plain values, the memo, tuples, lists and
// dicts, and these names only:
//
//   collections.OrderedDict, torch.Size, torch._utils._rebuild_tensor_v2,
//   torch._utils._rebuild_parameter, torch.{Float,Half,BFloat16,Double,Long,
//   Int,Short,Char,Byte,Bool}Storage
//
// Whatever else appears is refused with the opcode and its offset. BUILD is
// legal on an OrderedDict with a dict as its state, which is discarded: that is
// how state_dict() carries its _metadata.
//
// The opcodes are those of Python's pickletools, protocols 2 to 5.
#ifndef GEM_COMPILER_CHECKPOINT_PICKLE_H
#define GEM_COMPILER_CHECKPOINT_PICKLE_H

#include "compiler/Checkpoint/Checkpoint.h"

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gem::checkpoint {

/// A tensor as the pickle describes it: a view into a named storage. The view
/// lies inside the storage's numElements.
struct PickledTensor {
  std::string_view storageKey; // points into the pickle
  int64_t storageElements = 0;
  DType dtype = DType::F32;
  int64_t offset = 0; // in elements
  std::vector<int64_t> shape, strides;
};

/// A value; containers refer to others by their index in PickledData::values,
/// so shared and cyclic structures need no ownership and no recursion.
struct PickledValue {
  enum class Kind : uint8_t {
    None,
    Bool,
    Integer,
    Float,
    String,
    Tuple,
    List,
    Dict,        // items: key, value, key, value, ...; a later equal key wins
    OrderedDict, // the same
    Global,      // a name of the allow-list
    Storage,
    Tensor // index into PickledData::tensors
  };
  Kind kind = Kind::None;
  union {
    int64_t integer = 0; // also Bool, the Global's number, the Tensor's index
    double real;
  };
  std::string_view text; // String: points into the pickle
  std::vector<uint32_t> items;

  bool isDict() const { return kind == Kind::Dict || kind == Kind::OrderedDict; }
};

/// "a dict", "a tensor", ...
const char *toString(PickledValue::Kind kind);

struct PickledData {
  std::vector<PickledValue> values;
  std::vector<PickledTensor> tensors;
  uint32_t root = 0;

  const PickledValue &at(uint32_t index) const { return values[index]; }
  /// The last value under this string key of a dict, or null.
  const PickledValue *find(const PickledValue &dict, std::string_view key) const;
};

/// Runs `pickle`, which must outlive the result. Errors begin with `what`.
/// Limits: 2,000,000 values, 8,000,000 items in containers, 200,000 tensors.
absl::StatusOr<PickledData> runPickle(std::string_view pickle, const std::string &what);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_PICKLE_H
