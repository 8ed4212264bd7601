// Builds bundles for the tests of the runtime.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Independent of the compiler's writer: a mistake there and one here would have
// to agree.
#ifndef GEM_TEST_RUNTIME_BUNDLEBUILDER_H
#define GEM_TEST_RUNTIME_BUNDLEBUILDER_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/schema/generated/gem_bundle_generated.h"

namespace gem::test {

using Bytes = std::vector<uint8_t>;

// A bundle with one variant and one entry, in FlatBuffers' object form so that a
// test can change any field before it is written.
class BundleBuilder {
 public:
  BundleBuilder();

  schema::BundleT& bundle() { return bundle_; }
  schema::ProgramT& program() { return *bundle_.variants[0]->program; }
  schema::EntryT& entry() { return *program().entries[0]; }
  schema::CommandT& command(size_t i) { return *entry().submissions[0]->commands[i]; }

  // Each returns the index by which others refer to what was added.
  uint32_t AddSegment(const std::string& name, schema::SegmentKind kind, Bytes data);
  uint32_t AddSymbol(const std::string& name, uint32_t minimum, uint32_t maximum);
  // Appends an f32 tensor to segment 0, "weights".
  uint32_t AddConstant(const std::string& name, std::vector<uint32_t> shape,
                       const std::vector<float>& values,
                       schema::Layout layout = schema::Layout::ROW_MAJOR);
  // Appends a tensor of any type, whose bytes are `stored`.
  uint32_t AddConstant(const std::string& name, schema::ElementType type,
                       std::vector<uint32_t> shape, const Bytes& stored,
                       schema::Layout layout = schema::Layout::ROW_MAJOR,
                       schema::Scales scales = schema::Scales::NONE, uint32_t group_size = 0);
  // A buffer with bytes of its own, after all others.
  uint32_t AddBuffer(schema::ElementType type, std::vector<schema::Dim> shape);
  template <typename Params>
  void AddCommand(schema::Kernel kernel, std::vector<schema::Operand> inputs,
                  std::vector<schema::Operand> outputs, Params params,
                  const std::string& name = "") {
    auto command = std::make_unique<schema::CommandT>();
    command->kernel = kernel;
    command->inputs = std::move(inputs);
    command->outputs = std::move(outputs);
    command->params.Set(std::move(params));
    command->name = name;
    entry().submissions[0]->commands.push_back(std::move(command));
  }
  void AddInput(const std::string& name, uint32_t buffer, schema::Role role, int32_t minimum = 0,
                int32_t maximum = 0);
  void AddOutput(const std::string& name, uint32_t buffer, schema::Role role);

  // What the preamble says.
  uint16_t format_minor = 0;

  // Sees the bundle with its segments placed and hashed, before it is written.
  std::function<void(schema::BundleT&)> after_layout;

  // Writes the bundle. What `after_layout` did to a segment's offset or length
  // goes into the program, not into the file's layout.
  Bytes Build();

  // The bytes of a segment, for a test to change.
  Bytes& segment_data(uint32_t index) { return segment_data_[index]; }

 private:
  schema::BundleT bundle_;
  std::vector<Bytes> segment_data_;
};

inline schema::Dim Constant(uint32_t extent) {
  return schema::Dim(extent, schema::DimKind::CONSTANT);
}
inline schema::Dim Symbol(uint32_t index) { return schema::Dim(index, schema::DimKind::SYMBOL); }
inline schema::Operand Buf(uint32_t index) {
  return schema::Operand(index, schema::OperandKind::BUFFER);
}
inline schema::Operand Const(uint32_t index) {
  return schema::Operand(index, schema::OperandKind::CONSTANT);
}
inline schema::Operand None() { return schema::Operand(0, schema::OperandKind::NONE); }

// `values` of [N, K] in layout PANEL_16.
std::vector<float> PackPanels(const std::vector<float>& values, uint32_t n, uint32_t k);

// A program and the hash and preamble for it, followed by nothing: for bytes
// that the builder would not write.
Bytes WrapProgram(const Bytes& program);

// Recomputes the program's hash after its bytes were changed.
void Rehash(Bytes& bundle);

// Numbers in [-1, 1) that are the same on every platform.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {  // SplitMix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(Next() % limit); }
  float Uniform() { return static_cast<float>(Next() >> 40) / 8388608.0f - 1.0f; }
  std::vector<float> Vector(size_t count, float scale = 1.0f, float offset = 0.0f) {
    std::vector<float> result(count);
    for (float& value : result) value = Uniform() * scale + offset;
    return result;
  }

 private:
  uint64_t state_;
};

// Bytes at an address that is a multiple of 64.
class AlignedBytes {
 public:
  explicit AlignedBytes(const Bytes& bytes);
  const uint8_t* data() const { return data_.get(); }
  uint8_t* data() { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(uint8_t* pointer) const;
  };
  std::unique_ptr<uint8_t, Free> data_;
  size_t size_;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_BUNDLEBUILDER_H
