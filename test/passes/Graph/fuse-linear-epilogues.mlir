// RUN: gem-opt %s --gem-fuse-linear-epilogues --split-input-file | FileCheck %s
// RUN: gem-opt %s --gem-fuse-linear-epilogues --split-input-file --mlir-print-debuginfo \
// RUN:   | FileCheck %s --check-prefix=LOCATION

// Tests the example of the documentation: an activation and a residual sum.
// CHECK-LABEL: func.func @example
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32, #gem.dims<n>>, %[[W:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<4xf32>, %[[R:.*]]: tensor<?x4xf32, #gem.dims<n>>)
// CHECK-NEXT: %[[Y:.*]] = gem.linear %[[X]], %[[W]], %[[B]] residual %[[R]] activation(gelu)
// CHECK-NEXT: return %[[Y]]
func.func @example(%0: tensor<?x8xf32, #gem.dims<n>>, %w: tensor<4x8xf32>, %b: tensor<4xf32>,
                   %r: tensor<?x4xf32, #gem.dims<n>>) -> tensor<?x4xf32, #gem.dims<n>> {
  %1 = gem.linear %0, %w, %b
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>, tensor<4xf32>)
        -> tensor<?x4xf32, #gem.dims<n>>
  %2 = gem.gelu %1 : tensor<?x4xf32, #gem.dims<n>>
  %3 = gem.add %2, %r : tensor<?x4xf32, #gem.dims<n>>
  return %3 : tensor<?x4xf32, #gem.dims<n>>
}

// -----

// Tests the other activation, without a bias.
// CHECK-LABEL: func.func @tanh
// CHECK: gem.linear %{{[^,]*}}, %{{[^,]*}} activation(tanh)
// CHECK-NOT: gem.tanh
func.func @tanh(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>) -> tensor<1x4xf32> {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<1x4xf32>
  %1 = gem.tanh %0 : tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}

// -----

// Tests that the linear moves to the sum when the residual comes after the linear, and
// that it may be either operand of the sum.
// CHECK-LABEL: func.func @later_residual
// CHECK: %[[R:.*]] = gem.layer_norm
// CHECK: gem.linear %{{.*}}, %{{.*}} residual %[[R]]
// CHECK-NOT: gem.add
func.func @later_residual(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>, %g: tensor<8xf32>)
    -> tensor<1x8xf32> {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %r = gem.layer_norm %x, %g, %g epsilon(0.0) : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  %1 = gem.add %r, %0 : tensor<1x8xf32>
  return %1 : tensor<1x8xf32>
}

// -----

// Tests that of a sum of two linears one takes the other as its residual.
// CHECK-LABEL: func.func @two_linears
// CHECK: %[[A:.*]] = gem.linear %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK: gem.linear %{{[^ ]*}}, %{{[^ ]*}} residual %[[A]]
// CHECK-NOT: gem.add
func.func @two_linears(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8x8xf32>)
    -> tensor<1x8xf32> {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %1 = gem.linear %x, %v : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %2 = gem.add %0, %1 : tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// -----

// Tests that a chain of layers is fused layer by layer, and that the fused operation has
// the location of the linear, by which people know it.
// LOCATION-LABEL: func.func @chain
// LOCATION: %[[H:.*]] = gem.linear %{{.*}} activation(gelu) {{.*}} loc(#[[UP:.*]])
// LOCATION-NEXT: %[[Y:.*]] = gem.linear %[[H]], %{{.*}} residual %{{.*}} loc(#[[DOWN:.*]])
// LOCATION-DAG: #[[UP]] = loc("layer.0.up")
// LOCATION-DAG: #[[DOWN]] = loc("layer.0.down")
func.func @chain(%x: tensor<1x8xf32>, %w: tensor<16x8xf32>, %v: tensor<8x16xf32>)
    -> tensor<1x8xf32> {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<16x8xf32>) -> tensor<1x16xf32>
      loc("layer.0.up")
  %1 = gem.gelu %0 : tensor<1x16xf32>
  %2 = gem.linear %1, %v : (tensor<1x16xf32>, tensor<8x16xf32>) -> tensor<1x8xf32>
      loc("layer.0.down")
  %3 = gem.add %2, %x : tensor<1x8xf32>
  return %3 : tensor<1x8xf32>
}

// -----

// Tests that an activation after a residual sum stays: the kernel applies it before.
// CHECK-LABEL: func.func @activation_after_residual
// CHECK: gem.linear %{{[^ ]*}}, %{{[^ ]*}} residual %{{[^ ]*}} :
// CHECK-NEXT: gem.gelu
func.func @activation_after_residual(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>)
    -> tensor<1x8xf32> {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %1 = gem.add %0, %x : tensor<1x8xf32>
  %2 = gem.gelu %1 : tensor<1x8xf32>
  return %2 : tensor<1x8xf32>
}

// -----

// Tests that a second activation and a second residual stay.
// CHECK-LABEL: func.func @twice
// CHECK: gem.linear %{{.*}} activation(gelu)
// CHECK-NEXT: gem.tanh
// CHECK: gem.linear %{{.*}} residual
// CHECK-NEXT: gem.add
func.func @twice(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>)
    -> (tensor<1x8xf32>, tensor<1x8xf32>) {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %1 = gem.gelu %0 : tensor<1x8xf32>
  %2 = gem.tanh %1 : tensor<1x8xf32>
  %3 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %4 = gem.add %3, %x : tensor<1x8xf32>
  %5 = gem.add %4, %x : tensor<1x8xf32>
  return %2, %5 : tensor<1x8xf32>, tensor<1x8xf32>
}

// -----

// Tests that the pass must do nothing where a linear's result is read twice: by an
// activation and something else, by a sum and something else, by both sides of a sum; or
// where there is no linear.
// CHECK-LABEL: func.func @nothing
// CHECK: %[[A:.*]] = gem.linear %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK-NEXT: gem.gelu %[[A]]
// CHECK-NEXT: %[[B:.*]] = gem.linear %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK-NEXT: gem.add %[[B]]
// CHECK-NEXT: %[[C:.*]] = gem.linear %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK-NEXT: gem.add %[[C]], %[[C]]
// CHECK-NEXT: gem.gelu
// CHECK-NEXT: gem.add
func.func @nothing(%x: tensor<1x8xf32>, %w: tensor<8x8xf32>)
    -> (tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>,
        tensor<1x8xf32>, tensor<1x8xf32>) {
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %1 = gem.gelu %0 : tensor<1x8xf32>
  %2 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %3 = gem.add %2, %x : tensor<1x8xf32>
  %4 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %5 = gem.add %4, %4 : tensor<1x8xf32>
  %6 = gem.gelu %x : tensor<1x8xf32>
  %7 = gem.add %6, %x : tensor<1x8xf32>
  return %0, %1, %2, %3, %5, %6, %7
      : tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>,
        tensor<1x8xf32>, tensor<1x8xf32>
}
