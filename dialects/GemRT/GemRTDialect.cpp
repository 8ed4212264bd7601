// The gemrt dialect: registration and types.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/GemRT/GemRT.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <limits>

#include "dialects/GemRT/GemRTDialect.cpp.inc"
#include "dialects/GemRT/GemRTEnums.cpp.inc"
#include "dialects/GemRT/GemRTInterfaces.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/GemRT/GemRTTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/GemRT/GemRTAttributes.cpp.inc"

using namespace mlir;
using namespace gem;
using namespace gem::rt;

void GemRTDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/GemRT/GemRTTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/GemRT/GemRTAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/GemRT/GemRTOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// !gemrt.buffer
//===----------------------------------------------------------------------===//

Type BufferType::parse(AsmParser &parser) {
  SmallVector<Attribute> dims;
  auto parseDim = [&]() -> ParseResult {
    int64_t extent;
    OptionalParseResult isNumber = parser.parseOptionalInteger(extent);
    if (isNumber.has_value()) {
      if (failed(*isNumber))
        return failure();
      dims.push_back(parser.getBuilder().getI64IntegerAttr(extent));
      return success();
    }
    StringRef symbol;
    if (parser.parseKeyword(&symbol))
      return failure();
    dims.push_back(parser.getBuilder().getStringAttr(symbol));
    return success();
  };
  Type element;
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDim) ||
      parser.parseComma() || parser.parseType(element) || parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getNameLoc(), parser.getContext(), dims, element);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getDims(), printer, [&](Attribute dim) {
    if (auto symbol = llvm::dyn_cast<StringAttr>(dim))
      printer << symbol.getValue();
    else
      printer << llvm::cast<IntegerAttr>(dim).getInt();
  });
  printer << "], " << getElementType() << ">";
}

static LogicalResult verifyStaticExtent(function_ref<InFlightDiagnostic()> emitError,
                                        int64_t extent) {
  if (extent >= 1 && extent <= std::numeric_limits<int32_t>::max())
    return success();
  return emitError() << "expected extents of 1 to 2147483647, but got " << extent;
}

/// The product, or kMaximumBytes if that is less. Neither is negative.
static int64_t multiplySizes(int64_t a, int64_t b) {
  int64_t product;
  return llvm::MulOverflow(a, b, product) ? kMaximumBytes : std::min(product, kMaximumBytes);
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<Attribute> dims, Type elementType) {
  // buffer_type_c1
  if (dims.empty() || dims.size() > 4)
    return emitError() << "expected one to four extents, but got " << dims.size();
  for (Attribute dim : dims)
    if (auto extent = llvm::dyn_cast<IntegerAttr>(dim))
      if (failed(verifyStaticExtent(emitError, extent.getInt())))
        return failure();
  // buffer_type_c2
  if (!elementType.isF32() && !elementType.isInteger(32) && !elementType.isUnsignedInteger(8))
    return emitError() << "expected elements of f32, i32 or ui8, but got " << elementType;
  return success();
}

int64_t BufferType::getByteSize(const SymbolSizes &sizes) const {
  int64_t bytes = getElementType().getIntOrFloatBitWidth() / 8;
  for (Attribute dim : getDims()) {
    auto symbol = llvm::dyn_cast<StringAttr>(dim);
    bytes = multiplySizes(bytes, symbol ? sizes.lookup(symbol.getValue())
                                        : llvm::cast<IntegerAttr>(dim).getInt());
  }
  return bytes;
}

//===----------------------------------------------------------------------===//
// !gemrt.constant
//===----------------------------------------------------------------------===//

Type ConstantType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  StringRef layoutName;
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parser.parseInteger(shape.emplace_back()); }) ||
      parser.parseComma() || parser.parseType(element) || parser.parseComma() ||
      parser.parseKeyword(&layoutName))
    return {};
  std::optional<Layout> layout = symbolizeLayout(layoutName);
  if (!layout) {
    parser.emitError(parser.getNameLoc()) << "expected a layout, but got '" << layoutName << "'";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ConstantType>(parser.getNameLoc(), parser.getContext(), shape, element,
                                         *layout);
}

void ConstantType::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getShape(), printer);
  printer << "], " << getElementType() << ", " << stringifyLayout(getLayout()) << ">";
}

LogicalResult ConstantType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   ArrayRef<int64_t> shape, Type elementType, Layout layout) {
  // constant_type_c1
  for (int64_t extent : shape)
    if (failed(verifyStaticExtent(emitError, extent)))
      return failure();
  // constant_type_c2
  bool isQuantized = llvm::isa<QuantizedType>(elementType);
  if (!llvm::isa<Float32Type, Float16Type>(elementType) && !isQuantized &&
      !elementType.isUnsignedInteger(16))
    return emitError() << "expected elements of f32, f16, ui16 or a gem.q type, but got "
                       << elementType;
  // constant_type_c3
  if ((layout == Layout::Panel16 || isQuantized) && shape.size() != 2)
    return emitError() << "expected two extents for "
                       << (isQuantized ? "quantized elements" : "layout panel_16") << ", but got "
                       << shape.size();
  return success();
}

int64_t ConstantType::getByteSize() const {
  if (auto quantized = llvm::dyn_cast<QuantizedType>(getElementType())) {
    // Neither extent has more than 31 bits, and a code at most 8.
    int64_t codes = multiplySizes(getShape()[0] + 16, getShape()[1] + 128);
    return codes >= kMaximumBytes / 8
               ? kMaximumBytes
               : quantized.getStoredBytes(getShape(), getLayout() == Layout::Panel16);
  }
  int64_t bytes = getElementType().getIntOrFloatBitWidth() / 8;
  for (auto [index, extent] : llvm::enumerate(getShape()))
    bytes = multiplySizes(
        bytes, index == 0 && getLayout() == Layout::Panel16 ? (extent + 15) / 16 * 16 : extent);
  return bytes;
}
