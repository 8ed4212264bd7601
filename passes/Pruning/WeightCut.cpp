// Cutting rows and columns out of the data of weights.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pruning/WeightCut.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gem;

absl::Status prune::verifyUncompressed(WeightOp weight) {
  std::string name = weight.getSymName().str();
  Type element = weight.getValue().getElementType();
  if (weight.getStored() || !isa<FloatType>(element)) {
    std::string type;
    llvm::raw_string_ostream(type) << weight.getWeightType();
    return absl::FailedPreconditionError(
        absl::StrCat("the weight '", name, "' is to be stored as ", type,
                     ": expected weights as imported; prune before formats are assigned"));
  }
  if (!hasData(weight.getValue()))
    return absl::FailedPreconditionError(
        absl::StrCat("the weight '", name,
                     "' has no data: expected a module that was written with its resources"));
  return absl::OkStatus();
}

absl::Status prune::verifyKept(ArrayRef<int64_t> kept, int64_t count, const std::string &what) {
  if (kept.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("expected at least one of the ", count, " ", what, " to keep, but got none"));
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] < 0 || kept[i] >= count)
      return absl::InvalidArgumentError(absl::StrCat("expected some of the ", count, " ", what,
                                                     ", 0 to ", count - 1, ", but got ", kept[i]));
    if (i > 0 && kept[i] <= kept[i - 1])
      return absl::InvalidArgumentError(absl::StrCat(
          "expected the ", what, " in ascending order, but got ", kept[i], " after ", kept[i - 1]));
  }
  return absl::OkStatus();
}

/// `value` as `type`, whose elements are the ranges [kept * size, (kept + 1) * size) of it,
/// taken for each of `outer` blocks of `stride` elements.
static ElementsAttr gather(ElementsAttr value, RankedTensorType type, int64_t outer, int64_t stride,
                           ArrayRef<int64_t> kept, int64_t size, StringRef name) {
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (dense && dense.isSplat())
    return dense.resizeSplat(type);
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  ArrayRef<char> data = getRawData(value);
  auto cut = std::make_shared<std::vector<char>>();
  cut->reserve(type.getNumElements() * bytes);
  for (int64_t block = 0; block < outer; ++block)
    for (int64_t index : kept) {
      ArrayRef<char> range = data.slice((block * stride + index * size) * bytes, size * bytes);
      cut->insert(cut->end(), range.begin(), range.end());
    }
  ArrayRef<char> bytesOfCut(cut->data(), cut->size());
  if (dense)
    return DenseElementsAttr::getFromRawBuffer(type, bytesOfCut);
  return makeResource(type, name, bytesOfCut, cut);
}

ElementsAttr prune::keepRows(ElementsAttr value, ArrayRef<int64_t> kept, StringRef name) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  int64_t row = type.getNumElements() / shape.front();
  shape.front() = kept.size();
  return gather(value, type.clone(shape), 1, 0, kept, row, name);
}

ElementsAttr prune::keepColumns(ElementsAttr value, ArrayRef<int64_t> kept, StringRef name) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  int64_t columns = shape.back();
  shape.back() = kept.size();
  return gather(value, type.clone(shape), type.getNumElements() / columns, columns, kept, 1, name);
}

void prune::setValue(ModuleOp module, WeightOp weight, ElementsAttr value) {
  weight.setValueAttr(value);
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](GetWeightOp get) {
      if (get.getWeight() == weight.getSymName())
        get.getResult().setType(weight.getWeightType());
    });
}
