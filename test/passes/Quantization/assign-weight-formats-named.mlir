// RUN: gem-opt %s --gem-assign-weight-formats="format=int4 formats=b.weight:int8,words:int3g32,w_r:f16,kept:f16" \
// RUN:   | FileCheck %s

// Tests formats by name, also of the router and of a weight whose format was decided; the
// rest has `format`, but vectors are f32.
// CHECK-LABEL: module
// CHECK: gem.weight @words dense<1.000000e+00> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i3, group = 32>>)
// CHECK: gem.weight @a.weight dense<1.000000e+00> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i4>>)
// CHECK: gem.weight @b.weight dense<1.000000e+00> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>) layout(panel_16)
// CHECK: gem.weight @kept dense<1.000000e+00> : tensor<8x8xf32> stored(tensor<8x8xf16>)
// CHECK: gem.weight @bias dense<1.000000e+00> : tensor<8xf16> stored(tensor<8xf32>)
// CHECK: gem.weight @w_r dense<5.000000e+00> : tensor<3x8xf32> stored(tensor<3x8xf16>)
// CHECK: gem.weight @centroids dense<6.000000e+00> : tensor<2x8xf32>{{$}}
gem.weight @words dense<1.0> : tensor<16x8xf32>
gem.weight @a.weight dense<1.0> : tensor<8x8xf32>
gem.weight @b.weight dense<1.0> : tensor<8x8xf32> layout(panel_16)
gem.weight @kept dense<1.0> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>)
gem.weight @bias dense<1.0> : tensor<8xf16>
gem.weight @w_r dense<5.0> : tensor<3x8xf32>
gem.weight @centroids dense<6.0> : tensor<2x8xf32>
// CHECK: func.func @named
func.func @named(%ids: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK: %[[WORDS:.*]] = gem.get_weight @words : tensor<16x8x!gem.q<i3, group = 32>>
  %words = gem.get_weight @words : tensor<16x8xf32>
  %a = gem.get_weight @a.weight : tensor<8x8xf32>
  %b = gem.get_weight @b.weight : tensor<8x8xf32>
  %kept = gem.get_weight @kept : tensor<8x8x!gem.q<i8>>
  %bias = gem.get_weight @bias : tensor<8xf16>
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<2x8xf32>
  // CHECK: gem.embedding %{{.*}}, %[[WORDS]] : (tensor<4xi32>, tensor<16x8x!gem.q<i3, group = 32>>)
  %0 = gem.embedding %ids, %words : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %1 = gem.linear %0, %a, %bias : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf16>) -> tensor<4x8xf32>
  %2 = gem.linear %1, %b, %bias : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf16>) -> tensor<4x8xf32>
  %3 = gem.linear %2, %kept : (tensor<4x8xf32>, tensor<8x8x!gem.q<i8>>) -> tensor<4x8xf32>
  %p, %r, %c = gem.route_tokens %3, %w_r, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}
