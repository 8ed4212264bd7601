// Embeddings, linear layers, activations and norms, forward and backward.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/strings/str_cat.h"
#include "compiler/Gradient/Node.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/ADT/TypeSwitch.h"
#include <bit>
#include <cmath>

using namespace mlir;
using namespace gem;
using namespace gem::grad;

Slot &gem::grad::prepare(Run &run, const Port &port, int64_t rows, int64_t width) {
  Slot &slot = run.slots[port.slot];
  slot.rows = rows;
  slot.width = width;
  slot.value.resize(rows * width);
  if (port.wanted)
    slot.gradient.assign(rows * width, 0.0f);
  return slot;
}

absl::StatusOr<std::vector<float>> NodeContext::weightAsF32(Value value) {
  absl::StatusOr<ElementsAttr> data = weight(value);
  if (!data.ok())
    return data.status();
  std::vector<float> values(data->getNumElements());
  readAsF32(*data, 0, values.size(), values.data());
  return values;
}

static int64_t widthOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}

namespace {

const Kernels &kernels() {
  static const Kernels &found = findKernels();
  return found;
}

/// A row of a table for each token.
class EmbeddingNode final : public Node {
public:
  EmbeddingNode(ElementsAttr table, Port y) : table(table), y(y) {}

  absl::Status forward(Run &run, std::vector<float> &) const override {
    auto type = cast<RankedTensorType>(table.getType());
    Slot &to = prepare(run, y, run.ids.size(), type.getDimSize(1));
    for (auto [i, id] : llvm::enumerate(run.ids)) {
      if (id < 0 || id >= type.getDimSize(0))
        return absl::InvalidArgumentError(absl::StrCat("token ", i, ": expected an id of 0 to ",
                                                       type.getDimSize(0) - 1, ", but got ", id));
      readAsF32(table, id * to.width, to.width, to.row(i));
    }
    return absl::OkStatus();
  }

private:
  ElementsAttr table; // Read where it lies: it may be large.
  Port y;
};

/// y = x + rows of a table: row i for token i, or one row for all.
class AddTableNode final : public Node {
public:
  AddTableNode(ElementsAttr table, std::optional<int64_t> row, Port x, Port y)
      : table(table), row(row), x(x), y(y) {}

  absl::Status forward(Run &run, std::vector<float> &kept) const override {
    const Slot &from = run.slots[x.slot];
    int64_t tableRows = cast<RankedTensorType>(table.getType()).getDimSize(0);
    if (!row && from.rows > tableRows)
      return absl::InvalidArgumentError(absl::StrCat(
          "expected at most ", tableRows, " tokens, which have positions, but got ", from.rows));
    Slot &to = prepare(run, y, from.rows, from.width);
    kept.resize(row ? from.width : from.rows * from.width);
    readAsF32(table, row ? *row * from.width : 0, kept.size(), kept.data());
    for (int64_t r = 0; r < from.rows; ++r)
      for (int64_t i = 0; i < from.width; ++i)
        to.row(r)[i] = from.value[r * from.width + i] + kept[(row ? 0 : r * from.width) + i];
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &) const override {
    Slot &to = run.slots[x.slot];
    const Slot &from = run.slots[y.slot];
    for (size_t i = 0; i < from.gradient.size(); ++i)
      to.gradient[i] += from.gradient[i];
  }

private:
  ElementsAttr table;
  std::optional<int64_t> row;
  Port x, y;
};

class AddNode final : public Node {
public:
  AddNode(Port a, Port b, Port y) : a(a), b(b), y(y) {}

  absl::Status forward(Run &run, std::vector<float> &) const override {
    const Slot &left = run.slots[a.slot], &right = run.slots[b.slot];
    Slot &to = prepare(run, y, left.rows, left.width);
    for (size_t i = 0; i < to.value.size(); ++i)
      to.value[i] = left.value[i] + right.value[i];
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &) const override {
    const Slot &from = run.slots[y.slot];
    for (const Port &port : {a, b})
      if (port.wanted)
        for (size_t i = 0; i < from.gradient.size(); ++i)
          run.slots[port.slot].gradient[i] += from.gradient[i];
  }

private:
  Port a, b, y;
};

class ActivationNode final : public Node {
public:
  ActivationNode(Activation kind, Port x, Port y) : kind(kind), x(x), y(y) {}

