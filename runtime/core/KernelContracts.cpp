// What every kernel demands of the commands that call it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/KernelContracts.h"

#include <array>
#include <cstdarg>
#include <cstring>
#include <iterator>
#include <limits>

#include "runtime/core/Message.h"
#include "runtime/kernels/Kernels.h"

namespace gem {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::KernelParams;

constexpr uint16_t kF32 = TypeBit(ElementType::F32);
constexpr uint16_t kI32 = TypeBit(ElementType::I32);
constexpr uint16_t kU8 = TypeBit(ElementType::U8);
constexpr uint16_t kU16 = TypeBit(ElementType::U16);
constexpr uint16_t kFloats = kF32 | TypeBit(ElementType::F16);
constexpr uint16_t kQuantized = TypeBit(ElementType::I8) | TypeBit(ElementType::I4) |
                                TypeBit(ElementType::I3) | TypeBit(ElementType::I2);
constexpr uint8_t kBuffer = OperandContract::kBuffer;
constexpr uint8_t kConstant = OperandContract::kConstant;
constexpr uint8_t kOptional = OperandContract::kOptional;
constexpr schema::Layout kPanel16 = schema::Layout::PANEL_16;

bool RefusePacked(ParameterError* error, const char* parameter, double found, const char* packed,
                  ...) {
  error->parameter = parameter;
  error->found = found;
  va_list arguments;
  va_start(arguments, packed);
  FormatPacked(error->expected, sizeof(error->expected), packed, arguments);
  va_end(arguments);
  return false;
}

template <FixedString kText, typename... Args>
[[gnu::always_inline]] inline bool Refuse(ParameterError* error, const char* parameter,
                                          double found, Message<kText> expected, Args... args) {
  return messages::CallPacked(
      expected,
      [=](auto... values) __attribute__((always_inline)) {
        return RefusePacked(error, parameter, found, values...);
      },
      args...);
}

bool CheckAddPosition(const CommandView& view, ParameterError* error) {
  const uint32_t positions = view.inputs[1].dim(0).value();
  const uint32_t tokens = view.program.Maximum(view.inputs[0].dim(0));
  if (tokens <= positions) return true;
  return Refuse(error, "input 1 (table): extent 0", positions,
                "at least the %u rows that input 0 (x) may have"_msg, tokens);
}

bool CheckEmbeddingBlocks(const CommandView& view, ParameterError* error) {
  constexpr const char* kKinds[] = {"input 2 (table1): kind", "input 3 (table2): kind",
                                    "input 4 (table3): kind"};
  uint64_t rows = view.inputs[1].dim(0).value();
  for (unsigned i = 2; i <= kMaxTables; ++i) {
    const OperandView& table = view.inputs[i];
    if (table.kind == schema::OperandKind::NONE) continue;
    if (view.inputs[i - 1].kind == schema::OperandKind::NONE) {
      return Refuse(error, kKinds[i - 2], static_cast<double>(table.kind),
                    "0 (NONE) after a table that is absent"_msg);
    }
    rows += table.dim(0).value();
  }
  // Token ids are 31 bits.
  if (rows > std::numeric_limits<int32_t>::max()) {
    return Refuse(error, "rows of all tables", static_cast<double>(rows), "at most %d"_msg,
                  std::numeric_limits<int32_t>::max());
  }
  const OperandView& map = view.inputs[kEmbeddingBlocksMap];
  if (map.kind == schema::OperandKind::NONE) return true;
  const uint32_t entries = map.dim(0).value();
  const uint32_t bad = FirstNotBelow(map.data, entries, rows);
  if (bad == entries) return true;
  uint16_t found;
  memcpy(&found, map.data + size_t{bad} * sizeof(found), sizeof(found));
  return Refuse(error, "input 5 (map)", found, "entry %u to be less than the tables' %llu rows"_msg,
                bad, rows);
}

bool CheckAttention(const CommandView& view, ParameterError* error) {
  const unpacked::Params& params = view.params;
  const schema::Dim& queries = view.inputs[0].dim(0);
  const schema::Dim& width = view.inputs[0].dim(1);
  const schema::Dim& tokens = view.inputs[1].dim(0);
  if (params.head_dim < 1 || params.head_dim > kMaxHeadDim) {
    return Refuse(error, "head_dim", params.head_dim, "1 to %u"_msg, kMaxHeadDim);
  }
  if (width.kind() != schema::DimKind::CONSTANT ||
      uint64_t{params.num_heads} * params.head_dim != width.value()) {
    return Refuse(error, "num_heads", params.num_heads,
                  "num_heads * head_dim (%u) to be input 0 (q) extent 1 (%s%u)"_msg,
                  params.head_dim, width.kind() == schema::DimKind::CONSTANT ? "" : "symbol ",
                  width.value());
  }
  // Units are counted in 32 bits.
  if (uint64_t{params.num_heads} * view.program.Maximum(queries) >
      std::numeric_limits<uint32_t>::max()) {
    return Refuse(error, "num_heads", params.num_heads,
                  "num_heads * queries (up to %u) to fit in 32 bits"_msg,
                  view.program.Maximum(queries));
  }
  const bool same_symbol = queries.kind() == schema::DimKind::SYMBOL &&
                           tokens.kind() == schema::DimKind::SYMBOL &&
                           queries.value() == tokens.value();
  if (same_symbol) {
    if (params.first_query == 0) return true;
    return Refuse(error, "first_query", params.first_query,
                  "0, since q and k have the same number of rows"_msg);
  }
  if (uint64_t{params.first_query} + view.program.Maximum(queries) > view.program.Minimum(tokens)) {
    return Refuse(error, "first_query", params.first_query,
                  "first_query + queries (up to %u) within the tokens (at least %u)"_msg,
                  view.program.Maximum(queries), view.program.Minimum(tokens));
  }
  return true;
}

bool CheckSelectRow(const CommandView& view, ParameterError* error) {
  const uint32_t row = view.params.row;
  const uint32_t rows = view.program.Minimum(view.inputs[0].dim(0));
  if (row < rows) return true;
  return Refuse(error, "row", row, "less than the %u rows that input 0 (x) has at least"_msg, rows);
}

// A contract as it is written here.
struct Definition {
  Kernel kernel;
  KernelParams params;
  uint8_t input_count, output_count;
  OperandContract inputs[kMaxInputs];
  OperandContract outputs[kMaxOutputs];
  uint8_t in_place_count;
  InPlace in_place[2];
  bool (*check)(const CommandView& view, ParameterError* error);
};

constexpr Definition kDefinitions[] = {
    {.kernel = Kernel::EMBEDDING,
     .params = KernelParams::EmbeddingParams,
     .input_count = 2,
     .output_count = 1,
     .inputs = {{"ids", kI32, kBuffer, "n"}, {"table", kFloats | kQuantized, kConstant, "VH"}},
     .outputs = {{"y", kF32, kBuffer, "nH"}},
     .in_place_count = 0,
     .in_place = {},
     .check = nullptr},
    {.kernel = Kernel::ADD_POSITION,
     .params = KernelParams::AddPositionParams,
     .input_count = 2,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "nH"}, {"table", kFloats | kQuantized, kConstant, "PH"}},
     .outputs = {{"y", kF32, kBuffer, "nH"}},
     .in_place_count = 1,
     .in_place = {{0, 0}},
     .check = CheckAddPosition},
    {.kernel = Kernel::ADD,
     .params = KernelParams::AddParams,
     .input_count = 2,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "mH"}, {"z", kF32, kBuffer, "mH"}},
     .outputs = {{"y", kF32, kBuffer, "mH"}},
     .in_place_count = 2,
     .in_place = {{0, 0}, {0, 1}},
     .check = nullptr},
    {.kernel = Kernel::LINEAR,
     .params = KernelParams::LinearParams,
     .input_count = 4,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "mK"},
                {"w", kFloats, kConstant, "NK", kPanel16},
                {"bias", kF32, kConstant | kOptional, "N"},
                {"residual", kF32, kBuffer | kOptional, "mN", schema::Layout::ROW_MAJOR, true}},
     .outputs = {{"y", kF32, kBuffer, "mN", schema::Layout::ROW_MAJOR, true}},
     .in_place_count = 1,
     .in_place = {{0, 3}},
     .check = nullptr},
    {.kernel = Kernel::LAYER_NORM,
     .params = KernelParams::LayerNormParams,
     .input_count = 3,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "mH"},
                {"gamma", kF32, kConstant, "H"},
                {"beta", kF32, kConstant, "H"}},
     .outputs = {{"y", kF32, kBuffer, "mH"}},
     .in_place_count = 1,
     .in_place = {{0, 0}},
     .check = nullptr},
    {.kernel = Kernel::ACTIVATION,
     .params = KernelParams::ActivationParams,
     .input_count = 1,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "mH"}},
     .outputs = {{"y", kF32, kBuffer, "mH"}},
     .in_place_count = 1,
     .in_place = {{0, 0}},
     .check = nullptr},
    {.kernel = Kernel::ATTENTION,
     .params = KernelParams::AttentionParams,
     .input_count = 4,
     .output_count = 1,
     .inputs = {{"q", kF32, kBuffer, "mW"},
                {"k", kF32, kBuffer, "nW"},
                {"v", kF32, kBuffer, "nW"},
                {"count", kI32, kBuffer | kOptional, "1"}},
     .outputs = {{"y", kF32, kBuffer, "mW"}},
     .in_place_count = 0,
     .in_place = {},
     .check = CheckAttention},
    {.kernel = Kernel::ROUTE_TOKENS,
     .params = KernelParams::RouteTokensParams,
     .input_count = 3,
     .output_count = 3,
     .inputs = {{"x", kF32, kBuffer, "nH"},
                {"w_r", kFloats, kConstant, "CH"},
                {"centroids", kFloats, kConstant, "KH"}},
     .outputs = {{"probs", kF32, kBuffer | kOptional, "nC"},
                 {"routed", kU8, kBuffer, "n"},
                 {"cluster", kI32, kBuffer, "n"}},
     .in_place_count = 0,
     .in_place = {},
     .check = nullptr},
    {.kernel = Kernel::SCAR_ATTENTION,
     .params = KernelParams::ScarAttentionParams,
     .input_count = 5,
     .output_count = 1,
     .inputs = {{"q", kF32, kBuffer, "mW"},
                {"k", kF32, kBuffer, "nW"},
                {"v", kF32, kBuffer, "nW"},
                {"routed", kU8, kBuffer, "n"},
                {"cluster", kI32, kBuffer, "n"}},
     .outputs = {{"y", kF32, kBuffer, "mW"}},
     .in_place_count = 0,
     .in_place = {},
     .check = CheckAttention},
    {.kernel = Kernel::SELECT_ROW,
     .params = KernelParams::SelectRowParams,
     .input_count = 1,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "nH"}},
     .outputs = {{"y", kF32, kBuffer, "1H"}},
     .in_place_count = 0,
     .in_place = {},
     .check = CheckSelectRow},
    {.kernel = Kernel::QUANTIZE_TOKENS,
     .params = KernelParams::QuantizeTokensParams,
     .input_count = 1,
     .output_count = 1,
     .inputs = {{"x", kF32, kBuffer, "mK"}},
     .outputs = {{"y", kU8, kBuffer, "mR"}},
     .in_place_count = 0,
     .in_place = {},
     .check = nullptr},
    {.kernel = Kernel::LINEAR_QUANTIZED,
     .params = KernelParams::LinearQuantizedParams,
     .input_count = 4,
     .output_count = 1,
     .inputs = {{"x", kU8, kBuffer, "mR"},
                {"w", kQuantized, kConstant, "NK", kPanel16},
                {"bias", kF32, kConstant | kOptional, "N"},
                {"residual", kF32, kBuffer | kOptional, "mN", schema::Layout::ROW_MAJOR, true}},
     .outputs = {{"y", kF32, kBuffer, "mN", schema::Layout::ROW_MAJOR, true}},
     .in_place_count = 1,
     .in_place = {{0, 3}},
     .check = nullptr},
    {.kernel = Kernel::LAYER_NORM_QUANTIZED,
     .params = KernelParams::LayerNormQuantizedParams,
     .input_count = 3,
     .output_count = 2,
     .inputs = {{"x", kF32, kBuffer, "mK"},
                {"gamma", kF32, kConstant, "K"},
                {"beta", kF32, kConstant, "K"}},
     .outputs = {{"y", kF32, kBuffer | kOptional, "mK"}, {"quantized", kU8, kBuffer, "mR"}},
     .in_place_count = 1,
     .in_place = {{0, 0}},
     .check = nullptr},
    {.kernel = Kernel::EMBEDDING_BLOCKS,
     .params = KernelParams::EmbeddingBlocksParams,
     .input_count = 6,
     .output_count = 1,
     .inputs = {{"ids", kI32, kBuffer, "n"},
                {"table0", kFloats | kQuantized, kConstant, "AH"},
                {"table1", kFloats | kQuantized, kConstant | kOptional, "BH"},
                {"table2", kFloats | kQuantized, kConstant | kOptional, "CH"},
                {"table3", kFloats | kQuantized, kConstant | kOptional, "DH"},
                {"map", kU16, kConstant | kOptional, "M"}},
     .outputs = {{"y", kF32, kBuffer, "nH"}},
     .in_place_count = 0,
     .in_place = {},
     .check = CheckEmbeddingBlocks},
};

