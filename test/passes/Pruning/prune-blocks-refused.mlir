// RUN: gem-opt %s --gem-prune-blocks=remove=down --split-input-file --verify-diagnostics
// RUN: gem-opt %s --gem-prune-blocks --split-input-file | FileCheck %s

// Tests a value inside the block that is a result of the model too. And that the pass must do
// nothing when nothing is named.
// CHECK-LABEL: func.func @read_inside
// CHECK: gem.add
// CHECK: gem.layer_norm
// expected-error @below {{no block 'down' can be removed from this module; it has none}}
module {
gem.weight @down.weight dense<2.0> : tensor<2x2xf32>
gem.weight @gamma dense<3.0> : tensor<2xf32>
func.func @read_inside(%x: tensor<5x2xf32>) -> (tensor<5x2xf32>, tensor<5x2xf32>) {
  %0 = gem.gelu %x : tensor<5x2xf32>
  %down = gem.get_weight @down.weight : tensor<2x2xf32>
  %1 = gem.linear %0, %down : (tensor<5x2xf32>, tensor<2x2xf32>) -> tensor<5x2xf32>
  %2 = gem.add %1, %x : tensor<5x2xf32>
  %gamma = gem.get_weight @gamma : tensor<2xf32>
  %3 = gem.layer_norm %2, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  %4 = gem.tanh %3 : tensor<5x2xf32>
  return %4, %1 : tensor<5x2xf32>, tensor<5x2xf32>
}
}

// -----

// Tests a block that reads the stream further up than its residual does. The other block, and
// the names there are.
// expected-error @below {{no block 'down' can be removed from this module; it has other}}
module {
gem.weight @down.weight dense<2.0> : tensor<2x2xf32>
gem.weight @other.weight dense<2.0> : tensor<2x2xf32>
gem.weight @gamma dense<3.0> : tensor<2xf32>
func.func @read_above(%x: tensor<5x2xf32>, %z: tensor<5x2xf32>) -> tensor<5x2xf32> {
  %0 = gem.add %x, %z : tensor<5x2xf32>
  %down = gem.get_weight @down.weight : tensor<2x2xf32>
  %1 = gem.linear %0, %down : (tensor<5x2xf32>, tensor<2x2xf32>) -> tensor<5x2xf32>
  %2 = gem.add %1, %x : tensor<5x2xf32>
  %gamma = gem.get_weight @gamma : tensor<2xf32>
  %3 = gem.layer_norm %2, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  %other = gem.get_weight @other.weight : tensor<2x2xf32>
  %4 = gem.linear %3, %other : (tensor<5x2xf32>, tensor<2x2xf32>) -> tensor<5x2xf32>
  %5 = gem.add %4, %3 : tensor<5x2xf32>
  %6 = gem.layer_norm %5, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  return %6 : tensor<5x2xf32>
}
}

// -----

// Tests a block without which the model would give its argument.
// expected-error @below {{no block 'down' can be removed from this module; it has none}}
module {
gem.weight @down.weight dense<2.0> : tensor<2x2xf32>
gem.weight @gamma dense<3.0> : tensor<2xf32>
func.func @argument(%x: tensor<5x2xf32>) -> tensor<5x2xf32> {
  %down = gem.get_weight @down.weight : tensor<2x2xf32>
  %1 = gem.linear %x, %down : (tensor<5x2xf32>, tensor<2x2xf32>) -> tensor<5x2xf32>
  %2 = gem.add %1, %x : tensor<5x2xf32>
  %gamma = gem.get_weight @gamma : tensor<2xf32>
  %3 = gem.layer_norm %2, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  return %3 : tensor<5x2xf32>
}
}

// -----

// Tests a sum without a layer of its own, and one whose two operands are the same.
// expected-error @below {{no block 'down' can be removed from this module; it has none}}
module {
gem.weight @gamma dense<3.0> : tensor<2xf32>
func.func @no_layer(%x: tensor<5x2xf32>) -> tensor<5x2xf32> {
  %1 = gem.gelu %x : tensor<5x2xf32>
  %2 = gem.add %1, %x : tensor<5x2xf32>
  %gamma = gem.get_weight @gamma : tensor<2xf32>
  %3 = gem.layer_norm %2, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  %4 = gem.add %3, %3 : tensor<5x2xf32>
  %5 = gem.layer_norm %4, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  return %5 : tensor<5x2xf32>
}
}
