// A model in other formats, run here to see what they cost.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/Candidate.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "compiler/Pipeline/Lowering.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace gem;

absl::Status gem::quantizeModule(ModuleOp module, const QuantizeStep &step,
                                 const quant::StatisticsSource *statistics,
                                 const QuantizedWeightCallback &learned) {
  ErrorCollector errors(module.getContext());
  PassManager passes(module.getContext());
  passes.addPass(createAssignWeightFormatsPass(&step.plan));
  if (!step.algorithms.empty() || step.biasCorrection) {
    QuantizeWeightsPassOptions options;
    options.biasCorrection = step.biasCorrection;
    options.threads = step.threads;
    passes.addPass(createQuantizeWeightsPass(
        options, {&step.algorithms, statistics, learned, &step.keepBiases}));
  }
  if (failed(passes.run(module)))
    return errors.toStatus("quantizing failed without saying why");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Candidate>>
Candidate::build(ModuleOp module, const QuantizeStep &step,
                 const quant::StatisticsSource *statistics) {
  OwningOpRef<ModuleOp> copy = module.clone();
  if (absl::Status status = quantizeModule(*copy, step, statistics); !status.ok())
    return status;
  ErrorCollector errors(module.getContext());
  auto candidate = std::make_unique<Candidate>();
  absl::StatusOr<BundleSummary> written = writeHostBundle(*copy, step.threads, candidate->scratch);
  if (!written.ok())
    return absl::IsInternal(written.status())
               ? errors.toStatus(std::string(written.status().message()))
               : written.status();
  candidate->weightBytes = written->weightBytes;
  releaseData(*copy, {module});
  BundleRunner::Options options;
  options.threads = step.threads;
  llvm::ArrayRef<char> data = candidate->scratch.data();
  auto runner = BundleRunner::openMemory({data.data(), data.size()}, options);
  if (!runner.ok())
    return runner.status();
  candidate->runner = *std::move(runner);
  return candidate;
}
