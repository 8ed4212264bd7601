// RUN: gem-opt %s --gem-slice-read-rows --split-input-file | FileCheck %s

// Tests the example of the documentation: one query against all keys.
// CHECK-LABEL: func.func @example
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32, #gem.dims<n>>, %[[WQ:[^:]*]]: tensor<8x8xf32>, %[[R:[^:]*]]: tensor<?xi1, #gem.dims<n>>, %[[C:[^:]*]]: tensor<?xi32, #gem.dims<n>>)
// CHECK-NEXT: %[[X0:.*]] = gem.select %[[X]][0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
// CHECK-NEXT: %[[Q:.*]] = gem.linear %[[X0]], %[[WQ]] : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = gem.scar_attention %[[Q]], %[[X]], %[[X]], %[[R]], %[[C]] heads(2) head_dim(4) scale(5.000000e-01) predicate(either) : (tensor<1x8xf32>, tensor<?x8xf32, #gem.dims<n>>, {{.*}}) -> tensor<1x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @example(%x: tensor<?x8xf32, #gem.dims<n>>, %wq: tensor<8x8xf32>,
                   %routed: tensor<?xi1, #gem.dims<n>>, %cluster: tensor<?xi32, #gem.dims<n>>)
    -> tensor<1x8xf32> {
  %q = gem.linear %x, %wq
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>) -> tensor<?x8xf32, #gem.dims<n>>
  %y = gem.scar_attention %q, %x, %x, %routed, %cluster
      heads(2) head_dim(4) scale(5.0e-1) predicate(either)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?x8xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
         tensor<?xi32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
  %cls = gem.select %y[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %cls : tensor<1x8xf32>
}

// -----

// Tests that attention which is its own query keeps its keys whole, and that the query
// knows which token it is.
// CHECK-LABEL: func.func @self_attention
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32, #gem.dims<n>>
// CHECK-NEXT: %[[Q:.*]] = gem.select %[[X]][3]
// CHECK-NEXT: gem.attention %[[Q]], %[[X]], %[[X]] heads(2) head_dim(4) scale(5.000000e-01) first_query(3) : (tensor<1x8xf32>,
func.func @self_attention(%x: tensor<?x8xf32, #gem.dims<n>>) -> tensor<1x8xf32> {
  %y = gem.attention %x, %x, %x heads(2) head_dim(4) scale(5.0e-1)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?x8xf32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
  %row = gem.select %y[3] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %row : tensor<1x8xf32>
}

// -----

// Tests that a first query that is there already counts, with padding masked as before.
// CHECK-LABEL: func.func @first_query
// CHECK: gem.attention %{{.*}} count %{{.*}} first_query(7) : (tensor<1x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<1xi32>)
func.func @first_query(%q: tensor<2x8xf32>, %x: tensor<8x8xf32>, %count: tensor<1xi32>)
    -> tensor<1x8xf32> {
  %y = gem.attention %q, %x, %x count %count heads(2) head_dim(4) scale(5.0e-1) first_query(6)
      : (tensor<2x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<1xi32>) -> tensor<2x8xf32>
  %row = gem.select %y[1] : tensor<2x8xf32> -> tensor<1x8xf32>
  return %row : tensor<1x8xf32>
}

// -----

