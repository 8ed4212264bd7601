// Tokens of two kinds, 6 and 3 of them, in some order.
// RUN: %python -c "import array; rows = [[0, 0, 0, 0], [1, 2, -1, 4]]; array.array('f', sum((rows[i] for i in [0, 1, 0, 0, 1, 0, 1, 0, 0]), [])).tofile(open(r'%t.bin', 'wb'))"
// RUN: gem-opt %s --gem-fit-router-centroids=activations=%t.bin -o %t.1.mlir
// RUN: FileCheck %s --input-file=%t.1.mlir

// The same file gives the same centroids, in another process too.
// RUN: gem-opt %s --gem-fit-router-centroids=activations=%t.bin -o %t.2.mlir
// RUN: diff %t.1.mlir %t.2.mlir

// A sample of the tokens is the same one each time.
// RUN: %python -c "import array, math; array.array('f', [math.sin(i * i) for i in range(400)]).tofile(open(r'%t.many.bin', 'wb'))"
// RUN: gem-opt %s --gem-fit-router-centroids="activations=%t.many.bin max-tokens=10 seed=7" \
// RUN:   -o %t.3.mlir
// RUN: gem-opt %s --gem-fit-router-centroids="activations=%t.many.bin max-tokens=10 seed=7" \
// RUN:   -o %t.4.mlir
// RUN: diff %t.3.mlir %t.4.mlir

// Each router that lacks centroids gets some; a name that is taken is not taken again.
// CHECK-DAG: gem.weight @router.centroids dense<1.000000e+00> : tensor<2x4xf32>
// CHECK-DAG: gem.weight @[[FIRST:.*]] dense_resource<[[RESOURCE:router.centroids.*]]> : tensor<2x4xf32>
gem.symbol @n min(1) max(8)
gem.weight @router.centroids dense<1.0> : tensor<2x4xf32>
gem.weight @w_r dense<1.0> : tensor<3x4xf32>

// Tests the example of the documentation.
// CHECK-LABEL: func.func @fit
func.func @fit(%x: tensor<?x4xf32, #gem.dims<n>>) -> tensor<?xi32, #gem.dims<n>> {
  %w = gem.get_weight @w_r : tensor<3x4xf32>
  // CHECK: %[[CENTROIDS:.*]] = gem.get_weight @[[C1:router.centroids_[0-9]+]] : tensor<2x4xf32>
  // CHECK: gem.route_tokens %{{.*}}, %{{.*}}, %[[CENTROIDS]] clusters(2) threshold(6.500000e-01) : (tensor<?x4xf32, #gem.dims<n>>, tensor<3x4xf32>, tensor<2x4xf32>) ->
  %p, %r, %c = gem.route_tokens %x, %w clusters(2) threshold(6.5e-1)
      : (tensor<?x4xf32, #gem.dims<n>>, tensor<3x4xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  return %c : tensor<?xi32, #gem.dims<n>>
}

// Tests a second router.
// CHECK-LABEL: func.func @fit_another
func.func @fit_another(%x: tensor<?x4xf32, #gem.dims<n>>) -> tensor<?xi32, #gem.dims<n>> {
  %w = gem.get_weight @w_r : tensor<3x4xf32>
  // CHECK: %[[CENTROIDS:.*]] = gem.get_weight @router.centroids_{{[0-9]+}} : tensor<2x4xf32>
  // CHECK: gem.route_tokens %{{.*}}, %{{.*}}, %[[CENTROIDS]] clusters(2)
  %p, %r, %c = gem.route_tokens %x, %w clusters(2) threshold(6.5e-1)
      : (tensor<?x4xf32, #gem.dims<n>>, tensor<3x4xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  return %c : tensor<?xi32, #gem.dims<n>>
}

// Tests that the pass must do nothing to a router that has centroids.
// CHECK-LABEL: func.func @given
func.func @given(%x: tensor<?x4xf32, #gem.dims<n>>) -> tensor<?xi32, #gem.dims<n>> {
  %w = gem.get_weight @w_r : tensor<3x4xf32>
  // CHECK: %[[CENTROIDS:.*]] = gem.get_weight @router.centroids : tensor<2x4xf32>
  // CHECK-NEXT: gem.route_tokens %{{.*}}, %{{.*}}, %[[CENTROIDS]] clusters(2)
  %centroids = gem.get_weight @router.centroids : tensor<2x4xf32>
  %p, %r, %c = gem.route_tokens %x, %w, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<?x4xf32, #gem.dims<n>>, tensor<3x4xf32>, tensor<2x4xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  return %c : tensor<?xi32, #gem.dims<n>>
}

// The centroids are the two kinds of tokens: zeros, and 1 2 -1 4, in either order.
// CHECK: router.centroids{{.*}}: "0x04000000{{00000000000000000000000000000000|0000803F00000040000080BF00008040}}{{00000000000000000000000000000000|0000803F00000040000080BF00008040}}"
