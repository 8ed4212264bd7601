// The operations of the gem dialect.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_GEMOPS_TD
#define GEM_DIALECTS_GEM_GEMOPS_TD

include "dialects/Gem/GemDialect.td"
include "dialects/Gem/GemInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// What activations and weights may be made of.
def Gem_Quantized : Type<CPred<"::llvm::isa<::gem::QuantizedType>($_self)">, "gem.q type">;
def Gem_WeightMatrix : 2DTensorOf<[F32, F16, BF16, Gem_Quantized]>;
def Gem_RouterMatrix : 2DTensorOf<[F32, F16, BF16]>;
def Gem_WeightVector : 1DTensorOf<[F32, F16, BF16]>;
def Gem_TokenMatrix : 2DTensorOf<[F32]>;
def Gem_TokenIds : 1DTensorOf<[I32]>;

class Gem_Op<string mnemonic, list<Trait> traits = []>
    : Op<Gem_Dialect, mnemonic, traits>;

class Gem_PureOp<string mnemonic, list<Trait> traits = []>
    : Gem_Op<mnemonic, !listconcat([Pure], traits)> {
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Module level
//===----------------------------------------------------------------------===//

def Gem_SymbolOp : Gem_Op<"symbol", [Symbol]> {
  let summary = "an extent that is bound when the model runs";
  let description = [{
    Declares the name that `#gem.dims` gives to a dynamic extent, and its bounds.
    Memory is planned for `maximum`.

    ```mlir
    gem.symbol @n min(2) max(64)
    ```

    Constraints:
    * (C1) 1 <= minimum <= maximum <= 2^20.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$minimum, I64Attr:$maximum);
  let assemblyFormat = "$sym_name `min` `(` $minimum `)` `max` `(` $maximum `)` attr-dict";
  let hasVerifier = 1;
}

def Gem_WeightOp : Gem_Op<"weight", [Symbol]> {
  let summary = "a weight, by its checkpoint name";
  let description = [{
    Names a tensor of the model. `value` is its data as the checkpoint has it,
    usually a resource that points into the mapped file. `stored` is the type in
    which the bundle will hold it; without it, `value`'s own. Conversion and
    arrangement happen while the bundle is written, a block at a time, so a weight
    is never held in memory twice.

    Meaning: `get_weight @w` is `value`, each element converted to `stored`'s element
    type: exactly where that is wider, rounded to the nearest (even) f16 where it is
    f16, and to a `!gem.q` by round-to-nearest with the scales that give the least
    squared error. A weight whose codes were chosen already has their encoding
    (`!gem.q`'s description) as its `value`, bytes that are not converted.

    ```mlir
    gem.weight @classifier.weight dense_resource<c> : tensor<39x128xf16>
    gem.weight @scar.out.weight dense_resource<o> : tensor<128x128xf16>
        stored(tensor<128x128x!gem.q<i4, group = 32>>) layout(panel_16)
    ```

    Constraints:
    * (C1) `value` is a `dense` or `dense_resource` tensor of f32, f16, bf16 or ui16, with
      at least one element and at most 2^40; or of ui8, as encoded codes.
    * (C2) `stored` has the shape of `value`; for encoded codes, a quantized element type
      and the shape whose encoding has as many bytes.
    * (C3) `stored` is f32, f16 or quantized, and quantized only with rank 2.
    * (C4) layout `panel_16` needs rank 2.
    * (C5) a `dense_resource` holds exactly the bytes of its type.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$value,
                       OptionalAttr<TypeAttrOf<AnyRankedTensor>>:$stored,
                       DefaultValuedAttr<Gem_LayoutAttr, "::gem::Layout::RowMajor">:$layout);
  let assemblyFormat = [{
    $sym_name $value (`stored` `(` $stored^ `)`)? (`layout` `(` custom<EnumKeyword>($layout)^ `)`)? attr-dict
  }];
  let hasVerifier = 1;
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::ElementsAttr":$value), [{
      build($_builder, $_state, name, value, /*stored=*/::mlir::TypeAttr(), ::gem::Layout::RowMajor);
    }]>,
  ];
  let extraClassDeclaration = [{
    /// The type users see: `stored`, or that of `value`.
    ::mlir::RankedTensorType getWeightType();
  }];
}

def Gem_GetWeightOp : Gem_Op<"get_weight",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
     DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "the value of a weight";
  let description = [{
    The tensor that a `gem.weight` names.

    ```mlir
    %w = gem.get_weight @scar.out.weight : tensor<128x128xf32>
    ```

    Constraints:
    * (C1) `weight` names a `gem.weight` of the module.
    * (C2) the result's type is the weight's.
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def Gem_TokenizerOp : Gem_Op<"tokenizer", [Symbol]> {
  let summary = "how texts become token ids";
  let description = [{
    Carries a ready tokenizer segment (`runtime/schema/gem_tokenizer.fbs`) and what
    the program around it needs to know. `maximum_tokens` bounds the ids of a text,
    [CLS] and [SEP] included.

    ```mlir
    gem.tokenizer @wordpiece dense_resource<t> : tensor<131072xui8>
        vocabulary(8192) pad(0) maximum_tokens(64)
    ```

    Constraints:
    * (C1) `data` is a rank-1 tensor of ui8.
    * (C2) 0 <= pad_id < vocabulary_size <= 2^31 - 1.
    * (C3) 2 <= maximum_tokens <= 2^20.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$data, I64Attr:$vocabulary_size,
                       I64Attr:$pad_id, I64Attr:$maximum_tokens);
  let assemblyFormat = [{
    $sym_name $data `vocabulary` `(` $vocabulary_size `)` `pad` `(` $pad_id `)`
    `maximum_tokens` `(` $maximum_tokens `)` attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Tokens in, hidden states along
//===----------------------------------------------------------------------===//

def Gem_EmbeddingOp : Gem_PureOp<"embedding",
    [AttrSizedOperandSegments, DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>]> {
  let summary = "rows of a table, by token id";
  let description = [{
    `y[i, :] = table[ids[i], :]`

    With several tables, `table` is their rows one after the other; each may have a format
    of its own. With a `map`, the row is `map[ids[i]]`, so that tokens of one table need
    not follow each other. `gem-assign-weight-formats` splits tables so.

    Quantized: `y[i, h] = (s[row] * r[row, h / group]) * q[row, h]`, each product rounded
    to f32.

    ```mlir
    %y = gem.embedding %ids, %table
        : (tensor<?xi32, #gem.dims<n>>, tensor<8192x128xf32>) -> tensor<?x128xf32, #gem.dims<n>>
    %z = gem.embedding %ids, %frequent, %rare map %rows
        : (tensor<?xi32, #gem.dims<n>>, tensor<512x128x!gem.q<i8>>, tensor<7680x128x!gem.q<i4>>,
           tensor<8192xui16>) -> tensor<?x128xf32, #gem.dims<n>>
    ```

    Constraints:
    * (C1) `y` has as many rows as `ids` elements, by extent or by name.
    * (C2) there are one to four tables, as wide as `y`.
    * (C3) the tables have at most 65536 rows where there is a `map`.
  }];
  let arguments = (ins Gem_TokenIds:$ids, Variadic<Gem_WeightMatrix>:$tables,
                       Optional<1DTensorOf<[UI16]>>:$map);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = [{
    $ids `,` $tables (`map` $map^)? attr-dict `:` functional-type(operands, results)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$ids, "::mlir::Value":$table), [{
      build($_builder, $_state, result, ids, ::mlir::ValueRange(table), ::mlir::Value());
    }]>,
  ];
  let extraClassDeclaration = [{
    /// The ids that have a row: 0 to this, exclusive.
    int64_t getNumIds();
  }];
}

def Gem_AddPositionOp : Gem_PureOp<"add_position",
    [AllTypesMatch<["x", "result"]>,
     DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>]> {
  let summary = "adds a learned embedding of each token's position";
  let description = [{
    `y[i, :] = x[i, :] + table[i, :]`

    ```mlir
    %y = gem.add_position %x, %table : tensor<?x128xf32, #gem.dims<n>>, tensor<512x128xf32>
    ```

    Constraints:
    * (C1) `table` is as wide as `x`.
    * (C2) a static `x` has no more rows than `table`; for a dynamic one
      `gem-verify-model` checks the symbol's maximum.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, Gem_WeightMatrix:$table);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = "$x `,` $table attr-dict `:` type($x) `,` type($table)";
}

def Gem_AddRowOp : Gem_PureOp<"add_row",
    [AllTypesMatch<["x", "result"]>,
     DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface>]> {
  let summary = "adds one row of a table to every token";
  let description = [{
    `y[i, :] = x[i, :] + table[row, :]`

    BERT adds the embedding of token type 0 this way. `gem-fold-embeddings` folds it
    into a position table; no kernel computes it.

    ```mlir
    %y = gem.add_row %x, %table[0] : tensor<?x128xf32, #gem.dims<n>>, tensor<2x128xf32>
    ```

    Constraints:
    * (C1) `table` is as wide as `x`.
    * (C2) 0 <= row < the rows of `table`.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, Gem_WeightMatrix:$table, I64Attr:$row);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = "$x `,` $table `[` $row `]` attr-dict `:` type($x) `,` type($table)";
}

def Gem_AddOp : Gem_Op<"add",
    [Pure, Commutative, SameOperandsAndResultType,
     DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface>,
     DeclareOpInterfaceMethods<Gem_ChannelOpInterface>]> {
  let summary = "elementwise sum, a residual connection";
  let description = [{
    `y = a + b`

    ```mlir
    %y = gem.add %a, %b : tensor<?x128xf32, #gem.dims<n>>
    ```
  }];
  let arguments = (ins Gem_TokenMatrix:$a, Gem_TokenMatrix:$b);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($result)";
}

def Gem_LinearOp : Gem_PureOp<"linear",
    [AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface>,
     DeclareOpInterfaceMethods<Gem_ChannelOpInterface>]> {
  let summary = "a linear layer, with what may be fused behind it";
  let description = [{
    `y[i, n] = activation(sum_k x[i, k] * w[n, k] + bias[n]) + residual[i, n]`

    Without `bias` or `residual` that term is absent. The sum runs over k in order,
    each step a fused multiply-add, starting from `bias[n]`.

    Quantized: each token of `x` becomes `t[i] * c[i, k]`, with `t[i] = max_k |x[i, k]| / 127`
    and codes `c` rounded to nearest even. With the codes `q`, scales `s` and ratios `r` of
    `w`, the sum is `(sum_g r[n, g] * sum_{k in g} c[i, k] * q[n, k]) * (s[n] * t[i])`: the
    integer sums are exact, and the product and `bias[n]` are one fused multiply-add. With
    f16 scales `h`, it is `(fma over g of sum_{k in g} c[i, k] * q[n, k] and h[n, g]) * t[i]`.
    f16 weights are widened, and `x` stays f32.

    ```mlir
    %y = gem.linear %x, %w, %b residual %r activation(gelu)
        : (tensor<?x128xf32, #gem.dims<n>>, tensor<512x128xf32>, tensor<512xf32>,
           tensor<?x512xf32, #gem.dims<n>>) -> tensor<?x512xf32, #gem.dims<n>>
    ```

    Constraints:
    * (C1) `w` is as wide as `x`.
    * (C2) `y` has the rows of `x`, and as many columns as `w` has rows.
    * (C3) `bias` has as many elements as `w` has rows.
    * (C4) `residual` has the type of `y`.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, Gem_WeightMatrix:$weight,
                       Optional<Gem_WeightVector>:$bias, Optional<Gem_TokenMatrix>:$residual,
                       DefaultValuedAttr<Gem_ActivationAttr, "::gem::Activation::None">:$activation);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = [{
    $x `,` $weight (`,` $bias^)? (`residual` $residual^)? (`activation` `(` custom<EnumKeyword>($activation)^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def Gem_LayerNormOp : Gem_PureOp<"layer_norm",
    [AllTypesMatch<["x", "result"]>,
     DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface>]> {
  let summary = "layer normalization of each token";
  let description = [{
    `y[i, :] = (x[i, :] - mean_i) / sqrt(variance_i + epsilon) * gamma + beta`, with
    the mean and the biased variance of row i (Ba et al., arXiv 1607.06450).

    ```mlir
    %y = gem.layer_norm %x, %gamma, %beta epsilon(1.0e-12)
        : tensor<?x128xf32, #gem.dims<n>>, tensor<128xf32>, tensor<128xf32>
    ```

    Constraints:
    * (C1) `gamma` and `beta` have as many elements as `x` has columns.
    * (C2) `epsilon` is finite, as an f32, and not negative.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, Gem_WeightVector:$gamma, Gem_WeightVector:$beta,
                       F64Attr:$epsilon);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = [{
    $x `,` $gamma `,` $beta `epsilon` `(` $epsilon `)` attr-dict
    `:` type($x) `,` type($gamma) `,` type($beta)
  }];
}

class Gem_UnaryOp<string mnemonic> : Gem_Op<mnemonic,
    [Pure, SameOperandsAndResultType,
     DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface>,
     DeclareOpInterfaceMethods<Gem_ChannelOpInterface>]> {
  let arguments = (ins Gem_TokenMatrix:$x);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
}

def Gem_GeluOp : Gem_UnaryOp<"gelu"> {
  let summary = "GELU, by the error function";
  let description = [{
    `y = 0.5 * x * (1 + erf(x / sqrt(2)))` (Hendrycks and Gimpel, arXiv 1606.08415).
    The tanh approximation is another function and not meant here.

    ```mlir
    %y = gem.gelu %x : tensor<?x512xf32, #gem.dims<n>>
    ```
  }];
}

def Gem_TanhOp : Gem_UnaryOp<"tanh"> {
  let summary = "hyperbolic tangent";
  let description = [{
    `y = tanh(x)`

    ```mlir
    %y = gem.tanh %x : tensor<1x128xf32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Attention and routing
//===----------------------------------------------------------------------===//

def Gem_AttentionOp : Gem_PureOp<"attention",
    [DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface, ["setSlicedRow"]>,
     DeclareOpInterfaceMethods<Gem_ChannelOpInterface,
                               ["getNumChannelGroups", "setChannelGroups"]>]> {
  let summary = "multi-head softmax attention";
  let description = [{
    For each head h, with its `head_dim` columns of q, k and v:
    `y[i] = sum_j softmax_j(scale * q[i] . k[j]) * v[j]`
    (Vaswani et al., arXiv 1706.03762), j over all tokens or, with `count`, the first
    `count` of them: padding is neither attended to nor counted. Query row i is token
    `first_query + i`; it matters once attention is causal.

    Widths are `num_heads * head_dim`, which may differ from the hidden size and from
    layer to layer.

    ```mlir
    %y = gem.attention %q, %k, %v count %count heads(2) head_dim(64) scale(1.25e-1)
        : (tensor<128x128xf32>, tensor<128x128xf32>, tensor<128x128xf32>, tensor<1xi32>)
          -> tensor<128x128xf32>
    ```

    Constraints:
    * (C1) q, k and v are `num_heads * head_dim` wide, both at least 1.
    * (C2) k and v have the same rows.
    * (C3) y has the type of q.
    * (C4) `scale` is finite, as an f32.
    * (C5) `first_query` is not negative, and first_query + the rows of q are within
      the rows of k where both are static; for dynamic ones `gem-verify-model` checks
      the symbols' bounds.
    * (C6) `count` has one element.
  }];
  let arguments = (ins Gem_TokenMatrix:$q, Gem_TokenMatrix:$k, Gem_TokenMatrix:$v,
                       Optional<1DTensorOf<[I32]>>:$count,
                       I64Attr:$num_heads, I64Attr:$head_dim, F64Attr:$scale,
                       DefaultValuedAttr<I64Attr, "0">:$first_query);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = [{
    $q `,` $k `,` $v (`count` $count^)? `heads` `(` $num_heads `)` `head_dim` `(` $head_dim `)`
    `scale` `(` $scale `)` (`first_query` `(` $first_query^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def Gem_RouteTokensOp : Gem_PureOp<"route_tokens",
    [DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>,
     DeclareOpInterfaceMethods<Gem_RouterOpInterface>]> {
  let summary = "the dynamic token router";
  let description = [{
    For each token i:
    `probs[i] = softmax_c(x[i] . w_r[c])`;
    `routed[i] = max_c probs[i, c] > threshold`;
    `cluster[i] = argmin_k |x[i] - centroids[k]|^2`, the lowest k of equals
    (arXiv 2503.22698).

    A checkpoint that comes straight from training has no centroids; then the operand
    is absent and `num_clusters` says how many `gem-fit-router-centroids` will fit.

    Quantized: f32 or f16, never fewer bits, since a decision that flips is an error that
    no later layer can mend.

    ```mlir
    %probs, %routed, %cluster = gem.route_tokens %x, %w_r, %centroids
        clusters(32) threshold(6.5e-1)
        : (tensor<?x128xf32, #gem.dims<n>>, tensor<39x128xf32>, tensor<32x128xf32>)
          -> (tensor<?x39xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
              tensor<?xi32, #gem.dims<n>>)
    ```

    Constraints:
    * (C1) `w_r` is as wide as `x`.
    * (C2) `centroids`, where present, is [num_clusters, the width of x];
      num_clusters >= 1.
    * (C3) `probs` is [the rows of x, the rows of w_r].
    * (C4) `routed` and `cluster` have as many elements as x has rows.
    * (C5) `threshold` is a number between 0 and 1.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, Gem_RouterMatrix:$w_r,
                       Optional<Gem_RouterMatrix>:$centroids,
                       I64Attr:$num_clusters, F64Attr:$threshold);
  let results = (outs Gem_TokenMatrix:$probs, 1DTensorOf<[I1]>:$routed,
                      1DTensorOf<[I32]>:$cluster);
  let assemblyFormat = [{
    $x `,` $w_r (`,` $centroids^)? `clusters` `(` $num_clusters `)`
    `threshold` `(` $threshold `)` attr-dict `:` functional-type(operands, results)
  }];
}

def Gem_ScarAttentionOp : Gem_PureOp<"scar_attention",
    [DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_TokenwiseOpInterface, ["setSlicedRow"]>,
     DeclareOpInterfaceMethods<Gem_RouterOpInterface>,
     DeclareOpInterfaceMethods<Gem_ChannelOpInterface,
                               ["getNumChannelGroups", "setChannelGroups"]>]> {
  let summary = "SCAR: attention over the pairs the router permits";
  let description = [{
    As `gem.attention`, but token i attends to token j only where the predicate holds:

    | predicate | permitted pairs |
    | --- | --- |
    | `either` | `cluster[i] == cluster[j]` or `routed[i] == routed[j]` |
    | `same_cluster` | `cluster[i] == cluster[j]` |
    | `same_route` | `routed[i] == routed[j]` |

    With `causal` a token also attends to none after it. A forbidden pair weighs exactly 0
    and the softmax runs over the permitted ones; a token always permits itself. Query row
    i is token `first_query + i`. Padding tokens attend and are attended to, as in the
    published trainer.

    ```mlir
    %y = gem.scar_attention %q, %k, %v, %routed, %cluster
        heads(2) head_dim(64) scale(1.25e-1) predicate(either)
        : (tensor<1x128xf32>, tensor<?x128xf32, #gem.dims<n>>, tensor<?x128xf32, #gem.dims<n>>,
           tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>) -> tensor<1x128xf32>
    ```

    Constraints: (C1) to (C5) of `gem.attention`, and
    * (C6) `routed` and `cluster` have as many elements as k has rows.
  }];
  let arguments = (ins Gem_TokenMatrix:$q, Gem_TokenMatrix:$k, Gem_TokenMatrix:$v,
                       1DTensorOf<[I1]>:$routed, 1DTensorOf<[I32]>:$cluster,
                       I64Attr:$num_heads, I64Attr:$head_dim, F64Attr:$scale,
                       Gem_ScarPredicateAttr:$predicate, UnitAttr:$causal,
                       DefaultValuedAttr<I64Attr, "0">:$first_query);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $routed `,` $cluster `heads` `(` $num_heads `)`
    `head_dim` `(` $head_dim `)` `scale` `(` $scale `)` `predicate` `(` custom<EnumKeyword>($predicate) `)`
    (`causal` $causal^)? (`first_query` `(` $first_query^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

def Gem_SelectOp : Gem_PureOp<"select", [DeclareOpInterfaceMethods<Gem_ChannelOpInterface>]> {
  let summary = "one token's row";
  let description = [{
    `y[0, :] = x[row, :]`

    ```mlir
    %y = gem.select %x[0] : tensor<?x128xf32, #gem.dims<n>> -> tensor<1x128xf32>
    ```

    Folds to `x` when `x` has one row.

    Constraints:
    * (C1) `y` is as wide as `x`.
    * (C2) `row` is not negative and, where `x` is static, within it; for a dynamic
      one `gem-verify-model` checks the symbol's minimum.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, I64Attr:$row);
  let results = (outs Gem_TokenMatrix:$result);
  let assemblyFormat = "$x `[` $row `]` attr-dict `:` type($x) `->` type($result)";
  let hasFolder = 1;
}

def Gem_ClassifyOp : Gem_PureOp<"classify",
    [DeclareOpInterfaceMethods<Gem_CostOpInterface>,
     DeclareOpInterfaceMethods<Gem_WeightUserOpInterface>]> {
  let summary = "class scores of one token";
  let description = [{
    `logits[c] = x[0, :] . w[c, :] + bias[c]`

    ```mlir
    %logits = gem.classify %x, %w, %b
        : (tensor<1x128xf32>, tensor<39x128xf32>, tensor<39xf32>) -> tensor<39xf32>
    ```

    Constraints:
    * (C1) `x` has one row and `w` is as wide as `x`.
    * (C2) `bias` and `logits` have as many elements as `w` has rows.
  }];
  let arguments = (ins Gem_TokenMatrix:$x, Gem_WeightMatrix:$weight,
                       Optional<Gem_WeightVector>:$bias);
  let results = (outs 1DTensorOf<[F32]>:$logits);
  let assemblyFormat = [{
    $x `,` $weight (`,` $bias^)? attr-dict `:` functional-type(operands, results)
  }];
}

#endif // GEM_DIALECTS_GEM_GEMOPS_TD
