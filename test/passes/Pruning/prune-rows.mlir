// RUN: gem-opt %s --gem-prune-rows="positions merge-clusters=0,0,1 keep-classes=0,2" | FileCheck %s
// RUN: gem-opt %s --gem-prune-rows | FileCheck %s --check-prefix=SAME
// RUN: not gem-opt %s --gem-prune-rows=keep-classes=1,3 2>&1 | FileCheck %s --check-prefix=CLASS
// RUN: not gem-opt %s --gem-prune-rows=keep-classes=x 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not gem-opt %s --gem-prune-rows=merge-clusters=0,0 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not gem-opt %s --gem-prune-rows=merge-clusters=0,2,2 2>&1 | FileCheck %s --check-prefix=EMPTY

// Tests the rows of each kind, and that the router's classes stay. A table of positions that
// is long enough for no more than the symbol's maximum stays too.
// CHECK: module attributes {gem.labels = ["a", "c"]}
// CHECK: gem.weight @positions dense<{{\[}}[1.000000e+00], [2.000000e+00]]> : tensor<2x1xf32>
// CHECK: gem.weight @types
// CHECK: gem.weight @w_r dense<{{\[}}[1.000000e+00], [2.000000e+00], [3.000000e+00]]> : tensor<3x1xf32>
// CHECK: gem.weight @centroids dense<{{\[}}[2.000000e+00], [8.000000e+00]]> : tensor<2x1xf16>
// CHECK: gem.weight @classifier dense<{{\[}}[1.000000e+00], [3.000000e+00]]> : tensor<2x1xf32>
// CHECK: gem.weight @bias dense<[4.000000e+00, 6.000000e+00]> : tensor<2xf32>
// CHECK: func.func @main({{.*}}) -> (tensor<2xf32>, tensor<?xi1, #gem.dims<n>>)
// CHECK: gem.route_tokens {{.*}} clusters(2) threshold
// CHECK: gem.classify {{.*}} -> tensor<2xf32>
// CHECK: return %{{.*}}, %{{.*}} : tensor<2xf32>, tensor<?xi1, #gem.dims<n>>

// Tests that the pass must do nothing when nothing is asked for.
// SAME: module attributes {gem.labels = ["a", "b", "c"]}
// SAME: gem.weight @positions {{.*}} : tensor<4x1xf32>
// SAME: gem.weight @centroids {{.*}} : tensor<3x1xf16>
// SAME: gem.weight @classifier {{.*}} : tensor<3x1xf32>

// Tests what is refused.
// CLASS: error: expected some of the 3 classes, 0 to 2, but got 3
// NUMBER: error: expected numbers and ranges such as 0-15,20, but got 'x'
// COUNT: error: expected what each of the router's 3 clusters becomes, but got 2
// EMPTY: error: expected every cluster from 0 to 2 to get one, but none becomes 1
module attributes {gem.labels = ["a", "b", "c"]} {
  gem.symbol @n min(1) max(2)
  gem.weight @positions dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  gem.weight @types dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  gem.weight @w_r dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  gem.weight @centroids dense<[[1.0], [3.0], [8.0]]> : tensor<3x1xf16>
  gem.weight @classifier dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  gem.weight @bias dense<[4.0, 5.0, 6.0]> : tensor<3xf32>
  func.func @main(%x: tensor<?x1xf32, #gem.dims<n>>)
      -> (tensor<3xf32>, tensor<?xi1, #gem.dims<n>>) {
    %positions = gem.get_weight @positions : tensor<4x1xf32>
    %0 = gem.add_position %x, %positions : tensor<?x1xf32, #gem.dims<n>>, tensor<4x1xf32>
    %types = gem.get_weight @types : tensor<3x1xf32>
    %1 = gem.add_row %0, %types[2] : tensor<?x1xf32, #gem.dims<n>>, tensor<3x1xf32>
    %w_r = gem.get_weight @w_r : tensor<3x1xf32>
    %centroids = gem.get_weight @centroids : tensor<3x1xf16>
    %p, %routed, %c = gem.route_tokens %1, %w_r, %centroids clusters(3) threshold(6.5e-1)
        : (tensor<?x1xf32, #gem.dims<n>>, tensor<3x1xf32>, tensor<3x1xf16>)
          -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
              tensor<?xi32, #gem.dims<n>>)
    %cls = gem.select %1[0] : tensor<?x1xf32, #gem.dims<n>> -> tensor<1x1xf32>
    %w = gem.get_weight @classifier : tensor<3x1xf32>
    %b = gem.get_weight @bias : tensor<3xf32>
    %logits = gem.classify %cls, %w, %b
        : (tensor<1x1xf32>, tensor<3x1xf32>, tensor<3xf32>) -> tensor<3xf32>
    return %logits, %routed : tensor<3xf32>, tensor<?xi1, #gem.dims<n>>
  }
}
