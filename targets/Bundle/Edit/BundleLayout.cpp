// The bytes of a bundle for its contents: the one layout that the format has.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Edit/BundleLayout.h"

#include <algorithm>
#include <string>

#include "runtime/core/Blake3.h"

namespace gem::edit {
namespace {

bool IsOldCommand(const schema::CommandT& command) {
  if (const schema::ScarAttentionParamsT* scar = command.params.AsScarAttentionParams()) {
    return !scar->causal;
  }
  return command.kernel < schema::Kernel::QUANTIZE_TOKENS;
}

uint16_t RequiredMinor(const schema::ProgramT& program) {
  for (const auto& constant : program.constants) {
    if (constant->element_type != schema::ElementType::F32) return 1;
  }
  for (const auto& entry : program.entries) {
    for (const auto& submission : entry->submissions) {
      for (const auto& command : submission->commands) {
        if (!IsOldCommand(*command)) return 1;
      }
    }
  }
  return 0;
}

}  // namespace

std::vector<uint8_t> PackProgram(const schema::BundleT& bundle) {
  flatbuffers::FlatBufferBuilder builder(64 * 1024);
  builder.Finish(schema::Bundle::Pack(builder, &bundle), schema::BundleIdentifier());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

uint16_t RequiredMinor(const schema::BundleT& bundle) {
  uint16_t minor = 0;
  for (const auto& variant : bundle.variants) {
    if (!variant->cpu_kernels.empty()) return 2;
    minor = std::max(minor, RequiredMinor(*variant->program));
  }
  return minor;
}
static_assert(GEM_FORMAT_MINOR == 2, "say here what a new minor version added");

uint64_t PlaceSegments(schema::BundleT& bundle, size_t program_size) {
  uint64_t end = kPreambleSize + program_size;
  for (const auto& segment : bundle.segments) {
    segment->offset = SegmentOffset(end, segment->length);
    end = segment->offset + segment->length;
  }
  return end;
}

Contents ContentsOf(const BundleSource& source) {
  Contents contents;
  source.root().UnPackTo(&contents.bundle);
  for (const auto& segment : contents.bundle.segments) {
    contents.origins.push_back({&source, segment->offset});
  }
  return contents;
}

bool WriteBundle(Contents& contents, const ByteSink& sink, const ProgressCallback& progress,
                 Problem* problem) {
  schema::BundleT& bundle = contents.bundle;
  // Not 0, which a FlatBuffer leaves out: then the size is that of the final program.
  for (const auto& segment : bundle.segments) segment->offset = kPreambleSize;
  const size_t program_size = PackProgram(bundle).size();
  if (program_size > kMaxProgramSize) {
    return Refuse(problem, "the program would have " + std::to_string(program_size) +
                               " bytes, more than the format's limit of " +
                               std::to_string(kMaxProgramSize));
  }
  Preamble preamble;
  preamble.format_major = GEM_FORMAT_MAJOR;
  preamble.format_minor = RequiredMinor(bundle);
  preamble.file_size = PlaceSegments(bundle, program_size);
  preamble.program_size = static_cast<uint32_t>(program_size);
  const std::vector<uint8_t> program = PackProgram(bundle);
  Blake3(program.data(), program.size(), preamble.program_hash);
  uint8_t encoded[kPreambleSize];
  EncodePreamble(preamble, encoded);

  uint64_t written = 0;
  const ByteSink write = [&](std::string_view data, Problem* failure) {
    written += data.size();
    if (progress) progress(written, preamble.file_size);
    return sink(data, failure);
  };
  const auto write_bytes = [&](const uint8_t* data, size_t size) {
    return write({reinterpret_cast<const char*>(data), size}, problem);
  };
  if (!write_bytes(encoded, kPreambleSize) || !write_bytes(program.data(), program.size())) {
    return false;
  }
  static constexpr uint8_t kZeros[kPageAlignment] = {};
  for (size_t i = 0; i < bundle.segments.size(); ++i) {
    const schema::SegmentT& segment = *bundle.segments[i];
    const Contents::Origin& origin = contents.origins[i];
    if (!write_bytes(kZeros, segment.offset - written)) return false;
    Blake3Hasher hasher;
    const ByteSink hash_and_write = [&](std::string_view data, Problem* failure) {
      hasher.Update(data.data(), data.size());
      return write(data, failure);
    };
    if (!origin.source->ReadPieces(origin.offset, segment.length, hash_and_write, problem)) {
      return false;
    }
    uint8_t hash[kHashSize];
    hasher.Finish(hash);
    if (!CheckSegmentHash(origin.source->name(), segment.name, segment.hash, hash, problem)) {
      return false;
    }
  }
  return true;
}

}  // namespace gem::edit
