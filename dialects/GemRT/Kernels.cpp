// What each kernel takes: the compiler's side of the contracts that the runtime
// checks when it loads a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/GemRT/GemRT.h"
#include "llvm/ADT/DenseMap.h"
#include <limits>

using namespace mlir;
using namespace gem;
using namespace gem::rt;

namespace {

using EmitError = function_ref<InFlightDiagnostic()>;

/// What an operand may be.
enum OperandRule : unsigned { Buffer = 1, Constant = 2, Optional = 4 };

/// What a kernel takes as one operand. `shape` has a letter for every extent: within a
/// call equal letters stand for equal extents, and '1' for the extent 1.
struct OperandSpec {
  StringRef name;
  unsigned rule;
  StringRef shape;
  /// 'f' f32, 'i' i32, 'u' ui8, 'w' ui16, 'h' f32 or f16, 'q' quantized, 't' one of a table:
  /// f32, f16 or quantized.
  char element;
  Layout layout = Layout::RowMajor;
  /// A leading 'm' that is 1 may be left out of the shape.
  bool mayDropRow = false;
};

bool hasElement(Type type, char element) {
  switch (element) {
  case 'f':
    return type.isF32();
  case 'i':
    return type.isInteger(32);
  case 'w':
    return type.isUnsignedInteger(16);
  case 'h':
    return type.isF32() || type.isF16();
  case 'q':
    return isa<QuantizedType>(type);
  case 't':
    return type.isF32() || type.isF16() || isa<QuantizedType>(type);
  default:
    return type.isUnsignedInteger(8);
  }
}

StringRef elementName(char element) {
  switch (element) {
  case 'f':
    return "f32";
  case 'i':
    return "i32";
  case 'w':
    return "ui16";
  case 'h':
    return "f32 or f16";
  case 'q':
    return "a gem.q type";
  case 't':
    return "f32, f16 or a gem.q type";
  default:
    return "ui8";
  }
}

/// Checks the operands of one call, one by one.
class CallVerifier {
public:
  explicit CallVerifier(EmitError emitError) : emitError(emitError) {}

  /// Says beforehand what a letter stands for.
  void bind(char letter, Attribute extent, StringRef source) {
    letters.try_emplace(letter, Binding{extent, source});
  }

  LogicalResult verify(StringRef what, TypeRange types, ArrayRef<OperandSpec> specs) {
    if (types.size() != specs.size())
      return emitError() << "expected " << specs.size() << " " << what << "(s), but got "
                         << types.size();
    for (auto [type, spec] : llvm::zip(types, specs))
      if (failed(verifyOperand(type, spec)))
        return failure();
    return success();
  }

private:
  struct Binding {
    Attribute extent;
    StringRef source;
  };

  LogicalResult verifyOperand(Type type, const OperandSpec &spec) {
    if (isa<AbsentType>(type)) {
      if (spec.rule & Optional)
        return success();
      return emitError() << "expected " << spec.name << " to be present";
    }
    SmallVector<Attribute> extents;
    Type element;
    if (auto buffer = dyn_cast<BufferType>(type)) {
      if (!(spec.rule & Buffer))
        return emitError() << "expected " << spec.name << " to be a constant, but got " << type;
      extents.assign(buffer.getDims().begin(), buffer.getDims().end());
      element = buffer.getElementType();
    } else {
      auto constant = cast<ConstantType>(type);
      if (!(spec.rule & Constant))
        return emitError() << "expected " << spec.name << " to be a buffer, but got " << type;
      if (constant.getLayout() != spec.layout)
        return emitError() << "expected " << spec.name << " in layout "
                           << stringifyLayout(spec.layout) << ", but got " << type;
      Builder builder(type.getContext());
      for (int64_t extent : constant.getShape())
        extents.push_back(builder.getI64IntegerAttr(extent));
      element = constant.getElementType();
    }
    if (!hasElement(element, spec.element))
      return emitError() << "expected " << spec.name << " of " << elementName(spec.element)
                         << ", but got " << type;
    return verifyShape(type, spec, extents);
  }

