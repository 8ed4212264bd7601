// RUN: gem-opt %s --gem-prune-channels | FileCheck %s
// RUN: gem-opt %s --gem-prune-channels="keep=down=0-1" | FileCheck %s

// Tests that the pass must do nothing without a plan, and when all is kept.
// CHECK: gem.weight @up dense<{{\[}}[1.000000e+00], [2.000000e+00]]> : tensor<2x1xf32>
// CHECK: gem.weight @down.weight dense<{{\[}}[3.000000e+00, 4.000000e+00]]> : tensor<1x2xf32>
// CHECK: gem.linear %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<2x1xf32>) -> tensor<4x2xf32>
gem.weight @up dense<[[1.0], [2.0]]> : tensor<2x1xf32>
gem.weight @down.weight dense<[[3.0, 4.0]]> : tensor<1x2xf32>
func.func @all(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %up = gem.get_weight @up : tensor<2x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<2x1xf32>) -> tensor<4x2xf32>
  %down = gem.get_weight @down.weight : tensor<1x2xf32>
  %1 = gem.linear %0, %down : (tensor<4x2xf32>, tensor<1x2xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}
