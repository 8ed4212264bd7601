// RUN: gem-opt %s --gem-assign-weight-formats --split-input-file \
// RUN:   | FileCheck %s --check-prefixes=CHECK,F32
// RUN: gem-opt %s --gem-assign-weight-formats=format=f16 --split-input-file \
// RUN:   | FileCheck %s --check-prefixes=CHECK,F16
// RUN: gem-opt %s --gem-assign-weight-formats=format=int8 --split-input-file \
// RUN:   | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: gem-opt %s --gem-assign-weight-formats=format=int4g32 --split-input-file \
// RUN:   | FileCheck %s --check-prefixes=CHECK,INT4
// RUN: gem-opt %s --gem-assign-weight-formats=format=int3g64f16 --split-input-file \
// RUN:   | FileCheck %s --check-prefixes=CHECK,INT3
// Running it again, with another format, changes nothing that was decided.
// RUN: gem-opt %s --gem-assign-weight-formats=format=int8 --gem-assign-weight-formats=format=int4 \
// RUN:   --split-input-file | FileCheck %s --check-prefixes=CHECK,INT8

// Tests the example of the documentation, with what reads the weight. A vector is f32.
// CHECK-LABEL: module
// F32: gem.weight @w dense_resource<w> : tensor<39x128xf16> stored(tensor<39x128xf32>)
// F16: gem.weight @w dense_resource<w> : tensor<39x128xf16>{{$}}
// INT8: gem.weight @w dense_resource<w> : tensor<39x128xf16> stored(tensor<39x128x!gem.q<i8>>)
// INT4: gem.weight @w dense_resource<w> : tensor<39x128xf16> stored(tensor<39x128x!gem.q<i4, group = 32>>)
// INT3: gem.weight @w dense_resource<w> : tensor<39x128xf16> stored(tensor<39x128x!gem.q<i3, group = 64, scales = f16>>)
// CHECK: gem.weight @b dense<1.000000e+00> : tensor<39xbf16> stored(tensor<39xf32>)
// F32: %[[W:.*]] = gem.get_weight @w : tensor<39x128xf32>
// F16: %[[W:.*]] = gem.get_weight @w : tensor<39x128xf16>
// INT8: %[[W:.*]] = gem.get_weight @w : tensor<39x128x!gem.q<i8>>
// INT4: %[[W:.*]] = gem.get_weight @w : tensor<39x128x!gem.q<i4, group = 32>>
// INT3: %[[W:.*]] = gem.get_weight @w : tensor<39x128x!gem.q<i3, group = 64, scales = f16>>
// CHECK: %[[B:.*]] = gem.get_weight @b : tensor<39xf32>
// F32: gem.classify %{{.*}}, %[[W]], %[[B]] : (tensor<1x128xf32>, tensor<39x128xf32>, tensor<39xf32>) -> tensor<39xf32>
// F16: gem.classify %{{.*}}, %[[W]], %[[B]] : (tensor<1x128xf32>, tensor<39x128xf16>, tensor<39xf32>) -> tensor<39xf32>
// INT8: gem.classify %{{.*}}, %[[W]], %[[B]] : (tensor<1x128xf32>, tensor<39x128x!gem.q<i8>>, tensor<39xf32>) -> tensor<39xf32>
gem.weight @w dense_resource<w> : tensor<39x128xf16>
gem.weight @b dense<1.0> : tensor<39xbf16>
func.func @example(%x: tensor<1x128xf32>) -> tensor<39xf32> {
  %w = gem.get_weight @w : tensor<39x128xf16>
  %b = gem.get_weight @b : tensor<39xbf16>
  %y = gem.classify %x, %w, %b
      : (tensor<1x128xf32>, tensor<39x128xf16>, tensor<39xbf16>) -> tensor<39xf32>
  return %y : tensor<39xf32>
}

// -----

