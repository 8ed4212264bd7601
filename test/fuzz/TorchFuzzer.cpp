// Fuzz target: what torch.save writes: a zip file, and the pickle in it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reader compares the CRC-32 of every entry before it looks at the pickle, so an
// input that is no zip file is taken for the pickle, and gets a zip file around it that
// is right, with the storages "0" of 256 bytes and "1" of 16.
#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "test/fuzz/CheckpointUse.h"
#include "test/fuzz/FuzzTarget.h"

namespace {

void Append(std::string& out, uint64_t value, int bytes) {
  for (; bytes > 0; --bytes, value >>= 8) out.push_back(static_cast<char>(value));
}

struct Entry {
  std::string_view name, bytes;
};

// A zip file of entries that are stored (PKWARE's APPNOTE 6.3).
std::string Zip(const std::vector<Entry>& entries) {
  std::string file, directory;
  for (const Entry& entry : entries) {
    // What the local header and the directory share.
    std::string facts;
    Append(facts, 10, 2);  // the version that is needed
    Append(facts, 0, 8);   // flags, method, time, date
    Append(facts,
           crc32_z(0, reinterpret_cast<const Bytef*>(entry.bytes.data()), entry.bytes.size()), 4);
    Append(facts, entry.bytes.size(), 4);
    Append(facts, entry.bytes.size(), 4);
    Append(facts, entry.name.size(), 2);
    Append(facts, 0, 2);  // extra field
    Append(directory, 0x02014b50, 4);
    Append(directory, 10, 2);
    directory += facts;
    Append(directory, 0, 10);  // comment, volume, attributes
    Append(directory, file.size(), 4);
    directory += entry.name;
    Append(file, 0x04034b50, 4);
    file += facts;
    file += entry.name;
    file += entry.bytes;
  }
  const size_t offset = file.size();
  file += directory;
  Append(file, 0x06054b50, 4);
  Append(file, 0, 4);
  Append(file, entries.size(), 2);
  Append(file, entries.size(), 2);
  Append(file, directory.size(), 4);
  Append(file, offset, 4);
  Append(file, 0, 2);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2 && data[0] == 'P' && data[1] == 'K') {
    gem::fuzz::UseCheckpoint(data, size);
    return 0;
  }
  static const std::string storage(256, '\x3c');
  const std::string file = Zip({{"archive/data.pkl", {reinterpret_cast<const char*>(data), size}},
                                {"archive/byteorder", "little"},
                                {"archive/data/0", storage},
                                {"archive/data/1", std::string_view(storage).substr(0, 16)},
                                {"archive/version", "3\n"}});
  gem::fuzz::UseCheckpoint(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  return 0;
}
