// Decides the element type each weight is stored in. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"

namespace gem {
#define GEN_PASS_DEF_ASSIGNWEIGHTFORMATSPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

struct AssignWeightFormats : gem::impl::AssignWeightFormatsPassBase<AssignWeightFormats> {
  using AssignWeightFormatsPassBase::AssignWeightFormatsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (format != "f32") {
      module.emitError("expected a weight format of f32, but got '") << format << "'";
      return signalPassFailure();
    }
    llvm::StringMap<RankedTensorType> stored;
    for (auto weight : module.getOps<WeightOp>()) {
      RankedTensorType type = weight.getWeightType();
      if (type.getElementType().isF32())
        continue;
      auto wide = RankedTensorType::get(type.getShape(), Float32Type::get(&getContext()));
      weight.setStored(wide);
      stored[weight.getSymName()] = wide;
    }
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) {
        if (RankedTensorType type = stored.lookup(get.getWeight()))
          get.getResult().setType(type);
      });
    if (stored.empty())
      markAllAnalysesPreserved();
  }
};

} // namespace
