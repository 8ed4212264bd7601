// Chooses the codes of the weights that are to be quantized. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/Passes.h"
#include "passes/Quantization/BiasCorrection.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/OutputError.h"
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
    // What reads each matrix or table.
    llvm::StringMap<SmallVector<Operation *>> readers;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](WeightUserOpInterface user) {
        for (WeightUse use : user.getWeightUses())
          if (auto get = user->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>())
            if (use.kind == WeightUseKind::Matrix ||
                (use.kind == WeightUseKind::Table && hasTableAlgorithm(get.getWeight())))
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
  /// The algorithm named for a weight, or for the table that it is a part of; or empty.
  StringRef ownAlgorithm(StringRef name) const {
    if (!context.algorithms)
      return {};
    auto own = context.algorithms->find(name);
    if (own == context.algorithms->end())
      own = context.algorithms->find(name.rsplit('.').first);
    return own == context.algorithms->end() ? StringRef() : StringRef(own->second);
  }

  /// Tables are rounded while the bundle is written, unless an algorithm is named for them.
  bool hasTableAlgorithm(StringRef name) const { return !ownAlgorithm(name).empty(); }

  LogicalResult quantize(WeightOp weight, ArrayRef<Operation *> readers) {
    std::string name = ownAlgorithm(weight.getSymName()).str();
    if (name.empty())
      name = algorithm;
    absl::StatusOr<std::unique_ptr<quant::WeightQuantizer>> made = quant::makeQuantizer(name);
    if (!made.ok())
      return weight.emitOpError() << std::string(made.status().message());
    const quant::WeightQuantizer &quantizer = **made;
    auto type = cast<RankedTensorType>(weight.getValue().getType());
    std::vector<float> values(type.getNumElements());
    readAsF32(weight.getValue(), 0, type.getNumElements(), values.data());
    bool isTable =
        llvm::any_of(readers, [](Operation *op) { return isa<EmbeddingOp, AddPositionOp>(op); });
    quant::WeightView view{values.data(), type.getDimSize(0), type.getDimSize(1), isTable};
    quant::Format format = *getFormat(weight.getWeightType().getElementType());

    quant::InputStatistics loaded;
    const quant::InputStatistics *known = nullptr;
    if (context.statistics) {
      absl::StatusOr<quant::InputStatistics> found =
          context.statistics->load(weight.getSymName().str());
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
    bool keepsBias = context.keepBiases && context.keepBiases->contains(weight.getSymName());
    if (biasCorrection && !keepsBias && known &&
        failed(correctBiases(weight, readers, view, *matrix, *known)))
      return failure();
    if (context.learned)
      report(weight, view, *matrix, known, name);
    RankedTensorType stored = weight.getWeightType();
    weight.setValueAttr(*encoded);
    weight.setStored(stored);
    ++numQuantized;
    return success();
  }

  /// Lets the biases of the linears that read the weight take up the mean of the error.
  LogicalResult correctBiases(WeightOp weight, ArrayRef<Operation *> readers,
                              const quant::WeightView &view, const quant::QuantizedMatrix &matrix,
                              const quant::InputStatistics &known) {
    SymbolTable symbols(getOperation());
    for (Operation *reader : readers) {
      auto linear = dyn_cast<LinearOp>(reader);
      auto get = linear && linear.getBias() ? linear.getBias().getDefiningOp<GetWeightOp>()
                                            : GetWeightOp();
      auto bias = get ? symbols.lookup<WeightOp>(get.getWeight()) : WeightOp();
      // A bias that others read too must stay what it is.
      if (!bias || !hasData(bias.getValue()) || !get->hasOneUse() ||
          llvm::range_size(*SymbolTable::getSymbolUses(bias, getOperation())) != 1)
        continue;
      std::vector<float> values(view.rows);
      readAsF32(bias.getValue(), 0, view.rows, values.data());
      absl::StatusOr<std::vector<float>> corrected =
          quant::correctBias(view, matrix, values, known);
      if (!corrected.ok())
        return weight.emitOpError() << std::string(corrected.status().message());
      bias.setValueAttr(
          makeF32Resource(&getContext(), {view.rows}, bias.getSymName(), *std::move(corrected)));
    }
    return success();
  }

  void report(WeightOp weight, const quant::WeightView &view, const quant::QuantizedMatrix &matrix,
              const quant::InputStatistics *known, const std::string &algorithm) {
    QuantizedWeight result;
    result.name = weight.getSymName().str();
    result.algorithm = algorithm;
    quant::ErrorPower values = quant::weightError(view, matrix, threads);
    result.signal = values.power;
    result.noise = values.error;
    if (known) {
      quant::ErrorPower outputs = quant::outputError(view, matrix, known->gram.data(), threads);
      result.outputSignal = outputs.power;
      result.outputNoise = outputs.error;
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
