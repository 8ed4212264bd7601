// The gemrt dialect: the program that a bundle holds.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_GEMRTDIALECT_TD
#define GEM_DIALECTS_GEMRT_GEMRTDIALECT_TD

include "dialects/Gem/GemDialect.td"
include "dialects/GemRT/GemRTEnums.td"
include "dialects/GemRT/GemRTInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def GemRT_Dialect : Dialect {
  let name = "gemrt";
  let summary = "The program a bundle holds: buffers, constants, kernel calls.";
  let description = [{
    The `gemrt` dialect is what the runtime executes, one to one with the bundle's
    schema (`runtime/schema/gem_bundle.fbs`): a flat list of kernel calls on buffers
    that lie at planned offsets of one arena, and on constants that lie in segments.
    There are no values to compute with, only memory to read and write; the order of
    the calls is the order of execution.

    ```mlir
    gemrt.program @main device("host") {
      gemrt.symbol @n min(2) max(64)
      gemrt.segment @weights kind(weights)
      gemrt.constant @w in @weights at(0) dense_resource<w> : tensor<16x128xf32>
          as !gemrt.constant<[16, 128], f32, panel_16>
      gemrt.entry @classify arena(36864) {
        %x = gemrt.alloc at(0) : !gemrt.buffer<[n, 128], f32>
        %y = gemrt.alloc at(32768) : !gemrt.buffer<[n, 16], f32>
        gemrt.input "x" role(activation) %x : !gemrt.buffer<[n, 128], f32>
        %w = gemrt.get_constant @w : !gemrt.constant<[16, 128], f32, panel_16>
        %none = gemrt.none
        gemrt.submit cpu {
          gemrt.call #gemrt.linear<activation = gelu> ins(%x, %w, %none, %none) outs(%y)
              : (!gemrt.buffer<[n, 128], f32>, !gemrt.constant<[16, 128], f32, panel_16>,
                 !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 16], f32>)
        }
        gemrt.output "y" role(hidden_states) %y : !gemrt.buffer<[n, 16], f32>
      }
    }
    ```
  }];
  let cppNamespace = "::gem::rt";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::gem::GemDialect"];
}

class GemRT_Type<string name, string typeMnemonic> : TypeDef<GemRT_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def GemRT_BufferType : GemRT_Type<"Buffer", "buffer"> {
  let summary = "a row-major tensor in the arena";
  let description = [{
    `!gemrt.buffer<[n, 128], f32>`: extents are numbers or symbols of the program.

    Constraints:
    * (C1) there are one to four extents, positive and at most 2^31 - 1.
    * (C2) the element type is f32, i32 or ui8.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$dims, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The number of bytes with every symbol at the extent `sizes` gives;
    /// kMaximumBytes if it is more than that.
    int64_t getByteSize(const ::gem::SymbolSizes &sizes) const;
  }];
}

def GemRT_ConstantType : GemRT_Type<"Constant", "constant"> {
  let summary = "a tensor stored in a segment";
  let description = [{
    `!gemrt.constant<[39, 128], f32, panel_16>`: the extents, the stored element type
    and the layout.

    Constraints:
    * (C1) extents are positive and at most 2^31 - 1.
    * (C2) the element type is f32, f16, ui16 or a `!gem.q`.
    * (C3) layout `panel_16` and quantized elements need two extents.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "::gem::Layout":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes in the segment, the layout's padding included; kMaximumBytes if there are
    /// more than that.
    int64_t getByteSize() const;
  }];
}

def GemRT_NoneType : GemRT_Type<"Absent", "none"> {
  let summary = "an optional operand that is absent";
}

