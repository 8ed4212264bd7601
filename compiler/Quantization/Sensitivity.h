// What each format of each weight costs, measured.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_SENSITIVITY_H
#define GEM_COMPILER_QUANTIZATION_SENSITIVITY_H

#include "compiler/Quantization/Candidate.h"
#include <functional>
#include <set>

namespace gem {

/// What is given a format of its own: a weight, or some rows of an embedding table.
struct QuantizationUnit {
  enum class Kind { Matrix, Rows, Positions, Router };
  Kind kind = Kind::Matrix;
  std::string weight;       ///< The weight's name.
  std::string name;         ///< For people: the weight's, or that and the part.
  std::vector<int32_t> ids; ///< Of Kind::Rows: which rows, the most frequent first.
  double occurrences = 0;   ///< Of Kind::Rows: of these ids in the calibration texts.
  int64_t rows = 0, width = 0;
  std::string sourceType;   ///< "f16"

  /// Bytes in a bundle in `format`.
  uint64_t bytes(const quant::Format &format) const;
};

/// The units of `module`: every matrix, table and router weight that an entry point reads,
/// tables whole.
std::vector<QuantizationUnit> findUnits(mlir::ModuleOp module);

/// `table` in parts of `counts` rows each (together all of them), the most frequent rows
/// first: by `tokenCounts` (by id; may be empty), of equals the lower id.
std::vector<QuantizationUnit> splitTable(const QuantizationUnit &table,
                                         const std::vector<int64_t> &counts,
                                         const std::vector<int64_t> &tokenCounts);

/// Sizes for at most `parts` parts that halve in frequency: each has as many rows as all
/// before it, and the rows that no text looks up are the last. One part where nothing is
/// known or a map of 16 bits would not do.
std::vector<int64_t> frequencyParts(const QuantizationUnit &table,
                                    const std::vector<int64_t> &tokenCounts, unsigned parts);

/// The formats worth trying for a unit, the most precise first.
std::vector<quant::Format> candidateFormats(const QuantizationUnit &unit);

/// A plan in which unit i has formats[i]; a table's parts of the same format are one part.
FormatPlan makePlan(const std::vector<QuantizationUnit> &units,
                    const std::vector<quant::Format> &formats);

/// The loss of one format of one unit, all others f32, by domain (TokenizedTexts::domains):
/// the mean KL(f32 || quantized) in nats.
struct UnitLoss {
  size_t unit;
  quant::Format format;
  std::vector<double> lossOfDomain;
};

struct SensitivityOptions {
  std::string algorithm = "rtn"; ///< For matrices, and for the tables in `tables`.
  std::set<std::string> tables;  ///< That have statistics (TableMetric.h).
  bool biasCorrection = false;
  /// Run one format of each unit only, and take the loss of the others to be in proportion to
  /// the power of the error in the layer's output (outputError; of a table, in its values):
  /// the loss's curvature is measured once. Less noise and a fifth of the runs: docs/adr/0006.
  bool scaleByOutputError = true;
  unsigned threads = 1;
  std::function<void(uint64_t done, uint64_t total)> progress;
};

/// Runs the units in their candidate formats on the texts.
absl::StatusOr<std::vector<UnitLoss>>
measureSensitivity(mlir::ModuleOp module, const std::vector<QuantizationUnit> &units,
                   const quant::StatisticsSource *statistics, const Baseline &baseline,
                   const TokenizedTexts &texts, const SensitivityOptions &options);

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_SENSITIVITY_H
