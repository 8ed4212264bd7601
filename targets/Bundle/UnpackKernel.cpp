// The schema's kernel parameters as attributes. KernelParams.cpp has the other direction.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "targets/Bundle/BundleReader.h"

using namespace mlir;
using namespace gem;
using namespace gem::rt;

absl::StatusOr<KernelAttrInterface> gem::unpackKernel(const schema::Command &command,
                                                      MLIRContext *context) {
  // FloatAttr keeps the f32's bits: the widening to double is exact, and so is the way back.
  auto f32 = [&](float value) { return FloatAttr::get(Float32Type::get(context), value); };
  auto activation = [](schema::Activation value) { return static_cast<Activation>(value); };
  auto mismatch = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("expected the parameters of kernel ", schema::EnumNameKernel(command.kernel()),
                     ", but got ", schema::EnumNameKernelParams(command.params_type())));
  };

  switch (command.kernel()) {
  case schema::Kernel::EMBEDDING:
    return EmbeddingKernelAttr::get(context);
  case schema::Kernel::ADD_POSITION:
    return AddPositionKernelAttr::get(context);
  case schema::Kernel::ADD:
    return AddKernelAttr::get(context);
  case schema::Kernel::LINEAR:
    if (auto *params = command.params_as_LinearParams())
      return LinearKernelAttr::get(context, activation(params->activation()));
    return mismatch();
  case schema::Kernel::LAYER_NORM:
    if (auto *params = command.params_as_LayerNormParams())
      return LayerNormKernelAttr::get(context, f32(params->epsilon()));
    return mismatch();
  case schema::Kernel::ACTIVATION:
    if (auto *params = command.params_as_ActivationParams())
      return ActivationKernelAttr::get(context, activation(params->activation()));
    return mismatch();
  case schema::Kernel::ATTENTION:
    if (auto *params = command.params_as_AttentionParams())
      return AttentionKernelAttr::get(context, params->num_heads(), params->head_dim(),
                                      f32(params->scale()), params->first_query());
    return mismatch();
  case schema::Kernel::ROUTE_TOKENS:
    if (auto *params = command.params_as_RouteTokensParams())
      return RouteTokensKernelAttr::get(context, f32(params->threshold()));
    return mismatch();
  case schema::Kernel::SCAR_ATTENTION:
    if (auto *params = command.params_as_ScarAttentionParams())
      return ScarAttentionKernelAttr::get(
          context, params->num_heads(), params->head_dim(), f32(params->scale()),
          params->first_query(), static_cast<ScarPredicate>(params->predicate()), params->causal());
    return mismatch();
  case schema::Kernel::SELECT_ROW:
    if (auto *params = command.params_as_SelectRowParams())
      return SelectRowKernelAttr::get(context, params->row());
    return mismatch();
  case schema::Kernel::QUANTIZE_TOKENS:
    return QuantizeTokensKernelAttr::get(context);
  case schema::Kernel::LINEAR_QUANTIZED:
    if (auto *params = command.params_as_LinearQuantizedParams())
      return LinearQuantizedKernelAttr::get(context, activation(params->activation()));
    return mismatch();
  case schema::Kernel::LAYER_NORM_QUANTIZED:
    if (auto *params = command.params_as_LayerNormQuantizedParams())
      return LayerNormQuantizedKernelAttr::get(context, f32(params->epsilon()));
    return mismatch();
  case schema::Kernel::EMBEDDING_BLOCKS:
    return EmbeddingBlocksKernelAttr::get(context);
  case schema::Kernel::INVALID:
    break;
  }
  return absl::UnimplementedError(absl::StrCat("expected a kernel of this version, but got number ",
                                               static_cast<int>(command.kernel())));
}
