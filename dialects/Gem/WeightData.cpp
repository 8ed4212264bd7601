// Reading and making the data of weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "dialects/Gem/HalfFloat.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cassert>
#include <cstring>

using namespace mlir;

/// `value` where it is one value for all elements. A resource never is, although
/// ElementsAttr::isSplat says so of one with a single element.
static DenseElementsAttr getSplat(ElementsAttr value) {
  auto dense = dyn_cast<DenseElementsAttr>(value);
  return dense && dense.isSplat() ? dense : DenseElementsAttr();
}

LogicalResult gem::verifyWeightData(Operation *op, ElementsAttr value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  Type element = type ? type.getElementType() : Type();
  if (!type || !(isa<Float32Type, Float16Type, BFloat16Type>(element) ||
                 element.isUnsignedInteger(8) || element.isUnsignedInteger(16)))
    return op->emitOpError("expected a tensor of f32, f16, bf16, ui16 or (encoded) ui8, but got ")
           << value.getType();
  if (!isa<DenseElementsAttr, DenseResourceElementsAttr>(value))
    return op->emitOpError("expected dense or dense_resource data, but got another kind");
  int64_t elements = 1;
  for (int64_t extent : type.getShape())
    if (extent < 1 || llvm::MulOverflow(elements, extent, elements) ||
        elements > kMaximumWeightElements)
      return op->emitOpError("expected positive extents and at most 2^40 elements, but got ")
             << type;
  auto resource = dyn_cast<DenseResourceElementsAttr>(value);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  int64_t expected = elements * (type.getElementTypeBitWidth() / 8);
  if (blob && static_cast<int64_t>(blob->getData().size()) != expected)
    return op->emitOpError("expected ")
           << expected << " bytes of data for " << type << ", but got " << blob->getData().size();
  return success();
}

llvm::ArrayRef<char> gem::getRawData(ElementsAttr value) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : ArrayRef<char>();
  }
  if (auto dense = dyn_cast<DenseElementsAttr>(value); dense && !dense.isSplat())
    return dense.getRawData();
  return {};
}

bool gem::hasData(ElementsAttr value) {
  return getSplat(value) || value.getNumElements() == 0 || !getRawData(value).empty();
}

void gem::readAsF32(ElementsAttr value, int64_t first, int64_t count, float *out) {
  assert(first >= 0 && count >= 0 && first + count <= value.getNumElements());
  if (count == 0)
    return;
  if (DenseElementsAttr dense = getSplat(value)) {
    bool losesInfo;
    APFloat splat = dense.getSplatValue<APFloat>();
    splat.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
    std::fill_n(out, count, splat.convertToFloat());
    return;
  }
  const char *data = getRawData(value).data();
  Type element = value.getElementType();
  if (isa<Float32Type>(element)) {
    std::memcpy(out, data + first * 4, count * 4);
    return;
  }
  bool isHalf = isa<Float16Type>(element);
  assert((isHalf || isa<BFloat16Type>(element)) && "a weight is f32, f16 or bf16");
  data += first * 2;
  for (int64_t i = 0; i < count; ++i, data += 2) {
    uint16_t bits;
    std::memcpy(&bits, data, 2);
    out[i] = isHalf ? halfToFloat(bits) : bfloat16ToFloat(bits);
  }
}

void gem::readIntegers(ElementsAttr value, int64_t first, int64_t count, void *out) {
  assert(first >= 0 && count >= 0 && first + count <= value.getNumElements());
  int64_t size = value.getShapedType().getElementTypeBitWidth() / 8;
  if (DenseElementsAttr dense = getSplat(value)) {
    uint64_t bits = dense.getSplatValue<APInt>().getZExtValue();
    for (int64_t i = 0; i < count; ++i) // little-endian, as bundles are
      std::memcpy(static_cast<char *>(out) + i * size, &bits, size);
    return;
  }
  if (count > 0)
    std::memcpy(out, getRawData(value).data() + first * size, count * size);
}

DenseResourceElementsAttr gem::makeResource(RankedTensorType type, StringRef name,
                                            ArrayRef<char> data,
                                            std::shared_ptr<const void> owner) {
  // The alignment promised is an element's: a checkpoint's tensors have no more.
  size_t alignment = std::max(1u, type.getElementTypeBitWidth() / 8);
  AsmResourceBlob blob(
      data, alignment,
      [owner = std::move(owner)](void *, size_t, size_t) mutable { owner.reset(); },
      /*dataIsMutable=*/false);
  auto &manager = DenseResourceElementsHandle::getManagerInterface(type.getContext());
  return DenseResourceElementsAttr::get(type, manager.insert(name, std::move(blob)));
}

DenseResourceElementsAttr gem::makeF32Resource(MLIRContext *context, ArrayRef<int64_t> shape,
                                               StringRef name, std::vector<float> values) {
  auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  ArrayRef<char> bytes(reinterpret_cast<const char *>(owner->data()), owner->size() * 4);
  return makeResource(RankedTensorType::get(shape, Float32Type::get(context)), name, bytes, owner);
}

/// The names of all resources in `op`.
static llvm::StringSet<> collectResources(Operation *op) {
  llvm::StringSet<> names;
  op->walk([&](Operation *inner) {
    for (NamedAttribute attribute : inner->getAttrDictionary())
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute.getValue()))
        names.insert(resource.getRawHandle().getKey());
  });
  return names;
}

void gem::releaseData(Operation *discarded, ArrayRef<Operation *> kept) {
  llvm::StringSet<> names = collectResources(discarded);
  for (Operation *op : kept)
    for (const auto &name : collectResources(op))
      names.erase(name.first());
  auto &manager = DenseResourceElementsHandle::getManagerInterface(discarded->getContext());
  for (const auto &name : names)
    manager.update(name.first(), AsmResourceBlob());
}
