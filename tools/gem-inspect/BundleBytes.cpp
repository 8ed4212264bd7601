// The parts of a bundle file, to the last byte, and their hashes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/gem-inspect/BundleBytes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <algorithm>
#include <map>

using namespace gem;
using namespace gem::inspect;

namespace {

class PartLister {
public:
  explicit PartLister(const BundleFile &file) : file(file) {}

  std::vector<BytePart> list() {
    add(all, {0, kPreambleSize, "preamble", "", true, {}});
    add(all, {kPreambleSize, file.preamble().program_size, "program", "", true, {}});
    uint64_t end = kPreambleSize + file.preamble().program_size;
    const auto &segments = *file.root().segments();
    for (uint32_t i = 0; i < segments.size(); ++i) {
      fill(all, end, segments[i]->offset(), "padding");
      BytePart part{segments[i]->offset(),
                    segments[i]->length(),
                    "segment",
                    segments[i]->name()->str(),
                    true,
                    {}};
      part.parts = listSegment(i);
      add(all, std::move(part));
      end = segments[i]->offset() + segments[i]->length();
    }
    uint64_t size = file.bytes().size();
    if (file.preamble().signature != kSignatureNone && size - end >= kSignatureBlockSize) {
      fill(all, end, size - kSignatureBlockSize, "padding");
      add(all, {size - kSignatureBlockSize, kSignatureBlockSize, "signature", "", true, {}});
      end = size;
    }
    fill(all, end, size, "padding");
    return std::move(all);
  }

private:
  static void add(std::vector<BytePart> &parts, BytePart part) { parts.push_back(std::move(part)); }

  /// The bytes [begin, end), if any.
  void fill(std::vector<BytePart> &parts, uint64_t begin, uint64_t end, const char *kind) {
    if (begin >= end)
      return;
    auto bytes = file.bytes().slice(begin, end - begin);
    bool isZero = llvm::all_of(bytes, [](char c) { return c == 0; });
    add(parts, {begin, end - begin, kind, "", isZero, {}});
  }

  std::vector<BytePart> listSegment(uint32_t index) {
    const schema::Segment &segment = *file.root().segments()->Get(index);
    std::vector<BytePart> parts;
    if (segment.kind() == schema::SegmentKind::TOKENIZER) {
      add(parts, {segment.offset(), segment.length(), "tokenizer", "", true, {}});
      return parts;
    }
    // By offset; a later constant that begins inside an earlier one adds what sticks out.
    std::map<uint64_t, std::pair<uint64_t, std::string>> constants;
    for (const schema::Variant *variant : *file.root().variants())
      for (const schema::Constant *constant : *variant->program()->constants()) {
        if (constant->segment() != index)
          continue;
        auto &[length, name] = constants[constant->offset()];
        length = std::max(length, constant->length());
        if (name.empty())
          name = constant->name()->str();
        else if (name != constant->name()->str())
          name += ", " + constant->name()->str();
      }
    uint64_t end = 0;
    for (const auto &[offset, constant] : constants) {
      const auto &[length, name] = constant;
      // What alignment explains is padding.
      uint64_t gapEnd = std::max(offset, end);
      bool isAlignment = gapEnd - end < kDataAlignment;
      fill(parts, segment.offset() + end, segment.offset() + gapEnd,
           isAlignment ? "padding" : "unused");
      if (offset + length > gapEnd)
        add(parts,
            {segment.offset() + gapEnd, offset + length - gapEnd, "constant", name, true, {}});
      end = std::max(gapEnd, offset + length);
    }
    fill(parts, segment.offset() + end, segment.offset() + segment.length(),
         segment.length() - end < kDataAlignment ? "padding" : "unused");
    return parts;
  }

  const BundleFile &file;
  std::vector<BytePart> all;
};

std::string hashOf(llvm::ArrayRef<char> bytes) {
  auto hash = llvm::BLAKE3::hash<kHashSize>(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  return hexOf(llvm::ArrayRef(hash));
}

} // namespace

std::vector<BytePart> gem::inspect::listParts(const BundleFile &file) {
  return PartLister(file).list();
}

uint64_t gem::inspect::totalLength(const std::vector<BytePart> &parts) {
  uint64_t total = 0;
  for (const BytePart &part : parts)
    total += part.length;
  return total;
}

std::string gem::inspect::hexOf(llvm::ArrayRef<uint8_t> hash) {
  return llvm::toHex(hash, /*LowerCase=*/true);
}

std::vector<HashCheck> gem::inspect::checkHashes(const BundleFile &file) {
  std::vector<HashCheck> checks;
  checks.push_back({"program", hexOf(llvm::ArrayRef(file.preamble().program_hash)),
                    hashOf(file.bytes().slice(kPreambleSize, file.preamble().program_size))});
  const auto &segments = *file.root().segments();
  for (uint32_t i = 0; i < segments.size(); ++i)
    checks.push_back({segments[i]->name()->str(),
                      hexOf({segments[i]->hash()->data(), segments[i]->hash()->size()}),
                      hashOf(file.segment(i))});
  return checks;
}
