// Which CPU kernels a program is linked with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// gem::core calls kernels only through gem::kCpuKernelRegistry, of which a program has
// exactly one: that of gem::runtime, with everything, or one that `gem-bundle kernels`
// wrote for the bundles that the program is to run (docs/selective-runtime.md). The
// functions lie in gem::kernels, of which a linker takes what the registry names.
//
// Only such a source, of C++20, includes this; applications use gem/gem.h. All of it may
// change with any version: a registry is written by the gem-bundle of the runtime that
// it is linked to.
#ifndef GEM_KERNEL_REGISTRY_H
#define GEM_KERNEL_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

// The ISAs of each architecture, best first, and those of the one that is compiled for.
#define GEM_CPU_ISAS_X86_64(X) X(avx512vnni) X(avx512) X(avx2) X(scalar)
#define GEM_CPU_ISAS_AARCH64(X) X(i8mm) X(dotprod) X(neon) X(scalar)
#define GEM_CPU_ISAS_OTHER(X) X(scalar)
#if defined(__x86_64__)
#define GEM_CPU_ISAS GEM_CPU_ISAS_X86_64
#elif defined(__aarch64__)
#define GEM_CPU_ISAS GEM_CPU_ISAS_AARCH64
#else
#define GEM_CPU_ISAS GEM_CPU_ISAS_OTHER
#endif

// X(slot, function, type) of the kernels that CpuKernels has room for, in its order: the
// member, the function in each ISA's namespace, and its type. Weights are told apart by
// their format: linears by the bits of a code and by its scale, which is one of a row,
// or of a row and an integer a group (group), or an f16 a group (f16); tables, of
// embeddings, by the bits only. The router's with an f16 takes f32 beside it.
#define GEM_KERNEL_SLOTS(X)                                       \
  X(table_f32, TableRowF32, TableRow)                             \
  X(table_f16, TableRowF16, TableRow)                             \
  X(table_int8, TableRowInt8, TableRow)                           \
  X(table_int4, TableRowInt4, TableRow)                           \
  X(table_int3, TableRowInt3, TableRow)                           \
  X(table_int2, TableRowInt2, TableRow)                           \
  X(linear_f32, LinearF32, Linear)                                \
  X(linear_f16, LinearF16, Linear)                                \
  X(linear_int8, LinearInt8, LinearQuantized)                     \
  X(linear_int4, LinearInt4, LinearQuantized)                     \
  X(linear_int4_group, LinearInt4Group, LinearQuantized)          \
  X(linear_int4_f16, LinearInt4F16, LinearQuantized)              \
  X(linear_int3, LinearInt3, LinearQuantized)                     \
  X(linear_int3_group, LinearInt3Group, LinearQuantized)          \
  X(linear_int3_f16, LinearInt3F16, LinearQuantized)              \
  X(linear_int2, LinearInt2, LinearQuantized)                     \
  X(linear_int2_group, LinearInt2Group, LinearQuantized)          \
  X(linear_int2_f16, LinearInt2F16, LinearQuantized)              \
  X(quantize_tokens, QuantizeTokens, QuantizeTokens)              \
  X(layer_norm, LayerNorm, LayerNorm)                             \
  X(layer_norm_quantized, LayerNormQuantized, LayerNormQuantized) \
  X(add, Add, Add)                                                \
  X(activation, ActivationKernel, Activation)                     \
  X(attention, Attention, Attention)                              \
  X(route_tokens_f32, RouteTokensF32, RouteTokens)                \
  X(route_tokens_f16, RouteTokensF16, RouteTokens)                \
  X(scar_attention, ScarAttention, ScarAttention)

