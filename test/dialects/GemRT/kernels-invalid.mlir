// RUN: gem-opt %s --split-input-file --verify-diagnostics

// Tests the number of a call's inputs.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_inputs {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected 2 input(s), but got 1}}
      gemrt.call #gemrt.add ins(%0) outs(%1)
          : (!gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests the number of a call's outputs.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_outputs {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %3 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected 1 output(s), but got 2}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2, %3)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that an operand that must be there is there.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_present {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.none
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected b to be present}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.none)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a weight is a constant.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_constant {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[16, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected table to be a constant, but got '!gemrt.buffer<[16, 8], f32>'}}
      gemrt.call #gemrt.add_position ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[16, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that an activation is a buffer.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c0 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, row_major>
  gemrt.entry @call_c1_buffer {
    %0 = gemrt.get_constant @c0 : !gemrt.constant<[4, 8], f32, row_major>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected a to be a buffer, but got '!gemrt.constant<[4, 8], f32, row_major>'}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2)
          : (!gemrt.constant<[4, 8], f32, row_major>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a constant has the layout that the kernel reads.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, row_major>
  gemrt.entry @call_c1_layout {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], f32, row_major>
    %2 = gemrt.none
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected w in layout panel_16, but got '!gemrt.constant<[4, 8], f32, row_major>'}}
      gemrt.call #gemrt.linear<activation = none> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], f32, row_major>, !gemrt.none,
             !gemrt.none)
            -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that an activation is of f32.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_element {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], i32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected a of f32, but got '!gemrt.buffer<[n, 8], i32>'}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], i32>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests the number of an operand's extents.
gemrt.program @main device("host") {
  gemrt.entry @call_c1_rank {
    %0 = gemrt.alloc : !gemrt.buffer<[8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[1, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected x of rank 2, but got '!gemrt.buffer<[8], f32>'}}
      gemrt.call #gemrt.select_row<row = 0> ins(%0) outs(%1)
          : (!gemrt.buffer<[8], f32>)
            -> (!gemrt.buffer<[1, 8], f32>)
    }
  }
}

// -----

// Tests that equal extents are equal: different symbols.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.symbol @m min(1) max(16)
  gemrt.entry @call_c1_symbol {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[m, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of b to be n, as a has it, but got '!gemrt.buffer<[m, 8], f32>'}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[m, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that equal extents are equal: different numbers.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_number {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 7], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of y to be 8, as a has it, but got '!gemrt.buffer<[n, 7], f32>'}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 7], f32>)
    }
  }
}

// -----

// Tests that an extent that must be 1 is 1.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c1_one {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of y to be 1, but got '!gemrt.buffer<[n, 8], f32>'}}
      gemrt.call #gemrt.select_row<row = 0> ins(%0) outs(%1)
          : (!gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a constant is not written.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c2 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, row_major>
  gemrt.entry @call_c2_constant {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.get_constant @c2 : !gemrt.constant<[4, 8], f32, row_major>
    gemrt.submit cpu {
      // expected-error @below {{op operand #2 must be variadic of}}
      gemrt.call #gemrt.add ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.constant<[4, 8], f32, row_major>)
    }
  }
}

// -----

