// RUN: gem-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(gemrt.program(gemrt-plan-segments))' | FileCheck %s
// A plan replaces the one before, and is the same.
// RUN: gem-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(gemrt.program(gemrt-plan-segments,gemrt-plan-segments))' \
// RUN:   | FileCheck %s

// Tests that constants are placed, and listed, in the order in which calls read them, each
// where the one before ends, 64-byte aligned: 3 x 8 in panels of 16 rows takes 512 bytes.
// A constant that nothing reads is dropped.
// CHECK-LABEL: gemrt.program @order
// CHECK-NEXT: gemrt.segment @s kind(weights)
// CHECK-NEXT: gemrt.constant @g in @s at(0) dense<{{.*}}> : tensor<8xf32> as
// CHECK-NEXT: gemrt.constant @b in @s at(64) dense<{{.*}}> : tensor<8xf32> as
// CHECK-NEXT: gemrt.constant @w in @s at(128) dense<{{.*}}> : tensor<3x8xf32> as
// CHECK-NEXT: gemrt.constant @last in @s at(640) dense<{{.*}}> : tensor<3xf32> as
// CHECK-NEXT: gemrt.entry
// CHECK-NOT: gemrt.get_constant @unread
// CHECK: gemrt.submit
gemrt.program @order device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @last in @s dense<4.0> : tensor<3xf32> as !gemrt.constant<[3], f32, row_major>
  gemrt.constant @w in @s dense<3.0> : tensor<3x8xf32> as !gemrt.constant<[3, 8], f32, panel_16>
  gemrt.constant @b in @s dense<2.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
  gemrt.constant @unread in @s dense<9.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
  gemrt.constant @g in @s dense<1.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @main {
    %x = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[1, 3], f32>
    %unread = gemrt.get_constant @unread : !gemrt.constant<[8], f32, row_major>
    %last = gemrt.get_constant @last : !gemrt.constant<[3], f32, row_major>
    %w = gemrt.get_constant @w : !gemrt.constant<[3, 8], f32, panel_16>
    %b = gemrt.get_constant @b : !gemrt.constant<[8], f32, row_major>
    %g = gemrt.get_constant @g : !gemrt.constant<[8], f32, row_major>
    %none = gemrt.none
    gemrt.submit cpu {
      gemrt.call #gemrt.layer_norm<epsilon = 0.0 : f32> ins(%x, %g, %b) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>) -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.linear<activation = none> ins(%x, %w, %last, %none) outs(%y)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[3, 8], f32, panel_16>,
             !gemrt.constant<[3], f32, row_major>, !gemrt.none) -> (!gemrt.buffer<[1, 3], f32>)
    }
  }
}

// -----

// Tests that of constants with the same data and type one is kept, over all entries; of
// those with the same data in another layout, or the same values in another type, both.
// CHECK-LABEL: gemrt.program @shared
// CHECK-NEXT: gemrt.segment
// CHECK-NEXT: gemrt.constant @a in @s at(0)
// CHECK-NEXT: gemrt.constant @panels in @s at(256)
// CHECK-NEXT: gemrt.constant @half in @s at(768)
// CHECK-NEXT: gemrt.entry @first
// CHECK: %[[A:.*]] = gemrt.get_constant @a
// CHECK-NOT: gemrt.get_constant @a
// CHECK: gemrt.call #gemrt.add_position ins(%{{.*}}, %[[A]])
// CHECK: gemrt.call #gemrt.add_position ins(%{{.*}}, %[[A]])
// CHECK: gemrt.call #gemrt.linear
// CHECK: gemrt.entry @second
// CHECK: %[[A2:.*]] = gemrt.get_constant @a
// CHECK: gemrt.call #gemrt.add_position ins(%{{.*}}, %[[A2]])
gemrt.program @shared device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @half in @s dense<1.0> : tensor<8x8xf16>
      as !gemrt.constant<[8, 8], f32, row_major>
  gemrt.constant @panels in @s dense<1.0> : tensor<8x8xf32>
      as !gemrt.constant<[8, 8], f32, panel_16>
  gemrt.constant @b in @s dense<1.0> : tensor<8x8xf32>
      as !gemrt.constant<[8, 8], f32, row_major>
  gemrt.constant @a in @s dense<1.0> : tensor<8x8xf32>
      as !gemrt.constant<[8, 8], f32, row_major>
  gemrt.entry @first {
    %x = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %a = gemrt.get_constant @a : !gemrt.constant<[8, 8], f32, row_major>
    %b = gemrt.get_constant @b : !gemrt.constant<[8, 8], f32, row_major>
    %panels = gemrt.get_constant @panels : !gemrt.constant<[8, 8], f32, panel_16>
    %none = gemrt.none
    gemrt.submit cpu {
      gemrt.call #gemrt.add_position ins(%x, %a) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, row_major>)
            -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.add_position ins(%x, %b) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, row_major>)
            -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.linear<activation = none> ins(%x, %panels, %none, %none) outs(%y)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[1, 8], f32>)
    }
  }
  gemrt.entry @second {
    %x = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %b = gemrt.get_constant @b : !gemrt.constant<[8, 8], f32, row_major>
    %half = gemrt.get_constant @half : !gemrt.constant<[8, 8], f32, row_major>
    gemrt.submit cpu {
      gemrt.call #gemrt.add_position ins(%x, %b) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, row_major>)
            -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.add_position ins(%x, %half) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, row_major>)
            -> (!gemrt.buffer<[1, 8], f32>)
    }
  }
}

