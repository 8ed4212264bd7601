// Kernel attributes as the schema's parameters.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Bundle/KernelParams.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace gem;

namespace {

schema::Activation pack(Activation activation) {
  return static_cast<schema::Activation>(activation);
}
static_assert(int(Activation::None) == int(schema::Activation::NONE));
static_assert(int(Activation::Gelu) == int(schema::Activation::GELU));
static_assert(int(Activation::Tanh) == int(schema::Activation::TANH));

schema::ScarPredicate pack(ScarPredicate predicate) {
  return static_cast<schema::ScarPredicate>(predicate);
}
static_assert(int(ScarPredicate::Either) == int(schema::ScarPredicate::EITHER));
static_assert(int(ScarPredicate::SameCluster) == int(schema::ScarPredicate::SAME_CLUSTER));
static_assert(int(ScarPredicate::SameRoute) == int(schema::ScarPredicate::SAME_ROUTE));

float pack(mlir::FloatAttr value) { return value.getValue().convertToFloat(); }

} // namespace

PackedKernel gem::packKernel(rt::KernelAttrInterface kernel,
                             flatbuffers::FlatBufferBuilder &builder) {
  using namespace rt;
  return llvm::TypeSwitch<mlir::Attribute, PackedKernel>(kernel)
      .Case([&](EmbeddingKernelAttr) {
        return PackedKernel{schema::Kernel::EMBEDDING, schema::KernelParams::EmbeddingParams,
                            schema::CreateEmbeddingParams(builder).Union()};
      })
      .Case([&](AddPositionKernelAttr) {
        return PackedKernel{schema::Kernel::ADD_POSITION, schema::KernelParams::AddPositionParams,
                            schema::CreateAddPositionParams(builder).Union()};
      })
      .Case([&](AddKernelAttr) {
        return PackedKernel{schema::Kernel::ADD, schema::KernelParams::AddParams,
                            schema::CreateAddParams(builder).Union()};
      })
      .Case([&](LinearKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::LINEAR, schema::KernelParams::LinearParams,
            schema::CreateLinearParams(builder, pack(attr.getActivation())).Union()};
      })
      .Case([&](LayerNormKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::LAYER_NORM, schema::KernelParams::LayerNormParams,
            schema::CreateLayerNormParams(builder, pack(attr.getEpsilon())).Union()};
      })
      .Case([&](ActivationKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::ACTIVATION, schema::KernelParams::ActivationParams,
            schema::CreateActivationParams(builder, pack(attr.getFunction())).Union()};
      })
      .Case([&](AttentionKernelAttr attr) {
        return PackedKernel{schema::Kernel::ATTENTION, schema::KernelParams::AttentionParams,
                            schema::CreateAttentionParams(builder, attr.getHeads(),
                                                          attr.getHeadDim(), pack(attr.getScale()),
                                                          attr.getFirstQuery())
                                .Union()};
      })
      .Case([&](RouteTokensKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::ROUTE_TOKENS, schema::KernelParams::RouteTokensParams,
            schema::CreateRouteTokensParams(builder, pack(attr.getThreshold())).Union()};
      })
      .Case([&](ScarAttentionKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::SCAR_ATTENTION, schema::KernelParams::ScarAttentionParams,
            schema::CreateScarAttentionParams(builder, attr.getHeads(), attr.getHeadDim(),
                                              pack(attr.getScale()), attr.getFirstQuery(),
                                              pack(attr.getPredicate()), attr.getCausal())
                .Union()};
      })
      .Case([&](SelectRowKernelAttr attr) {
        return PackedKernel{schema::Kernel::SELECT_ROW, schema::KernelParams::SelectRowParams,
                            schema::CreateSelectRowParams(builder, attr.getRow()).Union()};
      })
      .Case([&](QuantizeTokensKernelAttr) {
        return PackedKernel{schema::Kernel::QUANTIZE_TOKENS,
                            schema::KernelParams::QuantizeTokensParams,
                            schema::CreateQuantizeTokensParams(builder).Union()};
      })
      .Case([&](LinearQuantizedKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::LINEAR_QUANTIZED, schema::KernelParams::LinearQuantizedParams,
            schema::CreateLinearQuantizedParams(builder, pack(attr.getActivation())).Union()};
      })
      .Case([&](LayerNormQuantizedKernelAttr attr) {
        return PackedKernel{
            schema::Kernel::LAYER_NORM_QUANTIZED, schema::KernelParams::LayerNormQuantizedParams,
            schema::CreateLayerNormQuantizedParams(builder, pack(attr.getEpsilon())).Union()};
      })
      .Case([&](EmbeddingBlocksKernelAttr) {
        return PackedKernel{schema::Kernel::EMBEDDING_BLOCKS,
                            schema::KernelParams::EmbeddingBlocksParams,
                            schema::CreateEmbeddingBlocksParams(builder).Union()};
      })
      .Default([](mlir::Attribute) { return PackedKernel{}; });
}
