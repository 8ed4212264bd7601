// Which layers of two models are to be fitted to each other, and in what order.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Preservation/LayerGraph.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/EncodedWeight.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace gem;
using namespace gem::preserve;

namespace {

/// The operands of a layer, or nulls when `op` is none that can be fitted.
struct Linear {
  Value x, weight, bias, result;

  explicit Linear(Operation *op) {
    if (auto linear = dyn_cast<LinearOp>(op)) {
      if (linear.getActivation() == Activation::None && !linear.getResidual())
        *this = {linear.getX(), linear.getWeight(), linear.getBias(), linear.getResult()};
    } else if (auto classify = dyn_cast<ClassifyOp>(op)) {
      *this = {classify.getX(), classify.getWeight(), classify.getBias(), classify.getLogits()};
    }
  }
  Linear(Value x, Value weight, Value bias, Value result)
      : x(x), weight(weight), bias(bias), result(result) {}
};

GetWeightOp readerOf(Value value) {
  return value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
}

int64_t widthOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); }

/// The addition that is all that reads `value`, or nothing.
AddOp residualOf(Value value) {
  return value.hasOneUse() ? dyn_cast<AddOp>(*value.user_begin()) : AddOp();
}

/// The only row of `value` that anything reads, or -1.
int64_t readRowOf(Value value) {
  std::optional<int64_t> row;
  for (Operation *user : value.getUsers()) {
    int64_t read = -1;
    if (auto select = dyn_cast<SelectOp>(user)) {
      read = static_cast<int64_t>(select.getRow());
    } else if (auto tokenwise = dyn_cast<TokenwiseOpInterface>(user);
               tokenwise && user->getNumResults() == 1) {
      SmallVector<unsigned> byRow = tokenwise.getTokenwiseOperands();
      bool isByRow = llvm::all_of(user->getOpOperands(), [&](OpOperand &operand) {
        return operand.get() != value || llvm::is_contained(byRow, operand.getOperandNumber());
      });
      if (isByRow)
        read = readRowOf(user->getResult(0));
    }
    if (read < 0 || (row && *row != read))
      return -1;
    row = read;
  }
  return row.value_or(-1);
}

/// Finds in `all`, in order, rows that are the same numbers as those of `some`; empty when
/// one is not there.
std::vector<int64_t> matchRows(WeightOp some, WeightOp someBias, WeightOp all, WeightOp allBias) {
  std::vector<float> few = readWeight(some), many = readWeight(all), fewBias, manyBias;
  const int64_t width = some.getWeightType().getDimSize(1);
  if (width != all.getWeightType().getDimSize(1) || !someBias != !allBias)
    return {};
  if (someBias) {
    fewBias = readWeight(someBias);
    manyBias = readWeight(allBias);
  }
  std::vector<int64_t> rows;
  int64_t next = 0, count = all.getWeightType().getDimSize(0);
  for (int64_t row = 0; row < some.getWeightType().getDimSize(0); ++row, ++next) {
    auto isSame = [&] {
      return std::memcmp(few.data() + row * width, many.data() + next * width,
                         width * sizeof(float)) == 0 &&
             (!someBias || fewBias[row] == manyBias[next]);
    };
    while (next < count && !isSame())
      ++next;
    if (next == count)
      return {};
    rows.push_back(next);
  }
  return rows;
}

class StageFinder {
public:
  StageFinder(ModuleOp original, ModuleOp compressed, const PreservationOptions &options)
      : original(original), compressed(compressed), options(options) {}

