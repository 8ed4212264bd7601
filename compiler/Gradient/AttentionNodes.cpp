// Attention, the router and SCAR, forward and backward.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "compiler/Gradient/Node.h"
#include <limits>

using namespace mlir;
using namespace gem;
using namespace gem::grad;

static int64_t widthOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}

/// In place: e^(x - max) of all, divided by their sum, which is taken in f64 from the first on.
static void softmax(float *row, int64_t count) {
  static const Kernels &kernels = findKernels();
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t j = 0; j < count; ++j)
    largest = row[j] > largest ? row[j] : largest;
  kernels.exponential(row, largest, count, row);
  double sum = 0;
  for (int64_t j = 0; j < count; ++j)
    sum += row[j];
  for (int64_t j = 0; j < count; ++j)
    row[j] = static_cast<float>(row[j] / sum);
}

namespace {

/// Dense and SCAR's attention: they differ in the pairs they permit.
class AttentionNode final : public Node {
public:
  template <typename Op> AttentionNode(Op op, NodeContext &context) {
    q = context.port(op.getQ());
    k = context.port(op.getK());
    v = context.port(op.getV());
    y = context.port(op.getResult());
    numHeads = op.getNumHeads();
    headDim = op.getHeadDim();
    scale = static_cast<float>(op.getScale().convertToDouble());
    firstQuery = op.getFirstQuery();
  }

  bool skipsPadding = false;
  struct Routing {
    Port routed, cluster;
    ScarPredicate predicate;
    bool causal;
  };
  std::optional<Routing> routing;

  absl::Status forward(Run &run, std::vector<float> &kept) const override {
    const Slot &queries = run.slots[q.slot], &keys = run.slots[k.slot], &values = run.slots[v.slot];
    int64_t rows = queries.rows, columns = keys.rows, width = numHeads * headDim;
    if (firstQuery + rows > columns)
      return absl::InvalidArgumentError(absl::StrCat("attention: expected queries within ", columns,
                                                     " tokens, but they are ", firstQuery, " to ",
                                                     firstQuery + rows - 1));
    Slot &to = prepare(run, y, rows, width);
    std::vector<char> permitted = findPermitted(run, rows, columns);
    kept.resize(numHeads * rows * columns); // The weights of each head.
    for (int64_t head = 0; head < numHeads; ++head) {
      float *weights = kept.data() + head * rows * columns;
      run.scratch.right.assign({keys.value.data() + head * headDim, 1, width}, headDim, columns);
      multiply({queries.value.data() + head * headDim, width}, rows, run.scratch.right, weights,
               columns, /*accumulate=*/false, run.scratch);
      for (int64_t i = 0; i < rows; ++i) {
        float *row = weights + i * columns;
        for (int64_t j = 0; j < columns; ++j)
          row[j] = permitted[i * columns + j] ? row[j] * scale : -3.0e38f;
        softmax(row, columns);
      }
      multiply({weights, columns}, rows, columns, values.value.data() + head * headDim, width,
               headDim, to.value.data() + head * headDim, width, /*accumulate=*/false, run.scratch);
    }
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &kept) const override {
    Slot &queries = run.slots[q.slot], &keys = run.slots[k.slot], &values = run.slots[v.slot];
    const Slot &from = run.slots[y.slot];
    int64_t rows = queries.rows, columns = keys.rows, width = numHeads * headDim;
    std::vector<float> &scores = run.temporary[0];
    scores.resize(rows * columns);
    for (int64_t head = 0; head < numHeads; ++head) {
      int64_t at = head * headDim;
      const float *weights = kept.data() + head * rows * columns;
      const float *dy = from.gradient.data() + at;
      if (v.wanted)
        multiply({weights, 1, columns}, columns, rows, dy, width, headDim,
                 values.gradient.data() + at, width, /*accumulate=*/true, run.scratch);
      if (!q.wanted && !k.wanted)
        continue;
      run.scratch.right.assign({values.value.data() + at, 1, width}, headDim, columns);
      multiply({dy, width}, rows, run.scratch.right, scores.data(), columns,
               /*accumulate=*/false, run.scratch);
      for (int64_t i = 0; i < rows; ++i) {
        float *row = scores.data() + i * columns;
        const float *weight = weights + i * columns;
        double mean = 0;
        for (int64_t j = 0; j < columns; ++j)
          mean += static_cast<double>(row[j]) * weight[j];
        for (int64_t j = 0; j < columns; ++j)
          row[j] = static_cast<float>((row[j] - mean) * weight[j]) * scale;
      }
      if (q.wanted)
        multiply({scores.data(), columns}, rows, columns, keys.value.data() + at, width, headDim,
                 queries.gradient.data() + at, width, /*accumulate=*/true, run.scratch);
      if (k.wanted)
        multiply({scores.data(), 1, columns}, columns, rows, queries.value.data() + at, width,
                 headDim, keys.gradient.data() + at, width, /*accumulate=*/true, run.scratch);
    }
  }

private:
  /// [rows, columns]: whether query row i may attend to token j.
  std::vector<char> findPermitted(const Run &run, int64_t rows, int64_t columns) const {
    std::vector<char> permitted(rows * columns, 1);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t j = 0; j < columns; ++j) {
        char &may = permitted[row * columns + j];
        if (skipsPadding)
          may = j < run.count;
        if (!routing)
          continue;
        int64_t i = firstQuery + row;
        const auto &routed = run.slots[routing->routed.slot].integers;
        const auto &cluster = run.slots[routing->cluster.slot].integers;
        bool sameCluster = cluster[i] == cluster[j], sameRoute = routed[i] == routed[j];
        may = routing->predicate == ScarPredicate::SameCluster ? sameCluster
              : routing->predicate == ScarPredicate::SameRoute ? sameRoute
                                                               : sameCluster || sameRoute;
        if (routing->causal && j > i)
          may = false;
      }
    return permitted;
  }

