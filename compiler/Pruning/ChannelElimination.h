// Which input channels of a linear layer to do without, and how the others make up for them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_CHANNELELIMINATION_H
#define GEM_COMPILER_PRUNING_CHANNELELIMINATION_H

#include <cstdint>
#include <span>
#include <vector>

namespace gem {

/// Of the rows that enter a layer.
struct InputMoments {
  int64_t width = 0;
  std::vector<double> mean;       ///< [width]
  std::vector<double> covariance; ///< [width, width], about the mean
};

/// A weight [rows, width], row-major.
struct WeightMatrix {
  int64_t rows = 0, width = 0;
  std::vector<float> values;
};

/// The order in which entries of `entryWidth` adjacent channels go. Greedy backward elimination:
/// each time the entry whose loss raises the mean squared error of the layer's output least,
/// all channels that are left being fitted again (the optimal brain surgeon for columns:
/// Hassibi and Stork, NeurIPS 1992; Kurtic et al., ZipLM, NeurIPS 2023).
struct Elimination {
  std::vector<int64_t> order; ///< Entries; the first to go first, all of them.
  /// Mean squared error of the output once order[0..i] are gone, of its variance.
  std::vector<double> error;

  /// The entries that are left when `count` are kept, ascending.
  std::vector<int64_t> kept(int64_t count) const;
};

struct EliminationOptions {
  int64_t entryWidth = 1;
  /// Added to the covariance's diagonal, of its mean.
  double damping = 1e-3;
  /// By entry, what its error counts times; empty: 1.
  std::vector<double> importance;
};

Elimination eliminateChannels(const WeightMatrix &weight, const InputMoments &moments,
                              const EliminationOptions &options);

/// The weight of the channels `kept` (ascending) and what its bias changes by, such that the
/// layer's output is as near as it can be, in the mean square, to that of all channels:
/// W' = W_K + W_R C_RK (C_KK + damping)^-1, b' = W mean - W' mean_K.
struct FittedColumns {
  WeightMatrix weight;
  std::vector<float> biasChange; ///< [rows]
};
FittedColumns fitColumns(const WeightMatrix &weight, const InputMoments &moments,
                         std::span<const int64_t> kept, double damping);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_CHANNELELIMINATION_H