// Tests that a kernel writes into its input only where it may.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @call_c3 {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %3 = gemrt.none
    gemrt.submit cpu {
      // expected-error @below {{expected output #0 not to be input #1, on which the kernel cannot work in place}}
      gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 1.0 : f32, first_query = 0> ins(%0, %1, %2, %3) outs(%1)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[n, 8], f32>, !gemrt.none)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a linear does not write into what it reads again.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<8x8xf32>
      as !gemrt.constant<[8, 8], f32, panel_16>
  gemrt.entry @call_c3_linear {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[8, 8], f32, panel_16>
    %2 = gemrt.none
    %3 = gemrt.none
    gemrt.submit cpu {
      // expected-error @below {{expected output #0 not to be input #0, on which the kernel cannot work in place}}
      gemrt.call #gemrt.linear<activation = none> ins(%0, %1, %2, %3) outs(%0)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that ids are i32.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.entry @embedding_ids {
    %0 = gemrt.alloc : !gemrt.buffer<[n], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected ids of i32, but got '!gemrt.buffer<[n], f32>'}}
      gemrt.call #gemrt.embedding ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n], f32>, !gemrt.constant<[16, 8], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that an embedding is as wide as its table.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x8xf32>
      as !gemrt.constant<[16, 8], f32, row_major>
  gemrt.entry @embedding_width {
    %0 = gemrt.alloc : !gemrt.buffer<[n], i32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[16, 8], f32, row_major>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of y to be 8, as table has it, but got '!gemrt.buffer<[n, 4], f32>'}}
      gemrt.call #gemrt.embedding ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n], i32>, !gemrt.constant<[16, 8], f32, row_major>)
            -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that the position table is as wide as x.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<16x7xf32>
      as !gemrt.constant<[16, 7], f32, row_major>
  gemrt.entry @add_position_width {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[16, 7], f32, row_major>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of table to be 8, as x has it, but got '!gemrt.constant<[16, 7], f32, row_major>'}}
      gemrt.call #gemrt.add_position ins(%0, %1) outs(%2)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[16, 7], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that the weight is as wide as x.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x7xf32>
      as !gemrt.constant<[4, 7], f32, panel_16>
  gemrt.entry @linear_width {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[4, 7], f32, panel_16>
    %2 = gemrt.none
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of w to be 8, as x has it, but got '!gemrt.constant<[4, 7], f32, panel_16>'}}
      gemrt.call #gemrt.linear<activation = none> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 7], f32, panel_16>, !gemrt.none,
             !gemrt.none)
            -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that the bias has an element for each row of the weight.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, panel_16>
  gemrt.constant @c2 in @s dense<1.0> : tensor<8xf32>
      as !gemrt.constant<[8], f32, row_major>
  gemrt.entry @linear_bias {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], f32, panel_16>
    %2 = gemrt.get_constant @c2 : !gemrt.constant<[8], f32, row_major>
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of bias to be 4, as w has it, but got '!gemrt.constant<[8], f32, row_major>'}}
      gemrt.call #gemrt.linear<activation = none> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>,
             !gemrt.constant<[8], f32, row_major>, !gemrt.none)
            -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that the residual has the extents of y.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, panel_16>
  gemrt.entry @linear_residual {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], f32, panel_16>
    %2 = gemrt.none
    %3 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %4 = gemrt.alloc : !gemrt.buffer<[n, 4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of residual to be 4, as w has it, but got '!gemrt.buffer<[n, 8], f32>'}}
      gemrt.call #gemrt.linear<activation = none> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>, !gemrt.none,
             !gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[n, 4], f32>)
    }
  }
}

// -----

// Tests that a row is left out of y only where there is one.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<4x8xf32>
      as !gemrt.constant<[4, 8], f32, panel_16>
  gemrt.entry @linear_row {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[4, 8], f32, panel_16>
    %2 = gemrt.none
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[4], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected y of rank 2, but got '!gemrt.buffer<[4], f32>'}}
      gemrt.call #gemrt.linear<activation = none> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[4, 8], f32, panel_16>, !gemrt.none,
             !gemrt.none)
            -> (!gemrt.buffer<[4], f32>)
    }
  }
}

// -----

// Tests that beta is as long as a row.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<8xf32>
      as !gemrt.constant<[8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<7xf32>
      as !gemrt.constant<[7], f32, row_major>
  gemrt.entry @layer_norm_beta {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[8], f32, row_major>
    %2 = gemrt.get_constant @c2 : !gemrt.constant<[7], f32, row_major>
    %3 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of beta to be 8, as x has it, but got '!gemrt.constant<[7], f32, row_major>'}}
      gemrt.call #gemrt.layer_norm<epsilon = 0.0 : f32> ins(%0, %1, %2) outs(%3)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[8], f32, row_major>,
             !gemrt.constant<[7], f32, row_major>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that an activation function keeps the extents.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.symbol @m min(1) max(16)
  gemrt.entry @activation_shape {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[m, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of y to be n, as x has it, but got '!gemrt.buffer<[m, 8], f32>'}}
      gemrt.call #gemrt.activation<function = tanh> ins(%0) outs(%1)
          : (!gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[m, 8], f32>)
    }
  }
}

// -----

