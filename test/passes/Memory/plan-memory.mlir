// RUN: gem-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(gemrt.program(gemrt.entry(gemrt-plan-memory)))' \
// RUN:   | FileCheck %s
// A plan replaces the one before, and is the same.
// RUN: gem-opt %s --split-input-file --pass-pipeline='builtin.module(gemrt.program(gemrt.entry( \
// RUN:   gemrt-plan-memory,gemrt-plan-memory)))' | FileCheck %s

// Tests the example of the documentation: two buffers that live at the same time, with the
// symbol at its maximum; each takes 128 * 8 * 4 = 4096 bytes.
// CHECK-LABEL: gemrt.entry @main arena(8192) lower_bound(8192) {
// CHECK-DAG: gemrt.alloc at(0) : <[n, 8], f32>
// CHECK-DAG: gemrt.alloc at(4096) : <[n, 8], f32>
gemrt.program @program device("host") {
  gemrt.symbol @n min(2) max(128)
  gemrt.entry @main {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %none = gemrt.none
    gemrt.input "x" %x : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 1.0 : f32, first_query = 0>
          ins(%x, %x, %x, %none) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.none) -> (!gemrt.buffer<[n, 8], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[n, 8], f32>
  }
}

// -----

// Tests that a chain of kernels that work in place takes one buffer: the sum of two
// inputs, a normalization, an activation function.
// CHECK-LABEL: gemrt.entry @chain arena(512) lower_bound(512) {
// CHECK: %[[A:.*]] = gemrt.alloc at([[A_AT:.*]]) :
// CHECK: %[[B:.*]] = gemrt.alloc at([[B_AT:.*]]) :
// CHECK: %[[S:.*]] = gemrt.alloc at([[S_AT:.*]]) :
// CHECK: %[[L:.*]] = gemrt.alloc at([[S_AT]]) :
// CHECK: %[[Y:.*]] = gemrt.alloc at([[S_AT]]) :
gemrt.program @program device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @g in @s dense<1.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @chain {
    %a = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %b = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %sum = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %norm = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %g = gemrt.get_constant @g : !gemrt.constant<[8], f32, row_major>
    gemrt.input "a" %a : !gemrt.buffer<[8, 8], f32>
    gemrt.input "b" %b : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.add ins(%a, %b) outs(%sum)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.buffer<[8, 8], f32>)
            -> (!gemrt.buffer<[8, 8], f32>)
      gemrt.call #gemrt.layer_norm<epsilon = 0.0 : f32> ins(%sum, %g, %g) outs(%norm)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>) -> (!gemrt.buffer<[8, 8], f32>)
      gemrt.call #gemrt.activation<function = gelu> ins(%norm) outs(%y)
          : (!gemrt.buffer<[8, 8], f32>) -> (!gemrt.buffer<[8, 8], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[8, 8], f32>
  }
}

// -----

// Tests that memory is not taken over from an input that is read later, that is an output
// too, or that is another operand of the call.
// CHECK-LABEL: gemrt.entry @alive arena(512) lower_bound(512) {
// CHECK: %[[X:.*]] = gemrt.alloc at([[X_AT:.*]]) :
// CHECK: %[[Y:.*]] = gemrt.alloc at([[Y_AT:.*]]) :
// CHECK-NOT: at([[X_AT]])
// CHECK: %[[Z:.*]] = gemrt.alloc at([[X_AT]]) :
gemrt.program @program device("host") {
  gemrt.entry @alive {
    %x = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %z = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    gemrt.input "x" %x : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.activation<function = gelu> ins(%x) outs(%y)
          : (!gemrt.buffer<[8, 8], f32>) -> (!gemrt.buffer<[8, 8], f32>)
      gemrt.call #gemrt.add ins(%x, %y) outs(%z)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.buffer<[8, 8], f32>)
            -> (!gemrt.buffer<[8, 8], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[8, 8], f32>
    gemrt.output "z" %z : !gemrt.buffer<[8, 8], f32>
  }
}
// CHECK-LABEL: gemrt.entry @other_operand arena(512) lower_bound(512) {
// CHECK: gemrt.alloc at([[X_AT:.*]]) :
// CHECK-NOT: gemrt.alloc at([[X_AT]])
// CHECK: gemrt.submit
gemrt.program @other device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @w in @s dense<1.0> : tensor<8x8xf32> as !gemrt.constant<[8, 8], f32, panel_16>
  gemrt.entry @other_operand {
    %x = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %w = gemrt.get_constant @w : !gemrt.constant<[8, 8], f32, panel_16>
    %none = gemrt.none
    gemrt.input "x" %x : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.linear<activation = none> ins(%x, %w, %none, %x) outs(%y)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.constant<[8, 8], f32, panel_16>, !gemrt.none,
             !gemrt.buffer<[8, 8], f32>) -> (!gemrt.buffer<[8, 8], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[8, 8], f32>
  }
}

// -----

