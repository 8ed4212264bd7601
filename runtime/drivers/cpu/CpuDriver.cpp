// The CPU driver: turns commands into kernel calls over the units of a thread pool.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/drivers/cpu/CpuDriver.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>

#include "runtime/core/KernelContracts.h"
#include "runtime/core/Status.h"
#include "runtime/drivers/Driver.h"
#include "runtime/drivers/cpu/LinkedKernels.h"
#include "runtime/kernels/ScarPlan.h"

namespace gem {
namespace {

using schema::Kernel;

// Below this many operations a command runs on the calling thread: waking
// others costs more than it saves.
constexpr uint64_t kSerialOperations = 1 << 15;

// Units of LINEAR and of attention that are computed together with less work.
constexpr uint32_t kPanelGrain = 4;

// Tokens a thread of a linear that is split by tokens, at least; and at most at a time,
// which the weights are read once for.
constexpr uint32_t kTokenGrain = 32;
constexpr uint32_t kMostTokenGrain = 128;
constexpr uint32_t kAttentionGrain = 64;

struct SelectRowArgs {
  const float* x;
  float* y;
  uint32_t width;
};

// An operand with its place; null when it is absent.
struct ResolvedOperand {
  void* data;
  const unpacked::Tensor* tensor;
  bool is_constant;
};

union KernelArgs {
  EmbeddingArgs embedding;
  AddArgs add;
  AddPositionArgs add_position;
  LinearArgs linear;
  QuantizeTokensArgs quantize_tokens;
  LinearQuantizedArgs linear_quantized;
  LayerNormQuantizedArgs layer_norm_quantized;
  ActivationArgs activation;
  AttentionArgs attention;
  RouteTokensArgs route_tokens;
  ScarAttentionArgs scar_attention;
  SelectRowArgs select_row;
};

struct CpuKernelRow;

struct CpuCommand {
  const CpuKernelRow* kernel;
  const CpuKernels* kernels;
  const unpacked::Command* source;
  const ResolvedOperand* inputs;
  const ResolvedOperand* outputs;
  KernelArgs args;
  void* workspace;  // of SCAR_ATTENTION
  uint32_t width;   // of the first input, 0 when it has none
  uint32_t units;
  uint64_t unit_operations;  // about; decides whether threads are worth it
  uint64_t macs;
  uint32_t grain;            // units that a thread takes at a time, at least
  uint32_t threads;          // of the session
  bool by_tokens;            // of LINEAR_QUANTIZED: units are tokens, not panels
  // What gem_command_profile_t says, counted while profiling is on.
  uint64_t runs, nanoseconds, weight_bytes;
  char format[48];
};

// How the CPU runs a kernel.
struct CpuKernelRow {
  Kernel kernel;
  // Sets args for the values of the symbols; and units, unit_operations and macs where they
  // are not one for each row of the first input, its width and 0.
  void (*bind)(CpuCommand* command, const uint32_t* symbols);
  // Computes units. False when a value that indexes memory is out of range.
  bool (*run)(const CpuKernels& kernels, const KernelArgs& args, uint32_t begin, uint32_t end);
  // Before every run, checks and takes over values that commands before this one
  // or the caller left in the arena; null when there are none. False writes what
  // is wrong to `problem`.
  bool (*check)(CpuCommand* command, const uint32_t* symbols, char (&problem)[128]);
};

uint32_t Extent(const ResolvedOperand& operand, uint32_t d, const uint32_t* symbols) {
  const schema::Dim& dim = operand.tensor->shape[d];
  return dim.kind() == schema::DimKind::SYMBOL ? symbols[dim.value()] : dim.value();
}

// Of a constant.
uint32_t Extent(const ResolvedOperand& operand, uint32_t d) {
  return operand.tensor->shape[d].value();
}

template <typename T>
T* Data(const ResolvedOperand& operand) {
  return static_cast<T*>(operand.data);
}

// A constant [rows, width].
Weight WeightOf(const ResolvedOperand& operand) {
  const unpacked::Constant& constant = *operand.tensor;
  return {.data = operand.data,
          .rows = Extent(operand, 0),
          .width = Extent(operand, 1),
          .type = ToWeightType(constant.element_type),
          .scales = ToFormat(constant.scales),
          .group = constant.group_size};
}

// --- kernels -----------------------------------------------------------------

void BindTables(CpuCommand* c, uint32_t table_count, const uint16_t* map, uint32_t map_entries) {
  EmbeddingArgs& args = c->args.embedding;
  args = {};
  args.ids = Data<int32_t>(c->inputs[0]);
  args.y = Data<float>(c->outputs[0]);
  for (uint32_t i = 0; i < table_count && c->inputs[1 + i].data != nullptr; ++i) {
    args.tables[args.table_count] = WeightOf(c->inputs[1 + i]);
    args.ids_end += args.tables[args.table_count++].rows;
  }
  args.map = map;
  if (map != nullptr) args.ids_end = map_entries;
  args.width = args.tables[0].width;
  c->unit_operations = args.width;
}

void BindEmbedding(CpuCommand* c, const uint32_t*) { BindTables(c, 1, nullptr, 0); }

void BindEmbeddingBlocks(CpuCommand* c, const uint32_t*) {
  const ResolvedOperand& map = c->inputs[kEmbeddingBlocksMap];
  BindTables(c, kMaxTables, Data<uint16_t>(map), map.data == nullptr ? 0 : Extent(map, 0));
}

bool CheckEmbedding(CpuCommand* c, const uint32_t*, char (&problem)[128]) {
  const EmbeddingArgs& args = c->args.embedding;
  for (uint32_t i = 0; i < c->units; ++i) {
    if (args.ids[i] >= 0 && static_cast<uint32_t>(args.ids[i]) < args.ids_end) continue;
    snprintf(problem, sizeof(problem), "input 0 (ids): expected 0 to %u at position %u, but got %d",
             args.ids_end - 1, i, args.ids[i]);
    return false;
  }
  return true;
}

bool RunEmbedding(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  return k.embedding(args.embedding, begin, end);
}

void BindAdd(CpuCommand* c, const uint32_t*) {
  c->args.add = {.x = Data<float>(c->inputs[0]),
                 .z = Data<float>(c->inputs[1]),
                 .y = Data<float>(c->outputs[0]),
                 .width = c->width};
}

bool RunAdd(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.add(args.add, begin, end);
  return true;
}

void BindAddPosition(CpuCommand* c, const uint32_t*) {
  c->args.add_position = {.x = Data<float>(c->inputs[0]),
                          .table = WeightOf(c->inputs[1]),
                          .y = Data<float>(c->outputs[0]),
                          .width = c->width};
}

bool RunAddPosition(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.add_position(args.add_position, begin, end);
  return true;
}

// LINEAR and LINEAR_QUANTIZED.
template <typename Args>
void BindMatrix(CpuCommand* c, Args* args) {
  *args = {.x = Data<std::remove_reference_t<decltype(*args->x)>>(c->inputs[0]),
           .w = WeightOf(c->inputs[1]),
           .bias = Data<float>(c->inputs[2]),
           .residual = Data<float>(c->inputs[3]),
           .y = Data<float>(c->outputs[0]),
           .rows = c->units,
           .n = Extent(c->inputs[1], 0),
           .k = Extent(c->inputs[1], 1),
           .activation = static_cast<Activation>(c->source->params.activation)};
  c->macs = uint64_t{args->rows} * args->n * args->k;
  c->units = args->n / 16 + (args->n % 16 != 0);
  c->grain = kPanelGrain;
  c->unit_operations = uint64_t{args->rows} * args->k * 16;
}

void BindLinear(CpuCommand* c, const uint32_t*) { BindMatrix(c, &c->args.linear); }

bool RunLinear(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.linear(args.linear, begin, end);
  return true;
}

void BindQuantizeTokens(CpuCommand* c, const uint32_t*) {
  c->args.quantize_tokens = {
      .x = Data<float>(c->inputs[0]), .y = Data<uint8_t>(c->outputs[0]), .width = c->width};
  c->unit_operations *= 2;
}

bool RunQuantizeTokens(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.quantize_tokens(args.quantize_tokens, begin, end);
  return true;
}

void BindLinearQuantized(CpuCommand* c, const uint32_t*) {
  BindMatrix(c, &c->args.linear_quantized);
  c->unit_operations /= 4;  // of codes, at least four take the time of one fma
  // With many tokens each thread takes some of them and not some of the outputs: what it
  // writes is what it quantizes or normalizes next, so rows stay in its cache.
  const uint32_t rows = c->args.linear_quantized.rows;
  c->by_tokens = c->threads > 1 && rows >= kTokenGrain * c->threads;
  if (!c->by_tokens) return;
  c->unit_operations = c->unit_operations * c->units / rows;
  c->units = rows;
  const uint32_t share = (rows / c->threads + 15) / 16 * 16;
  c->grain = share < kMostTokenGrain ? share : kMostTokenGrain;
}

bool RunLinearQuantized(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.linear_quantized(args.linear_quantized, begin, end);
  return true;
}

// The tokens [begin, end), of all outputs.
void RunLinearTokens(const CpuKernels& k, LinearQuantizedArgs args, uint32_t begin, uint32_t end) {
  args.x += begin * format::TokenRowBytes(args.k);
  args.y += size_t{begin} * args.n;
  if (args.residual != nullptr) args.residual += size_t{begin} * args.n;
  args.rows = end - begin;
  k.linear_quantized(args, 0, args.n / 16 + (args.n % 16 != 0));
}

void BindLayerNorm(CpuCommand* c, const uint32_t*) {
  c->unit_operations *= 4;
  c->args.layer_norm_quantized.norm = {.x = Data<float>(c->inputs[0]),
                                       .gamma = Data<float>(c->inputs[1]),
                                       .beta = Data<float>(c->inputs[2]),
                                       .y = Data<float>(c->outputs[0]),
                                       .width = c->width,
                                       .epsilon = c->source->params.epsilon};
}

bool RunLayerNorm(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.layer_norm(args.layer_norm_quantized.norm, begin, end);
  return true;
}

void BindLayerNormQuantized(CpuCommand* c, const uint32_t* symbols) {
  BindLayerNorm(c, symbols);
  c->args.layer_norm_quantized.quantized = Data<uint8_t>(c->outputs[1]);
}

bool RunLayerNormQuantized(const CpuKernels& k, const KernelArgs& args, uint32_t begin,
                           uint32_t end) {
  k.layer_norm_quantized(args.layer_norm_quantized, begin, end);
  return true;
}

void BindActivation(CpuCommand* c, const uint32_t*) {
  c->args.activation = {.x = Data<float>(c->inputs[0]),
                        .y = Data<float>(c->outputs[0]),
                        .width = c->width,
                        .activation = static_cast<Activation>(c->source->params.activation)};
  c->unit_operations *= 16;
}

bool RunActivation(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.activation(args.activation, begin, end);
  return true;
}

// Of each query with `keys` keys.
void BindKeys(CpuCommand* c, AttentionArgs* args, uint32_t keys) {
  args->keys = keys;
  c->unit_operations = uint64_t{keys} * args->head_dim * 2;
  c->macs = c->units * c->unit_operations;
}

void BindHeads(CpuCommand* c, AttentionArgs* args, const uint32_t* symbols) {
  const unpacked::Params& params = c->source->params;
  const uint32_t queries = c->units;
  *args = {.q = Data<float>(c->inputs[0]),
           .k = Data<float>(c->inputs[1]),
           .v = Data<float>(c->inputs[2]),
           .y = Data<float>(c->outputs[0]),
           .queries = queries,
           .keys = 0,
           .heads = params.num_heads,
           .head_dim = params.head_dim,
           .scale = params.scale};
  c->units = params.num_heads * queries;
  // Queries that share the loads of a block of keys.
  c->grain = queries < kAttentionGrain ? queries : kAttentionGrain;
  BindKeys(c, args, Extent(c->inputs[1], 0, symbols));
}

void BindAttention(CpuCommand* c, const uint32_t* symbols) {
  BindHeads(c, &c->args.attention, symbols);
}

bool CheckAttention(CpuCommand* c, const uint32_t* symbols, char (&problem)[128]) {
  if (c->inputs[3].data == nullptr) return true;
  const int32_t count = *Data<int32_t>(c->inputs[3]);
  const uint32_t tokens = Extent(c->inputs[1], 0, symbols);
  if (count < 1 || static_cast<uint32_t>(count) > tokens) {
    snprintf(problem, sizeof(problem), "input 3 (count): expected 1 to the %u tokens, but got %d",
             tokens, count);
    return false;
  }
  BindKeys(c, &c->args.attention, static_cast<uint32_t>(count));
  return true;
}

bool RunAttention(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.attention(args.attention, begin, end);
  return true;
}

void BindRouteTokens(CpuCommand* c, const uint32_t*) {
  RouteTokensArgs& args = c->args.route_tokens;
  args = {.x = Data<float>(c->inputs[0]),
          .w_r = WeightOf(c->inputs[1]),
          .centroids = WeightOf(c->inputs[2]),
          .probs = Data<float>(c->outputs[0]),
          .routed = Data<uint8_t>(c->outputs[1]),
          .cluster = Data<int32_t>(c->outputs[2]),
          .width = c->width,
          .classes = Extent(c->inputs[1], 0),
          .clusters = Extent(c->inputs[2], 0),
          .threshold = c->source->params.threshold};
  c->unit_operations = (uint64_t{args.classes} + args.clusters) * args.width;
  c->macs = c->units * c->unit_operations;
}

bool RunRouteTokens(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.route_tokens(args.route_tokens, begin, end);
  return true;
}

void BindScarAttention(CpuCommand* c, const uint32_t* symbols) {
  const unpacked::Params& params = c->source->params;
  ScarAttentionArgs& args = c->args.scar_attention;
  BindHeads(c, &args.attention, symbols);
  args.routed = Data<uint8_t>(c->inputs[3]);
  args.cluster = Data<int32_t>(c->inputs[4]);
  args.first_query = params.first_query;
  args.predicate = static_cast<ScarPredicate>(params.predicate);
  args.causal = params.causal != 0;
  args.workspace = c->workspace;
}

bool PlanScar(CpuCommand* c, const uint32_t*, char (&)[128]) {
  c->kernels->plan_scar_attention(c->args.scar_attention);
  return true;
}

bool RunScarAttention(const CpuKernels& k, const KernelArgs& args, uint32_t begin, uint32_t end) {
  k.scar_attention(args.scar_attention, begin, end);
  return true;
}

void BindSelectRow(CpuCommand* c, const uint32_t*) {
  c->args.select_row = {.x = Data<float>(c->inputs[0]) + size_t{c->source->params.row} * c->width,
                        .y = Data<float>(c->outputs[0]),
                        .width = c->width};
  c->units = 1;
}

bool RunSelectRow(const CpuKernels&, const KernelArgs& args, uint32_t, uint32_t) {
  memcpy(args.select_row.y, args.select_row.x, size_t{args.select_row.width} * sizeof(float));
  return true;
}

constexpr CpuKernelRow kCpuKernels[] = {
    {Kernel::EMBEDDING, BindEmbedding, RunEmbedding, CheckEmbedding},
    {Kernel::ADD_POSITION, BindAddPosition, RunAddPosition, nullptr},
    {Kernel::ADD, BindAdd, RunAdd, nullptr},
    {Kernel::LINEAR, BindLinear, RunLinear, nullptr},
    {Kernel::LAYER_NORM, BindLayerNorm, RunLayerNorm, nullptr},
    {Kernel::ACTIVATION, BindActivation, RunActivation, nullptr},
    {Kernel::ATTENTION, BindAttention, RunAttention, CheckAttention},
    {Kernel::ROUTE_TOKENS, BindRouteTokens, RunRouteTokens, nullptr},
    {Kernel::SCAR_ATTENTION, BindScarAttention, RunScarAttention, PlanScar},
    {Kernel::SELECT_ROW, BindSelectRow, RunSelectRow, nullptr},
    {Kernel::QUANTIZE_TOKENS, BindQuantizeTokens, RunQuantizeTokens, nullptr},
    {Kernel::LINEAR_QUANTIZED, BindLinearQuantized, RunLinearQuantized, nullptr},
    {Kernel::LAYER_NORM_QUANTIZED, BindLayerNormQuantized, RunLayerNormQuantized, nullptr},
    {Kernel::EMBEDDING_BLOCKS, BindEmbeddingBlocks, RunEmbedding, CheckEmbedding},
};

// Row i is kernel i + 1, which makes the lookup an index.
constexpr bool IsInOrder() {
  uint16_t expected = 1;
  for (const CpuKernelRow& row : kCpuKernels) {
    if (static_cast<uint16_t>(row.kernel) != expected++) return false;
  }
  return expected == static_cast<uint16_t>(Kernel::MAX) + 1;
}
static_assert(IsInOrder(), "kCpuKernels must list every kernel of the schema in its order");

const CpuKernelRow* FindRow(Kernel kernel) {
  const auto index = static_cast<uint16_t>(kernel);
  if (index == 0 || index > static_cast<uint16_t>(Kernel::MAX)) return nullptr;
  return &kCpuKernels[index - 1];
}

// The kernels' enums are the schema's.
static_assert(static_cast<int>(Activation::kGelu) == static_cast<int>(schema::Activation::GELU));
static_assert(static_cast<int>(Activation::kTanh) == static_cast<int>(schema::Activation::TANH));
static_assert(static_cast<int>(ScarPredicate::kSameCluster) ==
              static_cast<int>(schema::ScarPredicate::SAME_CLUSTER));
static_assert(static_cast<int>(ScarPredicate::kSameRoute) ==
              static_cast<int>(schema::ScarPredicate::SAME_ROUTE));

// --- profiles ----------------------------------------------------------------

// Bytes of one row of a table.
uint64_t RowBytes(const ResolvedOperand& table) {
  const unpacked::Constant& constant = *table.tensor;
  const uint32_t rows = Extent(table, 0), width = Extent(table, 1);
  if (constant.scales == schema::Scales::NONE) return width * ElementSize(constant.element_type);
  const format::TableLayout layout = format::LayOutTable(
      CodeBits(constant.element_type), ToFormat(constant.scales), constant.group_size, rows, width);
  return (layout.group_scales == 0 ? 0 : 2) + layout.group_row_bytes + layout.code_row_bytes;
}

// Bytes of weights that the last run read; of tables by the ids it read.
uint64_t CountWeightBytes(const CpuCommand& c) {
  const Kernel kernel = c.source->kernel;
  if (kernel == Kernel::ADD_POSITION) return c.units * RowBytes(c.inputs[1]);
  uint64_t bytes = 0;
  if (kernel != Kernel::EMBEDDING && kernel != Kernel::EMBEDDING_BLOCKS) {
    for (const ResolvedOperand* operand = c.inputs; operand != c.outputs; ++operand) {
      if (operand->is_constant) bytes += operand->tensor->length;
    }
    return bytes;
  }
  const EmbeddingArgs& args = c.args.embedding;
  uint64_t row_bytes[kMaxTables];
  for (uint32_t t = 0; t < args.table_count; ++t) row_bytes[t] = RowBytes(c.inputs[1 + t]);
  for (uint32_t i = 0; i < c.units; ++i) {
    uint32_t row = static_cast<uint32_t>(args.ids[i]);
    if (args.map != nullptr) row = args.map[row];
    uint32_t t = 0;
    for (; row >= args.tables[t].rows; ++t) row -= args.tables[t].rows;
    bytes += row_bytes[t] + (args.map != nullptr ? sizeof(uint16_t) : 0);
  }
  return bytes;
}

// "f32", "int8", "int4g32", "int3g64f16": the format of the first constant, and of
// an embedding's other tables where they differ.
void NameFormat(CpuCommand* c) {
  size_t used = 0;
  const unpacked::Constant* last = nullptr;
  for (const ResolvedOperand* operand = c->inputs; operand != c->outputs; ++operand) {
    if (!operand->is_constant) continue;
    const unpacked::Constant* constant = operand->tensor;
    if (constant->element_type == schema::ElementType::U16) continue;
    const bool same = last != nullptr && last->element_type == constant->element_type &&
                      last->scales == constant->scales && last->group_size == constant->group_size;
    if (last != nullptr && c->source->kernel != Kernel::EMBEDDING_BLOCKS) return;
    last = constant;
    if (same) continue;
    char name[16];
    NameWeightFormat(*constant, name, sizeof(name));
    const int written =
        snprintf(c->format + used, sizeof(c->format) - used, "%s%s", used == 0 ? "" : "+", name);
    // Four names of at most 11 bytes fit.
    if (written > 0) used += static_cast<size_t>(written);
  }
}

// --- driver ------------------------------------------------------------------

struct CpuState {
  Memory* memory;
  ThreadPool* pool;
  const CpuKernels* kernels;
  const Observer* observer;
  uint32_t first_command;
  const uint32_t* symbols;
  bool profiling;
  Array<ResolvedOperand> operands;
  Array<CpuCommand> commands;
  Array<uint16_t> maps;      // of EMBEDDING_BLOCKS
  Array<uint32_t> workspace;  // that all SCAR_ATTENTION commands share
};

ResolvedOperand Resolve(const DriverContext& context, const schema::Operand& operand) {
  switch (operand.kind()) {
    case schema::OperandKind::BUFFER: {
      const unpacked::Buffer& buffer = context.entry->buffers[operand.index()];
      return {context.arena + buffer.offset, &buffer, false};
    }
    case schema::OperandKind::CONSTANT: {
      const unpacked::Constant& constant = context.program->constants[operand.index()];
      // Kernels only read what a contract says is an input constant.
      const uint8_t* segment = context.bundle->segment(constant.segment).data();
      return {const_cast<uint8_t*>(segment) + constant.offset, &constant, true};
    }
    default:
      return {};
  }
}

// The map of an EMBEDDING_BLOCKS command that has one, else null.
ResolvedOperand* MapOf(const CpuCommand& command) {
  if (command.source->kernel != Kernel::EMBEDDING_BLOCKS) return nullptr;
  // Operands lie in the state, which is being made.
  auto* map = const_cast<ResolvedOperand*>(&command.inputs[kEmbeddingBlocksMap]);
  return map->data != nullptr ? map : nullptr;
}

// Copies the maps of EMBEDDING_BLOCKS, whose entries index memory, and looks at the
// copies: nobody who changes a mapped file changes what was checked.
gem_status_t CopyMaps(CpuState* state, gem_error_t* error) {
  size_t total = 0;
  for (const CpuCommand& command : state->commands) {
    if (const ResolvedOperand* map = MapOf(command)) total += Extent(*map, 0);
  }
  if (!state->maps.AllocateUninitialized(state->memory, total)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "CPU driver: no memory for maps of %zu tokens"_msg,
                total);
  }
  uint16_t* next = state->maps.data();
  for (const CpuCommand& command : state->commands) {
    ResolvedOperand* map = MapOf(command);
    if (map == nullptr) continue;
    const uint32_t entries = Extent(*map, 0);
    memcpy(next, map->data, entries * sizeof(uint16_t));
    map->data = next;
    next += entries;
    uint64_t rows = 0;
    for (unsigned i = 1; i <= kMaxTables; ++i) {
      if (command.inputs[i].data != nullptr) rows += Extent(command.inputs[i], 0);
    }
    if (FirstNotBelow(static_cast<const uint8_t*>(map->data), entries, rows) == entries) continue;
    return Fail(error, GEM_STATUS_CORRUPT,
                "CPU driver: expected an embedding's map as it was when the bundle was opened, but "
                "the file has changed"_msg);
  }
  return GEM_STATUS_OK;
}

// Takes what the largest SCAR_ATTENTION needs: commands run one after the other.
gem_status_t TakeWorkspace(const DriverContext& context, CpuState* state, gem_error_t* error) {
  const auto most = [&](const ResolvedOperand& operand) {
    return context.program->Maximum(operand.tensor->shape[0]);
  };
  size_t size = 0;
  for (const CpuCommand& command : state->commands) {
    if (command.source->kernel != Kernel::SCAR_ATTENTION) continue;
    const size_t needed = ScarWorkspaceSize(most(command.inputs[0]), most(command.inputs[1]));
    size = needed > size ? needed : size;
  }
  if (!state->workspace.AllocateUninitialized(state->memory, size / sizeof(uint32_t))) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY,
                "CPU driver: no memory for SCAR_ATTENTION's workspace of %zu bytes"_msg, size);
  }
  for (CpuCommand& command : state->commands) command.workspace = state->workspace.data();
  return GEM_STATUS_OK;
}

