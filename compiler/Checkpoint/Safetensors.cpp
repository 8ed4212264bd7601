// Reads safetensors files: a little-endian u64 header length, a JSON header,
// and the tensors' bytes (https://huggingface.co/docs/safetensors).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/CheckpointBuilder.h"
#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/Json.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace gem::checkpoint {

/// The format's own limit.
static constexpr uint64_t kMaxHeaderBytes = 100'000'000;
static constexpr size_t kMaxRank = 32;

static std::optional<DType> parseDType(std::string_view name) {
  static const std::pair<std::string_view, DType> names[] = {
      {"F32", DType::F32}, {"F16", DType::F16},  {"BF16", DType::BF16}, {"F64", DType::F64},
      {"I64", DType::I64}, {"I32", DType::I32},  {"I16", DType::I16},   {"I8", DType::I8},
      {"U8", DType::U8},   {"BOOL", DType::Bool}};
  for (auto [key, dtype] : names)
    if (key == name)
      return dtype;
  return std::nullopt;
}

namespace {
struct Entry {
  Tensor tensor;
  uint64_t begin = 0, end = 0;
};
} // namespace

/// Reads one member of the header, except for what concerns the other members.
static std::optional<Entry> readEntry(const JsonMember &member, Problems &problems) {
  std::string key = quote(member.key);
  auto problem = [&](const std::string &text) {
    problems.add(absl::StrCat(key, ": ", text));
    return std::nullopt;
  };
  if (!member.value.asObject())
    return problem(absl::StrCat("found ", member.value.describe(),
                                ", expected an object with dtype, shape and data_offsets"));
  auto words = [](const JsonValue *value) { return value ? value->describe() : "nothing"; };

  Entry entry;
  entry.tensor.name = member.key;
  const JsonValue *dtype = member.value.find("dtype");
  if (!dtype || !dtype->asString())
    return problem(absl::StrCat("dtype: found ", words(dtype), ", expected a type's name"));
  std::optional<DType> type = parseDType(*dtype->asString());
  if (!type)
    return problem(absl::StrCat("dtype: found ", quote(*dtype->asString(), 40),
                                ", expected F32, F16, BF16, F64, I64, I32, I16, I8, U8 or BOOL"));
  entry.tensor.dtype = *type;

  const JsonValue *shape = member.value.find("shape");
  if (!shape || !shape->asArray())
    return problem(absl::StrCat("shape: found ", words(shape), ", expected a list"));
  if (shape->asArray()->size() > kMaxRank)
    return problem(absl::StrCat("shape: found ", shape->asArray()->size(),
                                " dimensions, expected at most ", kMaxRank));
  for (const JsonValue &dimension : *shape->asArray()) {
    if (!dimension.asInteger() || *dimension.asInteger() < 0)
      return problem(absl::StrCat("shape: found ", dimension.describe(),
                                  ", expected integers that are not negative"));
    entry.tensor.shape.push_back(*dimension.asInteger());
  }
  std::optional<int64_t> bytes = checkedByteLength(*type, entry.tensor.shape);
  if (!bytes)
    return problem(absl::StrCat("shape: found ", describeShape(entry.tensor.shape),
                                ", whose size in bytes does not fit in 63 bits"));
  entry.tensor.strides = contiguousStrides(entry.tensor.shape);

  const JsonValue *offsets = member.value.find("data_offsets");
  const JsonValue::Array *range = offsets ? offsets->asArray() : nullptr;
  if (!range || range->size() != 2 || !(*range)[0].asInteger() || !(*range)[1].asInteger() ||
      *(*range)[0].asInteger() < 0 || *(*range)[1].asInteger() < *(*range)[0].asInteger())
    return problem(absl::StrCat("data_offsets: found ", words(offsets),
                                ", expected [begin, end] with 0 <= begin <= end"));
  entry.begin = static_cast<uint64_t>(*(*range)[0].asInteger());
  entry.end = static_cast<uint64_t>(*(*range)[1].asInteger());
  if (entry.end - entry.begin != static_cast<uint64_t>(*bytes))
    return problem(absl::StrCat("data_offsets: found ", entry.end - entry.begin,
                                " bytes, expected ", *bytes, " for ", describe(entry.tensor)));
  return entry;
}

