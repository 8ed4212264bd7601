// RUN: gem-opt %s --split-input-file --verify-diagnostics

// Tests that a vector is stored in f32.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<8xf16>
      as !gemrt.constant<[8], f16, row_major>
  gemrt.entry @call_c1_vector {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %g = gemrt.get_constant @c1 : !gemrt.constant<[8], f16, row_major>
    gemrt.submit cpu {
      // expected-error @below {{expected gamma of f32, but got '!gemrt.constant<[8], f16, row_major>'}}
      gemrt.call #gemrt.layer_norm<epsilon = 0.0 : f32> ins(%x, %g, %g) outs(%x)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8], f16, row_major>,
             !gemrt.constant<[8], f16, row_major>) -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a table holds no indices.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1> : tensor<16x8xui16>
      as !gemrt.constant<[16, 8], ui16, row_major>
  gemrt.entry @call_c1_indices {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %t = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], ui16, row_major>
    gemrt.submit cpu {
      // expected-error @below {{expected table of f32, f16 or a gem.q type, but got '!gemrt.constant<[16, 8], ui16, row_major>'}}
      gemrt.call #gemrt.add_position ins(%x, %t) outs(%x)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[16, 8], ui16, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a quantized weight needs quantized tokens.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
  gemrt.entry @linear_quantized_weight {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %w = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected w of f32 or f16, but got '!gemrt.constant<[4, 8], !gem.q<i8>, panel_16>'}}
      gemrt.call #gemrt.linear<activation = none> ins(%x, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that quantized tokens need a quantized weight.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, panel_16>
  gemrt.entry @linear_quantized_float {
    %x = gemrt.alloc : !gemrt.buffer<[n, 128], ui8>
    %w = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], f32, panel_16>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected w of a gem.q type, but got '!gemrt.constant<[4, 8], f32, panel_16>'}}
      gemrt.call #gemrt.linear_quantized<activation = none> ins(%x, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[n, 128], ui8>, !gemrt.constant<[4, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that tokens of a linear are quantized.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
  gemrt.entry @linear_quantized_tokens {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %w = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected x of ui8, but got '!gemrt.buffer<[n, 8], f32>'}}
      gemrt.call #gemrt.linear_quantized<activation = none> ins(%x, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that quantized tokens are as long as the weight is wide.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
  gemrt.entry @linear_quantized_width {
    %x = gemrt.alloc : !gemrt.buffer<[n, 192], ui8>
    %w = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected rows of 128 bytes for tokens of 8 elements, but got '!gemrt.buffer<[n, 192], ui8>'}}
      gemrt.call #gemrt.linear_quantized<activation = none> ins(%x, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[n, 192], ui8>, !gemrt.constant<[4, 8], !gem.q<i8>, panel_16>, !gemrt.none,
             !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that a quantized matrix is arranged in panels.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], !gem.q<i8>, row_major>
  gemrt.entry @linear_quantized_layout {
    %x = gemrt.alloc : !gemrt.buffer<[n, 128], ui8>
    %w = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], !gem.q<i8>, row_major>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected w in layout panel_16, but got '!gemrt.constant<[4, 8], !gem.q<i8>, row_major>'}}
      gemrt.call #gemrt.linear_quantized<activation = none> ins(%x, %w, %none, %none) outs(%y)
          : (!gemrt.buffer<[n, 128], ui8>, !gemrt.constant<[4, 8], !gem.q<i8>, row_major>,
             !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that there is room for quantized tokens.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.entry @quantize_tokens_bytes {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[n, 72], ui8>
    gemrt.submit cpu {
      // expected-error @below {{expected rows of 128 bytes for tokens of 8 elements, but got '!gemrt.buffer<[n, 72], ui8>'}}
      gemrt.call #gemrt.quantize_tokens ins(%x) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>) -> (!gemrt.buffer<[n, 72], ui8>)
    }
  }
}

// -----

// Tests that the room for quantized tokens is a number.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.entry @quantize_tokens_symbol {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[n, n], ui8>
    gemrt.submit cpu {
      // expected-error @below {{expected rows of 128 bytes for tokens of 8 elements, but got '!gemrt.buffer<[n, n], ui8>'}}
      gemrt.call #gemrt.quantize_tokens ins(%x) outs(%y)
          : (!gemrt.buffer<[n, 8], f32>) -> (!gemrt.buffer<[n, n], ui8>)
    }
  }
}

// -----

// Tests that tokens that are quantized have a known width.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.entry @quantize_tokens_width {
    %x = gemrt.alloc : !gemrt.buffer<[4, n], f32>
    %y = gemrt.alloc : !gemrt.buffer<[4, 128], ui8>
    gemrt.submit cpu {
      // expected-error @below {{expected x to have a constant width, but got '!gemrt.buffer<[4, n], f32>'}}
      gemrt.call #gemrt.quantize_tokens ins(%x) outs(%y)
          : (!gemrt.buffer<[4, n], f32>) -> (!gemrt.buffer<[4, 128], ui8>)
    }
  }
}

// -----

// Tests that there is room for what a layer norm quantizes.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<8xf32>
      as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @layer_norm_quantized_bytes {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %g = gemrt.get_constant @c1 : !gemrt.constant<[8], f32, row_major>
    %y = gemrt.alloc : !gemrt.buffer<[n, 64], ui8>
    gemrt.submit cpu {
      // expected-error @below {{expected rows of 128 bytes for tokens of 8 elements, but got '!gemrt.buffer<[n, 64], ui8>'}}
      gemrt.call #gemrt.layer_norm_quantized<epsilon = 0.0 : f32> ins(%x, %g, %g) outs(%x, %y)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8], f32, row_major>, !gemrt.constant<[8], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 64], ui8>)
    }
  }
}