  static void apply(Activation kind, const float *x, int64_t count, float *y) {
    if (kind == Activation::Gelu)
      kernels().gelu(x, count, y);
    else if (kind == Activation::Tanh)
      kernels().tanh(x, count, y);
  }

  /// dx += dy * the derivative at x, where y is.
  static void addGradient(Activation kind, const float *x, const float *dy, int64_t count,
                          std::vector<float> &scratch, float *dx) {
    if (kind == Activation::Gelu)
      return kernels().geluGradient(x, dy, count, dx);
    scratch.resize(count);
    kernels().tanh(x, count, scratch.data());
    for (int64_t i = 0; i < count; ++i)
      dx[i] += dy[i] * (1.0f - scratch[i] * scratch[i]);
  }

  absl::Status forward(Run &run, std::vector<float> &) const override {
    const Slot &from = run.slots[x.slot];
    Slot &to = prepare(run, y, from.rows, from.width);
    apply(kind, from.value.data(), from.value.size(), to.value.data());
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &) const override {
    Slot &to = run.slots[x.slot];
    const Slot &from = run.slots[y.slot];
    addGradient(kind, to.value.data(), from.gradient.data(), from.gradient.size(), run.temporary[0],
                to.gradient.data());
  }

private:
  Activation kind;
  Port x, y;
};

/// y = activation(x w^T + bias) + residual. Also of gem.classify.
class LinearNode final : public Node {
public:
  static NodeOrError create(Value x, Value weight, Value bias, Value residual,
                            Activation activation, Value y, NodeContext &context) {
    auto node = std::make_unique<LinearNode>();
    node->x = context.port(x);
    node->y = context.port(y);
    node->activation = activation;
    node->width = widthOf(x);
    node->outputs = widthOf(y);
    absl::StatusOr<ElementsAttr> data = context.weight(weight);
    if (!data.ok())
      return data.status();
    // Backward reads the weight as the checkpoint has it; most need no copy.
    ArrayRef<char> raw = getRawData(*data);
    if (data->getElementType().isF32() && !raw.empty() &&
        reinterpret_cast<uintptr_t>(raw.data()) % alignof(float) == 0) {
      node->weight = reinterpret_cast<const float *>(raw.data());
    } else {
      node->ownWeight.resize(data->getNumElements());
      readAsF32(*data, 0, node->ownWeight.size(), node->ownWeight.data());
      node->weight = node->ownWeight.data();
    }
    node->packed.assign({node->weight, 1, node->width}, node->width, node->outputs);
    if (bias) {
      absl::StatusOr<std::vector<float>> values = context.weightAsF32(bias);
      if (!values.ok())
        return values.status();
      node->bias = *std::move(values);
    }
    if (residual)
      node->residual = context.port(residual);
    return node;
  }