absl::StatusOr<std::vector<Tensor>> readSafetensors(std::shared_ptr<FileMapping> file) {
  const std::string &path = file->path();
  auto refuse = [&](const auto &...parts) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": safetensors: ", parts...));
  };
  if (file->size() < 8)
    return refuse("the file has ", file->size(),
                  " bytes, expected at least the 8 of the header's length; is it cut short?");
  uint64_t headerBytes = 0;
  for (int i = 7; i >= 0; --i)
    headerBytes = headerBytes << 8 | static_cast<unsigned char>(file->data()[i]);
  if (headerBytes > kMaxHeaderBytes)
    return refuse("the header's length is ", headerBytes, " bytes, expected at most ",
                  kMaxHeaderBytes);
  if (headerBytes > file->size() - 8)
    return refuse("the header has ", headerBytes, " bytes, but only ", file->size() - 8,
                  " follow; is the file cut short?");
  std::string_view text = file->bytes().substr(8, headerBytes);
  if (text.empty() || text[0] != '{')
    return refuse("the header begins with ", text.empty() ? "nothing" : quote(text.substr(0, 1)),
                  ", expected '{'");
  absl::StatusOr<JsonValue> header = parseJson(text, path + ": safetensors header");
  if (!header.ok())
    return header.status();

  Problems problems;
  std::vector<Entry> entries;
  for (const JsonMember &member : *header->asObject()) {
    if (member.key == "__metadata__") {
      const JsonValue::Object *metadata = member.value.asObject();
      if (!metadata)
        problems.add(absl::StrCat("'__metadata__': found ", member.value.describe(),
                                  ", expected an object of strings"));
      else
        for (const JsonMember &item : *metadata)
          if (!item.value.asString())
            problems.add(absl::StrCat("'__metadata__': ", quote(item.key), ": found ",
                                      item.value.describe(), ", expected a string"));
      continue;
    }
    if (std::optional<Entry> entry = readEntry(member, problems))
      entries.push_back(std::move(*entry));
  }

  // The tensors must tile the rest of the file. With broken members left out,
  // complaining about the holes that they leave would only confuse.
  const uint64_t dataBytes = file->size() - 8 - headerBytes;
  if (problems.empty()) {
    std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
      return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    });
    uint64_t expected = 0;
    for (const Entry &entry : entries) {
      if (entry.end > dataBytes)
        problems.add(absl::StrCat(quote(entry.tensor.name), ": data_offsets: found [", entry.begin,
                                  ",", entry.end, "], but the file holds ", dataBytes,
                                  " bytes of data; is it cut short?"));
      else if (entry.begin != expected)
        problems.add(absl::StrCat(quote(entry.tensor.name), ": data_offsets: begins at ",
                                  entry.begin, ", expected ", expected,
                                  entry.begin < expected ? " (it overlaps another tensor)"
                                                         : " (there is a gap before it)"));
      expected = std::max(expected, entry.end);
    }
    if (problems.empty() && expected != dataBytes)
      problems.add(absl::StrCat("the tensors end at byte ", expected,
                                " of the data, expected its end at ", dataBytes));
  }
  if (!problems.empty())
    return problems.toStatus(path + ": safetensors header");

  std::vector<Tensor> tensors;
  tensors.reserve(entries.size());
  const char *data = file->data() + 8 + headerBytes;
  for (Entry &entry : entries) {
    entry.tensor.data = data + entry.begin;
    entry.tensor.storageBytes = entry.end - entry.begin;
    entry.tensor.file = path;
    entry.tensor.owner = file;
    entry.tensor.fileBacked = true;
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

bool isSafetensorsIndex(std::string_view bytes) {
  // An index of a large model has a few megabytes.
  size_t first = bytes.substr(0, 256).find_first_not_of(" \t\r\n");
  if (first == bytes.npos || bytes[first] != '{' || bytes.size() > (64u << 20) ||
      bytes.find("\"weight_map\"") == bytes.npos)
    return false;
  absl::StatusOr<JsonValue> json = parseJson(bytes, "");
  return !json.ok() || json->find("weight_map");
}

/// name -> shard, in the order of the index.
static absl::StatusOr<std::vector<std::pair<std::string, std::string>>>
readWeightMap(const FileMapping &index) {
  absl::StatusOr<JsonValue> json = parseJson(index.bytes(), index.path());
  if (!json.ok())
    return json.status();
  const JsonValue *map = json->find("weight_map");
  if (!map || !map->asObject())
    return absl::InvalidArgumentError(
        absl::StrCat(index.path(), ": weight_map: found ", map ? map->describe() : "nothing",
                     ", expected an object of tensor names and file names"));
  Problems problems;
  std::vector<std::pair<std::string, std::string>> result;
  for (const JsonMember &member : *map->asObject()) {
    const std::string *name = member.value.asString();
    if (!name) {
      problems.add(absl::StrCat(quote(member.key), ": found ", member.value.describe(),
                                ", expected a file name"));
      continue;
    }
    // Shards lie beside the index: a name must not lead out of the folder.
    if (name->empty() || *name == "." || *name == ".." || name->find('/') != name->npos ||
        name->find('\\') != name->npos || name->find('\0') != name->npos) {
      problems.add(absl::StrCat(quote(member.key), ": found the file name ", quote(*name),
                                ", expected a plain name of a file beside the index"));
      continue;
    }
    result.emplace_back(member.key, *name);
  }
  if (!problems.empty())
    return problems.toStatus(index.path() + ": weight_map");
  return result;
}

absl::StatusOr<std::vector<std::string>> shardNames(const FileMapping &index) {
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> map = readWeightMap(index);
  if (!map.ok())
    return map.status();
  std::set<std::string> names;
  for (const auto &[tensor, file] : *map)
    names.insert(file);
  return std::vector<std::string>(names.begin(), names.end());
}

absl::Status readShardedSafetensors(std::shared_ptr<FileMapping> index,
                                    const std::string &directory, CheckpointBuilder &builder) {
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> map = readWeightMap(*index);
  if (!map.ok())
    return map.status();
  std::map<std::string, std::set<std::string>> expected; // shard -> its tensors
  for (auto &[tensor, file] : *map)
    expected[file].insert(tensor);

  Problems problems;
  for (auto &[name, tensorNames] : expected) {
    std::string path = directory == "." ? name : directory + "/" + name;
    absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(path);
    if (!file.ok()) {
      problems.add(absl::StrCat(std::string(file.status().message()), " (a shard with ",
                                tensorNames.size(), " tensors)"));
      continue;
    }
    if ((*file)->bytes().starts_with("PK")) {
      problems.add(absl::StrCat(path, ": is a shard that torch.save wrote; only safetensors "
                                      "checkpoints may be sharded"));
      continue;
    }
    absl::StatusOr<std::vector<Tensor>> tensors = readSafetensors(*file);
    if (!tensors.ok()) {
      problems.add(std::string(tensors.status().message()));
      continue;
    }
    builder.addFile(path);
    for (Tensor &tensor : *tensors) {
      if (tensorNames.erase(tensor.name) == 0)
        problems.add(absl::StrCat(quote(tensor.name), ": found in ", quote(name),
                                  ", which the index does not say"));
      else
        builder.addTensor(std::move(tensor));
    }
    for (const std::string &missing : tensorNames)
      problems.add(absl::StrCat(quote(missing), ": not found in ", quote(name),
                                ", where the index says it is"));
  }
  return problems.toStatus(index->path());
}

} // namespace gem::checkpoint