void Destroy(void* opaque) {
  auto* state = static_cast<CpuState*>(opaque);
  Memory* memory = state->memory;
  state->~CpuState();
  memory->Release(state, sizeof(CpuState));
}

gem_status_t Create(const DriverContext& context, void** out_state, gem_error_t* error) {
  const gem_status_t linked =
      CheckKernelsLinked(*context.program, *context.entry, *context.cpu_kernels, error);
  if (linked != GEM_STATUS_OK) return linked;
  const auto& commands = context.submission->commands;
  size_t operand_count = 0;
  for (const unpacked::Command& command : commands) {
    operand_count += command.inputs.size() + command.outputs.size();
  }
  void* place = context.memory->Allocate(sizeof(CpuState), alignof(CpuState));
  if (place == nullptr) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "CPU driver: no memory for its state"_msg);
  }
  auto* state = new (place) CpuState{};
  state->memory = context.memory;
  state->pool = context.pool;
  state->kernels = context.cpu_kernels;
  state->observer = context.observer;
  state->first_command = context.first_command;
  if (!state->operands.Allocate(context.memory, operand_count) ||
      !state->commands.Allocate(context.memory, commands.size())) {
    Destroy(state);
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "CPU driver: no memory for %u commands"_msg,
                commands.size());
  }
  ResolvedOperand* next = state->operands.data();
  for (uint32_t i = 0; i < commands.size(); ++i) {
    const unpacked::Command& source = commands[i];
    CpuCommand& command = state->commands[i];
    command.kernel = FindRow(source.kernel);
    if (command.kernel == nullptr) {
      Destroy(state);
      return Fail(error, GEM_STATUS_UNSUPPORTED,
                  "CPU driver: expected a kernel it has, but got %u"_msg, source.kernel);
    }
    command.kernels = state->kernels;
    command.source = &source;
    command.threads = state->pool->thread_count();
    command.inputs = next;
    for (const schema::Operand& operand : source.inputs) *next++ = Resolve(context, operand);
    command.outputs = next;
    for (const schema::Operand& operand : source.outputs) *next++ = Resolve(context, operand);
    NameFormat(&command);
  }
  gem_status_t status = CopyMaps(state, error);
  if (status == GEM_STATUS_OK) status = TakeWorkspace(context, state, error);
  if (status != GEM_STATUS_OK) {
    Destroy(state);
    return status;
  }
  *out_state = state;
  return GEM_STATUS_OK;
}

