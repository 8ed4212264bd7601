// Reads the directory of a zip file whose entries are stored uncompressed.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Zip.h"

#include "compiler/Checkpoint/Diagnostics.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sys/mman.h>
#include <zlib.h>

namespace gem::checkpoint {

static constexpr uint32_t kLocalHeader = 0x04034b50;
static constexpr uint32_t kCentralHeader = 0x02014b50;
static constexpr uint32_t kEndOfDirectory = 0x06054b50;
static constexpr uint32_t kZip64EndOfDirectory = 0x06064b50;
static constexpr uint32_t kZip64Locator = 0x07064b50;
static constexpr size_t kLocalHeaderBytes = 30, kCentralHeaderBytes = 46, kEndBytes = 22,
                        kZip64EndBytes = 56, kZip64LocatorBytes = 20;

/// A little-endian number; the caller has checked the bounds.
static uint64_t readNumber(std::string_view bytes, size_t offset, int width) {
  uint64_t value = 0;
  for (int i = width - 1; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

namespace {
struct Directory {
  uint64_t offset = 0, size = 0, count = 0;
  uint64_t end = 0; // where the end-of-directory records begin
};
} // namespace

static absl::StatusOr<Directory> findDirectory(const FileMapping &file) {
  std::string_view bytes = file.bytes();
  auto refuse = [&](const auto &...parts) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": zip: ", parts...));
  };
  // The record is the last thing in the file, except for a comment of up to
  // 65,535 bytes whose length it gives.
  std::optional<size_t> end;
  if (bytes.size() >= kEndBytes) {
    size_t lowest = bytes.size() - kEndBytes > 0xFFFF ? bytes.size() - kEndBytes - 0xFFFF : 0;
    for (size_t at = bytes.size() - kEndBytes + 1; at-- > lowest;)
      if (readNumber(bytes, at, 4) == kEndOfDirectory &&
          readNumber(bytes, at + 20, 2) == bytes.size() - kEndBytes - at) {
        end = at;
        break;
      }
  }
  if (!end)
    return refuse("no end-of-directory record found in the file's ", bytes.size(),
                  " bytes; is it cut short?");
  Directory result;
  result.end = *end;
  uint64_t disk = readNumber(bytes, *end + 4, 2);
  result.count = readNumber(bytes, *end + 10, 2);
  result.size = readNumber(bytes, *end + 12, 4);
  result.offset = readNumber(bytes, *end + 16, 4);
  if (result.count == 0xFFFF || result.size == 0xFFFFFFFF || result.offset == 0xFFFFFFFF) {
    if (*end < kZip64LocatorBytes ||
        readNumber(bytes, *end - kZip64LocatorBytes, 4) != kZip64Locator)
      return refuse("the directory needs a zip64 locator, and there is none");
    uint64_t at = readNumber(bytes, *end - kZip64LocatorBytes + 8, 8);
    uint64_t limit = *end - kZip64LocatorBytes;
    if (limit < kZip64EndBytes || at > limit - kZip64EndBytes ||
        readNumber(bytes, at, 4) != kZip64EndOfDirectory)
      return refuse("no zip64 end-of-directory record at offset ", at);
    disk = readNumber(bytes, at + 16, 4);
    result.count = readNumber(bytes, at + 32, 8);
    result.size = readNumber(bytes, at + 40, 8);
    result.offset = readNumber(bytes, at + 48, 8);
    result.end = at;
  }
  if (disk != 0)
    return refuse("this is one volume of several");
  if (result.offset > result.end || result.size > result.end - result.offset)
    return refuse("the directory of ", result.size, " bytes at offset ", result.offset,
                  " does not lie in the file");
  if (result.count > result.size / kCentralHeaderBytes)
    return refuse("the directory of ", result.size, " bytes cannot hold ", result.count,
                  " entries");
  return result;
}

/// Replaces sizes and offset that are too large for 32 bits by those in the
/// zip64 extra field. False when it lacks one of them.
static bool readZip64Extra(std::string_view extra, uint64_t &size, uint64_t &compressedSize,
                           uint64_t &offset) {
  uint64_t *wanted[] = {&size, &compressedSize, &offset}; // in the field's order
  bool complete = true;
  for (const uint64_t *value : wanted)
    complete &= *value != 0xFFFFFFFF;
  if (complete)
    return true;
  while (extra.size() >= 4) {
    uint64_t id = readNumber(extra, 0, 2), length = readNumber(extra, 2, 2);
    if (length > extra.size() - 4)
      return false;
    std::string_view field = extra.substr(4, length);
    extra.remove_prefix(4 + length);
    if (id != 1)
      continue;
    for (uint64_t *value : wanted) {
      if (*value != 0xFFFFFFFF)
        continue;
      if (field.size() < 8)
        return false;
      *value = readNumber(field, 0, 8);
      field.remove_prefix(8);
    }
    return true;
  }
  return false;
}

