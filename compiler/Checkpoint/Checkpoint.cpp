// Recognises what a file is and opens checkpoints.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Checkpoint.h"

#include "compiler/Checkpoint/CheckpointBuilder.h"
#include "compiler/Checkpoint/Diagnostics.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

namespace gem::checkpoint {

std::shared_ptr<Checkpoint> CheckpointBuilder::finish() {
  std::sort(result->all.begin(), result->all.end(),
            [](const Tensor &a, const Tensor &b) { return a.name < b.name; });
  return std::move(result);
}

const Tensor *Checkpoint::find(const std::string &name) const {
  auto found = std::lower_bound(all.begin(), all.end(), name,
                                [](const Tensor &a, const std::string &b) { return a.name < b; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

namespace {
enum class Format { Safetensors, SafetensorsIndex, Zip, Other };

struct Recognised {
  Format format = Format::Other;
  std::string words; // what it is, when Other
  std::string hint;  // what to do about it; may be empty
};
} // namespace

static bool isTextByte(char byte) {
  unsigned char value = static_cast<unsigned char>(byte);
  return value != 0x7F && (value >= 0x20 || absl::ascii_isspace(value));
}

/// Reads little more than the first page, unless the file is an index.
static Recognised recognise(const FileMapping &file) {
  using namespace std::string_view_literals;
  std::string_view bytes = file.bytes();
  if (bytes.empty())
    return {Format::Other, "an empty file", ""};
  if (bytes.starts_with("PK\3\4"sv) || bytes.starts_with("PK\5\6"sv))
    return {Format::Zip, "", ""};
  if (isSafetensorsIndex(bytes))
    return {Format::SafetensorsIndex, "", ""};
  // The JSON header of a safetensors file follows its length, of which the upper
  // bytes are zero in every legal one; a text could have a '{' there as well.
  if (bytes.size() >= 9 && bytes[8] == '{') {
    bool likelyLength = bytes.substr(5, 3) == "\0\0\0"sv;
    bool likelyHeader = bytes.size() >= 10 && (bytes[9] == '"' || bytes[9] == '}') &&
                        std::any_of(bytes.begin(), bytes.begin() + 8, [](char byte) {
                          return !isTextByte(byte) || !absl::ascii_isascii(byte);
                        });
    if (likelyLength || likelyHeader)
      return {Format::Safetensors, "", ""};
  }

  if (bytes.starts_with("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv))
    return {Format::Other, "a file of torch.save before PyTorch 1.6 (a bare pickle)",
            "convert it with PyTorch 1.6 or later: torch.save(torch.load(OLD), NEW)"};
  if (bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5)
    return {Format::Other, "a bare Python pickle",
            "save the model's state_dict() with torch.save, or as safetensors"};
  if (bytes.starts_with("version https://git-lfs"sv))
    return {Format::Other, "a git-lfs pointer, not the file it stands for",
            "fetch the file with 'git lfs pull'"};
  if (bytes.starts_with("\x1f\x8b"sv))
    return {Format::Other, "gzip-compressed", "unpack it with gunzip"};
  if (bytes.starts_with("\x28\xb5\x2f\xfd"sv))
    return {Format::Other, "zstd-compressed", "unpack it with unzstd"};
  if (bytes.starts_with("\xfd\x37zXZ"sv))
    return {Format::Other, "xz-compressed", "unpack it with unxz"};
  if (bytes.starts_with("BZh"sv))
    return {Format::Other, "bzip2-compressed", "unpack it with bunzip2"};
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar")
    return {Format::Other, "a tar archive", "unpack it and give the folder"};
  if (bytes.starts_with("\x89HDF\r\n"sv))
    return {Format::Other, "an HDF5 file (Keras or TensorFlow)",
            "convert the model to safetensors"};
  if (bytes.starts_with("GGUF"sv))
    return {Format::Other, "a GGUF file", "give the checkpoint it was made from"};
  if (bytes.starts_with("\x93NUMPY"sv))
    return {Format::Other, "a NumPy file", ""};
  if (bytes.starts_with("\x89GEM\r\n\x1a\n"sv))
    return {Format::Other, "a GEM bundle, which is compiled already", "give the model's source"};
  if (bytes.starts_with("\x7f"
                        "ELF"sv))
    return {Format::Other, "an executable or library", ""};

  std::string_view start = bytes.substr(0, 512);
  size_t first = start.find_first_not_of(" \t\r\n");
  std::string lower(first == start.npos ? std::string_view() : start.substr(first));
  absl::AsciiStrToLower(&lower);
  if (lower.starts_with("<!doctype html") || lower.starts_with("<html"))
    return {Format::Other, "an HTML page, perhaps a failed download's error message",
            "download the file again"};
  if (lower.starts_with("<?xml"))
    return {Format::Other, "an XML document", ""};
  if (lower.starts_with("{") || lower.starts_with("["))
    return {Format::Other, "a JSON document without \"weight_map\"", ""};
  if (start.find_first_not_of('\0') == start.npos)
    return {Format::Other, "a file that begins with zeros", "is its download complete?"};
  if (std::all_of(start.begin(), start.end(), isTextByte))
    return {Format::Other, "a text file", ""};
  return {Format::Other,
          absl::StrCat("of no known format (it begins with ", quote(bytes.substr(0, 8)), ")"),
          bytes.size() < 64 ? "is it cut short?" : ""};
}

static absl::StatusOr<std::shared_ptr<Checkpoint>>
openFile(const std::string &path, std::string directory, std::vector<std::string> info) {
  absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(path);
  if (!file.ok())
    return file.status();
  Recognised recognised = recognise(**file);
  if (recognised.format == Format::Other)
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": is ", recognised.words, "; expected safetensors or what torch.save writes",
        recognised.hint.empty() ? "" : "; ", recognised.hint));
  CheckpointBuilder builder(recognised.format == Format::Zip ? "torch" : "safetensors", directory);
  for (std::string &line : info)
    builder.addInfo(std::move(line));
  builder.addFile(path);
  switch (recognised.format) {
  case Format::Safetensors: {
    absl::StatusOr<std::vector<Tensor>> tensors = readSafetensors(*file);
    if (!tensors.ok())
      return tensors.status();
    for (Tensor &tensor : *tensors)
      builder.addTensor(std::move(tensor));
    break;
  }
  case Format::SafetensorsIndex:
    if (absl::Status status = readShardedSafetensors(*file, directory, builder); !status.ok())
      return status;
    break;
  default:
    if (absl::Status status = readTorch(*file, builder); !status.ok())
      return status;
    break;
  }
  return builder.finish();
}

/// True for the names that checkpoints usually have: worth opening for the sake
/// of the error message when nothing in a folder is one.
static bool hasCheckpointName(const std::string &name) {
  for (const char *suffix : {".safetensors", ".pth", ".pt", ".bin", ".ckpt"})
    if (name.ends_with(suffix))
      return true;
  return false;
}

/// The file of a folder to open, by name.
static absl::StatusOr<std::string> chooseFile(const std::string &folder,
                                              std::vector<std::string> &info) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    names.push_back(it->path().filename().string());
  if (error)
    return absl::UnavailableError(absl::StrCat(folder, ": cannot be read: ", error.message()));
  std::sort(names.begin(), names.end());

  std::vector<std::string> candidates, broken;
  std::set<std::string> shards;
  for (const std::string &name : names) {
    absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(folder + "/" + name);
    if (!file.ok())
      continue; // a folder, or unreadable
    Recognised recognised = recognise(**file);
    if (recognised.format == Format::Other) {
      if (hasCheckpointName(name))
        broken.push_back(absl::StrCat(quote(name), " (", recognised.words, ")"));
      // A model.safetensors that is none is what the user must hear about.
      if (name == "model.safetensors")
        return name;
      continue;
    }
    candidates.push_back(name);
    if (recognised.format == Format::SafetensorsIndex)
      if (absl::StatusOr<std::vector<std::string>> list = shardNames(**file); list.ok())
        shards.insert(list->begin(), list->end());
  }
  std::erase_if(candidates, [&](const std::string &name) { return shards.count(name) != 0; });

  if (candidates.size() == 1)
    return candidates.front();
  if (candidates.empty()) {
    std::string found =
        broken.empty() ? "none that holds a checkpoint" : absl::StrJoin(broken, ", ");
    return absl::NotFoundError(
        absl::StrCat(folder,
                     ": no checkpoint in this folder: expected a safetensors file or one "
                     "that torch.save wrote, found ",
                     found, " among ", names.size(), " files"));
  }
  for (const char *preferred :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"})
    if (std::find(candidates.begin(), candidates.end(), preferred) != candidates.end()) {
      std::vector<std::string> others = candidates;
      std::erase(others, preferred);
      info.push_back(
          absl::StrCat(preferred, " was chosen; ", absl::StrJoin(others, ", "),
                       others.size() == 1 ? " is a checkpoint too" : " are checkpoints too",
                       " (name the file to choose another)"));
      return std::string(preferred);
    }
  std::string list;
  for (const std::string &name : candidates)
    absl::StrAppend(&list, list.empty() ? "" : ", ", quote(name));
  return absl::InvalidArgumentError(
      absl::StrCat(folder, ": holds ", candidates.size(), " checkpoints (", list,
                   "); name the one to take, as in ", folder, "/", candidates.front()));
}

absl::StatusOr<std::shared_ptr<Checkpoint>> openCheckpoint(const std::string &path) {
  std::error_code error;
  std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found)
    return absl::NotFoundError(absl::StrCat(quote(path), ": no such file or folder"));
  if (status.type() != std::filesystem::file_type::directory) {
    size_t slash = path.rfind('/');
    std::string directory = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    return openFile(path, directory, {});
  }
  std::string folder = path;
  while (folder.size() > 1 && folder.back() == '/')
    folder.pop_back();
  std::vector<std::string> info;
  absl::StatusOr<std::string> name = chooseFile(folder, info);
  if (!name.ok())
    return name.status();
  return openFile(folder + "/" + *name, folder, std::move(info));
}

} // namespace gem::checkpoint
