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

struct PreservationOptions {
  std::string texts;        ///< File of texts (TextFile.h); domains weigh the same.
  double ridge = 1e-2;      ///< Pull to the weights as they are, of the mean diagonal.
  bool norms = true;        ///< Correct the layer norms' gamma and beta too.
  bool classifier = true;   ///< Fit the classifier to the uncompressed logits.
  /// Weight of a domain in the fit; 1 where it names none.
  std::map<std::string, double> domainWeights;
  unsigned threads = 1;
  /// Called with the weights of each layer once they are fitted and before later layers are:
  /// whoever quantizes them here makes later layers see that error.
  std::function<absl::Status(mlir::ModuleOp compressed, const std::vector<std::string> &weights)>
      fitted;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// What fitting a layer gained: mean squared error of its output to the uncompressed one's,
/// relative to the latter's variance, before and after, domains weighing the same.
struct RefittedLayer {
  std::string weight;
  double errorBefore = 0, errorAfter = 0;
};

/// Re-fits the linear layers of `compressed` in program order, in closed form: ridge
/// regression of the uncompressed layer's output on the compressed layer's input (ADR 7 of
/// docs/adr). Both modules are in the gem dialect as imported, before graph passes;
/// layers are matched by the names of their weights, and a layer of `compressed` without a
/// counterpart or with another number of outputs keeps its weights. The result does not
/// depend on the number of threads or the CPU.
absl::Status preserveKnowledge(mlir::ModuleOp original, mlir::ModuleOp compressed,
                               const PreservationOptions &options,
                               std::vector<RefittedLayer> *layers = nullptr);

} // namespace gem

#endif // GEM_COMPILER_PRESERVATION_LAYERREFIT_H
