// RUN: gem-opt %s --gem-fit-router-centroids=activations=%s --split-input-file \
// RUN:   --verify-diagnostics

// Tests that rows without columns are refused.
func.func @empty_rows(%x: tensor<4x0xf32>, %w: tensor<3x0xf32>) -> tensor<4xi32> {
  // expected-error @below {{expected a router on rows of a fixed width, but got 'tensor<4x0xf32>'}}
  %p, %r, %c = gem.route_tokens %x, %w clusters(3) threshold(6.5e-1)
      : (tensor<4x0xf32>, tensor<3x0xf32>) -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}

// -----

// Tests that rows of a width that is not known are refused.
func.func @dynamic_rows(%x: tensor<4x?xf32, #gem.dims<m>>, %w: tensor<3x?xf32, #gem.dims<m>>)
    -> tensor<4xi32> {
  // expected-error @below {{expected a router on rows of a fixed width, but got 'tensor<4x?xf32, #gem.dims<m>>'}}
  %p, %r, %c = gem.route_tokens %x, %w clusters(3) threshold(6.5e-1)
      : (tensor<4x?xf32, #gem.dims<m>>, tensor<3x?xf32, #gem.dims<m>>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}