def GemRT_DriverAttr : EnumAttr<GemRT_Dialect, GemRT_Driver, "driver"> {
  let description = [{
    The driver that executes a `gemrt.submit`.
  }];
  let assemblyFormat = "`<` $value `>`";
}
def GemRT_SegmentKindAttr : EnumAttr<GemRT_Dialect, GemRT_SegmentKind, "segment_kind"> {
  let description = [{
    What a `gemrt.segment` holds.
  }];
  let assemblyFormat = "`<` $value `>`";
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

// Equal letters in the shapes of a kernel's operands stand for equal extents.
class GemRT_Kernel<string name, string kernelMnemonic, list<string> inPlaceMethods = []>
    : AttrDef<GemRT_Dialect, name,
              [DeclareAttrInterfaceMethods<GemRT_KernelAttrInterface, inPlaceMethods>]> {
  let mnemonic = kernelMnemonic;
}
class GemRT_KernelWithVerifier<string name, string kernelMnemonic, list<string> inPlaceMethods = []>
    : GemRT_Kernel<name, kernelMnemonic, inPlaceMethods> {
  let genVerifyDecl = 1;
}

// A kernel's float parameters are kept as attributes: their bits matter.
def GemRT_F32Param : AttrParameter<"::mlir::FloatAttr", "an f32 value">;

def GemRT_EmbeddingKernel : GemRT_Kernel<"EmbeddingKernel", "embedding"> {
  let summary = "rows of a table by id";
  let description = [{
    `y[i, :] = table[ids[i], :]`. An id outside the table ends the run with an error.
    Inputs: ids i32 [n], table [V, H] constant, row-major, f32, f16 or quantized.
    Outputs: y f32 [n, H].
  }];
}
def GemRT_AddPositionKernel : GemRT_Kernel<"AddPositionKernel", "add_position", ["getInPlaceInputs"]> {
  let summary = "adds row i of a table to row i";
  let description = [{
    `y[i, :] = x[i, :] + table[i, :]`.
    Inputs: x f32 [n, H], table [P, H] constant, row-major, f32, f16 or quantized, P >= n.
    Outputs: y f32 [n, H], which may be x.
  }];
}
def GemRT_AddKernel : GemRT_Kernel<"AddKernel", "add", ["getInPlaceInputs"]> {
  let summary = "elementwise sum";
  let description = [{
    `y = a + b`. Inputs: a, b f32 [n, H]. Outputs: y f32 [n, H], which may be a or b.
  }];
}
def GemRT_LinearKernel : GemRT_Kernel<"LinearKernel", "linear", ["getInPlaceInputs"]> {
  let summary = "linear layer with activation and residual";
  let description = [{
    `y[i, n] = activation(sum_k x[i, k] w[n, k] + bias[n]) + residual[i, n]`.
    Inputs: x f32 [m, K], w f32 or f16 [N, K] constant, panel_16, bias f32 [N] constant or
    none, residual f32 [m, N] or none. Outputs: y f32 [m, N] (or [N] when m is 1), which
    may be the residual.
  }];
  let parameters = (ins EnumParameter<Gem_Activation>:$activation);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_LayerNormKernel : GemRT_KernelWithVerifier<"LayerNormKernel", "layer_norm", ["getInPlaceInputs"]> {
  let summary = "layer normalization";
  let description = [{
    `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta` by row.
    Inputs: x f32 [n, H], gamma f32 [H], beta f32 [H] constants. Outputs: y f32 [n, H],
    which may be x. `epsilon` is finite and not negative.
  }];
  let parameters = (ins GemRT_F32Param:$epsilon);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_ActivationKernel : GemRT_KernelWithVerifier<"ActivationKernel", "activation", ["getInPlaceInputs"]> {
  let summary = "elementwise activation function";
  let description = [{
    `y = function(x)`. Inputs: x f32 [n, H]. Outputs: y f32 [n, H], which may be x.
    `function` is not `none`.
  }];
  let parameters = (ins EnumParameter<Gem_Activation>:$function);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_AttentionKernel : GemRT_KernelWithVerifier<"AttentionKernel", "attention"> {
  let summary = "multi-head softmax attention";
  let description = [{
    Inputs: q f32 [m, A], k and v f32 [n, A], count i32 [1] or none; A = heads *
    head_dim. Outputs: y f32 [m, A]. Query row i is token first_query + i; keys past
    `count` are not attended to. `heads` and `head_dim` are positive, `scale` is finite,
    `first_query` not negative.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$head_dim, GemRT_F32Param:$scale,
                        "int64_t":$first_query);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_RouteTokensKernel : GemRT_KernelWithVerifier<"RouteTokensKernel", "route_tokens"> {
  let summary = "the dynamic token router";
  let description = [{
    Inputs: x f32 [n, H], w_r [C, H] and centroids [K, H] constants, row-major, f32 or f16.
    Outputs: probs f32 [n, C] or none, routed ui8 [n], cluster i32 [n]. `threshold` is
    finite.
  }];
  let parameters = (ins GemRT_F32Param:$threshold);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_ScarAttentionKernel : GemRT_KernelWithVerifier<"ScarAttentionKernel", "scar_attention"> {
  let summary = "attention over the pairs the router permits";
  let description = [{
    As `attention`, over the pairs that `predicate` permits and, if `causal`, of no later
    key.
    Inputs: q f32 [m, A], k and v f32 [n, A], routed ui8 [n], cluster i32 [n].
    Outputs: y f32 [m, A]. The parameters are those of `attention`.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$head_dim, GemRT_F32Param:$scale,
                        "int64_t":$first_query, EnumParameter<Gem_ScarPredicate>:$predicate,
                        DefaultValuedParameter<"bool", "false">:$causal);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_SelectRowKernel : GemRT_KernelWithVerifier<"SelectRowKernel", "select_row"> {
  let summary = "copies one row";
  let description = [{
    `y[0, :] = x[row, :]`. Inputs: x f32 [n, H]. Outputs: y f32 [1, H]. `row` is not
    negative.
  }];
  let parameters = (ins "int64_t":$row);
  let assemblyFormat = "`<` struct(params) `>`";
}

def GemRT_QuantizeTokensKernel : GemRT_Kernel<"QuantizeTokensKernel", "quantize_tokens"> {
  let summary = "tokens as symmetric int8";
  let description = [{
    Of each row of x: the scale max |x| / 127, the codes x / scale rounded to nearest even,
    and their sums (runtime/schema/WeightFormat.h).
    Inputs: x f32 [m, K]. Outputs: y ui8 [m, R], R = TokenRowBytes(K).
  }];
}
def GemRT_LinearQuantizedKernel : GemRT_Kernel<"LinearQuantizedKernel", "linear_quantized", ["getInPlaceInputs"]> {
  let summary = "linear layer on quantized tokens and weights";
  let description = [{
    As `linear`, the sum over integer codes as `gem.linear` says for quantized weights.
    Inputs: x ui8 [m, R] as `quantize_tokens` makes it, w quantized [N, K] constant,
    panel_16, bias f32 [N] constant or none, residual f32 [m, N] or none. Outputs: y f32
    [m, N] (or [N] when m is 1), which may be the residual.
  }];
  let parameters = (ins EnumParameter<Gem_Activation>:$activation);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_LayerNormQuantizedKernel : GemRT_KernelWithVerifier<"LayerNormQuantizedKernel", "layer_norm_quantized", ["getInPlaceInputs"]> {
  let summary = "layer normalization, quantized too";
  let description = [{
    As `layer_norm`, and the result as `quantize_tokens` would make it.
    Inputs: x f32 [n, H], gamma f32 [H], beta f32 [H] constants. Outputs: y f32 [n, H] or
    none, which may be x; quantized ui8 [n, R], R = TokenRowBytes(H).
  }];
  let parameters = (ins GemRT_F32Param:$epsilon);
  let assemblyFormat = "`<` struct(params) `>`";
}
def GemRT_EmbeddingBlocksKernel : GemRT_Kernel<"EmbeddingBlocksKernel", "embedding_blocks"> {
  let summary = "rows of several tables by id";
  let description = [{
    As `embedding`, of the rows of up to four tables, one after the other, and of row
    map[id] where there is a map.
    Inputs: ids i32 [n], four tables [V, H] constants, row-major, f32, f16 or quantized,
    all but the first or none, map ui16 [M] constant or none. Outputs: y f32 [n, H].
  }];
}

#endif // GEM_DIALECTS_GEMRT_GEMRTDIALECT_TD
