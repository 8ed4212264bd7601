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
  QuantizeWeights(QuantizeWeightsPassOptions options, QuantizeWeightsContext context)
      : QuantizeWeightsPassBase(std::move(options)), context(std::move(context)) {}

  void runOnOperation() override {
    // The linears that read each matrix; tables have no input that could be correlated.
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
    for (WeightOp weight : weights)
      if (failed(quantize(weight, readers[weight.getSymName()])))
        return signalPassFailure();
  }

private:
  LogicalResult quantize(WeightOp weight, ArrayRef<Operation *> readers) {
    std::string name = algorithm;
    if (context.algorithms)
      if (auto own = context.algorithms->find(weight.getSymName()); own != context.algorithms->end())
        name = own->second;
    absl::StatusOr<std::unique_ptr<quant::WeightQuantizer>> made = quant::makeQuantizer(name);
    if (!made.ok())
      return weight.emitOpError() << std::string(made.status().message());
    const quant::WeightQuantizer &quantizer = **made;
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    std::vector<float> values(type.getNumElements());
    readAsF32(weight.getValue(), 0, type.getNumElements(), values.data());
    quant::WeightView view{values.data(), type.getDimSize(0), type.getDimSize(1), false};
    quant::Format format = *getFormat(weight.getWeightType().getElementType());

    quant::InputStatistics loaded;
    const quant::InputStatistics *known = nullptr;
    if (context.statistics) {
      absl::StatusOr<quant::InputStatistics> found = context.statistics->load(weight.getSymName().str());
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
    if (context.learned)
      report(weight, view, *matrix, known, name);
    RankedTensorType stored = weight.getWeightType();
    weight.setValueAttr(*encoded);
    weight.setStored(stored);
    ++numQuantized;
    return success();
  }

  /// bias += (W - Q) E[x] for the linears that read the weight and no other's bias.
  void correctBiases(ArrayRef<Operation *> readers, const quant::WeightView &view,
                     const quant::QuantizedMatrix &matrix, const quant::InputStatistics &known) {}

  void report(WeightOp weight, const quant::WeightView &view, const quant::QuantizedMatrix &matrix,
              const quant::InputStatistics *known, const std::string &algorithm) {
    QuantizedWeight result;
    result.name = weight.getSymName().str();
    result.algorithm = algorithm;
    std::vector<float> row(view.width);
    for (int64_t r = 0; r < view.rows; ++r) {
      matrix.dequantizeRow(r, row.data());
      for (int64_t c = 0; c < view.width; ++c) {
        double value = view.data[r * view.width + c], error = value - row[c];
        result.signal += value * value;
        result.noise += error * error;
      }
    }
    context.learned(result);
  }

  QuantizeWeightsContext context;
};

} // namespace

std::unique_ptr<Pass> gem::createQuantizeWeightsPass(QuantizeWeightsPassOptions options,
                                                     QuantizeWeightsContext context) {
  return std::make_unique<QuantizeWeights>(std::move(options), std::move(context));
}
