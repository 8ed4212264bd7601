// Arranges weights as the CPU kernels read them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "dialects/Gem/WeightData.h"
#include "targets/Cpu/CpuTarget.h"
#include <vector>

using namespace gem;

namespace {

using Consume = llvm::function_ref<absl::Status(llvm::ArrayRef<char>)>;

absl::Status consumeFloats(llvm::ArrayRef<float> values, Consume consume) {
  // Bundles are little endian, as every host and device of this project is.
  return consume({reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)});
}

absl::Status packRowMajor(mlir::ElementsAttr value, Consume consume) {
  constexpr int64_t kBlock = 1 << 18; // 1 MiB of f32
  int64_t total = value.getNumElements();
  std::vector<float> block(std::min(kBlock, total));
  for (int64_t first = 0; first < total; first += kBlock) {
    int64_t count = std::min(kBlock, total - first);
    readAsF32(value, first, count, block.data());
    if (absl::Status status = consumeFloats({block.data(), size_t(count)}, consume); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

/// Layout panel_16: 16 rows at a time, transposed.
absl::Status packPanels(mlir::ElementsAttr value, int64_t rows, int64_t width, Consume consume) {
  constexpr int64_t kPanel = 16;
  std::vector<float> source(kPanel * width), panel(kPanel * width);
  for (int64_t row = 0; row < rows; row += kPanel) {
    int64_t count = std::min(kPanel, rows - row);
    readAsF32(value, row * width, count * width, source.data());
    std::fill(source.begin() + count * width, source.end(), 0.0f);
    for (int64_t n = 0; n < kPanel; ++n)
      for (int64_t k = 0; k < width; ++k)
        panel[k * kPanel + n] = source[n * width + k];
    if (absl::Status status = consumeFloats(panel, consume); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

} // namespace

absl::Status CpuTarget::packConstant(rt::ConstantOp constant, Consume consume) const {
  mlir::ElementsAttr value = constant.getValue();
  if (!hasData(value))
    return absl::InvalidArgumentError(
        absl::StrCat("constant '", constant.getSymName().str(),
                     "' has no data: it was elided when the module was printed"));
  auto type = mlir::cast<rt::ConstantType>(constant.getType());
  if (type.getLayout() == Layout::Panel16)
    return packPanels(value, type.getShape()[0], type.getShape()[1], consume);
  return packRowMajor(value, consume);
}
