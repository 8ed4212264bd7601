// The gem op interfaces.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/Gem.h"

#include "dialects/Gem/GemInterfaces.cpp.inc"

using namespace mlir;

int64_t gem::getExtent(RankedTensorType type, unsigned dim, const SymbolSizes &sizes) {
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  auto dims = cast<DimsAttr>(type.getEncoding());
  return sizes.lookup(dims.getSymbols()[type.getDynamicDimIndex(dim)].getValue());
}

void gem::setNumChannels(Value value, int64_t channels) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = channels;
  value.setType(RankedTensorType::get(shape, type.getElementType(), type.getEncoding()));
}