  LogicalResult verifyShape(Type type, const OperandSpec &spec, ArrayRef<Attribute> extents) {
    StringRef shape = spec.shape;
    if (spec.mayDropRow && extents.size() + 1 == shape.size() && isOne(letters.lookup('m').extent))
      shape = shape.drop_front();
    if (extents.size() != shape.size())
      return emitError() << "expected " << spec.name << " of rank " << shape.size() << ", but got "
                         << type;
    for (auto [index, letter] : llvm::enumerate(shape)) {
      if (letter == '1') {
        if (!isOne(extents[index]))
          return emitError() << "expected extent " << index << " of " << spec.name
                             << " to be 1, but got " << type;
        continue;
      }
      Binding &binding =
          letters.try_emplace(letter, Binding{extents[index], spec.name}).first->second;
      if (binding.extent != extents[index])
        return emitError() << "expected extent " << index << " of " << spec.name << " to be "
                           << spell(binding.extent) << ", as " << binding.source
                           << " has it, but got " << type;
    }
    return success();
  }

  static bool isOne(Attribute extent) {
    auto integer = dyn_cast_or_null<IntegerAttr>(extent);
    return integer && integer.getInt() == 1;
  }

  static std::string spell(Attribute extent) {
    if (auto symbol = dyn_cast<StringAttr>(extent))
      return symbol.str();
    return std::to_string(cast<IntegerAttr>(extent).getInt());
  }

  EmitError emitError;
  llvm::SmallDenseMap<char, Binding> letters;
};

LogicalResult verifyBoth(TypeRange inputs, ArrayRef<OperandSpec> inputSpecs, TypeRange outputs,
                         ArrayRef<OperandSpec> outputSpecs, EmitError emitError) {
  CallVerifier verifier(emitError);
  return failure(failed(verifier.verify("input", inputs, inputSpecs)) ||
                 failed(verifier.verify("output", outputs, outputSpecs)));
}

/// Checks that quantized tokens `rows` have the bytes of rows of `width` elements.
LogicalResult verifyTokenRows(EmitError emitError, Type rows, int64_t width) {
  auto extent = dyn_cast<IntegerAttr>(cast<BufferType>(rows).getDims()[1]);
  int64_t expected = format::TokenRowBytes(width);
  if (extent && extent.getInt() == expected)
    return success();
  return emitError() << "expected rows of " << expected << " bytes for tokens of " << width
                     << " elements, but got " << rows;
}

LogicalResult verifyF32(EmitError emitError, StringRef name, FloatAttr value) {
  if (value.getType().isF32() && value.getValue().isFinite())
    return success();
  return emitError() << "expected " << name << " to be a finite f32, but got " << value;
}

LogicalResult verifyAttentionParams(EmitError emitError, int64_t heads, int64_t headDim,
                                    FloatAttr scale, int64_t firstQuery) {
  // The product is compared with an extent, which has 31 bits.
  constexpr int64_t kMaximum = std::numeric_limits<int32_t>::max();
  if (heads < 1 || headDim < 1 || heads > kMaximum || headDim > kMaximum)
    return emitError() << "expected at least one head of at least one dimension, but got " << heads
                       << " heads of " << headDim;
  if (firstQuery < 0)
    return emitError() << "expected first_query not to be negative, but got " << firstQuery;
  return verifyF32(emitError, "scale", scale);
}

/// Attention of either kind: q, k and v, and then `rest`.
LogicalResult verifyAttention(MLIRContext *context, int64_t width, TypeRange inputs,
                              ArrayRef<OperandSpec> rest, TypeRange outputs, EmitError emitError) {
  SmallVector<OperandSpec> specs{
      {"q", Buffer, "mA", 'f'}, {"k", Buffer, "nA", 'f'}, {"v", Buffer, "nA", 'f'}};
  specs.append(rest.begin(), rest.end());
  CallVerifier verifier(emitError);
  verifier.bind('A', Builder(context).getI64IntegerAttr(width), "heads * head_dim");
  return failure(failed(verifier.verify("input", inputs, specs)) ||
                 failed(verifier.verify("output", outputs, {{"y", Buffer, "mA", 'f'}})));
}

} // namespace