void Bind(void* opaque, const uint32_t* symbols) {
  auto* state = static_cast<CpuState*>(opaque);
  state->symbols = symbols;
  for (CpuCommand& command : state->commands) {
    const ResolvedOperand& first = command.inputs[0];
    command.units = Extent(first, 0, symbols);
    command.width = first.tensor->shape.rank > 1 ? Extent(first, 1, symbols) : 0;
    command.unit_operations = command.width;
    command.grain = 1;
    command.macs = 0;
    command.kernel->bind(&command, symbols);
  }
}

struct Job {
  const CpuKernels* kernels;
  const CpuCommand* command;
  std::atomic<bool> failed;
};

void RunUnits(void* opaque, uint32_t begin, uint32_t end) {
  auto* job = static_cast<Job*>(opaque);
  if (job->command->by_tokens) {
    RunLinearTokens(*job->kernels, job->command->args.linear_quantized, begin, end);
    return;
  }
  if (!job->command->kernel->run(*job->kernels, job->command->args, begin, end)) {
    job->failed.store(true, std::memory_order_relaxed);
  }
}

const char* NameOf(const CpuCommand& command) {
  const flatbuffers::String* name = command.source->name;
  return name == nullptr ? "" : name->c_str();
}

uint32_t NumberOf(const CpuState& state, const CpuCommand& command) {
  return state.first_command + static_cast<uint32_t>(&command - state.commands.data());
}

