// RUN: gem-opt %s --split-input-file --verify-diagnostics

// Tests that a buffer has an extent.
// expected-error @below {{expected one to four extents, but got 0}}
func.func private @buffer_type_c1_none(!gemrt.buffer<[], f32>)

// -----

// Tests that a buffer has no more than four extents.
// expected-error @below {{expected one to four extents, but got 5}}
func.func private @buffer_type_c1_many(!gemrt.buffer<[1, 1, 1, 1, 1], f32>)

// -----

// Tests that extents are positive.
// expected-error @below {{expected extents of 1 to 2147483647, but got 0}}
func.func private @buffer_type_c1_zero(!gemrt.buffer<[n, 0], f32>)

// -----

// Tests that extents have 31 bits.
// expected-error @below {{expected extents of 1 to 2147483647, but got 2147483648}}
func.func private @buffer_type_c1_large(!gemrt.buffer<[2147483648], f32>)

// -----

// Tests that an extent is a number or a symbol.
// expected-error @below {{expected valid keyword}}
func.func private @buffer_type_keyword(!gemrt.buffer<["n"], f32>)

// -----

// Tests that a buffer's elements are what kernels compute with.
// expected-error @below {{expected elements of f32, i32 or ui8, but got 'f16'}}
func.func private @buffer_type_c2(!gemrt.buffer<[4], f16>)

// -----

// Tests that bytes are unsigned.
// expected-error @below {{expected elements of f32, i32 or ui8, but got 'i8'}}
func.func private @buffer_type_c2_sign(!gemrt.buffer<[4], i8>)

// -----

// Tests that a constant's extents are positive.
// expected-error @below {{expected extents of 1 to 2147483647, but got -1}}
func.func private @constant_type_c1(!gemrt.constant<[4, -1], f32, row_major>)

// -----

// Tests that a constant's elements are what kernels read.
// expected-error @below {{expected elements of f32, f16, ui16 or a gem.q type, but got 'i32'}}
func.func private @constant_type_c2(!gemrt.constant<[4], i32, row_major>)

// -----

// Tests that no kernel reads bf16.
// expected-error @below {{expected elements of f32, f16, ui16 or a gem.q type, but got 'bf16'}}
func.func private @constant_type_c2_bf16(!gemrt.constant<[4], bf16, row_major>)

// -----

// Tests that only a matrix has panels.
// expected-error @below {{expected two extents for layout panel_16, but got 1}}
func.func private @constant_type_c3(!gemrt.constant<[16], f32, panel_16>)

// -----

// Tests that only a matrix or a table is quantized.
// expected-error @below {{expected two extents for quantized elements, but got 1}}
func.func private @constant_type_c3_quantized(!gemrt.constant<[16], !gem.q<i8>, row_major>)

// -----

// Tests that a layout has a known name.
// expected-error @below {{expected a layout, but got 'column_major'}}
func.func private @constant_type_layout(!gemrt.constant<[4, 4], f32, column_major>)

// -----

// Tests that a symbol is at least 1.
gemrt.program @main device("host") {
  // expected-error @below {{expected 1 <= minimum <= maximum <= 1048576, but got 0 and 4}}
  gemrt.symbol @symbol_c1 min(0) max(4)
}

// -----

// Tests that a symbol has bounds that are in order.
gemrt.program @main device("host") {
  // expected-error @below {{expected 1 <= minimum <= maximum <= 1048576, but got 5 and 4}}
  gemrt.symbol @symbol_c1 min(5) max(4)
}

// -----

// Tests that a symbol is at most 2^20.
gemrt.program @main device("host") {
  // expected-error @below {{expected 1 <= minimum <= maximum <= 1048576, but got 1 and 1048577}}
  gemrt.symbol @symbol_c1 min(1) max(1048577)
}

// -----

// Tests that a tokenizer segment has data.
gemrt.program @main device("host") {
  // expected-error @below {{expected data, pad_id and maximum_tokens for a tokenizer segment, and for no other}}
  gemrt.segment @segment_c1_data kind(tokenizer) {maximum_tokens = 64 : i64, pad_id = 0 : i64}
}

// -----

// Tests that a tokenizer segment has a pad id.
gemrt.program @main device("host") {
  // expected-error @below {{expected data, pad_id and maximum_tokens for a tokenizer segment, and for no other}}
  gemrt.segment @segment_c1_pad kind(tokenizer) data(dense<0> : tensor<4xui8>)
      {maximum_tokens = 64 : i64}
}

// -----

// Tests that a tokenizer segment bounds the tokens of a text.
gemrt.program @main device("host") {
  // expected-error @below {{expected data, pad_id and maximum_tokens for a tokenizer segment, and for no other}}
  gemrt.segment @segment_c1_tokens kind(tokenizer) data(dense<0> : tensor<4xui8>)
      {pad_id = 0 : i64}
}

// -----

