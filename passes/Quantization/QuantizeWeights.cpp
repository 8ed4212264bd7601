// Chooses the codes of the weights that are to be quantized. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/Passes.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/WeightQuantizer.h"

namespace gem {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct QuantizeWeights : gem::impl::QuantizeWeightsPassBase<QuantizeWeights> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;
  QuantizeWeights(QuantizeWeightsPassOptions options, const quant::StatisticsSource *statistics,
                  QuantizeWeightsProgress progress)
      : QuantizeWeightsPassBase(std::move(options)), statistics(statistics),
        progress(std::move(progress)) {}

  void runOnOperation() override {
    absl::StatusOr<std::unique_ptr<quant::WeightQuantizer>> made =
        quant::makeQuantizer(std::string(algorithm));
    if (!made.ok()) {
      getOperation().emitError() << std::string(made.status().message());
      return signalPassFailure();
    }
    // Matrices first read by a linear; tables have no input that could be correlated.
    llvm::StringMap<SmallVector<Operation *>> readers;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](WeightUserOpInterface user) {
        for (WeightUse use : user.getWeightUses())
          if (auto get = user->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>())
            if (use.kind == WeightUseKind::Matrix)
              readers[get.getWeight()].push_back(user);
      });
    SmallVector<WeightOp> weights;
    for (auto weight : getOperation().getOps<WeightOp>())
      if (isa<QuantizedType>(weight.getWeightType().getElementType()) &&
          isa<FloatType>(weight.getValue().getShapedType().getElementType()) &&
          hasData(weight.getValue()) && readers.count(weight.getSymName()))
        weights.push_back(weight);
    for (auto [index, weight] : llvm::enumerate(weights)) {
      if (failed(quantize(weight, **made, readers[weight.getSymName()])))
        return signalPassFailure();
      if (progress)
        progress(index + 1, weights.size());
    }
  }

private:
  LogicalResult quantize(WeightOp weight, const quant::WeightQuantizer &quantizer,
                         ArrayRef<Operation *> readers) {
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    std::vector<float> values(type.getNumElements());
    readAsF32(weight.getValue(), 0, type.getNumElements(), values.data());
    quant::WeightView view{values.data(), type.getDimSize(0), type.getDimSize(1), false};
    quant::Format format = *getFormat(weight.getWeightType().getElementType());

    quant::InputStatistics loaded;
    const quant::InputStatistics *known = nullptr;
    if (statistics) {
      absl::StatusOr<quant::InputStatistics> found = statistics->load(weight.getSymName().str());
      if (found.ok()) {
        loaded = *std::move(found);
        known = &loaded;
      }
    }
    if (quantizer.needsStatistics() && !known)
      return weight.emitOpError("has no statistics of its input, which algorithm ")
             << std::string(quantizer.name()) << " needs";
    absl::StatusOr<quant::QuantizedMatrix> matrix =
        quantizer.quantize(view, format, known, threads);
    if (!matrix.ok())
      return weight.emitOpError() << std::string(matrix.status().message());
    absl::StatusOr<ElementsAttr> encoded =
        encodeWeight(&getContext(), weight.getSymName(), *matrix);
    if (!encoded.ok())
      return weight.emitOpError() << std::string(encoded.status().message());
    if (biasCorrection && known)
      correctBiases(readers, view, *matrix, *known);
    RankedTensorType stored = weight.getWeightType();
    weight.setValueAttr(*encoded);
    weight.setStored(stored);
    ++numQuantized;
    return success();
  }

  /// bias += (W - Q) E[x] for the linears that read the weight and no other's bias.
  void correctBiases(ArrayRef<Operation *> readers, const quant::WeightView &view,
                     const quant::QuantizedMatrix &matrix, const quant::InputStatistics &known) {}

  const quant::StatisticsSource *statistics = nullptr;
  QuantizeWeightsProgress progress;
};

} // namespace

std::unique_ptr<Pass> gem::createQuantizeWeightsPass(QuantizeWeightsPassOptions options,
                                                     const quant::StatisticsSource *statistics,
                                                     QuantizeWeightsProgress progress) {
  return std::make_unique<QuantizeWeights>(std::move(options), statistics, std::move(progress));
}
