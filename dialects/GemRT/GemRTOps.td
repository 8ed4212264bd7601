// The operations of the gemrt dialect.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_GEMRTOPS_TD
#define GEM_DIALECTS_GEMRT_GEMRTOPS_TD

include "dialects/Gem/GemDialect.td"
include "dialects/GemRT/GemRTDialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class GemRT_Op<string mnemonic, list<Trait> traits = []> : Op<GemRT_Dialect, mnemonic, traits>;

def GemRT_ProgramOp : GemRT_Op<"program",
    [Symbol, SymbolTable, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "a model compiled for one device";
  let description = [{
    Holds symbols, segments, constants and entries. The module around it carries
    `gem.model`, `gem.labels`, `gem.provenance` and `gem.padded`. `memory_limit` is what
    an application may use on the device, in bytes; 0 when unknown. `cpu_kernels` names the
    best kernels of a runtime that every core of the device runs, where that is known.

    ```mlir
    gemrt.program @main device("raspberry-pi-4") cpu_kernels("neon") memory_limit(1000000000)
        { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$device,
                       DefaultValuedAttr<I64Attr, "0">:$memory_limit,
                       OptionalAttr<StrAttr>:$cpu_kernels);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `device` `(` $device `)` (`cpu_kernels` `(` $cpu_kernels^ `)`)?
    (`memory_limit` `(` $memory_limit^ `)`)?
    attr-dict-with-keyword $body
  }];
}

def GemRT_SymbolOp : GemRT_Op<"symbol", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "an extent that is bound when the program runs";
  let description = [{
    ```mlir
    gemrt.symbol @n min(2) max(64)
    ```

    Constraints:
    * (C1) 1 <= minimum <= maximum <= 2^20.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$minimum, I64Attr:$maximum);
  let assemblyFormat = "$sym_name `min` `(` $minimum `)` `max` `(` $maximum `)` attr-dict";
  let hasVerifier = 1;
}

def GemRT_SegmentOp : GemRT_Op<"segment", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "a stretch of the bundle file";
  let description = [{
    A `weights` segment is made of the constants placed in it; a `tokenizer` segment
    is its `data`, with what the text interface needs to know.

    ```mlir
    gemrt.segment @weights kind(weights)
    gemrt.segment @wordpiece kind(tokenizer) data(dense_resource<t> : tensor<131072xui8>)
        {maximum_tokens = 64 : i64, pad_id = 0 : i64}
    ```

    Constraints:
    * (C1) a `tokenizer` segment has data, `pad_id` and `maximum_tokens`; a `weights`
      segment has none of them.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, GemRT_SegmentKindAttr:$kind,
                       OptionalAttr<ElementsAttr>:$data, OptionalAttr<I64Attr>:$pad_id,
                       OptionalAttr<I64Attr>:$maximum_tokens);
  let assemblyFormat = [{
    $sym_name `kind` `(` custom<EnumKeyword>($kind) `)` (`data` `(` $data^ `)`)? attr-dict
  }];
  let hasVerifier = 1;
}

def GemRT_ConstantOp : GemRT_Op<"constant", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "a tensor of a segment";
  let description = [{
    `value` is the data in the checkpoint's order and type, `type` what is stored. The
    bytes are converted and arranged while the bundle is written. `offset` is planned by
    `gemrt-plan-segments`.

    ```mlir
    gemrt.constant @w in @weights at(0) dense_resource<w> : tensor<39x128xf16>
        as !gemrt.constant<[39, 128], f32, panel_16>
    ```

    Constraints:
    * (C1) `value` is what the value of a `gem.weight` may be, and `type` has its extents, or
      for encoded codes a quantized element type and the extents whose encoding has as many
      bytes; ui16 is stored as it is.
    * (C2) `segment` names a segment of kind `weights`.
    * (C3) `offset`, once planned, is a multiple of 64 and not negative.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$segment,
                       ElementsAttr:$value, TypeAttrOf<GemRT_ConstantType>:$type,
                       OptionalAttr<I64Attr>:$offset);
  let assemblyFormat = [{
    $sym_name `in` $segment (`at` `(` $offset^ `)`)? $value `as` $type attr-dict
  }];
  let hasVerifier = 1;
}

def GemRT_EntryOp : GemRT_Op<"entry",
    [Symbol, HasParent<"ProgramOp">, IsolatedFromAbove, SingleBlock, NoTerminator,
     NoRegionArguments]> {
  let summary = "something the program can be asked to do";
  let description = [{
    Declares its buffers, inputs and outputs, and submits kernel calls. `arena_size` and
    `arena_lower_bound` (the most bytes alive at one time, which no plan can go below) are
    set by `gemrt-plan-memory`.

    Constraints:
    * (C1) once `arena_size` is set, every buffer has an offset and ends within it.
    * (C2) every symbol in a buffer's extents is a symbol of the program, and at the
      symbols' maxima the buffer has less than 2^48 bytes.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<I64Attr>:$arena_size,
                       OptionalAttr<I64Attr>:$arena_lower_bound);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name (`arena` `(` $arena_size^ `)`)? (`lower_bound` `(` $arena_lower_bound^ `)`)?
    attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def GemRT_AllocOp : GemRT_Op<"alloc", [HasParent<"EntryOp">]> {
  let summary = "a buffer of the arena";
  let description = [{
    ```mlir
    %x = gemrt.alloc at(4096) : !gemrt.buffer<[n, 128], f32>
    ```

    Constraints:
    * (C1) `offset`, once planned, is a multiple of 64 and not negative.
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs GemRT_BufferType:$result);
  let assemblyFormat = "(`at` `(` $offset^ `)`)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def GemRT_GetConstantOp : GemRT_Op<"get_constant",
    [Pure, HasParent<"EntryOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a constant of the program";
  let description = [{
    ```mlir
    %w = gemrt.get_constant @w : !gemrt.constant<[39, 128], f32, panel_16>
    ```

    Constraints:
    * (C1) `constant` names a constant of the program, of the result's type.
  }];
  let arguments = (ins FlatSymbolRefAttr:$constant);
  let results = (outs GemRT_ConstantType:$result);
  let assemblyFormat = "$constant attr-dict `:` type($result)";
}

def GemRT_NoneOp : GemRT_Op<"none", [Pure, HasParent<"EntryOp">]> {
  let summary = "an optional operand that is absent";
  let description = [{
    ```mlir
    %none = gemrt.none
    ```
  }];
  let results = (outs GemRT_NoneType:$result);
  let assemblyFormat = "attr-dict";
  let builders = [
    OpBuilder<(ins), [{
      build($_builder, $_state, ::gem::rt::AbsentType::get($_builder.getContext()));
    }]>,
  ];
}

class GemRT_BindingOp<string mnemonic> : GemRT_Op<mnemonic, [HasParent<"EntryOp">]> {
  let hasVerifier = 1;
}

def GemRT_InputOp : GemRT_BindingOp<"input"> {
  let summary = "a buffer that the caller fills";
  let description = [{
    The runtime copies the caller's data into the buffer before the first call, after it
    checked integers against the range.

    ```mlir
    gemrt.input "ids" role(token_ids) range(0, 8191) %ids : !gemrt.buffer<[n], i32>
    ```

    Constraints:
    * (C1) an i32 buffer has a range with minimum <= maximum, another has none.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<Gem_RoleAttr>:$role, GemRT_BufferType:$buffer,
                       OptionalAttr<I32Attr>:$minimum, OptionalAttr<I32Attr>:$maximum);
  let assemblyFormat = [{
    $name (`role` `(` custom<EnumKeyword>($role)^ `)`)? (`range` `(` $minimum^ `,` $maximum `)`)?
    $buffer attr-dict `:` type($buffer)
  }];
}

def GemRT_OutputOp : GemRT_BindingOp<"output"> {
  let summary = "a buffer that the caller reads";
  let description = [{
    The buffer keeps its contents until the next run.

    ```mlir
    gemrt.output "logits" role(logits) %y : !gemrt.buffer<[39], f32>
    ```

    Constraints:
    * (C1) the buffer is written by a call.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<Gem_RoleAttr>:$role, GemRT_BufferType:$buffer);
  let assemblyFormat = [{
    $name (`role` `(` custom<EnumKeyword>($role)^ `)`)? $buffer attr-dict `:` type($buffer)
  }];
}

def GemRT_SubmitOp : GemRT_Op<"submit",
    [HasParent<"EntryOp">, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "calls that one driver executes in order";
  let description = [{
    ```mlir
    gemrt.submit cpu { ... }
    ```
  }];
  let arguments = (ins GemRT_DriverAttr:$driver);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<EnumKeyword>($driver) attr-dict-with-keyword $body";
}

def GemRT_CallOp : GemRT_Op<"call", [HasParent<"SubmitOp">, AttrSizedOperandSegments]> {
  let summary = "runs a kernel";
  let description = [{
    `kernel` is an attribute of this dialect that names a kernel and its parameters and
    says what operands it takes. `name` tells people which part of the model it computes.

    ```mlir
    gemrt.call #gemrt.add ins(%a, %b) outs(%y) {name = "residual"}
        : (!gemrt.buffer<[n, 8], f32>, !gemrt.buffer<[n, 8], f32>)
          -> (!gemrt.buffer<[n, 8], f32>)
    ```

    Constraints:
    * (C1) the operands are what the kernel takes.
    * (C2) an output is no constant, and no output is written twice.
    * (C3) an output is an input at the same time only where the kernel may work in
      place on that input.
  }];
  let arguments = (ins GemRT_KernelAttrInterface:$kernel,
                       Variadic<AnyTypeOf<[GemRT_BufferType, GemRT_ConstantType, GemRT_NoneType]>>:$inputs,
                       Variadic<AnyTypeOf<[GemRT_BufferType, GemRT_NoneType]>>:$outputs,
                       OptionalAttr<StrAttr>:$name);
  let assemblyFormat = [{
    $kernel `ins` `(` $inputs `)` `outs` `(` $outputs `)` attr-dict
    `:` `(` type($inputs) `)` `->` `(` type($outputs) `)`
  }];
  let hasVerifier = 1;
}

#endif // GEM_DIALECTS_GEMRT_GEMRTOPS_TD