gem_status_t Refuse(const CpuState& state, const CpuCommand& command, const char* problem,
                    gem_error_t* error) {
  const char* name = NameOf(command);
  return Fail(error, GEM_STATUS_OUT_OF_RANGE, "command %u (%s%s%.64s): %s"_msg,
              NumberOf(state, command), schema::EnumNameKernel(command.source->kernel),
              name[0] == '\0' ? "" : " ", name, problem);
}

gem_status_t RunCommand(const CpuState& state, CpuCommand* command, gem_error_t* error) {
  char problem[128];
  const CpuKernelRow& kernel = *command->kernel;
  if (kernel.check != nullptr && !kernel.check(command, state.symbols, problem)) {
    return Refuse(state, *command, problem, error);
  }
  Job job{state.kernels, command, false};
  if (command->units * command->unit_operations < kSerialOperations) {
    RunUnits(&job, 0, command->units);
  } else {
    state.pool->Run(RunUnits, &job, command->units, command->grain);
  }
  if (job.failed.load(std::memory_order_relaxed)) {
    return Refuse(state, *command, "a value that indexes memory is out of range", error);
  }
  return GEM_STATUS_OK;
}

gem_status_t Run(void* opaque, const std::atomic<bool>& cancelled, gem_error_t* error) {
  auto* state = static_cast<CpuState*>(opaque);
  const bool observed = state->observer->exists(), timed = observed || state->profiling;
  for (CpuCommand& command : state->commands) {
    if (cancelled.load(std::memory_order_relaxed)) return GEM_STATUS_CANCELLED;
    const uint64_t begin = timed ? Nanoseconds() : 0;
    const gem_status_t status = RunCommand(*state, &command, error);
    const uint64_t end = timed ? Nanoseconds() : 0;
    if (observed) {
      state->observer->Command(begin, end, status, NumberOf(*state, command),
                               schema::EnumNameKernel(command.source->kernel), NameOf(command),
                               command.format);
    }
    if (status != GEM_STATUS_OK) return status;
    if (state->profiling) {
      command.nanoseconds += end - begin;
      ++command.runs;
      command.weight_bytes = CountWeightBytes(command);
    }
  }
  return GEM_STATUS_OK;
}

