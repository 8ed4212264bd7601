// The gem dialect: registration, attributes, types' names of dynamic extents.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/Gem.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Gem/GemDialect.cpp.inc"
#include "dialects/Gem/GemEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Gem/GemTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Gem/GemAttributes.cpp.inc"

using namespace mlir;
using namespace gem;

void GemDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Gem/GemTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Gem/GemAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Gem/GemOps.cpp.inc"
      >();
}

static LogicalResult expectAttribute(Operation *op, NamedAttribute attribute, bool ok,
                                     StringRef what) {
  if (ok)
    return success();
  return op->emitOpError("expected attribute '") << attribute.getName().getValue() << "' to be "
                                                 << what << ", but got " << attribute.getValue();
}

LogicalResult GemDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  auto expect = [&](bool ok, StringRef what) { return expectAttribute(op, attribute, ok, what); };
  if (name == kModelAttr) {
    auto model = dyn_cast<DictionaryAttr>(value);
    if (failed(expect(model && model.getAs<StringAttr>("name") &&
                          model.getAs<StringAttr>("architecture"),
                      "a dictionary with the strings 'name' and 'architecture'")))
      return failure();
    return expect(!model.contains("parameters") || model.getAs<IntegerAttr>("parameters"),
                  "a dictionary whose 'parameters' is an integer");
  }
  if (name == kLabelsAttr) {
    auto labels = dyn_cast<ArrayAttr>(value);
    return expect(labels && llvm::all_of(labels, llvm::IsaPred<StringAttr>), "an array of strings");
  }
  if (name == kProvenanceAttr) {
    auto provenance = dyn_cast<DictionaryAttr>(value);
    return expect(provenance && llvm::all_of(provenance,
                                             [](NamedAttribute entry) {
                                               return isa<StringAttr>(entry.getValue());
                                             }),
                  "a dictionary of strings");
  }
  if (name == kPaddedAttr)
    return expect(isa<UnitAttr>(value), "a unit attribute");
  return op->emitOpError("has unknown attribute '") << name << "'";
}

static LogicalResult verifyBindingAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  if (name == kNameAttr) {
    auto string = dyn_cast<StringAttr>(value);
    return expectAttribute(op, attribute, string && !string.getValue().empty(),
                           "a string that is not empty");
  }
  if (name == kRoleAttr)
    return expectAttribute(op, attribute, isa<RoleAttr>(value), "a #gem.role");
  return op->emitOpError("has unknown attribute '") << name << "' on an argument or result";
}

LogicalResult GemDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned,
                                                   NamedAttribute attribute) {
  return verifyBindingAttribute(op, attribute);
}

LogicalResult GemDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                      NamedAttribute attribute) {
  return verifyBindingAttribute(op, attribute);
}

//===----------------------------------------------------------------------===//
// !gem.q
//===----------------------------------------------------------------------===//

Type QuantizedType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  IntegerType code;
  int64_t group = 0;
  bool hasScales = false;
  if (parser.parseLess() || parser.parseType(code))
    return {};
  if (!code.isSignless()) {
    parser.emitError(loc) << "expected codes of a signless integer type, but got " << code;
    return {};
  }
  while (succeeded(parser.parseOptionalComma())) {
    if (succeeded(parser.parseOptionalKeyword("group"))) {
      if (parser.parseEqual() || parser.parseInteger(group))
        return {};
    } else if (parser.parseKeyword("scales") || parser.parseEqual() || parser.parseKeyword("f16")) {
      return {};
    } else {
      hasScales = true;
    }
  }
  if (parser.parseGreater())
    return {};
  format::Scales scales = hasScales    ? format::Scales::kF16Group
                          : group != 0 ? format::Scales::kTwoLevel
                                       : format::Scales::kRow;
  return parser.getChecked<QuantizedType>(loc, parser.getContext(), code.getWidth(), group, scales);
}

void QuantizedType::print(AsmPrinter &printer) const {
  printer << "<i" << getBits();
  if (getGroup())
    printer << ", group = " << getGroup();
  if (getScales() == format::Scales::kF16Group)
    printer << ", scales = f16";
  printer << ">";
}

LogicalResult QuantizedType::verify(function_ref<InFlightDiagnostic()> emitError, unsigned bits,
                                    int64_t group, format::Scales scales) {
  // quantized_type_c1
  if (bits != 8 && bits != 4 && bits != 3 && bits != 2)
    return emitError() << "expected codes of 8, 4, 3 or 2 bits, but got " << bits;
  // quantized_type_c2
  if (group != 0 && group != 32 && group != 64 && group != 128)
    return emitError() << "expected a group of 32, 64 or 128 values, but got " << group;
  if (bits == 8 && group != 0)
    return emitError() << "expected no groups for codes of 8 bits, but got " << group;
  // quantized_type_c3
  if (!format::IsValid(bits, scales, group))
    return emitError() << "expected a group for scales in f16";
  return success();
}

int64_t QuantizedType::getStoredBytes(ArrayRef<int64_t> shape, bool isMatrix) const {
  if (isMatrix)
    return format::PanelMatrixBytes(getBits(), getScales(), getGroup(), shape[0], shape[1]);
  return format::LayOutTable(getBits(), getScales(), getGroup(), shape[0], shape[1]).size;
}

int64_t QuantizedType::getEncodedBytes(ArrayRef<int64_t> shape) const {
  int64_t bytes = shape[0] * shape[1];
  if (getScales() != format::Scales::kF16Group)
    bytes += shape[0] * 4;
  if (getGroup())
    bytes += shape[0] * static_cast<int64_t>(format::Groups(shape[1], getGroup())) *
             (getScales() == format::Scales::kF16Group ? 2 : 1);
  return bytes;
}

//===----------------------------------------------------------------------===//
// #gem.dims
//===----------------------------------------------------------------------===//

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  SmallVector<StringAttr> symbols;
  auto parseSymbol = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    symbols.push_back(StringAttr::get(parser.getContext(), name));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseSymbol))
    return {};
  return DimsAttr::get(parser.getContext(), symbols);
}

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getSymbols(), printer,
                        [&](StringAttr symbol) { printer << symbol.getValue(); });
  printer << ">";
}

LogicalResult DimsAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                                       function_ref<InFlightDiagnostic()> emitError) const {
  // dims_c1
  auto dynamic = llvm::count_if(shape, ShapedType::isDynamic);
  if (dynamic != static_cast<int64_t>(getSymbols().size()))
    return emitError() << "expected #gem.dims to name " << dynamic << " dynamic extent(s), but got "
                       << getSymbols().size();
  return success();
}