LogicalResult EmbeddingKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                              EmitError emitError) const {
  return verifyBoth(inputs, {{"ids", Buffer, "n", 'i'}, {"table", Constant, "VH", 't'}}, outputs,
                    {{"y", Buffer, "nH", 'f'}}, emitError);
}

LogicalResult AddPositionKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                EmitError emitError) const {
  return verifyBoth(inputs, {{"x", Buffer, "nH", 'f'}, {"table", Constant, "PH", 't'}}, outputs,
                    {{"y", Buffer, "nH", 'f'}}, emitError);
}
SmallVector<unsigned> AddPositionKernelAttr::getInPlaceInputs(unsigned) const { return {0}; }

LogicalResult AddKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                        EmitError emitError) const {
  return verifyBoth(inputs, {{"a", Buffer, "nH", 'f'}, {"b", Buffer, "nH", 'f'}}, outputs,
                    {{"y", Buffer, "nH", 'f'}}, emitError);
}
SmallVector<unsigned> AddKernelAttr::getInPlaceInputs(unsigned) const { return {0, 1}; }

LogicalResult LinearKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                           EmitError emitError) const {
  return verifyBoth(
      inputs,
      {{"x", Buffer, "mK", 'f'},
       {"w", Constant, "NK", 'h', Layout::Panel16},
       {"bias", Constant | Optional, "N", 'f'},
       {"residual", Buffer | Optional, "mN", 'f', Layout::RowMajor, /*mayDropRow=*/true}},
      outputs, {{"y", Buffer, "mN", 'f', Layout::RowMajor, /*mayDropRow=*/true}}, emitError);
}
SmallVector<unsigned> LinearKernelAttr::getInPlaceInputs(unsigned) const { return {3}; }

LogicalResult LayerNormKernelAttr::verify(EmitError emitError, FloatAttr epsilon) {
  if (epsilon.getValue().isNegative() && !epsilon.getValue().isZero())
    return emitError() << "expected epsilon not to be negative, but got " << epsilon;
  return verifyF32(emitError, "epsilon", epsilon);
}
LogicalResult LayerNormKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                              EmitError emitError) const {
  return verifyBoth(
      inputs,
      {{"x", Buffer, "nH", 'f'}, {"gamma", Constant, "H", 'f'}, {"beta", Constant, "H", 'f'}},
      outputs, {{"y", Buffer, "nH", 'f'}}, emitError);
}
SmallVector<unsigned> LayerNormKernelAttr::getInPlaceInputs(unsigned) const { return {0}; }

LogicalResult ActivationKernelAttr::verify(EmitError emitError, Activation function) {
  if (function == Activation::None)
    return emitError() << "expected an activation function, but got none";
  return success();
}
LogicalResult ActivationKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                               EmitError emitError) const {
  return verifyBoth(inputs, {{"x", Buffer, "nH", 'f'}}, outputs, {{"y", Buffer, "nH", 'f'}},
                    emitError);
}
SmallVector<unsigned> ActivationKernelAttr::getInPlaceInputs(unsigned) const { return {0}; }

LogicalResult AttentionKernelAttr::verify(EmitError emitError, int64_t heads, int64_t headDim,
                                          FloatAttr scale, int64_t firstQuery) {
  return verifyAttentionParams(emitError, heads, headDim, scale, firstQuery);
}
LogicalResult AttentionKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                              EmitError emitError) const {
  return verifyAttention(getContext(), getHeads() * getHeadDim(), inputs,
                         {{"count", Buffer | Optional, "1", 'i'}}, outputs, emitError);
}

LogicalResult RouteTokensKernelAttr::verify(EmitError emitError, FloatAttr threshold) {
  return verifyF32(emitError, "threshold", threshold);
}
LogicalResult RouteTokensKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                EmitError emitError) const {
  return verifyBoth(
      inputs,
      {{"x", Buffer, "nH", 'f'}, {"w_r", Constant, "CH", 'h'}, {"centroids", Constant, "KH", 'h'}},
      outputs,
      {{"probs", Buffer | Optional, "nC", 'f'},
       {"routed", Buffer, "n", 'u'},
       {"cluster", Buffer, "n", 'i'}},
      emitError);
}