  absl::Status forward(Run &run, std::vector<float> &kept) const override {
    const Slot &from = run.slots[x.slot];
    Slot &to = prepare(run, y, from.rows, outputs);
    std::vector<float> &sums = activation == Activation::None ? to.value : kept;
    sums.resize(to.value.size());
    for (int64_t r = 0; r < from.rows && !bias.empty(); ++r)
      std::copy(bias.begin(), bias.end(), sums.begin() + r * outputs);
    multiply({from.value.data(), width}, from.rows, packed, sums.data(), outputs, !bias.empty(),
             run.scratch);
    if (activation != Activation::None)
      ActivationNode::apply(activation, sums.data(), sums.size(), to.value.data());
    if (residual)
      for (size_t i = 0; i < to.value.size(); ++i)
        to.value[i] += run.slots[residual->slot].value[i];
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &kept) const override {
    const Slot &from = run.slots[y.slot];
    const float *sums = from.gradient.data();
    if (activation != Activation::None) {
      std::vector<float> &own = run.temporary[0];
      own.assign(from.gradient.size(), 0.0f);
      ActivationNode::addGradient(activation, kept.data(), sums, own.size(), run.temporary[1],
                                  own.data());
      sums = own.data();
    }
    if (x.wanted)
      multiply({sums, outputs}, from.rows, outputs, weight, width, width,
               run.slots[x.slot].gradient.data(), width, /*accumulate=*/true, run.scratch);
    if (residual && residual->wanted)
      for (size_t i = 0; i < from.gradient.size(); ++i)
        run.slots[residual->slot].gradient[i] += from.gradient[i];
  }

private:
  Port x, y;
  std::optional<Port> residual;
  Activation activation = Activation::None;
  int64_t width = 0, outputs = 0;
  const float *weight = nullptr; ///< [outputs, width]
  std::vector<float> ownWeight, bias;
  PackedMatrix packed; ///< Its transpose.
};

class LayerNormNode final : public Node {
public:
  LayerNormNode(std::vector<float> gamma, std::vector<float> beta, double epsilon, Port x, Port y)
      : gamma(std::move(gamma)), beta(std::move(beta)), epsilon(epsilon), x(x), y(y) {}

  absl::Status forward(Run &run, std::vector<float> &kept) const override {
    const Slot &from = run.slots[x.slot];
    int64_t width = from.width;
    Slot &to = prepare(run, y, from.rows, width);
    // The normalized rows, then the reciprocals of their deviations.
    kept.resize(from.rows * (width + 1));
    for (int64_t r = 0; r < from.rows; ++r) {
      const float *in = from.value.data() + r * width;
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < width; ++i)
        sum += in[i];
      double mean = sum / static_cast<double>(width);
      for (int64_t i = 0; i < width; ++i)
        squares += (in[i] - mean) * (in[i] - mean);
      double inverse = 1 / std::sqrt(squares / static_cast<double>(width) + epsilon);
      float *normalized = kept.data() + r * width;
      for (int64_t i = 0; i < width; ++i) {
        normalized[i] = static_cast<float>((in[i] - mean) * inverse);
        to.row(r)[i] = normalized[i] * gamma[i] + beta[i];
      }
      kept[from.rows * width + r] = static_cast<float>(inverse);
    }
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &kept) const override {
    Slot &to = run.slots[x.slot];
    Slot &from = run.slots[y.slot];
    int64_t width = to.width;
    for (int64_t r = 0; r < to.rows; ++r) {
      const float *normalized = kept.data() + r * width, *dy = from.gradientRow(r);
      double sum = 0, along = 0;
      for (int64_t i = 0; i < width; ++i) {
        double scaled = static_cast<double>(dy[i]) * gamma[i];
        sum += scaled;
        along += scaled * normalized[i];
      }
      double mean = sum / static_cast<double>(width), part = along / static_cast<double>(width);
      double inverse = kept[to.rows * width + r];
      for (int64_t i = 0; i < width; ++i)
        to.gradientRow(r)[i] += static_cast<float>(
            inverse * (static_cast<double>(dy[i]) * gamma[i] - mean - part * normalized[i]));
    }
  }

private:
  std::vector<float> gamma, beta;
  double epsilon;
  Port x, y;
};

class SelectNode final : public Node {
public:
  SelectNode(int64_t row, Port x, Port y) : row(row), x(x), y(y) {}

  absl::Status forward(Run &run, std::vector<float> &) const override {
    Slot &from = run.slots[x.slot];
    if (row >= from.rows)
      return absl::InvalidArgumentError(
          absl::StrCat("expected more than ", row,
                       " tokens, one of which the model reads, but got ", from.rows));
    Slot &to = prepare(run, y, 1, from.width);
    std::copy_n(from.row(row), from.width, to.row(0));
    return absl::OkStatus();
  }

