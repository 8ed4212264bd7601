// Turns a model into a program of kernel calls. See Passes.td.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Conversion/KernelLowering.h"
#include "passes/Passes.h"

namespace gem {
#define GEN_PASS_DEF_CONVERTGEMTOGEMRTPASS
#include "passes/Passes.h.inc"
} // namespace gem

using namespace mlir;
using namespace gem;

namespace {

/// "encoder.layer.0.output.dense" of a location that names it.
StringRef nameOf(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName();
  return {};
}

using EmitError = function_ref<InFlightDiagnostic()>;

/// The buffer that holds a tensor. Null, after an error, when there is none.
rt::BufferType convertType(Type tensor, EmitError emitError) {
  auto type = dyn_cast<RankedTensorType>(tensor);
  if (!type) {
    emitError() << "expected a tensor, but got " << tensor;
    return {};
  }
  auto names = dyn_cast_or_null<DimsAttr>(type.getEncoding());
  SmallVector<Attribute> dims;
  Builder builder(type.getContext());
  for (unsigned dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      dims.push_back(builder.getI64IntegerAttr(type.getDimSize(dim)));
      continue;
    }
    if (!names) {
      emitError() << "expected #gem.dims to name the dynamic extents of " << type;
      return {};
    }
    dims.push_back(names.getSymbols()[type.getDynamicDimIndex(dim)]);
  }
  Type element = type.getElementType();
  if (element.isInteger(1)) // a flag takes a byte
    element = builder.getIntegerType(8, /*isSigned=*/false);
  return rt::BufferType::getChecked(emitError, type.getContext(), ArrayRef(dims), element);
}

/// Checks what the operations' own verifiers leave open and a program cannot do without.
LogicalResult verifyConvertible(func::FuncOp function) {
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitOpError("expected a body of one block");
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    if (!function.getArgAttr(index, kNameAttr))
      return function.emitOpError("expected argument #") << index << " to have a gem.name";
  for (unsigned index = 0; index < function.getNumResults(); ++index)
    if (!function.getResultAttr(index, kNameAttr))
      return function.emitOpError("expected result #") << index << " to have a gem.name";
  for (Type type : function.getArgumentTypes())
    if (!convertType(type, [&] { return function.emitOpError(); }))
      return failure();
  for (Operation &op : function.getBody().front())
    if (!isa<GetWeightOp>(op))
      for (Type type : op.getResultTypes())
        if (!convertType(type, [&] { return op.emitOpError(); }))
          return failure();
  return success();
}

/// Builds one entry from one function.
class EntryBuilder : public LoweringContext {
public:
  EntryBuilder(func::FuncOp function, rt::ProgramOp program, const KernelLowerings &lowerings)
      : function(function), program(program), lowerings(lowerings),
        declarations(program.getContext()), calls(program.getContext()) {}

  LogicalResult run() {
    OpBuilder builder = OpBuilder::atBlockEnd(&program.getBody().front());
    auto entry = builder.create<rt::EntryOp>(function.getLoc(), function.getSymName(),
                                             IntegerAttr(), IntegerAttr());
    declarations.setInsertionPointToEnd(&entry.getBody().emplaceBlock());
    auto submit = declarations.create<rt::SubmitOp>(function.getLoc(), rt::Driver::Cpu);
    calls.setInsertionPointToEnd(&submit.getBody().emplaceBlock());
    declarations.setInsertionPoint(submit);

    for (BlockArgument argument : function.getArguments())
      if (failed(bindInput(argument)))
        return failure();
    for (Operation &op : function.getBody().front().without_terminator())
      if (failed(lower(&op)))
        return failure();
    declarations.setInsertionPointAfter(submit);
    auto results = function.getBody().front().getTerminator()->getOperands();
    for (auto [index, result] : llvm::enumerate(results))
      if (failed(bindOutput(index, result)))
        return failure();
    return success();
  }

  Value lookup(Value value) override {
    if (!value) {
      if (!none)
        none = declarations.create<rt::NoneOp>(function.getLoc());
      return none;
    }
    return values.lookup(value);
  }