  absl::StatusOr<std::vector<Stage>> run() {
    for (auto function : compressed.getOps<func::FuncOp>())
      if (auto before = original.lookupSymbol<func::FuncOp>(function.getSymName()))
        if (absl::Status status = add(before, function); !status.ok())
          return status;
    return std::move(stages);
  }

private:
  absl::Status add(func::FuncOp before, func::FuncOp after) {
    llvm::StringMap<Operation *> originals; // by the name of their (first) weight
    before.walk([&](Operation *op) {
      Linear linear(op);
      Value weight = linear.weight;
      if (auto norm = dyn_cast<LayerNormOp>(op))
        weight = norm.getGamma();
      if (GetWeightOp get = readerOf(weight))
        originals[get.getWeight()] = op;
    });
    llvm::MapVector<Value, Stage> found;
    absl::Status status;
    after.walk([&](Operation *op) {
      Linear linear(op);
      WeightOp weight = ownWeight(linear.weight, compressed);
      if (!weight || !status.ok())
        return;
      Layer layer;
      layer.weight = weight;
      Operation *counterpart = originals.lookup(weight.getSymName());
      if (counterpart)
        status = fill(layer, op, counterpart);
      Value inputBefore = counterpart ? Linear(counterpart).x : Value();
      Stage &stage = found[linear.x];
      if (stage.layers.empty()) {
        stage.input = linear.x;
        stage.originalInput = inputBefore;
        stage.norm = findNorm(linear.x, originals);
      } else if (stage.originalInput != inputBefore) {
        stage.originalInput = nullptr;
      }
      stage.layers.push_back(std::move(layer));
    });
    for (auto &[input, stage] : found)
      stages.push_back(std::move(stage));
    return status;
  }

  /// What is to be fitted of `layer`, where the models allow it.
  absl::Status fill(Layer &layer, Operation *op, Operation *counterpart) {
    Linear linear(op), before(counterpart);
    if (!before.weight || op->getName() != counterpart->getName())
      return absl::OkStatus();
    layer.isClassifier = isa<ClassifyOp>(op);
    layer.bias = ownWeight(linear.bias, compressed);
    layer.result = linear.result;
    layer.target = before.result;
    AddOp sum = residualOf(linear.result), sumBefore = residualOf(before.result);
    const bool isSum = sum && sumBefore;
    if (isSum && options.residuals) {
      layer.result = sum.getResult();
      layer.target = sumBefore.getResult();
    }
    layer.readRow = readRowOf(layer.result);
    absl::Status status = findRows(layer, linear, before);
    if (!status.ok() || layer.rows.empty())
      return status;
    // What is read out (of scar.out) is a result of the model, as sums are.
    const bool isReadOut =
        llvm::all_of(linear.result.getUsers(), [](Operation *user) { return isa<SelectOp>(user); });
    const bool isInner = !isSum && !layer.isClassifier && !isReadOut;
    if ((layer.isClassifier && !options.classifier) || (isInner && !options.inner))
      return absl::OkStatus();
    if (!isQuantized(layer.weight))
      // A bias that others read too cannot change with the weights, nor they without it.
      layer.fit = linear.bias && !layer.bias ? Layer::Fit::None : Layer::Fit::All;
    else if (layer.bias)
      layer.fit = Layer::Fit::Bias;
    return absl::OkStatus();
  }

  absl::Status findRows(Layer &layer, const Linear &linear, const Linear &before) {
    const int64_t outputs = widthOf(layer.result), all = widthOf(layer.target);
    auto given = options.keptRows.find(layer.getName());
    if (given != options.keptRows.end()) {
      layer.rows = given->second;
      bool isValid = static_cast<int64_t>(layer.rows.size()) == outputs &&
                     llvm::all_of(layer.rows, [&](int64_t row) { return row >= 0 && row < all; });
      if (!isValid)
        return absl::InvalidArgumentError(
            absl::StrCat("kept rows of '", layer.getName(), "': expected ", outputs,
                         " rows of 0 to ", all - 1, ", but got ", layer.rows.size(),
                         " or one outside; give the rows of the original that were kept"));
    } else if (outputs == all) {
      layer.rows.resize(all);
      std::iota(layer.rows.begin(), layer.rows.end(), 0);
    } else if (WeightOp source = weightOf(before.weight, original);
               source && hasData(source.getValue()) && !isQuantized(layer.weight)) {
      layer.rows = matchRows(layer.weight, weightOf(linear.bias, compressed), source,
                             weightOf(before.bias, original));
    }
    return absl::OkStatus();
  }

