// Small programs that use every kernel, and what they compute in plain loops.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/TinyModels.h"

#include <cmath>

namespace gem::test {

using schema::Kernel;
using schema::Role;

TinyGem::TinyGem(bool padded, uint64_t seed) {
  Random random(seed);
  BundleBuilder& b = builder;
  auto matrix = [&](uint32_t rows, uint32_t columns, float scale, float offset = 0.0f) {
    return Matrix{rows, columns, random.Vector(size_t{rows} * columns, scale, offset)};
  };
  auto add = [&](const char* name, const Matrix& m, schema::Layout layout) {
    return b.AddConstant(name, {m.rows, m.columns}, m.values, layout);
  };
  auto add_vector = [&](const char* name, const Matrix& m) {
    return b.AddConstant(name, {m.columns}, m.values);
  };
  embedding_ = matrix(kVocabulary, kHidden, 1.0f);
  position_ = matrix(kMaxTokens + 2, kHidden, 0.5f);
  gamma_ = matrix(1, kHidden, 0.5f, 1.0f);
  beta_ = matrix(1, kHidden, 0.25f);
  router_ = matrix(kClasses, kHidden, 0.6f);
  centroids_ = matrix(kClusters, kHidden, 1.5f);
  const uint32_t outputs[] = {kHidden, kHidden, kHidden, kHidden, kInner,
                              kHidden, kHidden, kHidden, kHidden, kClasses};
  static constexpr const char* kNames[] = {"q",    "k",      "v",      "projection", "up",
                                           "down", "scar.q", "scar.k", "scar.v",     "classifier"};
  const uint32_t embedding = add("embedding", embedding_, schema::Layout::ROW_MAJOR);
  const uint32_t position = add("position", position_, schema::Layout::ROW_MAJOR);
  const uint32_t gamma = add_vector("gamma", gamma_);
  const uint32_t beta = add_vector("beta", beta_);
  const uint32_t router = add("router.w_r", router_, schema::Layout::ROW_MAJOR);
  const uint32_t centroids = add("router.centroids", centroids_, schema::Layout::ROW_MAJOR);
  uint32_t weight[kLinearCount];
  uint32_t bias[kLinearCount];
  for (int i = 0; i < kLinearCount; ++i) {
    weights_[i] = matrix(outputs[i], i == kDownW ? kInner : kHidden, 0.35f);
    weight[i] =
        add((std::string(kNames[i]) + ".weight").c_str(), weights_[i], schema::Layout::PANEL_16);
    if (i == kScarV) continue;
    biases_[i] = matrix(1, outputs[i], 0.2f);
    bias[i] = add_vector((std::string(kNames[i]) + ".bias").c_str(), biases_[i]);
  }

  schema::Dim n = Constant(kMaxTokens);
  if (!padded) n = Symbol(b.AddSymbol("n", 1, kMaxTokens));
  constexpr auto kF32 = schema::ElementType::F32;
  constexpr auto kI32 = schema::ElementType::I32;
  const uint32_t ids = b.AddBuffer(kI32, {n});
  const uint32_t x = b.AddBuffer(kF32, {n, Constant(kHidden)});
  const uint32_t q = b.AddBuffer(kF32, {n, Constant(kHidden)});
  const uint32_t k = b.AddBuffer(kF32, {n, Constant(kHidden)});
  const uint32_t v = b.AddBuffer(kF32, {n, Constant(kHidden)});
  const uint32_t mixed = b.AddBuffer(kF32, {n, Constant(kHidden)});
  const uint32_t inner = b.AddBuffer(kF32, {n, Constant(kInner)});
  const uint32_t probs = b.AddBuffer(kF32, {n, Constant(kClasses)});
  const uint32_t routed = b.AddBuffer(schema::ElementType::U8, {n});
  const uint32_t cluster = b.AddBuffer(kI32, {n});
  const uint32_t sum = b.AddBuffer(kF32, {n, Constant(kHidden)});
  const uint32_t row = b.AddBuffer(kF32, {Constant(1), Constant(kHidden)});
  const uint32_t logits = b.AddBuffer(kF32, {Constant(kClasses)});
  b.AddInput("ids", ids, Role::TOKEN_IDS, 0, kVocabulary - 1);
  schema::Operand count = None();
  if (padded) {
    const uint32_t buffer = b.AddBuffer(kI32, {Constant(1)});
    b.AddInput("count", buffer, Role::TOKEN_COUNT, 1, kMaxTokens);
    count = Buf(buffer);
  }

  const float scale = 1.0f / std::sqrt(static_cast<float>(kHeadDim));
  schema::LayerNormParamsT norm;
  norm.epsilon = 1e-5f;
  schema::AttentionParamsT attention;
  attention.num_heads = kHeads;
  attention.head_dim = kHeadDim;
  attention.scale = scale;
  schema::ScarAttentionParamsT scar;
  scar.num_heads = kHeads;
  scar.head_dim = kHeadDim;
  scar.scale = scale;
  schema::RouteTokensParamsT route;
  route.threshold = kThreshold;
  schema::ActivationParamsT tanh;
  tanh.activation = schema::Activation::TANH;
  schema::LinearParamsT plain;
  schema::LinearParamsT gelu;
  gelu.activation = schema::Activation::GELU;
  auto linear = [&](Linear i, uint32_t from, uint32_t to, schema::Operand residual,
                    const schema::LinearParamsT& params) {
    b.AddCommand(Kernel::LINEAR,
                 {Buf(from), Const(weight[i]), i == kScarV ? None() : Const(bias[i]), residual},
                 {Buf(to)}, params, kNames[i]);
  };
  b.AddCommand(Kernel::EMBEDDING, {Buf(ids), Const(embedding)}, {Buf(x)},
               schema::EmbeddingParamsT{}, "embedding");
  b.AddCommand(Kernel::ADD_POSITION, {Buf(x), Const(position)}, {Buf(x)},
               schema::AddPositionParamsT{});
  b.AddCommand(Kernel::LAYER_NORM, {Buf(x), Const(gamma), Const(beta)}, {Buf(x)}, norm);
  linear(kQ, x, q, None(), plain);
  linear(kK, x, k, None(), plain);
  linear(kV, x, v, None(), plain);
  b.AddCommand(Kernel::ATTENTION, {Buf(q), Buf(k), Buf(v), count}, {Buf(mixed)}, attention);
  linear(kO, mixed, x, Buf(x), plain);  // the residual is overwritten in place
  linear(kUpW, x, inner, None(), gelu);
  linear(kDownW, inner, x, Buf(x), plain);
  b.AddCommand(Kernel::ROUTE_TOKENS, {Buf(x), Const(router), Const(centroids)},
               {Buf(probs), Buf(routed), Buf(cluster)}, route, "router");
  linear(kScarQ, x, q, None(), plain);
  linear(kScarK, x, k, None(), plain);
  linear(kScarV, x, v, None(), plain);
  b.AddCommand(Kernel::SCAR_ATTENTION, {Buf(q), Buf(k), Buf(v), Buf(routed), Buf(cluster)},
               {Buf(mixed)}, scar, "scar");
  b.AddCommand(Kernel::ADD, {Buf(mixed), Buf(x)}, {Buf(sum)}, schema::AddParamsT{});
  b.AddCommand(Kernel::SELECT_ROW, {Buf(sum)}, {Buf(row)}, schema::SelectRowParamsT{});
  b.AddCommand(Kernel::ACTIVATION, {Buf(row)}, {Buf(row)}, tanh);
  linear(kClass, row, logits, None(), plain);

  b.AddOutput("logits", logits, Role::LOGITS);
  b.AddOutput("routed", routed, Role::ROUTED);
  b.AddOutput("cluster", cluster, Role::CLUSTER);
  b.AddOutput("hidden", x, Role::HIDDEN_STATES);
  b.AddOutput("probs", probs, Role::ACTIVATION);
  for (uint32_t i = 0; i < kClasses; ++i) {
    b.bundle().model->labels.push_back("label " + std::to_string(i));
  }
  Bytes tokenizer(100);
  for (size_t i = 0; i < tokenizer.size(); ++i) tokenizer[i] = static_cast<uint8_t>(i + 1);
  auto text = std::make_unique<schema::TextT>();
  text->tokenizer_segment =
      b.AddSegment("tokenizer", schema::SegmentKind::TOKENIZER, std::move(tokenizer));
  text->maximum_tokens = kMaxTokens;
  text->padded = padded;
  text->pad_id = padded ? 3 : 0;
  b.bundle().text = std::move(text);
  auto recipe = std::make_unique<schema::KeyValueT>();
  recipe->key = "recipe";
  recipe->value = "test";
  b.bundle().provenance.push_back(std::move(recipe));
  auto source = std::make_unique<schema::KeyValueT>();
  source->key = "source";
  source->value = "none";
  b.bundle().provenance.push_back(std::move(source));
}

std::vector<int32_t> TinyGem::Ids(uint32_t count, uint64_t seed) {
  Random random(seed);
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids) id = static_cast<int32_t>(random.Below(kVocabulary));
  return ids;
}

