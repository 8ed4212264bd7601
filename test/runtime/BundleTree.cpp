// A bundle that can be changed anywhere and written again with the right hashes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/BundleTree.h"

#include <algorithm>
#include <cstring>

#include "runtime/core/Blake3.h"
#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem::test {
namespace {

// The segments' tables in a tree; empty when there is no such vector.
std::vector<TreeTable*> SegmentsOf(const TreeSchema& schema, TreeTable& root) {
  std::vector<TreeTable*> result;
  for (TreeValue& item : root.fields[schema.FieldIndex(*root.type, "segments")].items) {
    result.push_back(item.table.get());
  }
  return result;
}

uint64_t& ScalarField(const TreeSchema& schema, TreeTable& table, const char* name) {
  return table.fields[schema.FieldIndex(*table.type, name)].bits;
}

}  // namespace

std::optional<BundleTree> BundleTree::Read(const TreeSchema& schema,
                                           std::span<const uint8_t> file) {
  if (file.size() < kPreambleSize) return {};
  const uint64_t program_size = LoadLittleEndian(file.data() + kOffsetProgramSize, 4);
  if (program_size > file.size() - kPreambleSize) return {};
  // A copy, which is aligned whatever the file is.
  const Bytes program(file.begin() + kPreambleSize,
                      file.begin() + static_cast<ptrdiff_t>(kPreambleSize + program_size));
  flatbuffers::Verifier verifier(program.data(), program.size());
  if (!schema::VerifyBundleBuffer(verifier)) return {};
  BundleTree tree(schema);
  tree.format_minor_ = static_cast<uint16_t>(LoadLittleEndian(file.data() + kOffsetFormatMinor, 2));
  tree.root_ = ReadTree(schema, program.data());
  int origin = 0;
  for (TreeTable* segment : SegmentsOf(schema, tree.root_)) {
    const Facts facts = FactsOf(schema, *segment);
    if (facts.offset > file.size() || facts.length > file.size() - facts.offset) return {};
    const auto begin = file.begin() + static_cast<ptrdiff_t>(facts.offset);
    tree.data_.emplace_back(begin, begin + static_cast<ptrdiff_t>(facts.length));
    tree.facts_.push_back(facts);
    segment->origin = origin++;
  }
  return tree;
}

BundleTree::Facts BundleTree::FactsOf(const TreeSchema& schema, const TreeTable& segment) {
  const auto value = [&](const char* name) -> const TreeValue& {
    return segment.fields[schema.FieldIndex(*segment.type, name)];
  };
  Facts facts = {value("offset").bits, value("length").bits, {}};
  for (const TreeValue& byte : value("hash").items) {
    facts.hash.push_back(static_cast<uint8_t>(byte.bits));
  }
  return facts;
}

uint64_t BundleTree::PlaceSegments(TreeTable& root, uint64_t program_end) const {
  uint64_t end = program_end;
  for (TreeTable* segment : SegmentsOf(*schema_, root)) {
    if (segment->origin < 0) continue;  // new: it has no bytes
    const auto origin = static_cast<size_t>(segment->origin);
    const Bytes& data = data_[origin];
    const uint64_t offset = SegmentOffset(end, data.size());
    const Facts& first = facts_[origin];
    const Facts now = FactsOf(*schema_, *segment);
    if (now.offset == first.offset) ScalarField(*schema_, *segment, "offset") = offset;
    if (now.hash == first.hash && now.hash.size() == kHashSize) {
      uint8_t hash[kHashSize];
      Blake3(data.data(), data.size(), hash);
      std::vector<TreeValue>& bytes =
          segment->fields[schema_->FieldIndex(*segment->type, "hash")].items;
      for (size_t i = 0; i < kHashSize; ++i) bytes[i].bits = hash[i];
    }
    end = offset + data.size();
  }
  return end;
}

Bytes BundleTree::Write() const {
  TreeTable root = root_;
  // Once for the size; offsets do not change it.
  const size_t program_size = WriteTree(*schema_, root).size();
  const uint64_t file_size = PlaceSegments(root, kPreambleSize + program_size);
  const Bytes program = WriteTree(*schema_, root);
  Bytes file(file_size);
  Preamble preamble;
  preamble.format_major = 1;
  preamble.format_minor = format_minor_;
  preamble.file_size = file.size();
  preamble.program_size = static_cast<uint32_t>(program.size());
  Blake3(program.data(), program.size(), preamble.program_hash);
  EncodePreamble(preamble, file.data());
  std::copy(program.begin(), program.end(), file.begin() + kPreambleSize);
  uint64_t end = kPreambleSize + program.size();
  for (const TreeTable* segment : SegmentsOf(*schema_, root)) {
    if (segment->origin < 0) continue;
    const Bytes& data = data_[static_cast<size_t>(segment->origin)];
    end = SegmentOffset(end, data.size());
    std::copy(data.begin(), data.end(), file.begin() + static_cast<ptrdiff_t>(end));
    end += data.size();
  }
  return file;
}

}  // namespace gem::test