namespace gem {

struct ActivationArgs;
struct AddArgs;
struct AddPositionArgs;
struct AttentionArgs;
struct Blake3Lanes;
struct EmbeddingArgs;
struct LayerNormArgs;
struct LayerNormQuantizedArgs;
struct LinearArgs;
struct LinearQuantizedArgs;
struct QuantizeTokensArgs;
struct RouteTokensArgs;
struct ScarAttentionArgs;
struct Weight;
enum class WeightType : uint8_t;
namespace format {
enum class Scales : uint8_t;
}

// They compute the units [begin, end) of their work.
typedef void ActivationFunction(const ActivationArgs&, uint32_t begin, uint32_t end);
typedef void AddFunction(const AddArgs&, uint32_t begin, uint32_t end);
typedef void AttentionFunction(const AttentionArgs&, uint32_t begin, uint32_t end);
typedef void LayerNormFunction(const LayerNormArgs&, uint32_t begin, uint32_t end);
typedef void LayerNormQuantizedFunction(const LayerNormQuantizedArgs&, uint32_t begin,
                                        uint32_t end);
typedef void LinearFunction(const LinearArgs&, uint32_t begin, uint32_t end);
typedef void LinearQuantizedFunction(const LinearQuantizedArgs&, uint32_t begin, uint32_t end);
typedef void QuantizeTokensFunction(const QuantizeTokensArgs&, uint32_t begin, uint32_t end);
typedef void RouteTokensFunction(const RouteTokensArgs&, uint32_t begin, uint32_t end);
typedef void ScarAttentionFunction(const ScarAttentionArgs&, uint32_t begin, uint32_t end);
// y = row `row` of the table; x + row where x is not null.
typedef void TableRowFunction(const Weight& table, size_t row, const float* x, float* y);

// The kernels of one ISA; null those that the program was not linked with.
struct CpuKernels {
  const char* name;           // "scalar", "avx2", "avx512", "avx512vnni", "neon", ...
  bool (*supported)();        // whether this CPU can run them
  const Blake3Lanes* blake3;  // or null: hashes are computed one block at a time
  void (*plan_scar_attention)(const ScarAttentionArgs&) = nullptr;  // with scar_attention

#define GEM_SLOT(slot, function, type) type##Function* slot = nullptr;
  GEM_KERNEL_SLOTS(GEM_SLOT)
#undef GEM_SLOT

  // The kernels for weights of a format, or null. These and what follows are part of
  // gem::core.
  TableRowFunction* TableFor(WeightType type) const;
  LinearFunction* LinearFor(WeightType type) const;
  RouteTokensFunction* RouteTokensFor(WeightType w_r, WeightType centroids) const;
  LinearQuantizedFunction* LinearQuantizedFor(WeightType type, format::Scales scales) const;

  // Run the kernel for the weights of `args`, which must be linked.
  bool embedding(const EmbeddingArgs& args, uint32_t begin, uint32_t end) const;
  void add_position(const AddPositionArgs& args, uint32_t begin, uint32_t end) const;
  void linear(const LinearArgs& args, uint32_t begin, uint32_t end) const;
  void route_tokens(const RouteTokensArgs& args, uint32_t begin, uint32_t end) const;
  void linear_quantized(const LinearQuantizedArgs& args, uint32_t begin, uint32_t end) const;
};

struct CpuKernelRegistry {
  const CpuKernels* const* tables;  // best first
  size_t count;                     // at least 1
  const char* built_for;            // for people: "every bundle", or what it was selected for
};
extern const CpuKernelRegistry kCpuKernelRegistry;

// Fills the workspace of SCAR_ATTENTION, for all units; the same for every ISA.
void PlanScarAttention(const ScarAttentionArgs& args);

#define GEM_DECLARE_KERNEL(slot, function, type) type##Function function;
#define GEM_DECLARE_ISA(isa)             \
  namespace isa {                        \
  bool Supported();                      \
  extern const Blake3Lanes kBlake3Lanes; \
  GEM_KERNEL_SLOTS(GEM_DECLARE_KERNEL)   \
  }
GEM_CPU_ISAS(GEM_DECLARE_ISA)
#undef GEM_DECLARE_ISA
#undef GEM_DECLARE_KERNEL

}  // namespace gem

// Defines the registry of the kernels that the macro GEM_SELECTED_KERNELS lists as
// designated initializers (".layer_norm = LayerNorm, .add = Add"), in the order of the
// members of CpuKernels, for the ISAs that `isas` lists as GEM_CPU_ISAS does, in its order.
#define GEM_DEFINE_KERNEL_REGISTRY(isas, built_for)                                      \
  namespace gem {                                                                        \
  isas(GEM_REGISTRY_TABLE) static const CpuKernels* const kRegistryTables[] = {          \
      isas(GEM_REGISTRY_ADDRESS)};                                                       \
  const CpuKernelRegistry kCpuKernelRegistry = {                                         \
      kRegistryTables, sizeof(kRegistryTables) / sizeof(kRegistryTables[0]), built_for}; \
  }
#define GEM_REGISTRY_TABLE(isa)                                                             \
  namespace isa {                                                                           \
  static const CpuKernels kRegistryTable = {                                                \
      .name = #isa, .supported = Supported, .blake3 = &kBlake3Lanes, GEM_SELECTED_KERNELS}; \
  }
#define GEM_REGISTRY_ADDRESS(isa) &isa::kRegistryTable,

#endif  // GEM_KERNEL_REGISTRY_H