void Profile(void* opaque, bool on) {
  auto* state = static_cast<CpuState*>(opaque);
  state->profiling = on;
  if (!on) return;
  for (CpuCommand& command : state->commands) {
    command.runs = command.nanoseconds = command.weight_bytes = 0;
  }
}

void CommandProfile(const void* opaque, uint32_t index, gem_command_profile_t* out) {
  const CpuCommand& command = static_cast<const CpuState*>(opaque)->commands[index];
  out->kernel = schema::EnumNameKernel(command.source->kernel);
  out->name = NameOf(command);
  out->format = command.format;
  out->runs = command.runs;
  out->nanoseconds = command.nanoseconds;
  out->macs = command.runs == 0 ? 0 : command.macs;
  out->weight_bytes = command.weight_bytes;
}

// "avx512, avx2, scalar": the kernels that are linked in and that this CPU runs.
void ListKernels(char (&text)[128]) {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < count; ++i) {
    if (!all[i]->supported()) continue;
    const int written =
        snprintf(text + used, sizeof(text) - used, "%s%s", used == 0 ? "" : ", ", all[i]->name);
    if (written < 0 || used + static_cast<size_t>(written) >= sizeof(text)) return;
    used += static_cast<size_t>(written);
  }
}

}  // namespace

extern const Driver kCpuDriver;
const Driver kCpuDriver = {.version = kDriverVersion,
                           .id = schema::Driver::CPU,
                           .name = "cpu",
                           .create = Create,
                           .destroy = Destroy,
                           .bind = Bind,
                           .run = Run,
                           .profile = Profile,
                           .command_profile = CommandProfile};

