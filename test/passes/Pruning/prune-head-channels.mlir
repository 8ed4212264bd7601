// RUN: gem-opt %s --gem-prune-head-channels="head-dim=out=2" --split-input-file | FileCheck %s
// RUN: not gem-opt %s --gem-prune-head-channels="head-dim=out=4" --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=MANY
// RUN: not gem-opt %s --gem-prune-head-channels="head-dim=out=0" --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NONE
// RUN: not gem-opt %s --gem-prune-head-channels="head-dim=out=1,2" --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=LIST
// RUN: not gem-opt %s --gem-prune-head-channels="head-dim=down=1" --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NAME
// RUN: gem-opt %s --gem-prune-head-channels="head-dim=out=3" --split-input-file \
// RUN:   | FileCheck %s --check-prefix=SAME

// Tests that the first channels of each head stay, and the scale.
// CHECK-LABEL: module
// CHECK: gem.weight @q dense<{{\[}}[0.000000e+00], [1.000000e+00], [3.000000e+00], [4.000000e+00]]> : tensor<4x1xf32>
// CHECK: gem.weight @k dense<1.000000e+00> : tensor<4x1xf32>
// CHECK: gem.weight @v dense<2.000000e+00> : tensor<4x1xf16>
// CHECK: gem.weight @v.bias dense<[0.000000e+00, 1.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>
// CHECK: gem.weight @out.weight dense<{{\[}}[0.000000e+00, 1.000000e+00, 3.000000e+00, 4.000000e+00]]> : tensor<1x4xf32>
// CHECK: gem.attention %{{.*}}, %{{.*}}, %{{.*}} heads(2) head_dim(2) scale(5.000000e-01) : (tensor<5x4xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
// Tests that the number is one of the head's, and the name that of heads.
// MANY: error: expected 1 to 3 channels of each head of 'out' to keep, but got 4
// NONE: error: expected 1 to 3 channels of each head of 'out' to keep, but got 0
// LIST: error: expected one number of channels a head for 'out', but got 2
// NAME: error: no channels 'down' can be removed from this module; it has out
// Tests that the pass must do nothing when all channels are kept.
// SAME: gem.weight @q dense<{{\[}}[0.000000e+00], [1.000000e+00], [2.000000e+00], [3.000000e+00], [4.000000e+00], [5.000000e+00]]> : tensor<6x1xf32>
// SAME: heads(2) head_dim(3) scale(5.000000e-01)
gem.weight @q dense<[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<6x1xf32>
gem.weight @k dense<1.0> : tensor<6x1xf32>
gem.weight @v dense<2.0> : tensor<6x1xf16>
gem.weight @v.bias dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<6xf32>
gem.weight @out.weight dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]> : tensor<1x6xf32>
func.func @heads(%x: tensor<5x1xf32>) -> tensor<5x1xf32> {
  %wq = gem.get_weight @q : tensor<6x1xf32>
  %q = gem.linear %x, %wq : (tensor<5x1xf32>, tensor<6x1xf32>) -> tensor<5x6xf32>
  %wk = gem.get_weight @k : tensor<6x1xf32>
  %k = gem.linear %x, %wk : (tensor<5x1xf32>, tensor<6x1xf32>) -> tensor<5x6xf32>
  %wv = gem.get_weight @v : tensor<6x1xf16>
  %bias = gem.get_weight @v.bias : tensor<6xf32>
  %v = gem.linear %x, %wv, %bias
      : (tensor<5x1xf32>, tensor<6x1xf16>, tensor<6xf32>) -> tensor<5x6xf32>
  %y = gem.attention %q, %k, %v heads(2) head_dim(3) scale(5.0e-1)
      : (tensor<5x6xf32>, tensor<5x6xf32>, tensor<5x6xf32>) -> tensor<5x6xf32>
  %out = gem.get_weight @out.weight : tensor<1x6xf32>
  %0 = gem.linear %y, %out : (tensor<5x6xf32>, tensor<1x6xf32>) -> tensor<5x1xf32>
  return %0 : tensor<5x1xf32>
}