  void backward(Run &run, std::vector<float> &) const override {
    Slot &to = run.slots[x.slot];
    for (int64_t i = 0; i < to.width; ++i)
      to.gradientRow(row)[i] += run.slots[y.slot].gradient[i];
  }

private:
  int64_t row;
  Port x, y;
};

NodeOrError makeAddTable(Value table, std::optional<int64_t> row, Value x, Value y,
                         NodeContext &context) {
  absl::StatusOr<ElementsAttr> data = context.weight(table);
  if (!data.ok())
    return data.status();
  return std::make_unique<AddTableNode>(*data, row, context.port(x), context.port(y));
}

NodeOrError makeEmbedding(EmbeddingOp op, NodeContext &context) {
  if (op.getTables().size() != 1 || op.getMap())
    return absl::UnimplementedError(
        "gem.embedding: expected one table and no map; differentiate the model before its "
        "weights get formats");
  absl::StatusOr<ElementsAttr> data = context.weight(op.getTables().front());
  if (!data.ok())
    return data.status();
  return std::make_unique<EmbeddingNode>(*data, context.port(op.getResult()));
}

NodeOrError makeLayerNorm(LayerNormOp op, NodeContext &context) {
  absl::StatusOr<std::vector<float>> gamma = context.weightAsF32(op.getGamma());
  absl::StatusOr<std::vector<float>> beta = context.weightAsF32(op.getBeta());
  for (const absl::Status &status : {gamma.status(), beta.status()})
    if (!status.ok())
      return status;
  return std::make_unique<LayerNormNode>(*std::move(gamma), *std::move(beta),
                                         op.getEpsilon().convertToDouble(), context.port(op.getX()),
                                         context.port(op.getResult()));
}

} // namespace

// A table by op, not an op interface: interfaces hold the facts that passes share, and a
// derivative is needed here alone. An op that is not in it is refused by name.
NodeOrError gem::grad::makeNode(Operation *op, NodeContext &context) {
  return llvm::TypeSwitch<Operation *, NodeOrError>(op)
      .Case([&](EmbeddingOp op) { return makeEmbedding(op, context); })
      .Case([&](AddPositionOp op) {
        return makeAddTable(op.getTable(), std::nullopt, op.getX(), op.getResult(), context);
      })
      .Case([&](AddRowOp op) {
        return makeAddTable(op.getTable(), op.getRow(), op.getX(), op.getResult(), context);
      })
      .Case([&](AddOp op) -> NodeOrError {
        return std::make_unique<AddNode>(context.port(op.getA()), context.port(op.getB()),
                                         context.port(op.getResult()));
      })
      .Case([&](LinearOp op) {
        return LinearNode::create(op.getX(), op.getWeight(), op.getBias(), op.getResidual(),
                                  op.getActivation(), op.getResult(), context);
      })
      .Case([&](ClassifyOp op) {
        return LinearNode::create(op.getX(), op.getWeight(), op.getBias(), Value(),
                                  Activation::None, op.getLogits(), context);
      })
      .Case([&](LayerNormOp op) { return makeLayerNorm(op, context); })
      .Case([&](GeluOp op) -> NodeOrError {
        return std::make_unique<ActivationNode>(Activation::Gelu, context.port(op.getX()),
                                                context.port(op.getResult()));
      })
      .Case([&](TanhOp op) -> NodeOrError {
        return std::make_unique<ActivationNode>(Activation::Tanh, context.port(op.getX()),
                                                context.port(op.getResult()));
      })
      .Case([&](SelectOp op) -> NodeOrError {
        return std::make_unique<SelectNode>(op.getRow(), context.port(op.getX()),
                                            context.port(op.getResult()));
      })
      .Case([&](AttentionOp op) { return makeAttentionNode(op, context); })
      .Case([&](RouteTokensOp op) { return makeRouteTokensNode(op, context); })
      .Case([&](ScarAttentionOp op) { return makeScarAttentionNode(op, context); })
      .Default([](Operation *op) {
        return absl::UnimplementedError(
            absl::StrCat("'", op->getName().getStringRef().str(),
                         "' has no derivative; expected a model in the gem dialect as imported"));
      });
}