// -----

// Tests that each segment has offsets of its own, that constants in different segments are
// not shared, and that a segment nothing is placed in is dropped, but a tokenizer's is not.
// CHECK-LABEL: gemrt.program @segments
// CHECK-NEXT: gemrt.segment @s kind(weights)
// CHECK-NEXT: gemrt.segment @t kind(weights)
// CHECK-NEXT: gemrt.segment @wordpiece kind(tokenizer)
// CHECK-NEXT: gemrt.constant @a in @s at(0)
// CHECK-NEXT: gemrt.constant @b in @t at(0)
// CHECK-NEXT: gemrt.entry
gemrt.program @segments device("host") {
  gemrt.segment @empty kind(weights)
  gemrt.segment @s kind(weights)
  gemrt.segment @t kind(weights)
  gemrt.segment @wordpiece kind(tokenizer) data(dense<0> : tensor<4xui8>)
      {maximum_tokens = 64 : i64, pad_id = 0 : i64}
  gemrt.constant @a in @s dense<1.0> : tensor<8x8xf32>
      as !gemrt.constant<[8, 8], f32, row_major>
  gemrt.constant @b in @t dense<1.0> : tensor<8x8xf32>
      as !gemrt.constant<[8, 8], f32, row_major>
  gemrt.entry @main {
    %x = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %a = gemrt.get_constant @a : !gemrt.constant<[8, 8], f32, row_major>
    %b = gemrt.get_constant @b : !gemrt.constant<[8, 8], f32, row_major>
    gemrt.submit cpu {
      gemrt.call #gemrt.add_position ins(%x, %a) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, row_major>)
            -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.add_position ins(%x, %b) outs(%x)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8, 8], f32, row_major>)
            -> (!gemrt.buffer<[1, 8], f32>)
    }
  }
}

// -----

// Tests that what the calls use is declared in the order of its first use, after the inputs,
// and each constant once.
// CHECK-LABEL: gemrt.entry @sorted
// CHECK-NEXT: %[[X:.*]] = gemrt.alloc
// CHECK-NEXT: gemrt.input "x" %[[X]]
// CHECK-NEXT: gemrt.get_constant @g
// CHECK-NEXT: gemrt.get_constant @b
// CHECK-NEXT: %[[H:.*]] = gemrt.alloc
// CHECK-NEXT: gemrt.get_constant @w
// CHECK-NEXT: gemrt.none
// CHECK-NEXT: %[[Y:.*]] = gemrt.alloc
// CHECK-NEXT: gemrt.submit
// CHECK: gemrt.output "y" %[[Y]]
gemrt.program @declarations device("host") {
  gemrt.segment @s kind(weights)
  gemrt.constant @w in @s dense<3.0> : tensor<3x8xf32> as !gemrt.constant<[3, 8], f32, panel_16>
  gemrt.constant @b in @s dense<2.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
  gemrt.constant @g in @s dense<1.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @sorted {
    %x = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    gemrt.input "x" %x : !gemrt.buffer<[1, 8], f32>
    %h = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %none = gemrt.none
    %w = gemrt.get_constant @w : !gemrt.constant<[3, 8], f32, panel_16>
    %again = gemrt.get_constant @b : !gemrt.constant<[8], f32, row_major>
    %b = gemrt.get_constant @b : !gemrt.constant<[8], f32, row_major>
    %g = gemrt.get_constant @g : !gemrt.constant<[8], f32, row_major>
    %y = gemrt.alloc : !gemrt.buffer<[1, 3], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.layer_norm<epsilon = 0.0 : f32> ins(%x, %g, %b) outs(%h)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>) -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.layer_norm<epsilon = 0.0 : f32> ins(%h, %g, %again) outs(%h)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>) -> (!gemrt.buffer<[1, 8], f32>)
      gemrt.call #gemrt.linear<activation = none> ins(%h, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[3, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[1, 3], f32>)
    }
    gemrt.output "y" %y : !gemrt.buffer<[1, 3], f32>
  }
}

// -----

// Tests that the pass must do nothing to a program without constants.
// CHECK-LABEL: gemrt.program @nothing
// CHECK-NEXT: gemrt.symbol @n min(1) max(2)
// CHECK-NEXT: gemrt.entry @main {
// CHECK-NEXT: gemrt.alloc : <[n], f32>
gemrt.program @nothing device("host") {
  gemrt.symbol @n min(1) max(2)
  gemrt.entry @main {
    %x = gemrt.alloc : !gemrt.buffer<[n], f32>
  }
}
