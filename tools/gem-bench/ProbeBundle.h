// A bundle made on the spot, whose program is kernels to be timed.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a session does to a model it does to this one: the loader verifies it, the
// driver shares its work between threads, and the profile times every command. Its
// weights are numbers of no meaning; speed does not depend on them.
#ifndef GEM_TOOLS_GEM_BENCH_PROBEBUNDLE_H
#define GEM_TOOLS_GEM_BENCH_PROBEBUNDLE_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/schema/generated/gem_bundle_generated.h"
#include "tools/gem-bench/Session.h"

namespace gem::bench {

// Weights of a probe: as stored, and as profiles name them ("int4").
struct ProbeFormat {
  const char* name;
  schema::ElementType type;
  schema::Scales scales = schema::Scales::NONE;
  uint32_t group = 0;
};

// The formats that device profiles have rates for.
inline constexpr ProbeFormat kProbeFormats[] = {
    {"f32", schema::ElementType::F32},
    {"f16", schema::ElementType::F16},
    {"int8", schema::ElementType::I8, schema::Scales::ROW},
    {"int4", schema::ElementType::I4, schema::Scales::TWO_LEVEL, 32},
    {"int3", schema::ElementType::I3, schema::Scales::TWO_LEVEL, 32},
    {"int2", schema::ElementType::I2, schema::Scales::TWO_LEVEL, 32},
};

// Kernels over the same tokens, at most `most_tokens` of them. Each function returns the
// index of its command.
class ProbeProgram {
 public:
  explicit ProbeProgram(uint32_t most_tokens);

  // LINEAR or LINEAR_QUANTIZED of `outputs` x `inputs` weights, which all such layers
  // share; with `fresh` they have bytes of their own.
  uint32_t Linear(const ProbeFormat& format, uint32_t outputs, uint32_t inputs,
                  schema::Activation activation, bool fresh = false);
  uint32_t LayerNorm(uint32_t width);
  uint32_t LayerNormQuantized(uint32_t width);
  uint32_t QuantizeTokens(uint32_t width);
  uint32_t Add(uint32_t width);
  uint32_t Activation(uint32_t width, schema::Activation activation);
  uint32_t Embedding(const ProbeFormat& format, uint32_t width);
  uint32_t AddPosition(const ProbeFormat& format, uint32_t width);
  uint32_t Attention(uint32_t heads, uint32_t head_dim);
  uint32_t RouteTokens(uint32_t width, uint32_t classes, uint32_t clusters);
  // Over every pair of tokens; after RouteTokens, whose tokens all fall into one cluster.
  uint32_t ScarAttention(uint32_t heads, uint32_t head_dim);
  uint32_t SelectRow(uint32_t width);

  // The bytes of the weights of a layer.
  static uint64_t WeightBytes(const ProbeFormat& format, uint32_t outputs, uint32_t inputs);

 private:
  friend class Probe;

  uint32_t Buffer(schema::ElementType type, std::vector<schema::Dim> shape);
  // f32 [tokens, width] that a command fills, and its quantized rows.
  uint32_t Input(uint32_t width);
  uint32_t Codes(uint32_t width);
  uint32_t Output(uint32_t width);
  schema::Operand Weights(schema::ElementType type, std::vector<uint32_t> shape, uint64_t bytes,
                          schema::Layout layout, const ProbeFormat& format, bool fresh);
  schema::Operand Vector(uint32_t width);
  schema::Operand Table(const ProbeFormat& format, uint32_t rows, uint32_t width);
  template <typename Params>
  uint32_t Command(schema::Kernel kernel, std::vector<schema::Operand> inputs,
                   std::vector<schema::Operand> outputs, Params params);

  uint32_t most_tokens_;
  schema::BundleT bundle_;
  schema::ProgramT* program_;
  schema::EntryT* entry_;
  uint64_t shared_bytes_ = 0, fresh_bytes_ = 0;
  std::vector<uint32_t> fresh_;  // constants that lie after the shared bytes
  std::map<uint32_t, uint32_t> inputs_, codes_, outputs_;  // buffers by width
  uint32_t ids_ = 0, routed_ = 0, cluster_ = 0;
};

// The program as a bundle in memory.
class Probe {
 public:
  // Null, with why in `failure`, when there is no memory or the runtime refuses it.
  static std::unique_ptr<Probe> Make(ProbeProgram program, Failure* failure);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // A session that SetTokens has to follow.
  SessionPointer CreateSession(uint32_t threads, const std::string& cpu, Failure* failure) const;
  // Sets the inputs of `session`, for `tokens` tokens.
  bool SetTokens(gem_session_t* session, uint32_t tokens, Failure* failure) const;

 private:
  Probe() = default;

  void* memory_ = nullptr;
  size_t size_ = 0;
  BundlePointer bundle_;
};

}  // namespace gem::bench

#endif  // GEM_TOOLS_GEM_BENCH_PROBEBUNDLE_H
