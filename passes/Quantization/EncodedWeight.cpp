// Quantized weights in the IR: formats as types, codes as the data of a weight.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/EncodedWeight.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/Support/FileSystem.h"
#include <cstring>

using namespace mlir;
using namespace gem;

Type gem::getElementType(MLIRContext *context, const quant::Format &format) {
  if (!format.isFloat())
    return QuantizedType::get(context, format.bits, format.group, format.scales);
  if (format.bits == 16)
    return Float16Type::get(context);
  return Float32Type::get(context);
}

std::optional<quant::Format> gem::getFormat(Type elementType) {
  if (auto quantized = dyn_cast<QuantizedType>(elementType))
    return quant::Format{quantized.getBits(), quantized.getScales(), quantized.getGroup()};
  if (elementType.isF32())
    return quant::Format{};
  if (elementType.isF16())
    return quant::Format{.bits = 16};
  return std::nullopt;
}

namespace {

/// Where the parts of encoded data lie.
struct EncodedLayout {
  int64_t rowScales, groupScales, groupBytes;

  EncodedLayout(const quant::Format &format, int64_t rows, int64_t width) {
    bool isHalf = format.scales == format::Scales::kF16Group;
    rowScales = rows * width;
    groupScales = rowScales + (isHalf ? 0 : rows * 4);
    groupBytes = format.group
                     ? static_cast<int64_t>(format::Groups(width, format.group)) * (isHalf ? 2 : 1)
                     : 0;
  }
};

/// A temporary file that is gone when it is closed, mapped for writing.
absl::StatusOr<std::shared_ptr<llvm::sys::fs::mapped_file_region>> mapScratch(int64_t bytes) {
  namespace fs = llvm::sys::fs;
  int descriptor = -1;
  llvm::SmallString<128> path;
  std::error_code error = fs::createTemporaryFile("gem-codes", "bin", descriptor, path);
  if (!error) {
    fs::remove(path);
    error = fs::resize_file(descriptor, bytes);
  }
  std::shared_ptr<fs::mapped_file_region> region;
  if (!error)
    region = std::make_shared<fs::mapped_file_region>(
        fs::convertFDToNativeFile(descriptor), fs::mapped_file_region::readwrite, bytes, 0, error);
  if (descriptor >= 0) {
    fs::file_t file = fs::convertFDToNativeFile(descriptor);
    fs::closeFile(file);
  }
  if (error)
    return absl::UnavailableError(absl::StrCat("a temporary file of ", bytes,
                                               " bytes for quantized weights: ", error.message()));
  return region;
}

} // namespace

absl::StatusOr<ElementsAttr> gem::encodeWeight(MLIRContext *context, StringRef name,
                                               const quant::QuantizedMatrix &matrix) {
  auto type = cast<QuantizedType>(getElementType(context, matrix.format));
  int64_t bytes = type.getEncodedBytes({matrix.rows, matrix.width});
  EncodedLayout layout(matrix.format, matrix.rows, matrix.width);
  auto scratch = mapScratch(bytes);
  if (!scratch.ok())
    return scratch.status();
  char *data = (*scratch)->data();
  std::memcpy(data, matrix.codes.data(), matrix.codes.size());
  if (layout.groupScales > layout.rowScales)
    std::memcpy(data + layout.rowScales, matrix.rowScales.data(), matrix.rows * 4);
  if (layout.groupBytes) {
    const void *scales = matrix.format.scales == format::Scales::kF16Group
                             ? static_cast<const void *>(matrix.halfScales.data())
                             : matrix.ratios.data();
    std::memcpy(data + layout.groupScales, scales, matrix.rows * layout.groupBytes);
  }
  auto ui8 = IntegerType::get(context, 8, IntegerType::Unsigned);
  return makeResource(RankedTensorType::get({bytes}, ui8), name,
                      ArrayRef<char>(data, static_cast<size_t>(bytes)), *scratch);
}

quant::QuantizedMatrix gem::decodeRows(ElementsAttr value, RankedTensorType stored, int64_t first,
                                       int64_t count) {
  quant::QuantizedMatrix matrix;
  matrix.format = *getFormat(stored.getElementType());
  matrix.rows = count;
  matrix.width = stored.getDimSize(1);
  EncodedLayout layout(matrix.format, stored.getDimSize(0), matrix.width);
  matrix.codes.resize(count * matrix.width);
  readIntegers(value, first * matrix.width, count * matrix.width, matrix.codes.data());
  if (layout.groupScales > layout.rowScales) {
    matrix.rowScales.resize(count);
    readIntegers(value, layout.rowScales + first * 4, count * 4, matrix.rowScales.data());
  }
  int64_t scales = layout.groupScales + first * layout.groupBytes;
  if (matrix.format.scales == format::Scales::kF16Group) {
    matrix.halfScales.resize(count * matrix.groups());
    readIntegers(value, scales, count * layout.groupBytes, matrix.halfScales.data());
  } else if (layout.groupBytes) {
    matrix.ratios.resize(count * matrix.groups());
    readIntegers(value, scales, count * layout.groupBytes, matrix.ratios.data());
  }
  return matrix;
}