// -----

// Tests that a layer norm that quantizes has a quantized result.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<8xf32>
      as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @layer_norm_quantized_none {
    %x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %g = gemrt.get_constant @c1 : !gemrt.constant<[8], f32, row_major>
    %none = gemrt.none
    gemrt.submit cpu {
      // expected-error @below {{expected quantized to be present}}
      gemrt.call #gemrt.layer_norm_quantized<epsilon = 0.0 : f32> ins(%x, %g, %g) outs(%x, %none)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8], f32, row_major>, !gemrt.constant<[8], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>, !gemrt.none)
    }
  }
}

// -----

// Tests that the tables of an embedding follow each other.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<16x7xf32>
      as !gemrt.constant<[16, 7], f32, row_major>
  gemrt.constant @c3 in @s dense<1> : tensor<20xui16>
      as !gemrt.constant<[20], ui16, row_major>
  gemrt.entry @embedding_blocks_gap {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %t = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %u = gemrt.get_constant @c2 : !gemrt.constant<[16, 7], f32, row_major>
    %m = gemrt.get_constant @c3 : !gemrt.constant<[20], ui16, row_major>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected absent tables to be the last, but table 2 follows one}}
      gemrt.call #gemrt.embedding_blocks ins(%ids, %t, %none, %t, %none, %m) outs(%y)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f32, row_major>, !gemrt.none,
             !gemrt.constant<[16, 8], f32, row_major>, !gemrt.none,
             !gemrt.constant<[20], ui16, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that the tables of an embedding follow each other to the end.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<16x7xf32>
      as !gemrt.constant<[16, 7], f32, row_major>
  gemrt.constant @c3 in @s dense<1> : tensor<20xui16>
      as !gemrt.constant<[20], ui16, row_major>
  gemrt.entry @embedding_blocks_last {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %t = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %u = gemrt.get_constant @c2 : !gemrt.constant<[16, 7], f32, row_major>
    %m = gemrt.get_constant @c3 : !gemrt.constant<[20], ui16, row_major>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected absent tables to be the last, but table 3 follows one}}
      gemrt.call #gemrt.embedding_blocks ins(%ids, %t, %t, %none, %t, %m) outs(%y)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f32, row_major>,
             !gemrt.constant<[16, 8], f32, row_major>, !gemrt.none,
             !gemrt.constant<[16, 8], f32, row_major>, !gemrt.constant<[20], ui16, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that an embedding has a table.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<16x7xf32>
      as !gemrt.constant<[16, 7], f32, row_major>
  gemrt.constant @c3 in @s dense<1> : tensor<20xui16>
      as !gemrt.constant<[20], ui16, row_major>
  gemrt.entry @embedding_blocks_first {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %t = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %u = gemrt.get_constant @c2 : !gemrt.constant<[16, 7], f32, row_major>
    %m = gemrt.get_constant @c3 : !gemrt.constant<[20], ui16, row_major>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected table 0 to be present}}
      gemrt.call #gemrt.embedding_blocks ins(%ids, %none, %t, %none, %none, %m) outs(%y)
          : (!gemrt.buffer<[n], i32>, !gemrt.none, !gemrt.constant<[16, 8], f32, row_major>,
             !gemrt.none, !gemrt.none, !gemrt.constant<[20], ui16, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that the tables of an embedding are equally wide.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<16x7xf32>
      as !gemrt.constant<[16, 7], f32, row_major>
  gemrt.constant @c3 in @s dense<1> : tensor<20xui16>
      as !gemrt.constant<[20], ui16, row_major>
  gemrt.entry @embedding_blocks_width {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %t = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %u = gemrt.get_constant @c2 : !gemrt.constant<[16, 7], f32, row_major>
    %m = gemrt.get_constant @c3 : !gemrt.constant<[20], ui16, row_major>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of table 1 to be 8, as table 0 has it, but got '!gemrt.constant<[16, 7], f32, row_major>'}}
      gemrt.call #gemrt.embedding_blocks ins(%ids, %t, %u, %none, %none, %none) outs(%y)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f32, row_major>,
             !gemrt.constant<[16, 7], f32, row_major>, !gemrt.none, !gemrt.none, !gemrt.none)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a map holds indices.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<16x7xf32>
      as !gemrt.constant<[16, 7], f32, row_major>
  gemrt.constant @c3 in @s dense<1.0> : tensor<20xf32>
      as !gemrt.constant<[20], f32, row_major>
  gemrt.entry @embedding_blocks_map {
    %ids = gemrt.alloc : !gemrt.buffer<[n], i32>
    %t = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %u = gemrt.get_constant @c2 : !gemrt.constant<[16, 7], f32, row_major>
    %m = gemrt.get_constant @c3 : !gemrt.constant<[20], f32, row_major>
    %none = gemrt.none
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected map of ui16, but got '!gemrt.constant<[20], f32, row_major>'}}
      gemrt.call #gemrt.embedding_blocks ins(%ids, %t, %t, %none, %none, %m) outs(%y)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f32, row_major>,
             !gemrt.constant<[16, 8], f32, row_major>, !gemrt.none, !gemrt.none,
             !gemrt.constant<[20], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that the parameters of a layer norm that quantizes are those of layer norm.
// expected-error @below {{expected epsilon not to be negative, but got -1.0}}
func.func private @layer_norm_quantized_epsilon() attributes {a = #gemrt.layer_norm_quantized<epsilon = -1.0 : f32>}
