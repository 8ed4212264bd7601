// The ops of a function as things that run forward and backward.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_GRADIENT_NODE_H
#define GEM_COMPILER_GRADIENT_NODE_H

#include "absl/status/statusor.h"
#include "compiler/Gradient/Products.h"
#include "dialects/Gem/Gem.h"
#include "llvm/ADT/DenseSet.h"
#include <memory>
#include <optional>
#include <span>

namespace gem::grad {

/// What a run holds for one value of the function.
struct Slot {
  int64_t rows = 0, width = 0;
  std::vector<float> value;      ///< [rows, width]
  std::vector<float> gradient;   ///< Of the same shape, where it is wanted; else empty.
  std::vector<int32_t> integers; ///< [rows] of `routed` (0 or 1) and `cluster`.

  float *row(int64_t r) { return value.data() + r * width; }
  float *gradientRow(int64_t r) { return gradient.data() + r * width; }
};

/// One text.
struct Run {
  std::span<const int32_t> ids; ///< Padding included.
  int64_t count = 0;            ///< Tokens that are no padding.
  std::vector<Slot> slots;
  /// By node: what forward leaves for backward.
  std::vector<std::vector<float>> kept;
  ProductScratch scratch;
  std::vector<float> temporary[2];
};

/// What a node reads or writes.
struct Port {
  size_t slot = 0;
  bool wanted = false; ///< Whether its gradient is.
};

/// An op that runs. It does not change, so that runs on several threads share it.
class Node {
public:
  virtual ~Node() = default;
  /// Computes the results, whose rows it sets.
  virtual absl::Status forward(Run &run, std::vector<float> &kept) const = 0;
  /// Adds to the gradients of the operands that want one. Only called when a result has one.
  virtual void backward(Run &run, std::vector<float> &kept) const {}
};

/// What nodes are made from.
class NodeContext {
public:
  virtual ~NodeContext() = default;
  virtual Port port(mlir::Value value) = 0;
  /// The weight that `value` gets. Its data must be there and not quantized.
  virtual absl::StatusOr<mlir::ElementsAttr> weight(mlir::Value value) = 0;
  absl::StatusOr<std::vector<float>> weightAsF32(mlir::Value value);
};

using NodeOrError = absl::StatusOr<std::unique_ptr<Node>>;

/// The node of `op`. Unimplemented when it has no derivative here.
NodeOrError makeNode(mlir::Operation *op, NodeContext &context);

NodeOrError makeAttentionNode(AttentionOp op, NodeContext &context);
NodeOrError makeScarAttentionNode(ScarAttentionOp op, NodeContext &context);
NodeOrError makeRouteTokensNode(RouteTokensOp op, NodeContext &context);

/// Gives the slot of `port` its shape, and zeros as its gradient where that is wanted.
Slot &prepare(Run &run, const Port &port, int64_t rows, int64_t width);

} // namespace gem::grad

#endif // GEM_COMPILER_GRADIENT_NODE_H
