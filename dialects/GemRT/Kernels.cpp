// What each kernel takes: the compiler's side of the contracts that the runtime
// checks when it loads a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/GemRT/GemRT.h"

using namespace mlir;
using namespace gem;
using namespace gem::rt;

namespace {

using EmitError = function_ref<InFlightDiagnostic()>;

/// What an operand may be.
enum OperandRule : unsigned { Buffer = 1, Constant = 2, Optional = 4 };

struct OperandSpec {
  StringRef name;
  unsigned rule;
  unsigned minRank, maxRank;
  char element; // 'f' f32, 'i' i32, 'u' ui8
  Layout layout = Layout::RowMajor;
};

bool hasElement(Type type, char element) {
  switch (element) {
  case 'f':
    return type.isF32();
  case 'i':
    return type.isInteger(32);
  default:
    return type.isUnsignedInteger(8);
  }
}

LogicalResult verifyOperands(StringRef what, TypeRange types, ArrayRef<OperandSpec> specs,
                             EmitError emitError) {
  if (types.size() != specs.size())
    return emitError() << "expected " << specs.size() << " " << what << "(s), but got "
                       << types.size();
  for (auto [type, spec] : llvm::zip(types, specs)) {
    if (isa<AbsentType>(type)) {
      if (!(spec.rule & Optional))
        return emitError() << "expected " << spec.name << " to be present";
      continue;
    }
    size_t rank;
    Type element;
    if (auto buffer = dyn_cast<BufferType>(type)) {
      if (!(spec.rule & Buffer))
        return emitError() << "expected " << spec.name << " to be a constant, but got " << type;
      rank = buffer.getDims().size();
      element = buffer.getElementType();
    } else {
      auto constant = cast<ConstantType>(type);
      if (!(spec.rule & Constant))
        return emitError() << "expected " << spec.name << " to be a buffer, but got " << type;
      if (constant.getLayout() != spec.layout)
        return emitError() << "expected " << spec.name << " in layout "
                           << stringifyLayout(spec.layout) << ", but got " << type;
      rank = constant.getShape().size();
      element = constant.getElementType();
    }
    if (rank < spec.minRank || rank > spec.maxRank)
      return emitError() << "expected " << spec.name << " of rank " << spec.minRank
                         << ", but got " << type;
    if (!hasElement(element, spec.element))
      return emitError() << "expected " << spec.name << " of "
                         << (spec.element == 'f'   ? "f32"
                             : spec.element == 'i' ? "i32"
                                                   : "ui8")
                         << ", but got " << type;
  }
  return success();
}

LogicalResult verifyBoth(TypeRange inputs, ArrayRef<OperandSpec> inputSpecs, TypeRange outputs,
                     ArrayRef<OperandSpec> outputSpecs, EmitError emitError) {
  return failure(failed(verifyOperands("input", inputs, inputSpecs, emitError)) ||
                 failed(verifyOperands("output", outputs, outputSpecs, emitError)));
}

const OperandSpec kX{"x", Buffer, 2, 2, 'f'};
const OperandSpec kY{"y", Buffer, 2, 2, 'f'};
const OperandSpec kRouted{"routed", Buffer, 1, 1, 'u'};
const OperandSpec kCluster{"cluster", Buffer, 1, 1, 'i'};

OperandSpec tokens(StringRef name) { return {name, Buffer, 2, 2, 'f'}; }
OperandSpec table(StringRef name) { return {name, Constant, 2, 2, 'f'}; }
OperandSpec vector(StringRef name, unsigned extra = 0) {
  return {name, Constant | extra, 1, 1, 'f'};
}

} // namespace

LogicalResult EmbeddingKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {{"ids", Buffer, 1, 1, 'i'}, table("table")}, outputs, {kY}, emitError);
}

LogicalResult AddPositionKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {kX, table("table")}, outputs, {kY}, emitError);
}
SmallVector<unsigned> AddPositionKernelAttr::getInPlaceInputs(unsigned) const { return {0}; }

LogicalResult AddKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {tokens("a"), tokens("b")}, outputs, {kY}, emitError);
}
SmallVector<unsigned> AddKernelAttr::getInPlaceInputs(unsigned) const { return {0, 1}; }

LogicalResult LinearKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs,
                {kX,
                 {"w", Constant, 2, 2, 'f', Layout::Panel16},
                 vector("bias", Optional),
                 {"residual", Buffer | Optional, 2, 2, 'f'}},
                outputs, {{"y", Buffer, 1, 2, 'f'}}, emitError);
}
SmallVector<unsigned> LinearKernelAttr::getInPlaceInputs(unsigned) const { return {3}; }

LogicalResult LayerNormKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {kX, vector("gamma"), vector("beta")}, outputs, {kY}, emitError);
}
SmallVector<unsigned> LayerNormKernelAttr::getInPlaceInputs(unsigned) const { return {0}; }

LogicalResult ActivationKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {kX}, outputs, {kY}, emitError);
}
SmallVector<unsigned> ActivationKernelAttr::getInPlaceInputs(unsigned) const { return {0}; }

LogicalResult AttentionKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs,
                {tokens("q"), tokens("k"), tokens("v"), {"count", Buffer | Optional, 1, 1, 'i'}},
                outputs, {kY}, emitError);
}

LogicalResult RouteTokensKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {kX, table("w_r"), table("centroids")}, outputs,
                {{"probs", Buffer | Optional, 2, 2, 'f'}, kRouted, kCluster}, emitError);
}

LogicalResult ScarAttentionKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {tokens("q"), tokens("k"), tokens("v"), kRouted, kCluster}, outputs, {kY},
                emitError);
}

LogicalResult SelectRowKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs, EmitError emitError) const {
  return verifyBoth(inputs, {kX}, outputs, {kY}, emitError);
}
