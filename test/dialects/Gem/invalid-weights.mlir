// RUN: gem-opt %s --split-input-file --verify-diagnostics

// Tests that codes have a width that kernels know.
// expected-error @below {{expected codes of 8, 4, 3 or 2 bits, but got 5}}
func.func private @quantized_type_c1(tensor<2x8x!gem.q<i5>>)

// -----

// Tests that codes are signed by their own two's complement, and so have no sign to choose.
// expected-error @below {{expected codes of a signless integer type, but got 'ui8'}}
func.func private @quantized_type_c1_sign(tensor<2x8x!gem.q<ui8>>)

// -----

// Tests that codes are integers.
// expected-error @below {{invalid kind of type specified}}
func.func private @quantized_type_code(tensor<2x8x!gem.q<f16>>)

// -----

// Tests that a group has a size that kernels know.
// expected-error @below {{expected a group of 32, 64 or 128 values, but got 16}}
func.func private @quantized_type_c2(tensor<2x8x!gem.q<i4, group = 16>>)

// -----

// Tests that a group is not negative.
// expected-error @below {{expected a group of 32, 64 or 128 values, but got -32}}
func.func private @quantized_type_c2_negative(tensor<2x8x!gem.q<i4, group = -32>>)

// -----

// Tests that codes of 8 bits have no groups.
// expected-error @below {{expected no groups for codes of 8 bits, but got 32}}
func.func private @quantized_type_c2_bits(tensor<2x8x!gem.q<i8, group = 32>>)

// -----

// Tests that scales in f16 are those of groups.
// expected-error @below {{expected a group for scales in f16}}
func.func private @quantized_type_c3(tensor<2x8x!gem.q<i4, scales = f16>>)

// -----

// Tests that scales are f16 or what goes without saying.
// expected-error @below {{expected 'f16'}}
func.func private @quantized_type_scales(tensor<2x8x!gem.q<i4, group = 32, scales = f32>>)

// -----

// Tests that a weight is a tensor.
// expected-error @below {{expected a tensor of f32, f16, bf16, ui16 or (encoded) ui8, but got 'vector<2xf32>'}}
gem.weight @weight_c1_vector dense<1.0> : vector<2xf32>

// -----

// Tests that a weight has floating-point elements.
// expected-error @below {{expected a tensor of f32, f16, bf16, ui16 or (encoded) ui8, but got 'tensor<2xi32>'}}
gem.weight @weight_c1_element dense<1> : tensor<2xi32>

// -----

// Tests that a weight's data is dense.
// expected-error @below {{expected dense or dense_resource data, but got another kind}}
gem.weight @weight_c1_sparse sparse<[[0]], [1.0]> : tensor<2xf32>

// -----

// Tests that a weight is not empty.
// expected-error @below {{expected positive extents and at most 2^40 elements, but got 'tensor<0x8xf32>'}}
gem.weight @weight_c1_empty dense<1.0> : tensor<0x8xf32>

// -----

// Tests that a weight's size is sane.
// expected-error @below {{expected positive extents and at most 2^40 elements, but got 'tensor<1099511627777xf32>'}}
gem.weight @weight_c1_large dense<1.0> : tensor<1099511627777xf32>

// -----

// Tests that a weight's size is sane where the product of the extents overflows.
// expected-error @below {{expected positive extents and at most 2^40 elements, but got 'tensor<4294967296x4294967296xf32>'}}
gem.weight @weight_c1_overflow dense<1.0> : tensor<4294967296x4294967296xf32>

// -----

// Tests that a weight is stored in its own shape.
// expected-error @below {{expected stored to have the shape of 'tensor<2x8xf16>', but got 'tensor<8x2xf32>'}}
gem.weight @weight_c2 dense<1.0> : tensor<2x8xf16> stored(tensor<8x2xf32>)

// -----

// Tests that a weight is stored in f32 or f16 where it is not what the checkpoint has.
// expected-error @below {{expected stored to be f32, f16 or quantized, but got 'tensor<2xbf16>'}}
gem.weight @weight_c3_other dense<1.0> : tensor<2xf16> stored(tensor<2xbf16>)

// -----

// Tests that a weight is not stored in integers.
// expected-error @below {{expected stored to be f32, f16 or quantized, but got 'tensor<2xi32>'}}
gem.weight @weight_c3_integer dense<1.0> : tensor<2xf16> stored(tensor<2xi32>)

