// How close the router's decisions are to others, as a function that has derivatives.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_ROUTERRISK_H
#define GEM_COMPILER_PRUNING_ROUTERRISK_H

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "compiler/Gradient/Gradient.h"
#include "dialects/Gem/Gem.h"

namespace gem {

/// A decision flips where its margin is small and moves. Each of a token's two is taken as a
/// random one with a logit of margin / temperature; then the Fisher information of the
/// decisions says how much a change upstream puts them at risk, while derivatives of the
/// decisions themselves are zero. The margins of token x are
/// * |x - c2|^2 - |x - c1|^2, of the nearest and the second nearest centroid;
/// * ln p / (1 - p) - ln t / (1 - t), of the largest probability p and the threshold t.
/// The temperatures are a quarter of the mean of a text's margins' magnitudes.
///
/// A decision counts by what its flip would change for the row that is read: the share of the
/// text's tokens that this row may then attend to and may not now, or the other way round.
class RouterRisk {
public:
  /// Of the decisions that `scar` reads, of which row `row` (a token) is read. Unimplemented
  /// unless they come from a gem.route_tokens; FailedPrecondition without its centroids.
  static absl::StatusOr<RouterRisk> create(ScarAttentionOp scar, int64_t row);

  /// The router's input.
  mlir::Value getInput() const { return input; }

  /// Adds to `seed`, of the shape of `x`, derivatives whose squared product with any change of
  /// x is, in expectation over random signs, the Fisher information along it. `sign` gives -1
  /// or 1 for the number of a decision.
  void addSeed(const ValueGradient &x, absl::FunctionRef<double(uint64_t)> sign,
               std::span<float> seed) const;

private:
  mlir::Value input;
  ScarPredicate predicate = ScarPredicate::Either;
  bool causal = false;
  int64_t row = 0, width = 0;
  double threshold = 0;
  std::vector<float> router, centroids; ///< [classes, width], [clusters, width]
};

} // namespace gem

#endif // GEM_COMPILER_PRUNING_ROUTERRISK_H
