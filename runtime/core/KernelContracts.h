// What every kernel demands of the commands that call it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One table row per kernel. The loader checks every command against it, so a
// driver may run what was loaded unchecked. Adding a kernel is a row here, a row
// in each driver that has it, and the kernel.
#ifndef GEM_RUNTIME_CORE_KERNELCONTRACTS_H
#define GEM_RUNTIME_CORE_KERNELCONTRACTS_H

#include <cstdint>

#include "runtime/loader/Unpacked.h"
#include "runtime/schema/WeightFormat.h"

namespace gem {

inline constexpr unsigned kMaxInputs = 6;
inline constexpr unsigned kMaxOutputs = 3;

// Bytes of an element, 0 for a type that does not exist or is less than a byte.
uint64_t ElementSize(schema::ElementType type);

// Bits of a code of quantized weights, 0 for the types that are none.
unsigned CodeBits(schema::ElementType type);

// The schema's scales as the kernels name them.
constexpr format::Scales ToFormat(schema::Scales scales) {
  return static_cast<format::Scales>(scales);
}

constexpr uint16_t TypeBit(schema::ElementType type) {
  return static_cast<uint16_t>(1u << static_cast<unsigned>(type));
}

// EMBEDDING_BLOCKS: the input that maps token ids, and the first of its `entries`
// u16 that is not below `limit`, `entries` when all are. It indexes memory.
inline constexpr unsigned kEmbeddingBlocksMap = 5;
uint32_t FirstNotBelow(const uint8_t* map, uint32_t entries, uint64_t limit);

// One operand. `shape` has a letter for every extent: within a command equal
// letters stand for equal extents (the same constant, or the same symbol), and
// '1' for the constant 1. R is a row of K quantized values. Types I8, I4, I3 and I2 stand for
// quantized weights.
struct OperandContract {
  enum Kinds : uint8_t { kBuffer = 1, kConstant = 2, kOptional = 4 };

  const char* name;
  uint16_t types;  // TypeBit of each that is accepted
  uint8_t kinds;
  char shape[3];
  schema::Layout layout = schema::Layout::ROW_MAJOR;
  // A leading 'm' that is the constant 1 may be left out of the shape.
  bool may_drop_row = false;
};

// An operand of the command at hand, resolved.
struct OperandView {
  schema::OperandKind kind;
  const unpacked::Tensor* tensor;  // null for NONE
  uint64_t begin, end;  // bytes of the arena at every symbol's maximum; buffers only
  const uint8_t* data;  // constants only

  const schema::Dim& dim(uint32_t d) const { return tensor->shape[d]; }
};

// What a parameter check sees, and says.
struct CommandView {
  const unpacked::Params& params;
  const unpacked::Program& program;
  const OperandView* inputs;
  const OperandView* outputs;
};

// The refusal of a parameter, e.g. {"scale", "a finite number", value}.
struct ParameterError {
  const char* parameter;
  char expected[96];
  double found;
};

struct InPlace {
  uint8_t output, input;
};

struct KernelContract {
  schema::Kernel kernel;
  schema::KernelParams params;
  uint8_t input_count, output_count;  // at most kMaxInputs and kMaxOutputs
  const OperandContract* inputs;
  const OperandContract* outputs;
  // Outputs that may occupy exactly the bytes of an input.
  uint8_t in_place_count;
  InPlace in_place[2];
  // Checks what neither shapes nor CheckParams say; null when there is nothing to check.
  // False fills `error`.
  bool (*check)(const CommandView& view, ParameterError* error);
};

// Checks each parameter by itself. Those that `kernel` has not are 0 and pass. False fills
// `error`.
bool CheckParams(schema::Kernel kernel, const unpacked::Params& params, ParameterError* error);

// The contract of `kernel`, or null when there is no such kernel.
const KernelContract* FindKernelContract(schema::Kernel kernel);

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_KERNELCONTRACTS_H
