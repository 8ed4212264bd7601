// RUN: gem-opt %s --gem-assign-layout --split-input-file | FileCheck %s
// Running it again changes nothing.
// RUN: gem-opt %s --gem-assign-layout --gem-assign-layout --split-input-file | FileCheck %s

// Tests the example of the documentation: a matrix that a linear contracts with, and one
// of a classifier. Biases are read row by row.
// CHECK-LABEL: module
// CHECK: gem.weight @w dense_resource<w> : tensor<39x128xf32> layout(panel_16)
// CHECK: gem.weight @b dense<1.000000e+00> : tensor<39xf32>{{$}}
// CHECK: gem.weight @c dense<1.000000e+00> : tensor<3x39xf32> layout(panel_16)
gem.weight @w dense_resource<w> : tensor<39x128xf32>
gem.weight @b dense<1.0> : tensor<39xf32>
gem.weight @c dense<1.0> : tensor<3x39xf32>
func.func @example(%x: tensor<1x128xf32>) -> tensor<3xf32> {
  %w = gem.get_weight @w : tensor<39x128xf32>
  %b = gem.get_weight @b : tensor<39xf32>
  %c = gem.get_weight @c : tensor<3x39xf32>
  %y = gem.linear %x, %w, %b
      : (tensor<1x128xf32>, tensor<39x128xf32>, tensor<39xf32>) -> tensor<1x39xf32>
  %z = gem.classify %y, %c : (tensor<1x39xf32>, tensor<3x39xf32>) -> tensor<3xf32>
  return %z : tensor<3xf32>
}

// -----

// Tests that tables, vectors and the router's weights stay row by row, a layout that was
// assigned before notwithstanding.
// CHECK-LABEL: module
// CHECK: gem.weight @words dense<1.000000e+00> : tensor<16x8xf32>{{$}}
// CHECK: gem.weight @positions dense<2.000000e+00> : tensor<16x8xf32>{{$}}
// CHECK: gem.weight @types dense<3.000000e+00> : tensor<2x8xf32>{{$}}
// CHECK: gem.weight @g dense<4.000000e+00> : tensor<8xf32>{{$}}
// CHECK: gem.weight @w_r dense<5.000000e+00> : tensor<3x8xf32>{{$}}
// CHECK: gem.weight @centroids dense<6.000000e+00> : tensor<2x8xf32>{{$}}
gem.weight @words dense<1.0> : tensor<16x8xf32>
gem.weight @positions dense<2.0> : tensor<16x8xf32> layout(panel_16)
gem.weight @types dense<3.0> : tensor<2x8xf32>
gem.weight @g dense<4.0> : tensor<8xf32>
gem.weight @w_r dense<5.0> : tensor<3x8xf32>
gem.weight @centroids dense<6.0> : tensor<2x8xf32>
func.func @rows(%ids: tensor<4xi32>) -> tensor<4xi32> {
  %words = gem.get_weight @words : tensor<16x8xf32>
  %positions = gem.get_weight @positions : tensor<16x8xf32>
  %types = gem.get_weight @types : tensor<2x8xf32>
  %g = gem.get_weight @g : tensor<8xf32>
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<2x8xf32>
  %0 = gem.embedding %ids, %words : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %1 = gem.add_position %0, %positions : tensor<4x8xf32>, tensor<16x8xf32>
  %2 = gem.add_row %1, %types[0] : tensor<4x8xf32>, tensor<2x8xf32>
  %3 = gem.layer_norm %2, %g, %g epsilon(0.0) : tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>
  %p, %r, %c = gem.route_tokens %3, %w_r, %centroids clusters(2) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %c : tensor<4xi32>
}

// -----

// Tests that a weight that several linears read, by one get_weight or by several, is kept
// once.
// CHECK-LABEL: module
// CHECK-COUNT-1: gem.weight @{{.*}} layout(panel_16)
// CHECK-NOT: gem.weight
gem.weight @w dense<1.0> : tensor<8x8xf32>
func.func @shared(%x: tensor<1x8xf32>) -> (tensor<1x8xf32>, tensor<1x8xf32>) {
  %w = gem.get_weight @w : tensor<8x8xf32>
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %1 = gem.linear %0, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %v = gem.get_weight @w : tensor<8x8xf32>
  %2 = gem.linear %1, %v : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  return %1, %2 : tensor<1x8xf32>, tensor<1x8xf32>
}

// -----

// Tests that a weight that is read in two ways, here a table of words that is also the
// classifier, has a copy for the second, also when several read it so, in several
// functions.
// CHECK-LABEL: module
// CHECK: gem.weight @w dense<1.000000e+00> : tensor<16x8xf32>{{$}}
// CHECK: gem.weight @[[COPY:w.panel_16]] dense<1.000000e+00> : tensor<16x8xf32> layout(panel_16)
// CHECK-NOT: gem.weight
// CHECK: func.func @two_ways
// CHECK: %[[TABLE:.*]] = gem.get_weight @w : tensor<16x8xf32>
// CHECK: gem.embedding %{{.*}}, %[[TABLE]]
// CHECK: gem.linear %{{.*}}, %[[PANELS:.*]] :
// CHECK: func.func @again
// CHECK: %[[PANELS2:.*]] = gem.get_weight @[[COPY]] : tensor<16x8xf32>
// CHECK: gem.linear %{{.*}}, %[[PANELS2]]
gem.weight @w dense<1.0> : tensor<16x8xf32>
func.func @two_ways(%ids: tensor<4xi32>) -> tensor<4x16xf32> {
  %table = gem.get_weight @w : tensor<16x8xf32>
  %0 = gem.embedding %ids, %table : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %w = gem.get_weight @w : tensor<16x8xf32>
  %1 = gem.linear %0, %w : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}