  std::optional<Norm> findNorm(Value input, const llvm::StringMap<Operation *> &originals) {
    auto norm = input.getDefiningOp<LayerNormOp>();
    if (!norm || !options.norms)
      return std::nullopt;
    Norm result{ownWeight(norm.getGamma(), compressed), ownWeight(norm.getBeta(), compressed), {}};
    if (!result.gamma || !result.beta)
      return std::nullopt;
    auto before = dyn_cast_or_null<LayerNormOp>(originals.lookup(result.gamma.getSymName()));
    if (!before || widthOf(before.getResult()) != widthOf(input))
      return std::nullopt;
    result.target = before.getResult();
    return result;
  }

  static WeightOp weightOf(Value value, ModuleOp module) {
    GetWeightOp get = readerOf(value);
    return get ? module.lookupSymbol<WeightOp>(get.getWeight()) : WeightOp();
  }

  /// The weight behind `value` if it has data and nothing else reads it.
  static WeightOp ownWeight(Value value, ModuleOp module) {
    WeightOp weight = weightOf(value, module);
    if (!weight || !readerOf(value)->hasOneUse() || !hasData(weight.getValue()) ||
        !llvm::hasSingleElement(*SymbolTable::getSymbolUses(weight, module)))
      return {};
    return weight;
  }

  ModuleOp original, compressed;
  const PreservationOptions &options;
  std::vector<Stage> stages;
};

} // namespace

std::vector<Layer *> Stage::getFitted() {
  std::vector<Layer *> fitted;
  for (Layer &layer : layers)
    if (layer.fit != Layer::Fit::None)
      fitted.push_back(&layer);
  return fitted;
}

SmallVector<Value> Stage::getResults() {
  SmallVector<Value> values;
  for (Layer *layer : getFitted())
    values.push_back(layer->result);
  return values;
}

SmallVector<Value> Stage::getTargets() {
  SmallVector<Value> values;
  for (Layer *layer : getFitted())
    values.push_back(layer->target);
  if (norm)
    values.push_back(norm->target);
  return values;
}

std::string Stage::getName() const {
  StringRef name = WeightOp(layers.front().weight).getSymName();
  name.consume_back(".weight");
  return name.str();
}

absl::StatusOr<std::vector<Stage>> gem::preserve::findStages(ModuleOp original, ModuleOp compressed,
                                                             const PreservationOptions &options) {
  return StageFinder(original, compressed, options).run();
}

bool gem::preserve::isQuantized(WeightOp weight) {
  return isa<QuantizedType>(weight.getWeightType().getElementType());
}

std::vector<float> gem::preserve::readWeight(WeightOp weight) {
  RankedTensorType type = weight.getWeightType();
  std::vector<float> values(type.getNumElements());
  auto data = cast<RankedTensorType>(weight.getValue().getType());
  if (isa<FloatType>(data.getElementType())) {
    readAsF32(weight.getValue(), 0, values.size(), values.data());
    return values;
  }
  quant::QuantizedMatrix matrix = decodeRows(weight.getValue(), type, 0, type.getDimSize(0));
  for (int64_t row = 0; row < matrix.rows; ++row)
    matrix.dequantizeRow(row, values.data() + row * matrix.width);
  return values;
}

void gem::preserve::replaceWeight(WeightOp weight, std::vector<float> values) {
  RankedTensorType type = weight.getWeightType();
  const bool isDecided = weight.getStored().has_value();
  weight.setValueAttr(makeF32Resource(weight.getContext(), type.getShape(), weight.getSymName(),
                                      std::move(values)));
  if (isDecided || type.getElementType().isF32())
    return;
  // A checkpoint's f16 or bf16: now it is f32, until a format is decided.
  auto module = weight->getParentOfType<ModuleOp>();
  std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(weight, module);
  for (SymbolTable::SymbolUse use : *uses)
    if (auto get = dyn_cast<GetWeightOp>(use.getUser()))
      get.getResult().setType(weight.getWeightType());
}