std::vector<double> TinyGem::Apply(Linear linear, const std::vector<double>& x) const {
  const Matrix& w = weights_[linear];
  const size_t rows = x.size() / w.columns;
  std::vector<double> y(rows * w.rows);
  for (size_t i = 0; i < rows; ++i) {
    for (uint32_t o = 0; o < w.rows; ++o) {
      double sum = biases_[linear].values.empty() ? 0.0 : biases_[linear].values[o];
      for (uint32_t k = 0; k < w.columns; ++k) {
        sum += x[i * w.columns + k] * w.values[size_t{o} * w.columns + k];
      }
      y[i * w.rows + o] = sum;
    }
  }
  return y;
}

TinyGem::Result TinyGem::Reference(const std::vector<int32_t>& ids, uint32_t count) const {
  const size_t n = ids.size();
  const size_t h = kHidden;
  std::vector<double> x(n * h);
  for (size_t i = 0; i < n; ++i) {
    double mean = 0, variance = 0;
    for (size_t c = 0; c < h; ++c) {
      x[i * h + c] =
          embedding_.values[static_cast<size_t>(ids[i]) * h + c] + position_.values[i * h + c];
      mean += x[i * h + c] / h;
    }
    for (size_t c = 0; c < h; ++c) variance += std::pow(x[i * h + c] - mean, 2) / h;
    for (size_t c = 0; c < h; ++c) {
      x[i * h + c] =
          (x[i * h + c] - mean) / std::sqrt(variance + 1e-5) * gamma_.values[c] + beta_.values[c];
    }
  }
  auto attend = [&](const std::vector<double>& q, const std::vector<double>& k,
                    const std::vector<double>& v, auto permitted) {
    std::vector<double> y(n * h);
    for (size_t head = 0; head < kHeads; ++head) {
      for (size_t i = 0; i < n; ++i) {
        double total = 0;
        for (size_t j = 0; j < n; ++j) {
          if (!permitted(i, j)) continue;
          double score = 0;
          for (size_t d = head * kHeadDim; d < (head + 1) * kHeadDim; ++d) {
            score += q[i * h + d] * k[j * h + d];
          }
          const double weight = std::exp(score / std::sqrt(static_cast<double>(kHeadDim)));
          total += weight;
          for (size_t d = head * kHeadDim; d < (head + 1) * kHeadDim; ++d) {
            y[i * h + d] += weight * v[j * h + d];
          }
        }
        for (size_t d = head * kHeadDim; d < (head + 1) * kHeadDim; ++d) y[i * h + d] /= total;
      }
    }
    return y;
  };
  const auto mixed =
      attend(Apply(kQ, x), Apply(kK, x), Apply(kV, x), [&](size_t, size_t j) { return j < count; });
  const auto projected = Apply(kO, mixed);
  for (size_t i = 0; i < x.size(); ++i) x[i] += projected[i];
  auto inner = Apply(kUpW, x);
  for (double& value : inner) value = 0.5 * value * (1 + std::erf(value / std::sqrt(2.0)));
  const auto down = Apply(kDownW, inner);
  for (size_t i = 0; i < x.size(); ++i) x[i] += down[i];

  Result result;
  result.hidden = x;
  for (size_t i = 0; i < n; ++i) {
    std::vector<double> p(kClasses);
    double total = 0, best = 0;
    for (size_t c = 0; c < kClasses; ++c) {
      double score = 0;
      for (size_t d = 0; d < h; ++d) score += x[i * h + d] * router_.values[c * h + d];
      p[c] = std::exp(score);
      total += p[c];
      best = std::max(best, p[c]);
    }
    result.routed.push_back(best / total > kThreshold);
    size_t nearest = 0;
    double nearest_distance = INFINITY;
    for (size_t c = 0; c < kClusters; ++c) {
      double distance = 0;
      for (size_t d = 0; d < h; ++d) {
        distance += std::pow(x[i * h + d] - centroids_.values[c * h + d], 2);
      }
      if (distance < nearest_distance) {
        nearest_distance = distance;
        nearest = c;
      }
    }
    result.cluster.push_back(static_cast<int32_t>(nearest));
  }
  const auto scar =
      attend(Apply(kScarQ, x), Apply(kScarK, x), Apply(kScarV, x), [&](size_t i, size_t j) {
        return result.routed[i] == result.routed[j] || result.cluster[i] == result.cluster[j];
      });
  std::vector<double> row(h);
  for (size_t d = 0; d < h; ++d) row[d] = std::tanh(scar[d] + x[d]);
  result.logits = Apply(kClass, row);
  return result;
}

}  // namespace gem::test
