// RUN: gem-opt %s --canonicalize --split-input-file | FileCheck %s

// Tests that selecting the one row of a value is that value.
// CHECK-LABEL: func.func @select_of_one_row
// CHECK-SAME: (%[[X:.*]]: tensor<1x8xf32>)
// CHECK-NEXT: return %[[X]]
func.func @select_of_one_row(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %y = gem.select %x[0] : tensor<1x8xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// Tests that a select of a select is the first one.
// CHECK-LABEL: func.func @select_of_select
// CHECK: %[[Y:.*]] = gem.select %{{.*}}[3]
// CHECK-NEXT: return %[[Y]]
func.func @select_of_select(%x: tensor<4x8xf32>) -> tensor<1x8xf32> {
  %y = gem.select %x[3] : tensor<4x8xf32> -> tensor<1x8xf32>
  %z = gem.select %y[0] : tensor<1x8xf32> -> tensor<1x8xf32>
  return %z : tensor<1x8xf32>
}

// -----

// Tests that a weight nobody reads the value of is not read.
gem.weight @w dense<1.0> : tensor<2x8xf32>
// CHECK-LABEL: func.func @unused
// CHECK-NOT: gem.get_weight
func.func @unused(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %w = gem.get_weight @w : tensor<2x8xf32>
  %y = gem.add %x, %w : tensor<2x8xf32>
  return %x : tensor<2x8xf32>
}

// -----

// Tests that a select of one of several rows, or of an unknown number, must stay: this
// must do nothing.
gem.symbol @n min(1) max(4)
// CHECK-LABEL: func.func @select_of_many_rows
// CHECK: gem.select %{{.*}}[0] : tensor<2x8xf32>
// CHECK: gem.select %{{.*}}[0] : tensor<?x8xf32, #gem.dims<n>>
func.func @select_of_many_rows(%x: tensor<2x8xf32>, %y: tensor<?x8xf32, #gem.dims<n>>)
    -> (tensor<1x8xf32>, tensor<1x8xf32>) {
  %0 = gem.select %x[0] : tensor<2x8xf32> -> tensor<1x8xf32>
  %1 = gem.select %y[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %0, %1 : tensor<1x8xf32>, tensor<1x8xf32>
}
