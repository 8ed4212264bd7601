// What a call of a kernel takes of a machine.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_KERNELCOST_H
#define GEM_DIALECTS_GEMRT_KERNELCOST_H

#include <cstdint>
#include <limits>
#include <string>

namespace gem::rt {

/// Operations on a value, counted in runtime/kernels/Math.h and the kernels' loops.
inline constexpr int64_t kExpOperations = 26;
inline constexpr int64_t kGeluOperations = 52;
inline constexpr int64_t kTanhOperations = 46;
inline constexpr int64_t kSoftmaxOperations = kExpOperations + 4; // scale, maximum, sum, division
inline constexpr int64_t kNormOperations = 8;
inline constexpr int64_t kQuantizeOperations = 8;

struct KernelCost {
  int64_t macs = 0;            ///< Multiply-accumulates of products of matrices.
  int64_t operations = 0;      ///< Other operations on f32 values; exp counts as its polynomial.
  int64_t outputs = 0;         ///< Values that a product of matrices ends in: scale, bias, store.
  int64_t weightBytes = 0;     ///< Of constants, each byte once.
  int64_t activationBytes = 0; ///< Of buffers, read and written.
  /// Rows that every weight is multiplied with; of attention, keys that a query meets.
  int64_t tokens = 1;
  /// What threads share out, `grain` at a time: a panel of 16 outputs, a token, a query of a
  /// head (runtime/kernels/Kernels.h).
  int64_t units = 1;
  int64_t grain = 1;
  /// Threads take tokens instead, when there are enough of them.
  bool sharesTokens = false;
  /// Operations by the count of runtime/drivers/cpu, which computes a call with few of them
  /// on the calling thread alone.
  int64_t driverOperations = std::numeric_limits<int64_t>::max();
  /// The weights that the multiply-accumulates read: "f32", "int8", "int4g32"; "f32" without
  /// weights. Names as in passes/Quantization/WeightFormat.h.
  std::string format = "f32";
};

} // namespace gem::rt

#endif // GEM_DIALECTS_GEMRT_KERNELCOST_H
