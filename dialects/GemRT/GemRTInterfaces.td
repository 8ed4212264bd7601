// What a kernel is to the passes that do not care which it is.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_GEMRTINTERFACES_TD
#define GEM_DIALECTS_GEMRT_GEMRTINTERFACES_TD

include "mlir/IR/OpBase.td"

def GemRT_KernelAttrInterface : AttrInterface<"KernelAttrInterface"> {
  let description = [{
    A kernel with its parameters, as `gemrt.call` names it. The runtime's contract of
    the same kernel (docs/artifact-format.md) is checked again when a bundle is
    loaded.
  }];
  let cppNamespace = "::gem::rt";
  let methods = [
    InterfaceMethod<[{
      Checks the operand types of a call. `inputs` and `outputs` hold buffer, constant
      or none types.
    }], "::llvm::LogicalResult", "verifyCall",
    (ins "::mlir::TypeRange":$inputs, "::mlir::TypeRange":$outputs,
         "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<[{
      The inputs whose memory output `output` may take over, being read no later than
      the same element is written.
    }], "::llvm::SmallVector<unsigned>", "getInPlaceInputs", (ins "unsigned":$output),
    /*methodBody=*/"", /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
      What a call with operands of these types takes, with the extents of the symbols
      given. Attention counts every pair of tokens, permitted or not.
    }], "::gem::rt::KernelCost", "getCost",
    (ins "::mlir::TypeRange":$inputs, "::mlir::TypeRange":$outputs,
         "const ::gem::SymbolSizes &":$sizes)>,
  ];
}

#endif // GEM_DIALECTS_GEMRT_GEMRTINTERFACES_TD
