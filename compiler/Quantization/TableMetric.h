// Which errors of an embedding table matter to what reads it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_TABLEMETRIC_H
#define GEM_COMPILER_QUANTIZATION_TABLEMETRIC_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/Quantization/InputStatistics.h"
#include <map>
#include <memory>

namespace gem {

/// For each embedding table whose rows reach a layer_norm, through sums alone, the statistics
/// with which gptq rounds its rows so that their errors cancel where they would be seen
/// (TableStatistics.h): by the linear layers behind the norm. What the norm does to a row is
/// taken for its gamma and the taking away of the mean; the division by each token's own
/// deviation is left out.
std::map<std::string, quant::InputStatistics> findTableMetrics(mlir::ModuleOp module);

/// Statistics of matrices from one source, and of tables from their metrics.
class StatisticsWithTables final : public quant::StatisticsSource {
public:
  /// `matrices` may be null and must outlive this.
  StatisticsWithTables(const quant::StatisticsSource *matrices,
                       std::map<std::string, quant::InputStatistics> tables)
      : matrices(matrices), tables(std::move(tables)) {}

  std::vector<std::string> weights() const override;
  /// The part "table.0" of a table that was split has the statistics of "table".
  absl::StatusOr<quant::InputStatistics> load(const std::string &weight) const override;
  /// Puts statistics in the place of those there are.
  void replace(const std::string &weight, quant::InputStatistics statistics) {
    tables[weight] = std::move(statistics);
  }
  bool hasTable(const std::string &weight) const { return tables.count(weight) != 0; }

private:
  const quant::StatisticsSource *matrices;
  std::map<std::string, quant::InputStatistics> tables;
};

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_TABLEMETRIC_H
