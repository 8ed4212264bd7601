// The parts of a model that pruning makes smaller, and the sizes that each may have.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_PRUNINGUNITS_H
#define GEM_COMPILER_PRUNING_PRUNINGUNITS_H

#include "absl/status/statusor.h"
#include "compiler/Pruning/ChannelElimination.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Pruning/Structures.h"
#include "passes/Quantization/InputStatistics.h"
#include <optional>
#include <string>
#include <vector>

namespace gem {

/// A size of a unit.
struct UnitSize {
  int64_t entries = 0; ///< Channels or heads; 0: the whole block goes.
  int64_t headDim = 0; ///< Channels of a head; 0 for units without heads.
  int64_t macs = 0;    ///< Of a text.
  /// "384 of 512 channels", "1 of 2 heads of 48 channels", "removed"
  std::string name;
};

/// The inner channels of a feed-forward network, or the heads of an attention.
struct PruningUnit {
  prune::ChannelSpace space;
  std::optional<prune::ResidualBlock> block; ///< That goes when nothing is kept.
  std::vector<UnitSize> sizes;               ///< The whole first, then by falling work.

  bool isAttention() const { return space.kind != prune::ChannelSpace::Kind::Channels; }
};

/// The units of `module`, in program order, with sizes for texts of `tokens`.
std::vector<PruningUnit> findPruningUnits(mlir::ModuleOp module, int64_t tokens);

/// What has to be known of a unit to give it any size: the order in which its entries go, and
/// its weights turned so that the channels of its heads can be cut.
class PreparedUnit {
public:
  /// `statistics`: of the inputs of the unit's weights. `importance` (by entry; may be empty)
  /// counts the error of an entry times; `order`, when not empty, is the order in which entries
  /// go, instead of that of the least error.
  static absl::StatusOr<PreparedUnit> prepare(mlir::ModuleOp module, const PruningUnit &unit,
                                              const quant::StatisticsSource &statistics,
                                              const std::vector<double> &importance,
                                              const std::vector<int64_t> &order);

  /// Without statistics: entries go in `order`, and heads cannot be cut.
  static PreparedUnit ordered(const PruningUnit &unit, std::vector<int64_t> order);

  const Elimination &getElimination() const { return elimination; }

  /// Gives the unit of `module` the size `size`. With `fit`, the layer behind is fitted to what
  /// it gave before (fitColumns), as far as its inputs stay what they were.
  absl::Status apply(mlir::ModuleOp module, const UnitSize &size, bool fit) const;

private:
  struct Head {
    std::vector<float> q, k, v, qBias, kBias, vBias;
  };

  /// The layer behind, and the moments of its input.
  struct Consumer {
    WeightMatrix weight;
    InputMoments moments;
  };

  PruningUnit unit;
  Elimination elimination;
  Consumer original, turned; ///< `turned`: in the basis of `heads`.
  std::vector<Head> heads;   ///< Turned.
};

} // namespace gem

#endif // GEM_COMPILER_PRUNING_PRUNINGUNITS_H
