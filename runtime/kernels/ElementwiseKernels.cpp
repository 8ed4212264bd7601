// Kernels that compute each element by itself: sums and activations.
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

void Add(const AddArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  const float* const x = args.x + begin * width;
  const float* const z = args.z + begin * width;
  float* const y = args.y + begin * width;
  ForEach16((end - begin) * width, [&](size_t i, auto load, auto store)
                                       GEM_LAMBDA { store(y + i, load(x + i) + load(z + i)); });
}

namespace {

template <Activation kActivation>
GEM_NOINLINE void ActivateRange(const float* x, float* y, size_t count) {
  const size_t rest = count % 16;
  for (size_t i = 0; i < count - rest; i += 16) Store(y + i, Activate(Load(x + i), kActivation));
  if (rest == 0) return;
  float last[16];
  PadTo16(x + count - rest, rest, last);
  ActivateRange<kActivation>(last, last, 16);
  __builtin_memcpy(y + count - rest, last, rest * sizeof *y);
}

}  // namespace

void ActivateValues(const float* x, float* y, size_t count, Activation activation) {
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

void FinishRow(float* tile, const float* residual, float* y, size_t count, Activation activation) {
  if (activation != Activation::kNone) ActivateValues(tile, tile, count, activation);
  if (residual != nullptr) {
    ForEach16(count, [&](size_t i, auto load, auto store)
                         GEM_LAMBDA { store(y + i, load(tile + i) + load(residual + i)); });
  } else {
    ForEach16(count,
              [&](size_t i, auto load, auto store) GEM_LAMBDA { store(y + i, load(tile + i)); });
  }
}

void ActivationKernel(const ActivationArgs& args, uint32_t begin, uint32_t end) {
  const size_t width = args.width;
  ActivateValues(args.x + begin * width, args.y + begin * width, (end - begin) * width,
                 args.activation);
}

}  // namespace gem::GEM_ISA