  Value allocate(Value result, bool isOptional) override {
    if (isOptional && result.use_empty())
      return lookup(Value());
    rt::BufferType type = convertType(result.getType(), [&] { return emitError(result.getLoc()); });
    Value buffer = declarations.create<rt::AllocOp>(result.getLoc(), type, IntegerAttr());
    values[result] = buffer;
    return buffer;
  }

  Value quantizedTokens(Value value) override {
    if (Value tokens = quantized.lookup(value))
      return tokens;
    Value x = lookup(value);
    Value tokens = allocateQuantizedTokens(value);
    calls.create<rt::CallOp>(value.getLoc(), rt::QuantizeTokensKernelAttr::get(calls.getContext()),
                             x, tokens, callName(value.getLoc()));
    return tokens;
  }

  Value allocateQuantizedTokens(Value result) override {
    rt::BufferType type = convertType(result.getType(), [&] { return emitError(result.getLoc()); });
    int64_t width = cast<IntegerAttr>(type.getDims().back()).getInt();
    Builder builder(type.getContext());
    SmallVector<Attribute> dims{
        type.getDims().front(),
        builder.getI64IntegerAttr(static_cast<int64_t>(format::TokenRowBytes(width)))};
    auto tokens =
        rt::BufferType::get(type.getContext(), dims, builder.getIntegerType(8, /*isSigned=*/false));
    Value buffer = declarations.create<rt::AllocOp>(result.getLoc(), tokens, IntegerAttr());
    quantized[result] = buffer;
    return buffer;
  }

  void call(Operation *source, Attribute kernel, ArrayRef<Value> inputs,
            ArrayRef<Value> outputs) override {
    calls.create<rt::CallOp>(source->getLoc(), cast<rt::KernelAttrInterface>(kernel), inputs,
                             outputs, callName(source->getLoc()));
  }

private:
  StringAttr callName(Location loc) {
    StringRef name = nameOf(loc);
    return name.empty() ? StringAttr() : calls.getStringAttr(name);
  }

  LogicalResult bindInput(BlockArgument argument) {
    unsigned index = argument.getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    auto role = function.getArgAttrOfType<RoleAttr>(index, kRoleAttr);
    Value buffer = allocate(argument, /*isOptional=*/false);
    IntegerAttr minimum, maximum;
    auto bufferType = cast<rt::BufferType>(buffer.getType());
    if (bufferType.getElementType().isInteger(32)) {
      auto [low, high] = rangeOf(argument, role);
      minimum = declarations.getI32IntegerAttr(low);
      maximum = declarations.getI32IntegerAttr(high);
    }
    declarations.create<rt::InputOp>(argument.getLoc(), name, role, buffer, minimum, maximum);
    return success();
  }

  /// What values of an integer argument make sense: ids index every table they look up,
  /// and a count is at least one and lies within what it counts.
  std::pair<int32_t, int32_t> rangeOf(BlockArgument argument, RoleAttr role) {
    int64_t low = role && role.getValue() == Role::TokenCount ? 1 : 0;
    int64_t high = std::numeric_limits<int32_t>::max();
    for (Operation *user : argument.getUsers()) {
      if (auto embedding = dyn_cast<EmbeddingOp>(user))
        high = std::min(high, embedding.getNumIds() - 1);
      if (auto attention = dyn_cast<AttentionOp>(user)) {
        low = 1;
        if (!attention.getK().getType().isDynamicDim(0))
          high = std::min(high, attention.getK().getType().getDimSize(0));
      }
    }
    return {static_cast<int32_t>(low), static_cast<int32_t>(high)};
  }

