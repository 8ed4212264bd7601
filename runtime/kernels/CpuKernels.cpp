// The kernels that the program is linked with, by name and by the format of weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstring>

#include "runtime/kernels/Kernels.h"

namespace gem {

const CpuKernels* const* AllCpuKernels(size_t* out_count) {
  *out_count = kCpuKernelRegistry.count;
  return kCpuKernelRegistry.tables;
}

const CpuKernels* FindCpuKernels(const char* name) {
  for (size_t i = 0; i < kCpuKernelRegistry.count; ++i) {
    const CpuKernels* const kernels = kCpuKernelRegistry.tables[i];
    if (std::strcmp(kernels->name, name) == 0) return kernels;
  }
  return nullptr;
}

TableRowFunction* CpuKernels::TableFor(WeightType type) const {
  static constexpr TableRowFunction* CpuKernels::* kTables[] = {
      &CpuKernels::table_f32,  &CpuKernels::table_f16,  &CpuKernels::table_int8,
      &CpuKernels::table_int4, &CpuKernels::table_int3, &CpuKernels::table_int2};
  static_assert(static_cast<int>(WeightType::kF32) == 0 && static_cast<int>(WeightType::kI2) == 5);
  return this->*kTables[static_cast<int>(type)];
}

LinearFunction* CpuKernels::LinearFor(WeightType type) const {
  return type == WeightType::kF16 ? linear_f16 : linear_f32;
}

RouteTokensFunction* CpuKernels::RouteTokensFor(WeightType w_r, WeightType centroids) const {
  const bool halves = w_r == WeightType::kF16 || centroids == WeightType::kF16;
  return halves ? route_tokens_f16 : route_tokens_f32;
}

LinearQuantizedFunction* CpuKernels::LinearQuantizedFor(WeightType type,
                                                        format::Scales scales) const {
  static constexpr LinearQuantizedFunction* CpuKernels::* kLinears[3][3] = {
      {&CpuKernels::linear_int4, &CpuKernels::linear_int4_group, &CpuKernels::linear_int4_f16},
      {&CpuKernels::linear_int3, &CpuKernels::linear_int3_group, &CpuKernels::linear_int3_f16},
      {&CpuKernels::linear_int2, &CpuKernels::linear_int2_group, &CpuKernels::linear_int2_f16}};
  static_assert(static_cast<int>(format::Scales::kRow) == 1 &&
                static_cast<int>(format::Scales::kF16Group) == 3);
  if (type == WeightType::kI8) return linear_int8;
  return this->*kLinears[static_cast<int>(type) - static_cast<int>(WeightType::kI4)]
                        [static_cast<int>(scales) - 1];
}

bool CpuKernels::embedding(const EmbeddingArgs& args, uint32_t begin, uint32_t end) const {
  for (size_t i = begin; i < end; ++i) {
    const int32_t id = args.ids[i];
    if (id < 0 || static_cast<uint32_t>(id) >= args.ids_end) return false;
    uint32_t row = args.map != nullptr ? args.map[id] : static_cast<uint32_t>(id);
    const Weight* table = args.tables;
    for (; row >= table->rows; ++table) row -= table->rows;
    TableFor(table->type)(*table, row, nullptr, args.y + i * args.width);
  }
  return true;
}

void CpuKernels::add_position(const AddPositionArgs& args, uint32_t begin, uint32_t end) const {
  TableRowFunction* const add_row = TableFor(args.table.type);
  for (size_t i = begin; i < end; ++i) {
    add_row(args.table, i, args.x + i * args.width, args.y + i * args.width);
  }
}

void CpuKernels::linear(const LinearArgs& args, uint32_t begin, uint32_t end) const {
  LinearFor(args.w.type)(args, begin, end);
}

void CpuKernels::linear_quantized(const LinearQuantizedArgs& args, uint32_t begin,
                                  uint32_t end) const {
  LinearQuantizedFor(args.w.type, args.w.scales)(args, begin, end);
}

void CpuKernels::route_tokens(const RouteTokensArgs& args, uint32_t begin, uint32_t end) const {
  RouteTokensFor(args.w_r.type, args.centroids.type)(args, begin, end);
}

}  // namespace gem
