// RUN: gem-opt %s --gem-assign-weight-formats="format=f16 formats=w:int4g32" \
// RUN:   --split-input-file --verify-diagnostics
// RUN: not gem-opt %s --gem-assign-weight-formats=format=int5 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FORMAT
// RUN: not gem-opt %s --gem-assign-weight-formats="formats=w:int4g16" --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NAMED
// RUN: not gem-opt %s --gem-assign-weight-formats="formats=w" --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ENTRY

// Tests that a format that does not exist is refused.
// FORMAT: error: expected a weight format such as f32, f16, int8, int4g32 or int3g64, but got 'int5'
// NAMED: error: expected a weight format such as f32, f16, int8, int4g32 or int3g64, but got 'int4g16'
// ENTRY: error: expected a weight format such as f32, f16, int8, int4g32 or int3g64, but got ''

// Tests that the formats name weights of the model.
// expected-error @below {{expected the formats to name weights of the model, but got 'w'}}
module {}

// -----

// Tests that a vector is not quantized.
// expected-error @below {{is a vector, which is stored in f32, but got int4g32}}
gem.weight @w dense<1.0> : tensor<8xf32>
func.func @vector(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %w = gem.get_weight @w : tensor<8xf32>
  %y = gem.layer_norm %x, %w, %w epsilon(0.0) : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// Tests that the router is not quantized, not even by name.
gem.weight @centroids dense<6.0> : tensor<2x8xf32>
// expected-error @below {{decides routing and is stored in f32 or f16, but got int4g32}}
gem.weight @w dense<5.0> : tensor<3x8xf32>
func.func @router(%x: tensor<4x8xf32>) -> tensor<4xi32> {
  %w = gem.get_weight @w : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<2x8xf32>
  %p, %r, %c = gem.route_tokens %x, %w, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}

// -----

// Tests that f16 is refused for what would be infinite in it: the least such value.
gem.weight @w dense<1.0> : tensor<8x2xf32>
// expected-error @below {{has the value -6.552000e+04 at element 3, which f16 cannot hold}}
gem.weight @large dense<[[65504.0, 65519.0], [0.0, -65520.0]]> : tensor<2x2xf32>
func.func @overflow(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = gem.get_weight @large : tensor<2x2xf32>
  %y = gem.linear %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