// Tests that a weights segment has no data of its own.
gemrt.program @main device("host") {
  // expected-error @below {{expected data, pad_id and maximum_tokens for a tokenizer segment, and for no other}}
  gemrt.segment @segment_c1_weights kind(weights) data(dense<0> : tensor<4xui8>)
}

// -----

// Tests that a segment is of a known kind.
gemrt.program @main device("host") {
  // expected-error @below {{invalid what a segment holds specification: shaders}}
  gemrt.segment @segment_kind kind(shaders)
}

// -----

// Tests that a constant's data is floating-point.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected a tensor of f32, f16, bf16, ui16 or (encoded) ui8, but got 'tensor<4xi32>'}}
  gemrt.constant @constant_c1_data in @s dense<1> : tensor<4xi32>
      as !gemrt.constant<[4], f32, row_major>
}

// -----

// Tests that a constant is stored with its extents.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected the extents of 'tensor<4xf32>', but got '!gemrt.constant<[5], f32, row_major>'}}
  gemrt.constant @constant_c1 in @s dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[5], f32, row_major>
}

// -----

// Tests that an encoding has the bytes of what it encodes: 16 codes and 2 scales.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected encoded data of 24 bytes, but got 'tensor<16xui8>'}}
  gemrt.constant @constant_c1_encoded in @s dense<1> : tensor<16xui8>
      as !gemrt.constant<[2, 8], !gem.q<i8>, row_major>
}

// -----

// Tests that an encoding is one row of bytes.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected encoded data of 24 bytes, but got 'tensor<2x12xui8>'}}
  gemrt.constant @constant_c1_encoded_rank in @s dense<1> : tensor<2x12xui8>
      as !gemrt.constant<[2, 8], !gem.q<i8>, row_major>
}

// -----

// Tests that bytes are not taken for floats.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected quantized elements for encoded data, but got '!gemrt.constant<[24], f32, row_major>'}}
  gemrt.constant @constant_c1_bytes in @s dense<1> : tensor<24xui8>
      as !gemrt.constant<[24], f32, row_major>
}

// -----

// Tests that indices are not taken for floats.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected ui16 to be stored as ui16, and nothing else, but got 'tensor<24xui16>' as '!gemrt.constant<[24], f32, row_major>'}}
  gemrt.constant @constant_c1_indices in @s dense<1> : tensor<24xui16>
      as !gemrt.constant<[24], f32, row_major>
}

// -----

// Tests that floats are not taken for indices.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected ui16 to be stored as ui16, and nothing else, but got 'tensor<24xf32>' as '!gemrt.constant<[24], ui16, row_major>'}}
  gemrt.constant @constant_c1_floats in @s dense<1.0> : tensor<24xf32>
      as !gemrt.constant<[24], ui16, row_major>
}

// -----

// Tests that a constant's segment is there.
gemrt.program @main device("host") {
  // expected-error @below {{expected the name of a segment of kind 'weights', but got @s}}
  gemrt.constant @constant_c2 in @s dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[4], f32, row_major>
}

// -----

// Tests that a constant's segment is for weights.
gemrt.program @main device("host") {
  gemrt.segment @s kind(tokenizer) data(dense<0> : tensor<4xui8>)
      {maximum_tokens = 64 : i64, pad_id = 0 : i64}
  // expected-error @below {{expected the name of a segment of kind 'weights', but got @s}}
  gemrt.constant @constant_c2_kind in @s dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[4], f32, row_major>
}

// -----

// Tests that a constant is aligned.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected an offset that is a multiple of 64, but got 32}}
  gemrt.constant @constant_c3 in @s at(32) dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[4], f32, row_major>
}

// -----

// Tests that a constant's offset is not negative.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  // expected-error @below {{expected an offset that is a multiple of 64, but got -64}}
  gemrt.constant @constant_c3_negative in @s at(-64) dense<1.0> : tensor<4xf32>
      as !gemrt.constant<[4], f32, row_major>
}

// -----

// Tests that in a planned entry each buffer has its place.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)

  gemrt.entry @entry_c1_unplanned arena(1024) {
    // expected-error @below {{expected an offset in an entry with a planned arena}}
    %0 = gemrt.alloc : !gemrt.buffer<[n], f32>
  }
}

// -----

// Tests that a buffer is in the arena, with its symbols at their maxima.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)

  gemrt.entry @entry_c1 arena(127) {
    // expected-error @below {{expected to end within the arena of 127 bytes, but got 64 bytes at 64}}
    %0 = gemrt.alloc at(64) : !gemrt.buffer<[n], f32>
  }
}

// -----

// Tests that a buffer's end does not overflow.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)

  gemrt.entry @entry_c1_overflow arena(1024) {
    // expected-error @below {{expected to end within the arena of 1024 bytes, but got 64 bytes at 9223372036854775744}}
    %0 = gemrt.alloc at(9223372036854775744) : !gemrt.buffer<[n], f32>
  }
}

// -----

