// RUN: gem-opt %s --split-input-file --verify-roundtrip | FileCheck %s

// Tests that the example of the dialect's documentation survives a round trip.
// CHECK-LABEL: gemrt.program @main device("host") {
gemrt.program @main device("host") {
  // CHECK: gemrt.symbol @n min(2) max(64)
  gemrt.symbol @n min(2) max(64)
  // CHECK: gemrt.segment @weights kind(weights){{$}}
  gemrt.segment @weights kind(weights)
  // CHECK: gemrt.constant @w in @weights at(0) dense_resource<w> : tensor<16x128xf32> as !gemrt.constant<[16, 128], f32, panel_16>
  gemrt.constant @w in @weights at(0) dense_resource<w> : tensor<16x128xf32>
      as !gemrt.constant<[16, 128], f32, panel_16>
  // CHECK: gemrt.entry @classify arena(36864) {
  gemrt.entry @classify arena(36864) {
    // CHECK: %[[X:.*]] = gemrt.alloc at(0) : <[n, 128], f32>
    %x = gemrt.alloc at(0) : !gemrt.buffer<[n, 128], f32>
    // CHECK: %[[Y:.*]] = gemrt.alloc at(32768) : <[n, 16], f32>
    %y = gemrt.alloc at(32768) : !gemrt.buffer<[n, 16], f32>
    // CHECK: gemrt.input "x" role(activation) %[[X]] : <[n, 128], f32>
    gemrt.input "x" role(activation) %x : !gemrt.buffer<[n, 128], f32>
    // CHECK: %[[W:.*]] = gemrt.get_constant @w : <[16, 128], f32, panel_16>
    %w = gemrt.get_constant @w : !gemrt.constant<[16, 128], f32, panel_16>
    // CHECK: %[[NONE:.*]] = gemrt.none
    %none = gemrt.none
    // CHECK: gemrt.submit cpu {
    gemrt.submit cpu {
      // CHECK: gemrt.call #gemrt.linear<activation = gelu> ins(%[[X]], %[[W]], %[[NONE]], %[[NONE]]) outs(%[[Y]]) : (!gemrt.buffer<[n, 128], f32>, !gemrt.constant<[16, 128], f32, panel_16>, !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 16], f32>)
      gemrt.call #gemrt.linear<activation = gelu> ins(%x, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[n, 128], f32>, !gemrt.constant<[16, 128], f32, panel_16>,
             !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 16], f32>)
    }
    // CHECK: gemrt.output "y" role(hidden_states) %[[Y]] : <[n, 16], f32>
    gemrt.output "y" role(hidden_states) %y : !gemrt.buffer<[n, 16], f32>
  }
}

// -----

// Tests the optional parts of programs, segments, constants and entries.
// CHECK-LABEL: gemrt.program @limited device("raspberry-pi-4") cpu_kernels("neon") memory_limit(1000000000) attributes {note = "kept"}
gemrt.program @limited device("raspberry-pi-4") cpu_kernels("neon") memory_limit(1000000000)
    attributes {note = "kept"} {
  // CHECK: gemrt.segment @wordpiece kind(tokenizer) data(dense_resource<t> : tensor<131072xui8>) {maximum_tokens = 64 : i64, pad_id = 0 : i64}
  gemrt.segment @wordpiece kind(tokenizer) data(dense_resource<t> : tensor<131072xui8>)
      {maximum_tokens = 64 : i64, pad_id = 0 : i64}
  gemrt.segment @weights kind(weights)
  // CHECK: gemrt.constant @unplanned in @weights dense<1.000000e+00> : tensor<4xf16> as !gemrt.constant<[4], f32, row_major>
  gemrt.constant @unplanned in @weights dense<1.0> : tensor<4xf16>
      as !gemrt.constant<[4], f32, row_major>
  // CHECK: gemrt.entry @unplanned_entry {
  gemrt.entry @unplanned_entry {
    // CHECK: gemrt.alloc : <[2, 3, 4, 5], ui8>
    %0 = gemrt.alloc : !gemrt.buffer<[2, 3, 4, 5], ui8>
  }
  // CHECK: gemrt.entry @planned arena(64) lower_bound(64) {
  gemrt.entry @planned arena(64) lower_bound(64) {
    // CHECK: gemrt.alloc at(0) : <[1], i32>
    %0 = gemrt.alloc at(0) : !gemrt.buffer<[1], i32>
  }
  // CHECK: gemrt.entry @empty {
  gemrt.entry @empty {
  }
}

