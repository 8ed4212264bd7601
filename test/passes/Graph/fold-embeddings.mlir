// RUN: gem-opt %s --gem-fold-embeddings --split-input-file | FileCheck %s

// Tests the example of the documentation: the row of the types goes into the position
// table, which is cut to the positions that there are.
// CHECK-LABEL: module
// CHECK-NOT: gem.weight @types
// CHECK: gem.weight @[[SUM:.*]] dense_resource<[[SUM]]> : tensor<3x2xf32>
// CHECK-NOT: gem.weight @positions {{.*}}5x2
// CHECK: func.func @main(%[[X:.*]]: tensor
// CHECK-NEXT: %[[T:.*]] = gem.get_weight @[[SUM]] : tensor<3x2xf32>
// CHECK-NEXT: %[[Y:.*]] = gem.add_position %[[X]], %[[T]] : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
// CHECK-NEXT: return %[[Y]]
// The rows 1 2, 3 4 and 5 6 of the positions, and 0.5 -1 of the types, in f32:
// CHECK: [[SUM]]: "0x040000000000C03F0000803F0000604000004040{{0000B0400000A040}}"
gem.symbol @n min(2) max(3)
gem.weight @types dense<[[9.0, 9.0], [0.5, -1.0]]> : tensor<2x2xf32>
gem.weight @positions dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 0.0]]>
    : tensor<5x2xf16>
func.func @main(%0: tensor<?x2xf32, #gem.dims<n>>) -> tensor<?x2xf32, #gem.dims<n>> {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %1 = gem.add_row %0, %types[1] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  %positions = gem.get_weight @positions : tensor<5x2xf16>
  %2 = gem.add_position %1, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<5x2xf16>
  return %2 : tensor<?x2xf32, #gem.dims<n>>
}

// -----

// Tests an add_row after the add_position, and rows on both sides, with splats.
// CHECK-LABEL: module
// CHECK: gem.weight @[[SUM:.*]] dense_resource<[[SUM]]> : tensor<2x2xf32>
// CHECK: func.func @both_sides(%[[X:.*]]: tensor
// CHECK-NEXT: %[[T:.*]] = gem.get_weight @[[SUM]]
// CHECK-NEXT: %[[Y:.*]] = gem.add_position %[[X]], %[[T]]
// CHECK-NEXT: return %[[Y]]
// 3 + 0.5 + 0.25
// CHECK: [[SUM]]: "0x04000000000070400000704000007040{{00007040}}"
gem.weight @types dense<0.5> : tensor<2x2xf32>
gem.weight @more dense<0.25> : tensor<2x2xbf16>
gem.weight @positions dense<3.0> : tensor<2x2xf32>
func.func @both_sides(%0: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %more = gem.get_weight @more : tensor<2x2xbf16>
  %positions = gem.get_weight @positions : tensor<2x2xf32>
  %1 = gem.add_row %0, %more[0] : tensor<2x2xf32>, tensor<2x2xbf16>
  %2 = gem.add_position %1, %positions : tensor<2x2xf32>, tensor<2x2xf32>
  %3 = gem.add_row %2, %types[1] : tensor<2x2xf32>, tensor<2x2xf32>
  return %3 : tensor<2x2xf32>
}

// -----

