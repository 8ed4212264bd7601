// Kernels that compute each token by itself: tables, sums, activations, norms.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels.h says what each kernel computes, docs/adr/0003-numerics.md in which
// order. Tiles only change which independent sums are computed side by side,
// never the order inside one.
#include "runtime/kernels/KernelFunctions.h"
#include "runtime/kernels/Loops.h"
#include "runtime/kernels/Math.h"

namespace gem::GEM_ISA {
namespace {

}  // namespace

bool Embedding(const EmbeddingArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  for (uint32_t i = begin; i < end; ++i) {
    const int32_t id = args.ids[i];
    if (id < 0 || static_cast<uint32_t>(id) >= args.rows) return false;
    __builtin_memcpy(args.y + i * width, args.table + static_cast<size_t>(id) * width,
                     width * sizeof(float));
  }
  return true;
}

void Add(const AddArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  const float* const x = args.x + begin * width;
  const float* const table = args.table + begin * width;
  float* const y = args.y + begin * width;
  ForEach16((end - begin) * width, [&](size_t i, auto load, auto store)
                                       GEM_LAMBDA { store(y + i, load(x + i) + load(table + i)); });
}

namespace {

template <Activation kActivation>
GEM_NOINLINE void ActivateRange(const float* x, float* y, size_t count) {
  ForEach16(count, [&](size_t i, auto load, auto store)
                       GEM_LAMBDA { store(y + i, Activate(load(x + i), kActivation)); });
}

// y = activation(x); `x` == `y` is allowed.
void ActivateAny(const float* x, float* y, size_t count, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return ActivateRange<Activation::kGelu>(x, y, count);
    case Activation::kTanh:
      return ActivateRange<Activation::kTanh>(x, y, count);
    case Activation::kNone:
      break;
  }
  ActivateRange<Activation::kNone>(x, y, count);
}

}  // namespace

void ActivationKernel(const ActivationArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  ActivateAny(args.x + begin * width, args.y + begin * width, (end - begin) * width,
              args.activation);
}

namespace {

// --- layer_norm --------------------------------------------------------------

// kRows rows side by side, since a row's sums are one chain of additions each.
template <int kRows>
void NormalizeRows(const LayerNormArgs& args, size_t row) {
  const size_t width = args.width;
  const float* const x = args.x + row * width;
  float* const y = args.y + row * width;
  V16 sum[kRows];
  float mean[kRows], inverse[kRows];
  Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r] = Splat(0.0f); });
  ForEach16(width, [&](size_t i, auto load, auto) GEM_LAMBDA {
    Unroll<kRows>([&](auto r) GEM_LAMBDA { sum[r] = sum[r] + load(x + r * width + i); });
  });
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    mean[r] = SumOfLanes(sum[r]) / static_cast<float>(width);
    sum[r] = Splat(0.0f);
  });
  const size_t full = width / 16 * 16;
  for (size_t i = 0; i < full; i += 16) {
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 centred = Load(x + r * width + i) - Splat(mean[r]);
      sum[r] = Fma(centred, centred, sum[r]);
    });
  }
  if (full < width) {
    const uint32_t rest = static_cast<uint32_t>(width - full);
    const I16 inside = SplatInt(static_cast<int32_t>(rest)) > Iota();
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 centred =
          Select(inside, LoadPartial(x + r * width + full, rest) - Splat(mean[r]), Splat(0.0f));
      sum[r] = Fma(centred, centred, sum[r]);
    });
  }
  Unroll<kRows>([&](auto r) GEM_LAMBDA {
    const float variance = SumOfLanes(sum[r]) / static_cast<float>(width);
    inverse[r] = 1.0f / __builtin_sqrtf(variance + args.epsilon);
  });
  ForEach16(width, [&](size_t i, auto load, auto store) GEM_LAMBDA {
    const V16 gamma = load(args.gamma + i), beta = load(args.beta + i);
    Unroll<kRows>([&](auto r) GEM_LAMBDA {
      const V16 normal = (load(x + r * width + i) - Splat(mean[r])) * Splat(inverse[r]);
      store(y + r * width + i, Fma(normal, gamma, beta));
    });
  });
}

}  // namespace

void LayerNorm(const LayerNormArgs& args, uint32_t begin, uint32_t end) {
  uint32_t row = begin;
  for (; row + 4 <= end; row += 4) NormalizeRows<4>(args, row);
  for (; row < end; ++row) NormalizeRows<1>(args, row);
}

}  // namespace gem::GEM_ISA