// -----

// Tests that a vector is not quantized.
// expected-error @below {{expected a matrix or a table to be quantized, but got 'tensor<8x!gem.q<i8>>'}}
gem.weight @weight_c3_vector dense<1.0> : tensor<8xf16> stored(tensor<8x!gem.q<i8>>)

// -----

// Tests that bytes are an encoding of something.
// expected-error @below {{expected stored to be a quantized type that is encoded in 'tensor<24xui8>', but got 'tensor<24xui8>'}}
gem.weight @weight_c2_encoded dense<0> : tensor<24xui8>

// -----

// Tests that bytes are not an encoding of floats.
// expected-error @below {{expected stored to be a quantized type that is encoded in 'tensor<64xui8>', but got 'tensor<2x8xf32>'}}
gem.weight @weight_c2_encoded_floats dense<0> : tensor<64xui8> stored(tensor<2x8xf32>)

// -----

// Tests that an encoding has the bytes of its type: 16 codes and 2 scales are 24.
// expected-error @below {{expected stored to be a quantized type that is encoded in 'tensor<23xui8>', but got 'tensor<2x8x!gem.q<i8>>'}}
gem.weight @weight_c2_encoded_bytes dense<0> : tensor<23xui8> stored(tensor<2x8x!gem.q<i8>>)

// -----

// Tests that an encoding is one row of bytes.
// expected-error @below {{expected stored to be a quantized type that is encoded in 'tensor<1x24xui8>', but got 'tensor<2x8x!gem.q<i8>>'}}
gem.weight @weight_c2_encoded_rank dense<0> : tensor<1x24xui8> stored(tensor<2x8x!gem.q<i8>>)

// -----

// Tests that what is encoded has its extents.
// expected-error @below {{expected stored to be a quantized type that is encoded in 'tensor<24xui8>', but got 'tensor<?x8x!gem.q<i8>>'}}
gem.weight @weight_c2_encoded_dynamic dense<0> : tensor<24xui8> stored(tensor<?x8x!gem.q<i8>>)

// -----

// Tests that the extents of what is encoded do not overflow: 2^64 codes, 2^34 bytes of scales.
// expected-error @below {{expected stored to be a quantized type that is encoded in 'tensor<17179869184xui8>', but got 'tensor<4294967296x4294967296x!gem.q<i8>>'}}
gem.weight @weight_c2_encoded_overflow dense<0> : tensor<17179869184xui8>
    stored(tensor<4294967296x4294967296x!gem.q<i8>>)

// -----

// Tests that indices are not converted.
// expected-error @below {{expected 'tensor<8xui16>' to be stored as it is, but got 'tensor<8xf32>'}}
gem.weight @weight_c2_indices dense<1> : tensor<8xui16> stored(tensor<8xf32>)

// -----

// Tests that only a matrix has panels.
// expected-error @below {{expected a matrix for layout panel_16, but got 'tensor<16xf32>'}}
gem.weight @weight_c4 dense<1.0> : tensor<16xf32> layout(panel_16)

// -----

// Tests that a resource has the bytes of its type.
// expected-error @below {{expected 12 bytes of data for 'tensor<3xf32>', but got 8}}
gem.weight @weight_c5 dense_resource<w> : tensor<3xf32>
{-#
  dialect_resources: { builtin: { w: "0x040000000000803F00000040" } }
#-}

// -----

// Tests that the name of a weight is defined.
func.func @get_weight_c1() {
  // expected-error @below {{expected the name of a gem.weight, but got @missing}}
  %0 = gem.get_weight @missing : tensor<2x8xf32>
  return
}

// -----

// Tests that the name of a weight is that of a weight.
gem.symbol @n min(1) max(2)
func.func @get_weight_c1_symbol() {
  // expected-error @below {{expected the name of a gem.weight, but got @n}}
  %0 = gem.get_weight @n : tensor<2x8xf32>
  return
}

// -----

// Tests that a weight is read in the type in which it is stored.
gem.weight @w dense<1.0> : tensor<2x8xf16> stored(tensor<2x8xf32>)
func.func @get_weight_c2() {
  // expected-error @below {{expected the weight's type 'tensor<2x8xf32>', but got 'tensor<2x8xf16>'}}
  %0 = gem.get_weight @w : tensor<2x8xf16>
  return
}
