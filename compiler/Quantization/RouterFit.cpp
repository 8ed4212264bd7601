// The router is fitted again to what the quantized encoder gives it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/RouterFit.h"
#include "compiler/Calibration/RuntimeActivationSource.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/RouterRefit.h"

using namespace mlir;
using namespace gem;

namespace {

SmallVector<RouteTokensOp> findRouters(ModuleOp module) {
  SmallVector<RouteTokensOp> routers;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](RouteTokensOp op) { routers.push_back(op); });
  return routers;
}

WeightOp weightOf(Value value) {
  auto get = value ? value.getDefiningOp<GetWeightOp>() : GetWeightOp();
  return get ? SymbolTable::lookupNearestSymbolFrom<WeightOp>(get, get.getWeightAttr())
             : WeightOp();
}

std::vector<float> readWeight(WeightOp weight) {
  std::vector<float> values(weight.getValue().getNumElements());
  readAsF32(weight.getValue(), 0, values.size(), values.data());
  return values;
}

void replaceData(WeightOp weight, std::vector<float> values) {
  RankedTensorType type = weight.getWeightType();
  weight.setValueAttr(makeF32Resource(weight.getContext(), type.getShape(), weight.getSymName(),
                                      std::move(values)));
  // The type that its readers see stays.
  if (!type.getElementType().isF32())
    weight.setStored(type);
}

/// Runs one module on the texts and hands the rows of the router's input to `consume`, until
/// that wants no more.
class RouterInputs {
public:
  RouterInputs(const RouterFitOptions &options, int64_t numTexts, std::string stage)
      : options(options), numTexts(numTexts), stage(std::move(stage)) {}

  absl::Status run(RouteTokensOp router,
                   llvm::function_ref<absl::StatusOr<bool>(ActivationRows)> consume) {
    RuntimeActivationSource::Options source;
    source.path = options.texts;
    source.numTexts = numTexts;
    source.threads = options.threads;
    if (options.progress)
      source.progress = [&](uint64_t done, uint64_t total) {
        options.progress(stage, done, total);
      };
    ErrorCollector errors(router.getContext());
    absl::Status problem;
    bool isEnough = false;
    auto result = RuntimeActivationSource(source).forEachText(
        router.getX(), [&](ArrayRef<ActivationRows> rows, StringRef) -> LogicalResult {
          absl::StatusOr<bool> wantsMore = consume(rows.front());
          problem = wantsMore.status();
          isEnough = wantsMore.ok() && !*wantsMore;
          return success(wantsMore.ok() && *wantsMore);
        });
    if (!problem.ok() || isEnough || succeeded(result))
      return problem;
    return errors.toStatus("running the texts to fit the router failed");
  }

private:
  const RouterFitOptions &options;
  int64_t numTexts;
  std::string stage;
};

absl::Status fitOne(RouteTokensOp original, RouteTokensOp quantized,
                    const RouterFitOptions &options, int64_t numTexts) {
  WeightOp routing = weightOf(original.getWR()), centroids = weightOf(original.getCentroids());
  WeightOp routingOut = weightOf(quantized.getWR()),
           centroidsOut = weightOf(quantized.getCentroids());
  if (!routing || !centroids || !routingOut || !centroidsOut || !hasData(routing.getValue()) ||
      !hasData(centroids.getValue()))
    return absl::OkStatus();

  std::vector<float> reference;
  int64_t width = cast<RankedTensorType>(original.getX().getType()).getDimSize(1);
  absl::Status status =
      RouterInputs(options, numTexts, "routing in f32")
          .run(original, [&](ActivationRows rows) -> absl::StatusOr<bool> {
            reference.insert(reference.end(), rows.data.begin(), rows.data.end());
            return static_cast<int64_t>(reference.size()) < options.maxTokens * width;
          });
  if (!status.ok())
    return status;

  quant::Router router;
  router.width = width;
  router.routing = readWeight(routing);
  router.centroids = readWeight(centroids);
  router.threshold = original.getThreshold().convertToDouble();
  if (!(router.threshold > 0 && router.threshold < 1))
    return absl::OkStatus(); // every token decides alike
  quant::RouterRefitOptions fitOptions;
  fitOptions.keptTokens = options.maxTokens;
  quant::RouterRefit fit(router, fitOptions, options.threads);
  size_t at = 0;
  status = RouterInputs(options, numTexts, "fitting the router")
               .run(quantized, [&](ActivationRows rows) -> absl::StatusOr<bool> {
                 absl::Span<const float> compressed(rows.data.data(), rows.data.size());
                 absl::Span<const float> original(reference.data() + at, rows.data.size());
                 at += rows.data.size();
                 if (absl::Status added = fit.add(original, compressed); !added.ok())
                   return added;
                 return at < reference.size();
               });
  if (!status.ok())
    return status;
  quant::RouterRefitResult result = fit.fit();
  replaceData(routingOut, std::move(result.router.routing));
  replaceData(centroidsOut, std::move(result.router.centroids));
  return absl::OkStatus();
}

} // namespace

absl::Status gem::fitRouterAgain(ModuleOp original, ModuleOp quantized,
                                 const RouterFitOptions &options) {
  absl::StatusOr<TextFileInfo> texts = scanTextFile(options.texts);
  if (!texts.ok())
    return texts.status();
  auto before = findRouters(original), after = findRouters(quantized);
  for (auto [from, to] : llvm::zip(before, after))
    if (absl::Status status = fitOne(from, to, options, texts->numTexts); !status.ok())
      return status;
  return absl::OkStatus();
}
