// CPU kernels: what each computes, and the table through which they are called.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels are stateless functions over raw pointers that were verified when the
// bundle was loaded: they check nothing but values that index memory. They never
// allocate. Their sources are compiled once per ISA; gem/kernel_registry.h has the table
// of an ISA's kernels.
//
// Every kernel computes the units [begin, end) of the work its `..._units`
// comment names; units are independent, so any split over threads gives the same
// bits. The order of every floating-point operation is fixed
// (docs/adr/0003-numerics.md), so every ISA gives the same bits too, save the
// sign and payload of a NaN. Outputs overlap no input unless stated.
#ifndef GEM_RUNTIME_KERNELS_KERNELS_H
#define GEM_RUNTIME_KERNELS_KERNELS_H

#include <cstddef>
#include <cstdint>

#include "gem/kernel_registry.h"
#include "runtime/schema/WeightFormat.h"

namespace gem {

// How the elements of a weight are stored.
enum class WeightType : uint8_t { kF32, kF16, kI8, kI4, kI3, kI2 };

// A weight [rows, width] in a segment, 64-byte aligned: row-major floats or the
// layouts of WeightFormat.h.
struct Weight {
  const void* data;
  uint32_t rows, width;
  WeightType type;
  format::Scales scales;  // kNone for floats
  uint32_t group;         // values that share a group's scale, or 0
};

enum class Activation : uint8_t { kNone = 0, kGelu = 1, kTanh = 2 };
enum class ScarPredicate : uint8_t { kEither = 0, kSameCluster = 1, kSameRoute = 2 };

// The widest attention head: what a kernel holds of one lies on its stack.
constexpr uint32_t kMaxHeadDim = 1024;

// y[i, :] = the row of token id ids[i]. The rows of all tables, one after the other,
// make one; id stands for its row `id`, or `map[id]`. Unit: a token. Returns false at
// the first id outside [0, ids_end), leaving its row and those after it unwritten.
// `map` has `ids_end` entries, each below the number of rows (checked by the loader).
constexpr uint32_t kMaxTables = 4;
struct EmbeddingArgs {
  const int32_t* ids;
  Weight tables[kMaxTables];  // of the same width
  uint32_t table_count;
  const uint16_t* map;  // or null
  float* y;             // [tokens, width]
  uint32_t ids_end, width;
};

// y[i, :] = x[i, :] + z[i, :]. Unit: a token.
struct AddArgs {
  const float* x;
  const float* z;
  float* y;
  uint32_t width;
};

// y[i, :] = x[i, :] + table[i, :]. Unit: a token.
struct AddPositionArgs {
  const float* x;
  Weight table;
  float* y;
  uint32_t width;
};

// y[i, n] = activation(sum_k x[i, k] * w[n, k] + bias[n]) + residual[i, n]
// over `rows` tokens. Unit: a panel of 16 outputs. `w` is in layout PANEL_16,
// 64-byte aligned; `bias` and `residual` may be null, and `residual` == `y` is
// allowed. The sum runs over k in order, each step an fma, starting from bias[n]
// (or 0).
struct LinearArgs {
  const float* x;         // [rows, k]
  Weight w;               // PANEL_16 of [n, k], f32 or f16
  const float* bias;      // [n] or null
  const float* residual;  // [rows, n] or null
  float* y;               // [rows, n]
  uint32_t rows, n, k;
  Activation activation;
};

// The quantized tokens of x, as WeightFormat.h lays them out. Of row x, with
// m = max |x[k]|: scale = m / 127, codes = x[k] * (127 / m) rounded to nearest even;
// scale and codes 0 when m is 0, or so small that 127 / m is infinite. A row with a
// value that is not finite has scale NaN and codes 0. Unit: a token.
struct QuantizeTokensArgs {
  const float* x;  // [rows, width]
  uint8_t* y;      // [rows, TokenRowBytes(width)]
  uint32_t width;
};

// y[i, n] = activation(sum * scale + bias[n]) + residual[i, n], sum over the integer
// codes of w and x. With ROW and TWO_LEVEL: for each kExactDepth of k, in order,
// part = float(sum of ratio * (sum of w * x)), exact in i32; sum is the f32 sum of the
// parts in order (the first part itself when there is one); scale = s[n] * x's scale;
// sum * scale + bias is one fma. With F16_GROUP: sum = fma(float(group's sum), h, sum)
// over the groups in order from 0; scale is x's. Without bias, fma with 0.
// Unit: a panel of 16 outputs.
struct LinearQuantizedArgs {
  const uint8_t* x;       // [rows, TokenRowBytes(k)]
  Weight w;               // PANEL_16 of [n, k], quantized
  const float* bias;      // [n] or null
  const float* residual;  // [rows, n] or null; may be y
  float* y;               // [rows, n]
  uint32_t rows, n, k;
  Activation activation;
};

// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, over each row of
// `width`, with the biased variance. Unit: a row. `x` == `y` is allowed.
struct LayerNormArgs {
  const float* x;
  const float* gamma;
  const float* beta;
  float* y;
  uint32_t width;
  float epsilon;
};

// LAYER_NORM whose rows are also quantized: `quantized` as QUANTIZE_TOKENS makes it of
// y. `y` may be null. Unit: a row.
struct LayerNormQuantizedArgs {
  LayerNormArgs norm;
  uint8_t* quantized;  // [rows, TokenRowBytes(width)]
};

// y = activation(x). Unit: a row of `width`. `x` == `y` is allowed.
struct ActivationArgs {
  const float* x;
  float* y;
  uint32_t width;
  Activation activation;
};

// Softmax attention (Vaswani et al., arXiv 1706.03762) without the N x N matrix:
// y[i, h] = sum_j softmax_j(scale * q[i, h] . k[j, h]) v[j, h] over j < keys.
// Unit: a (head, query) pair, head-major: unit = head * queries + query.
struct AttentionArgs {
  const float* q;  // [queries, heads * head_dim]
  const float* k;  // [tokens, heads * head_dim]
  const float* v;  // [tokens, heads * head_dim]
  float* y;        // [queries, heads * head_dim]
  uint32_t queries;
  uint32_t keys;   // tokens attended to: at least 1, at most the rows of k and v
  uint32_t heads;
  uint32_t head_dim;  // at most kMaxHeadDim
  float scale;
};

// The dynamic token router: p = softmax_c(x[i] . w_r[c]); routed[i] = max(p) >
// threshold; cluster[i] = the k of the nearest centroid, the lowest of equals (0
// when no distance is a number). Unit: a token. `w_r` and `centroids` are
// row-major. `probs` may be null.
struct RouteTokensArgs {
  const float* x;          // [tokens, width]
  Weight w_r;              // [classes, width], f32 or f16
  Weight centroids;        // [clusters, width], f32 or f16
  float* probs;            // [tokens, classes] or null
  uint8_t* routed;         // [tokens]
  int32_t* cluster;        // [tokens]
  uint32_t width, classes, clusters;
  float threshold;
};

// Attention over the pairs (i, j) that the predicate permits and, when causal, of
// j <= i; forbidden pairs weigh exactly 0. Query row i is token first_query + i.
struct ScarAttentionArgs {
  AttentionArgs attention;
  const uint8_t* routed;   // [tokens]
  const int32_t* cluster;  // [tokens]
  uint32_t first_query;
  ScarPredicate predicate;
  bool causal;
  // ScarWorkspaceSize bytes (ScarPlan.h), aligned to 4, that PlanScarAttention filled:
  // it sorts the tokens, once for all units, so that only permitted pairs are computed.
  // Unit: a (head, query) pair as of attention, of the queries in the plan's order.
  void* workspace;
};

// The tables that the program is linked with, best first.
const CpuKernels* const* AllCpuKernels(size_t* out_count);

// The table with this name, or null.
const CpuKernels* FindCpuKernels(const char* name);

}  // namespace gem

#endif  // GEM_RUNTIME_KERNELS_KERNELS_H
