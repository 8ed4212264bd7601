// Reads the zip files that torch.save writes (PyTorch 1.6 and later).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PREFIX/data.pkl is a pickle whose tensors refer to storages by key, PREFIX/
// data/KEY holds a storage's elements, PREFIX/byteorder (if any) says "little".
#include "compiler/Checkpoint/CheckpointBuilder.h"
#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/Pickle.h"
#include "compiler/Checkpoint/Zip.h"

#include "absl/strings/str_cat.h"

#include <map>

namespace gem::checkpoint {

/// Where training scripts put a model's state dict.
static constexpr std::string_view kStateDictKeys[] = {"model_state_dict", "state_dict", "model"};

/// Of a state dict's values that are no tensors, those that are named.
static constexpr size_t kMaxLeftOutNamed = 50;

static bool holdsTensors(const PickledData &data, const PickledValue &dict) {
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (data.at(dict.items[i + 1]).kind == PickledValue::Kind::Tensor)
      return true;
  return false;
}

/// The first keys of a dict, for messages.
static std::string describeKeys(const PickledData &data, const PickledValue &dict) {
  std::string result;
  size_t shown = 0;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2, ++shown) {
    if (shown == 8)
      return result + ", ...";
    const PickledValue &key = data.at(dict.items[i]);
    absl::StrAppend(&result, shown ? ", " : "",
                    key.kind == PickledValue::Kind::String ? quote(key.text, 60)
                                                           : toString(key.kind));
  }
  return result.empty() ? "nothing" : result;
}

static absl::StatusOr<const PickledValue *>
findStateDict(const PickledData &data, const std::string &what, CheckpointBuilder &builder) {
  const PickledValue &root = data.at(data.root);
  if (!root.isDict())
    return absl::InvalidArgumentError(absl::StrCat(what, ": holds ", toString(root.kind),
                                                   ", expected a state dict (names and tensors)"));
  for (std::string_view key : kStateDictKeys)
    if (const PickledValue *dict = data.find(root, key); dict && holdsTensors(data, *dict)) {
      builder.addInfo(absl::StrCat("the state dict under '", std::string(key),
                                   "' was taken from the training checkpoint"));
      return dict;
    }
  if (holdsTensors(data, root))
    return &root;
  return absl::InvalidArgumentError(
      absl::StrCat(what,
                   ": no state dict found: expected tensors at the top level or under "
                   "'model_state_dict', 'state_dict' or 'model'; found ",
                   describeKeys(data, root)));
}

/// Says in words what a zip without data.pkl is.
static std::string describeOtherZip(const std::vector<ZipEntry> &entries) {
  bool allNumpy = !entries.empty();
  for (const ZipEntry &entry : entries) {
    allNumpy &= entry.name.ends_with(".npy");
    if (entry.name == "[Content_Types].xml")
      return "an Office document";
    if (entry.name == "META-INF/MANIFEST.MF")
      return "a Java archive";
  }
  if (allNumpy)
    return "a NumPy .npz file";
  return entries.empty()
             ? "an empty zip file"
             : absl::StrCat("a zip file that begins with the entry ", quote(entries.front().name));
}

absl::Status readTorch(std::shared_ptr<FileMapping> file, CheckpointBuilder &builder) {
  const std::string &path = file->path();
  absl::StatusOr<std::vector<ZipEntry>> entries = readZipDirectory(*file);
  if (!entries.ok())
    return entries.status();

  const ZipEntry *pickle = nullptr;
  bool script = false;
  std::map<std::string_view, const ZipEntry *> byName;
  for (const ZipEntry &entry : *entries) {
    byName[entry.name] = &entry;
    size_t slash = entry.name.find('/');
    std::string_view rest = std::string_view(entry.name).substr(slash + 1);
    if (slash == entry.name.npos)
      continue;
    script |= rest == "constants.pkl";
    if (rest != "data.pkl")
      continue;
    if (pickle)
      return absl::InvalidArgumentError(absl::StrCat(path, ": the entries ", quote(pickle->name),
                                                     " and ", quote(entry.name),
                                                     " contradict each other"));
    pickle = &entry;
  }
  if (!pickle)
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is ", describeOtherZip(*entries),
                     ", not what torch.save writes: there is no entry '.../data.pkl'"));
  if (script)
    return absl::InvalidArgumentError(absl::StrCat(path,
                                                   ": is a TorchScript program; expected what "
                                                   "torch.save(model.state_dict(), FILE) writes"));
  if (absl::Status status = checkZipEntries(*file, *entries); !status.ok())
    return status;

  const std::string prefix = pickle->name.substr(0, pickle->name.size() - 8);
  if (auto order = byName.find(prefix + "byteorder"); order != byName.end())
    if (std::string_view bytes = order->second->bytes(*file); bytes != "little")
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": byteorder: found ", quote(bytes, 40), ", expected 'little'"));

  absl::StatusOr<PickledData> data = runPickle(pickle->bytes(*file), path + ": data.pkl");
  if (!data.ok())
    return data.status();
  absl::StatusOr<const PickledValue *> state = findStateDict(*data, path, builder);
  if (!state.ok())
    return state.status();

  Problems problems;
  size_t leftOut = 0;
  std::map<std::string_view, const PickledValue *> named; // a later equal key wins
  const std::vector<uint32_t> &items = (*state)->items;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    const PickledValue &key = data->at(items[i]);
    if (key.kind != PickledValue::Kind::String)
      problems.add(
          absl::StrCat("the state dict has ", toString(key.kind), " as a key, expected strings"));
    else
      named[key.text] = &data->at(items[i + 1]);
  }
  for (auto &[name, value] : named) {
    if (value->kind != PickledValue::Kind::Tensor) {
      if (++leftOut <= kMaxLeftOutNamed)
        builder.addInfo(absl::StrCat(quote(name), " is ", toString(value->kind),
                                     ", no tensor, and was left out"));
      continue;
    }
    const PickledTensor &source = data->tensors[static_cast<size_t>(value->integer)];
    auto entry = byName.find(prefix + "data/" + std::string(source.storageKey));
    if (entry == byName.end()) {
      problems.add(absl::StrCat(quote(name), ": its storage ", quote(source.storageKey, 40),
                                " is not in the file"));
      continue;
    }
    uint64_t elementBytes = byteSize(source.dtype), storageBytes = entry->second->size;
    if (storageBytes % elementBytes != 0 ||
        storageBytes / elementBytes != static_cast<uint64_t>(source.storageElements)) {
      problems.add(absl::StrCat(quote(name), ": its storage ", quote(source.storageKey, 40),
                                " has ", storageBytes, " bytes, expected ", source.storageElements,
                                " elements of ", elementBytes));
      continue;
    }
    Tensor tensor;
    tensor.name = std::string(name);
    tensor.dtype = source.dtype;
    tensor.shape = source.shape;
    tensor.strides = source.strides;
    uint64_t offset = static_cast<uint64_t>(source.offset) * elementBytes;
    tensor.data = file->data() + entry->second->offset + offset;
    tensor.storageBytes = storageBytes - offset;
    tensor.file = path;
    tensor.owner = file;
    tensor.fileBacked = true;
    builder.addTensor(std::move(tensor));
  }
  if (leftOut > kMaxLeftOutNamed)
    builder.addInfo(
        absl::StrCat(leftOut - kMaxLeftOutNamed, " more are no tensors, and were left out"));
  return problems.toStatus(path);
}

} // namespace gem::checkpoint
