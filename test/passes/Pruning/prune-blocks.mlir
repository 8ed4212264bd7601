// RUN: gem-opt %s --gem-prune-blocks=remove=down --split-input-file | FileCheck %s

// Tests the example of the documentation: the input takes the place of the output, and the
// weights of the block go; one that others read stays.
// CHECK-LABEL: module
// CHECK-NOT: @up
// CHECK-NOT: @down
// CHECK: gem.weight @shared
// CHECK-NOT: gem.weight
// CHECK: func.func @main(%[[X:.*]]: tensor<?x2xf32, #gem.dims<n>>)
// CHECK-NEXT: %[[Y:.*]] = gem.tanh %[[X]]
// CHECK-NEXT: %[[W:.*]] = gem.get_weight @shared
// CHECK-NEXT: %[[Z:.*]] = gem.add_row %[[Y]], %[[W]][0]
// CHECK-NEXT: return %[[Z]]
gem.weight @up dense<1.0> : tensor<8x2xf32>
gem.weight @down.weight dense<2.0> : tensor<2x8xf32>
gem.weight @gamma dense<3.0> : tensor<2xf32>
gem.weight @shared dense<4.0> : tensor<3x2xf32>
func.func @main(%0: tensor<?x2xf32, #gem.dims<n>>) -> tensor<?x2xf32, #gem.dims<n>> {
  %up = gem.get_weight @up : tensor<8x2xf32>
  %1 = gem.linear %0, %up
      : (tensor<?x2xf32, #gem.dims<n>>, tensor<8x2xf32>) -> tensor<?x8xf32, #gem.dims<n>>
  %2 = gem.gelu %1 : tensor<?x8xf32, #gem.dims<n>>
  %down = gem.get_weight @down.weight : tensor<2x8xf32>
  %3 = gem.linear %2, %down
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xf32>) -> tensor<?x2xf32, #gem.dims<n>>
  %row = gem.get_weight @shared : tensor<3x2xf32>
  %4 = gem.add_row %3, %row[1] : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
  %5 = gem.add %4, %0 : tensor<?x2xf32, #gem.dims<n>>
  %gamma = gem.get_weight @gamma : tensor<2xf32>
  %6 = gem.layer_norm %5, %gamma, %gamma epsilon(1.0e-12)
      : tensor<?x2xf32, #gem.dims<n>>, tensor<2xf32>, tensor<2xf32>
  %7 = gem.tanh %6 : tensor<?x2xf32, #gem.dims<n>>
  %again = gem.get_weight @shared : tensor<3x2xf32>
  %8 = gem.add_row %7, %again[0] : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
  return %8 : tensor<?x2xf32, #gem.dims<n>>
}

// -----

// Tests an attention, which reads its input as queries, keys and values, with the sum's
// operands the other way round and a count of tokens.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: (%[[X:[^:]*]]: tensor<5x2xf32>
// CHECK-NEXT: %[[Y:.*]] = gem.gelu %[[X]]
// CHECK-NEXT: return %[[Y]]
gem.weight @down.weight dense<2.0> : tensor<2x2xf32>
gem.weight @gamma dense<3.0> : tensor<2xf32>
func.func @attention(%x: tensor<5x2xf32>, %count: tensor<1xi32>) -> tensor<5x2xf32> {
  %y = gem.attention %x, %x, %x count %count heads(1) head_dim(2) scale(5.0e-1)
      : (tensor<5x2xf32>, tensor<5x2xf32>, tensor<5x2xf32>, tensor<1xi32>) -> tensor<5x2xf32>
  %down = gem.get_weight @down.weight : tensor<2x2xf32>
  %0 = gem.linear %y, %down : (tensor<5x2xf32>, tensor<2x2xf32>) -> tensor<5x2xf32>
  %1 = gem.add %x, %0 : tensor<5x2xf32>
  %gamma = gem.get_weight @gamma : tensor<2xf32>
  %2 = gem.layer_norm %1, %gamma, %gamma epsilon(0.0)
      : tensor<5x2xf32>, tensor<2xf32>, tensor<2xf32>
  %3 = gem.gelu %2 : tensor<5x2xf32>
  return %3 : tensor<5x2xf32>
}
