// How much each structure of a model matters to each domain.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_IMPORTANCE_H
#define GEM_COMPILER_PRUNING_IMPORTANCE_H

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Pruning/Structures.h"
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gem {

/// What an entry of a space, one channel or the channels of a head, is worth. With a_j the
/// entry's channels of token j, which the consumer reads, and W its columns of the consumer:
enum class ImportanceKind {
  /// Squares of all weights that go with the entry: rows of the producers, elements of their
  /// biases, columns of the consumer. Needs no texts and knows no domains.
  Magnitude,
  /// mean_j of weight(j) * |W a_j|^2: the power that goes missing in the consumer's output, for
  /// a channel E[a^2] * |w|^2 (Sun et al., arXiv 2306.11695, with squares; the diagonal of
  /// optimal brain damage, LeCun et al. 1989, of a layer's output error). Needs no labels.
  Activation,
  /// mean over texts of (d loss / d gate)^2, with a gate of 1 on the entry: the second-order
  /// loss of removing it, with the Fisher information as the Hessian (Theis et al., arXiv
  /// 1801.05787; Molchanov et al., arXiv 1906.10771). A gate's derivative is the sum over
  /// tokens and channels of value times gradient. The loss is cross entropy with the label.
  ///
  /// For a text without one it is the expectation over the model's own classes of the squared
  /// derivative of -log p: for logits' derivatives g, g^T (diag(p) - p p^T) g. It is
  /// estimated without bias from two backward runs of sqrt(p) e - p (sqrt(p) . e), with random
  /// signs e that depend on the text's number only (Hutchinson 1990). Taking only the most
  /// likely classes would miss most of it: theirs are the smallest derivatives.
  Fisher,
};

struct ImportanceOptions {
  ImportanceKind kind = ImportanceKind::Activation;
  std::string texts; ///< File of texts (TextFile.h).
  /// Heeds the router, in models with a SCAR attention of which one row r is read.
  ///
  /// Activation: weight(j), of token j in the consumer's input, then is
  /// * where the value reaches the logits only through SCAR's keys and values (the last encoder
  ///   layer from its attention's output on): 1 if r may attend to j, else 0;
  /// * elsewhere (earlier layers, where dense attention may carry every token to row r): the
  ///   share of the domain's tokens of j's (routed, cluster) that are attended to by row r of
  ///   their text, (attended + 1) / (tokens + 1).
  /// Without, every token weighs 1. Where only row r of a value is read at all (SCAR's own
  /// output), only it counts either way. Padding weighs 0.
  ///
  /// Fisher: gradients heed what is attended to by themselves, but are blind to decisions that
  /// flip, which cost more than all else (docs/adr/0008-importance.md). The Fisher information
  /// of the decisions (RouterRisk.h) is added, by two more backward runs a text. In every domain
  /// it is scaled so that its sum over the entries of all given spaces is 0.3 of the loss's.
  bool routerAware = true;
  unsigned threads = 1;
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
};

/// By domain, then by entry of the space. Magnitude has one domain without a name.
using SpaceImportance = std::map<std::string, std::vector<double>>;

/// The importance of every entry of each space, which must be of `module`, in the gem dialect
/// as imported. The same for any number of threads and on any CPU. Figures of different
/// kinds do not compare; Fisher's of different spaces do, when measured together.
///
/// NotFound when a space's weights are not there; InvalidArgument for bad texts or labels that
/// the model does not have; FailedPrecondition when the model has no tokenizer, or for Fisher
/// no logits.
absl::StatusOr<std::vector<SpaceImportance>>
measureImportance(mlir::ModuleOp module, const std::vector<prune::ChannelSpace> &spaces,
                  const ImportanceOptions &options);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_IMPORTANCE_H
