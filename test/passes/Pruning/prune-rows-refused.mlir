// RUN: gem-opt %s --gem-prune-rows="merge-clusters=0,0" --split-input-file --verify-diagnostics
// RUN: not gem-opt %s --gem-prune-rows=keep-classes=0 2>&1 | FileCheck %s

// Tests a model without a router, and without a classifier.
// CHECK: error: the model has no classifier: expected one to keep classes of
// expected-error @below {{the model has no router: expected one whose clusters can be merged}}
module {
}

// -----

// Tests a router whose centroids are still to be fitted.
// expected-error @below {{the router has no centroids: expected them to be fitted before clusters are merged}}
module {
gem.weight @w_r dense<1.0> : tensor<3x1xf32>
func.func @unfitted(%x: tensor<4x1xf32>) -> tensor<4xi1> {
  %w_r = gem.get_weight @w_r : tensor<3x1xf32>
  %p, %routed, %c = gem.route_tokens %x, %w_r clusters(2) threshold(6.5e-1)
      : (tensor<4x1xf32>, tensor<3x1xf32>) -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %routed : tensor<4xi1>
}
}

// -----

// Tests centroids that something else reads.
// expected-error @below {{the weight 'centroids' is read by more than the router: expected one of its own}}
module {
gem.weight @centroids dense<1.0> : tensor<2x1xf32>
func.func @shared(%x: tensor<4x1xf32>) -> (tensor<4xi1>, tensor<4x2xf32>) {
  %w = gem.get_weight @centroids : tensor<2x1xf32>
  %p, %routed, %c = gem.route_tokens %x, %w, %w clusters(2) threshold(6.5e-1)
      : (tensor<4x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>)
        -> (tensor<4x2xf32>, tensor<4xi1>, tensor<4xi32>)
  %y = gem.linear %x, %w : (tensor<4x1xf32>, tensor<2x1xf32>) -> tensor<4x2xf32>
  return %routed, %y : tensor<4xi1>, tensor<4x2xf32>
}
}

// -----

// Tests centroids that are no weight.
// expected-error @below {{expected weights of the module for the router, but got other values}}
module {
gem.weight @w_r dense<1.0> : tensor<3x1xf32>
func.func @argument(%x: tensor<4x1xf32>, %centroids: tensor<2x1xf32>) -> tensor<4xi1> {
  %w_r = gem.get_weight @w_r : tensor<3x1xf32>
  %p, %routed, %c = gem.route_tokens %x, %w_r, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<4x1xf32>, tensor<3x1xf32>, tensor<2x1xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %routed : tensor<4xi1>
}
}
