// RUN: gem-opt %s --gem-quantize-weights --split-input-file | FileCheck %s
// Again, there is nothing to quantize; the codes do not depend on the threads.
// RUN: gem-opt %s --gem-quantize-weights="threads=3 bias-correction" --gem-quantize-weights \
// RUN:   --split-input-file | FileCheck %s
// RUN: not gem-opt %s --gem-quantize-weights=algorithm=gptq --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=STATISTICS
// RUN: not gem-opt %s --gem-quantize-weights=algorithm=best --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ALGORITHM

// STATISTICS: error: 'gem.weight' op has no statistics of its input, which algorithm gptq needs
// ALGORITHM: error: 'gem.weight' op {{.*}}'best'

// Tests that a matrix is encoded: its codes, by row, and the scale of each row. 127 and -127
// are the ends of int8, and every other value is a multiple of the scale, so that
// nothing is lost with the scale 0.5 (and 0.25).
// CHECK-LABEL: module
// CHECK: gem.weight @w dense_resource<[[DATA:.*]]> : tensor<24xui8> stored(tensor<2x8x!gem.q<i8>>){{$}}
// CHECK: gem.weight @b dense<1.000000e+00> : tensor<2xf32>{{$}}
// CHECK: gem.get_weight @w : tensor<2x8x!gem.q<i8>>
// CHECK: [[DATA]]: "0x{{[0-9A-F]*}}7F8100010203FCFB0001FE0381007F050000003F0000803E"
gem.weight @w dense<[[63.5, -63.5, 0.0, 0.5, 1.0, 1.5, -2.0, -2.5],
                     [0.0, 0.25, -0.5, 0.75, -31.75, 0.0, 31.75, 1.25]]> : tensor<2x8xf32>
    stored(tensor<2x8x!gem.q<i8>>)
gem.weight @b dense<1.0> : tensor<2xf32>
func.func @example(%x: tensor<1x8xf32>) -> tensor<1x2xf32> {
  %w = gem.get_weight @w : tensor<2x8x!gem.q<i8>>
  %b = gem.get_weight @b : tensor<2xf32>
  %y = gem.linear %x, %w, %b
      : (tensor<1x8xf32>, tensor<2x8x!gem.q<i8>>, tensor<2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Tests that a matrix that several linears read is quantized once, in the layout it had.
// CHECK-LABEL: module
// CHECK-COUNT-1: gem.weight @w dense_resource<{{.*}}> : tensor<80xui8> stored(tensor<8x8x!gem.q<i4, group = 32, scales = f16>>) layout(panel_16)
// CHECK-NOT: gem.weight
gem.weight @w dense<1.0> : tensor<8x8xf16>
    stored(tensor<8x8x!gem.q<i4, group = 32, scales = f16>>) layout(panel_16)
func.func @shared(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %w = gem.get_weight @w : tensor<8x8x!gem.q<i4, group = 32, scales = f16>>
  %0 = gem.linear %x, %w
      : (tensor<1x8xf32>, tensor<8x8x!gem.q<i4, group = 32, scales = f16>>) -> tensor<1x8xf32>
  %1 = gem.linear %0, %w
      : (tensor<1x8xf32>, tensor<8x8x!gem.q<i4, group = 32, scales = f16>>) -> tensor<1x8xf32>
  return %1 : tensor<1x8xf32>
}

// -----

// Tests that the pass must do nothing to tables, which have no input to know; to weights
// that are stored as floats, that have no data or that nothing reads; and to codes.
// CHECK-LABEL: module
// CHECK: gem.weight @table dense<1.000000e+00> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i8>>){{$}}
// CHECK: gem.weight @float dense<1.000000e+00> : tensor<8x8xf32> stored(tensor<8x8xf16>){{$}}
// CHECK: gem.weight @absent dense_resource<absent> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>){{$}}
// CHECK: gem.weight @unread dense<1.000000e+00> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>){{$}}
// CHECK: gem.weight @codes dense<7> : tensor<96xui8> stored(tensor<8x8x!gem.q<i8>>){{$}}
gem.weight @table dense<1.0> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i8>>)
gem.weight @float dense<1.0> : tensor<8x8xf32> stored(tensor<8x8xf16>)
gem.weight @absent dense_resource<absent> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>)
gem.weight @unread dense<1.0> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>)
gem.weight @codes dense<7> : tensor<96xui8> stored(tensor<8x8x!gem.q<i8>>)
func.func @nothing(%ids: tensor<1xi32>) -> tensor<1x8xf32> {
  %table = gem.get_weight @table : tensor<16x8x!gem.q<i8>>
  %float = gem.get_weight @float : tensor<8x8xf16>
  %absent = gem.get_weight @absent : tensor<8x8x!gem.q<i8>>
  %codes = gem.get_weight @codes : tensor<8x8x!gem.q<i8>>
  %0 = gem.embedding %ids, %table : (tensor<1xi32>, tensor<16x8x!gem.q<i8>>) -> tensor<1x8xf32>
  %1 = gem.linear %0, %float : (tensor<1x8xf32>, tensor<8x8xf16>) -> tensor<1x8xf32>
  %2 = gem.linear %1, %absent : (tensor<1x8xf32>, tensor<8x8x!gem.q<i8>>) -> tensor<1x8xf32>
  %3 = gem.linear %2, %codes : (tensor<1x8xf32>, tensor<8x8x!gem.q<i8>>) -> tensor<1x8xf32>
  return %3 : tensor<1x8xf32>
}
