// Interprets the few pickle opcodes that torch.save needs, and no others.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Pickle.h"

#include "compiler/Checkpoint/CheckpointBuilder.h"
#include "compiler/Checkpoint/Diagnostics.h"

#include "absl/strings/str_cat.h"

#include <bit>
#include <cstring>
#include <iterator>

namespace gem::checkpoint {

const char *toString(PickledValue::Kind kind) {
  switch (kind) {
  case PickledValue::Kind::None:
    return "None";
  case PickledValue::Kind::Bool:
    return "a bool";
  case PickledValue::Kind::Integer:
    return "an integer";
  case PickledValue::Kind::Float:
    return "a float";
  case PickledValue::Kind::String:
    return "a string";
  case PickledValue::Kind::Tuple:
    return "a tuple";
  case PickledValue::Kind::List:
    return "a list";
  case PickledValue::Kind::Dict:
    return "a dict";
  case PickledValue::Kind::OrderedDict:
    return "an OrderedDict";
  case PickledValue::Kind::Global:
    return "a name";
  case PickledValue::Kind::Storage:
    return "a storage";
  case PickledValue::Kind::Tensor:
    return "a tensor";
  }
  return "a value";
}

const PickledValue *PickledData::find(const PickledValue &dict, std::string_view key) const {
  const PickledValue *result = nullptr;
  if (dict.isDict())
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const PickledValue &candidate = at(dict.items[i]);
      if (candidate.kind == PickledValue::Kind::String && candidate.text == key)
        result = &at(dict.items[i + 1]);
    }
  return result;
}

namespace {

constexpr size_t kMaxValues = 2'000'000;
constexpr size_t kMaxItems = 8'000'000;
/// Each costs five bytes of a pickle and hundreds here.
constexpr size_t kMaxTensors = 200'000;
constexpr size_t kMaxRank = 32;
/// Elements of a view that has more of them than its storage (stride 0). A view
/// of this kind costs no bytes in a file, so it needs a limit of its own.
constexpr int64_t kMaxExpandedElements = int64_t{1} << 24;

enum GlobalName : int64_t {
  kOrderedDict,
  kSize,
  kRebuildTensor,
  kRebuildParameter,
  kFirstStorage // + DType
};

struct AllowedName {
  std::string_view module, name;
  int64_t value;
};

constexpr int64_t storageOf(DType dtype) { return kFirstStorage + static_cast<int64_t>(dtype); }

constexpr AllowedName kAllowedNames[] = {
    {"collections", "OrderedDict", kOrderedDict},
    {"torch", "Size", kSize},
    {"torch._utils", "_rebuild_tensor_v2", kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", kRebuildParameter},
    {"torch", "FloatStorage", storageOf(DType::F32)},
    {"torch", "HalfStorage", storageOf(DType::F16)},
    {"torch", "BFloat16Storage", storageOf(DType::BF16)},
    {"torch", "DoubleStorage", storageOf(DType::F64)},
    {"torch", "LongStorage", storageOf(DType::I64)},
    {"torch", "IntStorage", storageOf(DType::I32)},
    {"torch", "ShortStorage", storageOf(DType::I16)},
    {"torch", "CharStorage", storageOf(DType::I8)},
    {"torch", "ByteStorage", storageOf(DType::U8)},
    {"torch", "BoolStorage", storageOf(DType::Bool)},
};

enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kBinFloat = 'G',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyTuple = ')',
  kEmptyList = ']',
  kEmptyDict = '}',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95
};

/// Names of the pickle opcodes that are not interpreted, for messages.
const char *refusedOpcodeName(uint8_t opcode) {
  switch (opcode) {
  case '0':
    return "POP";
  case '1':
    return "POP_MARK";
  case '2':
    return "DUP";
  case 'B':
    return "BINBYTES";
  case 'C':
    return "SHORT_BINBYTES";
  case 'F':
    return "FLOAT";
  case 'I':
    return "INT";
  case 'L':
    return "LONG";
  case 'P':
    return "PERSID";
  case 'S':
    return "STRING";
  case 'T':
    return "BINSTRING";
  case 'U':
    return "SHORT_BINSTRING";
  case 'V':
    return "UNICODE";
  case 'd':
    return "DICT";
  case 'g':
    return "GET";
  case 'i':
    return "INST";
  case 'l':
    return "LIST";
  case 'o':
    return "OBJ";
  case 'p':
    return "PUT";
  case 0x81:
    return "NEWOBJ";
  case 0x82:
    return "EXT1";
  case 0x83:
    return "EXT2";
  case 0x84:
    return "EXT4";
  case 0x8b:
    return "LONG4";
  case 0x8e:
    return "BINBYTES8";
  case 0x8f:
    return "EMPTY_SET";
  case 0x90:
    return "ADDITEMS";
  case 0x91:
    return "FROZENSET";
  case 0x92:
    return "NEWOBJ_EX";
  case 0x96:
    return "BYTEARRAY8";
  case 0x97:
    return "NEXT_BUFFER";
  case 0x98:
    return "READONLY_BUFFER";
  default:
    return "unknown opcode";
  }
}

class Machine {
public:
  Machine(std::string_view pickle, const std::string &what) : pickle(pickle), what(what) {}