  Port q, k, v, y;
  int64_t numHeads, headDim, firstQuery;
  float scale;
};

/// The decisions are constants to what reads them, so nothing flows back.
class RouteTokensNode final : public Node {
public:
  RouteTokensNode(PackedMatrix router, PackedMatrix centroids, float threshold, Port x, Port probs,
                  Port routed, Port cluster)
      : router(std::move(router)), centroids(std::move(centroids)), threshold(threshold), x(x),
        probs(probs), routed(routed), cluster(cluster) {}

  absl::Status forward(Run &run, std::vector<float> &) const override {
    const Slot &from = run.slots[x.slot];
    int64_t classes = router.getColumns();
    Slot &to = prepare(run, probs, from.rows, classes);
    multiply({from.value.data(), from.width}, from.rows, router, to.value.data(), classes,
             /*accumulate=*/false, run.scratch);
    std::vector<int32_t> &isRouted = run.slots[routed.slot].integers;
    std::vector<int32_t> &nearest = run.slots[cluster.slot].integers;
    isRouted.resize(from.rows);
    nearest.resize(from.rows);
    for (int64_t r = 0; r < from.rows; ++r) {
      softmax(to.row(r), classes);
      float largest = 0;
      for (int64_t c = 0; c < classes; ++c)
        largest = to.row(r)[c] > largest ? to.row(r)[c] : largest;
      isRouted[r] = largest > threshold;
      nearest[r] = findNearest(from.value.data() + r * from.width);
    }
    return absl::OkStatus();
  }

private:
  /// In f64, the squares summed over the width in order; the first of equals.
  int32_t findNearest(const float *row) const {
    double best = std::numeric_limits<double>::infinity();
    int32_t nearest = 0;
    for (int64_t first = 0; first < centroids.getColumns(); first += kPanelColumns) {
      const float *panel = centroids.getPanel(first / kPanelColumns);
      double distances[kPanelColumns] = {};
      for (int64_t i = 0; i < centroids.getRows(); ++i)
        for (int64_t c = 0; c < kPanelColumns; ++c) {
          double difference = static_cast<double>(row[i]) - panel[i * kPanelColumns + c];
          distances[c] += difference * difference;
        }
      for (int64_t c = 0; c < std::min(kPanelColumns, centroids.getColumns() - first); ++c)
        if (distances[c] < best) {
          best = distances[c];
          nearest = static_cast<int32_t>(first + c);
        }
    }
    return nearest;
  }

  PackedMatrix router, centroids; ///< Transposed.
  float threshold;
  Port x, probs, routed, cluster;
};

} // namespace

NodeOrError gem::grad::makeAttentionNode(AttentionOp op, NodeContext &context) {
  auto node = std::make_unique<AttentionNode>(op, context);
  node->skipsPadding = static_cast<bool>(op.getCount());
  return node;
}

NodeOrError gem::grad::makeScarAttentionNode(ScarAttentionOp op, NodeContext &context) {
  auto node = std::make_unique<AttentionNode>(op, context);
  node->routing = {context.port(op.getRouted()), context.port(op.getCluster()), op.getPredicate(),
                   op.getCausal()};
  return node;
}

NodeOrError gem::grad::makeRouteTokensNode(RouteTokensOp op, NodeContext &context) {
  if (!op.getCentroids())
    return absl::FailedPreconditionError(
        "gem.route_tokens has no centroids; fit them on calibration texts first");
  PackedMatrix matrices[2];
  Value operands[2] = {op.getWR(), op.getCentroids()};
  for (auto [matrix, operand] : llvm::zip(matrices, operands)) {
    absl::StatusOr<std::vector<float>> values = context.weightAsF32(operand);
    if (!values.ok())
      return values.status();
    int64_t width = widthOf(operand);
    matrix.assign({values->data(), 1, width}, width, static_cast<int64_t>(values->size()) / width);
  }
  return std::make_unique<RouteTokensNode>(
      std::move(matrices[0]), std::move(matrices[1]),
      static_cast<float>(op.getThreshold().convertToDouble()), context.port(op.getX()),
      context.port(op.getProbs()), context.port(op.getRouted()), context.port(op.getCluster()));
}
