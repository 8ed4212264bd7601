// What each kernel costs: work and traffic by its operands' extents.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/GemRT/GemRT.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <limits>

using namespace mlir;
using namespace gem;
using namespace gem::rt;

namespace {

// How runtime/drivers/cpu/CpuDriver.cpp shares work out.
constexpr int64_t kPanelGrain = 4;
constexpr int64_t kAttentionGrain = 64;

/// A product that stays at the largest number rather than overflow.
int64_t product(std::initializer_list<int64_t> factors) {
  int64_t result = 1;
  for (int64_t factor : factors)
    if (__builtin_mul_overflow(result, factor, &result))
      return std::numeric_limits<int64_t>::max();
  return result;
}

int64_t sum(int64_t a, int64_t b) {
  return a > std::numeric_limits<int64_t>::max() - b ? std::numeric_limits<int64_t>::max() : a + b;
}

/// An extent of an operand that is there.
int64_t extentOf(Type type, unsigned index, const SymbolSizes &sizes) {
  if (auto constant = dyn_cast<ConstantType>(type))
    return constant.getShape()[index];
  Attribute extent = cast<BufferType>(type).getDims()[index];
  if (auto symbol = dyn_cast<StringAttr>(extent))
    return sizes.lookup(symbol.getValue());
  return cast<IntegerAttr>(extent).getInt();
}

int64_t activationOperations(Activation activation) {
  switch (activation) {
  case Activation::Gelu:
    return kGeluOperations;
  case Activation::Tanh:
    return kTanhOperations;
  case Activation::None:
    break;
  }
  return 0;
}

/// A cost with the bytes of every operand, each read or written once. Units are the rows of
/// the first input.
KernelCost costOfOperands(TypeRange inputs, TypeRange outputs, const SymbolSizes &sizes) {
  KernelCost cost;
  for (TypeRange types : {inputs, outputs})
    for (Type type : types) {
      if (auto constant = dyn_cast<ConstantType>(type))
        cost.weightBytes = sum(cost.weightBytes, constant.getByteSize());
      else if (auto buffer = dyn_cast<BufferType>(type))
        cost.activationBytes = sum(cost.activationBytes, buffer.getByteSize(sizes));
    }
  cost.units = extentOf(inputs[0], 0, sizes);
  return cost;
}

/// The same of an elementwise kernel, `operations` on each element of the first input, which
/// the driver counts as `driverOperations`.
KernelCost costOfElements(TypeRange inputs, TypeRange outputs, const SymbolSizes &sizes,
                          int64_t operations, int64_t driverOperations) {
  KernelCost cost = costOfOperands(inputs, outputs, sizes);
  int64_t elements = product({extentOf(inputs[0], 0, sizes), extentOf(inputs[0], 1, sizes)});
  cost.operations = product({elements, operations});
  cost.driverOperations = product({elements, driverOperations});
  return cost;
}

/// Of `tables`, only one row a token of `y` is read.
KernelCost costOfLookup(TypeRange inputs, ArrayRef<Type> tables, Type y, TypeRange outputs,
                        const SymbolSizes &sizes) {
  KernelCost cost = costOfOperands(inputs, outputs, sizes);
  int64_t tokens = extentOf(y, 0, sizes), rows = 0, bytes = 0;
  for (Type table : tables) {
    auto constant = cast<ConstantType>(table);
    rows = sum(rows, constant.getShape()[0]);
    bytes = sum(bytes, constant.getByteSize());
  }
  cost.weightBytes =
      tokens >= rows ? bytes : static_cast<int64_t>(static_cast<double>(bytes) / rows * tokens);
  cost.operations = product({tokens, extentOf(y, 1, sizes)});
  cost.driverOperations = cost.operations;
  cost.format = getFormatName(cast<ConstantType>(tables.front()).getElementType());
  return cost;
}

KernelCost costOfLinear(TypeRange inputs, TypeRange outputs, const SymbolSizes &sizes,
                        Activation activation, bool isQuantized) {
  KernelCost cost = costOfOperands(inputs, outputs, sizes);
  auto weight = cast<ConstantType>(inputs[1]);
  int64_t rows = extentOf(inputs[0], 0, sizes), n = weight.getShape()[0];
  int64_t residual = isa<AbsentType>(inputs[3]) ? 0 : 1;
  cost.macs = product({rows, n, weight.getShape()[1]});
  cost.outputs = product({rows, n});
  cost.operations = product({rows, n, activationOperations(activation) + residual});
  cost.tokens = rows;
  cost.units = (n + 15) / 16;
  cost.grain = kPanelGrain;
  cost.sharesTokens = isQuantized;
  // Whole panels, and of codes four products at a time.
  cost.driverOperations =
      product({rows, cost.units, 16, weight.getShape()[1]}) / (isQuantized ? 4 : 1);
  cost.format = getFormatName(weight.getElementType());
  return cost;
}

/// Every pair of a query and a key, permitted or not.
KernelCost costOfAttention(TypeRange inputs, TypeRange outputs, const SymbolSizes &sizes,
                           int64_t heads) {
  KernelCost cost = costOfOperands(inputs, outputs, sizes);
  int64_t queries = extentOf(inputs[0], 0, sizes), keys = extentOf(inputs[1], 0, sizes);
  cost.macs = product({2, queries, keys, extentOf(inputs[0], 1, sizes)});
  cost.operations = product({heads, queries, keys, kSoftmaxOperations});
  cost.tokens = keys;
  cost.units = product({heads, queries});
  cost.grain = std::clamp<int64_t>(queries, 1, kAttentionGrain);
  cost.driverOperations = cost.macs;
  return cost;
}

} // namespace