gem_status_t SelectCpuKernels(const char* asked, CpuSelection* out_selection, gem_error_t* error) {
  const char* source = "cpu";
  out_selection->reason = "asked for";
  if (asked == nullptr) {
    asked = getenv("GEM_CPU");
    source = "GEM_CPU";
    out_selection->reason = "GEM_CPU";
    if (asked != nullptr && asked[0] == '\0') asked = nullptr;
  }
  if (asked == nullptr) {
    size_t count = 0;
    const CpuKernels* const* all = AllCpuKernels(&count);
    size_t best = 0;
    while (best < count && !all[best]->supported()) ++best;
    if (best == count) {
      return Fail(error, GEM_STATUS_UNSUPPORTED,
                  "cpu: expected a CPU that runs the kernels of this runtime, but it runs none; "
                  "the runtime was built for %.160s, the least of its kernels are %s"_msg,
                  kCpuKernelRegistry.built_for, all[count - 1]->name);
    }
    *out_selection = {all[best], "best of this CPU"};
    return GEM_STATUS_OK;
  }
  const CpuKernels* kernels = FindCpuKernels(asked);
  if (kernels != nullptr && kernels->supported()) {
    out_selection->kernels = kernels;
    return GEM_STATUS_OK;
  }
  char available[128];
  ListKernels(available);
  if (kernels == nullptr) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT, "%s: expected one of %s, but got '%.32s'"_msg,
                source, available, asked);
  }
  return Fail(error, GEM_STATUS_UNSUPPORTED,
              "%s: expected one of %s, but got '%.32s', which this CPU cannot run"_msg, source,
              available, asked);
}

}  // namespace gem