// Row i is kernel i + 1, which makes the lookup an index.
constexpr bool IsInOrder() {
  uint16_t expected = 1;
  for (const Definition& definition : kDefinitions) {
    if (static_cast<uint16_t>(definition.kernel) != expected++) return false;
  }
  return expected == static_cast<uint16_t>(Kernel::MAX) + 1;
}
static_assert(IsInOrder(), "kDefinitions must list every kernel of the schema in its order");

// What is kept of the definitions: operands without gaps, one kernel's after another's.
constexpr size_t kKernelCount = std::size(kDefinitions);
constexpr size_t CountOperands(size_t kernels) {
  size_t count = 0;
  for (size_t i = 0; i < kernels; ++i) {
    count += kDefinitions[i].input_count + kDefinitions[i].output_count;
  }
  return count;
}
constexpr auto kOperands = [] {
  std::array<OperandContract, CountOperands(kKernelCount)> operands = {};
  size_t next = 0;
  for (const Definition& definition : kDefinitions) {
    for (size_t i = 0; i < definition.input_count; ++i) operands[next++] = definition.inputs[i];
    for (size_t i = 0; i < definition.output_count; ++i) operands[next++] = definition.outputs[i];
  }
  return operands;
}();
constexpr auto kContracts = [] {
  std::array<KernelContract, kKernelCount> contracts = {};
  for (size_t i = 0; i < kKernelCount; ++i) {
    const Definition& from = kDefinitions[i];
    const OperandContract* const inputs = kOperands.data() + CountOperands(i);
    contracts[i] = {from.kernel,
                    from.params,
                    from.input_count,
                    from.output_count,
                    inputs,
                    inputs + from.input_count,
                    from.in_place_count,
                    {from.in_place[0], from.in_place[1]},
                    from.check};
  }
  return contracts;
}();

}  // namespace

