// RUN: gem-opt %s --gem-prune-channels="keep=down=0,2" --split-input-file | FileCheck %s

// Tests the example of the documentation: rows of one weight and columns of the other, each
// in its own element type.
// CHECK-LABEL: module
// CHECK: gem.weight @up.weight dense<{{\[}}[1.000000e+00, 2.000000e+00], [5.000000e+00, 6.000000e+00]]> : tensor<2x2xf32>
// CHECK: gem.weight @up.bias dense<[1.000000e+01, 3.000000e+01]> : tensor<2xf16>
// CHECK: gem.weight @down.weight dense<{{\[}}[7.000000e+00, 9.000000e+00], [1.000000e+01, 1.200000e+01]]> : tensor<2x2xbf16>
// CHECK: gem.weight @down.bias dense<[4.000000e+00, 5.000000e+00]> : tensor<2xf32>
// CHECK: func.func @main
// CHECK: gem.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>, tensor<2xf16>) -> tensor<?x2xf32, #gem.dims<n>>
// CHECK-NEXT: gem.gelu %{{.*}} : tensor<?x2xf32, #gem.dims<n>>
// CHECK: gem.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xbf16>, tensor<2xf32>) -> tensor<?x2xf32, #gem.dims<n>>
gem.symbol @n min(2) max(3)
gem.weight @up.weight dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
gem.weight @up.bias dense<[10.0, 20.0, 30.0]> : tensor<3xf16>
gem.weight @down.weight dense<[[7.0, 8.0, 9.0], [10.0, 11.0, 12.0]]> : tensor<2x3xbf16>
gem.weight @down.bias dense<[4.0, 5.0]> : tensor<2xf32>
func.func @main(%0: tensor<?x2xf32, #gem.dims<n>>) -> tensor<?x2xf32, #gem.dims<n>> {
  %up = gem.get_weight @up.weight : tensor<3x2xf32>
  %up_bias = gem.get_weight @up.bias : tensor<3xf16>
  %1 = gem.linear %0, %up, %up_bias
      : (tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>, tensor<3xf16>)
        -> tensor<?x3xf32, #gem.dims<n>>
  %2 = gem.gelu %1 : tensor<?x3xf32, #gem.dims<n>>
  %down = gem.get_weight @down.weight : tensor<2x3xbf16>
  %down_bias = gem.get_weight @down.bias : tensor<2xf32>
  %3 = gem.linear %2, %down, %down_bias
      : (tensor<?x3xf32, #gem.dims<n>>, tensor<2x3xbf16>, tensor<2xf32>)
        -> tensor<?x2xf32, #gem.dims<n>>
  return %3 : tensor<?x2xf32, #gem.dims<n>>
}

// -----

// Tests that the heads of an attention go as wholes, with the rows of queries, keys and
// values that make them, and that a count of tokens is no part of it.
// CHECK-LABEL: module
// CHECK: gem.weight @q dense<{{\[}}[0.000000e+00], [1.000000e+00], [4.000000e+00], [5.000000e+00]]> : tensor<4x1xf32>
// CHECK: gem.weight @k dense<{{\[}}[1.000000e+01], [1.100000e+01], [1.400000e+01], [1.500000e+01]]> : tensor<4x1xf32>
// CHECK: gem.weight @v dense<3.000000e+00> : tensor<4x1xf32>
// CHECK: gem.weight @down.weight dense<{{\[}}[0.000000e+00, 1.000000e+00, 4.000000e+00, 5.000000e+00]]> : tensor<1x4xf32>
// CHECK: gem.attention %{{.*}}, %{{.*}}, %{{.*}} count %{{.*}} heads(2) head_dim(2) scale(5.000000e-01) : (tensor<5x4xf32>, tensor<5x4xf32>, tensor<5x4xf32>, tensor<1xi32>) -> tensor<5x4xf32>
// CHECK: gem.linear %{{.*}}, %{{.*}} : (tensor<5x4xf32>, tensor<1x4xf32>) -> tensor<5x1xf32>
gem.weight @q dense<[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<6x1xf32>
gem.weight @k dense<[[10.0], [11.0], [12.0], [13.0], [14.0], [15.0]]> : tensor<6x1xf32>
gem.weight @v dense<3.0> : tensor<6x1xf32>
gem.weight @down.weight dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]> : tensor<1x6xf32>
func.func @heads(%x: tensor<5x1xf32>, %count: tensor<1xi32>) -> tensor<5x1xf32> {
  %wq = gem.get_weight @q : tensor<6x1xf32>
  %q = gem.linear %x, %wq : (tensor<5x1xf32>, tensor<6x1xf32>) -> tensor<5x6xf32>
  %wk = gem.get_weight @k : tensor<6x1xf32>
  %k = gem.linear %x, %wk : (tensor<5x1xf32>, tensor<6x1xf32>) -> tensor<5x6xf32>
  %wv = gem.get_weight @v : tensor<6x1xf32>
  %v = gem.linear %x, %wv : (tensor<5x1xf32>, tensor<6x1xf32>) -> tensor<5x6xf32>
  %y = gem.attention %q, %k, %v count %count heads(3) head_dim(2) scale(5.0e-1)
      : (tensor<5x6xf32>, tensor<5x6xf32>, tensor<5x6xf32>, tensor<1xi32>) -> tensor<5x6xf32>
  %down = gem.get_weight @down.weight : tensor<1x6xf32>
  %0 = gem.linear %y, %down : (tensor<5x6xf32>, tensor<1x6xf32>) -> tensor<5x1xf32>
  return %0 : tensor<5x1xf32>
}

// -----

// Tests the heads of SCAR, whose routing decisions stay, and a row that is selected behind.
// CHECK-LABEL: module
// CHECK: gem.weight @v dense<{{\[}}[0.000000e+00], [2.000000e+00]]> : tensor<2x1xf32>
// CHECK: gem.scar_attention {{.*}} heads(2) head_dim(1) scale(5.000000e-01) predicate(either) : (tensor<?x2xf32, #gem.dims<n>>, {{.*}}) -> tensor<?x2xf32, #gem.dims<n>>
// CHECK: gem.select %{{.*}}[0] : tensor<?x2xf32, #gem.dims<n>> -> tensor<1x2xf32>
gem.weight @q dense<1.0> : tensor<3x1xf32>
gem.weight @k dense<2.0> : tensor<3x1xf32>
gem.weight @v dense<[[0.0], [1.0], [2.0]]> : tensor<3x1xf32>
gem.weight @down.weight dense<[[0.0, 1.0, 2.0]]> : tensor<1x3xf32>
func.func @scar(%x: tensor<?x1xf32, #gem.dims<n>>, %routed: tensor<?xi1, #gem.dims<n>>,
                %cluster: tensor<?xi32, #gem.dims<n>>) -> tensor<1x1xf32> {
  %wq = gem.get_weight @q : tensor<3x1xf32>
  %q = gem.linear %x, %wq
      : (tensor<?x1xf32, #gem.dims<n>>, tensor<3x1xf32>) -> tensor<?x3xf32, #gem.dims<n>>
  %wk = gem.get_weight @k : tensor<3x1xf32>
  %k = gem.linear %x, %wk
      : (tensor<?x1xf32, #gem.dims<n>>, tensor<3x1xf32>) -> tensor<?x3xf32, #gem.dims<n>>
  %wv = gem.get_weight @v : tensor<3x1xf32>
  %v = gem.linear %x, %wv
      : (tensor<?x1xf32, #gem.dims<n>>, tensor<3x1xf32>) -> tensor<?x3xf32, #gem.dims<n>>
  %y = gem.scar_attention %q, %k, %v, %routed, %cluster
      heads(3) head_dim(1) scale(5.0e-1) predicate(either)
      : (tensor<?x3xf32, #gem.dims<n>>, tensor<?x3xf32, #gem.dims<n>>,
         tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
         tensor<?xi32, #gem.dims<n>>) -> tensor<?x3xf32, #gem.dims<n>>
  %cls = gem.select %y[0] : tensor<?x3xf32, #gem.dims<n>> -> tensor<1x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %0 = gem.linear %cls, %down : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// -----

// Tests channels that two layers make together, one as the other's residual, and a weight in
// a resource.
// CHECK-LABEL: module
// CHECK: gem.weight @a dense<{{\[}}[1.000000e+00], [3.000000e+00]]> : tensor<2x1xf32>
// CHECK: gem.weight @b dense_resource<[[B:.*]]> : tensor<2x1xf16>
// CHECK: gem.weight @down.weight dense<2.000000e+00> : tensor<1x2xf32>
// CHECK: gem.linear %{{.*}}, %{{.*}} activation(gelu) : (tensor<4x1xf32>, tensor<2x1xf32>) -> tensor<4x2xf32>
// CHECK: gem.linear %{{.*}}, %{{.*}} residual %{{.*}} : (tensor<4x1xf32>, tensor<2x1xf16>, tensor<4x2xf32>) -> tensor<4x2xf32>
// The halves 0x1111 and 0x3333 of three:
// CHECK: [[B]]: "0x020000001111{{3333}}"
gem.weight @a dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
gem.weight @b dense_resource<b> : tensor<3x1xf16>
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @residual(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %wa = gem.get_weight @a : tensor<3x1xf32>
  %a = gem.linear %x, %wa activation(gelu)
      : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %wb = gem.get_weight @b : tensor<3x1xf16>
  %b = gem.linear %x, %wb residual %a
      : (tensor<4x1xf32>, tensor<3x1xf16>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %t = gem.tanh %b : tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %0 = gem.linear %t, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %0 : tensor<4x1xf32>
}
{-#
  dialect_resources: {
    builtin: {
      b: "0x02000000111122223333"
    }
  }
#-}