// -----

// Tests the forms of inputs and outputs.
// CHECK-LABEL: gemrt.program @bindings
gemrt.program @bindings device("host") {
  gemrt.symbol @n min(1) max(8)
  gemrt.entry @main {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    // CHECK: gemrt.input "ids" role(token_ids) range(0, 8191) %{{.*}} : <[n], i32>
    gemrt.input "ids" role(token_ids) range(0, 8191) %ids : !gemrt.buffer<[n], i32>
    // CHECK: gemrt.input "offsets" range(-5, 5) %{{.*}} : <[n], i32>
    gemrt.input "offsets" range(-5, 5) %ids : !gemrt.buffer<[n], i32>
    // CHECK: gemrt.input "x" %{{.*}} : <[n, 8], f32>
    gemrt.input "x" %x : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // CHECK: gemrt.call #gemrt.add ins(%{{.*}}, %{{.*}}) outs(%{{.*}}) {name = "residual"} : (
      gemrt.call #gemrt.add ins(%x, %x) outs(%y) {name = "residual"}
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
    // CHECK: gemrt.output "y" %{{.*}} : <[n, 8], f32>
    gemrt.output "y" %y : !gemrt.buffer<[n, 8], f32>
  }
}

// -----

// Tests a call of every kernel, with its parameters.
// CHECK-LABEL: gemrt.program @kernels
gemrt.program @kernels device("host") {
  gemrt.symbol @n min(1) max(8)
  gemrt.segment @weights kind(weights)
  gemrt.constant @table in @weights dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.constant @w in @weights dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, panel_16>
  gemrt.constant @bias in @weights dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[4], f32, row_major>
  gemrt.constant @gamma in @weights dense<1.0> : tensor<8xf32>
      as !gemrt.constant<[8], f32, row_major>
  gemrt.constant @w_r in @weights dense<1.0> : tensor<3x8xf32>
      as !gemrt.constant<[3, 8], f32, row_major>
  gemrt.entry @main {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %count = gemrt.alloc : !gemrt.buffer<[1], i32>
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %z = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %r = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    %h = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    %row = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %row2 = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %logits = gemrt.alloc : !gemrt.buffer<[4], f32>
    %probs = gemrt.alloc : !gemrt.buffer<[n, 3], f32>
    %routed = gemrt.alloc : !gemrt.buffer<[n], ui8>
    %cluster = gemrt.alloc : !gemrt.buffer<[n], i32>
    %table = gemrt.get_constant @table : !gemrt.constant<[16, 8], f32, row_major>
    %w = gemrt.get_constant @w : !gemrt.constant<[4, 8], f32, panel_16>
    %bias = gemrt.get_constant @bias : !gemrt.constant<[4], f32, row_major>
    %gamma = gemrt.get_constant @gamma : !gemrt.constant<[8], f32, row_major>
    %w_r = gemrt.get_constant @w_r : !gemrt.constant<[3, 8], f32, row_major>
    %none = gemrt.none
    gemrt.submit cpu {
      // CHECK: gemrt.call #gemrt.embedding ins
      gemrt.call #gemrt.embedding ins(%ids, %table) outs(%x)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.add_position ins
      gemrt.call #gemrt.add_position ins(%x, %table) outs(%x)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[16, 8], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.layer_norm<epsilon = 9.99999996E-13 : f32> ins
      gemrt.call #gemrt.layer_norm<epsilon = 1.0e-12 : f32> ins(%x, %gamma, %gamma) outs(%z)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>) -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.add ins
      gemrt.call #gemrt.add ins(%x, %z) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.linear<activation = tanh> ins
      gemrt.call #gemrt.linear<activation = tanh> ins(%y, %w, %bias, %none) outs(%r)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>,
             !gemrt.constant<[4], f32, row_major>, !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
      // CHECK: gemrt.call #gemrt.linear<activation = none> ins
      gemrt.call #gemrt.linear<activation = none> ins(%y, %w, %bias, %r) outs(%h)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>,
             !gemrt.constant<[4], f32, row_major>, !gemrt.buffer<[n, 4], f32>)
            -> (!gemrt.buffer<[n, 4], f32>)
      // CHECK: gemrt.call #gemrt.activation<function = gelu> ins
      gemrt.call #gemrt.activation<function = gelu> ins(%h) outs(%h)
          : (!gemrt.buffer<[n, 4], f32>) -> (!gemrt.buffer<[n, 4], f32>)
      // CHECK: gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 5.000000e-01 : f32, first_query = 0> ins
      gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 0.5 : f32, first_query = 0>
          ins(%x, %z, %z, %count) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[1], i32>) -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.route_tokens<threshold = 6.500000e-01 : f32> ins
      gemrt.call #gemrt.route_tokens<threshold = 0.65 : f32> ins(%x, %w_r, %table)
          outs(%probs, %routed, %cluster)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[3, 8], f32, row_major>,
             !gemrt.constant<[16, 8], f32, row_major>)
            -> (!gemrt.buffer<[n, 3], f32>, !gemrt.buffer<[n], ui8>, !gemrt.buffer<[n], i32>)
      // CHECK: gemrt.call #gemrt.route_tokens<threshold = 0.000000e+00 : f32> ins
      gemrt.call #gemrt.route_tokens<threshold = 0.0 : f32> ins(%x, %w_r, %table)
          outs(%none, %routed, %cluster)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[3, 8], f32, row_major>,
             !gemrt.constant<[16, 8], f32, row_major>)
            -> (!gemrt.none, !gemrt.buffer<[n], ui8>, !gemrt.buffer<[n], i32>)
      // CHECK: gemrt.call #gemrt.select_row<row = 0> ins
      gemrt.call #gemrt.select_row<row = 0> ins(%x) outs(%row)
          : (!gemrt.buffer<[n, 8], f32>) -> (!gemrt.buffer<[1, 8], f32>)
      // CHECK: gemrt.call #gemrt.scar_attention<heads = 1, head_dim = 8, scale = 1.000000e+00 : f32, first_query = 0, predicate = same_cluster> ins
      gemrt.call #gemrt.scar_attention<heads = 1, head_dim = 8, scale = 1.0 : f32,
          first_query = 0, predicate = same_cluster>
          ins(%row, %x, %x, %routed, %cluster) outs(%row2)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[n], ui8>, !gemrt.buffer<[n], i32>) -> (!gemrt.buffer<[1, 8], f32>)
      // The one row of a linear's result may be left out of its extents.
      // CHECK: gemrt.call #gemrt.linear<activation = none> ins(%{{.*}}) outs(%{{.*}}) : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>, !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[4], f32>)
      gemrt.call #gemrt.linear<activation = none> ins(%row2, %w, %none, %none) outs(%logits)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[4], f32>)
    }
  }
}

