// The gem dialect in f64 by plain loops, as its documents define it: the oracle of gradients.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TEST_COMPILER_GRADIENT_REFERENCEMODEL_H
#define GEM_TEST_COMPILER_GRADIENT_REFERENCEMODEL_H

#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <span>
#include <vector>

namespace gem::testing {

struct Matrix {
  int64_t rows = 0, width = 0;
  std::vector<double> data;
  Matrix() = default;
  Matrix(int64_t rows, int64_t width) : rows(rows), width(width), data(rows * width) {}
  double &at(int64_t r, int64_t i) { return data[r * width + i]; }
};

/// Adds `delta` to one element of a value before it is used; or, with `channels`, scales as
/// many columns from `index` on by 1 + delta.
struct Change {
  mlir::Value value;
  int64_t index = 0;
  double delta = 0;
  int64_t channels = 0;
};

/// Runs a function; the router decides in the first run and keeps its decisions in later ones.
class ReferenceModel {
public:
  explicit ReferenceModel(mlir::func::FuncOp function)
      : function(function), symbols(function->getParentOfType<mlir::ModuleOp>()) {}

  /// The logits. `ids` with padding; `count` of them are none.
  std::vector<double> run(std::span<const int32_t> ids, int64_t count, const Change &change = {}) {
    values.clear();
    for (mlir::Operation &op : function.front()) {
      if (op.getNumResults() == 0 || mlir::isa<GetWeightOp>(op))
        continue;
      Matrix result = evaluate(&op, ids, count);
      if (change.value && change.value == op.getResult(0))
        apply(change, result);
      values[op.getResult(0)] = std::move(result);
      if (mlir::isa<ClassifyOp>(op))
        return values[op.getResult(0)].data;
    }
    return {};
  }

  Matrix &value(mlir::Value value) { return values[value]; }

  static void apply(const Change &change, Matrix &to) {
    if (change.channels == 0)
      to.data[change.index] += change.delta;
    for (int64_t r = 0; r < to.rows; ++r)
      for (int64_t c = change.index; c < change.index + change.channels; ++c)
        to.at(r, c) *= 1 + change.delta;
  }

private:
  Matrix &weight(mlir::Value value) {
    auto &found = weights[value];
    if (found.data.empty()) {
      auto get = value.getDefiningOp<GetWeightOp>();
      mlir::ElementsAttr data = symbols.lookup<WeightOp>(get.getWeight()).getValue();
      auto type = mlir::cast<mlir::RankedTensorType>(data.getType());
      std::vector<float> floats(data.getNumElements());
      readAsF32(data, 0, floats.size(), floats.data());
      found = Matrix(type.getRank() == 2 ? type.getDimSize(0) : 1, type.getShape().back());
      found.data.assign(floats.begin(), floats.end());
    }
    return found;
  }

  static double activate(Activation kind, double x) {
    if (kind == Activation::Gelu)
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    return kind == Activation::Tanh ? std::tanh(x) : x;
  }

  Matrix linear(Matrix x, Matrix w, mlir::Value biasValue) {
    Matrix y(x.rows, w.rows), bias = biasValue ? weight(biasValue) : Matrix(1, w.rows);
    for (int64_t r = 0; r < x.rows; ++r)
      for (int64_t n = 0; n < w.rows; ++n) {
        double sum = bias.data[n];
        for (int64_t i = 0; i < x.width; ++i)
          sum += x.at(r, i) * w.at(n, i);
        y.at(r, n) = sum;
      }
    return y;
  }

  template <typename Op, typename Permitted> Matrix attention(Op op, const Permitted &permitted) {
    Matrix q = values[op.getQ()], k = values[op.getK()], v = values[op.getV()];
    Matrix y(q.rows, q.width);
    int64_t headDim = op.getHeadDim(), first = op.getFirstQuery();
    double scale = op.getScale().convertToDouble();
    for (int64_t head = 0; head < static_cast<int64_t>(op.getNumHeads()); ++head)
      for (int64_t i = 0; i < q.rows; ++i) {
        std::vector<double> weights(k.rows);
        double total = 0;
        for (int64_t j = 0; j < k.rows; ++j) {
          double score = 0;
          for (int64_t h = head * headDim; h < (head + 1) * headDim; ++h)
            score += q.at(i, h) * k.at(j, h);
          weights[j] = permitted(first + i, j) ? std::exp(scale * score) : 0;
          total += weights[j];
        }
        for (int64_t j = 0; j < k.rows; ++j)
          for (int64_t h = head * headDim; h < (head + 1) * headDim; ++h)
            y.at(i, h) += weights[j] / total * v.at(j, h);
      }
    return y;
  }

