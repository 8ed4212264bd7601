// The gem dialect: what a model is.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_GEMDIALECT_TD
#define GEM_DIALECTS_GEM_GEMDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/TensorEncoding.td"

def Gem_Dialect : Dialect {
  let name = "gem";
  let summary = "What a model is: its weights, its layers, its router.";
  let description = [{
    The `gem` dialect describes a model at the level at which its authors think
    of it: tensors in, tensors out, one operation a layer part. It says nothing
    of memory, kernels or devices; that is the `gemrt` dialect, to which it is
    converted.

    A model is a module of

    * `gem.symbol` operations: the extents that are bound when the model runs,
      each with its bounds;
    * `gem.weight` operations: the weights, by their checkpoint names, with data
      that stays in the mapped checkpoint file;
    * at most one `gem.tokenizer`;
    * one or more `func.func` entry points. An argument or result carries a
      `gem.name` and a `gem.role` attribute, by which a caller finds it.

    ```mlir
    module attributes {gem.model = {architecture = "gem", name = "tiny"}} {
      gem.symbol @n min(2) max(64)
      gem.weight @embeddings dense_resource<embeddings> : tensor<8192x128xf32>
      func.func @main(
          %ids: tensor<?xi32, #gem.dims<n>> {gem.name = "ids", gem.role = #gem.role<token_ids>})
          -> (tensor<?x128xf32, #gem.dims<n>> {gem.name = "x", gem.role = #gem.role<hidden_states>}) {
        %table = gem.get_weight @embeddings : tensor<8192x128xf32>
        %x = gem.embedding %ids, %table
            : (tensor<?xi32, #gem.dims<n>>, tensor<8192x128xf32>) -> tensor<?x128xf32, #gem.dims<n>>
        return %x : tensor<?x128xf32, #gem.dims<n>>
      }
    }
    ```

    A dynamic extent always has a name (`#gem.dims`), so that two `?` can be told
    apart, and the name's symbol bounds it.

    Module attributes: `gem.model`, a dictionary with the strings `name` and
    `architecture` and, where known, the integer `parameters` (how many the source
    has); `gem.labels`, the class names by index; `gem.provenance`, a dictionary of
    strings that ends up in the bundle; `gem.padded`, present when inputs are padded
    to a fixed length. An argument or result of a function has `gem.name`, a string,
    and may have `gem.role`, a `#gem.role`. The dialect has no other attributes, and
    refuses them.
  }];
  let cppNamespace = "::gem";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

class Gem_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Gem_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Gem_QuantizedType : TypeDef<Gem_Dialect, "Quantized"> {
  let mnemonic = "q";
  let summary = "an element that is stored as an integer code and a scale";
  let description = [{
    The element type of a weight [n, k] of integer codes `q`, of 8 bits (-127 to 127)
    or of b = 4, 3 or 2 bits (-2^(b-1) to 2^(b-1) - 1). Scales run along the last axis.

    | type | value | bits a weight, k = 768 |
    | --- | --- | --- |
    | `!gem.q<i8>` | `s[n] * q[n, k]` | 8.04 |
    | `!gem.q<i4>` | `s[n] * q[n, k]` | 4.04 |
    | `!gem.q<i4, group = 32>` | `s[n] * r[n, k / 32] * q[n, k]` | 4.29 |
    | `!gem.q<i4, group = 32, scales = f16>` | `h[n, k / 32] * q[n, k]` | 4.50 |
    | `!gem.q<i3, group = 64>` | `s[n] * r[n, k / 64] * q[n, k]` | 3.17 |

    `s` is f32 in a matrix that is contracted over k and bf16 in a table whose rows are
    looked up, `r` an integer of 1 to 255, `h` an f16. With the two-level scales `s * r` a
    sum over k is an integer sum, exact on every target, multiplied once by `s`.

    Constraints:
    * (C1) the bits are 8, 4, 3 or 2.
    * (C2) a group is 32, 64 or 128 values; 8 bits have none.
    * (C3) f16 scales need groups.
  }];
  let parameters = (ins "unsigned":$bits, "int64_t":$group, "::gem::format::Scales":$scales);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes in a bundle of a weight of `shape` (a matrix of panels, or a table).
    int64_t getStoredBytes(llvm::ArrayRef<int64_t> shape, bool isMatrix) const;
    /// Bytes of the encoded data of a weight of `shape` that is already quantized: the codes
    /// as i8, row-major, then the f32 row scales (none with f16 scales), then the ratios (u8)
    /// or scales (f16) of the groups, [n, groups].
    int64_t getEncodedBytes(llvm::ArrayRef<int64_t> shape) const;
  }];
}

