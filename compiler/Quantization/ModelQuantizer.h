// A model is quantized: calibrated, allocated, quantized, its router fitted again.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_MODELQUANTIZER_H
#define GEM_COMPILER_QUANTIZATION_MODELQUANTIZER_H

#include "compiler/Calibration/StatisticsFile.h"
#include "compiler/Quantization/Sensitivity.h"
#include "compiler/Report/CompileReport.h"
#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace gem {

/// Parameters of the source up to which matrices are quantized in turn unless the options say
/// otherwise: the time grows with the layers, and is minutes for larger models.
constexpr int64_t kMaxPreservedParameters = 50'000'000;

struct QuantizerOptions {
  /// "f32", "f16", "int8", "int4", ... for all weights, or "hybrid".
  std::string quantize = "f32";
  std::string algorithm;      ///< Of matrices: "rtn", "gptq"; empty: gptq where there are texts.
  std::string calibration;    ///< File of texts; empty: none.
  /// File of texts to compare with the f32 model on, other ones; empty: those of `calibration`.
  std::string evaluation;
  std::string statistics;     ///< A file that an earlier calibration saved; empty: none.
  std::string saveStatistics; ///< Where to keep the statistics; empty: nowhere.
  std::string recipe;         ///< A file that says the formats; empty: `quantize` does.
  std::string saveRecipe;     ///< Where to write them; empty: nowhere.
  std::optional<uint64_t> maxBytes;    ///< Of the bundle's file.
  std::optional<double> maxBits;       ///< Of weights a parameter of the source.
  std::optional<double> maxSeconds;    ///< Modelled, on the device.
  std::optional<double> maxRouteFlips; ///< Share of tokens.
  bool measureEveryFormat = false; ///< Not SensitivityOptions::scaleByOutputError.
  bool equalize = false; ///< ChannelEqualization.h
  bool refitRouter = true, biasCorrection = true;
  /// Quantize matrices in turn, each layer fitted to the source's on what the quantized layers
  /// before it give (LayerRefit.h). Only with `calibration` and `imported`, with biases that
  /// may change and without `equalize`. Unset: up to kMaxPreservedParameters, in one format, with
  /// enough texts.
  std::optional<bool> preserve;
  /// The module to be quantized before graph passes, not changed; null: matrices are quantized
  /// all at once.
  mlir::ModuleOp imported;
  int64_t parameters = 0; ///< Of the source, for maxBits.
  unsigned threads = 1;
  /// Modelled seconds of a run of a module in the gem dialect, formats decided.
  std::function<absl::StatusOr<double>(mlir::ModuleOp)> latency;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// What the run learned, for the report.
struct QuantizationSummary {
  std::map<std::string, QuantizedWeight> weights; ///< By name, those with chosen codes.
  std::map<std::string, std::string> sourceTypes; ///< "f16", by weight.
  std::map<std::string, std::pair<double, std::string>> predicted; ///< Worst loss and domain.
  std::optional<AllocationReport> allocation;
  std::optional<EvaluationReport> evaluation; ///< On options.evaluation, or else the calibration.
  std::vector<std::string> inputFiles; ///< That were read.
  std::map<std::string, std::string> provenance;
  std::vector<std::string> notes;
  std::string recipe; ///< The formats as a file (Recipe.h), when saveRecipe asks for it.
};

/// Quantizes `module` in place: in the gem dialect, its graph final, no format decided.
absl::StatusOr<QuantizationSummary> quantizeModel(mlir::ModuleOp module,
                                                  const QuantizerOptions &options);

/// How a quantized model compares with the uncompressed one; `before` (or null): the flips
/// before its router was fitted again.
EvaluationReport makeEvaluationReport(const std::string &source, const Comparison &after,
                                      const Comparison *before);

/// Whether quantizing so runs the model on texts.
bool needsTexts(const QuantizerOptions &options);

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_MODELQUANTIZER_H