// Tests that attention is as wide as its heads.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @attention_width {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 6], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 6], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 6], f32>
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[n, 6], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of q to be 8, as heads * head_dim has it, but got '!gemrt.buffer<[n, 6], f32>'}}
      gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 1.0 : f32, first_query = 0> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 6], f32>, !gemrt.buffer<[n, 6], f32>,
             !gemrt.buffer<[n, 6], f32>, !gemrt.none)
            -> (!gemrt.buffer<[n, 6], f32>)
    }
  }
}

// -----

// Tests that there is a value for each key.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.symbol @m min(1) max(16)
  gemrt.entry @attention_values {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[m, 8], f32>
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of v to be n, as k has it, but got '!gemrt.buffer<[m, 8], f32>'}}
      gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 1.0 : f32, first_query = 0> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[m, 8], f32>, !gemrt.none)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that there is one count.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @attention_count {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %3 = gemrt.alloc : !gemrt.buffer<[n], i32>
    %4 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of count to be 1, but got '!gemrt.buffer<[n], i32>'}}
      gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 1.0 : f32, first_query = 0> ins(%0, %1, %2, %3) outs(%4)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n], i32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that flags are bytes.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<3x8xf32>
      as !gemrt.constant<[3, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<2x8xf32>
      as !gemrt.constant<[2, 8], f32, row_major>
  gemrt.entry @route_tokens_flags {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[3, 8], f32, row_major>
    %2 = gemrt.get_constant @c2 : !gemrt.constant<[2, 8], f32, row_major>
    %3 = gemrt.none
    %4 = gemrt.alloc : !gemrt.buffer<[n], i32>
    %5 = gemrt.alloc : !gemrt.buffer<[n], i32>
    gemrt.submit cpu {
      // expected-error @below {{expected routed of ui8, but got '!gemrt.buffer<[n], i32>'}}
      gemrt.call #gemrt.route_tokens<threshold = 0.5 : f32> ins(%0, %1, %2) outs(%3, %4, %5)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[3, 8], f32, row_major>,
             !gemrt.constant<[2, 8], f32, row_major>)
            -> (!gemrt.none, !gemrt.buffer<[n], i32>, !gemrt.buffer<[n], i32>)
    }
  }
}

// -----

// Tests that each class has a probability.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.segment @s kind(weights)
  gemrt.constant @c1 in @s dense<1.0> : tensor<3x8xf32>
      as !gemrt.constant<[3, 8], f32, row_major>
  gemrt.constant @c2 in @s dense<1.0> : tensor<2x8xf32>
      as !gemrt.constant<[2, 8], f32, row_major>
  gemrt.entry @route_tokens_classes {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.get_constant @c1 : !gemrt.constant<[3, 8], f32, row_major>
    %2 = gemrt.get_constant @c2 : !gemrt.constant<[2, 8], f32, row_major>
    %3 = gemrt.alloc : !gemrt.buffer<[n, 2], f32>
    %4 = gemrt.alloc : !gemrt.buffer<[n], ui8>
    %5 = gemrt.alloc : !gemrt.buffer<[n], i32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of probs to be 3, as w_r has it, but got '!gemrt.buffer<[n, 2], f32>'}}
      gemrt.call #gemrt.route_tokens<threshold = 0.5 : f32> ins(%0, %1, %2) outs(%3, %4, %5)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.constant<[3, 8], f32, row_major>,
             !gemrt.constant<[2, 8], f32, row_major>)
            -> (!gemrt.buffer<[n, 2], f32>, !gemrt.buffer<[n], ui8>, !gemrt.buffer<[n], i32>)
    }
  }
}

// -----

// Tests that each token has a cluster.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.symbol @m min(1) max(16)
  gemrt.entry @scar_attention_cluster {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %2 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %3 = gemrt.alloc : !gemrt.buffer<[n], ui8>
    %4 = gemrt.alloc : !gemrt.buffer<[m], i32>
    %5 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 0 of cluster to be n, as k has it, but got '!gemrt.buffer<[m], i32>'}}
      gemrt.call #gemrt.scar_attention<heads = 1, head_dim = 8, scale = 1.0 : f32, first_query = 0,
          predicate = either> ins(%0, %1, %2, %3, %4) outs(%5)
          : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>,
             !gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n], ui8>, !gemrt.buffer<[m], i32>)
            -> (!gemrt.buffer<[n, 8], f32>)
    }
  }
}

// -----

