// Arranges weights as the CPU kernels read them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "dialects/Gem/HalfFloat.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/WeightPacking.h"
#include "passes/Quantization/WeightQuantizer.h"
#include "targets/Cpu/CpuTarget.h"
#include <vector>

using namespace gem;

namespace {

using Consume = llvm::function_ref<absl::Status(llvm::ArrayRef<char>)>;

/// Elements that are converted at a time.
constexpr int64_t kBlockElements = 1 << 18;

template <typename T> absl::Status consumeAll(llvm::ArrayRef<T> values, Consume consume) {
  // Bundles are little endian, as every host and device of this project is.
  return consume({reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)});
}

/// Packs the float weights of one constant.
class FloatPacker {
public:
  FloatPacker(mlir::ElementsAttr value, bool isHalf, PackedWeight &packed, Consume consume)
      : value(value), isHalf(isHalf), packed(packed), consume(consume) {}

  absl::Status packRowMajor() {
    int64_t total = value.getNumElements();
    std::vector<float> block(std::min(kBlockElements, total));
    for (int64_t first = 0; first < total; first += kBlockElements) {
      int64_t count = std::min(kBlockElements, total - first);
      readAsF32(value, first, count, block.data());
      if (absl::Status status = write({block.data(), size_t(count)}); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  /// Layout panel_16: 16 rows at a time, transposed.
  absl::Status packPanels(int64_t rows, int64_t width) {
    constexpr int64_t kPanel = 16;
    std::vector<float> source(kPanel * width), panel(kPanel * width);
    for (int64_t row = 0; row < rows; row += kPanel) {
      int64_t count = std::min(kPanel, rows - row);
      readAsF32(value, row * width, count * width, source.data());
      std::fill(source.begin() + count * width, source.end(), 0.0f);
      for (int64_t n = 0; n < kPanel; ++n)
        for (int64_t k = 0; k < width; ++k)
          panel[k * kPanel + n] = source[n * width + k];
      if (absl::Status status = write(panel); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

private:
  absl::Status write(llvm::ArrayRef<float> values) {
    if (!isHalf)
      return consumeAll(values, consume);
    halves.resize(values.size());
    for (auto [half, v] : llvm::zip(halves, values)) {
      half = floatToHalf(v);
      double error = static_cast<double>(v) - halfToFloat(half);
      packed.signal += static_cast<double>(v) * v;
      packed.noise += error * error;
    }
    return consumeAll(llvm::ArrayRef(halves), consume);
  }

  mlir::ElementsAttr value;
  bool isHalf;
  PackedWeight &packed;
  Consume consume;
  std::vector<uint16_t> halves;
};

/// Packs the quantized weights of one constant: codes that were chosen before, or those of
/// round-to-nearest.
class QuantizedPacker {
public:
  QuantizedPacker(rt::ConstantOp constant, const quant::WeightQuantizer &quantizer,
                  unsigned threads, PackedWeight &packed)
      : value(constant.getValue()), quantizer(quantizer), threads(threads), packed(packed) {
    auto type = mlir::cast<rt::ConstantType>(constant.getType());
    stored = mlir::RankedTensorType::get(type.getShape(), type.getElementType());
    format = *getFormat(type.getElementType());
    isTable = type.getLayout() == Layout::RowMajor;
    rows = type.getShape()[0];
    width = type.getShape()[1];
    // Whole panels, and enough of them that threads are worth it.
    blockRows = std::max<int64_t>(kBlockElements * 8 / width / 16, 1) * 16;
  }

  absl::Status packMatrix(Consume consume) {
    std::vector<uint8_t> panel(quant::packedPanelBytes(format, width));
    for (int64_t first = 0; first < rows; first += blockRows) {
      absl::StatusOr<quant::QuantizedMatrix> block = quantizeRows(first);
      if (!block.ok())
        return block.status();
      for (int64_t index = 0; index < quant::panelCount(block->rows); ++index) {
        quant::packPanel(*block, index, panel.data());
        if (absl::Status status = consumeAll(llvm::ArrayRef(panel), consume); !status.ok())
          return status;
      }
    }
    return absl::OkStatus();
  }

  absl::Status packTable(Consume consume) {
    // A table's planes hold all rows each, so its codes are kept: a byte a value.
    quant::QuantizedMatrix table;
    table.format = format;
    table.rows = rows;
    table.width = width;
    for (int64_t first = 0; first < rows; first += blockRows) {
      absl::StatusOr<quant::QuantizedMatrix> block = quantizeRows(first);
      if (!block.ok())
        return block.status();
      auto append = [](auto &to, const auto &from) {
        to.insert(to.end(), from.begin(), from.end());
      };
      append(table.codes, block->codes);
      append(table.rowScales, block->rowScales);
      append(table.ratios, block->ratios);
      append(table.halfScales, block->halfScales);
    }
    return quant::packTable(table, [&](absl::Span<const uint8_t> bytes) {
      return consume({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
    });
  }

private:
  absl::StatusOr<quant::QuantizedMatrix> quantizeRows(int64_t first) {
    int64_t count = std::min(blockRows, rows - first);
    if (value.getShapedType().getElementType().isUnsignedInteger(8))
      return decodeRows(value, stored, first, count);
    source.resize(count * width);
    readAsF32(value, first * width, count * width, source.data());
    absl::StatusOr<quant::QuantizedMatrix> block =
        quantizer.quantize({source.data(), count, width, isTable}, format, nullptr, threads);
    if (block.ok())
      addError(*block);
    return block;
  }

  void addError(const quant::QuantizedMatrix &block) {
    std::vector<float> row(width);
    for (int64_t r = 0; r < block.rows; ++r) {
      block.dequantizeRow(r, row.data());
      float signal = 0, noise = 0;
      for (int64_t c = 0; c < width; ++c) {
        float v = source[r * width + c], error = v - row[c];
        signal += v * v;
        noise += error * error;
      }
      packed.signal += signal;
      packed.noise += noise;
    }
  }

  mlir::ElementsAttr value;
  const quant::WeightQuantizer &quantizer;
  unsigned threads;
  PackedWeight &packed;
  mlir::RankedTensorType stored;
  quant::Format format;
  bool isTable;
  int64_t rows, width, blockRows;
  std::vector<float> source;
};

} // namespace

absl::StatusOr<PackedWeight> CpuTarget::packConstant(rt::ConstantOp constant, unsigned threads,
                                                     Consume consume) const {
  mlir::ElementsAttr value = constant.getValue();
  if (!hasData(value))
    return absl::InvalidArgumentError(
        absl::StrCat("constant '", constant.getSymName().str(),
                     "' has no data: it was elided when the module was printed"));
  auto type = mlir::cast<rt::ConstantType>(constant.getType());
  bool isPanel = type.getLayout() == Layout::Panel16;
  PackedWeight packed;
  absl::Status status;
  if (mlir::isa<QuantizedType>(type.getElementType())) {
    absl::StatusOr<std::unique_ptr<quant::WeightQuantizer>> quantizer = quant::makeQuantizer("rtn");
    if (!quantizer.ok())
      return quantizer.status();
    QuantizedPacker packer(constant, **quantizer, threads, packed);
    status = isPanel ? packer.packMatrix(consume) : packer.packTable(consume);
    if (!status.ok())
      status = absl::Status(status.code(), absl::StrCat("constant '", constant.getSymName().str(),
                                                        "': ", status.message()));
  } else if (type.getElementType().isUnsignedInteger(16)) {
    std::vector<uint16_t> indices(value.getNumElements());
    readIntegers(value, 0, value.getNumElements(), indices.data());
    status = consumeAll(llvm::ArrayRef(indices), consume);
  } else {
    FloatPacker packer(value, type.getElementType().isF16(), packed, consume);
    status =
        isPanel ? packer.packPanels(type.getShape()[0], type.getShape()[1]) : packer.packRowMajor();
  }
  if (!status.ok())
    return status;
  return packed;
}