  Matrix route(RouteTokensOp op) {
    Matrix x = values[op.getX()], centroids = weight(op.getCentroids());
    Matrix probs = linear(x, weight(op.getWR()), {});
    std::vector<std::pair<bool, int64_t>> decisions;
    for (int64_t r = 0; r < x.rows; ++r) {
      double total = 0, largest = 0, best = HUGE_VAL;
      for (int64_t c = 0; c < probs.width; ++c)
        total += probs.at(r, c) = std::exp(probs.at(r, c));
      for (int64_t c = 0; c < probs.width; ++c)
        largest = std::max(largest, probs.at(r, c) /= total);
      int64_t nearest = 0;
      for (int64_t c = 0; c < centroids.rows; ++c) {
        double distance = 0;
        for (int64_t i = 0; i < x.width; ++i)
          distance += std::pow(x.at(r, i) - centroids.at(c, i), 2);
        if (distance < best)
          best = distance, nearest = c;
      }
      decisions.push_back({largest > op.getThreshold().convertToDouble(), nearest});
    }
    if (routing.empty())
      routing = decisions;
    return probs;
  }

  Matrix evaluate(mlir::Operation *any, std::span<const int32_t> ids, int64_t count) {
    return llvm::TypeSwitch<mlir::Operation *, Matrix>(any)
        .Case([&](EmbeddingOp op) {
          Matrix &table = weight(op.getTables().front());
          Matrix y(ids.size(), table.width);
          for (int64_t r = 0; r < y.rows; ++r)
            for (int64_t i = 0; i < y.width; ++i)
              y.at(r, i) = table.at(ids[r], i);
          return y;
        })
        .Case([&](AddPositionOp op) {
          Matrix y = values[op.getX()], table = weight(op.getTable());
          for (size_t i = 0; i < y.data.size(); ++i)
            y.data[i] += table.data[i];
          return y;
        })
        .Case([&](AddRowOp op) {
          Matrix y = values[op.getX()], table = weight(op.getTable());
          for (size_t i = 0; i < y.data.size(); ++i)
            y.data[i] += table.at(op.getRow(), i % y.width);
          return y;
        })
        .Case([&](AddOp op) {
          Matrix y = values[op.getA()];
          for (size_t i = 0; i < y.data.size(); ++i)
            y.data[i] += values[op.getB()].data[i];
          return y;
        })
        .Case([&](LinearOp op) {
          Matrix y = linear(values[op.getX()], weight(op.getWeight()), op.getBias());
          for (size_t i = 0; i < y.data.size(); ++i)
            y.data[i] = activate(op.getActivation(), y.data[i]) +
                        (op.getResidual() ? values[op.getResidual()].data[i] : 0);
          return y;
        })
        .Case([&](LayerNormOp op) {
          Matrix y = values[op.getX()], gamma = weight(op.getGamma()), beta = weight(op.getBeta());
          for (int64_t r = 0; r < y.rows; ++r) {
            double mean = 0, variance = 0;
            for (int64_t i = 0; i < y.width; ++i)
              mean += y.at(r, i) / y.width;
            for (int64_t i = 0; i < y.width; ++i)
              variance += std::pow(y.at(r, i) - mean, 2) / y.width;
            for (int64_t i = 0; i < y.width; ++i)
              y.at(r, i) = (y.at(r, i) - mean) /
                               std::sqrt(variance + op.getEpsilon().convertToDouble()) *
                               gamma.data[i] +
                           beta.data[i];
          }
          return y;
        })
        .Case([&](GeluOp op) {
          Matrix y = values[op.getX()];
          for (double &value : y.data)
            value = activate(Activation::Gelu, value);
          return y;
        })
        .Case([&](TanhOp op) {
          Matrix y = values[op.getX()];
          for (double &value : y.data)
            value = std::tanh(value);
          return y;
        })
        .Case([&](AttentionOp op) {
          return attention(op, [&](int64_t, int64_t j) { return !op.getCount() || j < count; });
        })
        .Case([&](RouteTokensOp op) { return route(op); })
        .Case([&](ScarAttentionOp op) {
          return attention(op, [&](int64_t i, int64_t j) {
            bool route = routing[i].first == routing[j].first;
            bool cluster = routing[i].second == routing[j].second;
            if (op.getCausal() && j > i)
              return false;
            switch (op.getPredicate()) {
            case ScarPredicate::SameRoute:
              return route;
            case ScarPredicate::SameCluster:
              return cluster;
            case ScarPredicate::Either:
              return route || cluster;
            }
            return false;
          });
        })
        .Case([&](SelectOp op) {
          Matrix x = values[op.getX()], y(1, x.width);
          for (int64_t i = 0; i < x.width; ++i)
            y.at(0, i) = x.at(op.getRow(), i);
          return y;
        })
        .Case([&](ClassifyOp op) {
          return linear(values[op.getX()], weight(op.getWeight()), op.getBias());
        });
  }

public:
  std::vector<std::pair<bool, int64_t>> routing; ///< routed and cluster of each token.

private:
  mlir::func::FuncOp function;
  mlir::SymbolTable symbols;
  llvm::DenseMap<mlir::Value, Matrix> values, weights;
};

} // namespace gem::testing

#endif // GEM_TEST_COMPILER_GRADIENT_REFERENCEMODEL_H