// Tests that a table is cut where there is no add_row: for a dynamic number of tokens to
// the symbol's maximum, for a fixed one to that number.
// CHECK-LABEL: module
// CHECK: func.func @cut
// CHECK: gem.add_position %{{.*}}, %{{.*}} : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
// CHECK: gem.add_position %{{.*}}, %{{.*}} : tensor<1x2xf32>, tensor<1x2xf32>
gem.symbol @n min(2) max(3)
gem.weight @positions dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
func.func @cut(%x: tensor<?x2xf32, #gem.dims<n>>, %y: tensor<1x2xf32>)
    -> (tensor<?x2xf32, #gem.dims<n>>, tensor<1x2xf32>) {
  %positions = gem.get_weight @positions : tensor<4x2xf32>
  %0 = gem.add_position %x, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<4x2xf32>
  %1 = gem.add_position %y, %positions : tensor<1x2xf32>, tensor<4x2xf32>
  return %0, %1 : tensor<?x2xf32, #gem.dims<n>>, tensor<1x2xf32>
}

// -----

// Tests that two entry points that add the same positions share the new table, and a third
// one that adds another row does not; the old one stays while something reads it.
// CHECK-LABEL: module
// CHECK: gem.weight @positions dense
// CHECK: func.func @first
// CHECK: gem.get_weight @[[SUM:positions.with_type]] : tensor<3x2xf32>
// CHECK: func.func @second
// CHECK: gem.get_weight @[[SUM]] : tensor<3x2xf32>
// CHECK: func.func @third
// CHECK: gem.get_weight @positions.with_type_0 : tensor<3x2xf32>
// CHECK: func.func @whole
// CHECK: gem.get_weight @positions : tensor<4x2xf32>
gem.symbol @n min(2) max(3)
gem.weight @types dense<[[9.0, 9.0], [0.5, -1.0]]> : tensor<2x2xf32>
gem.weight @positions dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
func.func @first(%0: tensor<?x2xf32, #gem.dims<n>>) -> tensor<?x2xf32, #gem.dims<n>> {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %positions = gem.get_weight @positions : tensor<4x2xf32>
  %1 = gem.add_row %0, %types[0] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  %2 = gem.add_position %1, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<4x2xf32>
  return %2 : tensor<?x2xf32, #gem.dims<n>>
}
func.func @second(%0: tensor<?x2xf32, #gem.dims<n>>) -> tensor<?x2xf32, #gem.dims<n>> {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %positions = gem.get_weight @positions : tensor<4x2xf32>
  %1 = gem.add_row %0, %types[0] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  %2 = gem.add_position %1, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<4x2xf32>
  return %2 : tensor<?x2xf32, #gem.dims<n>>
}
func.func @third(%0: tensor<?x2xf32, #gem.dims<n>>) -> tensor<?x2xf32, #gem.dims<n>> {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %positions = gem.get_weight @positions : tensor<4x2xf32>
  %1 = gem.add_position %0, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<4x2xf32>
  %2 = gem.add_row %1, %types[1] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  return %2 : tensor<?x2xf32, #gem.dims<n>>
}
func.func @whole() -> tensor<4x2xf32> {
  %positions = gem.get_weight @positions : tensor<4x2xf32>
  return %positions : tensor<4x2xf32>
}

// -----

// Tests that an add_row must stay where something else reads what is between, or where its
// table is what was added; tables are then cut only.
// CHECK-LABEL: func.func @read_between
// CHECK: gem.add_row
// CHECK: gem.add_position
gem.symbol @n min(2) max(3)
gem.weight @types dense<[[9.0, 9.0], [0.5, -1.0]]> : tensor<2x2xf32>
gem.weight @positions dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
func.func @read_between(%0: tensor<?x2xf32, #gem.dims<n>>)
    -> (tensor<?x2xf32, #gem.dims<n>>, tensor<?x2xf32, #gem.dims<n>>) {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %positions = gem.get_weight @positions : tensor<3x2xf32>
  %1 = gem.add_row %0, %types[0] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  %2 = gem.add_position %1, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
  return %1, %2 : tensor<?x2xf32, #gem.dims<n>>, tensor<?x2xf32, #gem.dims<n>>
}
// CHECK-LABEL: func.func @read_after
// CHECK: gem.add_position
// CHECK: gem.add_row
func.func @read_after(%0: tensor<?x2xf32, #gem.dims<n>>)
    -> (tensor<?x2xf32, #gem.dims<n>>, tensor<?x2xf32, #gem.dims<n>>) {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %positions = gem.get_weight @positions : tensor<3x2xf32>
  %1 = gem.add_position %0, %positions : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
  %2 = gem.add_row %1, %types[0] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  return %1, %2 : tensor<?x2xf32, #gem.dims<n>>, tensor<?x2xf32, #gem.dims<n>>
}
// CHECK-LABEL: func.func @table_of_positions
// CHECK: %[[T:.*]] = gem.add_position
// CHECK: gem.add_row %{{.*}}, %[[T]][0]
func.func @table_of_positions(%x: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %positions = gem.get_weight @positions : tensor<3x2xf32>
  %1 = gem.add_position %x, %positions : tensor<3x2xf32>, tensor<3x2xf32>
  %2 = gem.add_row %x, %1[0] : tensor<3x2xf32>, tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

// -----

// Tests that the pass must do nothing: to an add_row beside no add_position, to weights
// without data, to a table that is read whole, to weights that nothing reads.
// CHECK-LABEL: module
// CHECK: gem.weight @unused
// CHECK: gem.weight @types dense_resource<types> : tensor<2x2xf32>
// CHECK: gem.weight @row dense_resource<row> : tensor<1x1xf32>
// CHECK: gem.weight @elided dense_resource<positions> : tensor<5x2xf32>
// CHECK: gem.weight @exact dense<
// CHECK-LABEL: func.func @nothing
// CHECK: %[[TYPES:.*]] = gem.get_weight @types
// CHECK: %[[ELIDED:.*]] = gem.get_weight @elided
// CHECK: %[[EXACT:.*]] = gem.get_weight @exact
// CHECK: %[[A:.*]] = gem.add_row %{{.*}}, %[[TYPES]][0]
// CHECK: %[[B:.*]] = gem.add_position %[[A]], %[[ELIDED]]
// CHECK: gem.add_position %[[B]], %[[EXACT]]
// CHECK: gem.add_row %{{.*}}, %{{.*}}[0] : tensor<1x1xf32>, tensor<1x1xf32>
gem.symbol @n min(2) max(3)
gem.weight @unused dense<1.0> : tensor<2xf32>
gem.weight @types dense_resource<types> : tensor<2x2xf32>
gem.weight @row dense_resource<row> : tensor<1x1xf32>
gem.weight @elided dense_resource<positions> : tensor<5x2xf32>
gem.weight @exact dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
func.func @nothing(%0: tensor<?x2xf32, #gem.dims<n>>, %y: tensor<1x1xf32>)
    -> (tensor<?x2xf32, #gem.dims<n>>, tensor<1x1xf32>) {
  %types = gem.get_weight @types : tensor<2x2xf32>
  %elided = gem.get_weight @elided : tensor<5x2xf32>
  %exact = gem.get_weight @exact : tensor<3x2xf32>
  %row = gem.get_weight @row : tensor<1x1xf32>
  %1 = gem.add_row %0, %types[0] : tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>
  %2 = gem.add_position %1, %elided : tensor<?x2xf32, #gem.dims<n>>, tensor<5x2xf32>
  %3 = gem.add_position %2, %exact : tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>
  %4 = gem.add_row %y, %row[0] : tensor<1x1xf32>, tensor<1x1xf32>
  return %3, %4 : tensor<?x2xf32, #gem.dims<n>>, tensor<1x1xf32>
}

// -----

// Tests that a resource of a single element is read from its data.
// CHECK-LABEL: module
// CHECK: [[SUM:.*]]: "0x04000000000040{{40}}"
gem.weight @types dense_resource<one> : tensor<1x1xf32>
gem.weight @positions dense_resource<two> : tensor<1x1xf32>
func.func @single(%0: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %types = gem.get_weight @types : tensor<1x1xf32>
  %positions = gem.get_weight @positions : tensor<1x1xf32>
  %1 = gem.add_row %0, %types[0] : tensor<1x1xf32>, tensor<1x1xf32>
  %2 = gem.add_position %1, %positions : tensor<1x1xf32>, tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}
{-#
  dialect_resources: { builtin: { one: "0x040000000000803F", two: "0x0400000000000040" } }
#-}