// Tests that a row is as wide as x.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)
  gemrt.entry @select_row_width {
    %0 = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[1, 7], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected extent 1 of y to be 8, as x has it, but got '!gemrt.buffer<[1, 7], f32>'}}
      gemrt.call #gemrt.select_row<row = 0> ins(%0) outs(%1)
          : (!gemrt.buffer<[n, 8], f32>)
            -> (!gemrt.buffer<[1, 7], f32>)
    }
  }
}

// -----

// Tests that epsilon is not negative.
// expected-error @below {{expected epsilon not to be negative, but got -1.0}}
func.func private @layer_norm_epsilon() attributes {a = #gemrt.layer_norm<epsilon = -1.0 : f32>}

// -----

// Tests that epsilon is an f32.
// expected-error @below {{expected epsilon to be a finite f32, but got 1.0}}
func.func private @layer_norm_epsilon_type() attributes {a = #gemrt.layer_norm<epsilon = 1.0 : f64>}

// -----

// Tests that epsilon is finite.
// expected-error @below {{expected epsilon to be a finite f32, but got 0x7F800000 : f32}}
func.func private @layer_norm_epsilon_finite() attributes {a = #gemrt.layer_norm<epsilon = 0x7F800000 : f32>}

// -----

// Tests that an activation kernel has a function.
// expected-error @below {{expected an activation function, but got none}}
func.func private @activation_function() attributes {a = #gemrt.activation<function = none>}

// -----

// Tests that there is a head.
// expected-error @below {{expected at least one head of at least one dimension, but got 0 heads of 4}}
func.func private @attention_heads() attributes {a = #gemrt.attention<heads = 0, head_dim = 4, scale = 1.0 : f32, first_query = 0>}

// -----

// Tests that a head has a dimension.
// expected-error @below {{expected at least one head of at least one dimension, but got 2 heads of -4}}
func.func private @attention_head_dim() attributes {a = #gemrt.attention<heads = 2, head_dim = -4, scale = 1.0 : f32, first_query = 0>}

// -----

// Tests that the first query is not negative.
// expected-error @below {{expected first_query not to be negative, but got -1}}
func.func private @attention_first_query() attributes {a = #gemrt.attention<heads = 2, head_dim = 4, scale = 1.0 : f32, first_query = -1>}

// -----

// Tests that the scale is a number.
// expected-error @below {{expected scale to be a finite f32, but got 0x7FC00000 : f32}}
func.func private @attention_scale() attributes {a = #gemrt.attention<heads = 2, head_dim = 4, scale = 0x7FC00000 : f32, first_query = 0>}

// -----

// Tests that the parameters of SCAR are those of attention.
// expected-error @below {{expected scale to be a finite f32, but got 1.0}}
func.func private @scar_attention_scale() attributes {a = #gemrt.scar_attention<heads = 2, head_dim = 4, scale = 1.0 : f64,
    first_query = 0, predicate = either>}

// -----

// Tests that the threshold is finite.
// expected-error @below {{expected threshold to be a finite f32, but got 0xFF800000 : f32}}
func.func private @route_tokens_threshold() attributes {a = #gemrt.route_tokens<threshold = 0xFF800000 : f32>}

// -----

// Tests that the row is not negative.
// expected-error @below {{expected row not to be negative, but got -1}}
func.func private @select_row_row() attributes {a = #gemrt.select_row<row = -1>}

// -----

// Tests that a kernel is called, and nothing else.
gemrt.program @main device("host") {
  gemrt.entry @kernel {
    gemrt.submit cpu {
      // expected-error @below {{invalid kind of attribute specified}}
      gemrt.call #gem.role<logits> ins() outs() : () -> ()
    }
  }
}

// -----

// Tests that no output is written twice.
gemrt.program @main device("host") {
  gemrt.entry @call_c2 {
    %x = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    %y = gemrt.alloc : !gemrt.buffer<[8, 8], f32>
    gemrt.submit cpu {
      // expected-error @below {{expected each output to be written once}}
      gemrt.call #gemrt.add ins(%x, %x) outs(%y, %y)
          : (!gemrt.buffer<[8, 8], f32>, !gemrt.buffer<[8, 8], f32>)
            -> (!gemrt.buffer<[8, 8], f32>, !gemrt.buffer<[8, 8], f32>)
    }
  }
}
