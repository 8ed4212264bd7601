// Enumerations of the gemrt dialect, with the schema's values.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEMRT_GEMRTENUMS_TD
#define GEM_DIALECTS_GEMRT_GEMRTENUMS_TD

include "mlir/IR/EnumAttr.td"

def GemRT_Driver : I32EnumAttr<"Driver", "who executes a submission", [
    I32EnumAttrCase<"Cpu", 1, "cpu">]> {
  let cppNamespace = "::gem::rt";
  let genSpecializedAttr = 0;
}

def GemRT_SegmentKind : I32EnumAttr<"SegmentKind", "what a segment holds", [
    I32EnumAttrCase<"Weights", 1, "weights">,
    I32EnumAttrCase<"Tokenizer", 2, "tokenizer">]> {
  let cppNamespace = "::gem::rt";
  let genSpecializedAttr = 0;
}

#endif // GEM_DIALECTS_GEMRT_GEMRTENUMS_TD
