// RUN: gem-opt %s --gem-convert-to-gemrt --split-input-file --verify-diagnostics

// Tests that an operation that no kernel computes is refused: add_row, which
// gem-fold-embeddings removes.
func.func @no_kernel(%x: tensor<1x8xf32> {gem.name = "x"}, %t: tensor<2x8xf32> {gem.name = "t"})
    -> (tensor<1x8xf32> {gem.name = "y"}) {
  // expected-error @below {{'gem.add_row' op is computed by no kernel}}
  %0 = gem.add_row %x, %t[0] : tensor<1x8xf32>, tensor<2x8xf32>
  return %0 : tensor<1x8xf32>
}

// -----

// Tests that a function without a body is refused.
// expected-error @below {{expected a body of one block}}
func.func private @callee()

// -----

// Tests that a function call is refused.
func.func @caller() {
  // expected-error @below {{'func.call' op is computed by no kernel}}
  func.call @caller() : () -> ()
  return
}

// -----

// Tests that a router needs centroids.
gem.weight @w_r dense<1.0> : tensor<3x8xf32>
func.func @centroids(%x: tensor<4x8xf32> {gem.name = "x"})
    -> (tensor<4xi32> {gem.name = "cluster"}) {
  %w = gem.get_weight @w_r : tensor<3x8xf32>
  // expected-error @below {{has no centroids: run gem-fit-router-centroids first}}
  %p, %r, %c = gem.route_tokens %x, %w clusters(4) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>) -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}

// -----

// Tests that a weight is in a format that a bundle can hold.
// expected-error @below {{expected to be stored in f32, f16 or quantized, but got 'tensor<8xbf16>': run gem-assign-weight-formats first}}
gem.weight @g dense<1.0> : tensor<8xbf16>
func.func @format(%x: tensor<4x8xf32> {gem.name = "x"}) -> (tensor<4x8xf32> {gem.name = "y"}) {
  %g = gem.get_weight @g : tensor<8xbf16>
  %0 = gem.layer_norm %x, %g, %g epsilon(0.0) : tensor<4x8xf32>, tensor<8xbf16>, tensor<8xbf16>
  return %0 : tensor<4x8xf32>
}

// -----

// Tests that a vector is stored in f32.
gem.weight @g dense<1.0> : tensor<8xf16>
func.func @vector(%x: tensor<4x8xf32> {gem.name = "x"}) -> (tensor<4x8xf32> {gem.name = "y"}) {
  %g = gem.get_weight @g : tensor<8xf16>
  // expected-error @below {{expected gamma of f32, but got '!gemrt.constant<[8], f16, row_major>'}}
  %0 = gem.layer_norm %x, %g, %g epsilon(0.0) : tensor<4x8xf32>, tensor<8xf16>, tensor<8xf16>
  return %0 : tensor<4x8xf32>
}

// -----

// Tests that a quantized matrix has the layout that the kernel reads.
gem.weight @w dense<1.0> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>)
func.func @quantized_layout(%x: tensor<4x8xf32> {gem.name = "x"})
    -> (tensor<4x8xf32> {gem.name = "y"}) {
  %w = gem.get_weight @w : tensor<8x8x!gem.q<i8>>
  // expected-error @below {{expected w in layout panel_16, but got '!gemrt.constant<[8, 8], !gem.q<i8>, row_major>'}}
  %0 = gem.linear %x, %w : (tensor<4x8xf32>, tensor<8x8x!gem.q<i8>>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// Tests that a weight has the layout that the kernel reads.
gem.weight @w dense<1.0> : tensor<8x8xf32>
func.func @layout(%x: tensor<4x8xf32> {gem.name = "x"}) -> (tensor<4x8xf32> {gem.name = "y"}) {
  %w = gem.get_weight @w : tensor<8x8xf32>
  // expected-error @below {{expected w in layout panel_16, but got '!gemrt.constant<[8, 8], f32, row_major>'}}
  %0 = gem.linear %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// Tests that a weight is not an activation.
func.func @weight(%x: tensor<4x8xf32> {gem.name = "x"}) -> (tensor<4x4xf32> {gem.name = "y"}) {
  // expected-error @below {{expected w to be a constant, but got '!gemrt.buffer<[4, 8], f32>'}}
  %0 = gem.linear %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}

// -----

// Tests that a result is computed, and no argument.
// expected-error @below {{expected result 'y' to be computed by the function}}
func.func @argument(%x: tensor<1x8xf32> {gem.name = "x"}) -> (tensor<1x8xf32> {gem.name = "y"}) {
  return %x : tensor<1x8xf32>
}

// -----

// Tests that a result is computed, and no weight.
gem.weight @w dense<1.0> : tensor<1x8xf32>
// expected-error @below {{expected result 'y' to be computed by the function}}
func.func @weight() -> (tensor<1x8xf32> {gem.name = "y"}) {
  %w = gem.get_weight @w : tensor<1x8xf32>
  return %w : tensor<1x8xf32>
}

// -----

// Tests that arguments have names.
// expected-error @below {{expected argument #0 to have a gem.name}}
func.func @argument_name(%x: tensor<1x8xf32>) {
  return
}

// -----

// Tests that results have names.
// expected-error @below {{expected result #0 to have a gem.name}}
func.func @result_name(%x: tensor<1x8xf32> {gem.name = "x"}) -> tensor<1x8xf32> {
  %0 = gem.gelu %x : tensor<1x8xf32>
  return %0 : tensor<1x8xf32>
}

// -----

// Tests that arguments are tensors.
// expected-error @below {{expected a tensor, but got 'f32'}}
func.func @scalar(%x: f32 {gem.name = "x"}) {
  return
}

// -----

// Tests that arguments are of what buffers are made of.
// expected-error @below {{expected elements of f32, i32 or ui8, but got 'f64'}}
func.func @element(%x: tensor<4xf64> {gem.name = "x"}) {
  return
}

// -----

// Tests that dynamic extents have names.
// expected-error @below {{expected #gem.dims to name the dynamic extents of 'tensor<?x8xf32>'}}
func.func @names(%x: tensor<?x8xf32> {gem.name = "x"}) {
  return
}

// -----

// Tests that the names of extents are symbols.
// expected-error @below {{expected a gemrt.symbol named 'm' for '!gemrt.buffer<[m, 8], f32>'}}
func.func @symbol(%x: tensor<?x8xf32, #gem.dims<m>> {gem.name = "x"}) {
  return
}

// -----

// Tests that extents are positive.
// expected-error @below {{expected extents of 1 to 2147483647, but got 0}}
func.func @empty(%x: tensor<0x8xf32> {gem.name = "x"}) {
  return
}

// -----

// Tests that a function has one block.
// expected-error @below {{expected a body of one block}}
func.func @blocks() {
  return
^unreachable:
  return
}

// -----

// Tests that nothing else is in the module, which would get lost.
func.func @main() {
  return
}
// expected-error @below {{'builtin.module' op is no part of a model in the gem dialect}}
module {
}
