// Fits the router's centroids on calibration activations. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "passes/ActivationSource.h"
#include "passes/Passes.h"
#include "passes/Routing/KMeans.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstring>
#include <random>

namespace gem {
#define GEN_PASS_DEF_FITROUTERCENTROIDSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

/// A uniform sample of at most `capacity` rows of a stream (Vitter's algorithm R), the
/// same for the same stream and seed.
class RowSample {
public:
  RowSample(int64_t capacity, uint64_t seed) : capacity(capacity), random(seed) {}

  void add(ActivationRows rows) {
    for (int64_t i = 0; i < rows.numRows; ++i, ++seen) {
      ArrayRef<float> row = rows.data.slice(i * rows.width, rows.width);
      if (seen < capacity) {
        data.insert(data.end(), row.begin(), row.end());
        continue;
      }
      int64_t slot = static_cast<int64_t>(random() % static_cast<uint64_t>(seen + 1));
      if (slot < capacity)
        std::copy(row.begin(), row.end(), data.begin() + slot * rows.width);
    }
  }

  std::vector<float> data;

private:
  int64_t capacity, seen = 0;
  std::mt19937_64 random;
};

struct FitRouterCentroids : gem::impl::FitRouterCentroidsPassBase<FitRouterCentroids> {
  using FitRouterCentroidsPassBase::FitRouterCentroidsPassBase;
  FitRouterCentroids(FitRouterCentroidsPassOptions options, ActivationSource *source)
      : FitRouterCentroidsPassBase(std::move(options)), source(source) {}

  void runOnOperation() override {
    SmallVector<RouteTokensOp> routers;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](RouteTokensOp op) {
        if (!op.getCentroids())
          routers.push_back(op);
      });
    for (RouteTokensOp router : routers)
      if (failed(fit(router)))
        return signalPassFailure();
    if (routers.empty())
      markAllAnalysesPreserved();
  }

  LogicalResult fit(RouteTokensOp router) {
    int64_t width = router.getX().getType().getDimSize(1);
    if (width < 1) // 0, or not known
      return router.emitOpError("expected a router on rows of a fixed width, but got ")
             << router.getX().getType();
    RowSample sample(maxTokens, seed);
    if (failed(collect(router, width, sample)))
      return failure();
    for (float value : sample.data)
      if (!std::isfinite(value))
        return router.emitOpError("expected finite activations to fit centroids on, but got ")
               << value;
    KMeansResult result = runKMeans(sample.data, width,
                                    {.numClusters = static_cast<int64_t>(router.getNumClusters()),
                                     .seed = seed,
                                     .maxIterations = maxIterations});
    int64_t fitted = result.centroids.size() / width;
    if (fitted < static_cast<int64_t>(router.getNumClusters()))
      return router.emitOpError("expected at least ")
             << router.getNumClusters() << " distinct tokens to fit as many clusters on, but got "
             << fitted << "; give more calibration texts";

    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    OpBuilder builder(module.getBodyRegion());
    auto weight =
        builder.create<WeightOp>(router.getLoc(), "router.centroids",
                                 makeF32Resource(&getContext(), {fitted, width}, "router.centroids",
                                                 std::move(result.centroids)));
    symbols.insert(weight); // makes the name unique when there are several routers
    builder.setInsertionPoint(router);
    auto centroids =
        builder.create<GetWeightOp>(router.getLoc(), weight.getWeightType(), weight.getSymName());
    router.getCentroidsMutable().assign(centroids);
    ++numFitted;
    return success();
  }

  LogicalResult collect(RouteTokensOp router, int64_t width, RowSample &sample) {
    if (!activationsFile.empty())
      return readFile(router, width, sample);
    if (!source)
      return router.emitOpError("has no centroids, and there are no activations to fit them on: "
                                "give calibration texts, or a checkpoint with router.centroids");
    return source->forEachText({router.getX()}, [&](ArrayRef<ActivationRows> rows, StringRef) {
      sample.add(rows.front());
      return success();
    });
  }

  LogicalResult readFile(RouteTokensOp router, int64_t width, RowSample &sample) {
    auto buffer = llvm::MemoryBuffer::getFile(activationsFile, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
    if (!buffer)
      return router.emitOpError("cannot read the activations '")
             << activationsFile << "': " << buffer.getError().message();
    StringRef bytes = (*buffer)->getBuffer();
    int64_t rowBytes = width * sizeof(float);
    if (bytes.empty() || bytes.size() % rowBytes != 0)
      return router.emitOpError("expected rows of ")
             << width << " f32 in '" << activationsFile << "', but got " << bytes.size()
             << " bytes, which is no multiple of " << rowBytes;
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    sample.add({values, static_cast<int64_t>(bytes.size()) / rowBytes, width});
    return success();
  }

  ActivationSource *source = nullptr;
};

} // namespace

std::unique_ptr<Pass> gem::createFitRouterCentroidsPass(FitRouterCentroidsPassOptions options,
                                                        ActivationSource *source) {
  return std::make_unique<FitRouterCentroids>(std::move(options), source);
}
