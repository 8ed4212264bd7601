// Facts about operations that passes ask for, so that none switches on op names.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_DIALECTS_GEM_GEMINTERFACES_TD
#define GEM_DIALECTS_GEM_GEMINTERFACES_TD

include "mlir/IR/OpBase.td"

def Gem_CostOpInterface : OpInterface<"CostOpInterface"> {
  let description = [{
    What an operation costs, with its dynamic extents bound.
  }];
  let cppNamespace = "::gem";
  let methods = [
    InterfaceMethod<[{
      Multiply-accumulates for the given extents of the symbols. Attention counts
      both of its products over all pairs of tokens, permitted or not.
    }], "int64_t", "getMacs", (ins "const ::gem::SymbolSizes &":$sizes)>,
  ];
}

def Gem_WeightUserOpInterface : OpInterface<"WeightUserOpInterface"> {
  let description = [{
    Which operands are weights, and how each is read: that decides the formats and
    layouts it may be stored in.
  }];
  let cppNamespace = "::gem";
  let methods = [
    InterfaceMethod<[{
      The weight operands that are present, in operand order.
    }], "::llvm::SmallVector<::gem::WeightUse>", "getWeightUses", (ins)>,
  ];
}

def Gem_TokenwiseOpInterface : OpInterface<"TokenwiseOpInterface"> {
  let description = [{
    Row i of the single result needs only row i of some operands, so that an
    operation of which one row is read can be computed for that row alone.
  }];
  let cppNamespace = "::gem";
  let methods = [
    InterfaceMethod<[{
      The operands of which the result's row i reads only row i. The other
      operands are read whole.
    }], "::llvm::SmallVector<unsigned>", "getTokenwiseOperands", (ins)>,
    InterfaceMethod<[{
      Adjusts `sliced`, a copy of this operation that got only row `row` of each
      tokenwise operand and a result of one row.
    }], "void", "setSlicedRow", (ins "::mlir::Operation *":$sliced, "int64_t":$row),
    /*methodBody=*/"", /*defaultImplementation=*/"return;">,
  ];
}

def Gem_RouterOpInterface : OpInterface<"RouterOpInterface"> {
  let description = [{
    The axes of an operation's operands that the router's decisions run along.
    Removing an entry of such an axis, or storing it less precisely, can change
    which tokens are routed or what they may attend to.
  }];
  let cppNamespace = "::gem";
  let methods = [
    InterfaceMethod<[{
      The router-relevant axes, in operand order.
    }], "::llvm::SmallVector<::gem::RouterAxis>", "getRouterAxes", (ins)>,
  ];
}

def Gem_ChannelOpInterface : OpInterface<"ChannelOpInterface"> {
  let description = [{
    How the channels (the columns) of the single result come from the operands, for an
    operation that keeps channels, or groups of them, apart. Channels can be removed from
    its result by removing them from the operands.

    An operation whose every result channel depends on all channels of an operand and on no
    axis of a weight, such as a layer norm, does not implement this: nothing can be removed
    from what it reads or gives.
  }];
  let cppNamespace = "::gem";
  let methods = [
    InterfaceMethod<[{
      How each operand relates to the result's channels, in operand order. An operand that
      is not listed has no channels: a number of tokens, a routing decision.
    }], "::llvm::SmallVector<::gem::ChannelUse>", "getChannelUses", (ins)>,
    InterfaceMethod<[{
      Groups of neighbouring channels that stay apart as wholes: the heads of an attention.
      0 where every channel does by itself.
    }], "int64_t", "getNumChannelGroups", (ins), /*methodBody=*/"",
    /*defaultImplementation=*/"return 0;">,
    InterfaceMethod<[{
      Adjusts attributes and the result's type once the operands have `groups` times
      `width` channels; without groups, as many channels as the product.
    }], "void", "setChannelGroups", (ins "int64_t":$groups, "int64_t":$width),
    /*methodBody=*/"", /*defaultImplementation=*/[{
      ::gem::setNumChannels($_op->getResult(0), groups * width);
    }]>,
  ];
}

#endif // GEM_DIALECTS_GEM_GEMINTERFACES_TD
