// Prints an enumeration attribute inside an operation as its bare keyword.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_ENUMKEYWORD_H
#define GEM_DIALECTS_GEM_ENUMKEYWORD_H

#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"

namespace gem {

/// The functions behind `custom<EnumKeyword>($attribute)` in assembly formats.
template <typename AttrT>
mlir::ParseResult parseEnumKeyword(mlir::OpAsmParser &parser, AttrT &attribute) {
  using Enum = decltype(attribute.getValue());
  mlir::FailureOr<Enum> value = mlir::FieldParser<Enum>::parse(parser);
  if (failed(value))
    return mlir::failure();
  attribute = AttrT::get(parser.getContext(), *value);
  return mlir::success();
}

template <typename AttrT>
void printEnumKeyword(mlir::OpAsmPrinter &printer, mlir::Operation *, AttrT attribute) {
  if (attribute)
    printer << stringifyEnum(attribute.getValue());
}

} // namespace gem

#endif // GEM_DIALECTS_GEM_ENUMKEYWORD_H
