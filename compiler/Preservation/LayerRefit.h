// Knowledge preservation: a compressed model's layers are fitted to the uncompressed ones.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRESERVATION_LAYERREFIT_H
#define GEM_COMPILER_PRESERVATION_LAYERREFIT_H

#include "absl/status/status.h"
#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gem {
namespace quant {
class StatisticsSource;
} // namespace quant

struct PreservationOptions {
  std::string texts;        ///< File of texts (TextFile.h); domains weigh the same.
  double ridge = 1e-2;      ///< Pull to the weights as they are, of the mean diagonal.
  bool norms = true;        ///< Correct the layer norms' gamma and beta too.
  bool classifier = true;   ///< Fit the classifier to the uncompressed logits.
  /// Where a layer's result is added to a residual, fit the sum: what is wrong with the
  /// residual stream by then is made up for too.
  bool residuals = true;
  /// Fit the layers whose results are no sum: queries, keys, values, the first of a
  /// feed-forward network.
  bool inner = true;
  /// Where later operations read a single row of a layer's result (the first token's, which
  /// is classified), the share that the other rows have in its fit.
  double unreadRows = 0.5;
  /// Weight of a domain in the fit; 1 where it names none.
  std::map<std::string, double> domainWeights;
  /// By weight, the rows of the original's that a layer with fewer outputs has kept. Where it
  /// names none, rows are recognised by being the same numbers.
  std::map<std::string, std::vector<int64_t>> keptRows;
  unsigned threads = 1;
  /// Called with the weights of each layer once they are fitted and before later layers are:
  /// whoever quantizes them here makes later layers see that error. Biases of weights that
  /// are quantized by it then take up the mean of what that changed.
  std::function<absl::Status(mlir::ModuleOp compressed, const std::vector<std::string> &weights)>
      fitted;
  /// The same with the statistics of the layers' inputs in the compressed model, which
  /// algorithms such as GPTQ need; good during the call.
  std::function<absl::Status(mlir::ModuleOp compressed, const std::vector<std::string> &weights,
                             const quant::StatisticsSource &inputs)>
      fittedWithInputs;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// What fitting a layer gained: mean squared error of its output to the uncompressed one's,
/// relative to the latter's variance, before and after, domains weighing the same (or as
/// `domainWeights` says). Of a layer whose result is added to a residual, the sum's.
struct RefittedLayer {
  std::string weight;
  double errorBefore = 0, errorAfter = 0;
};

/// Re-fits the linear layers of `compressed` in program order, in closed form: ridge
/// regression of the uncompressed layer's output on the compressed layer's input (ADR 7 of
/// docs/adr). Both modules are in the gem dialect as imported, before graph passes;
/// layers are matched by the names of their weights, and a layer of `compressed` without a
/// counterpart, or with fewer outputs that are not rows of the original's, keeps its weights.
/// Of a weight that is stored quantized only the bias is fitted. What is fitted becomes f32,
/// unless the type in which it will be stored was decided.
///
/// Layers that share an input are fitted in one run over the texts. Memory does not grow with
/// the number of texts; the residual stream of the layer at hand, 8 bytes a token and channel,
/// lies in a temporary file. The result does not depend on the number of threads or the CPU.
///
/// InvalidArgument for options out of their range, with errors of the file of texts;
/// FailedPrecondition when a model has no tokenizer.
absl::Status preserveKnowledge(mlir::ModuleOp original, mlir::ModuleOp compressed,
                               const PreservationOptions &options,
                               std::vector<RefittedLayer> *layers = nullptr);

} // namespace gem

#endif // GEM_COMPILER_PRESERVATION_LAYERREFIT_H