def Gem_DimsAttr : Gem_Attr<"Dims", "dims",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "names of a tensor's dynamic extents";
  let description = [{
    The encoding of a tensor type with dynamic extents: one symbol name for each
    `?`, in order.

    ```mlir
    tensor<?x128xf32, #gem.dims<n>>
    tensor<?x?xf32, #gem.dims<n, m>>
    ```

    Constraints:
    * (C1) there are as many names as dynamic extents.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$symbols);
  let hasCustomAssemblyFormat = 1;
}

class Gem_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::gem";
  let genSpecializedAttr = 0;
}
class Gem_EnumAttr<EnumAttrInfo info, string mnemonic, string text>
    : EnumAttr<Gem_Dialect, info, mnemonic> {
  let description = text;
  let assemblyFormat = "`<` $value `>`";
}

def Gem_Role : Gem_Enum<"Role", "what an input or output means", [
    I32EnumAttrCase<"TokenIds", 1, "token_ids">,
    I32EnumAttrCase<"TokenCount", 2, "token_count">,
    I32EnumAttrCase<"Logits", 3, "logits">,
    I32EnumAttrCase<"Routed", 4, "routed">,
    I32EnumAttrCase<"Cluster", 5, "cluster">,
    I32EnumAttrCase<"HiddenStates", 6, "hidden_states">,
    I32EnumAttrCase<"Cls", 7, "cls">,
    I32EnumAttrCase<"Activation", 8, "activation">]>;
def Gem_RoleAttr : Gem_EnumAttr<Gem_Role, "role", [{
    What an entry point's argument or result means, so that a caller need not know
    the model: `gem.role = #gem.role<logits>`. `activation` marks a value that is
    tapped for calibration.
  }]>;

def Gem_Activation : Gem_Enum<"Activation", "activation function", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Gelu", 1, "gelu">,
    I32EnumAttrCase<"Tanh", 2, "tanh">]>;
def Gem_ActivationAttr : Gem_EnumAttr<Gem_Activation, "activation", [{
    The activation function fused into a `gem.linear`.
  }]>;

def Gem_ScarPredicate : Gem_Enum<"ScarPredicate", "the pairs of tokens SCAR permits", [
    I32EnumAttrCase<"Either", 0, "either">,
    I32EnumAttrCase<"SameCluster", 1, "same_cluster">,
    I32EnumAttrCase<"SameRoute", 2, "same_route">]>;
def Gem_ScarPredicateAttr : Gem_EnumAttr<Gem_ScarPredicate, "scar_predicate", [{
    Which pairs of tokens a `gem.scar_attention` permits.
  }]>;

def Gem_Layout : Gem_Enum<"Layout", "how a stored weight is arranged", [
    I32EnumAttrCase<"RowMajor", 0, "row_major">,
    I32EnumAttrCase<"Panel16", 1, "panel_16">]>;
def Gem_LayoutAttr : Gem_EnumAttr<Gem_Layout, "layout", [{
    How a weight lies in a bundle. `row_major` is the checkpoint's order;
    `panel_16` stores a matrix [N, K] as ceil(N / 16) panels of K x 16, element
    (n, k) at panel n / 16, index k * 16 + n % 16, rows past N zero. Quantized weights
    lie as runtime/schema/WeightFormat.h says.
  }]>;

#endif // GEM_DIALECTS_GEM_GEMDIALECT_TD
