// Channels of attention's values are scaled so that they quantize alike.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_QUANTIZATION_CHANNELEQUALIZATION_H
#define GEM_COMPILER_QUANTIZATION_CHANNELEQUALIZATION_H

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Quantization/InputStatistics.h"
#include "passes/Quantization/WeightFormat.h"
#include "llvm/ADT/StringMap.h"
#include <map>

namespace gem {

/// Activation-aware equalization (passes/Quantization/Equalization.h) where a factor can be
/// folded away exactly: the output of an attention is linear in its values, so channel k of
/// the values' linear layer (row k of its weight and bias) is divided by f[k], and column k
/// of the linear behind the attention multiplied by it. A post-norm encoder has no other
/// such place: its norms also feed the residual path, and GELU is not linear.
///
/// Changes the weights of the linears whose format in `formats` is quantized. Returns the
/// statistics that their inputs have then, by weight.
absl::StatusOr<std::map<std::string, quant::InputStatistics>>
equalizeChannels(mlir::ModuleOp module, const llvm::StringMap<quant::Format> &formats,
                 const quant::StatisticsSource &statistics, unsigned threads);

} // namespace gem

#endif // GEM_COMPILER_QUANTIZATION_CHANNELEQUALIZATION_H
