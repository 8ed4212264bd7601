// What a call of a kernel takes of a machine.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_KERNELCOST_H
#define GEM_DIALECTS_GEMRT_KERNELCOST_H

#include <cstdint>
#include <string>

namespace gem::rt {

struct KernelCost {
  int64_t macs = 0;            ///< Multiply-accumulates of products of matrices.
  int64_t operations = 0;      ///< Other operations on f32 values; exp counts as its polynomial.
  int64_t weightBytes = 0;     ///< Of constants, each byte once.
  int64_t activationBytes = 0; ///< Of buffers, read and written.
  /// What threads share out: a panel of 16 outputs, a token, a query of a head
  /// (runtime/kernels/Kernels.h).
  int64_t units = 1;
  /// The weights that the multiply-accumulates read: "f32", "int8", "int4g32"; "f32" without
  /// weights. Names as in passes/Quantization/WeightFormat.h.
  std::string format = "f32";
};

} // namespace gem::rt

#endif // GEM_DIALECTS_GEMRT_KERNELCOST_H