  absl::StatusOr<PickledData> run() {
    while (true) {
      opcodeOffset = position;
      if (position >= pickle.size())
        return refuse("the pickle ends without STOP; is it cut short?");
      uint8_t opcode = static_cast<uint8_t>(pickle[position++]);
      if (opcode == kStop) {
        if (stack.size() != 1 || !marks.empty())
          return refuse("STOP with ", stack.size(), " values on the stack, expected 1");
        data.root = stack.back();
        return std::move(data);
      }
      if (absl::Status status = step(opcode); !status.ok())
        return status;
    }
  }

private:
  using Kind = PickledValue::Kind;

  template <typename... Parts> absl::Status refuse(const Parts &...parts) const {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": pickle: offset ", opcodeOffset, ": ", parts...));
  }

  absl::Status refuseOpcode(uint8_t opcode, const std::string &name,
                            const std::string &reason) const {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": byte 0x", absl::Hex(opcode, absl::kZeroPad2), " '", name,
                     "' at offset ", opcodeOffset, " is not allowed: ", reason));
  }

  //===--- Reading arguments ---===//

  absl::Status need(uint64_t bytes) const {
    if (bytes > pickle.size() - position)
      return refuse("an argument of ", bytes, " bytes, but only ", pickle.size() - position,
                    " are left; is the pickle cut short?");
    return absl::OkStatus();
  }
  /// The next bytes, which need() has promised.
  std::string_view take(size_t bytes) {
    std::string_view result = pickle.substr(position, bytes);
    position += bytes;
    return result;
  }
  absl::StatusOr<uint64_t> number(int width) {
    if (absl::Status status = need(width); !status.ok())
      return status;
    std::string_view bytes = take(width);
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  }
  absl::StatusOr<std::string_view> line() {
    size_t end = pickle.find('\n', position);
    if (end == pickle.npos)
      return refuse("a line without end");
    std::string_view result = pickle.substr(position, end - position);
    position = end + 1;
    return result;
  }

  //===--- Stack, memo, values ---===//

  absl::Status push(PickledValue value) {
    if (data.values.size() >= kMaxValues)
      return refuse("more than ", kMaxValues, " values");
    stack.push_back(static_cast<uint32_t>(data.values.size()));
    data.values.push_back(std::move(value));
    return absl::OkStatus();
  }
  absl::Status pushInteger(Kind kind, int64_t integer) {
    PickledValue value;
    value.kind = kind;
    value.integer = integer;
    return push(std::move(value));
  }
  absl::Status pushString(uint64_t length) {
    if (absl::Status status = need(length); !status.ok())
      return status;
    PickledValue value;
    value.kind = Kind::String;
    value.text = take(length);
    return push(std::move(value));
  }
  absl::Status pushContainer(Kind kind, std::vector<uint32_t> items = {}) {
    if (absl::Status status = countItems(items.size()); !status.ok())
      return status;
    PickledValue value;
    value.kind = kind;
    value.items = std::move(items);
    return push(std::move(value));
  }
  absl::Status countItems(size_t count) {
    numItems += count;
    if (numItems > kMaxItems)
      return refuse("more than ", kMaxItems, " items in lists, tuples and dicts");
    return absl::OkStatus();
  }
  /// How many values lie above the last mark.
  size_t depth() const { return stack.size() - (marks.empty() ? 0 : marks.back()); }
  absl::Status needValues(size_t count) const {
    if (depth() < count)
      return refuse("needs ", count, " values on the stack, found ", depth());
    return absl::OkStatus();
  }
  uint32_t popIndex() {
    uint32_t index = stack.back();
    stack.pop_back();
    return index;
  }
  /// The values above the last mark, which is removed.
  absl::StatusOr<std::vector<uint32_t>> popToMark() {
    if (marks.empty())
      return refuse("needs a mark on the stack, found none");
    std::vector<uint32_t> items(stack.begin() + marks.back(), stack.end());
    stack.resize(marks.back());
    marks.pop_back();
    return items;
  }
  absl::Status pushTuple(size_t count) {
    if (absl::Status status = needValues(count); !status.ok())
      return status;
    std::vector<uint32_t> items(stack.end() - count, stack.end());
    stack.resize(stack.size() - count);
    return pushContainer(Kind::Tuple, std::move(items));
  }
  /// Picklers number the memo's entries one after the other.
  absl::Status put(uint64_t slot) {
    if (absl::Status status = needValues(1); !status.ok())
      return status;
    if (slot > memo.size())
      return refuse("memo entry ", slot, ", expected at most ", memo.size());
    if (slot == memo.size())
      memo.push_back(stack.back());
    else
      memo[slot] = stack.back();
    return absl::OkStatus();
  }
  absl::Status get(uint64_t slot) {
    if (slot >= memo.size())
      return refuse("memo entry ", slot, ", but there are ", memo.size());
    // Each costs a byte or more of the file, but four here.
    if (stack.size() >= kMaxItems)
      return refuse("more than ", kMaxItems, " values on the stack");
    stack.push_back(memo[slot]);
    return absl::OkStatus();
  }

  //===--- Opcodes ---===//

  absl::Status step(uint8_t opcode);
  absl::Status global(std::string_view module, std::string_view name, uint8_t opcode,
                      const char *opcodeName);
  absl::Status addItems(bool toDict, std::vector<uint32_t> items);
  absl::Status persistentId();
  absl::Status reduce();
  absl::Status build();
  absl::Status rebuildTensor(const std::vector<uint32_t> &arguments);
  absl::Status readExtents(uint32_t index, const char *name, std::vector<int64_t> &extents);

  std::string_view pickle;
  const std::string &what;
  size_t position = 0;
  size_t opcodeOffset = 0;
  PickledData data;
  std::vector<uint32_t> stack;
  std::vector<size_t> marks; // sizes of the stack
  std::vector<uint32_t> memo;
  size_t numItems = 0;
};

