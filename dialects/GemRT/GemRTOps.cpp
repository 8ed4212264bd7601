// Verifiers of the gemrt operations. A comment such as `entry_c1` names the
// constraint in the operation's documentation.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/EnumKeyword.h"
#include "dialects/Gem/WeightData.h"
#include "dialects/GemRT/GemRT.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace gem;
using namespace gem::rt;

#define GET_OP_CLASSES
#include "dialects/GemRT/GemRTOps.cpp.inc"

SymbolSizes gem::rt::getMaximumSizes(ProgramOp program) {
  SymbolSizes sizes;
  for (SymbolOp symbol : program.getOps<SymbolOp>())
    sizes[symbol.getSymName()] = symbol.getMaximum();
  return sizes;
}

static LogicalResult verifyOffset(Operation *op, std::optional<uint64_t> offset) {
  if (offset && (static_cast<int64_t>(*offset) < 0 || *offset % kAlignment != 0))
    return op->emitOpError("expected an offset that is a multiple of ")
           << kAlignment << ", but got " << static_cast<int64_t>(*offset);
  return success();
}

LogicalResult rt::SymbolOp::verify() {
  // symbol_c1
  int64_t minimum = getMinimum(), maximum = getMaximum();
  if (minimum < 1 || minimum > maximum || maximum > (1 << 20))
    return emitOpError("expected 1 <= minimum <= maximum <= 1048576, but got ")
           << minimum << " and " << maximum;
  return success();
}

LogicalResult SegmentOp::verify() {
  // segment_c1
  bool isTokenizer = getKind() == SegmentKind::Tokenizer;
  if (getData().has_value() != isTokenizer || getPadId().has_value() != isTokenizer ||
      getMaximumTokens().has_value() != isTokenizer)
    return emitOpError("expected data, pad_id and maximum_tokens for a tokenizer segment, and "
                       "for no other");
  return success();
}

LogicalResult ConstantOp::verify() {
  auto type = cast<ConstantType>(getType());
  // constant_c1
  if (failed(verifyWeightData(*this, getValue())))
    return failure();
  ShapedType data = getValue().getShapedType();
  auto quantized = dyn_cast<QuantizedType>(type.getElementType());
  if (data.getElementType().isUnsignedInteger(8)) {
    if (!quantized)
      return emitOpError("expected quantized elements for encoded data, but got ") << type;
    if (data.getRank() != 1 || quantized.getEncodedBytes(type.getShape()) != data.getNumElements())
      return emitOpError("expected encoded data of ")
             << quantized.getEncodedBytes(type.getShape()) << " bytes, but got " << data;
  } else if (data.getShape() != type.getShape()) {
    return emitOpError("expected the extents of ") << data << ", but got " << type;
  }
  if (data.getElementType().isUnsignedInteger(16) != type.getElementType().isUnsignedInteger(16))
    return emitOpError("expected ui16 to be stored as ui16, and nothing else, but got ")
           << data << " as " << type;
  // constant_c2
  auto segment = SymbolTable::lookupNearestSymbolFrom<SegmentOp>(*this, getSegmentAttr());
  if (!segment || segment.getKind() != SegmentKind::Weights)
    return emitOpError("expected the name of a segment of kind 'weights', but got ")
           << getSegmentAttr();
  // constant_c3
  return verifyOffset(*this, getOffset());
}

LogicalResult EntryOp::verifyRegions() {
  SymbolSizes sizes = getMaximumSizes((*this)->getParentOfType<ProgramOp>());
  for (AllocOp alloc : getOps<AllocOp>()) {
    // entry_c2
    for (Attribute dim : alloc.getType().getDims())
      if (auto symbol = dyn_cast<StringAttr>(dim); symbol && !sizes.count(symbol.getValue()))
        return alloc.emitOpError("expected a gemrt.symbol named '")
               << symbol.getValue() << "' for " << alloc.getType();
    const int64_t bytes = alloc.getType().getByteSize(sizes);
    if (bytes >= kMaximumBytes)
      return alloc.emitOpError("expected less than 2^48 bytes, but got ") << alloc.getType();
    // entry_c1
    if (!getArenaSize())
      continue;
    if (!alloc.getOffset())
      return alloc.emitOpError("expected an offset in an entry with a planned arena");
    const int64_t size = *getArenaSize(), offset = *alloc.getOffset();
    if (offset > size - bytes)
      return alloc.emitOpError("expected to end within the arena of ")
             << size << " bytes, but got " << bytes << " bytes at " << offset;
  }
  return success();
}

LogicalResult AllocOp::verify() {
  // alloc_c1
  return verifyOffset(*this, getOffset());
}

LogicalResult GetConstantOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // get_constant_c1
  auto constant = symbolTable.lookupNearestSymbolFrom<ConstantOp>(*this, getConstantAttr());
  if (!constant || constant.getType() != getType())
    return emitOpError("expected the name of a constant of type ")
           << getType() << ", but got " << getConstantAttr();
  return success();
}

LogicalResult InputOp::verify() {
  // input_c1
  bool isInteger = getBuffer().getType().getElementType().isInteger(32);
  if (getMinimum().has_value() != isInteger || getMaximum().has_value() != isInteger)
    return emitOpError("expected a range for an i32 input, and for no other");
  if (isInteger && static_cast<int32_t>(*getMinimum()) > static_cast<int32_t>(*getMaximum()))
    return emitOpError("expected minimum <= maximum, but got ")
           << static_cast<int32_t>(*getMinimum()) << " and " << static_cast<int32_t>(*getMaximum());
  return success();
}

LogicalResult OutputOp::verify() {
  // output_c1
  for (OpOperand &use : getBuffer().getUses())
    if (auto call = dyn_cast<CallOp>(use.getOwner()))
      if (llvm::is_contained(call.getOutputs(), getBuffer()))
        return success();
  return emitOpError("expected a buffer that a call writes");
}

LogicalResult CallOp::verify() {
  // call_c2
  for (auto [index, output] : llvm::enumerate(getOutputs()))
    if (isa<BufferType>(output.getType()) &&
        llvm::is_contained(getOutputs().drop_front(index + 1), output))
      return emitOpError("expected each output to be written once");
  // call_c1
  if (failed(getKernel().verifyCall(getInputs().getTypes(), getOutputs().getTypes(),
                                    [&] { return emitOpError(); })))
    return failure();
  // call_c3
  for (auto [index, output] : llvm::enumerate(getOutputs())) {
    if (!isa<BufferType>(output.getType()))
      continue;
    SmallVector<unsigned> inPlace = getKernel().getInPlaceInputs(index);
    for (auto [inputIndex, input] : llvm::enumerate(getInputs()))
      if (input == output && !llvm::is_contained(inPlace, inputIndex))
        return emitOpError("expected output #") << index << " not to be input #" << inputIndex
                                                << ", on which the kernel cannot work in place";
  }
  return success();
}
