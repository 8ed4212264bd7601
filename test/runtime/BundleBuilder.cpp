// Builds bundles for the tests of the runtime.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/BundleBuilder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/core/Blake3.h"
#include "runtime/schema/Preamble.h"

namespace gem::test {
namespace {

uint64_t BytesOf(schema::ElementType type) {
  switch (type) {
    case schema::ElementType::U8:
      return 1;
    case schema::ElementType::I64:
      return 8;
    default:
      return 4;
  }
}

Bytes Pack(const schema::BundleT& bundle) {
  flatbuffers::FlatBufferBuilder builder;
  // So that a field's value does not change the size.
  builder.ForceDefaults(true);
  schema::FinishBundleBuffer(builder, schema::Bundle::Pack(builder, &bundle));
  return Bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

}  // namespace

BundleBuilder::BundleBuilder() {
  bundle_.producer = "bundle-builder 1";
  bundle_.model = std::make_unique<schema::ModelT>();
  bundle_.model->name = "tiny";
  bundle_.model->architecture = "gem";
  bundle_.model->parameters = 1234;
  auto variant = std::make_unique<schema::VariantT>();
  variant->device = "host";
  variant->program = std::make_unique<schema::ProgramT>();
  auto entry = std::make_unique<schema::EntryT>();
  entry->name = "main";
  auto submission = std::make_unique<schema::SubmissionT>();
  submission->driver = schema::Driver::CPU;
  entry->submissions.push_back(std::move(submission));
  variant->program->entries.push_back(std::move(entry));
  bundle_.variants.push_back(std::move(variant));
  AddSegment("weights", schema::SegmentKind::WEIGHTS, {});
}

uint32_t BundleBuilder::AddSegment(const std::string& name, schema::SegmentKind kind, Bytes data) {
  auto segment = std::make_unique<schema::SegmentT>();
  segment->name = name;
  segment->kind = kind;
  segment->hash_algorithm = schema::HashAlgorithm::BLAKE3;
  segment->hash.resize(kHashSize);
  bundle_.segments.push_back(std::move(segment));
  segment_data_.push_back(std::move(data));
  return static_cast<uint32_t>(bundle_.segments.size() - 1);
}

uint32_t BundleBuilder::AddSymbol(const std::string& name, uint32_t minimum, uint32_t maximum) {
  auto symbol = std::make_unique<schema::SymbolT>();
  symbol->name = name;
  symbol->minimum = minimum;
  symbol->maximum = maximum;
  program().symbols.push_back(std::move(symbol));
  return static_cast<uint32_t>(program().symbols.size() - 1);
}

uint32_t BundleBuilder::AddConstant(const std::string& name, std::vector<uint32_t> shape,
                                    const std::vector<float>& values, schema::Layout layout) {
  const std::vector<float> stored =
      layout == schema::Layout::PANEL_16 ? PackPanels(values, shape[0], shape[1]) : values;
  const auto* bytes = reinterpret_cast<const uint8_t*>(stored.data());
  return AddConstant(name, schema::ElementType::F32, std::move(shape),
                     Bytes(bytes, bytes + stored.size() * sizeof(float)), layout);
}

uint32_t BundleBuilder::AddConstant(const std::string& name, schema::ElementType type,
                                    std::vector<uint32_t> shape, const Bytes& stored,
                                    schema::Layout layout, schema::Scales scales,
                                    uint32_t group_size) {
  Bytes& data = segment_data_[0];
  data.resize(AlignUp(data.size(), kDataAlignment));
  auto constant = std::make_unique<schema::ConstantT>();
  constant->name = name;
  constant->element_type = type;
  constant->shape = std::move(shape);
  constant->layout = layout;
  constant->segment = 0;
  constant->offset = data.size();
  constant->length = stored.size();
  constant->scales = scales;
  constant->group_size = group_size;
  data.insert(data.end(), stored.begin(), stored.end());
  program().constants.push_back(std::move(constant));
  return static_cast<uint32_t>(program().constants.size() - 1);
}

uint32_t BundleBuilder::AddBuffer(schema::ElementType type, std::vector<schema::Dim> shape) {
  uint64_t bytes = BytesOf(type);
  for (const schema::Dim& dim : shape) {
    bytes *= dim.kind() == schema::DimKind::CONSTANT ? dim.value()
                                                     : program().symbols[dim.value()]->maximum;
  }
  auto buffer = std::make_unique<schema::BufferT>();
  buffer->element_type = type;
  buffer->shape = std::move(shape);
  buffer->offset = entry().arena_size;
  entry().arena_size = AlignUp(buffer->offset + bytes, kDataAlignment);
  entry().arena_lower_bound = kDataAlignment;
  entry().buffers.push_back(std::move(buffer));
  return static_cast<uint32_t>(entry().buffers.size() - 1);
}

void BundleBuilder::AddInput(const std::string& name, uint32_t buffer, schema::Role role,
                             int32_t minimum, int32_t maximum) {
  auto binding = std::make_unique<schema::BindingT>();
  binding->name = name;
  binding->buffer = buffer;
  binding->role = role;
  binding->minimum = minimum;
  binding->maximum = maximum;
  entry().inputs.push_back(std::move(binding));
}

void BundleBuilder::AddOutput(const std::string& name, uint32_t buffer, schema::Role role) {
  auto binding = std::make_unique<schema::BindingT>();
  binding->name = name;
  binding->buffer = buffer;
  binding->role = role;
  entry().outputs.push_back(std::move(binding));
}

Bytes BundleBuilder::Build() {
  const uint64_t program_size = Pack(bundle_).size();
  Bytes file(kPreambleSize + program_size);
  for (size_t i = 0; i < segment_data_.size() && i < bundle_.segments.size(); ++i) {
    const Bytes& data = segment_data_[i];
    schema::SegmentT& segment = *bundle_.segments[i];
    segment.offset = SegmentOffset(file.size(), data.size());
    segment.length = data.size();
    if (segment.hash.size() == kHashSize) Blake3(data.data(), data.size(), segment.hash.data());
    file.resize(segment.offset);
    file.insert(file.end(), data.begin(), data.end());
  }
  if (after_layout) after_layout(bundle_);
  const Bytes program = Pack(bundle_);
  Preamble preamble;
  preamble.format_major = 1;
  preamble.format_minor = format_minor;
  preamble.file_size = file.size();
  preamble.program_size = static_cast<uint32_t>(program.size());
  Blake3(program.data(), program.size(), preamble.program_hash);
  EncodePreamble(preamble, file.data());
  if (program.size() != program_size) abort();  // after_layout may not change the size
  std::copy(program.begin(), program.end(), file.begin() + kPreambleSize);
  return file;
}

std::vector<float> PackPanels(const std::vector<float>& values, uint32_t n, uint32_t k) {
  std::vector<float> result(AlignUp(n, 16) * k);
  for (uint32_t row = 0; row < n; ++row) {
    for (uint32_t column = 0; column < k; ++column) {
      result[(size_t{row / 16} * k + column) * 16 + row % 16] = values[size_t{row} * k + column];
    }
  }
  return result;
}

Bytes WrapProgram(const Bytes& program) {
  Bytes file(kPreambleSize + program.size());
  Preamble preamble;
  preamble.format_major = 1;
  preamble.file_size = kPreambleSize + program.size();
  preamble.program_size = static_cast<uint32_t>(program.size());
  EncodePreamble(preamble, file.data());
  std::copy(program.begin(), program.end(), file.begin() + kPreambleSize);
  Rehash(file);
  return file;
}

void Rehash(Bytes& bundle) {
  const uint64_t size = LoadLittleEndian(bundle.data() + kOffsetProgramSize, 4);
  Blake3(bundle.data() + kPreambleSize, size, bundle.data() + kOffsetProgramHash);
}

AlignedBytes::AlignedBytes(const Bytes& bytes)
    // One byte at least, and exactly as many as there are, so that a sanitizer
    // sees a read past the end.
    : size_(bytes.size()) {
  void* pointer = nullptr;
  if (posix_memalign(&pointer, 64, std::max<size_t>(bytes.size(), 1)) != 0) abort();
  data_.reset(static_cast<uint8_t*>(pointer));
  if (!bytes.empty()) memcpy(data_.get(), bytes.data(), bytes.size());
}

void AlignedBytes::Free::operator()(uint8_t* pointer) const { free(pointer); }

}  // namespace gem::test
