// Ridge regression from sums over rows.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRESERVATION_REGRESSION_H
#define GEM_COMPILER_PRESERVATION_REGRESSION_H

#include "compiler/Calibration/GramKernel.h"
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace gem::preserve {

/// Weighted moments of inputs x [width] and of the errors e [outputs] of one or more layers
/// that read them. All are of the weights' sum, and about the means.
struct Moments {
  int64_t width = 0;
  std::vector<double> mean;       ///< E[x], [width]
  std::vector<double> covariance; ///< Cov(x, x), row-major [width, width], symmetric.

  struct Target {
    int64_t outputs = 0;
    std::vector<double> mean;       ///< E[e], [outputs]
    std::vector<double> variance;   ///< Var(e), [outputs]
    std::vector<double> covariance; ///< Cov(x, e), row-major [width, outputs].
  };
  std::vector<Target> targets;
};

/// Sums the moments, row by row. Products are summed in f32 over blocks of 512 rows and in
/// f64 from block to block, in the order of the rows, after the mean of the first rows was
/// taken off: the result is the same for any number of threads and on every CPU. It holds
/// 8 * width * (width + outputs) bytes, however many rows there are.
class MomentSums {
public:
  MomentSums(int64_t width, std::vector<int64_t> outputs, unsigned threads);
  ~MomentSums();

  /// Adds a row: `inputs` [width] and, by target, `errors` [outputs].
  void add(const float *inputs, const std::vector<const float *> &errors, double weight);

  /// The moments of all that was added; the sums are spent after this.
  Moments finish();

private:
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  void flush();

  int64_t width;
  std::vector<int64_t> outputs;
  unsigned threads;
  /// Columns of the inputs, then of each target, each padded to whole panels of kGramTile.
  int64_t inputPanels = 0, panels = 0;
  std::vector<int64_t> firstPanel; ///< Of each target.
  int64_t buffered = 0;
  bool isShifted = false;
  double totalWeight = 0;
  std::vector<float> shift;             ///< [panels * kGramTile], taken off every row.
  std::vector<double> weights;          ///< Of the buffered rows.
  std::vector<double> sums, squares;    ///< [panels * kGramTile], of the shifted columns.
  std::unique_ptr<float, Free> buffer;  ///< [panels, kBlockRows, kGramTile]
  std::unique_ptr<double, Free> matrix; ///< [inputPanels * kGramTile, panels * kGramTile]
};

/// What is added to a layer's weights and bias.
struct Correction {
  std::vector<double> weights; ///< Row-major [outputs, width]
  std::vector<double> bias;    ///< [outputs]; empty without one.
};

/// How a target is solved.
struct RidgeRequest {
  bool hasBias = true;
  double ridge = 0; ///< Infinite: no weights, only a bias.
};

/// Solves, for every target,
///   min over D, c:  E |D x + c - e|^2 + ridge * m * |D|^2
/// with m the mean of the diagonal of the Gram matrix: about the mean when there is a bias c
/// to take the mean up, about zero otherwise. In f64 by Cholesky factorization, one for all
/// targets of a kind. A matrix that is singular to working precision gets a larger ridge until
/// it is not; inputs that do not vary get no weights.
std::vector<Correction> solveRidge(const Moments &moments,
                                   const std::vector<RidgeRequest> &requests, unsigned threads);

/// E |D x + c - e|^2 summed over the outputs, per output when divided by their number.
double errorAfter(const Moments &moments, const Moments::Target &target,
                  const Correction &correction, unsigned threads);

/// Moments of inputs that become `factors * x + offsets`, a factor a channel, read by layers of
/// weights [outputs, width], one a target: their errors e change by what the layers make of
/// the difference.
void transformInputs(Moments &moments, const std::vector<double> &factors,
                     const std::vector<double> &offsets,
                     const std::vector<std::vector<float>> &weights, unsigned threads);

} // namespace gem::preserve

#endif // GEM_COMPILER_PRESERVATION_REGRESSION_H