// Tests that a buffer's symbols are the program's.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(16)

  gemrt.entry @entry_c2_symbol {
    // expected-error @below {{expected a gemrt.symbol named 'm' for '!gemrt.buffer<[n, m], f32>'}}
    %0 = gemrt.alloc : !gemrt.buffer<[n, m], f32>
  }
}

// -----

// Tests that a buffer's size is sane, where it overflows too.
gemrt.program @main device("host") {
  gemrt.symbol @n min(1) max(1048576)
  gemrt.entry @entry_c2_size {
    // expected-error @below {{expected less than 2^48 bytes, but got '!gemrt.buffer<[n, n, n, n], f32>'}}
    %0 = gemrt.alloc : !gemrt.buffer<[n, n, n, n], f32>
  }
}

// -----

// Tests that a buffer is aligned.
gemrt.program @main device("host") {
  gemrt.entry @alloc_c1 {
    // expected-error @below {{expected an offset that is a multiple of 64, but got 32}}
    %0 = gemrt.alloc at(32) : !gemrt.buffer<[4], f32>
  }
}

// -----

// Tests that a buffer's offset is not negative.
gemrt.program @main device("host") {
  gemrt.entry @alloc_c1_negative {
    // expected-error @below {{expected an offset that is a multiple of 64, but got -64}}
    %0 = gemrt.alloc at(-64) : !gemrt.buffer<[4], f32>
  }
}

// -----

// Tests that the name of a constant is defined.
gemrt.program @main device("host") {
  gemrt.entry @get_constant_c1 {
    // expected-error @below {{expected the name of a constant of type '!gemrt.constant<[4], f32, row_major>', but got @w}}
    %0 = gemrt.get_constant @w : !gemrt.constant<[4], f32, row_major>
  }
}

// -----

// Tests that a constant is read in its own type.
gemrt.program @main device("host") {
  gemrt.segment @s kind(weights)

  gemrt.constant @w in @s dense<1.0> : tensor<4xf32> as !gemrt.constant<[4], f32, row_major>
  gemrt.entry @get_constant_c1_type {
    // expected-error @below {{expected the name of a constant of type '!gemrt.constant<[5], f32, row_major>', but got @w}}
    %0 = gemrt.get_constant @w : !gemrt.constant<[5], f32, row_major>
  }
}

// -----

// Tests that integers have a range.
gemrt.program @main device("host") {
  gemrt.entry @input_c1_none {
    %0 = gemrt.alloc : !gemrt.buffer<[4], i32>
    // expected-error @below {{expected a range for an i32 input, and for no other}}
    gemrt.input "ids" %0 : !gemrt.buffer<[4], i32>
  }
}

// -----

// Tests that only integers have a range.
gemrt.program @main device("host") {
  gemrt.entry @input_c1_float {
    %0 = gemrt.alloc : !gemrt.buffer<[4], f32>
    // expected-error @below {{expected a range for an i32 input, and for no other}}
    gemrt.input "x" range(0, 1) %0 : !gemrt.buffer<[4], f32>
  }
}

// -----

// Tests that a range is in order, with signs.
gemrt.program @main device("host") {
  gemrt.entry @input_c1_order {
    %0 = gemrt.alloc : !gemrt.buffer<[4], i32>
    // expected-error @below {{expected minimum <= maximum, but got 0 and -1}}
    gemrt.input "ids" range(0, -1) %0 : !gemrt.buffer<[4], i32>
  }
}

// -----

// Tests that an output is written.
gemrt.program @main device("host") {
  gemrt.entry @output_c1 {
    %0 = gemrt.alloc : !gemrt.buffer<[4], f32>
    // expected-error @below {{expected a buffer that a call writes}}
    gemrt.output "y" %0 : !gemrt.buffer<[4], f32>
  }
}

// -----

// Tests that a buffer that is only read is not written.
gemrt.program @main device("host") {
  gemrt.entry @output_c1_read {
    %0 = gemrt.alloc : !gemrt.buffer<[4, 8], f32>
    %1 = gemrt.alloc : !gemrt.buffer<[4, 8], f32>
    gemrt.submit cpu {
      gemrt.call #gemrt.add ins(%0, %0) outs(%1)
          : (!gemrt.buffer<[4, 8], f32>, !gemrt.buffer<[4, 8], f32>)
            -> (!gemrt.buffer<[4, 8], f32>)
    }
    // expected-error @below {{expected a buffer that a call writes}}
    gemrt.output "y" %0 : !gemrt.buffer<[4, 8], f32>
  }
}

// -----

// Tests that a driver has a known name.
gemrt.program @main device("host") {
  gemrt.entry @driver {
    // expected-error @below {{invalid who executes a submission specification: gpu}}
    gemrt.submit gpu {
    }
  }
}

// -----

// Tests that operations are where they belong.
// expected-error @below {{expects parent op 'gemrt.program'}}
gemrt.symbol @parent min(1) max(2)