func.func @again(%x: tensor<1x8xf32>) -> tensor<1x16xf32> {
  %w = gem.get_weight @w : tensor<16x8xf32>
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<16x8xf32>) -> tensor<1x16xf32>
  return %0 : tensor<1x16xf32>
}

// -----

// Tests the same where one get_weight is read both ways.
// CHECK-LABEL: module
// CHECK-DAG: gem.weight @[[A:.*]] dense<1.000000e+00> : tensor<16x8xf32>{{$}}
// CHECK-DAG: gem.weight @[[B:.*]] dense<1.000000e+00> : tensor<16x8xf32> layout(panel_16)
// CHECK: func.func @one_get
// CHECK-DAG: %[[ROWS:.*]] = gem.get_weight @[[A]] :
// CHECK-DAG: %[[PANELS:.*]] = gem.get_weight @[[B]] :
// CHECK: gem.embedding %{{.*}}, %[[ROWS]] :
// CHECK: gem.linear %{{.*}}, %[[PANELS]] :
gem.weight @w dense<1.0> : tensor<16x8xf32>
func.func @one_get(%ids: tensor<4xi32>) -> tensor<4x16xf32> {
  %w = gem.get_weight @w : tensor<16x8xf32>
  %0 = gem.embedding %ids, %w : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %1 = gem.linear %0, %w : (tensor<4x8xf32>, tensor<16x8xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// -----

// Tests that quantized matrices are panels and quantized tables are not, codes that were
// chosen too; and that codes that are read in both ways have a copy.
// CHECK-LABEL: module
// CHECK: gem.weight @a dense<1.000000e+00> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i4>>) layout(panel_16)
// CHECK: gem.weight @b dense<0> : tensor<96xui8> stored(tensor<8x8x!gem.q<i8>>) layout(panel_16)
// CHECK-DAG: gem.weight @[[PANELS:.*]] dense<0> : tensor<192xui8> stored(tensor<16x8x!gem.q<i8>>) layout(panel_16)
// CHECK-DAG: gem.weight @[[ROWS:.*]] dense<0> : tensor<192xui8> stored(tensor<16x8x!gem.q<i8>>){{$}}
// CHECK: gem.weight @map dense<1> : tensor<16xui16>{{$}}
// CHECK-DAG: %[[TABLE:.*]] = gem.get_weight @[[ROWS]] : tensor<16x8x!gem.q<i8>>
// CHECK-DAG: %[[MATRIX:.*]] = gem.get_weight @[[PANELS]] : tensor<16x8x!gem.q<i8>>
// CHECK: gem.embedding %{{.*}}, %[[TABLE]] map
// CHECK: gem.classify %{{.*}}, %[[MATRIX]] :
gem.weight @a dense<1.0> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i4>>)
gem.weight @b dense<0> : tensor<96xui8> stored(tensor<8x8x!gem.q<i8>>)
gem.weight @table dense<0> : tensor<192xui8> stored(tensor<16x8x!gem.q<i8>>)
gem.weight @map dense<1> : tensor<16xui16>
func.func @quantized(%ids: tensor<1xi32>) -> tensor<16xf32> {
  %table = gem.get_weight @table : tensor<16x8x!gem.q<i8>>
  %map = gem.get_weight @map : tensor<16xui16>
  %a = gem.get_weight @a : tensor<8x8x!gem.q<i4>>
  %b = gem.get_weight @b : tensor<8x8x!gem.q<i8>>
  %0 = gem.embedding %ids, %table map %map
      : (tensor<1xi32>, tensor<16x8x!gem.q<i8>>, tensor<16xui16>) -> tensor<1x8xf32>
  %1 = gem.linear %0, %a : (tensor<1x8xf32>, tensor<8x8x!gem.q<i4>>) -> tensor<1x8xf32>
  %2 = gem.linear %1, %b : (tensor<1x8xf32>, tensor<8x8x!gem.q<i8>>) -> tensor<1x8xf32>
  %3 = gem.classify %2, %table : (tensor<1x8xf32>, tensor<16x8x!gem.q<i8>>) -> tensor<16xf32>
  return %3 : tensor<16xf32>
}

// -----

// Tests that the pass must do nothing to a weight that nothing reads, or that is read as
// a value and not as a weight.
// CHECK-LABEL: module
// CHECK: gem.weight @unread dense<1.000000e+00> : tensor<16x8xf32>{{$}}
// CHECK: gem.weight @value dense<1.000000e+00> : tensor<16x8xf32>{{$}}
// CHECK: gem.get_weight @unread
gem.weight @unread dense<1.0> : tensor<16x8xf32>
gem.weight @value dense<1.0> : tensor<16x8xf32>
func.func @nothing(%w: tensor<8x8xf32>) -> tensor<16x8xf32> {
  %0 = gem.get_weight @unread : tensor<16x8xf32>
  %1 = gem.get_weight @value : tensor<16x8xf32>
  %2 = gem.linear %1, %w : (tensor<16x8xf32>, tensor<8x8xf32>) -> tensor<16x8xf32>
  return %2 : tensor<16x8xf32>
}
