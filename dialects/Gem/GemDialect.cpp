// The gem dialect: registration, attributes, types' names of dynamic extents.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/Gem.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Gem/GemDialect.cpp.inc"
#include "dialects/Gem/GemEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Gem/GemAttributes.cpp.inc"

using namespace mlir;
using namespace gem;

void GemDialect::initialize() {
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
