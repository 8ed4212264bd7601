// RUN: gem-opt %s --gem-prune-head-channels="head-dim=out=1" --verify-diagnostics

// Tests that channels of no attention have no heads.
// expected-error @below {{'out' reads no heads of an attention: its 3 channels are to be kept one by one}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @out.weight dense<2.0> : tensor<1x3xf32>
func.func @channels(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %out = gem.get_weight @out.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %out : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}
}
