// What a bundle's program says, as plain structs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tables of gem_bundle.fbs with every field in its place and a default where one is
// absent: reading a field is a load, where a FlatBuffer looks it up. Strings stay in the
// FlatBuffer. Nothing here has been checked but the structure: a number may be any, and
// an enum may have no name.
#ifndef GEM_RUNTIME_LOADER_UNPACKED_H
#define GEM_RUNTIME_LOADER_UNPACKED_H

#include <cstdint>

#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem {

inline constexpr unsigned kMaxRank = 4;

namespace unpacked {

using String = flatbuffers::String;
using Strings = flatbuffers::Vector<flatbuffers::Offset<String>>;
using Bytes = flatbuffers::Vector<uint8_t>;

// Elements that somebody else owns.
template <typename T>
class List {
 public:
  uint32_t size() const { return size_; }
  const T& operator[](uint32_t i) const { return data_[i]; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  friend class Unpacker;
  const T* data_;
  uint32_t size_;
};

// The first extents, for all that are more than kMaxRank.
struct Shape {
  uint32_t rank;
  schema::Dim dims[kMaxRank];

  const schema::Dim& operator[](uint32_t d) const { return dims[d]; }
};

struct Symbol {
  const String* name;
  uint32_t minimum, maximum;
};

struct Segment {
  const String* name;
  const Bytes* hash;
  uint64_t offset, length;
  schema::SegmentKind kind;
  schema::HashAlgorithm hash_algorithm;
};

// A buffer, or a constant, whose extents are constants. What a buffer does not have is 0.
struct Tensor {
  uint64_t offset;
  schema::ElementType element_type;
  schema::Layout layout;
  schema::Scales scales;
  Shape shape;
  uint32_t segment;
  uint32_t group_size;
  uint64_t length;
  const String* name;
};
using Buffer = Tensor;
using Constant = Tensor;

// Those of all kernels: a command has its kernel's, the others are 0.
struct Params {
  uint32_t num_heads, head_dim, first_query, row;
  float scale, epsilon, threshold;
  schema::Activation activation;
  schema::ScarPredicate predicate;
  uint8_t causal;
};

struct Command {
  const String* name;  // or null
  List<schema::Operand> inputs, outputs;
  Params params;
  schema::Kernel kernel;
  schema::KernelParams params_type;
};

struct Submission {
  List<Command> commands;
  schema::Driver driver;
};

struct Binding {
  const String* name;
  uint32_t buffer;
  int32_t minimum, maximum;
  schema::Role role;
};

struct Entry {
  const String* name;
  List<Binding> inputs, outputs;
  List<Buffer> buffers;
  List<Submission> submissions;
  uint64_t arena_size, arena_lower_bound;
};

struct Program {
  List<Symbol> symbols;
  List<Constant> constants;
  List<Entry> entries;

  // The values an extent may have.
  uint32_t Minimum(const schema::Dim& dim) const {
    return dim.kind() == schema::DimKind::CONSTANT ? dim.value() : symbols[dim.value()].minimum;
  }
  uint32_t Maximum(const schema::Dim& dim) const {
    return dim.kind() == schema::DimKind::CONSTANT ? dim.value() : symbols[dim.value()].maximum;
  }
};

struct Variant {
  const String* device;
  Program program;
  const Strings* required_features;  // or null
  uint64_t memory_limit;
  const String* cpu_kernels;  // or null
};

struct Model {
  const String* name;
  const String* architecture;
  uint64_t parameters;
  const Strings* labels;  // or null
};

struct Text {
  uint32_t tokenizer_segment;
  uint32_t maximum_tokens;
  uint32_t pad_id;
  uint8_t padded;
};

struct KeyValue {
  const String* key;
  const String* value;
};

struct Bundle {
  const String* producer;
  Model model;
  List<Segment> segments;
  List<Variant> variants;
  const Text* text;  // or null
  List<KeyValue> provenance;
};

}  // namespace unpacked
}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_UNPACKED_H