std::string gem::rt::getFormatName(Type elementType) {
  if (auto quantized = dyn_cast<QuantizedType>(elementType)) {
    std::string name = "int" + std::to_string(quantized.getBits());
    if (quantized.getGroup())
      name += "g" + std::to_string(quantized.getGroup());
    return quantized.getScales() == format::Scales::kF16Group ? name + "f16" : name;
  }
  if (auto integer = dyn_cast<IntegerType>(elementType))
    return "ui" + std::to_string(integer.getWidth());
  return (elementType.isBF16() ? "bf" : "f") + std::to_string(elementType.getIntOrFloatBitWidth());
}

KernelCost EmbeddingKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                        const SymbolSizes &sizes) const {
  return costOfLookup(inputs, {inputs[1]}, outputs[0], outputs, sizes);
}

KernelCost EmbeddingBlocksKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                              const SymbolSizes &sizes) const {
  SmallVector<Type> tables;
  for (Type type : inputs.slice(1, 4))
    if (llvm::isa<ConstantType>(type))
      tables.push_back(type);
  KernelCost cost = costOfLookup(inputs, tables, outputs[0], outputs, sizes);
  if (llvm::isa<ConstantType>(inputs[5]))
    cost.weightBytes = sum(cost.weightBytes, 2 * extentOf(inputs[0], 0, sizes));
  return cost;
}

KernelCost AddPositionKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                          const SymbolSizes &sizes) const {
  return costOfLookup(inputs, {inputs[1]}, outputs[0], outputs, sizes);
}

KernelCost AddKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                  const SymbolSizes &sizes) const {
  return costOfElements(inputs, outputs, sizes, 1, 1);
}

KernelCost LinearKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                     const SymbolSizes &sizes) const {
  return costOfLinear(inputs, outputs, sizes, getActivation(), /*isQuantized=*/false);
}

KernelCost QuantizeTokensKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                             const SymbolSizes &sizes) const {
  return costOfElements(inputs, outputs, sizes, kQuantizeOperations, 2);
}

KernelCost LinearQuantizedKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                              const SymbolSizes &sizes) const {
  return costOfLinear(inputs, outputs, sizes, getActivation(), /*isQuantized=*/true);
}

KernelCost LayerNormKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                        const SymbolSizes &sizes) const {
  return costOfElements(inputs, outputs, sizes, kNormOperations, 4);
}

KernelCost LayerNormQuantizedKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                                 const SymbolSizes &sizes) const {
  return costOfElements(inputs, outputs, sizes, kNormOperations + kQuantizeOperations, 4);
}

KernelCost ActivationKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                         const SymbolSizes &sizes) const {
  return costOfElements(inputs, outputs, sizes, activationOperations(getFunction()), 16);
}

KernelCost AttentionKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                        const SymbolSizes &sizes) const {
  return costOfAttention(inputs, outputs, sizes, getHeads());
}

KernelCost RouteTokensKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                          const SymbolSizes &sizes) const {
  KernelCost cost = costOfOperands(inputs, outputs, sizes);
  int64_t tokens = extentOf(inputs[0], 0, sizes), width = extentOf(inputs[0], 1, sizes);
  int64_t classes = extentOf(inputs[1], 0, sizes), clusters = extentOf(inputs[2], 0, sizes);
  // A squared distance is a difference and a multiply-accumulate an element.
  cost.macs = product({tokens, width, sum(classes, clusters)});
  cost.operations =
      sum(product({tokens, width, clusters}), product({tokens, classes, kSoftmaxOperations}));
  cost.driverOperations = cost.macs;
  cost.format = getFormatName(llvm::cast<ConstantType>(inputs[1]).getElementType());
  return cost;
}

KernelCost ScarAttentionKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                            const SymbolSizes &sizes) const {
  return costOfAttention(inputs, outputs, sizes, getHeads());
}

KernelCost SelectRowKernelAttr::getCost(TypeRange inputs, TypeRange outputs,
                                        const SymbolSizes &sizes) const {
  KernelCost cost;
  cost.activationBytes = 2 * llvm::cast<BufferType>(outputs[0]).getByteSize(sizes);
  cost.driverOperations = extentOf(outputs[0], 1, sizes);
  return cost;
}