absl::Status Machine::step(uint8_t opcode) {
  switch (opcode) {
  case kProto: {
    absl::StatusOr<uint64_t> version = number(1);
    if (!version.ok())
      return version.status();
    if (*version < 2 || *version > 5)
      return refuse("pickle protocol ", *version, ", expected 2 to 5");
    return absl::OkStatus();
  }
  case kFrame: {
    absl::StatusOr<uint64_t> bytes = number(8);
    return bytes.ok() ? need(*bytes) : bytes.status();
  }
  case kMark:
    if (marks.size() >= kMaxItems)
      return refuse("more than ", kMaxItems, " marks");
    marks.push_back(stack.size());
    return absl::OkStatus();
  case kNone:
    return push({});
  case kNewTrue:
    return pushInteger(Kind::Bool, 1);
  case kNewFalse:
    return pushInteger(Kind::Bool, 0);
  case kBinInt: {
    absl::StatusOr<uint64_t> bits = number(4);
    return bits.ok() ? pushInteger(Kind::Integer, static_cast<int32_t>(*bits)) : bits.status();
  }
  case kBinInt1: {
    absl::StatusOr<uint64_t> value = number(1);
    return value.ok() ? pushInteger(Kind::Integer, static_cast<int64_t>(*value)) : value.status();
  }
  case kBinInt2: {
    absl::StatusOr<uint64_t> value = number(2);
    return value.ok() ? pushInteger(Kind::Integer, static_cast<int64_t>(*value)) : value.status();
  }
  case kLong1: {
    // Two's complement, little endian, as few bytes as needed.
    absl::StatusOr<uint64_t> length = number(1);
    if (!length.ok())
      return length.status();
    if (*length > 8)
      return refuse("an integer of ", *length, " bytes, expected at most 8");
    absl::StatusOr<uint64_t> bits = number(static_cast<int>(*length));
    if (!bits.ok())
      return bits.status();
    unsigned unused = 64 - 8 * static_cast<unsigned>(*length);
    int64_t value = *length == 0 ? 0 : static_cast<int64_t>(*bits << unused) >> unused;
    return pushInteger(Kind::Integer, value);
  }
  case kBinFloat: { // big endian
    if (absl::Status status = need(8); !status.ok())
      return status;
    uint64_t bits = 0;
    for (char byte : take(8))
      bits = bits << 8 | static_cast<unsigned char>(byte);
    PickledValue value;
    value.kind = Kind::Float;
    value.real = std::bit_cast<double>(bits);
    return push(std::move(value));
  }
  case kShortBinUnicode: {
    absl::StatusOr<uint64_t> length = number(1);
    return length.ok() ? pushString(*length) : length.status();
  }
  case kBinUnicode: {
    absl::StatusOr<uint64_t> length = number(4);
    return length.ok() ? pushString(*length) : length.status();
  }
  case kBinUnicode8: {
    absl::StatusOr<uint64_t> length = number(8);
    return length.ok() ? pushString(*length) : length.status();
  }
  case kEmptyTuple:
    return pushContainer(Kind::Tuple);
  case kEmptyList:
    return pushContainer(Kind::List);
  case kEmptyDict:
    return pushContainer(Kind::Dict);
  case kTuple1:
    return pushTuple(1);
  case kTuple2:
    return pushTuple(2);
  case kTuple3:
    return pushTuple(3);
  case kTuple: {
    absl::StatusOr<std::vector<uint32_t>> items = popToMark();
    return items.ok() ? pushContainer(Kind::Tuple, *std::move(items)) : items.status();
  }
  case kAppend:
  case kSetItem: {
    size_t count = opcode == kSetItem ? 2 : 1;
    if (absl::Status status = needValues(count + 1); !status.ok())
      return status;
    std::vector<uint32_t> items(stack.end() - count, stack.end());
    stack.resize(stack.size() - count);
    return addItems(opcode == kSetItem, std::move(items));
  }
  case kAppends:
  case kSetItems: {
    absl::StatusOr<std::vector<uint32_t>> items = popToMark();
    if (!items.ok())
      return items.status();
    if (absl::Status status = needValues(1); !status.ok())
      return status;
    return addItems(opcode == kSetItems, *std::move(items));
  }
  case kMemoize:
    return put(memo.size());
  case kBinPut: {
    absl::StatusOr<uint64_t> slot = number(1);
    return slot.ok() ? put(*slot) : slot.status();
  }
  case kLongBinPut: {
    absl::StatusOr<uint64_t> slot = number(4);
    return slot.ok() ? put(*slot) : slot.status();
  }
  case kBinGet: {
    absl::StatusOr<uint64_t> slot = number(1);
    return slot.ok() ? get(*slot) : slot.status();
  }
  case kLongBinGet: {
    absl::StatusOr<uint64_t> slot = number(4);
    return slot.ok() ? get(*slot) : slot.status();
  }
  case kGlobal: {
    absl::StatusOr<std::string_view> module = line();
    if (!module.ok())
      return module.status();
    absl::StatusOr<std::string_view> name = line();
    return name.ok() ? global(*module, *name, opcode, "GLOBAL") : name.status();
  }
  case kStackGlobal: {
    if (absl::Status status = needValues(2); !status.ok())
      return status;
    const PickledValue &name = data.at(popIndex());
    const PickledValue &module = data.at(popIndex());
    if (name.kind != Kind::String || module.kind != Kind::String)
      return refuse("STACK_GLOBAL of ", toString(module.kind), " and ", toString(name.kind),
                    ", expected two strings");
    return global(module.text, name.text, opcode, "STACK_GLOBAL");
  }
  case kBinPersId:
    return persistentId();
  case kReduce:
    return reduce();
  case kBuild:
    return build();
  default:
    return refuseOpcode(opcode, refusedOpcodeName(opcode),
                        "a checkpoint may only hold plain values, containers and tensors; save "
                        "the model's state_dict() with torch.save");
  }
}