// Tests every tokenwise operation in one chain, a value that is two operands at once, and
// a residual that is read by row as well.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32, #gem.dims<n>>
// CHECK-NOT: tensor<?x8xf32, #gem.dims<n>> -> tensor<?x8xf32
// CHECK: %[[X0:.*]] = gem.select %[[X]][1]
// CHECK: %[[A:.*]] = gem.add_row %{{.*}}, %{{.*}}[0] : tensor<1x8xf32>, tensor<2x8xf32>
// CHECK: %[[B:.*]] = gem.add %[[A]], %[[A]] : tensor<1x8xf32>
// CHECK: %[[D:.*]] = gem.gelu %[[B]] : tensor<1x8xf32>
// CHECK: %[[E:.*]] = gem.tanh %[[D]] : tensor<1x8xf32>
// CHECK: %[[F:.*]] = gem.layer_norm %[[E]]
// CHECK: %[[G:.*]] = gem.linear %[[F]], %{{.*}}, %{{.*}} residual %[[D]] activation(gelu) : (tensor<1x8xf32>,
// CHECK: gem.linear %[[G]], %{{.*}} residual %{{.*}} : (tensor<1x8xf32>, tensor<8x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-NOT: gem.select
func.func @chain(%x: tensor<?x8xf32, #gem.dims<n>>, %t: tensor<2x8xf32>, %g: tensor<8xf32>,
                 %w: tensor<8x8xf32>) -> tensor<1x8xf32> {
  %0 = gem.add_row %x, %t[0] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xf32>
  %1 = gem.add %0, %0 : tensor<?x8xf32, #gem.dims<n>>
  %2 = gem.gelu %1 : tensor<?x8xf32, #gem.dims<n>>
  %3 = gem.tanh %2 : tensor<?x8xf32, #gem.dims<n>>
  %4 = gem.layer_norm %3, %g, %g epsilon(0.0)
      : tensor<?x8xf32, #gem.dims<n>>, tensor<8xf32>, tensor<8xf32>
  %5 = gem.linear %4, %w, %g residual %2 activation(gelu)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>, tensor<8xf32>,
         tensor<?x8xf32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
  %6 = gem.linear %5, %w residual %x
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>, tensor<?x8xf32, #gem.dims<n>>)
        -> tensor<?x8xf32, #gem.dims<n>>
  %7 = gem.select %6[1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %7 : tensor<1x8xf32>
}

// -----

// Tests that two readers of the same row share the operation.
// CHECK-LABEL: func.func @same_row
// CHECK: %[[Y:.*]] = gem.gelu %{{.*}} : tensor<1x8xf32>
// CHECK-NOT: gem.gelu
// CHECK: return %[[Y]], %[[Y]]
func.func @same_row(%x: tensor<?x8xf32, #gem.dims<n>>) -> (tensor<1x8xf32>, tensor<1x8xf32>) {
  %0 = gem.gelu %x : tensor<?x8xf32, #gem.dims<n>>
  %1 = gem.select %0[1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %2 = gem.select %0[1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %1, %2 : tensor<1x8xf32>, tensor<1x8xf32>
}

// -----

// Tests that a value that is read whole further up stays whole, while what follows it is
// sliced.
// CHECK-LABEL: func.func @shared
// CHECK: %[[H:.*]] = gem.gelu %{{.*}} : tensor<?x8xf32, #gem.dims<n>>
// CHECK: %[[H0:.*]] = gem.select %[[H]][0]
// CHECK: %[[Y:.*]] = gem.tanh %[[H0]] : tensor<1x8xf32>
// CHECK: return %[[H]], %[[Y]]
func.func @shared(%x: tensor<?x8xf32, #gem.dims<n>>)
    -> (tensor<?x8xf32, #gem.dims<n>>, tensor<1x8xf32>) {
  %0 = gem.gelu %x : tensor<?x8xf32, #gem.dims<n>>
  %1 = gem.tanh %0 : tensor<?x8xf32, #gem.dims<n>>
  %2 = gem.select %1[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %0, %2 : tensor<?x8xf32, #gem.dims<n>>, tensor<1x8xf32>
}

// -----

// Tests that the pass must do nothing: to a value that is also read whole, or by different
// rows; to an operation whose rows depend on their number (a position); to one of several
// results.
// CHECK-LABEL: func.func @nothing
// CHECK: %[[A:.*]] = gem.gelu %{{.*}} : tensor<?x8xf32, #gem.dims<n>>
// CHECK-NEXT: gem.select %[[A]][0]
// CHECK-NEXT: %[[B:.*]] = gem.tanh %{{.*}} : tensor<?x8xf32, #gem.dims<n>>
// CHECK-NEXT: gem.select %[[B]][0]
// CHECK-NEXT: gem.select %[[B]][1]
// CHECK-NEXT: %[[C:.*]] = gem.add_position
// CHECK-NEXT: gem.select %[[C]][0]
// CHECK-NEXT: %[[P:.*]], %{{.*}}, %{{.*}} = gem.route_tokens
// CHECK-NEXT: gem.select %[[P]][0]
func.func @nothing(%x: tensor<?x8xf32, #gem.dims<n>>, %t: tensor<8x8xf32>)
    -> (tensor<?x8xf32, #gem.dims<n>>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>,
        tensor<1x8xf32>, tensor<1x8xf32>) {
  %a = gem.gelu %x : tensor<?x8xf32, #gem.dims<n>>
  %0 = gem.select %a[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %b = gem.tanh %x : tensor<?x8xf32, #gem.dims<n>>
  %1 = gem.select %b[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %2 = gem.select %b[1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %c = gem.add_position %x, %t : tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>
  %3 = gem.select %c[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %p, %r, %k = gem.route_tokens %x, %t clusters(4) threshold(6.5e-1)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>)
        -> (tensor<?x8xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  %4 = gem.select %p[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %a, %0, %1, %2, %3, %4
      : tensor<?x8xf32, #gem.dims<n>>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>,
        tensor<1x8xf32>, tensor<1x8xf32>
}
