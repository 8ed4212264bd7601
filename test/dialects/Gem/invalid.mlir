// RUN: gem-opt %s --split-input-file --verify-diagnostics

// Tests that each dynamic extent needs a name.
// expected-error @below {{expected #gem.dims to name 2 dynamic extent(s), but got 1}}
func.func private @dims_c1(tensor<?x?xf32, #gem.dims<n>>)

// -----

// Tests that a static extent takes no name.
// expected-error @below {{expected #gem.dims to name 0 dynamic extent(s), but got 1}}
func.func private @dims_c1_static(tensor<4xf32, #gem.dims<n>>)

// -----

// Tests that the names of extents are keywords.
// expected-error @below {{expected valid keyword}}
func.func private @dims_keyword(tensor<?xf32, #gem.dims<4>>)

// -----

// Tests that a keyword of an operation is one of its enumeration.
func.func @keyword(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{invalid activation function specification: relu}}
  %0 = gem.linear %x, %w activation(relu) : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<1x4xf32>
  return
}

// -----

// Tests that `gem.model` is
// a dictionary with the strings 'name' and 'architecture'.
// expected-error @below {{expected attribute 'gem.model' to be a dictionary with the strings 'name' and 'architecture', but got "tiny"}}
module attributes {gem.model = "tiny"} {}

// -----

// Tests that `gem.model` is
// a dictionary with the strings 'name' and 'architecture'.
// expected-error @below {{expected attribute 'gem.model' to be a dictionary with the strings 'name' and 'architecture', but got }}
module attributes {gem.model = {name = "tiny"}} {}

// -----

// Tests that `gem.model` is
// a dictionary with the strings 'name' and 'architecture'.
// expected-error @below {{expected attribute 'gem.model' to be a dictionary with the strings 'name' and 'architecture', but got }}
module attributes {gem.model = {architecture = "gem", name = 1}} {}

// -----

// Tests that `gem.model` is a dictionary whose 'parameters' is an integer.
// expected-error @below {{expected attribute 'gem.model' to be a dictionary whose 'parameters' is an integer, but got }}
module attributes {gem.model = {architecture = "gem", name = "tiny", parameters = "many"}} {}

// -----

// Tests that `gem.labels` is an array of strings.
// expected-error @below {{expected attribute 'gem.labels' to be an array of strings, but got ["a", 1]}}
module attributes {gem.labels = ["a", 1]} {}

// -----

// Tests that `gem.labels` is an array of strings.
// expected-error @below {{expected attribute 'gem.labels' to be an array of strings, but got "a"}}
module attributes {gem.labels = "a"} {}

// -----

// Tests that `gem.provenance` is a dictionary of strings.
// expected-error @below {{expected attribute 'gem.provenance' to be a dictionary of strings, but got }}
module attributes {gem.provenance = {source = 1}} {}

// -----

// Tests that `gem.provenance` is a dictionary of strings.
// expected-error @below {{expected attribute 'gem.provenance' to be a dictionary of strings, but got ["x"]}}
module attributes {gem.provenance = ["x"]} {}

// -----

// Tests that `gem.padded` is a unit attribute.
// expected-error @below {{expected attribute 'gem.padded' to be a unit attribute, but got true}}
module attributes {gem.padded = true} {}

// -----

// Tests that the dialect refuses attributes that it does not know.
// expected-error @below {{has unknown attribute 'gem.labelz'}}
module attributes {gem.labelz = ["a"]} {}

// -----

// Tests that the name of an argument is a string.
// expected-error @below {{expected attribute 'gem.name' to be a string that is not empty, but got 1}}
func.func private @argument_name(tensor<4xf32> {gem.name = 1})

// -----

// Tests that the name of a result is not empty.
// expected-error @below {{expected attribute 'gem.name' to be a string that is not empty, but got ""}}
func.func private @result_name() -> (tensor<4xf32> {gem.name = ""})

// -----

// Tests that the role of an argument is one.
// expected-error @below {{expected attribute 'gem.role' to be a #gem.role, but got "logits"}}
func.func private @argument_role(tensor<4xf32> {gem.role = "logits"})

// -----

// Tests that a role has a known name.
// expected-error @below {{expected ::gem::Role to be one of: token_ids, token_count, logits, routed, cluster, hidden_states, cls, activation}}
// expected-error @below {{failed to parse Gem_RoleAttr parameter 'value'}}
func.func private @role_name(tensor<4xf32> {gem.role = #gem.role<label>})

// -----

// Tests that an argument has no other attribute of the dialect.
// expected-error @below {{has unknown attribute 'gem.rule' on an argument or result}}
func.func private @argument_attribute(tensor<4xf32> {gem.rule = 1})

// -----

// Tests that a result has no other attribute of the dialect.
// expected-error @below {{has unknown attribute 'gem.labels' on an argument or result}}
func.func private @result_attribute() -> (tensor<4xf32> {gem.labels = ["a"]})

// -----

// Tests that a symbol is at least 1.
// expected-error @below {{expected 1 <= minimum <= maximum <= 1048576, but got 0 and 4}}
gem.symbol @symbol_c1 min(0) max(4)

// -----

// Tests that a symbol's bounds are in order.
// expected-error @below {{expected 1 <= minimum <= maximum <= 1048576, but got 5 and 4}}
gem.symbol @symbol_c1 min(5) max(4)

// -----

// Tests that a symbol is at most 2^20.
// expected-error @below {{expected 1 <= minimum <= maximum <= 1048576, but got 1 and 1048577}}
gem.symbol @symbol_c1 min(1) max(1048577)

// -----

// Tests that a tokenizer's data is bytes.
// expected-error @below {{expected the data to be a rank-1 tensor of ui8, but got 'tensor<4xi8>'}}
gem.tokenizer @tokenizer_c1 dense<0> : tensor<4xi8> vocabulary(8) pad(0) maximum_tokens(4)

// -----

// Tests that a tokenizer's data is one row of bytes.
// expected-error @below {{expected the data to be a rank-1 tensor of ui8, but got 'tensor<2x2xui8>'}}
gem.tokenizer @tokenizer_c1_rank dense<0> : tensor<2x2xui8> vocabulary(8) pad(0) maximum_tokens(4)

// -----

// Tests that a tokenizer's data is a tensor.
// expected-error @below {{expected the data to be a rank-1 tensor of ui8, but got 'vector<4xui8>'}}
gem.tokenizer @tokenizer_c1_vector dense<0> : vector<4xui8> vocabulary(8) pad(0) maximum_tokens(4)

// -----

// Tests that the pad id is not negative.
// expected-error @below {{expected the pad id to be in the vocabulary of 8, but got -1}}
gem.tokenizer @tokenizer_c2_negative dense<0> : tensor<4xui8> vocabulary(8) pad(-1) maximum_tokens(4)

// -----

// Tests that the pad id is in the vocabulary.
// expected-error @below {{expected the pad id to be in the vocabulary of 8, but got 8}}
gem.tokenizer @tokenizer_c2 dense<0> : tensor<4xui8> vocabulary(8) pad(8) maximum_tokens(4)

// -----

// Tests that the size of the vocabulary is not negative.
// expected-error @below {{expected the pad id to be in the vocabulary of -8, but got 0}}
gem.tokenizer @tokenizer_c2_vocabulary dense<0> : tensor<4xui8> vocabulary(-8) pad(0) maximum_tokens(4)

// -----

// Tests that ids fit in an i32.
// expected-error @below {{expected a vocabulary of at most 2147483647, but got 2147483648}}
gem.tokenizer @tokenizer_c2_large dense<0> : tensor<4xui8> vocabulary(2147483648) pad(0) maximum_tokens(4)

// -----

// Tests that a text has room for [CLS] and [SEP].
// expected-error @below {{expected maximum_tokens to be 2 to 1048576, but got 1}}
gem.tokenizer @tokenizer_c3 dense<0> : tensor<4xui8> vocabulary(8) pad(0) maximum_tokens(1)

// -----

// Tests that the number of tokens has a bound.
// expected-error @below {{expected maximum_tokens to be 2 to 1048576, but got 1048577}}
gem.tokenizer @tokenizer_c3_large dense<0> : tensor<4xui8> vocabulary(8) pad(0) maximum_tokens(1048577)

// -----

// Tests that there is a row for each id.
func.func @embedding_c1(%ids: tensor<4xi32>, %t: tensor<16x8xf32>) {
  // expected-error @below {{expected the rows of the result to be 4, the number of ids, but got 5}}
  %0 = gem.embedding %ids, %t : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

// Tests that a dynamic number of rows is that of the ids.
func.func @embedding_c1_symbol(%ids: tensor<?xi32, #gem.dims<n>>, %t: tensor<16x8xf32>) {
  // expected-error @below {{expected the rows of the result to be n, the number of ids, but got m}}
  %0 = gem.embedding %ids, %t
      : (tensor<?xi32, #gem.dims<n>>, tensor<16x8xf32>) -> tensor<?x8xf32, #gem.dims<m>>
  return
}

// -----

// Tests that dynamic extents without names are not taken for the same.
func.func @embedding_c1_unnamed(%ids: tensor<?xi32>, %t: tensor<16x8xf32>) {
  // expected-error @below {{expected the rows of the result to be ?, the number of ids, but got ?}}
  %0 = gem.embedding %ids, %t : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// Tests that a row is as wide as the table.
func.func @embedding_c2(%ids: tensor<4xi32>, %t: tensor<16x8xf32>) {
  // expected-error @below {{expected the width of the result to be 8, that of the table, but got 7}}
  %0 = gem.embedding %ids, %t : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x7xf32>
  return
}

// -----

// Tests that each of several tables is as wide as a row.
func.func @embedding_c2_second(%ids: tensor<4xi32>, %t: tensor<16x8xf32>, %u: tensor<16x7xf32>) {
  // expected-error @below {{expected the width of the result to be 7, that of the table, but got 8}}
  %0 = gem.embedding %ids, %t, %u
      : (tensor<4xi32>, tensor<16x8xf32>, tensor<16x7xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that there are no more than four tables.
func.func @embedding_c2_many(%ids: tensor<4xi32>, %t: tensor<16x8xf32>) {
  // expected-error @below {{expected one to four tables, but got 5}}
  %0 = gem.embedding %ids, %t, %t, %t, %t, %t
      : (tensor<4xi32>, tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>, tensor<16x8xf32>,
         tensor<16x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that there is a table.
func.func @embedding_c2_none(%ids: tensor<4xi32>) {
  // expected-error @below {{expected one to four tables, but got 0}}
  %0 = "gem.embedding"(%ids) <{operandSegmentSizes = array<i32: 1, 0, 0>}>
      : (tensor<4xi32>) -> tensor<4x8xf32>
  return
}

// -----

// Tests that a map can name every row.
func.func @embedding_c3(%ids: tensor<4xi32>, %t: tensor<65530x8xf32>, %u: tensor<7x8xf32>,
                        %m: tensor<70000xui16>) {
  // expected-error @below {{expected tables of at most 65536 rows with a map, but got 65537}}
  %0 = gem.embedding %ids, %t, %u map %m
      : (tensor<4xi32>, tensor<65530x8xf32>, tensor<7x8xf32>, tensor<70000xui16>)
        -> tensor<4x8xf32>
  return
}

// -----

// Tests that the position table is as wide as the tokens.
func.func @add_position_c1(%x: tensor<?x8xf32, #gem.dims<n>>, %t: tensor<16x7xf32>) {
  // expected-error @below {{expected the width of the table to be 8, that of x, but got 7}}
  %0 = gem.add_position %x, %t : tensor<?x8xf32, #gem.dims<n>>, tensor<16x7xf32>
  return
}

// -----

// Tests that the position table has a row for each token.
func.func @add_position_c2(%x: tensor<17x8xf32>, %t: tensor<16x8xf32>) {
  // expected-error @below {{expected a table of at least 17 rows, but got 16}}
  %0 = gem.add_position %x, %t : tensor<17x8xf32>, tensor<16x8xf32>
  return
}

// -----

// Tests that the table is as wide as the tokens.
func.func @add_row_c1(%x: tensor<?x8xf32, #gem.dims<n>>, %t: tensor<2x7xf32>) {
  // expected-error @below {{expected the width of the table to be 8, that of x, but got 7}}
  %0 = gem.add_row %x, %t[0] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x7xf32>
  return
}

// -----

// Tests that the row is in the table.
func.func @add_row_c2(%x: tensor<?x8xf32, #gem.dims<n>>, %t: tensor<2x8xf32>) {
  // expected-error @below {{expected a row of the table's 2, but got row 2}}
  %0 = gem.add_row %x, %t[2] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xf32>
  return
}

// -----

// Tests that the row is not negative.
func.func @add_row_c2_negative(%x: tensor<?x8xf32, #gem.dims<n>>, %t: tensor<2x8xf32>) {
  // expected-error @below {{expected a row of the table's 2, but got row -1}}
  %0 = gem.add_row %x, %t[-1] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xf32>
  return
}

// -----

// Tests that the weight is as wide as x.
func.func @linear_c1(%x: tensor<1x8xf32>, %w: tensor<4x7xf32>) {
  // expected-error @below {{expected the width of the weight to be 8, that of x, but got 7}}
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<4x7xf32>) -> tensor<1x4xf32>
  return
}

// -----

// Tests that the result has the rows of x.
func.func @linear_c2_rows(%x: tensor<?x8xf32, #gem.dims<n>>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected the rows of the result to be n, those of x, but got 2}}
  %0 = gem.linear %x, %w : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>) -> tensor<2x4xf32>
  return
}

// -----

// Tests that the result has a column for each row of the weight.
func.func @linear_c2_width(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected the width of the result to be 4, the rows of the weight, but got 5}}
  %0 = gem.linear %x, %w : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<1x5xf32>
  return
}

// -----

// Tests that the bias has an element for each row of the weight.
func.func @linear_c3(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{expected the length of the bias to be 4, the rows of the weight, but got 8}}
  %0 = gem.linear %x, %w, %b
      : (tensor<1x8xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<1x4xf32>
  return
}

// -----

// Tests that the residual has the type of the result.
func.func @linear_c4(%x: tensor<1x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected the residual to have the result's type 'tensor<1x4xf32>', but got 'tensor<1x8xf32>'}}
  %0 = gem.linear %x, %w residual %x
      : (tensor<1x8xf32>, tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<1x4xf32>
  return
}

// -----

// Tests that gamma is as long as a row.
func.func @layer_norm_c1_gamma(%x: tensor<1x8xf32>, %g: tensor<7xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{expected the length of gamma to be 8, the width of x, but got 7}}
  %0 = gem.layer_norm %x, %g, %b epsilon(0.0) : tensor<1x8xf32>, tensor<7xf32>, tensor<8xf32>
  return
}

// -----

// Tests that beta is as long as a row.
func.func @layer_norm_c1_beta(%x: tensor<1x8xf32>, %g: tensor<8xf32>, %b: tensor<9xf32>) {
  // expected-error @below {{expected the length of beta to be 8, the width of x, but got 9}}
  %0 = gem.layer_norm %x, %g, %b epsilon(0.0) : tensor<1x8xf32>, tensor<8xf32>, tensor<9xf32>
  return
}

// -----

// Tests that epsilon is not negative.
func.func @layer_norm_c2_negative(%x: tensor<1x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{expected epsilon to be finite in f32 and not negative, but got -1.0}}
  %0 = gem.layer_norm %x, %g, %g epsilon(-1.0)
      : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  return
}

// -----

// Tests that epsilon is finite in the type that kernels compute in.
func.func @layer_norm_c2_infinite(%x: tensor<1x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{expected epsilon to be finite in f32 and not negative, but got 1.0}}
  %0 = gem.layer_norm %x, %g, %g epsilon(1.0e300)
      : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  return
}

// -----

// Tests that there is a head.
func.func @attention_c1_heads(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected at least one head of at least one dimension, but got 0 heads of 3}}
  %0 = gem.attention %q, %k, %v heads(0) head_dim(3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that a head has a dimension.
func.func @attention_c1_head_dim(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected at least one head of at least one dimension, but got 2 heads of -3}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(-3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that q has the heads' columns.
func.func @attention_c1_q(%q: tensor<8x5xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected q to be heads * head_dim = 6 wide, but got 5}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0)
      : (tensor<8x5xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x5xf32>
  return
}

// -----

// Tests that k has the heads' columns.
func.func @attention_c1_k(%q: tensor<8x6xf32>, %k: tensor<8x7xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected k to be heads * head_dim = 6 wide, but got 7}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x7xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that v has the heads' columns.
func.func @attention_c1_v(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x8xf32>) {
  // expected-error @below {{expected v to be heads * head_dim = 6 wide, but got 8}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x8xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that the number of columns does not overflow.
func.func @attention_c1_overflow(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected q to be heads * head_dim = 9223372036854775807 wide, but got 6}}
  %0 = gem.attention %q, %k, %v heads(4294967296) head_dim(4294967296) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that there is a value for each key.
func.func @attention_c2(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<9x6xf32>) {
  // expected-error @below {{expected the rows of v to be 8, the rows of k, but got 9}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<9x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that the result has the type of q.
func.func @attention_c3(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected the result to have the type of q, 'tensor<8x6xf32>', but got 'tensor<7x6xf32>'}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<7x6xf32>
  return
}

// -----

// Tests that the scale is finite in the type that kernels compute in.
func.func @attention_c4(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected a scale that is finite in f32, but got 1.0}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0e300)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that the scale is a number.
func.func @attention_c4_nan(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected a scale that is finite in f32, but got nan}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(0x7FF8000000000000)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that the first query is not negative.
func.func @attention_c5_negative(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected first_query not to be negative, but got -1}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0) first_query(-1)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that the queries are among the tokens.
func.func @attention_c5(%q: tensor<1x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected the queries to be among the 8 tokens, but got 1 queries from token 8}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0) first_query(8)
      : (tensor<1x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<1x6xf32>
  return
}

// -----

// Tests that there are no more queries than tokens.
func.func @attention_c5_many(%q: tensor<9x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>) {
  // expected-error @below {{expected the queries to be among the 8 tokens, but got 9 queries from token 0}}
  %0 = gem.attention %q, %k, %v heads(2) head_dim(3) scale(1.0)
      : (tensor<9x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<9x6xf32>
  return
}

// -----

// Tests that there is one count.
func.func @attention_c6(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>,
                        %c: tensor<2xi32>) {
  // expected-error @below {{expected count to have one element, but got 'tensor<2xi32>'}}
  %0 = gem.attention %q, %k, %v count %c heads(2) head_dim(3) scale(1.0)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<2xi32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that w_r is as wide as x.
func.func @route_tokens_c1(%x: tensor<4x8xf32>, %w: tensor<3x7xf32>, %c: tensor<2x8xf32>) {
  // expected-error @below {{expected the width of w_r to be 8, that of x, but got 7}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x7xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that there is a cluster.
func.func @route_tokens_c2_none(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>) {
  // expected-error @below {{expected at least one cluster, but got 0}}
  %p, %r, %k = gem.route_tokens %x, %w clusters(0) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that the number of clusters is not negative, which would read as a large one.
func.func @route_tokens_c2_negative(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>) {
  // expected-error @below {{expected at least one cluster, but got -2}}
  %p, %r, %k = gem.route_tokens %x, %w clusters(-2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that the centroids are as wide as x.
func.func @route_tokens_c2_width(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<2x9xf32>) {
  // expected-error @below {{expected the width of the centroids to be 8, that of x, but got 9}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x9xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that there are as many centroids as clusters.
func.func @route_tokens_c2(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<3x8xf32>) {
  // expected-error @below {{expected 2 centroids, but got 3}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that each token has its probabilities.
func.func @route_tokens_c3_rows(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<2x8xf32>) {
  // expected-error @below {{expected the rows of probs to be 4, those of x, but got 5}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<5x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that each class has its probability.
func.func @route_tokens_c3_width(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<2x8xf32>) {
  // expected-error @below {{expected the width of probs to be 3, the rows of w_r, but got 2}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x2xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that each token is routed or not.
func.func @route_tokens_c4_routed(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<2x8xf32>) {
  // expected-error @below {{expected the length of routed to be 4, the rows of x, but got 3}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<3xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that each token has a cluster.
func.func @route_tokens_c4_cluster(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>,
                                   %c: tensor<2x8xf32>) {
  // expected-error @below {{expected the length of cluster to be 4, the rows of x, but got 5}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<5xi32>)
  return
}

// -----

// Tests that the threshold is not negative.
func.func @route_tokens_c5_negative(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>,
                                    %c: tensor<2x8xf32>) {
  // expected-error @below {{expected a threshold between 0 and 1, but got -1.0}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(-0.1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that the threshold is at most 1.
func.func @route_tokens_c5(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<2x8xf32>) {
  // expected-error @below {{expected a threshold between 0 and 1, but got 1.5}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(1.5)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests that the threshold is a number.
func.func @route_tokens_c5_nan(%x: tensor<4x8xf32>, %w: tensor<3x8xf32>, %c: tensor<2x8xf32>) {
  // expected-error @below {{expected a threshold between 0 and 1, but got nan}}
  %p, %r, %k = gem.route_tokens %x, %w, %c clusters(2) threshold(0x7FF8000000000000)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<2x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return
}

// -----

// Tests, as the next four cases do, the constraints that SCAR shares with attention: the
// width.
func.func @scar_attention_c1(%q: tensor<8x6xf32>, %k: tensor<8x7xf32>, %v: tensor<8x6xf32>,
                             %r: tensor<8xi1>, %c: tensor<8xi32>) {
  // expected-error @below {{expected k to be heads * head_dim = 6 wide, but got 7}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(1.0) predicate(either)
      : (tensor<8x6xf32>, tensor<8x7xf32>, tensor<8x6xf32>,
         tensor<8xi1>, tensor<8xi32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests the rows of v.
func.func @scar_attention_c2(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<9x6xf32>,
                             %r: tensor<8xi1>, %c: tensor<8xi32>) {
  // expected-error @below {{expected the rows of v to be 8, the rows of k, but got 9}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(1.0) predicate(either)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<9x6xf32>,
         tensor<8xi1>, tensor<8xi32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests the type of the result.
func.func @scar_attention_c3(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>,
                             %r: tensor<8xi1>, %c: tensor<8xi32>) {
  // expected-error @below {{expected the result to have the type of q, 'tensor<8x6xf32>', but got 'tensor<7x6xf32>'}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(1.0) predicate(either)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>,
         tensor<8xi1>, tensor<8xi32>) -> tensor<7x6xf32>
  return
}

// -----

// Tests the scale.
func.func @scar_attention_c4(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>,
                             %r: tensor<8xi1>, %c: tensor<8xi32>) {
  // expected-error @below {{expected a scale that is finite in f32, but got -1.0}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(-1.0e300) predicate(either)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>,
         tensor<8xi1>, tensor<8xi32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests the queries.
func.func @scar_attention_c5(%q: tensor<1x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>,
                             %r: tensor<8xi1>, %c: tensor<8xi32>) {
  // expected-error @below {{expected the queries to be among the 8 tokens, but got 1 queries from token 8}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(1.0) predicate(either) first_query(8)
      : (tensor<1x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>,
         tensor<8xi1>, tensor<8xi32>) -> tensor<1x6xf32>
  return
}

// -----

// Tests that each token is routed or not.
func.func @scar_attention_c6_routed(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>, %v: tensor<8x6xf32>,
                                    %r: tensor<1xi1>, %c: tensor<8xi32>) {
  // expected-error @below {{expected the length of routed to be 8, the rows of k, but got 1}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(1.0) predicate(either)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>,
         tensor<1xi1>, tensor<8xi32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that each token has a cluster.
func.func @scar_attention_c6_cluster(%q: tensor<8x6xf32>, %k: tensor<8x6xf32>,
                                     %v: tensor<8x6xf32>, %r: tensor<8xi1>, %c: tensor<9xi32>) {
  // expected-error @below {{expected the length of cluster to be 8, the rows of k, but got 9}}
  %0 = gem.scar_attention %q, %k, %v, %r, %c
      heads(2) head_dim(3) scale(1.0) predicate(either)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>,
         tensor<8xi1>, tensor<9xi32>) -> tensor<8x6xf32>
  return
}

// -----

// Tests that a row is as wide as x.
func.func @select_c1(%x: tensor<?x8xf32, #gem.dims<n>>) {
  // expected-error @below {{expected one row of x, 'tensor<1x8xf32>', but got 'tensor<1x7xf32>'}}
  %0 = gem.select %x[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x7xf32>
  return
}

// -----

// Tests that the row is there.
func.func @select_c2(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected a row of x's 4, but got row 4}}
  %0 = gem.select %x[4] : tensor<4x8xf32> -> tensor<1x8xf32>
  return
}

// -----

// Tests that the row is not negative.
func.func @select_c2_negative(%x: tensor<?x8xf32, #gem.dims<n>>) {
  // expected-error @below {{expected a row of x's n, but got row -1}}
  %0 = gem.select %x[-1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  return
}

// -----

// Tests that one token is classified.
func.func @classify_c1_rows(%x: tensor<2x8xf32>, %w: tensor<3x8xf32>) {
  // expected-error @below {{expected x to have one row, but got 2}}
  %0 = gem.classify %x, %w : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<3xf32>
  return
}

// -----

// Tests that not some number of tokens is classified.
func.func @classify_c1_dynamic(%x: tensor<?x8xf32, #gem.dims<n>>, %w: tensor<3x8xf32>) {
  // expected-error @below {{expected x to have one row, but got n}}
  %0 = gem.classify %x, %w : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>) -> tensor<3xf32>
  return
}

// -----

// Tests that the weight is as wide as x.
func.func @classify_c1_width(%x: tensor<1x8xf32>, %w: tensor<3x7xf32>) {
  // expected-error @below {{expected the width of the weight to be 8, that of x, but got 7}}
  %0 = gem.classify %x, %w : (tensor<1x8xf32>, tensor<3x7xf32>) -> tensor<3xf32>
  return
}

// -----

// Tests that each class has a bias.
func.func @classify_c2_bias(%x: tensor<1x8xf32>, %w: tensor<3x8xf32>, %b: tensor<2xf32>) {
  // expected-error @below {{expected the length of the bias to be 3, the rows of the weight, but got 2}}
  %0 = gem.classify %x, %w, %b
      : (tensor<1x8xf32>, tensor<3x8xf32>, tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

// Tests that each class has a logit.
func.func @classify_c2_logits(%x: tensor<1x8xf32>, %w: tensor<3x8xf32>) {
  // expected-error @below {{expected the number of logits to be 3, the rows of the weight, but got 4}}
  %0 = gem.classify %x, %w : (tensor<1x8xf32>, tensor<3x8xf32>) -> tensor<4xf32>
  return
}

// -----

// Tests that activations are f32: what may be an operand is in its type.
func.func @operand_type(%x: tensor<1x8xf16>) {
  // expected-error @below {{op operand #0 must be 2D tensor of 32-bit float values, but got 'tensor<1x8xf16>'}}
  %0 = gem.gelu %x : tensor<1x8xf16>
  return
}

// -----

// Tests that an elementwise operation keeps the type.
func.func @result_type(%x: tensor<1x8xf32>) {
  // expected-error @below {{op requires the same type for all operands and results}}
  %0 = "gem.gelu"(%x) : (tensor<1x8xf32>) -> tensor<2x8xf32>
  return
}