// -----

// Tests constants of every kind of element, and a call of every kernel on quantized ones. A
// token of 8 elements takes 128 bytes: its scale and sums, and its codes, 64 bytes each.
// CHECK-LABEL: gemrt.program @quantized
gemrt.program @quantized device("host") {
  gemrt.symbol @n min(1) max(8)
  gemrt.segment @weights kind(weights)
  // CHECK: gemrt.constant @half in @weights dense<1.000000e+00> : tensor<16x8xf32> as !gemrt.constant<[16, 8], f16, row_major>
  gemrt.constant @half in @weights dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f16, row_major>
  // CHECK: gemrt.constant @table in @weights dense<1.000000e+00> : tensor<16x8xf32> as !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>
  gemrt.constant @table in @weights dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>
  // CHECK: gemrt.constant @w in @weights dense<0> : tensor<48xui8> as !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
  gemrt.constant @w in @weights dense<0> : tensor<48xui8>
      as !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
  // CHECK: gemrt.constant @map in @weights dense<3> : tensor<20xui16> as !gemrt.constant<[20], ui16, row_major>
  gemrt.constant @map in @weights dense<3> : tensor<20xui16>
      as !gemrt.constant<[20], ui16, row_major>
  gemrt.constant @bias in @weights dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[4], f32, row_major>
  gemrt.constant @gamma in @weights dense<1.0> : tensor<8xf32>
      as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @main {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %h = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    %tokens = gemrt.alloc : !gemrt.buffer<[n, 128], ui8>
    %row = gemrt.alloc : !gemrt.buffer<[1, 128], ui8>
    %first = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    %logits = gemrt.alloc : !gemrt.buffer<[4], f32>
    %routed = gemrt.alloc : !gemrt.buffer<[n], ui8>
    %cluster = gemrt.alloc : !gemrt.buffer<[n], i32>
    %half = gemrt.get_constant @half : !gemrt.constant<[16, 8], f16, row_major>
    %table = gemrt.get_constant @table : !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>
    // CHECK: gemrt.get_constant @w : <[4, 8], !gem.q<i8>, panel_16>
    %w = gemrt.get_constant @w : !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
    %map = gemrt.get_constant @map : !gemrt.constant<[20], ui16, row_major>
    %bias = gemrt.get_constant @bias : !gemrt.constant<[4], f32, row_major>
    %gamma = gemrt.get_constant @gamma : !gemrt.constant<[8], f32, row_major>
    %none = gemrt.none
    gemrt.submit cpu {
      // CHECK: gemrt.call #gemrt.embedding ins
      gemrt.call #gemrt.embedding ins(%ids, %table) outs(%x)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.embedding_blocks ins
      gemrt.call #gemrt.embedding_blocks ins(%ids, %half, %table, %none, %none, %map) outs(%x)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f16, row_major>,
             !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>, !gemrt.none, !gemrt.none,
             !gemrt.constant<[20], ui16, row_major>) -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.embedding_blocks ins
      gemrt.call #gemrt.embedding_blocks ins(%ids, %half, %none, %none, %none, %none) outs(%x)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f16, row_major>, !gemrt.none,
             !gemrt.none, !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.add_position ins
      gemrt.call #gemrt.add_position ins(%x, %table) outs(%x)
          : (!gemrt.buffer<[n, 8], f32>,
             !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
      // CHECK: gemrt.call #gemrt.quantize_tokens ins
      gemrt.call #gemrt.quantize_tokens ins(%x) outs(%tokens)
          : (!gemrt.buffer<[n, 8], f32>) -> (!gemrt.buffer<[n, 128], ui8>)
      // CHECK: gemrt.call #gemrt.linear_quantized<activation = gelu> ins
      gemrt.call #gemrt.linear_quantized<activation = gelu> ins(%tokens, %w, %bias, %none) outs(%h)
          : (!gemrt.buffer<[n, 128], ui8>, !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>,
             !gemrt.constant<[4], f32, row_major>, !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
      // It may write into the residual.
      // CHECK: gemrt.call #gemrt.linear_quantized<activation = none> ins
      gemrt.call #gemrt.linear_quantized<activation = none> ins(%tokens, %w, %none, %h) outs(%h)
          : (!gemrt.buffer<[n, 128], ui8>, !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>,
             !gemrt.none, !gemrt.buffer<[n, 4], f32>) -> (!gemrt.buffer<[n, 4], f32>)
      // CHECK: gemrt.call #gemrt.layer_norm_quantized<epsilon = 0.000000e+00 : f32> ins
      gemrt.call #gemrt.layer_norm_quantized<epsilon = 0.0 : f32> ins(%x, %gamma, %gamma)
          outs(%x, %tokens)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 128], ui8>)
      // CHECK: gemrt.call #gemrt.layer_norm_quantized<epsilon = 9.99999996E-13 : f32> ins
      gemrt.call #gemrt.layer_norm_quantized<epsilon = 1.0e-12 : f32> ins(%first, %gamma, %gamma)
          outs(%none, %row)
          : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[8], f32, row_major>) -> (!gemrt.none, !gemrt.buffer<[1, 128], ui8>)
      // CHECK: gemrt.call #gemrt.linear_quantized<activation = none> ins(%{{.*}}) outs(%{{.*}}) : (!gemrt.buffer<[1, 128], ui8>, {{.*}} -> (!gemrt.buffer<[4], f32>)
      gemrt.call #gemrt.linear_quantized<activation = none> ins(%row, %w, %none, %none)
          outs(%logits)
          : (!gemrt.buffer<[1, 128], ui8>, !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>,
             !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[4], f32>)
      // CHECK: gemrt.call #gemrt.scar_attention<heads = 1, head_dim = 8, scale = 1.000000e+00 : f32, first_query = 0, predicate = either, causal = true> ins
      gemrt.call #gemrt.scar_attention<heads = 1, head_dim = 8, scale = 1.0 : f32,
          first_query = 0, predicate = either, causal = true>
          ins(%x, %x, %x, %routed, %cluster) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[n], ui8>, !gemrt.buffer<[n], i32>) -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}