LogicalResult ScarAttentionKernelAttr::verify(EmitError emitError, int64_t heads, int64_t headDim,
                                              FloatAttr scale, int64_t firstQuery, ScarPredicate,
                                              bool) {
  return verifyAttentionParams(emitError, heads, headDim, scale, firstQuery);
}
LogicalResult ScarAttentionKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                  EmitError emitError) const {
  return verifyAttention(getContext(), getHeads() * getHeadDim(), inputs,
                         {{"routed", Buffer, "n", 'u'}, {"cluster", Buffer, "n", 'i'}}, outputs,
                         emitError);
}

LogicalResult SelectRowKernelAttr::verify(EmitError emitError, int64_t row) {
  if (row < 0)
    return emitError() << "expected row not to be negative, but got " << row;
  return success();
}
LogicalResult SelectRowKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                              EmitError emitError) const {
  return verifyBoth(inputs, {{"x", Buffer, "nH", 'f'}}, outputs, {{"y", Buffer, "1H", 'f'}},
                    emitError);
}

LogicalResult QuantizeTokensKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                   EmitError emitError) const {
  if (failed(verifyBoth(inputs, {{"x", Buffer, "mK", 'f'}}, outputs, {{"y", Buffer, "mR", 'u'}},
                        emitError)))
    return failure();
  auto width = llvm::dyn_cast<IntegerAttr>(llvm::cast<BufferType>(inputs[0]).getDims()[1]);
  if (!width)
    return emitError() << "expected x to have a constant width, but got " << inputs[0];
  return verifyTokenRows(emitError, outputs[0], width.getInt());
}

LogicalResult LinearQuantizedKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                    EmitError emitError) const {
  if (failed(verifyBoth(
          inputs,
          {{"x", Buffer, "mR", 'u'},
           {"w", Constant, "NK", 'q', Layout::Panel16},
           {"bias", Constant | Optional, "N", 'f'},
           {"residual", Buffer | Optional, "mN", 'f', Layout::RowMajor, /*mayDropRow=*/true}},
          outputs, {{"y", Buffer, "mN", 'f', Layout::RowMajor, /*mayDropRow=*/true}}, emitError)))
    return failure();
  return verifyTokenRows(emitError, inputs[0], llvm::cast<ConstantType>(inputs[1]).getShape()[1]);
}
SmallVector<unsigned> LinearQuantizedKernelAttr::getInPlaceInputs(unsigned) const { return {3}; }

LogicalResult LayerNormQuantizedKernelAttr::verify(EmitError emitError, FloatAttr epsilon) {
  return LayerNormKernelAttr::verify(emitError, epsilon);
}
LogicalResult LayerNormQuantizedKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                       EmitError emitError) const {
  if (failed(verifyBoth(
          inputs,
          {{"x", Buffer, "nH", 'f'}, {"gamma", Constant, "H", 'f'}, {"beta", Constant, "H", 'f'}},
          outputs, {{"y", Buffer | Optional, "nH", 'f'}, {"quantized", Buffer, "nR", 'u'}},
          emitError)))
    return failure();
  return verifyTokenRows(emitError, outputs[1], llvm::cast<ConstantType>(inputs[1]).getShape()[0]);
}
SmallVector<unsigned> LayerNormQuantizedKernelAttr::getInPlaceInputs(unsigned output) const {
  if (output == 0)
    return {0};
  return {};
}

LogicalResult EmbeddingBlocksKernelAttr::verifyCall(TypeRange inputs, TypeRange outputs,
                                                    EmitError emitError) const {
  if (failed(verifyBoth(inputs,
                        {{"ids", Buffer, "n", 'i'},
                         {"table 0", Constant, "AH", 't'},
                         {"table 1", Constant | Optional, "BH", 't'},
                         {"table 2", Constant | Optional, "CH", 't'},
                         {"table 3", Constant | Optional, "DH", 't'},
                         {"map", Constant | Optional, "M", 'w'}},
                        outputs, {{"y", Buffer, "nH", 'f'}}, emitError)))
    return failure();
  for (unsigned index : {2, 3})
    if (llvm::isa<AbsentType>(inputs[index]) && !llvm::isa<AbsentType>(inputs[index + 1]))
      return emitError() << "expected absent tables to be the last, but table " << index
                         << " follows one";
  return success();
}
