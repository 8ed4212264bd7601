// RUN: gem-opt %s --gem-assign-weight-formats --split-input-file | FileCheck %s
// RUN: gem-opt %s --gem-assign-weight-formats=format=f32 --split-input-file | FileCheck %s
// RUN: not gem-opt %s --gem-assign-weight-formats=format=int3 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REFUSED

// Tests that a format that does not exist is refused.
// REFUSED: error: expected a weight format of f32, but got 'int3'

// Tests the example of the documentation, with what reads the weight.
// CHECK-LABEL: module
// CHECK: gem.weight @w dense_resource<w> : tensor<39x128xf16> stored(tensor<39x128xf32>)
// CHECK: gem.weight @b dense<1.000000e+00> : tensor<39xbf16> stored(tensor<39xf32>)
// CHECK: %[[W:.*]] = gem.get_weight @w : tensor<39x128xf32>
// CHECK: %[[B:.*]] = gem.get_weight @b : tensor<39xf32>
// CHECK: gem.classify %{{.*}}, %[[W]], %[[B]] : (tensor<1x128xf32>, tensor<39x128xf32>, tensor<39xf32>) -> tensor<39xf32>
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

// Tests that a format that was assigned before is replaced, and the layout kept.
// CHECK-LABEL: module
// CHECK: gem.weight @w dense<1.000000e+00> : tensor<4x8xf16> stored(tensor<4x8xf32>) layout(panel_16)
gem.weight @w dense<1.0> : tensor<4x8xf16> stored(tensor<4x8xf16>) layout(panel_16)

// -----

// Tests that the pass must do nothing to a weight that is, or is stored, in f32.
// CHECK-LABEL: module
// CHECK: gem.weight @w dense<1.000000e+00> : tensor<4x8xf32>{{$}}
// CHECK: gem.weight @v dense<1.000000e+00> : tensor<8xf16> stored(tensor<8xf32>){{$}}
// CHECK: gem.get_weight @w : tensor<4x8xf32>
// CHECK: gem.get_weight @v : tensor<8xf32>
gem.weight @w dense<1.0> : tensor<4x8xf32>
gem.weight @v dense<1.0> : tensor<8xf16> stored(tensor<8xf32>)
func.func @nothing() -> (tensor<4x8xf32>, tensor<8xf32>) {
  %w = gem.get_weight @w : tensor<4x8xf32>
  %v = gem.get_weight @v : tensor<8xf32>
  return %w, %v : tensor<4x8xf32>, tensor<8xf32>
}