absl::Status Machine::global(std::string_view module, std::string_view name, uint8_t opcode,
                             const char *opcodeName) {
  for (const AllowedName &allowed : kAllowedNames)
    if (allowed.module == module && allowed.name == name)
      return pushInteger(Kind::Global, allowed.value);
  return refuseOpcode(opcode,
                      absl::StrCat(opcodeName, " ", printable(module), ".", printable(name)),
                      "a checkpoint may only name torch storages, "
                      "torch._utils._rebuild_tensor_v2 and _rebuild_parameter, torch.Size and "
                      "collections.OrderedDict; save the model's state_dict() with torch.save");
}

absl::Status Machine::addItems(bool toDict, std::vector<uint32_t> items) {
  PickledValue &container = data.values[stack.back()];
  if (toDict ? !container.isDict() : container.kind != Kind::List)
    return refuse("adds items to ", toString(container.kind), ", expected ",
                  toDict ? "a dict" : "a list");
  if (toDict && items.size() % 2 != 0)
    return refuse("adds ", items.size(), " keys and values to a dict, expected pairs");
  if (absl::Status status = countItems(items.size()); !status.ok())
    return status;
  container.items.insert(container.items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

/// ('storage', storage type, key, location, number of elements) becomes a
/// storage: items hold the type and the key, integer the number.
absl::Status Machine::persistentId() {
  if (absl::Status status = needValues(1); !status.ok())
    return status;
  const PickledValue &id = data.at(popIndex());
  if (id.kind != Kind::Tuple || (id.items.size() != 5 && id.items.size() != 6))
    return refuse("a persistent id is ", toString(id.kind), " of ", id.items.size(),
                  " items, expected a tuple of 5");
  const PickledValue &tag = data.at(id.items[0]), &type = data.at(id.items[1]),
                     &key = data.at(id.items[2]), &location = data.at(id.items[3]),
                     &count = data.at(id.items[4]);
  if (tag.kind != Kind::String || tag.text != "storage" || type.kind != Kind::Global ||
      type.integer < kFirstStorage || key.kind != Kind::String || location.kind != Kind::String ||
      count.kind != Kind::Integer)
    return refuse("a persistent id is not ('storage', type, key, location, size)");
  if (id.items.size() == 6 && data.at(id.items[5]).kind != Kind::None)
    return refuse("a storage that is a view of another is not supported");
  if (count.integer < 0)
    return refuse("storage ", quote(key.text), " has ", count.integer, " elements");
  PickledValue storage;
  storage.kind = Kind::Storage;
  storage.integer = count.integer;
  storage.text = key.text;
  storage.items = {id.items[1]};
  return push(std::move(storage));
}

absl::Status Machine::reduce() {
  if (absl::Status status = needValues(2); !status.ok())
    return status;
  // Copied: pushing a value moves the others.
  PickledValue arguments = data.at(popIndex());
  PickledValue function = data.at(popIndex());
  if (function.kind != Kind::Global || arguments.kind != Kind::Tuple)
    return refuse("REDUCE of ", toString(function.kind), " with ", toString(arguments.kind),
                  ", expected a name and a tuple");
  switch (function.integer) {
  case kOrderedDict:
    if (!arguments.items.empty())
      return refuse("OrderedDict with ", arguments.items.size(), " arguments, expected none");
    return pushContainer(Kind::OrderedDict);
  case kSize: {
    if (arguments.items.size() != 1 || (data.at(arguments.items[0]).kind != Kind::Tuple &&
                                        data.at(arguments.items[0]).kind != Kind::List))
      return refuse("torch.Size with other arguments than one tuple");
    std::vector<uint32_t> items = data.at(arguments.items[0]).items;
    return pushContainer(Kind::Tuple, std::move(items));
  }
  case kRebuildTensor:
    return rebuildTensor(arguments.items);
  case kRebuildParameter:
    // (tensor, requires_grad, hooks)
    if (arguments.items.size() != 3 || data.at(arguments.items[0]).kind != Kind::Tensor)
      return refuse("_rebuild_parameter with other arguments than (tensor, requires_grad, hooks)");
    stack.push_back(arguments.items[0]);
    return absl::OkStatus();
  default:
    return refuse("a storage type cannot be called");
  }
}

absl::Status Machine::build() {
  if (absl::Status status = needValues(2); !status.ok())
    return status;
  const PickledValue &state = data.at(popIndex());
  const PickledValue &object = data.at(stack.back());
  if (object.kind != Kind::OrderedDict || state.kind != Kind::Dict)
    return refuseOpcode(kBuild, "BUILD",
                        absl::StrCat("found ", toString(object.kind), " and ", toString(state.kind),
                                     ", expected an OrderedDict and a dict"));
  return absl::OkStatus();
}

absl::Status Machine::readExtents(uint32_t index, const char *name, std::vector<int64_t> &extents) {
  const PickledValue &tuple = data.at(index);
  if (tuple.kind != Kind::Tuple && tuple.kind != Kind::List)
    return refuse("a tensor's ", name, " is ", toString(tuple.kind), ", expected a tuple");
  if (tuple.items.size() > kMaxRank)
    return refuse("a tensor has ", tuple.items.size(), " dimensions, expected at most ", kMaxRank);
  for (uint32_t item : tuple.items) {
    const PickledValue &extent = data.at(item);
    if (extent.kind != Kind::Integer)
      return refuse("a tensor's ", name, " holds ", toString(extent.kind), ", expected integers");
    if (extent.integer < 0)
      return refuse("a tensor's ", name, " holds ", extent.integer,
                    ", expected integers that are not negative");
    extents.push_back(extent.integer);
  }
  return absl::OkStatus();
}

/// (storage, offset, size, stride, requires_grad, hooks[, metadata])
absl::Status Machine::rebuildTensor(const std::vector<uint32_t> &arguments) {
  if (arguments.size() != 6 && arguments.size() != 7)
    return refuse("_rebuild_tensor_v2 with ", arguments.size(), " arguments, expected 6 or 7");
  const PickledValue &storage = data.at(arguments[0]), &offset = data.at(arguments[1]);
  if (storage.kind != Kind::Storage || offset.kind != Kind::Integer)
    return refuse("_rebuild_tensor_v2 of ", toString(storage.kind), " and ", toString(offset.kind),
                  ", expected a storage and an integer");
  if (data.tensors.size() >= kMaxTensors)
    return refuse("more than ", kMaxTensors, " tensors");
  PickledTensor tensor;
  tensor.storageKey = storage.text;
  tensor.storageElements = storage.integer;
  tensor.dtype = static_cast<DType>(data.at(storage.items[0]).integer - kFirstStorage);
  tensor.offset = offset.integer;
  if (absl::Status status = readExtents(arguments[2], "shape", tensor.shape); !status.ok())
    return status;
  if (absl::Status status = readExtents(arguments[3], "stride", tensor.strides); !status.ok())
    return status;
  if (tensor.shape.size() != tensor.strides.size())
    return refuse("a tensor of ", tensor.shape.size(), " dimensions has ", tensor.strides.size(),
                  " strides");
  std::optional<int64_t> bytes = checkedByteLength(tensor.dtype, tensor.shape);
  if (!bytes)
    return refuse("a tensor of shape ", describeShape(tensor.shape),
                  ", whose size in bytes does not fit in 63 bits");

  // The last element reached is offset + sum (extent - 1) * stride.
  auto outside = [&] {
    return refuse("a tensor of shape ", describeShape(tensor.shape), ", strides ",
                  describeShape(tensor.strides), " and offset ", tensor.offset,
                  " reaches outside its storage ", quote(tensor.storageKey, 40), " of ",
                  tensor.storageElements, " elements");
  };
  if (tensor.offset < 0 || tensor.offset > tensor.storageElements)
    return outside();
  if (*bytes > 0) {
    int64_t last = tensor.offset;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      int64_t distance;
      if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &distance) ||
          __builtin_add_overflow(last, distance, &last))
        return outside();
    }
    if (last >= tensor.storageElements)
      return outside();
    int64_t elements = *bytes / static_cast<int64_t>(byteSize(tensor.dtype));
    if (elements > tensor.storageElements && elements > kMaxExpandedElements)
      return refuse("a tensor of shape ", describeShape(tensor.shape),
                    " repeats a storage of only ", tensor.storageElements, " elements");
  }
  PickledValue value;
  value.kind = Kind::Tensor;
  value.integer = static_cast<int64_t>(data.tensors.size());
  data.tensors.push_back(std::move(tensor));
  return push(std::move(value));
}

} // namespace

absl::StatusOr<PickledData> runPickle(std::string_view pickle, const std::string &what) {
  return Machine(pickle, what).run();
}

} // namespace gem::checkpoint