// Tests that tables have the format of matrices, and that the router is not quantized with
// them, but may be f16.
// CHECK-LABEL: module
// F32: gem.weight @words dense<1.000000e+00> : tensor<16x8xf32>{{$}}
// F16: gem.weight @words dense<1.000000e+00> : tensor<16x8xf32> stored(tensor<16x8xf16>)
// INT8: gem.weight @words dense<1.000000e+00> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i8>>)
// INT4: gem.weight @words dense<1.000000e+00> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i4, group = 32>>)
// INT8: gem.weight @positions dense<2.000000e+00> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i8>>)
// F32: gem.weight @w_r dense<5.000000e+00> : tensor<3x8xf32>{{$}}
// F16: gem.weight @w_r dense<5.000000e+00> : tensor<3x8xf32> stored(tensor<3x8xf16>)
// INT8: gem.weight @w_r dense<5.000000e+00> : tensor<3x8xf32>{{$}}
// INT4: gem.weight @w_r dense<5.000000e+00> : tensor<3x8xf32>{{$}}
// F16: gem.weight @centroids dense<6.000000e+00> : tensor<2x8xf32> stored(tensor<2x8xf16>)
// INT8: gem.weight @centroids dense<6.000000e+00> : tensor<2x8xf32>{{$}}
gem.weight @words dense<1.0> : tensor<16x8xf32>
gem.weight @positions dense<2.0> : tensor<16x8xf32>
gem.weight @w_r dense<5.0> : tensor<3x8xf32>
gem.weight @centroids dense<6.0> : tensor<2x8xf32>
func.func @reads(%ids: tensor<4xi32>) -> tensor<4xi32> {
  %words = gem.get_weight @words : tensor<16x8xf32>
  %positions = gem.get_weight @positions : tensor<16x8xf32>
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<2x8xf32>
  %0 = gem.embedding %ids, %words : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %1 = gem.add_position %0, %positions : tensor<4x8xf32>, tensor<16x8xf32>
  %p, %r, %c = gem.route_tokens %1, %w_r, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}

// -----

// Tests that the pass must do nothing to a weight whose format was decided, to codes that
// were chosen, to a map, and to a weight that nothing reads.
// CHECK-LABEL: module
// CHECK: gem.weight @decided dense<1.000000e+00> : tensor<4x8xf16> stored(tensor<4x8xf32>) layout(panel_16)
// CHECK: gem.weight @codes dense<0> : tensor<48xui8> stored(tensor<4x8x!gem.q<i8>>){{$}}
// CHECK: gem.weight @map dense<0> : tensor<16xui16>{{$}}
// CHECK: gem.weight @unread dense<1.000000e+00> : tensor<4x8xf16>{{$}}
// CHECK: gem.get_weight @decided : tensor<4x8xf32>
// CHECK: gem.get_weight @codes : tensor<4x8x!gem.q<i8>>
// CHECK: gem.get_weight @map : tensor<16xui16>
gem.weight @decided dense<1.0> : tensor<4x8xf16> stored(tensor<4x8xf32>) layout(panel_16)
gem.weight @codes dense<0> : tensor<48xui8> stored(tensor<4x8x!gem.q<i8>>)
gem.weight @map dense<0> : tensor<16xui16>
gem.weight @unread dense<1.0> : tensor<4x8xf16>
func.func @nothing(%x: tensor<1x8xf32>, %ids: tensor<1xi32>) -> (tensor<1x4xf32>, tensor<1x8xf32>) {
  %w = gem.get_weight @decided : tensor<4x8xf32>
  %y = gem.linear %x, %w : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<1x4xf32>
  %c = gem.get_weight @codes : tensor<4x8x!gem.q<i8>>
  %m = gem.get_weight @map : tensor<16xui16>
  %z = gem.embedding %ids, %c map %m
      : (tensor<1xi32>, tensor<4x8x!gem.q<i8>>, tensor<16xui16>) -> tensor<1x8xf32>
  return %y, %z : tensor<1x4xf32>, tensor<1x8xf32>
}