  LogicalResult bindOutput(unsigned index, Value result) {
    auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr);
    auto role = function.getResultAttrOfType<RoleAttr>(index, kRoleAttr);
    Value buffer = values.lookup(result);
    if (!buffer || isa<BlockArgument>(result) || !isa<rt::BufferType>(buffer.getType()))
      return function.emitOpError("expected result '")
             << (name ? name.getValue() : "?") << "' to be computed by the function";
    declarations.create<rt::OutputOp>(function.getLoc(), name, role, buffer);
    return success();
  }

  LogicalResult lower(Operation *op) {
    if (auto get = dyn_cast<GetWeightOp>(op)) {
      auto constant = SymbolTable::lookupNearestSymbolFrom<rt::ConstantOp>(
          program.lookupSymbol(get.getWeight()), get.getWeightAttr());
      values[get] = declarations.create<rt::GetConstantOp>(
          get.getLoc(), cast<rt::ConstantType>(constant.getType()), get.getWeight());
      return success();
    }
    const KernelLowerings::Lowering *lowering = lowerings.find(op);
    if (!lowering)
      return op->emitOpError("is computed by no kernel");
    return (*lowering)(op, *this);
  }

  func::FuncOp function;
  rt::ProgramOp program;
  const KernelLowerings &lowerings;
  OpBuilder declarations, calls;
  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Value, Value> quantized; ///< Buffers of quantized tokens.
  Value none;
};

struct ConvertGemToGemRT : gem::impl::ConvertGemToGemRTPassBase<ConvertGemToGemRT> {
  using ConvertGemToGemRTPassBase::ConvertGemToGemRTPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (Operation &op : module.getOps()) {
      if (!isa<gem::SymbolOp, WeightOp, TokenizerOp, func::FuncOp>(op)) {
        op.emitOpError("is no part of a model in the gem dialect");
        return signalPassFailure();
      }
      if (auto function = dyn_cast<func::FuncOp>(op);
          function && failed(verifyConvertible(function)))
        return signalPassFailure();
    }
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto program = builder.create<rt::ProgramOp>(
        module.getLoc(), "main", device, memoryLimit,
        cpuKernels.empty() ? StringAttr() : builder.getStringAttr(cpuKernels));
    builder.setInsertionPointToEnd(&program.getBody().emplaceBlock());

    for (auto symbol : module.getOps<gem::SymbolOp>())
      builder.create<rt::SymbolOp>(symbol.getLoc(), symbol.getSymName(), symbol.getMinimum(),
                                   symbol.getMaximum());
    if (failed(convertSegments(module, builder)))
      return signalPassFailure();
    KernelLowerings lowerings = getStandardLowerings();
    for (auto function : module.getOps<func::FuncOp>())
      if (failed(EntryBuilder(function, program, lowerings).run()))
        return signalPassFailure();
    for (Operation &op : llvm::make_early_inc_range(module.getOps()))
      if (&op != program)
        op.erase();
  }

  LogicalResult convertSegments(ModuleOp module, OpBuilder &builder) {
    auto weights = module.getOps<WeightOp>();
    // The names of the model's parts become names of the program's.
    std::string segment = "weights";
    while (module.lookupSymbol(segment))
      segment += "_";
    if (!weights.empty())
      builder.create<rt::SegmentOp>(module.getLoc(), segment, rt::SegmentKind::Weights,
                                    ElementsAttr(), IntegerAttr(), IntegerAttr());
    for (auto tokenizer : module.getOps<TokenizerOp>())
      builder.create<rt::SegmentOp>(tokenizer.getLoc(), tokenizer.getSymName(),
                                    rt::SegmentKind::Tokenizer, tokenizer.getData(),
                                    tokenizer.getPadIdAttr(), tokenizer.getMaximumTokensAttr());
    for (auto weight : weights) {
      RankedTensorType type = weight.getWeightType();
      Type element = type.getElementType();
      if (!element.isF32() && !element.isF16() && !element.isUnsignedInteger(16) &&
          !isa<QuantizedType>(element))
        return weight.emitOpError("expected to be stored in f32, f16 or quantized, but got ")
               << type << ": run gem-assign-weight-formats first";
      auto constant =
          rt::ConstantType::getChecked([&] { return weight.emitOpError(); }, &getContext(),
                                       type.getShape(), type.getElementType(), weight.getLayout());
      if (!constant)
        return failure();
      builder.create<rt::ConstantOp>(weight.getLoc(), weight.getSymName(), segment,
                                     weight.getValue(), constant, IntegerAttr());
    }
    return success();
  }
};

} // namespace