absl::StatusOr<std::vector<ZipEntry>> readZipDirectory(const FileMapping &file) {
  absl::StatusOr<Directory> directory = findDirectory(file);
  if (!directory.ok())
    return directory.status();
  std::string_view bytes = file.bytes();
  std::string_view rest = bytes.substr(directory->offset, directory->size);
  std::vector<ZipEntry> entries;
  std::set<std::string_view> names;
  for (uint64_t index = 0; index < directory->count; ++index) {
    auto refuse = [&](const auto &...parts) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.path(), ": zip entry ", index, ": ", parts...));
    };
    if (rest.size() < kCentralHeaderBytes || readNumber(rest, 0, 4) != kCentralHeader)
      return refuse("no directory record found at offset ",
                    static_cast<size_t>(rest.data() - bytes.data()));
    uint64_t flags = readNumber(rest, 8, 2), method = readNumber(rest, 10, 2);
    uint64_t compressedSize = readNumber(rest, 20, 4), size = readNumber(rest, 24, 4);
    uint64_t nameLength = readNumber(rest, 28, 2), extraLength = readNumber(rest, 30, 2);
    uint64_t commentLength = readNumber(rest, 32, 2), header = readNumber(rest, 42, 4);
    ZipEntry entry;
    entry.crc32 = static_cast<uint32_t>(readNumber(rest, 16, 4));
    if (nameLength + extraLength + commentLength > rest.size() - kCentralHeaderBytes)
      return refuse("its directory record is cut short");
    std::string_view name = rest.substr(kCentralHeaderBytes, nameLength);
    std::string_view extra = rest.substr(kCentralHeaderBytes + nameLength, extraLength);
    rest.remove_prefix(kCentralHeaderBytes + nameLength + extraLength + commentLength);
    if (!readZip64Extra(extra, size, compressedSize, header))
      return refuse(quote(name), ": its zip64 sizes are missing");
    if (!name.empty() && name.back() == '/' && size == 0)
      continue;
    if (flags & 0x2041)
      return refuse(quote(name), ": is encrypted");
    if (method == 0 && compressedSize != size)
      return refuse(quote(name), ": is stored, but has the sizes ", compressedSize, " and ", size);
    // Everything that belongs to an entry lies before the directory.
    if (directory->offset < kLocalHeaderBytes || header > directory->offset - kLocalHeaderBytes ||
        readNumber(bytes, header, 4) != kLocalHeader)
      return refuse(quote(name), ": no local header found at offset ", header);
    uint64_t skip =
        kLocalHeaderBytes + readNumber(bytes, header + 26, 2) + readNumber(bytes, header + 28, 2);
    if (skip > directory->offset - header || compressedSize > directory->offset - header - skip)
      return refuse(quote(name), ": its ", compressedSize, " bytes at offset ", header + skip,
                    " do not lie in the file");
    if (bytes.substr(header + kLocalHeaderBytes, readNumber(bytes, header + 26, 2)) != name)
      return refuse(quote(name), ": has another name in its local header");
    if (!names.insert(name).second)
      return refuse(quote(name), ": appears more than once");
    entry.name = std::string(name);
    entry.offset = header + skip;
    entry.size = compressedSize;
    entry.method = static_cast<uint16_t>(method);
    entries.push_back(std::move(entry));
  }
  // Overlapping entries would make a small file cost the CRC of a large one.
  std::vector<const ZipEntry *> order;
  for (const ZipEntry &entry : entries)
    order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const ZipEntry *a, const ZipEntry *b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset - order[i - 1]->offset < order[i - 1]->size)
      return absl::InvalidArgumentError(absl::StrCat(file.path(), ": zip: the entries ",
                                                     quote(order[i - 1]->name), " and ",
                                                     quote(order[i]->name), " overlap"));
  return entries;
}

absl::Status checkZipEntries(const FileMapping &file, const std::vector<ZipEntry> &entries) {
  constexpr size_t kChunk = 8u << 20;
  for (const ZipEntry &entry : entries)
    if (entry.method != 0)
      return absl::InvalidArgumentError(absl::StrCat(
          file.path(), ": zip: the entry ", quote(entry.name), " is compressed (method ",
          entry.method, entry.method == 8 ? ", deflate" : "",
          "), which torch.save never does; unpack the file and pack it again with 'zip -0 -r', "
          "or load it and torch.save it again"));
  Problems problems;
  if (file.size() > 0)
    ::madvise(const_cast<char *>(file.data()), file.size(), MADV_SEQUENTIAL);
  for (const ZipEntry &entry : entries) {
    std::string_view rest = entry.bytes(file);
    unsigned long crc = ::crc32_z(0, nullptr, 0);
    while (!rest.empty()) {
      std::string_view chunk = rest.substr(0, kChunk);
      crc = ::crc32_z(crc, reinterpret_cast<const unsigned char *>(chunk.data()), chunk.size());
      dropMappedPages(chunk.data(), chunk.size());
      rest.remove_prefix(chunk.size());
    }
    if (crc != entry.crc32)
      problems.add(absl::StrCat(quote(entry.name), ": its CRC-32 is ",
                                absl::Hex(crc, absl::kZeroPad8), ", expected ",
                                absl::Hex(entry.crc32, absl::kZeroPad8)));
  }
  if (file.size() > 0)
    ::madvise(const_cast<char *>(file.data()), file.size(), MADV_NORMAL);
  dropMappedPages(file.data(), file.size());
  return problems.toStatus(file.path() + ": the file is damaged");
}

} // namespace gem::checkpoint