uint64_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::INVALID:
    case ElementType::I4:
    case ElementType::I3:
    case ElementType::I2:
      return 0;
    case ElementType::I8:
    case ElementType::U8:
      return 1;
    case ElementType::F16:
    case ElementType::BF16:
    case ElementType::I16:
    case ElementType::U16:
      return 2;
    case ElementType::F32:
    case ElementType::I32:
      return 4;
    case ElementType::I64:
      return 8;
  }
  return 0;
}

unsigned CodeBits(ElementType type) {
  switch (type) {
    case ElementType::I8:
      return 8;
    case ElementType::I4:
      return 4;
    case ElementType::I3:
      return 3;
    case ElementType::I2:
      return 2;
    default:
      return 0;
  }
}

uint32_t FirstNotBelow(const uint8_t* map, uint32_t entries, uint64_t limit) {
  for (uint32_t i = 0; i < entries; ++i) {
    uint16_t entry;
    memcpy(&entry, map + size_t{i} * sizeof(entry), sizeof(entry));
    if (entry >= limit) return i;
  }
  return entries;
}

bool CheckParams(schema::Kernel kernel, const unpacked::Params& params, ParameterError* error) {
  const auto activation = static_cast<unsigned>(params.activation);
  const bool is_optional = kernel != Kernel::ACTIVATION;
  if (activation > static_cast<unsigned>(schema::Activation::MAX) ||
      (activation == 0 && !is_optional)) {
    return Refuse(error, "activation", activation, "%s1 (GELU) or 2 (TANH)"_msg,
                  is_optional ? "0 (NONE), " : "");
  }
  if (!__builtin_isfinite(params.epsilon) || params.epsilon < 0) {
    return Refuse(error, "epsilon", params.epsilon, "a finite number of at least 0"_msg);
  }
  if (!__builtin_isfinite(params.scale)) {
    return Refuse(error, "scale", params.scale, "a finite number"_msg);
  }
  if (!__builtin_isfinite(params.threshold)) {
    return Refuse(error, "threshold", params.threshold, "a finite number"_msg);
  }
  if (params.predicate > schema::ScarPredicate::MAX) {
    return Refuse(error, "predicate", static_cast<double>(params.predicate),
                  "0 (EITHER), 1 (SAME_CLUSTER) or 2 (SAME_ROUTE)"_msg);
  }
  return true;
}

const KernelContract* FindKernelContract(schema::Kernel kernel) {
  const auto index = static_cast<uint16_t>(kernel);
  if (index == 0 || index > static_cast<uint16_t>(Kernel::MAX)) return nullptr;
  return &kContracts[index - 1];
}

}  // namespace gem
