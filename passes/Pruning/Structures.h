// What of a model can be removed as a whole, and removing it: shapes shrink, nothing is masked.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PRUNING_STRUCTURES_H
#define GEM_PASSES_PRUNING_STRUCTURES_H

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace gem::prune {

/// Multiply-accumulates for a text of n tokens: perText + perToken n + perPair n^2. Of a model
/// that pads (`gem.padded`) all is in `perText`, for its runs are all as long.
struct MacCount {
  int64_t perText = 0, perToken = 0, perPair = 0;
  int64_t at(int64_t tokens) const { return perText + tokens * (perToken + tokens * perPair); }
};

/// Channels between linear layers that nothing else reads: the rows of the layers that make
/// them and the columns of the one that reads them can go together. The inner channels of a
/// feed-forward network, and the heads of an attention.
///
/// Found by ChannelOpInterface, from an operand that a weight's columns contract back over
/// operations that keep channels or groups of them apart to the weights whose rows make
/// them. Every value on the way has one reader, and every weight one use.
///
/// Spaces are found in a module in the gem dialect as imported, before its graph is fused and
/// sliced; they name weights, so they stay good while other spaces are pruned.
struct ChannelSpace {
  enum class Kind { Channels, Heads, ScarHeads };
  Kind kind = Kind::Channels;
  std::string name;  ///< Of the layer that reads them: "encoder.layer.0.output.dense".
  int64_t count = 0; ///< Entries: channels or heads.
  int64_t width = 1; ///< Channels of an entry: 1, or head_dim.
  std::vector<std::string> producers; ///< Weights whose rows go; of heads q, k and v, in order.
  std::vector<std::string> producerBiases; ///< Beside `producers`; empty where one has none.
  std::string consumer;                    ///< The weight whose columns go.
  /// Multiply-accumulates for a text of `tokens` that one entry costs.
  int64_t macsOfEntry(int64_t tokens) const { return entryMacs.at(tokens); }
  MacCount entryMacs;
  int64_t inputWidth = 0, outputWidth = 0; ///< Of the producers' input; of the consumer's output.
};

/// The spaces of every entry point, in program order.
std::vector<ChannelSpace> findChannelSpaces(mlir::ModuleOp module);

/// The space of this name. InvalidArgument, with the names there are, when there is none.
absl::StatusOr<ChannelSpace> findChannelSpace(mlir::ModuleOp module, llvm::StringRef name);

/// Keeps the entries `kept` (ascending, at least one) of `space`. Weights get new data of the
/// smaller shape and the same element type, types and attributes follow.
///
/// Errors, of all functions that remove: InvalidArgument for entries that are not there and a
/// `space` or `block` that is not the module's (one whose entries were removed since is to be
/// found again); FailedPrecondition for weights that have a `stored` type already or no data.
/// The module is then as it was.
absl::Status keepEntries(mlir::ModuleOp module, const ChannelSpace &space,
                         llvm::ArrayRef<int64_t> kept);

/// Keeps the first `headDim` channels of every head of `space` (Heads, ScarHeads). What a head
/// computes is the same when its queries and keys, or its values, are first rotated so that
/// the channels that matter least come last; the scale of the scores stays.
absl::Status keepHeadChannels(mlir::ModuleOp module, const ChannelSpace &space, int64_t headDim);

/// A part of the residual stream that can be skipped, `layer_norm(add(f(x), x))`: its output
/// is replaced by its input x. Of what f computes nothing else is read, and f reads of the
/// stream nothing but x.
struct ResidualBlock {
  std::string name; ///< Of its last linear layer: "encoder.layer.0.attention.output.dense".
  std::vector<std::string> weights; ///< That go with it.
  int64_t macs(int64_t tokens) const { return blockMacs.at(tokens); }
  MacCount blockMacs;
};

/// The blocks whose removal leaves every type as it is, in program order.
std::vector<ResidualBlock> findResidualBlocks(mlir::ModuleOp module);
/// The block of this name. InvalidArgument, with the names there are, when there is none.
absl::StatusOr<ResidualBlock> findResidualBlock(mlir::ModuleOp module, llvm::StringRef name);
/// Removes a block and the weights that only it reads.
absl::Status removeBlock(mlir::ModuleOp module, const ResidualBlock &block);

/// Multiply-accumulates of encoder, router and SCAR (not of the head: ModelParts.h) for a text
/// of `tokens`, unsliced, every pair of tokens counted.
int64_t countPrunableMacs(mlir::ModuleOp module, int64_t tokens);

// Rows of the word embeddings: keepVocabulary of compiler/Pruning/Vocabulary.h.

/// Drops the position embeddings that no text of the model's maximum length reaches. No result
/// changes.
absl::Status dropUnusedPositions(mlir::ModuleOp module);
/// Merges router clusters: cluster k becomes `clusterOf[k]` (0 to the new number, exclusive);
/// centroids are means weighted by `tokens` (by old cluster; empty: all the same). Tokens go to
/// the nearest new centroid. Merging permits more pairs.
absl::Status mergeClusters(mlir::ModuleOp module, llvm::ArrayRef<int64_t> clusterOf,
                           llvm::ArrayRef<double> tokens);
/// Keeps the classes `kept` (ascending) of the classifier, and their labels. Those of the
/// router, which decide its routes, stay.
absl::Status keepClasses(mlir::ModuleOp module, llvm::ArrayRef<int64_t> kept);

} // namespace gem::prune

#endif // GEM_PASSES_PRUNING_STRUCTURES_H
