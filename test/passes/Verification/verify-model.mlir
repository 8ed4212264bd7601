// RUN: gem-opt %s --gem-verify-model --split-input-file --verify-diagnostics
// RUN: not gem-opt %s --gem-verify-model=check-finite=false --split-input-file 2>&1 \
// RUN:   | FileCheck %s

// With the option off, no weight is looked into.
// CHECK-NOT: expected finite values

// Tests that a table needs a row for each position that the symbol permits: the example
// of the documentation.
gem.symbol @n min(2) max(64)
gem.weight @positions dense<1.0> : tensor<32x8xf32>
func.func @main(%x: tensor<?x8xf32, #gem.dims<n>> {gem.name = "x"})
    -> (tensor<?x8xf32, #gem.dims<n>> {gem.name = "y"}) {
  %t = gem.get_weight @positions : tensor<32x8xf32>
  // expected-error @below {{expected a table of at least 64 rows, the maximum of @n, but got 32}}
  %y = gem.add_position %x, %t : tensor<?x8xf32, #gem.dims<n>>, tensor<32x8xf32>
  return %y : tensor<?x8xf32, #gem.dims<n>>
}

// -----

// Tests that there must be an entry point.
// expected-error @below {{expected at least one func.func, an entry point}}
module {
}

// -----

// Tests that there is one tokenizer at most.
gem.tokenizer @first dense<0> : tensor<4xui8> vocabulary(8) pad(0) maximum_tokens(4)
// expected-error @below {{expected one tokenizer, but got another beside @first}}
gem.tokenizer @second dense<0> : tensor<4xui8> vocabulary(8) pad(0) maximum_tokens(4)
func.func @main(%x: tensor<1x8xf32> {gem.name = "x"}) {
  return
}

// -----

// Tests that a dynamic extent needs a name, in an argument as in an operation.
// expected-error @below {{expected #gem.dims to name the dynamic extents of 'tensor<?x8xf32>'}}
func.func @main(%x: tensor<?x8xf32> {gem.name = "x"}) {
  // expected-error @below {{expected #gem.dims to name the dynamic extents of 'tensor<?x8xf32>'}}
  %0 = gem.gelu %x : tensor<?x8xf32>
  return
}

// -----

// Tests that the name of an extent is a symbol of the module, not some other name.
gem.weight @m dense<1.0> : tensor<8xf32>
// expected-error @below {{expected a gem.symbol named 'm' for 'tensor<?x8xf32, #gem.dims<m>>'}}
func.func @main(%x: tensor<?x8xf32, #gem.dims<m>> {gem.name = "x"}) {
  return
}

// -----

// Tests that an extent is not 0.
// expected-error @below {{expected positive extents, but got 'tensor<0x8xf32>'}}
func.func @main(%x: tensor<0x8xf32> {gem.name = "x"}) {
  return
}

// -----

// Tests that an argument needs a name, and each one of its own.
// expected-error @below {{expected argument #0 to have a gem.name}}
// expected-error @below {{expected arguments to have different names, but got 'x' twice}}
func.func @main(%w: tensor<1x8xf32>, %x: tensor<1x8xf32> {gem.name = "x"},
                %y: tensor<1x8xf32> {gem.name = "x"}) {
  return
}

// -----

// Tests that a result needs a name, and each one of its own; an argument may have the
// same.
// expected-error @below {{expected result #2 to have a gem.name}}
// expected-error @below {{expected results to have different names, but got 'x' twice}}
func.func @main(%x: tensor<1x8xf32> {gem.name = "x"})
    -> (tensor<1x8xf32> {gem.name = "x"}, tensor<1x8xf32> {gem.name = "x"}, tensor<1x8xf32>) {
  return %x, %x, %x : tensor<1x8xf32>, tensor<1x8xf32>, tensor<1x8xf32>
}

// -----

// Tests that what a caller fills is a tensor.
// expected-error @below {{expected argument 'x' to be a tensor, but got 'i32'}}
func.func @main(%x: i32 {gem.name = "x"}) {
  return
}

// -----

// Tests that the type of an argument fits its role.
// expected-error @below {{expected 'a' to have a type that fits role 'token_ids', but got 'tensor<4xf32>'}}
// expected-error @below {{expected 'b' to have a type that fits role 'token_count', but got 'tensor<2xi32>'}}
func.func @main(%a: tensor<4xf32> {gem.name = "a", gem.role = #gem.role<token_ids>},
                %b: tensor<2xi32> {gem.name = "b", gem.role = #gem.role<token_count>}) {
  return
}

// -----

// Tests that the type of a result fits its role.
// expected-error @below {{expected 'a' to have a type that fits role 'logits', but got 'tensor<1x3xf32>'}}
// expected-error @below {{expected 'b' to have a type that fits role 'routed', but got 'tensor<4xi32>'}}
// expected-error @below {{expected 'c' to have a type that fits role 'cluster', but got 'tensor<4xi1>'}}
// expected-error @below {{expected 'd' to have a type that fits role 'hidden_states', but got 'tensor<8xf32>'}}
// expected-error @below {{expected 'e' to have a type that fits role 'cls', but got 'tensor<8xf32>'}}
// expected-error @below {{expected 'f' to have a type that fits role 'activation', but got 'tensor<8xf32>'}}
func.func private @main()
    -> (tensor<1x3xf32> {gem.name = "a", gem.role = #gem.role<logits>},
        tensor<4xi32> {gem.name = "b", gem.role = #gem.role<routed>},
        tensor<4xi1> {gem.name = "c", gem.role = #gem.role<cluster>},
        tensor<8xf32> {gem.name = "d", gem.role = #gem.role<hidden_states>},
        tensor<8xf32> {gem.name = "e", gem.role = #gem.role<cls>},
        tensor<8xf32> {gem.name = "f", gem.role = #gem.role<activation>})

// -----

// Tests that a row can only be selected where every length has it.
gem.symbol @n min(2) max(64)
func.func @main(%x: tensor<?x8xf32, #gem.dims<n>> {gem.name = "x"})
    -> (tensor<1x8xf32> {gem.name = "y"}) {
  %0 = gem.select %x[1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  // expected-error @below {{expected a row below 2, the minimum of @n, but got row 2}}
  %1 = gem.select %x[2] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return %1 : tensor<1x8xf32>
}

// -----

// Tests that attention's queries are tokens at every length: of fixed number, of another
// symbol, and from a first one on.
gem.symbol @n min(2) max(64)
gem.symbol @m min(1) max(3)
func.func @main(%q: tensor<1x8xf32> {gem.name = "q"},
                %x: tensor<?x8xf32, #gem.dims<n>> {gem.name = "x"},
                %y: tensor<?x8xf32, #gem.dims<m>> {gem.name = "y"},
                %r: tensor<?xi1, #gem.dims<n>> {gem.name = "r"},
                %c: tensor<?xi32, #gem.dims<n>> {gem.name = "c"}) {
  %0 = gem.attention %q, %x, %x heads(2) head_dim(4) scale(1.0) first_query(1)
      : (tensor<1x8xf32>, tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>)
        -> tensor<1x8xf32>
  // expected-error @below {{expected the queries to be among the 2 tokens that there are at least, but got up to 1 queries from token 2}}
  %1 = gem.attention %q, %x, %x heads(2) head_dim(4) scale(1.0) first_query(2)
      : (tensor<1x8xf32>, tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>)
        -> tensor<1x8xf32>
  // expected-error @below {{expected the queries to be among the 2 tokens that there are at least, but got up to 3 queries from token 0}}
  %2 = gem.attention %y, %x, %x heads(2) head_dim(4) scale(1.0)
      : (tensor<?x8xf32, #gem.dims<m>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?x8xf32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<m>>
  // expected-error @below {{expected the queries to be among the 2 tokens that there are at least, but got up to 64 queries from token 1}}
  %3 = gem.scar_attention %x, %x, %x, %r, %c
      heads(2) head_dim(4) scale(1.0) predicate(either) first_query(1)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?x8xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
         tensor<?xi32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
  return
}

// -----

// Tests that the table of words has a row for each id of the tokenizer. Ids that the
// tokenizer does not make, such as those of token types, may have a smaller table.
gem.symbol @n min(2) max(64)
gem.tokenizer @wordpiece dense<0> : tensor<4xui8> vocabulary(100) pad(0) maximum_tokens(64)
gem.weight @words dense<1.0> : tensor<99x8xf32>
gem.weight @types dense<1.0> : tensor<2x8xf32>
func.func @main(
    %ids: tensor<?xi32, #gem.dims<n>> {gem.name = "ids", gem.role = #gem.role<token_ids>},
    %type_ids: tensor<?xi32, #gem.dims<n>> {gem.name = "type_ids"}) {
  %words = gem.get_weight @words : tensor<99x8xf32>
  %types = gem.get_weight @types : tensor<2x8xf32>
  // expected-error @below {{expected a table of at least 100 rows, the vocabulary of @wordpiece, but got 99}}
  %0 = gem.embedding %ids, %words
      : (tensor<?xi32, #gem.dims<n>>, tensor<99x8xf32>) -> tensor<?x8xf32, #gem.dims<n>>
  %1 = gem.embedding %type_ids, %types
      : (tensor<?xi32, #gem.dims<n>>, tensor<2x8xf32>) -> tensor<?x8xf32, #gem.dims<n>>
  return
}

// -----

// Tests that the tokenizer gives no more ids than the model takes, by the symbol.
gem.symbol @n min(2) max(64)
// expected-error @below {{expected maximum_tokens of at most 64, as @main takes, but got 65}}
gem.tokenizer @wordpiece dense<0> : tensor<4xui8> vocabulary(100) pad(0) maximum_tokens(65)
func.func @main(
    %ids: tensor<?xi32, #gem.dims<n>> {gem.name = "ids", gem.role = #gem.role<token_ids>}) {
  return
}

// -----

// Tests the same for a fixed number of ids.
// expected-error @below {{expected maximum_tokens of at most 64, as @main takes, but got 65}}
gem.tokenizer @wordpiece dense<0> : tensor<4xui8> vocabulary(100) pad(0) maximum_tokens(65)
func.func @main(
    %ids: tensor<64xi32> {gem.name = "ids", gem.role = #gem.role<token_ids>}) {
  return
}

// -----

// Tests that there is a label for each logit.
module attributes {gem.labels = ["a", "b"]} {
  // expected-error @below {{expected as many labels as logits, 3, but got 2}}
  func.func private @main() -> (tensor<3xf32> {gem.name = "y", gem.role = #gem.role<logits>})
}

// -----

// Tests that weights must be finite, in every type, as a splat or not.
// expected-error @below {{expected finite values, but got NaN at element 1}}
gem.weight @f32 dense<[1.0, 0x7FC00000, 0x7F800000]> : tensor<3xf32>
// expected-error @below {{expected finite values, but got infinity at element 2}}
gem.weight @f16 dense<[1.0, 65504.0, 0x7C00]> : tensor<3xf16>
// expected-error @below {{expected finite values, but got infinity at element 0}}
gem.weight @bf16 dense<0xFF80> : tensor<2x3xbf16>
// expected-error @below {{expected finite values, but got NaN at element 0}}
gem.weight @one dense_resource<one> : tensor<1xf32>
func.func @main(%x: tensor<1x8xf32> {gem.name = "x"}) {
  return
}
{-#
  dialect_resources: { builtin: { one: "0x040000000000C07F" } }
#-}

// -----

// Tests that a large splat is not read element by element, which would take minutes.
gem.weight @large dense<1.0> : tensor<1048576x1048576xf32>
func.func @main(%x: tensor<1x8xf32> {gem.name = "x"}) {
  return
}

// -----

// Tests that a weight of which the data was elided is not refused.
gem.weight @elided dense_resource<__elided__> : tensor<1xf32>
func.func @main(%x: tensor<1x8xf32> {gem.name = "x"}) {
  return
}