// Tests that a linear writes over its residual, but not over its input.
// CHECK-LABEL: gemrt.entry @residual arena(512) lower_bound(512) {
// CHECK: %[[X:.*]] = gemrt.alloc at([[X_AT:.*]]) :
// CHECK: %[[R:.*]] = gemrt.alloc at([[R_AT:.*]]) :
// CHECK: %[[Y:.*]] = gemrt.alloc at([[R_AT]]) :
gemrt.program @program device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @w in @s dense<1.0> : tensor<8x8xf32> as !gemrt.constant<[8, 8], f32, panel_16>
  gemrt.entry @residual {
    %x = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %r = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %w = gemrt.get_constant @w : !gemrt.constant<[8, 8], f32, panel_16>
    %none = gemrt.none
    gemrt.input "x" %x : !gemrt.buffer<[8, 8], f32>
    gemrt.input "r" %r : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.linear<activation = none> ins(%x, %w, %none, %r) outs(%y)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.constant<[8, 8], f32, panel_16>, !gemrt.none,
             !gemrt.buffer<[8, 8], f32>) -> (!gemrt.buffer<[8, 8], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[8, 8], f32>
  }
}

// -----

// Tests that a buffer whose memory was taken over and which is read once more afterwards
// is not overwritten: of a chain x -> a -> b in place, a is read after b is written.
// CHECK-LABEL: gemrt.entry @read_after arena(512) lower_bound(512) {
// CHECK: gemrt.alloc at([[X_AT:.*]]) :
// CHECK: gemrt.alloc at([[X_AT]]) :
// CHECK-NOT: gemrt.alloc at([[X_AT]])
// CHECK: gemrt.alloc at([[B_AT:[0-9]+]]) :
gemrt.program @program device("host") {
  gemrt.entry @read_after {
    %x = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %a = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %b = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    gemrt.input "x" %x : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.activation<function = gelu> ins(%x) outs(%a)
          : (!gemrt.buffer<[8, 8], f32>) -> (!gemrt.buffer<[8, 8], f32>)
      gemrt.call #gemrt.activation<function = tanh> ins(%a) outs(%b)
          : (!gemrt.buffer<[8, 8], f32>) -> (!gemrt.buffer<[8, 8], f32>)
      gemrt.call #gemrt.add ins(%a, %b) outs(%y)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.buffer<[8, 8], f32>)
            -> (!gemrt.buffer<[8, 8], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[8, 8], f32>
  }
}

// -----

// Tests that buffers that do not live at the same time share memory, that sizes are
// rounded up to 64 bytes, and that memory of another size is not taken over: x takes 1024
// bytes, its row and the row's activation, in place, 64, and the logits 64.
// CHECK-LABEL: gemrt.entry @reuse arena(1088) lower_bound(1088) {
// CHECK: gemrt.alloc at([[X_AT:.*]]) : <[32, 8], f32>
// CHECK: gemrt.alloc at([[ROW_AT:.*]]) : <[1, 8], f32>
// CHECK: gemrt.alloc at([[ROW_AT]]) : <[1, 8], f32>
// CHECK: gemrt.alloc at({{[0-9]+}}) : <[3], f32>
gemrt.program @program device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @w in @s dense<1.0> : tensor<3x8xf32> as !gemrt.constant<[3, 8], f32, panel_16>
  gemrt.entry @reuse {
    %x = gemrt.alloc : !gemrt.buffer<[32, 8], f32>
    %row = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %t = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[3], f32>
    %w = gemrt.get_constant @w : !gemrt.constant<[3, 8], f32, panel_16>
    %none = gemrt.none
    gemrt.input "x" %x : !gemrt.buffer<[32, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.select_row<row = 0> ins(%x) outs(%row)
          : (!gemrt.buffer<[32, 8], f32>) -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.activation<function = tanh> ins(%row) outs(%t)
          : (!gemrt.buffer<[1, 8], f32>) -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.linear<activation = none> ins(%t, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[3, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[3], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[3], f32>
  }
}

// -----

// Tests that the outputs of one call do not overlap, also where nothing reads them: x of
// 256 bytes, probabilities of 128, flags of 64, clusters of 64.
// CHECK-LABEL: gemrt.entry @outputs arena(512) lower_bound(512) {
gemrt.program @program device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @w in @s dense<1.0> : tensor<4x8xf32> as !gemrt.constant<[4, 8], f32, row_major>
  gemrt.entry @outputs {
    %x = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %p = gemrt.alloc : !gemrt.buffer<[8, 4], f32>
    %r = gemrt.alloc : !gemrt.buffer<[8], ui8>
    %c = gemrt.alloc : !gemrt.buffer<[8], i32>
    %w = gemrt.get_constant @w : !gemrt.constant<[4, 8], f32, row_major>
    gemrt.input "x" %x : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.route_tokens<threshold = 0.5 : f32> ins(%x, %w, %w) outs(%p, %r, %c)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.constant<[4, 8], f32, row_major>,
             !gemrt.constant<[4, 8], f32, row_major>)
            -> (!gemrt.buffer<[8, 4], f32>, !gemrt.buffer<[8], ui8>, !gemrt.buffer<[8], i32>)
    }
    gemrt.output "c" %c : !gemrt.buffer<[8], i32>
  }
}

// -----

// Tests that the pass must do nothing but say so where there is nothing to place.
// CHECK-LABEL: gemrt.entry @nothing arena(0) lower_bound(0) {
// CHECK-NEXT: }
gemrt.program @program device("host") {
  gemrt.entry @nothing {
  }
}
